import type { Rows } from './rows.ts'

/**
 * How well what the area lacks since some day is what one meter shows less since that day, when only the registers of midnight are read
 * (日冻结). Thirty equations cannot hold a hundred customers apart by the course of their days, and in autumn whose use grows looks like whose
 * share is missing. What is left is the coincidence of two steps: the area's unexplained energy rises, this meter's falls against its
 * neighbours', on the same day and by no more than that.
 */
export interface StepMatch {
  /** First day after the step. */
  readonly onset: number
  /** Ranking figure, 0 = nothing: fall over its error, weighed by how sure the area's step is. */
  readonly score: number
  /** Fall of the meter against its neighbours, and rise of what the area lacks, kWh a day. */
  readonly fall: number
  readonly rise: number
}

/** Days on each side of a step that are compared. */
const SIDE_DAYS = 14
const FEWEST_BEFORE = 4
const FEWEST_AFTER = 3
/** Errors of neighbouring days are alike: a mean knows less than its number of days says. */
const ALIKE = 1.6
/** A rise of less is weather. */
const LEAST_SIGMAS = 1.5
/** Beyond this a step is sure; more adds nothing. */
const SURE_SIGMAS = 12
/** Added to a use before its logarithm is taken, kWh a day: a standby more or less is no change. */
const STANDBY_KWH = 0.3
/** How far a customer's course departs from his neighbours' over weeks. */
const COURSE_SHARE = 0.05

const median = (values: number[]): number => {
  values.sort((a, b) => a - b)
  return values[values.length >> 1] ?? Number.NaN
}

/** Robust error of a day from the steps between neighbouring days. */
const dayError = (values: readonly number[]): number => {
  const steps = values.slice(1).flatMap((value, at) => {
    const step = Math.abs(value - values[at]!)
    return Number.isNaN(step) ? [] : [step]
  })
  return median(steps) / 0.6745 / Math.SQRT2
}

interface Days {
  /** kWh a day, NaN where it was not read. */
  readonly use: readonly (readonly number[])[]
  readonly error: readonly number[]
  /** How the neighbourhood's use went, as a logarithm against each one's own median. */
  readonly common: readonly number[]
  readonly lacks: readonly number[]
  /** Of what the area lacks: 1 / variance. */
  readonly weight: readonly number[]
}

const daysOf = (rows: Rows): Days => {
  const use = rows.use.map((values, meter) =>
    Array.from(values, (kw, row) => ((rows.guessed[meter]?.[row] ?? 0) > 0 ? Number.NaN : kw * rows.hours)),
  )
  const logs = use.map((values) => values.map((kwh) => Math.log(kwh + STANDBY_KWH)))
  const own = logs.map((values) => median(values.filter((value) => !Number.isNaN(value))))
  const common = Array.from({ length: rows.count }, (_, row) => {
    const here = logs.flatMap((values, meter) => {
      const departs = values[row]! - own[meter]!
      return Number.isNaN(departs) ? [] : [departs]
    })
    return here.length > 0 ? median(here) : 0
  })
  const lacks = Array.from(rows.unexplained, (kw) => kw * rows.hours)
  const noise = Math.max(1e-6, dayError(lacks))
  const weight = Array.from(rows.variance, (square) => 1 / (noise * noise + square * rows.hours * rows.hours))
  return { use, error: use.map((values) => 0.1 + dayError(values)), common, lacks, weight }
}

const meanBetween = (values: readonly number[], from: number, to: number): { readonly mean: number; readonly count: number } => {
  let sum = 0
  let count = 0
  for (let at = from; at < to; at++) {
    const value = values[at]!
    if (Number.isNaN(value)) continue
    sum += value
    count++
  }
  return { mean: sum / count, count }
}

/** Rise of what the area lacks at a row, with its error. */
const riseAt = ({ lacks, weight }: Days, from: number, at: number, to: number): { readonly rise: number; readonly error: number } => {
  const sums = { before: 0, after: 0, weightBefore: 0, weightAfter: 0 }
  for (let row = from; row < at; row++) {
    sums.before += weight[row]! * lacks[row]!
    sums.weightBefore += weight[row]!
  }
  for (let row = at; row < to; row++) {
    sums.after += weight[row]! * lacks[row]!
    sums.weightAfter += weight[row]!
  }
  const error = ALIKE * Math.sqrt(1 / sums.weightBefore + 1 / sums.weightAfter)
  return { rise: sums.after / sums.weightAfter - sums.before / sums.weightBefore, error }
}

/**
 * The best matching step of every meter.
 *
 * @param rows  daily rows
 * @returns     one a meter in their order; null = its use falls with no rise of what the area lacks
 */
export const stepMatches = (rows: Rows): readonly (StepMatch | null)[] => {
  const days = daysOf(rows)
  const best: (StepMatch | null)[] = days.use.map(() => null)
  for (let at = FEWEST_BEFORE; at + FEWEST_AFTER <= rows.count; at++) {
    const [from, to] = [Math.max(0, at - SIDE_DAYS), Math.min(rows.count, at + SIDE_DAYS)]
    const { rise, error } = riseAt(days, from, at, to)
    const sigmas = rise / error
    if (!(sigmas >= LEAST_SIGMAS)) continue
    const course = Math.exp(meanBetween(days.common, at, to).mean - meanBetween(days.common, from, at).mean)
    for (const [meter, use] of days.use.entries()) {
      const before = meanBetween(use, from, at)
      const after = meanBetween(use, at, to)
      if (before.count < FEWEST_BEFORE || after.count < FEWEST_AFTER) continue
      const fall = before.mean * course - after.mean
      const own = ALIKE * days.error[meter]! * Math.sqrt(1 / before.count + 1 / after.count) + COURSE_SHARE * before.mean
      // Who falls by more than the area lacks has moved out, or saves: the energy is not lost.
      const beyond = Math.max(0, fall - rise) / Math.hypot(own, error)
      const score = Math.sqrt(Math.min(sigmas, SURE_SIGMAS)) * Math.max(0, fall / own) * Math.exp(-0.5 * beyond * beyond)
      if (score > (best[meter]?.score ?? 0)) best[meter] = { onset: rows.day[at]!, score, fall, rise }
    }
  }
  return best
}
