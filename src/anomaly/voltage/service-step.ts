import type { AreaFrame } from '../frame.ts'
import { median } from './linear.ts'

/** The day from which on a customer's unexplained drop is another one. */
export interface ServiceStep {
  /** Index into `days`: first day on the other level. */
  readonly day: number
  /** Hours in which the step is clearest: all of the day, or those of a night bypass (22 to 6 h). */
  readonly when: 'day' | 'night'
  /** Mean over those hours since then less mean before: kW and volt. */
  readonly kw: number
  readonly volts: number
  /** The same over its error; the error is that of daily means, so neighbouring slots need not be independent. 5 and more is not chance. */
  readonly sigmas: number
  /** Share of the step that follows the customer's own current (0 = does not): a shunt or a partial bypass follows it, an appliance before the meter or another voltmeter does not. */
  readonly withOwnUse: number
  /** Mean since the step by hour of the day (first slot of the day = 0 h), kW: night bypass, street light, always. */
  readonly hours: readonly number[]
  /** Spread of the slots since the step over that before. About 1 with a step in volts: another voltmeter (an exchange), not a load. */
  readonly unrest: number
}

/** Daily means scatter at least so much, volt: drift of voltmeters, temperature of the wires. */
const LEAST_NOISE = 0.01

/** Fewest slots for a daily mean: a third of the day. */
const SLOTS_OF_DAY = 32

/** Hours between which people sleep and nobody looks at a meter. */
const EVENING = 22
const MORNING = 6

/** Mean of each day, or of each day's night hours; NaN = too little known. */
export const dailyOf = (frame: AreaFrame, values: Float32Array, night = false): Float64Array => {
  const out = new Float64Array(frame.days.length)
  const perHour = 3_600_000 / frame.stepMs
  for (let day = 0; day < out.length; day++) {
    let sum = 0
    let count = 0
    const start = frame.dayStarts[day]!
    const end = frame.dayStarts[day + 1]!
    const morning = night ? start + MORNING * perHour : end
    const evening = night ? start + EVENING * perHour : end
    for (let slot = start; slot < end; slot++) {
      if (slot >= morning && slot < evening) continue
      const value = values[slot]!
      if (Number.isNaN(value)) continue
      sum += value
      count++
    }
    out[day] = count >= (night ? SLOTS_OF_DAY / 2 : SLOTS_OF_DAY) ? sum / count : Number.NaN
  }
  return out
}

/** What is left over of one customer's drop, slot by slot. */
export interface Series {
  readonly hiddenKw: Float32Array
  readonly volts: Float32Array
  readonly own: Float32Array
  readonly ohmError: number
}

/** The step of the day's means or, where it is clearly better to see, of the nights'. */
export const clearest = (frame: AreaFrame, series: Series): ServiceStep | null => {
  const [day, night] = [stepOf(frame, series, 'day'), stepOf(frame, series, 'night')]
  const step = clearer(day, night)
  if (!step) return null
  const { told, at, volts, sigmas } = step
  const dailyKw = dailyOf(frame, series.hiddenKw, step === night)
  const mean = (days: readonly number[]) => days.reduce((sum, one) => sum + (dailyKw[one] ?? 0), 0) / days.length
  const first = told[at] ?? 0
  return {
    day: first,
    when: step === night ? 'night' : 'day',
    kw: mean(told.slice(at)) - mean(told.slice(0, at)),
    volts,
    sigmas,
    ...shapeOf(frame, series, first),
  }
}

/** `sigmas` of the clearest step alone; 0 when there is none. */
export const sigmasOf = (frame: AreaFrame, series: Pick<Series, 'volts' | 'own' | 'ohmError'>): number =>
  clearer(stepOf(frame, series, 'day'), stepOf(frame, series, 'night'))?.sigmas ?? 0

/** Of two looks at the same days the second must be clearly better to be believed. */
const clearer = (day: Step | null, night: Step | null): Step | null =>
  night && (!day || night.sigmas > 1.5 * Math.abs(day.sigmas)) ? night : day

/** Fewest days before a step. */
const BEFORE = 4

/** Where the days divide best. */
interface Step {
  /** Days of which enough is known, and the place in them of the first one on the other level. */
  readonly told: readonly number[]
  readonly at: number
  readonly volts: number
  readonly sigmas: number
}

