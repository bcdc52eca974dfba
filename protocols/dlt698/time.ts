import type { MeterTime } from '../../src/core/adapter.ts'
import { ordinalOf as millisecondsOf, timeOfOrdinal as timeOfMilliseconds } from '../../src/core/wall-time.ts'
import { type Cursor, u8, u16 } from './cursor.ts'
import type { DateTime } from './datum.ts'

const PAIRS = Array.from({ length: 256 }, (_, value) => (value === 0xff ? 'FF' : String(value).padStart(2, '0')))
const two = (value: number): string => PAIRS[value] ?? String(value)
const year = (value: number): string => (value === 0xffff ? 'FFFF' : value > 999 ? String(value) : String(value).padStart(4, '0'))

/** date_time_s, 7 bytes: `2026-10-07 14:16:26`; fields that are FF (any) are written so; null when all are. */
export const readDateTimeS = (c: Cursor): string | null => {
  const y = u16(c)
  const [month, day, hour, minute, second] = [u8(c), u8(c), u8(c), u8(c), u8(c)]
  if (y === 0xffff && (month & day & hour & minute & second) === 0xff) return null
  return `${year(y)}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}`
}

/** date_time, 10 bytes: year, month, day, weekday, hour, minute, second, milliseconds. */
export const readDateTime = (c: Cursor): DateTime => {
  const y = u16(c)
  const [month, day, weekday, hour, minute, second] = [u8(c), u8(c), u8(c), u8(c), u8(c), u8(c)]
  const ms = u16(c)
  if (y === 0xffff && (month & day & hour & minute & second) === 0xff) return { time: null, weekday }
  const point = ms === 0xffff ? '' : `.${String(ms).padStart(3, '0')}`
  return { time: `${year(y)}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}${point}`, weekday }
}

export const readDate = (c: Cursor): { readonly date: string | null; readonly weekday: number } => {
  const y = u16(c)
  const [month, day, weekday] = [u8(c), u8(c), u8(c)]
  return { date: y === 0xffff && (month & day) === 0xff ? null : `${year(y)}-${two(month)}-${two(day)}`, weekday }
}

export const readTime = (c: Cursor): string | null => {
  const [hour, minute, second] = [u8(c), u8(c), u8(c)]
  return (hour & minute & second) === 0xff ? null : `${two(hour)}:${two(minute)}:${two(second)}`
}

const FORM = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.\d+)?$/

/** The time that text names; null where a field is open, or no such time exists. */
export const timeOf = (text: string | null): MeterTime | null => {
  const match = text === null ? null : FORM.exec(text)
  if (!match) return null
  const [y, month, day, hour, minute, second] = match.slice(1).map(Number) as [number, number, number, number, number, number]
  const date = new Date(Date.UTC(y, month - 1, day, hour, minute, second))
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60 && y >= 2000
  return exists ? { year: y, month, day, hour, minute, second } : null
}

/** Text of a time, as the codec writes date_time_s. */
export const timeText = ({ year: y, month, day, hour, minute, second }: MeterTime): string =>
  `${year(y)}-${two(month)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}`

/** Seconds on a scale without zones, to compare and to step. */
export const ordinalOf = (time: MeterTime): number => millisecondsOf(time) / 1000

export const timeOfOrdinal = (ordinal: number): MeterTime => timeOfMilliseconds(ordinal * 1000)

/**
 * The instant that stored values stand at: their own freeze time, else the time the terminal stored them, which is that of a daily or monthly
 * freeze only when it ends a day or month: some store theirs at 23:59 of the day before, or when they had read the meter.
 *
 * @returns  null where nobody can tell
 */
export const standsAt = (kind: string, own: MeterTime | null, stored: MeterTime | null): MeterTime | null => {
  if (own || !stored) return own
  const isMidnight = stored.hour + stored.minute + stored.second === 0
  if (kind === 'day-freeze') return isMidnight ? stored : null
  return kind !== 'month-freeze' || (isMidnight && stored.day === 1) ? stored : null
}

/** Day of the week as the text of the standard numbers it: Monday 1, Sunday 0. */
export const weekdayOf = (time: MeterTime): number => new Date(ordinalOf(time) * 1000).getUTCDay()

/** The ten bytes of a date_time at zero milliseconds. */
export const dateTimeBytes = (time: MeterTime): number[] => [
  time.year >> 8,
  time.year & 0xff,
  time.month,
  time.day,
  weekdayOf(time),
  time.hour,
  time.minute,
  time.second,
  0,
  0,
]
