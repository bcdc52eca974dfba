import type { MeterTime } from '../../src/core/adapter.ts'
import { decimalText } from '../../src/core/decimal.ts'
import type { TimeSource } from '../../src/core/push.ts'
import { decimalOf } from './number.ts'

/** Forms a time may have: numbers since 1970, text (ISO 8601, or local when it has no offset), or a pattern of digits. */
export const TIME_FORMS = ['s', 'ms', 'us', 'ns', 'text', 'pattern'] as const
export type TimeForm = (typeof TIME_FORMS)[number]

/** The instants of a wall-clock time: two in the hour that occurs twice, null for an impossible date. */
export type LocalInstants = (time: MeterTime, zone: string) => { readonly first: number; readonly second: number | null } | null

export interface ReadTime {
  readonly instant: number
  /** The later one of two the text could mean. */
  readonly alternative: number | null
  readonly source: TimeSource
}

/** Before this a clock has plainly never been set: devices count from 1970 or 2000. */
const NEVER_SET_BEFORE = Date.UTC(2010, 0, 1)
export const isUnset = (instant: number): boolean => instant < NEVER_SET_BEFORE

const MS: Readonly<Record<'s' | 'ms' | 'us' | 'ns', readonly [digits: number, source: TimeSource]>> = {
  s: [-3, 'payload-epoch-s'],
  ms: [0, 'payload-epoch-ms'],
  us: [3, 'payload-epoch-us'],
  ns: [6, 'payload-epoch-ns'],
}
/** Largest instant JavaScript's own dates know. @source ECMA-262, 21.4.1.1 time values */
const LAST = 8.64e15
/** Whether an instant is a date at all. */
export const isCalendar = (instant: number): boolean => Math.abs(instant) <= LAST

/**
 * A number since 1970 as milliseconds. The decimal point is moved in the text, so that `1708326852.5` loses nothing; what is
 * shorter than a millisecond is cut off.
 *
 * @returns  null when it is no number, or far outside of any calendar
 */
export const epochOf = (text: string, form: 's' | 'ms' | 'us' | 'ns'): ReadTime | null => {
  const match = /^(\d{1,20})(?:\.(\d{0,30}))?$/.exec(text.trim())
  if (!match) {
    // Small processors write 1.7321787e9.
    const value = /[eE]/.test(text) ? decimalOf(text) : null
    return value && Math.abs(value.scaler) < 20 ? epochOf(decimalText(value.raw, value.scaler), form) : null
  }
  const [digits, source] = MS[form]
  const whole = match[1] ?? ''
  const fraction = match[2] ?? ''
  const instant =
    digits < 0 ? Number(whole + fraction.slice(0, 3).padEnd(3, '0')) : digits === 0 ? Number(whole) : Number(whole.slice(0, -digits) || '0')
  return isCalendar(instant) ? { instant, alternative: null, source } : null
}

const ISO = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})[Tt ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,12}))?)?\s?([Zz]|[+-]\d{2}(?::?\d{2})?)?$/

/** Text with date and time: `2024-11-21T16:45:00+08:00`, `2024-11-21 16:45:00`, `2024/11/21 16:45`. Without offset it is local. */
export const textTimeOf = (text: string, zone: string, local: LocalInstants): ReadTime | null => {
  const match = ISO.exec(text.trim())
  if (!match) return null
  const [year, month, day, hour, minute, second = 0] = match.slice(1, 7).map((part) => (part === undefined ? undefined : Number(part))) as [
    number,
    number,
    number,
    number,
    number,
    number | undefined,
  ]
  const ms = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'))
  const offset = match[8]
  const time = { year, month, day, hour, minute, second }
  if (offset === undefined) return localTimeOf(time, ms, zone, local)
  const utc = Date.UTC(year, month - 1, day, hour, minute, second, ms)
  const check = new Date(utc)
  if (check.getUTCMonth() !== month - 1 || check.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return null
  const sign = offset.startsWith('-') ? -1 : 1
  const digits = /^[Zz]$/.test(offset) ? '0000' : offset.slice(1).replace(':', '').padEnd(4, '0')
  const [hours, minutes] = [Number(digits.slice(0, 2)), Number(digits.slice(2))]
  // No place on earth is further from Greenwich. @source RFC 3339, 5.6; IANA time zone database
  if (hours > 14 || minutes > 59) return null
  const away = sign * (hours * 60 + minutes)
  return { instant: utc - away * 60_000, alternative: null, source: 'payload-iso' }
}

const localTimeOf = (time: MeterTime, ms: number, zone: string, local: LocalInstants): ReadTime | null => {
  const instants = local(time, zone)
  if (!instants) return null
  return { instant: instants.first + ms, alternative: instants.second === null ? null : instants.second + ms, source: 'payload-local' }
}

/** Letters of a pattern and the part of a time they stand for; every other character stands for itself. */
const PARTS: Readonly<Record<string, keyof MeterTime>> = { y: 'year', M: 'month', d: 'day', h: 'hour', m: 'minute', s: 'second' }

/** Pieces of a pattern such as `yyyyMMddhhmmss` or `dd.MM.yy hh:mm`. */
export type TimePattern = readonly ({ readonly part: keyof MeterTime; readonly digits: number } | { readonly text: string })[]

/** @returns  what is wrong, in words, or the pattern */
export const parseTimePattern = (text: string): TimePattern | string => {
  const pieces: ({ part: keyof MeterTime; digits: number } | { text: string })[] = []
  for (const [piece] of text.matchAll(/(y+|M+|d+|h+|m+|s+|[^yMdhms]+)/g)) {
    const part = PARTS[piece[0] ?? '']
    pieces.push(part ? { part, digits: piece.length } : { text: piece })
  }
  const parts = pieces.flatMap((piece) => ('part' in piece ? [piece.part] : []))
  for (const needed of ['year', 'month', 'day', 'hour', 'minute'] as const)
    if (parts.filter((part) => part === needed).length !== 1)
      return `is "${text}"; year (yyyy or yy), month (MM), day (dd), hour (hh) and minute (mm) must each stand there once, seconds (ss) may`
  const odd = pieces.find((piece) => 'part' in piece && piece.digits !== 2 && !(piece.part === 'year' && piece.digits === 4))
  if (odd || parts.filter((part) => part === 'second').length > 1)
    return `is "${text}"; each part has two digits, the year two or four, and stands there once`
  return pieces
}

/** A local time written after a pattern; digits without blanks around them. */
export const patternTimeOf = (text: string, pattern: TimePattern, zone: string, local: LocalInstants): ReadTime | null => {
  const time: { -readonly [Part in keyof MeterTime]: number } = { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0 }
  let at = 0
  for (const piece of pattern) {
    if ('text' in piece) {
      if (!text.startsWith(piece.text, at)) return null
      at += piece.text.length
      continue
    }
    const digits = text.slice(at, at + piece.digits)
    if (digits.length !== piece.digits || !/^\d+$/.test(digits)) return null
    time[piece.part] = Number(digits) + (piece.part === 'year' && piece.digits === 2 ? 2000 : 0)
    at += piece.digits
  }
  return at === text.length ? localTimeOf(time, 0, zone, local) : null
}