const stepOf = (frame: AreaFrame, series: Pick<Series, 'volts' | 'own' | 'ohmError'>, when: ServiceStep['when']): Step | null => {
  const night = when === 'night'
  const dailyV = dailyOf(frame, series.volts, night)
  const told: number[] = []
  for (let day = 0; day < dailyV.length; day++) if (!Number.isNaN(dailyV[day]!)) told.push(day)
  if (told.length <= BEFORE) return null
  // Noise of a daily mean from differences of neighbouring days: a step spoils only one of them.
  const differences = told.slice(1).map((day, at) => Math.abs((dailyV[day] ?? 0) - (dailyV[told[at] ?? 0] ?? 0)))
  const noise = Math.max(LEAST_NOISE, (1.4826 * median(differences)) / Math.SQRT2)
  const ownDaily = dailyOf(frame, series.own, night).map((ampere) => (Number.isNaN(ampere) ? 0 : ampere))
  const ownTotal = told.reduce((sum, day) => sum + (ownDaily[day] ?? 0), 0)
  let best: Step | null = null
  let before = 0
  let ownBefore = 0
  const total = told.reduce((sum, day) => sum + (dailyV[day] ?? 0), 0)
  for (const [at, day] of told.entries()) {
    if (at >= BEFORE) {
      const rest = told.length - at
      const volts = (total - before) / rest - before / at
      // Use of his own that has grown, over a resistance that was hardly learnt while he was away.
      const unlearnt = series.ohmError * Math.abs((ownTotal - ownBefore) / rest - ownBefore / at)
      const sigmas = volts / Math.hypot(noise * Math.sqrt(1 / at + 1 / rest), unlearnt)
      if (!best || Math.abs(sigmas) > Math.abs(best.sigmas)) best = { told, at, volts, sigmas }
    }
    before += dailyV[day] ?? 0
    ownBefore += ownDaily[day] ?? 0
  }
  return best
}

const shapeOf = (frame: AreaFrame, { hiddenKw, volts, own }: Series, day: number): Pick<ServiceStep, 'withOwnUse' | 'hours' | 'unrest'> => {
  const start = frame.dayStarts[day] ?? 0
  const perHour = Math.round(3_600_000 / frame.stepMs)
  const hours = new Float64Array(24)
  const counts = new Float64Array(24)
  for (let late = day; late < frame.days.length; late++)
    for (let slot = frame.dayStarts[late] ?? 0; slot < (frame.dayStarts[late + 1] ?? 0); slot++) {
      const value = hiddenKw[slot] ?? Number.NaN
      const hour = Math.floor((slot - (frame.dayStarts[late] ?? 0)) / perHour) % 24
      if (Number.isNaN(value)) continue
      hours[hour] = (hours[hour] ?? 0) + value
      counts[hour] = (counts[hour] ?? 0) + 1
    }
  let n = 0
  let x = 0
  let y = 0
  let xx = 0
  let xy = 0
  let squares = 0
  for (let slot = start; slot < frame.slots; slot++) {
    const volt = volts[slot] ?? Number.NaN
    const ampere = own[slot] ?? Number.NaN
    if (Number.isNaN(volt + ampere)) continue
    n++
    x += ampere
    y += volt
    xx += ampere * ampere
    xy += ampere * volt
    squares += volt * volt
  }
  let m = 0
  let sum = 0
  let square = 0
  for (let slot = 0; slot < start; slot++) {
    const volt = volts[slot] ?? Number.NaN
    if (Number.isNaN(volt)) continue
    m++
    sum += volt
    square += volt * volt
  }
  const after = n > 0 ? squares / n - (y / n) ** 2 : Number.NaN
  const prior = m > 0 ? square / m - (sum / m) ** 2 : Number.NaN
  const vary = n > 0 ? xx / n - (x / n) ** 2 : 0
  const slope = vary > 0 ? (xy / n - (x / n) * (y / n)) / vary : 0
  return {
    withOwnUse: y !== 0 ? Math.max(0, Math.min(1, (slope * x) / y)) : 0,
    hours: [...hours.keys()].map((hour) => ((counts[hour] ?? 0) > 0 ? (hours[hour] ?? 0) / (counts[hour] ?? 1) : Number.NaN)),
    unrest: prior > 0 ? Math.sqrt(after / prior) : Number.NaN,
  }
}
