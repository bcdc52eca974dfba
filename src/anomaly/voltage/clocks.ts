import type { AreaFrame, MeterColumns, Phase } from '../frame.ts'
import { swingsOf } from './follow.ts'
import { type DayLag, lagOf, type Pair, pairRoom, pairsOf } from './lags.ts'
import { median } from './linear.ts'
import { placesOf } from './phases.ts'

/** A meter's clock over a window, as its voltages show it. */
export interface ClockCourse {
  readonly meter: MeterColumns
  /** Estimates, oldest first; each stands for the days up to the next one. */
  readonly lags: readonly DayLag[]
  /** Days one estimate rests on: 1 where the voltages follow the gateway's well, else 3 or 7. */
  readonly days: number
}

/** Newest days that are looked at one by one; older ones are probed, and looked at in full where a probe is off. */
const NEWEST = 14
const PROBE = 4
/** Minutes beyond which a probe has the whole window looked at. */
const PROBE_MINUTES = 10
/** Slots each way when a meter does not follow within two hours: a wrong time zone. */
const FAR = 40
/** Share of the estimates that must be told for a window length to serve. */
const TOLD = 0.7
/** With more of them untold a window length is given up. */
const MOST_UNTOLD = Math.floor((1 - TOLD) * NEWEST)

const estimates = (
  frame: AreaFrame,
  pairs: readonly Pair[],
  from: number,
  days: number,
  far: boolean,
  untold = Number.POSITIVE_INFINITY,
): DayLag[] => {
  const out: DayLag[] = []
  let missed = 0
  for (let end = frame.days.length; end - days >= from; end -= days) {
    const [first, last] = [frame.dayStarts[end - days] ?? 0, frame.dayStarts[end] ?? 0]
    const lag = lagOf(pairs, first, last, frame.stepMs, far ? FAR : undefined)
    out.unshift({ day: end - days, ...lag })
    if (Number.isNaN(lag.minutes) && ++missed > untold) break
  }
  return out
}

/** Newest days without a lag that are asked for a far one: as many as make a finding. */
const FAR_DAYS = 2
/** Minutes by which two far lags may differ and be one clock: half an interval. */
const SAME = 7.5

/**
 * Estimates of single days of which the newest are untold because the clock jumped by hours: they are looked for far off, when the newest two agree
 * on where. Null: it is not that.
 */
const withFarEnd = (frame: AreaFrame, pairs: readonly Pair[], from: number, near: readonly DayLag[]): DayLag[] | null => {
  const isUntold = ({ minutes }: DayLag): boolean => Number.isNaN(minutes)
  if (near.length < FAR_DAYS || !near.slice(-FAR_DAYS).every(isUntold)) return null
  const end = frame.days.length
  const far = (day: number): DayLag => ({
    day,
    ...lagOf(pairs, frame.dayStarts[day] ?? 0, frame.dayStarts[day + 1] ?? 0, frame.stepMs, FAR),
  })
  const [one, other] = [far(end - 1), far(end - 2)]
  if (!(Math.abs(one.minutes - other.minutes) <= SAME)) return null
  const out: DayLag[] = []
  let isEnd = true
  for (let day = end - 1; day >= from; day--) {
    const lag = { day, ...lagOf(pairs, frame.dayStarts[day] ?? 0, frame.dayStarts[day + 1] ?? 0, frame.stepMs) }
    isEnd &&= isUntold(lag)
    out.unshift(isEnd ? far(day) : lag)
  }
  return out
}

/** Course of one meter's clock against the gateway's; null when its voltages follow the gateway at no lag. */
const courseOf = (frame: AreaFrame, meter: MeterColumns, pairs: readonly Pair[]): ClockCourse | null => {
  const newest = Math.max(0, frame.days.length - NEWEST)
  for (const days of [1, 3, 7]) {
    if (days > frame.days.length) break
    const near = estimates(frame, pairs, newest, days, days === 7, MOST_UNTOLD)
    const farEnd = days === 1 ? withFarEnd(frame, pairs, newest, near) : null
    const recent = farEnd ?? near
    const told = recent.filter(({ minutes }) => !Number.isNaN(minutes))
    if (recent.length === 0 || told.length < TOLD * recent.length) continue
    const older: DayLag[] = []
    let off = told.some(({ minutes }) => Math.abs(minutes) > PROBE_MINUTES)
    for (let day = newest - days; day >= 0 && !off; day -= PROBE * days) {
      const probe = { day, ...lagOf(pairs, frame.dayStarts[day] ?? 0, frame.dayStarts[day + days] ?? 0, frame.stepMs) }
      off = Math.abs(probe.minutes) > PROBE_MINUTES
    }
    if (farEnd) return { meter, lags: [...estimates(frame, pairs, 0, days, false).filter(({ day }) => day < newest), ...farEnd], days }
    return { meter, lags: off ? estimates(frame, pairs, 0, days, days === 7) : [...older, ...recent], days }
  }
  return null
}

/** Courses of all meters of an area. */
export const clockCourses = (
  frame: AreaFrame,
  meters: readonly MeterColumns[],
  phases: Readonly<Record<string, Phase>>,
): readonly ClockCourse[] => {
  const swings = swingsOf(frame, 0, frame.slots)
  if (!swings) return []
  const room = pairRoom(swings)
  return meters.flatMap((meter) => courseOf(frame, meter, pairsOf(frame, meter, placesOf(meter, phases), swings, room)) ?? [])
}

