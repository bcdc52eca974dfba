import { Temporal } from 'temporal-polyfill'

const DAY_MS = 86_400_000
/** Day 0 of a workbook, once its false 29 February 1900 is over. @source ECMA-376 part 1, 18.17.4.1 */
const DAY_0_OF_1900 = Date.UTC(1899, 11, 30)
const DAY_0_OF_1904 = Date.UTC(1904, 0, 1)
/** 1 March 1900 and 31 December 2199: days before and after are no dates of meters. */
const FIRST_SERIAL = 61
const LAST_SERIAL = 109_574

/** A day, or an instant without a zone, out of the number a spreadsheet keeps: `2026-11-21`, `2026-11-21T08:30:00`. Null when it is none. */
export const serialText = (serial: number, from1904 = false): string | null => {
  if (!Number.isFinite(serial) || serial < (from1904 ? 0 : FIRST_SERIAL) || serial > LAST_SERIAL) return null
  // A spreadsheet keeps times as parts of a day: they are right to the second.
  const at = (from1904 ? DAY_0_OF_1904 : DAY_0_OF_1900) + Math.round(serial * 86_400) * 1000
  const text = new Date(at).toISOString()
  return at % DAY_MS === 0 ? text.slice(0, 10) : text.slice(0, 19)
}

/** A day, and perhaps a time of day and an offset, in one of the forms people write. */
const FORM =
  /^(\d{4})(?:-(\d{1,2})-(\d{1,2})|\/(\d{1,2})\/(\d{1,2})|\.(\d{1,2})\.(\d{1,2})|(\d{2})(\d{2})|年(\d{1,2})月(\d{1,2})日)(?:[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3})\d*)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?$/

interface Moment {
  readonly day: string
  readonly time: string | null
  readonly offset: string | null
}

/** @returns null when the text is no date that exists */
const momentOf = (text: string): Moment | null => {
  const match = FORM.exec(text.normalize('NFKC').trim().toUpperCase())
  if (!match) return null
  const [, year = '', ...rest] = match
  const [month = '', day = ''] = rest.slice(0, 10).filter((part) => part !== undefined)
  const [hour, minute, second = '00', fraction = '0', offset = null] = rest.slice(10)
  const written = `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`
  const at = Date.parse(`${written}T00:00:00Z`)
  if (!Number.isFinite(at) || !new Date(at).toISOString().startsWith(written)) return null
  if (hour === undefined || minute === undefined) return { day: written, time: null, offset: null }
  const time = `${hour.padStart(2, '0')}:${minute}:${second}.${fraction.padEnd(3, '0')}`
  return Number.isFinite(Date.parse(`${written}T${time}Z`)) && Number(hour) < 24 ? { day: written, time, offset } : null
}

/** A calendar day, `2026-11-21`, out of any form people write; a time of day behind it is dropped. */
export const dayOf = (text: string): string | null => momentOf(text)?.day ?? null

/**
 * An instant: with an offset as written, else local time of the zone; a plain day is its midnight there.
 *
 * @param zone  IANA name of the gateway's zone
 * @returns     milliseconds since 1970 UTC
 */
export const instantOf = (text: string, zone: string): number | null => {
  const moment = momentOf(text)
  if (!moment) return null
  const { day, time, offset } = moment
  if (offset !== null) {
    const colon = offset === 'Z' || offset.includes(':') ? offset : `${offset.slice(0, 3)}:${offset.slice(3)}`
    const at = Date.parse(`${day}T${time ?? '00:00'}${colon}`)
    return Number.isFinite(at) ? at : null
  }
  return Temporal.PlainDateTime.from(`${day}T${time ?? '00:00'}`).toZonedDateTime(zone).epochMilliseconds
}
