import type { MeterTime } from '../core/index.ts'
import { ordinalOf, timeOfOrdinal } from '../core/wall-time.ts'

/**
 * The rules of clocks (时钟管理), and nothing else: what a drift means, when a clock may be touched, and how far. Every time is passed in.
 */

/** Of whom a clock is: a concentrator is a terminal and has the narrower target. */
export type ClockKind = 'meter' | 'concentrator'

/**
 * `fair`: beyond the target after a setting and within the limit at which something is done. `no-clock`: the model has none that can be
 * read. `faulty`: set twice in a month and still far off.
 */
export const CLOCK_STATES = ['good', 'fair', 'off', 'far-off', 'faulty', 'unknown', 'no-clock'] as const
export type ClockState = (typeof CLOCK_STATES)[number]

const SECOND = 1000
const MINUTE = 60_000
const DAY = 86_400_000

/** Target after a setting. @source requirements of Chinese utilities, as quoted by the trade press: terminal 5 s, meter 10 s */
export const TARGET_MS: Readonly<Record<ClockKind, number>> = { meter: 10 * SECOND, concentrator: 5 * SECOND }
/** Beyond this a clock is set from afar. @source 国网[营销/4]384-2014, clock of terminals: more than 1 min, less than 15 min */
export const OFF_MS = MINUTE
/** Beyond this a person decides. @source the same */
export const FAR_OFF_MS = 15 * MINUTE
/** Two settings within a month and still more than this: the clock is faulty. @source the same */
export const FAULTY_MS = 5 * MINUTE
export const FAULTY_SETS = 2
export const FAULTY_WITHIN_MS = 31 * DAY
/** Most that a meter lets a broadcast correct. @source DL/T 645-2007, broadcast time; from secondary sources */
export const BROADCAST_MOST_MS = 5 * MINUTE
/** A quartz of the class asked for gains or loses no more in a day. @source requirements of Chinese utilities, as quoted by the trade press */
export const RATE_LIMIT_MS = 500
/** Shorter histories say nothing about a rate: two readings of whole seconds would make a second a day of nothing. */
export const RATE_SPAN_MS = 3 * DAY

/** Local times nothing may touch a clock, half-widths in milliseconds. Our choice: meters freeze on the hour and at midnight. */
export interface ClockLimits {
  readonly nearHourMs: number
  readonly nearMidnightMs: number
}
export const CLOCK_LIMITS: ClockLimits = { nearHourMs: 5 * MINUTE, nearMidnightMs: 30 * MINUTE }

/** One reading of a clock. */
export interface ClockPoint {
  readonly at: number
  readonly driftMs: number
  readonly uncertaintyMs: number
}

/** The part of a drift that is there for sure. */
const sure = ({ driftMs, uncertaintyMs }: ClockPoint): number => Math.max(0, Math.abs(driftMs) - uncertaintyMs)

/**
 * What a drift means.
 *
 * @param settings  when the clock was set with success, any order
 */
export const clockState = (kind: ClockKind, point: ClockPoint | null, settings: readonly number[] = []): ClockState => {
  if (!point) return 'unknown'
  const size = Math.abs(point.driftMs)
  const recent = settings.filter((at) => at <= point.at && point.at - at <= FAULTY_WITHIN_MS)
  if (recent.length >= FAULTY_SETS && sure(point) > FAULTY_MS) return 'faulty'
  if (sure(point) > FAR_OFF_MS) return 'far-off'
  if (sure(point) > OFF_MS) return 'off'
  return size <= TARGET_MS[kind] && point.uncertaintyMs <= TARGET_MS[kind] ? 'good' : 'fair'
}

/** Daily drift (日计时误差). */
export interface ClockRate {
  /** Milliseconds gained in a day; negative = it loses. */
  readonly msPerDay: number
  readonly uncertaintyMs: number
  readonly spanMs: number
  /** More than {@link RATE_LIMIT_MS} for sure. */
  readonly isOver: boolean
}

