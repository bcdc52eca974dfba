import type { AreaFrame, MeterColumns } from '../frame.ts'
import { median, quantile, timeOf } from './shared.ts'

/**
 * A time in which a place was used far less than before, its voltage being there.
 * `absent`: fridge and standby only, flat all day (vacation, 度假); `vacant`: next to nothing (空置); `reduced`: less, in the shape of before
 * (a tenant left, 租户搬走): the register alone cannot tell that from a meter that counts a part.
 */
export interface Absence {
  readonly what: 'absent' | 'vacant' | 'reduced'
  /** Indices into the days of the frame, the last one included. */
  readonly firstDay: number
  readonly lastDay: number
  readonly from: number
  /** Null = goes on. */
  readonly to: number | null
  readonly kwhPerDay: number
  /** Median of the days at home before it, kWh a day. */
  readonly beforeKwhPerDay: number
  /** Share of samples with voltage; NaN = none was read. */
  readonly voltageShare: number
}

export interface AbsenceLimits {
  /** Fridge and standby use no more a day, kWh: 0.3 to 1.5 a fridge, 5 to 60 W the rest. */
  readonly floorKwh: number
  /** At most this share of the days before. */
  readonly share: number
  /** Below it nothing is on, kWh a day. */
  readonly vacantKwh: number
  /** Slots of more than this many times the day's mean are use of somebody; the share of them that may be. */
  readonly peak: number
  readonly peakShare: number
  readonly minDays: number
}

export const ABSENCE_LIMITS: AbsenceLimits = { floorKwh: 4, share: 0.35, vacantKwh: 0.1, peak: 3, peakShare: 0.03, minDays: 2 }

/** kWh of each day of the frame; NaN where less than three quarters of its slots are known. */
export const dailyKwh = (frame: AreaFrame, of: MeterColumns, firstDay = 0): Float64Array => {
  const days = new Float64Array(frame.days.length).fill(Number.NaN)
  for (let day = firstDay; day < days.length; day++) {
    const [from, to] = [frame.dayStarts[day] ?? 0, frame.dayStarts[day + 1] ?? 0]
    let sum = 0
    let known = 0
    for (let slot = from; slot < to; slot++) {
      const energy = of.imp[slot]!
      if (Number.isNaN(energy)) continue
      sum += energy
      known++
    }
    if (known >= 0.75 * (to - from)) days[day] = (sum * (to - from)) / known
  }
  return days
}

const isFlat = (frame: AreaFrame, of: MeterColumns, day: number, kwh: number, limits: AbsenceLimits): boolean => {
  const [from, to] = [frame.dayStarts[day] ?? 0, frame.dayStarts[day + 1] ?? 0]
  // A step of the register is no peak.
  const peak = Math.max((limits.peak * kwh) / (to - from), 0.021 * of.fact.multiplier)
  let above = 0
  for (let slot = from; slot < to; slot++) if (of.imp[slot]! > peak) above++
  return above <= limits.peakShare * (to - from)
}

const voltageShareOf = (of: MeterColumns, nominalV: number, from: number, to: number): number => {
  const u = of.u[0]
  let live = 0
  let read = 0
  for (let slot = from; u && slot < to; slot++) {
    if (Number.isNaN(u[slot]!)) continue
    read++
    if (u[slot]! > 0.5 * nominalV) live++
  }
  return read === 0 ? Number.NaN : live / read
}

/**
 * Absences of one metering point in the window, oldest first.
 *
 * Two kinds of days are looked for: below the floor and flat (`absent`, `vacant`), and, when neither fits, a lasting step down in which the
 * shape stays (`reduced`): five days or more below 60 % of the median of ten days before, to the end of the window.
 */
