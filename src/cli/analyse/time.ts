import { localInstant } from './zone.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** Days since 1970-01-01 of a date of the Gregorian calendar. */
const dayNumber = (year: number, month: number, day: number): number => {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const ofEra = y - era * 400
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468
}

/** A time as read: `zoneless` when the text does not say its zone. */
export interface ReadTime {
  at: number
  zoneless: boolean
}

/**
 * Reads `2026-11-21T00:15:00+08:00` from bytes; anything else of ISO 8601 the slow way. A time that is none is NaN.
 * The result is written into `to`: there are millions of them.
 */
export const timeAt = (bytes: Buffer, from: number, end: number, zone: string, to: ReadTime): void => {
  to.zoneless = false
  const two = (at: number) => ((bytes[at] ?? 0) - 48) * 10 + (bytes[at + 1] ?? 0) - 48
  const length = end - from
  const sign = bytes[from + 19]
  const isFast = (length === 25 && (sign === 0x2b || sign === 0x2d) && bytes[from + 22] === 0x3a) || (length === 20 && sign === 0x5a)
  if (isFast && bytes[from + 4] === 0x2d && bytes[from + 7] === 0x2d && bytes[from + 10] === 0x54 && bytes[from + 13] === 0x3a) {
    const [year, month, day] = [two(from) * 100 + two(from + 2), two(from + 5), two(from + 8)]
    const [hour, minute, second] = [two(from + 11), two(from + 14), two(from + 17)]
    const offset = length === 25 ? (two(from + 20) * 60 + two(from + 23)) * (sign === 0x2d ? -1 : 1) : 0
    if (
      month >= 1 &&
      month <= 12 &&
      day >= 1 &&
      day <= 31 &&
      hour >= 0 &&
      hour <= 23 &&
      minute >= 0 &&
      minute <= 59 &&
      second >= 0 &&
      second <= 59
    ) {
      to.at = dayNumber(year, month, day) * DAY_MS + (hour * 60 + minute - offset) * MINUTE_MS + second * 1000
      return
    }
  }
  const text = bytes.toString('latin1', from, end).trim()
  const read = instantOf(text, zone)
  to.at = read.at
  to.zoneless = read.zoneless
}

/** The instant a text says; without a zone in it local time is meant. NaN when it says none. */
export const instantOf = (text: string, zone: string): ReadTime => {
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return { at: Number.NaN, zoneless: false }
  if (/(Z|[+-]\d{2}:?\d{2})$/i.test(text) && /[T ]\d{2}:\d{2}/.test(text))
    return { at: Date.parse(text.replace(' ', 'T').replace(/([+-]\d{2})(\d{2})$/, '$1:$2')), zoneless: false }
  return { at: localInstant(text, zone), zoneless: true }
}
