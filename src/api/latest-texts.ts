import type { Reading } from '../core/index.ts'
import type { PointView } from './deps.ts'
import { type ReadingView, readingTexts } from './reading-json.ts'

/** What stood in an answer about a point, and what it was made of. */
interface Kept {
  readonly readings: readonly Reading[]
  /** Registers that were asked for. */
  readonly wanted: string
  readonly text: string
  readonly name: string
  readonly area: string
  readonly head: string
}

/** Longer ones are made anew: of a site they would be tens of megabytes. */
const MOST_CHARACTERS = 1_000
/** Points of the largest site there may be. */
const MOST_POINTS = 50_000

/**
 * Texts of the newest readings of points, which are asked for again and again: each is kept as long as nothing newer comes and the same
 * registers are asked for, 20,000 with one register each in about 25 MB.
 */
export const latestTexts = () => {
  const all = new Map<string, Kept>()
  return (view: ReadingView): LatestText => {
    const wanted = view.wanted === null ? '' : [...view.wanted].join()
    const textOf = readingTexts(view)
    return ({ id, area }, name, readings) => {
      const known = all.get(id)
      const isHead = known?.name === name && known.area === area
      const isText = known?.readings === readings && known.wanted === wanted
      if (isHead && isText) return known.head + known.text
      const head = isHead ? known.head : `${JSON.stringify({ point: id, name, area }).slice(0, -1)},"readings":[`
      const text = isText ? known.text : `${readings.map(textOf).join(',')}]}`
      if (text.length > MOST_CHARACTERS) all.delete(id)
      else if (known || all.size < MOST_POINTS) all.set(id, { readings, wanted, text, name, area, head })
      return head + text
    }
  }
}

/** A point with its newest readings as JSON. @param name  as it is shown to whoever asks */
export type LatestText = (point: Pick<PointView, 'id' | 'area'>, name: string, readings: readonly Reading[]) => string
