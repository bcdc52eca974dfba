import { createHash } from 'node:crypto'
import { qualityNames } from '../core/index.ts'
import type { BillingEndView, BillingEnergyPointView, BillingFigureView, BillingPointView } from './billing-read-deps.ts'
import { iso, isoOrNull } from './routes/common.ts'

/** Instants and qualities that come again and again, register after register: each is written out once. */
const remembered = <T>(write: (given: number) => T): ((given: number) => T) => {
  const known = new Map<number, T>()
  return (given) => {
    let found = known.get(given)
    if (found === undefined) {
      if (known.size > 1000) known.clear()
      found = write(given)
      known.set(given, found)
    }
    return found
  }
}
const instant = remembered(iso)
const qualities = remembered(qualityNames)

const figureJson = (figure: BillingFigureView) => {
  const { register, unit, value, ratio, storedRatio, primary, meter, source, quality, measuredAt, receivedAt, evidence } = figure
  return {
    ...{ register, unit, value, ratio, ...(storedRatio === undefined ? {} : { storedRatio }), primary, meter, source },
    ...{ quality: qualities(quality), measuredAt: instant(measuredAt), receivedAt: instant(receivedAt) },
    evidence: evidence && { id: evidence.id, kind: evidence.kind, sha256: evidence.sha256 },
  }
}

export const billingPointJson = ({ point, area, customer, meter, state, registers, missing, holds }: BillingPointView, at: number) => ({
  ...{ point, at: iso(at), area, customer, meter, state },
  registers: registers.map((register) => ({
    ...figureJson(register),
    ...{ state: register.state, version: register.version, releasedAt: isoOrNull(register.releasedAt) },
    pending: register.pending && figureJson(register.pending),
  })),
  missing: [...missing],
  holds: holds.map(({ reason, text }) => ({ reason, text })),
})

const endJson = (end: BillingEndView | null) => end && { ...end, measuredAt: iso(end.measuredAt) }

export const billingEnergyJson = ({ registers, holds, ...point }: BillingEnergyPointView) => ({
  ...point,
  registers: registers.map(({ start, end, segments, reasons, ...register }) => ({
    ...register,
    ...{ start: endJson(start), end: endJson(end), reasons: [...reasons] },
    segments: segments.map((segment) => ({ ...segment, from: iso(segment.from), to: iso(segment.to) })),
  })),
  holds: holds.map((hold) => ({ ...hold, at: iso(hold.at) })),
})

interface Line {
  readonly point: string
  readonly state: string
  readonly holds: readonly { readonly reason: string }[]
}

/**
 * One line a point, and a last one with the counts, the digest of all lines before it and `"complete": true`.
 *
 * @param asked  points asked for by name
 */
export async function* withSummary<Item extends Line>(
  pieces: AsyncIterable<readonly Item[]>,
  json: (item: Item) => object,
  question: Readonly<Record<string, string>>,
  asked: readonly string[],
): AsyncGenerator<string, void> {
  const hash = createHash('sha256')
  const states: Record<string, number> = { released: 0, provisional: 0, held: 0, withdrawn: 0 }
  const reasons: Record<string, number> = {}
  const left = new Set(asked)
  let points = 0
  for await (const piece of pieces) {
    let text = ''
    for (const item of piece) {
      points++
      left.delete(item.point)
      states[item.state] = (states[item.state] ?? 0) + 1
      if (item.state !== 'released')
        for (const reason of new Set(item.holds.map((hold) => hold.reason))) reasons[reason] = (reasons[reason] ?? 0) + 1
      text += `${JSON.stringify(json(item))}\n`
    }
    hash.update(text)
    if (text !== '') yield text
  }
  const summary = { ...question, points, states, reasons, notBilled: [...left], sha256: hash.digest('hex'), complete: true }
  yield `${JSON.stringify({ summary })}\n`
}
