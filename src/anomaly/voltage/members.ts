import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { AreaView } from '../view.ts'
import { lastDays, swingsOf } from './follow.ts'
import { areaSwings, fitsOf, MEMBERSHIP_MARGIN } from './membership.ts'

/** A voltage that follows its own gateway as well as this is not looked for elsewhere. */
const AT_HOME = 0.8
/** Days for the first look, and for the comparison. */
const FIRST_DAYS = 3
const DAYS = 5

/** Area by voltage of each meter of `of` that is better off elsewhere. */
const strayed = (of: AreaFrame, frames: readonly AreaFrame[]): ReadonlyMap<string, string> => {
  const home = swingsOf(of, lastDays(of, FIRST_DAYS), of.slots)
  const out = new Map<string, string>()
  if (!home || frames.length < 2 || !of.meters.some(({ u }) => u.some((column) => column !== null))) return out
  const areas = areaSwings(frames, DAYS)
  for (const meter of of.meters) {
    const first = fitsOf(meter, [{ frame: of, swings: home }])[0]
    if (!first || first.correlation >= AT_HOME) continue
    const fits = fitsOf(meter, areas)
    const own = fits.find(({ area }) => area === of.fact.id)
    const [best] = fits
    if (own && best && best.correlation - own.correlation >= MEMBERSHIP_MARGIN) out.set(meter.fact.id, best.area)
  }
  return out
}

interface Looked {
  /** Held weakly: a neighbour lives longer than the area it was looked at for. */
  readonly frames: WeakSet<AreaFrame>
  readonly count: number
  readonly strayed: ReadonlyMap<string, string>
}

/** Of frames that were looked at: the same frames give the same answer, and three rules of each area ask on each day. */
const looked = new WeakMap<AreaFrame, Looked>()

const strayedOf = (of: AreaFrame, frames: readonly AreaFrame[]): ReadonlyMap<string, string> => {
  const before = looked.get(of)
  if (before && before.count === frames.length && frames.every((frame) => before.frames.has(frame))) return before.strayed
  const now = strayed(of, frames)
  looked.set(of, { frames: new WeakSet(frames), count: frames.length, strayed: now })
  return now
}

/**
 * Meters that hang in the area of `view.frame` by what their voltages say, whatever the ledger believes: its own without those that fit
 * another area better by the margin, and those of the neighbours that fit here. Meters fed elsewhere by an earlier finding are left out too.
 */
export const membersOf = (view: Pick<AreaView, 'frame' | 'neighbours' | 'doubts'>): readonly MeterColumns[] => {
  const { frame, neighbours, doubts } = view
  const frames = [frame, ...neighbours]
  const elsewhere = new Set(doubts.flatMap(({ id, what }) => (what === 'not-here' ? [id] : [])))
  const away = strayedOf(frame, frames)
  return [
    ...frame.meters.filter(({ fact }) => !elsewhere.has(fact.id) && !away.has(fact.id)),
    ...neighbours.flatMap((of) => {
      const from = strayedOf(of, frames)
      return of.meters.filter(({ fact }) => from.get(fact.id) === frame.fact.id)
    }),
  ]
}
