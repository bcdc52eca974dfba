import type { AreaFrame, MeterColumns, Phase } from '../frame.ts'
import { swingsOf } from './follow.ts'
import { type DayLag, lagOf, type Pair, pairsOf } from './lags.ts'
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

const estimates = (frame: AreaFrame, pairs: readonly Pair[], from: number, days: number, far: boolean): DayLag[] => {
  const out: DayLag[] = []
  for (let end = frame.days.length; end - days >= from; end -= days) {
    const [first, last] = [frame.dayStarts[end - days] ?? 0, frame.dayStarts[end] ?? 0]
    out.unshift({ day: end - days, ...lagOf(pairs, first, last, frame.stepMs, far ? FAR : undefined) })
  }
  return out
}

/** Course of one meter's clock against the gateway's; null when its voltages follow the gateway at no lag. */
const courseOf = (frame: AreaFrame, meter: MeterColumns, pairs: readonly Pair[]): ClockCourse | null => {
  const newest = Math.max(0, frame.days.length - NEWEST)
  for (const days of [1, 3, 7]) {
    if (days > frame.days.length) break
    const recent = estimates(frame, pairs, newest, days, days === 7)
    const told = recent.filter(({ minutes }) => !Number.isNaN(minutes))
    if (recent.length === 0 || told.length < TOLD * recent.length) continue
    const older: DayLag[] = []
    let off = told.some(({ minutes }) => Math.abs(minutes) > PROBE_MINUTES)
    for (let day = newest - days; day >= 0 && !off; day -= PROBE * days) {
      const probe = { day, ...lagOf(pairs, frame.dayStarts[day] ?? 0, frame.dayStarts[day + days] ?? 0, frame.stepMs) }
      off = Math.abs(probe.minutes) > PROBE_MINUTES
    }
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
  return meters.flatMap((meter) => courseOf(frame, meter, pairsOf(frame, meter, placesOf(meter, phases), swings)) ?? [])
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
  const isOff = (one: DayLag | undefined, limit: number, side: number) => one !== undefined && one.minutes * side >= limit
  const [last = Number.NaN, before = Number.NaN] = weekly(told, dayCount)
  const slow = Math.abs(last) >= limits.slowMinutes && last * before > 0 && Math.abs(before) >= limits.slowMinutes
  let end = told.length - 1
  let limit = limits.jumpMinutes
  if (slow) limit = limits.slowMinutes
  else {
    while (
      end > 0 &&
      !(isOff(told[end], limit, Math.sign(told[end]?.minutes ?? 0)) && isOff(told[end - 1], limit, Math.sign(told[end]?.minutes ?? 0)))
    )
      end--
    if (end <= 0) return null
  }
  const side = slow ? Math.sign(last) : Math.sign(told[end]?.minutes ?? 0)
  // Back to where it was less than half off: twice in a row, so that one bad day does not cut it.
  const half = Math.abs(slow ? last : (told[end]?.minutes ?? 0)) / 2
  const isJump = !slow || Math.abs(last - before) < limits.slowMinutes / 2
  const floor = Math.max(limits.slowMinutes / 2, isJump ? half : 0)
  let start = end
  while (start > 0 && (isOff(told[start - 1], floor, side) || isOff(told[start - 2], floor, side))) start--
  while (start < end && !isOff(told[start], floor, side)) start++
  const run = told.slice(start, end + 1)
  const tail = median(run.slice(-3).map(({ minutes }) => minutes))
  const slope = slopeOf(run)
  // A drift is one whose line explains more than half of what it is off by.
  const drifts = run.length >= 5 && Math.abs(slope) * (run.length * days) > Math.abs(tail) / 2 && slope * tail > 0
  const first = run[0]?.day ?? 0
  const zero = drifts ? Math.max(0, Math.floor((run.at(-1)?.day ?? 0) - tail / slope)) : first
  return {
    from: drifts ? Math.min(first, zero) : first,
    to: end === told.length - 1 ? null : (told[end]?.day ?? 0) + days,
    minutes: drifts ? tail : median(run.map(({ minutes }) => minutes)),
    secondsPerDay: drifts ? slope * 60 : 0,
    steps: drifts
      ? run.map(({ day, minutes }) => ({ day, minutes }))
      : [{ day: first, minutes: median(run.map(({ minutes }) => minutes)) }],
    count: run.length,
    correlation: median(run.map(({ correlation }) => correlation)),
  }
}

/** Median of the slopes between estimates half a run apart, minutes a day (Theil and Sen, thinned). */
const slopeOf = (run: readonly DayLag[]): number => {
  const half = run.length >> 1
  if (half === 0) return 0
  return median(
    run.slice(half).flatMap((late, index) => {
      const early = run[index]
      return early && late.day > early.day ? [(late.minutes - early.minutes) / (late.day - early.day)] : []
    }),
  )
}
