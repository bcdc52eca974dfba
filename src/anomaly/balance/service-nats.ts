import type { HiddenOf } from './hidden.ts'
import type { Rows } from './rows.ts'
import type { Candidate } from './scan.ts'

/**
 * What the customer's own service cable says of a claim that he takes power past his meter, in nats.
 *
 * The drop over the cable that only he uses shows the whole current, the meter only its part. The difference, learnt without any energy, is held
 * hour by hour against the power the balance would have him take: the same speaks for it, nothing where something must show speaks against it.
 */
export type ServiceNats = (one: Candidate, size: number) => number

/** Share of the claimed power that resistance and balance may be wrong by. */
const MODEL_ERROR = 0.3
/** Hours that follow each other err alike, and honest cables drift: so many rows are worth one. */
const ROWS_FOR_ONE = 4
/** One kind of evidence decides no case alone. */
export const MOST_NATS = 60
/** Beyond this a cable that should show the claimed power does not. Honest claims lose up to half of it by what models of cables lack. */
export const REFUTED = -30
/** An onset in the first days of what is learnt from is learnt as usual. */
const FEWEST_DAYS_BEFORE = 5

export const serviceNats =
  (rows: Rows, hidden: HiddenOf): ServiceNats =>
  ({ shape, meter, values, onset }, size) => {
    if (meter < 0 || shape === 'foreign' || size <= 0 || onset < FEWEST_DAYS_BEFORE) return 0
    const seen = hidden(meter)
    if (!seen) return 0
    const before = levelOf(seen.kw, 0, Math.min(rows.dayRows[onset]!, rows.dayRows[seen.learntDays]!))
    let nats = 0
    for (let row = rows.dayRows[onset]!; row < rows.count; row++) {
      const claimed = size * values[row]!
      if (claimed === 0) continue
      const variance = seen.variance + (MODEL_ERROR * claimed) ** 2
      nats += (claimed * (seen.kw[row]! - before) - (claimed * claimed) / 2) / variance
    }
    return Math.max(-MOST_NATS, Math.min(MOST_NATS, nats / ROWS_FOR_ONE))
  }

const levelOf = (values: Float64Array, from: number, to: number): number => {
  let sum = 0
  for (let row = from; row < to; row++) sum += values[row]!
  return to > from ? sum / (to - from) : 0
}
