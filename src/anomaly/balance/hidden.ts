import type { AreaView } from '../view.ts'
import { hiddenPower } from '../voltage/service.ts'
import type { Rows } from './rows.ts'
import { type Candidate, gainOf, type Judged } from './scan.ts'

/** What flows behind a customer's service cable and past his meter, as the voltages alone show it. */
export interface Hidden {
  /** kW in each row; single rows are noisy, 0 where no voltage was read. */
  readonly kw: Float64Array
  /** The same where it stands out of that noise. */
  readonly calm: Float64Array
  /** Variance of a row while nothing was taken, kW². */
  readonly variance: number
  /** Days it was learnt from: of a theft that began in them it knows too little. */
  readonly learntDays: number
}

export type HiddenOf = (meter: number) => Hidden | null

/** Volts are rounded to a tenth and currents to a hundredth: no cable shows power better than this, kW. */
const LEAST_KW = 0.03

/** Each customer is looked at once, and only when somebody asks. */
export const hiddenOf = (view: AreaView, rows: Rows): HiddenOf => {
  const known = new Map<number, Hidden | null>()
  return (meter) => {
    const before = known.get(meter)
    if (before !== undefined) return before
    const made = rows.channel === 'daily' ? null : lookAt(view, rows, meter)
    known.set(meter, made)
    return made
  }
}

const lookAt = (view: AreaView, rows: Rows, meter: number): Hidden | null => {
  const column = view.frame.meters[meter]
  const service = column ? hiddenPower(view.frame, column, view.phases, view.doubts) : null
  if (!service) return null
  const { rowOf, slotsOf } = rows
  const kw = new Float64Array(rows.count)
  const read = new Float64Array(rows.count)
  for (let slot = 0; slot < rowOf.length; slot++) {
    const value = service.hiddenKw[slot]!
    const row = rowOf[slot]!
    if (row < 0 || Number.isNaN(value)) continue
    kw[row]! += value
    read[row]! += 1
  }
  let known = 0
  for (let row = 0; row < kw.length; row++) {
    const share = read[row]! / slotsOf[row]!
    if (share < 0.5) kw[row] = 0
    else {
      kw[row] = kw[row]! / slotsOf[row]! / share
      known++
    }
  }
  if (known < 0.7 * kw.length) return null
  const learnt = kw.subarray(0, rows.dayRows[service.learntDays]!)
  let sum = 0
  for (const value of learnt) sum += value * value
  const variance = Math.max(LEAST_KW ** 2, sum / Math.max(1, learnt.length))
  const calm = new Float64Array(kw.length)
  for (let row = 0; row < calm.length; row++) {
    const value = kw[row]!
    calm[row] = (value * value * value) / (value * value + variance)
  }
  return { kw, calm, variance, learntDays: service.learntDays }
}

/** What the cable shows may differ from what the balance lacks by errors of its resistance and of single voltages: coefficients believed. */
const LEAST_SIZE = 0.5
const MOST_SIZE = 1.7

/** Before it there is nothing to have learnt from. */
const MIN_ONSET = 5

/**
 * Customers whose cables show just when and about how much the area lacks. The coefficient is known beforehand to be about one, so it is sought from
 * there, with tails so heavy that hours in which others act as well do not hide it.
 */
export const byHidden = (hidden: HiddenOf, judged: Judged, noise: number, asked: readonly number[] | null = null): Candidate[] => {
  const { rows } = judged
  if (rows.days <= MIN_ONSET) return []
  const meters = asked ?? rows.use.map((_, meter) => meter)
  return meters.flatMap((meter) => {
    const seen = hidden(meter)
    if (!seen) return []
    const blur = seen.variance
    const { gain, onset, size } = gainOf(judged, noise, { values: seen.calm, onset: MIN_ONSET, size: 1, blur })
    if (gain <= 0 || size < LEAST_SIZE || size > MOST_SIZE || meanSince(rows, seen.calm, onset) <= 0) return []
    return [{ shape: 'drop', meter, values: seen.calm, onset: Math.max(MIN_ONSET, onset), size, explained: 0, evidence: gain, blur }]
  })
}

const meanSince = ({ dayRows, count }: Rows, values: Float64Array, onset: number): number => {
  let sum = 0
  for (let row = dayRows[onset]!; row < count; row++) sum += values[row]!
  return sum / Math.max(1, count - dayRows[onset]!)
}