/**
 * How fast a clock runs away: between the first and the last reading since it was last set.
 *
 * @param history  ascending
 * @returns        null when they lie too near to each other to say
 */
export const clockRate = (history: readonly ClockPoint[], settings: readonly number[] = []): ClockRate | null => {
  const since = Math.max(Number.NEGATIVE_INFINITY, ...settings)
  const own = history.filter(({ at }) => at > since)
  const [first, last] = [own[0], own.at(-1)]
  if (!first || !last || last.at - first.at < RATE_SPAN_MS) return null
  const spanMs = last.at - first.at
  const perDay = (ms: number) => Math.round((ms * DAY) / spanMs)
  const msPerDay = perDay(last.driftMs - first.driftMs)
  const uncertaintyMs = perDay(first.uncertaintyMs + last.uncertaintyMs)
  return { msPerDay, uncertaintyMs, spanMs, isOver: Math.abs(msPerDay) - uncertaintyMs > RATE_LIMIT_MS }
}

/** Milliseconds since local midnight, from the label of the wall clock. */
const timeOfDay = ({ hour, minute, second }: Pick<MeterTime, 'hour' | 'minute' | 'second'>): number =>
  ((hour * 60 + minute) * 60 + second) * SECOND

const nearest = (value: number, step: number): number => Math.min(value % step, step - (value % step))

/** Why a wall-clock time is none to touch a clock at; null = it may be. */
export const isNear = (time: MeterTime, { nearHourMs, nearMidnightMs }: ClockLimits): 'midnight' | 'hour' | null => {
  const ms = timeOfDay(time)
  if (nearest(ms, DAY) < nearMidnightMs) return 'midnight'
  return nearest(ms, 60 * MINUTE) < nearHourMs ? 'hour' : null
}

/** What a correction would make a meter skip or repeat. */
export type Crossing = 'midnight' | 'hour' | null

/** Why a clock is not set now. */
export interface NotNow {
  readonly why: 'near-midnight' | 'near-hour' | 'meter-near-midnight' | 'meter-near-hour' | 'crosses-midnight' | 'crosses-hour'
}

/**
 * Whether a clock may be set at a moment: neither our time, which becomes the meter's, nor the time it shows may be near an hour or
 * midnight, and between the two there may be no hour and no midnight: the meter would freeze twice, or not at all.
 *
 * @param now       our wall-clock time
 * @param driftMs   meter − ours
 * @param accepted  what a person accepts to be crossed, because this drift crosses it at every time of the day
 */
export const mayCorrect = (now: MeterTime, driftMs: number, limits: ClockLimits, accepted: Crossing = null): NotNow | null => {
  const near = isNear(now, limits)
  if (near) return { why: near === 'hour' ? 'near-hour' : 'near-midnight' }
  const ours = ordinalOf(now)
  const shown = ours + driftMs
  const theirs = isNear(timeOfOrdinal(shown), limits)
  if (theirs) return { why: theirs === 'hour' ? 'meter-near-hour' : 'meter-near-midnight' }
  const crosses = (step: number) => Math.floor(ours / step) !== Math.floor(shown / step)
  if (crosses(DAY) && accepted !== 'midnight') return { why: 'crosses-midnight' }
  if (crosses(60 * MINUTE) && accepted === null) return { why: 'crosses-hour' }
  return null
}

/** What a drift of this size crosses whenever it is corrected; null = there is a time of day at which it crosses nothing. */
export const mustCross = (driftMs: number, { nearHourMs, nearMidnightMs }: ClockLimits): Crossing => {
  const size = Math.abs(driftMs)
  if (size > DAY - 2 * nearMidnightMs) return 'midnight'
  return size > 60 * MINUTE - 2 * nearHourMs ? 'hour' : null
}

