import type { AreaView } from '../view.ts'
import { type ServiceEvidence, serviceEvidence } from '../voltage/service.ts'
import type { Rows } from './rows.ts'
import type { Candidate } from './scan.ts'

/**
 * What the customer's own service cable says of a claim that he takes power past his meter, in nats.
 *
 * The drop over the cable that only he uses shows the whole current, the meter only its part. The difference, learnt without any energy, is held
 * against the power the balance would have him take: about the same speaks for it, nothing where something must show speaks against it.
 */
export type ServiceNats = (one: Candidate, size: number) => number

/** Honest customers show steps of up to 14 standard errors (loose clamps, voltmeters that drift with temperature): the error is taken so much larger. */
const HONEST = 4
/** Share of the claimed power that resistance and balance may be wrong by. */
const MODEL_ERROR = 0.25
/** One kind of evidence decides no case alone. */
export const MOST_NATS = 25
const FEWEST_DAYS_BEFORE = 3

export const serviceNats = (view: AreaView, rows: Rows): ServiceNats => {
  const of = (id: string): ServiceEvidence | null =>
    serviceEvidence(view.frame, view.phases, { doubts: view.doubts, ids: new Set([id]) }).at(-1) ?? null
  return ({ shape, meter, values, onset }, size) => {
    const fact = view.frame.meters[meter]?.fact
    if (!fact || shape === 'foreign' || shape === 'lighting' || shape === 'constant' || size <= 0 || rows.channel === 'daily') return 0
    if (onset < FEWEST_DAYS_BEFORE || view.frame.days.length < 10) return 0
    const service = of(fact.id)
    if (!service) return 0
    const [before, after] = [meanOf(service.dailyKw, 0, onset), meanOf(service.dailyKw, onset, service.dailyKw.length)]
    if (!before || !after) return 0
    let claimed = 0
    for (let row = rows.dayRows[onset]!; row < rows.count; row++) claimed += size * values[row]!
    claimed /= Math.max(1, rows.count - rows.dayRows[onset]!)
    const error = Math.hypot(HONEST * Math.sqrt(before.variance / before.days + before.variance / after.days), MODEL_ERROR * claimed)
    const seen = after.mean - before.mean
    const nats = (claimed * seen - (claimed * claimed) / 2) / (error * error)
    return Math.max(-MOST_NATS, Math.min(MOST_NATS, nats))
  }
}

const meanOf = (
  daily: Float64Array,
  from: number,
  to: number,
): { readonly mean: number; readonly variance: number; readonly days: number } | null => {
  let sum = 0
  let squares = 0
  let days = 0
  for (let day = from; day < to; day++) {
    const kw = daily[day]!
    if (Number.isNaN(kw)) continue
    sum += kw
    squares += kw * kw
    days++
  }
  if (days === 0) return null
  const mean = sum / days
  return { mean, variance: Math.max(1e-6, squares / days - mean * mean), days }
}
