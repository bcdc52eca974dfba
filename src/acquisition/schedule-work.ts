import { type Clock, type GatewayError, ok, type ReadKind, type RegisterPlan, type Result, type Source } from '../core/index.ts'
import type { Calendar, Period } from './calendar.ts'
import type { Device } from './device.ts'
import { fail } from './errors.ts'
import type { Priority } from './jobs.ts'
import type { Taken } from './poller.ts'
import type { ScheduleDeps, TaskDefinition } from './schedule-types.ts'

/**
 * How a device does a task: its own way, by a live read in place of a freeze or curve it does not keep, or not at all (its curve is
 * what another task reads live).
 */
export type Mode = 'native' | 'stand-in' | 'none'

export const PRIORITIES: Readonly<Record<ReadKind, Priority>> = {
  current: 'current',
  curve: 'curve',
  'day-freeze': 'freeze',
  'month-freeze': 'freeze',
}
/** How many freezes back are still fetched: three days, two months. @source requirement 2.8, re-read of missing daily freezes */
const FREEZES_BACK: Readonly<Partial<Record<ReadKind, number>>> = { 'day-freeze': 3, 'month-freeze': 2 }
/** How far back a load record is read, milliseconds. */
const CURVE_BACK_MS = 2 * 86_400_000
/** A live read stands in for a freeze only this close to its set time. */
const STAND_IN_MS = 15 * 60_000
/** Periods of one device that are kept in mind. */
export const MOST_LABELS = 62

type Times = Pick<ScheduleDeps, 'calendar' | 'newest' | 'firstPassMs'>

export const isFreeze = (read: ReadKind): boolean => FREEZES_BACK[read] !== undefined

/** The label before the first one that is due: what is stored already is not asked again. */
export const firstLabel = (
  { calendar, newest, firstPassMs }: Times,
  { read, period, offsetMs }: TaskDefinition,
  { id, mode }: { readonly id: string; readonly mode: Mode },
  now: number,
): number => {
  const label = calendar.periodStart(period, now - offsetMs)
  const back = FREEZES_BACK[read]
  // Midnight's register cannot be read live at noon.
  if (back !== undefined && mode === 'stand-in') return now - (label + offsetMs) <= STAND_IN_MS ? label - 1 : label
  if (back === undefined) {
    const stored = newest(id, read === 'curve' ? 'curve' : 'live')
    // A stamp of the future says nothing: a clock was wrong.
    return stored !== null && stored >= label && stored <= now ? label : label - 1
  }
  // Those of earlier periods are somebody else's.
  if (firstPassMs !== undefined) return label - 1
  let first = label
  for (let n = 1; n < back; n++) first = calendar.periodStart(period, first - 1)
  // All of them, stored or not: one of yesterday may still be missing, and a repeat is the same reading.
  return first - 1
}

/** The labels after one, up to another, oldest first. */
export const labelsUpTo = (calendar: Calendar, period: Period, after: number, label: number): number[] => {
  const labels = [label]
  for (;;) {
    const before = calendar.periodStart(period, labels[0]! - 1)
    if (before <= after || labels.length >= MOST_LABELS) return labels
    labels.unshift(before)
  }
}

/** Whether a freeze lies further back than any that is still fetched. */
export const isTooOld = (calendar: Calendar, { read, period }: TaskDefinition, old: number, label: number): boolean => {
  let first = label
  for (let n = 1; n < (FREEZES_BACK[read] ?? 1); n++) first = calendar.periodStart(period, first - 1)
  return old < first
}

export interface Work {
  readonly plan: RegisterPlan
  readonly standsFor: Source | null
}

/** What is asked of a device for a label. */
export const workOf = (
  { calendar, newest }: Times,
  { read, period, obis }: TaskDefinition,
  mode: Mode,
  label: number,
  device: Device,
  now: number,
): Result<Work> => {
  const filter = obis ? { obis } : {}
  if (read === 'current' || mode !== 'native')
    return planned(device.plan({ kind: 'current', ...filter }), read === 'day-freeze' || read === 'month-freeze' ? read : null)
  if (read === 'curve') {
    const stored = newest(device.spec.id, 'curve') ?? 0
    const since = Math.max(stored > now ? 0 : stored, oldestOfCurve(now))
    return planned(device.plan({ kind: 'curve', since: calendar.meterTime(since), until: calendar.meterTime(now), ...filter }), null)
  }
  const current = calendar.periodStart(period, now)
  const nth = 1 + (read === 'month-freeze' ? calendar.monthsBetween(label, current) : calendar.daysBetween(label, current))
  return planned(device.plan({ kind: read, nth, ...filter }), null)
}

/** The oldest instant of a load record that is asked for. */
export const oldestOfCurve = (now: number): number => now - CURVE_BACK_MS

const planned = (plan: Result<RegisterPlan>, standsFor: Source | null): Result<Work> =>
  plan.ok ? ok({ plan: plan.value, standsFor }) : plan

/** Whether it is too late for a live read to stand in for what was due. */
export const isPast = (clock: Clock, { offsetMs }: TaskDefinition, label: number): boolean => clock.now() - (label + offsetMs) > STAND_IN_MS

/** Whether a live read may stand in for what was due: a value that a concentrator keeps may be older than the set time. */
export const isLiveAt = (calendar: Calendar, label: number, { samples }: Taken): boolean =>
  samples.every(({ at }) => at === null || (calendar.instantOf(at) ?? 0) >= label)

/** Whether the meter's freeze is the one that was due. Months freeze on a day of the meter's own. */
export const isFreezeOf = (calendar: Calendar, { read }: TaskDefinition, label: number, { samples }: Taken): boolean => {
  if (read === 'month-freeze') return true
  const next = calendar.dayAfter(calendar.dayStart(label))
  return samples.some(({ at }) => {
    const instant = at && calendar.instantOf(at)
    return instant === null || (instant >= label && instant < next)
  })
}

/** Spreads devices evenly and always alike. @source FNV-1a, 32 bit */
export const hash = (text: string): number => {
  let sum = 0x811c9dc5
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193) >>> 0
  return sum
}

/** Codes of a read that nobody failed: it was taken off its line while somebody still waits for it. */
export const isMoved = ({ code }: GatewayError): boolean => code === 'READ_CANCELLED' || code === 'LINE_CLOSED'

export const internal = (device: string) => fail('GATEWAY_FAULT', `reading ${device} failed inside the gateway`, { device })
export const notYet = (device: string, label: number) =>
  fail('FREEZE_NOT_YET', `${device} has not yet the freeze of ${new Date(label).toISOString()}: what it gave was another one`, { device })

/** Waits until all have ended, however, but no longer than that. */
export const endedWithin = async (all: Iterable<Promise<unknown>>, ms: number): Promise<void> => {
  let timer: NodeJS.Timeout | null = null
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([Promise.allSettled(all), late])
  if (timer) clearTimeout(timer)
}