/** A stretch of days on which a clock is off. */
export interface ClockFault {
  /** First and last day, indices; `to` null = it still is. */
  readonly from: number
  readonly to: number | null
  /** Minutes ahead now, or at the end. */
  readonly minutes: number
  /** Seconds a day it goes on; 0 = it jumped. */
  readonly secondsPerDay: number
  /** Mean of each estimate, for those that shift series back. */
  readonly steps: readonly { readonly day: number; readonly minutes: number }[]
  /** Estimates beyond the limit. */
  readonly count: number
  readonly correlation: number
}

/** Limits of {@link clockFaultOf}, minutes. */
export interface ClockLimits {
  /** Two neighbouring short windows. */
  readonly jumpMinutes: number
  /** Two neighbouring weeks. */
  readonly slowMinutes: number
}

const WEEK = 7

/** Estimates pooled over weeks that end with the newest: a slow clock shows there first. */
const weekly = (lags: readonly DayLag[], lastDay: number): readonly number[] => {
  const out: number[] = []
  for (let end = lastDay; end > 0; end -= WEEK) {
    const of = lags.filter(({ day, minutes }) => day >= end - WEEK && day < end && !Number.isNaN(minutes)).map(({ minutes }) => minutes)
    out.push(of.length >= 3 ? median(of) : Number.NaN)
  }
  return out
}

/** The newest fault a course shows, or null: two estimates in a row beyond the limit and on the same side. */
export const clockFaultOf = ({ lags, days }: ClockCourse, dayCount: number, limits: ClockLimits): ClockFault | null => {
  const told = lags.filter(({ minutes }) => !Number.isNaN(minutes))
  const minutesAt = (at: number): number => told[at]?.minutes ?? 0
  const [last = Number.NaN, before = Number.NaN] = weekly(told, dayCount)
  const isSlow = Math.min(Math.abs(last), Math.abs(before)) >= limits.slowMinutes && last * before > 0
  let end = told.length - 1
  if (!isSlow) {
    const isJump = (at: number) =>
      Math.min(Math.abs(minutesAt(at)), Math.abs(minutesAt(at - 1))) >= limits.jumpMinutes && minutesAt(at) * minutesAt(at - 1) > 0
    while (end > 0 && !isJump(end)) end--
    if (end <= 0) return null
  }
  // A clock that was set right since: only what was before that is looked at.
  const shape = shapeOf(told.slice(0, end + 1))
  const run = told.slice(shape.start, end + 1)
  return {
    from: shape.day,
    to: end === told.length - 1 ? null : (told[end]?.day ?? 0) + days,
    minutes: shape.minutes,
    secondsPerDay: shape.perDay * 60,
    steps:
      shape.perDay === 0
        ? [{ day: shape.day, minutes: shape.minutes }]
        : run.map(({ day }) => ({ day, minutes: shape.minutes - shape.perDay * ((run.at(-1)?.day ?? 0) - day) })),
    count: run.length,
    correlation: median(run.map(({ correlation }) => correlation)),
  }
}

interface Shape {
  /** Index of the first estimate that is off, and its day. */
  readonly start: number
  readonly day: number
  readonly minutes: number
  /** Minutes a day; 0 = a jump. */
  readonly perDay: number
}

/** A jump (nothing, then so much) or a drift (nothing, then a little more every day): whichever leaves less, a drift by a clear margin. */
const shapeOf = (told: readonly DayLag[]): Shape => {
  let jump = { start: 0, left: Number.POSITIVE_INFINITY, value: 0 }
  let drift = { start: 0, left: Number.POSITIVE_INFINITY, value: 0 }
  const length = told.length
  const day = (at: number): number => told[at]?.day ?? 0
  const squares = (from: number, to: number, of: (one: DayLag) => number): number => {
    let sum = 0
    for (const one of told.slice(from, to)) sum += of(one) ** 2
    return sum
  }
  for (let start = 0; start < length - 1; start++) {
    const tail = told.slice(start)
    const before = squares(0, start, ({ minutes }) => minutes)
    const value = tail.reduce((sum, { minutes }) => sum + minutes, 0) / tail.length
    const left = before + squares(start, length, ({ minutes }) => minutes - value)
    if (left < jump.left) jump = { start, left, value }
    // The line is zero one estimate before it starts; days count from there.
    const origin = start > 0 ? day(start - 1) : day(0) - 1
    let xx = 0
    let xy = 0
    for (const one of tail) {
      xx += (one.day - origin) ** 2
      xy += (one.day - origin) * one.minutes
    }
    const slope = xx > 0 ? xy / xx : 0
    const over = before + squares(start, length, (one) => one.minutes - slope * (one.day - origin))
    if (over < drift.left) drift = { start, left: over, value: slope }
  }
  // Three estimates say nothing of a slope; and a line has the same number of free values, so the smaller rest decides.
  if (length - drift.start >= 5 && drift.left < 0.8 * jump.left) {
    const origin = drift.start > 0 ? day(drift.start - 1) : day(0) - 1
    return { start: drift.start, day: day(drift.start), minutes: drift.value * (day(length - 1) - origin), perDay: drift.value }
  }
  return { start: jump.start, day: day(jump.start), minutes: jump.value, perDay: 0 }
}