/** Whether a broadcast may be sent: every meter it can move, by at most {@link BROADCAST_MOST_MS}, stays clear of hour and midnight. */
export const mayBroadcast = (now: MeterTime, limits: ClockLimits): NotNow | null => {
  const near = isNear(now, {
    nearHourMs: limits.nearHourMs + BROADCAST_MOST_MS,
    nearMidnightMs: limits.nearMidnightMs + BROADCAST_MOST_MS,
  })
  return near && { why: near === 'hour' ? 'near-hour' : 'near-midnight' }
}

/** How far ahead {@link nextAllowed} looks, and its step. */
const LOOK_AHEAD_MS = 26 * 60 * MINUTE
const STEP_MS = MINUTE
/** Offsets of zones change at quarters of an hour. */
const QUARTER_MS = 15 * MINUTE

/**
 * The next whole minute at which a rule says yes.
 *
 * @param local  wall-clock time of an instant
 * @returns      null when there is none within a day
 */
export const nextAllowed = (
  from: number,
  local: (instant: number) => MeterTime,
  rule: (now: MeterTime) => NotNow | null,
): number | null => {
  const offsets = new Map<number, number>()
  const labelOf = (at: number): MeterTime => {
    const quarter = Math.floor(at / QUARTER_MS) * QUARTER_MS
    const offset = offsets.get(quarter) ?? ordinalOf(local(quarter)) - quarter
    offsets.set(quarter, offset)
    return timeOfOrdinal(at + offset)
  }
  const first = Math.ceil(from / STEP_MS) * STEP_MS
  for (let at = first; at <= first + LOOK_AHEAD_MS; at += STEP_MS) if (rule(labelOf(at)) === null) return at
  return null
}

/** When the daily sweep runs, local time of day in minutes. */
export interface SweepWindow {
  readonly fromMin: number
  readonly toMin: number
}
export const SWEEP: SweepWindow = { fromMin: 2 * 60 + 30, toMin: 5 * 60 + 30 }

/** Whether the sweep may read now. Reading changes nothing, but a meter that freezes is slow to answer. */
export const maySweep = (now: MeterTime, { fromMin, toMin }: SweepWindow, limits: ClockLimits): boolean => {
  const minutes = timeOfDay(now) / MINUTE
  return minutes >= fromMin && minutes < toMin && isNear(now, limits) === null
}

/** Minute of the sweep at which a meter's turn comes: all of them are spread over its first three quarters, the rest is for second tries. */
export const turnOf = (meter: string, { fromMin, toMin }: SweepWindow): number =>
  fromMin + Math.floor(((toMin - fromMin) * 3 * (hash(meter) % 10_000)) / 40_000)

/** @source FNV-1a, 32 bit */
const hash = (text: string): number => {
  let sum = 0x811c9dc5
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193) >>> 0
  return sum
}

/** What a broadcast on a line would do to one meter. */
export type BroadcastUse = 'corrects' | 'too-far' | 'no-need' | 'not-known'

export const broadcastUse = (point: ClockPoint | null): BroadcastUse => {
  if (!point) return 'not-known'
  if (Math.abs(point.driftMs) + point.uncertaintyMs > BROADCAST_MOST_MS) return 'too-far'
  return Math.abs(point.driftMs) - point.uncertaintyMs > TARGET_MS.meter ? 'corrects' : 'no-need'
}

/** Clocks needed to doubt our own. */
const WITNESSES = 3

/**
 * Whether it is rather our clock that is wrong: of several meters, which do not know of each other, more than half are off by about as
 * much and in the same direction.
 */
export const isOwnDoubtful = (points: readonly ClockPoint[]): boolean => {
  if (points.length < WITNESSES) return false
  const sorted = points.map(({ driftMs }) => driftMs).sort((a, b) => a - b)
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
  const agree = sorted.filter((drift) => Math.abs(drift - median) <= OFF_MS / 2).length
  return Math.abs(median) > OFF_MS && agree > sorted.length / 2
}
