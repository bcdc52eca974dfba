import type { CommColumns, CommFrame } from '../frame.ts'

/** Hours [from, to) of a frame. */
export interface Run {
  readonly from: number
  readonly to: number
}

export const HOUR_MS = 3_600_000

/** What an hour of a link was like. `UNKNOWN`: nothing was asked; `SILENT`: asked and not one byte; `GARBLED`: bytes, and nothing usable. */
export const UNKNOWN = 0
export const CLEAN = 1
export const PARTLY = 2
export const SILENT = 3
export const GARBLED = 4

/** Share of polls that must have been lost before an hour with a single answer is no longer called silent: none. */
export const classOf = (columns: CommColumns, hour: number): number => {
  const polls = columns.polls[hour] ?? Number.NaN
  if (!(polls > 0)) return UNKNOWN
  const ok = columns.ok[hour] ?? 0
  const crc = orZero(columns.crcErrors[hour])
  const strays = orZero(columns.addrErrors[hour])
  if (ok > 0) return ok < polls || orZero(columns.timeouts[hour]) + crc + strays > 0 ? PARTLY : CLEAN
  return crc + strays > 0 ? GARBLED : SILENT
}

/** A count that nobody counted adds nothing to a sum of failures; what was polled is known from `polls`. */
export const orZero = (value: number | undefined): number => (value !== undefined && value > 0 ? value : 0)

export const classesOf = (columns: CommColumns, hours: number): Uint8Array => {
  const classes = new Uint8Array(hours)
  for (let hour = 0; hour < hours; hour++) classes[hour] = classOf(columns, hour)
  return classes
}

export interface Counts {
  polls: number
  lost: number
  timeouts: number
  crc: number
  strays: number
  /** Attempts that failed and all attempts that can be told: a poll may be tried again. */
  failed: number
  attempts: number
  /** Hours in which something was asked. */
  hours: number
}

/** Sums over hours [from, to); those whose class is unknown, and so those hidden, are left out. */
export const countsOf = (
  columns: CommColumns,
  { from, to }: Run,
  classes: Uint8Array | null = null,
  where?: (hour: number) => boolean,
): Counts => {
  const sum: Counts = { polls: 0, lost: 0, timeouts: 0, crc: 0, strays: 0, failed: 0, attempts: 0, hours: 0 }
  for (let hour = from; hour < to; hour++) {
    const polls = columns.polls[hour] ?? Number.NaN
    if (!(polls > 0) || classes?.[hour] === UNKNOWN || (where && !where(hour))) continue
    const ok = orZero(columns.ok[hour])
    const lost = Math.max(0, polls - ok)
    const crc = orZero(columns.crcErrors[hour])
    const timeouts = Math.max(orZero(columns.timeouts[hour]), lost - crc)
    sum.polls += polls
    sum.lost += lost
    sum.timeouts += timeouts
    sum.crc += crc
    sum.strays += orZero(columns.addrErrors[hour])
    sum.failed += timeouts + crc
    sum.attempts += timeouts + crc + ok
    sum.hours += 1
  }
  return sum
}

export const addCounts = (all: readonly Counts[]): Counts => {
  const sum: Counts = { polls: 0, lost: 0, timeouts: 0, crc: 0, strays: 0, failed: 0, attempts: 0, hours: 0 }
  for (const one of all) for (const name of COUNT_NAMES) sum[name] += one[name]
  return sum
}
const COUNT_NAMES = ['polls', 'lost', 'timeouts', 'crc', 'strays', 'failed', 'attempts', 'hours'] as const

/** Runs of hours that are flagged, joined over gaps of up to `gap` hours; hours of which nothing is known do not count. */
export const runsOf = (flags: Uint8Array, gap: number, unknown: Uint8Array | null = null): Run[] => {
  const runs: { from: number; to: number }[] = []
  let quiet = 0
  for (let hour = 0; hour < flags.length; hour++) {
    const last = runs.at(-1)
    if (flags[hour]) {
      if (last && quiet <= gap) last.to = hour + 1
      else runs.push({ from: hour, to: hour + 1 })
      quiet = 0
    } else if (!unknown?.[hour]) quiet++
  }
  return runs
}

export const overlap = (a: Run, b: Run): number => Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from))

/** Hour of the local day (0 to 23) of every hour of the frame. */
export const hoursOfDay = ({ dayStarts, hours }: Pick<CommFrame, 'dayStarts' | 'hours'>): Uint8Array => {
  const of = new Uint8Array(hours)
  for (let day = 0; day + 1 < dayStarts.length; day++)
    for (let hour = dayStarts[day] ?? 0; hour < (dayStarts[day + 1] ?? 0); hour++) of[hour] = hour - (dayStarts[day] ?? 0)
  return of
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** NaN of nothing. */
export const quantile = (values: readonly number[], share: number): number => {
  if (values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const low = sorted[Math.floor(at)] ?? Number.NaN
  const high = sorted[Math.ceil(at)] ?? Number.NaN
  return low + (high - low) * (at - Math.floor(at))
}