export const absencesOf = (
  frame: AreaFrame,
  of: MeterColumns,
  days = dailyKwh(frame, of),
  limits: AbsenceLimits = ABSENCE_LIMITS,
): readonly Absence[] => {
  // Days at home: the upper ones, so that a long absence does not become the norm.
  const home = quantile(days, 0.85)
  const found: Absence[] = []
  const give = (what: Absence['what'], firstDay: number, lastDay: number, kwhPerDay: number, beforeKwhPerDay: number) => {
    const [first, end] = [frame.dayStarts[firstDay] ?? 0, frame.dayStarts[lastDay + 1] ?? 0]
    found.push({
      what,
      firstDay,
      lastDay,
      from: timeOf(frame, first),
      to: lastDay === days.length - 1 ? null : timeOf(frame, end),
      kwhPerDay,
      beforeKwhPerDay,
      voltageShare: voltageShareOf(of, frame.fact.nominalV, first, end),
    })
  }
  let start = -1
  let last = -1
  const isLow = (day: number) => {
    const kwh = days[day]!
    if (kwh <= limits.vacantKwh) return home > 1
    return kwh <= limits.floorKwh && kwh <= limits.share * home && isFlat(frame, of, day, kwh, limits)
  }
  for (let day = 0; day <= days.length; day++) {
    const kwh = days[day] ?? Number.NaN
    // A day nobody read neither begins nor ends one.
    if (day < days.length && Number.isNaN(kwh)) continue
    if (day < days.length && isLow(day)) {
      if (start < 0) start = day
      last = day
      continue
    }
    if (start >= 0 && last - start + 1 >= limits.minDays) {
      const inside = days.slice(start, last + 1)
      const mean = median(inside)
      give(mean <= limits.vacantKwh ? 'vacant' : 'absent', start, last, mean, median(days.slice(Math.max(0, start - 14), start)) || home)
    }
    start = -1
  }
  if (found.length === 0) {
    const step = stepDown(days)
    if (step) give('reduced', step.day, days.length - 1, step.after, step.before)
  }
  return found
}

/** The day from which on use is lower to the end: the split at which the medians of both sides fit best (least absolute deviations). */
const stepDown = (days: Float64Array): { readonly day: number; readonly before: number; readonly after: number } | null => {
  let best: { day: number; before: number; after: number; misfit: number } | null = null
  for (let day = 7; day <= days.length - 5; day++) {
    const [head, tail] = [days.slice(0, day), days.slice(day)]
    const [before, after] = [median(head), median(tail)]
    if (!(after <= 0.6 * before)) continue
    let misfit = 0
    for (let at = 0; at < days.length; at++) misfit += Math.abs(days[at]! - (at < day ? before : after)) || 0
    if (!best || misfit < best.misfit) best = { day, before: median(days.slice(Math.max(0, day - 10), day)), after, misfit }
  }
  if (!best) return null
  const { day, before, after } = best
  // Nearly all days after lie below nearly all of the days just before: otherwise it is weather or chance.
  const head = days.slice(Math.max(0, day - 10), day)
  const tail = days.slice(day)
  const low = head.filter((kwh) => kwh <= after).length
  const high = tail.filter((kwh) => kwh >= before).length
  return after <= 0.6 * before && low <= 0.15 * head.length && high <= 0.15 * tail.length ? best : null
}

/**
 * Whether what the place no longer uses turned up as loss of the area: then it is not an absence but use that is not counted.
 *
 * @param residualKwh  unexplained loss of the area, kWh a day, one for each day of the frame; NaN = not known
 * @returns            rise of the residual over the drop of use: about 0 absence, about 1 theft; null = cannot be told
 */
export const residualShare = (absence: Absence, residualKwh: ArrayLike<number>): number | null => {
  const inside: number[] = []
  const before: number[] = []
  for (let day = absence.firstDay; day <= absence.lastDay; day++) inside.push(residualKwh[day] ?? Number.NaN)
  for (let day = Math.max(0, absence.firstDay - 14); day < absence.firstDay; day++) before.push(residualKwh[day] ?? Number.NaN)
  const drop = absence.beforeKwhPerDay - absence.kwhPerDay
  const rise = median(inside) - median(before)
  return drop > 0 && Number.isFinite(rise) ? rise / drop : null
}
