import type { MeterTime } from '../../src/core/adapter.ts'
import { BCD_PAIRS } from '../../src/core/bcd.ts'
import { daysIn, shiftMinutes, TIME_PARTS, type TimeParts } from '../../src/core/wall-time.ts'

export { pair } from '../../src/core/bcd.ts'
export { daysIn, instantOf, ordinalOf, shiftMinutes, type TimeParts, timeOfOrdinal } from '../../src/core/wall-time.ts'

const WEIGHTS = [1, 1e2, 1e4, 1e6, 1e8, 1e10] as const

/** Numbers of the data formats (数据格式) of appendix A. */
export type NumberFormatId =
  | 'A.2'
  | 'A.3'
  | 'A.4'
  | 'A.5'
  | 'A.6'
  | 'A.7'
  | 'A.8'
  | 'A.9'
  | 'A.10'
  | 'A.11'
  | 'A.12'
  | 'A.13'
  | 'A.14'
  | 'A.22'
  | 'A.23'
  | 'A.25'
  | 'A.26'
  | 'A.27'

/** A number on the wire: BCD, low byte first. The value is an integer times 10^scaler; a sign is the top bit of the highest byte. */
export interface NumberFormat {
  readonly id: NumberFormatId
  readonly size: number
  readonly scaler: number
  readonly signed: boolean
  /** Carries its own exponent; the integer is brought to {@link scaler}, which always goes without loss. */
  readonly floating: boolean
  /** Largest magnitude. */
  readonly max: number
}

const format = (id: NumberFormatId, size: number, scaler: number, signed: boolean, max: number, floating = false): NumberFormat => ({
  id,
  size,
  scaler,
  signed,
  floating,
  max,
})

/** @source Q/GDW 376.1-2009, appendix A, as public decoders have it; A.2, A.3, A.4, A.10, A.12, A.26, A.27 from one of them only (xiangruipuzhao/3761) */
export const NUMBERS: Readonly<Record<NumberFormatId, NumberFormat>> = {
  'A.2': format('A.2', 2, -3, true, 9_990_000_000, true),
  'A.3': format('A.3', 4, 0, true, 9_999_999_000, true),
  'A.4': format('A.4', 1, 0, true, 79),
  'A.5': format('A.5', 2, -1, true, 7_999),
  'A.6': format('A.6', 2, -2, true, 7_999),
  'A.7': format('A.7', 2, -1, false, 9_999),
  'A.8': format('A.8', 2, 0, false, 9_999),
  'A.9': format('A.9', 3, -4, true, 799_999),
  'A.10': format('A.10', 3, 0, false, 999_999),
  'A.11': format('A.11', 4, -2, false, 99_999_999),
  'A.12': format('A.12', 6, 0, false, 999_999_999_999),
  'A.13': format('A.13', 4, -4, false, 99_999_999),
  'A.14': format('A.14', 5, -4, false, 9_999_999_999),
  'A.22': format('A.22', 1, -1, false, 99),
  'A.23': format('A.23', 3, -4, false, 999_999),
  'A.25': format('A.25', 3, -3, true, 799_999),
  'A.26': format('A.26', 2, -3, false, 9_999),
  'A.27': format('A.27', 4, 0, false, 99_999_999),
}

/** Times of appendix A. Letters in wire order: s m h D M Y, W = day of week in D7-5 of the month byte. */
export type TimeFormatId = 'A.1' | 'A.15' | 'A.16' | 'A.17' | 'A.18' | 'A.19' | 'A.20' | 'A.21' | 'A.24'

/** @source Q/GDW 376.1-2009, appendix A; the order of A.24 (hour, day) from one public source only */
export const TIMES: Readonly<Record<TimeFormatId, string>> = {
  'A.1': 'smhDWY',
  'A.15': 'mhDMY',
  'A.16': 'smhD',
  'A.17': 'mhDM',
  'A.18': 'mhD',
  'A.19': 'mh',
  'A.20': 'DMY',
  'A.21': 'MY',
  'A.24': 'hD',
}

/** Plain BCD integer, low byte first, 1 to 6 bytes; NaN when a nibble is above 9 or the bytes are not there. */
export const readBcd = (bytes: Uint8Array, at: number, size: number): number => {
  if (at + size > bytes.length) return Number.NaN
  let value = 0
  for (let index = 0; index < size; index++) value += BCD_PAIRS[bytes[at + index]!]! * WEIGHTS[index]!
  return value
}

/** Plain BCD, low byte first. @throws when the integer does not fit */
export const writeBcd = (value: number, size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  let rest = value
  for (let at = 0; at < size; at++) {
    const two = rest % 100
    bytes[at] = (Math.floor(two / 10) << 4) | (two % 10)
    rest = Math.floor(rest / 100)
  }
  if (!Number.isSafeInteger(value) || value < 0 || rest > 0) throw new Error(`${value} does not fit ${size} BCD bytes`)
  return bytes
}

/**
 * Integer of a number format, to be taken times 10^scaler.
 *
 * @returns  NaN when the field is filled (EE, EF, FF), holds a digit above 9, or is not there: absent is never zero
 */
export const readNumber = (bytes: Uint8Array, at: number, { id, size, signed, floating }: NumberFormat): number => {
  const top = bytes[at + size - 1]
  if (top === undefined) return Number.NaN
  if (floating) return id === 'A.2' ? readA2(bytes[at]!, top) : readA3(bytes, at, top)
  let value = BCD_PAIRS[signed ? top & 0x7f : top]! * WEIGHTS[size - 1]!
  for (let index = size - 2; index >= 0; index--) value += BCD_PAIRS[bytes[at + index]!]! * WEIGHTS[index]!
  return signed && top & 0x80 && value !== 0 ? -value : value
}

/** Three digits; D7-5 of the second byte: 000 = 10^4 down to 111 = 10^-3; D4 = minus. In thousandths. */
const readA2 = (low: number, top: number): number => {
  const digits = BCD_PAIRS[low]! + BCD_PAIRS[top & 0x0f]! * 100
  const value = digits * 10 ** (7 - (top >> 5))
  return top & 0x10 && value !== 0 ? -value : value
}

/** Seven digits; D4 of the last byte = minus, D6 = thousands (MWh). In kWh. */
const readA3 = (bytes: Uint8Array, at: number, top: number): number => {
  // D7 and D5 are spare and zero; EF and FF fill have them set.
  if (top & 0xa0) return Number.NaN
  const digits =
    BCD_PAIRS[bytes[at]!]! + BCD_PAIRS[bytes[at + 1]!]! * 100 + BCD_PAIRS[bytes[at + 2]!]! * 10_000 + BCD_PAIRS[top & 0x0f]! * 1_000_000
  const value = top & 0x40 ? digits * 1000 : digits
  return top & 0x10 && value !== 0 ? -value : value
}

/**
 * A number as wire bytes; null is written as fill EE.
 *
 * @param raw  integer, value divided by 10^scaler
 * @throws     when it does not fit the format: more digits, a sign where there is none, not exact in three or seven digits
 */
export const writeNumber = (raw: number | null, numberFormat: NumberFormat): Uint8Array => {
  const { id, size, signed, max } = numberFormat
  if (raw === null) return new Uint8Array(size).fill(0xee)
  if (!Number.isSafeInteger(raw) || Math.abs(raw) > max || (raw < 0 && !signed)) throw new Error(`${raw} does not fit format ${id}`)
  if (id === 'A.2') return writeA2(raw)
  if (id === 'A.3') return writeA3(raw)
  const bytes = writeBcd(Math.abs(raw), size)
  if (raw < 0) bytes[size - 1] = bytes[size - 1]! | 0x80
  return bytes
}

const writeA2 = (raw: number): Uint8Array => {
  const size = Math.abs(raw)
  for (let shift = 0; shift <= 7; shift++) {
    const digits = size / 10 ** shift
    if (digits > 999 || !Number.isInteger(digits)) continue
    const bytes = writeBcd(digits, 2)
    bytes[1] = bytes[1]! | ((7 - shift) << 5) | (raw < 0 ? 0x10 : 0)
    return bytes
  }
  throw new Error(`${raw} thousandths do not fit the three digits of format A.2`)
}

const writeA3 = (raw: number): Uint8Array => {
  const size = Math.abs(raw)
  const mega = size > 9_999_999
  if (mega && size % 1000 !== 0) throw new Error(`${raw} does not fit the seven digits of format A.3`)
  const bytes = writeBcd(mega ? size / 1000 : size, 4)
  bytes[3] = bytes[3]! | (mega ? 0x40 : 0) | (raw < 0 ? 0x10 : 0)
  return bytes
}

/** Whether a field says "no value": every byte EE, every byte EF, or every byte FF. */
export const isFill = (bytes: Uint8Array, at: number, size: number): boolean => {
  const first = bytes[at]
  if (first !== 0xee && first !== 0xef && first !== 0xff) return false
  for (let index = 1; index < size; index++) if (bytes[at + index] !== first) return false
  return true
}

/** Unsigned integer, low byte first, 1 to 6 bytes; NaN when the bytes are not there. */
export const readUint = (bytes: Uint8Array, at: number, size: number): number => {
  if (at + size > bytes.length) return Number.NaN
  let value = 0
  for (let index = size - 1; index >= 0; index--) value = value * 256 + bytes[at + index]!
  return value
}

/** @throws when the integer does not fit */
export const writeUint = (value: number, size: number): Uint8Array => {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 256 ** size) throw new Error(`${value} does not fit ${size} bytes`)
  const bytes = new Uint8Array(size)
  let rest = value
  for (let at = 0; at < size; at++) {
    bytes[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return bytes
}

export const timeSize = (id: TimeFormatId): number => TIMES[id].length

/** @returns null when it is fill, no BCD, or no such time; 24:00 is one, as the end of a day */
export const readTime = (bytes: Uint8Array, at: number, id: TimeFormatId): TimeParts | null => {
  const order = TIMES[id]
  const time: { -readonly [name in keyof TimeParts]: number } = {}
  for (let index = 0; index < order.length; index++) {
    const letter = order[index]!
    const byte = bytes[at + index]
    if (byte === undefined) return null
    const part = TIME_PARTS[(letter === 'W' ? 'M' : letter) as keyof typeof TIME_PARTS]
    if (letter === 'W') time.weekday = byte >> 5
    const value = BCD_PAIRS[letter === 'W' ? byte & 0x1f : byte]!
    if (!(value >= part.low && value <= part.high)) return null
    time[part.name] = part.name === 'year' ? 2000 + value : value
  }
  if (time.hour === 24 && (time.minute ?? 0) + (time.second ?? 0) > 0) return null
  if (time.day !== undefined && time.month !== undefined && time.day > daysIn(time.year ?? 2000, time.month)) return null
  return time
}

/** A time as wire bytes. Parts the format wants and the time has not are zero, the day and month one. @throws when a part does not fit */
export const writeTime = (time: TimeParts, id: TimeFormatId): Uint8Array =>
  Uint8Array.from(TIMES[id], (letter) => {
    const part = TIME_PARTS[(letter === 'W' ? 'M' : letter) as keyof typeof TIME_PARTS]
    const value = part.name === 'year' ? (time.year ?? 2000) - 2000 : (time[part.name] ?? part.low)
    if (!Number.isInteger(value) || value < part.low || value > part.high)
      throw new Error(`${part.name} ${value} does not fit format ${id}`)
    const bcd = (Math.floor(value / 10) << 4) | (value % 10)
    return letter === 'W' ? bcd | ((time.weekday ?? weekdayOf(time)) << 5) : bcd
  })

/** A time nobody knows: fill EE. */
export const absentTime = (id: TimeFormatId): Uint8Array => new Uint8Array(timeSize(id)).fill(0xee)

/** 1 = Monday to 7 = Sunday; 0 when the time has no whole date. */
export const weekdayOf = ({ year, month, day }: TimeParts): number =>
  year === undefined || month === undefined || day === undefined ? 0 : new Date(Date.UTC(year, month - 1, day)).getUTCDay() || 7

/** The same time of the next day: a daily freeze is of the instant that ends its day. */
export const dayAfter = (time: MeterTime): MeterTime => shiftMinutes(time, 1440)

/** The first day of the next month, 00:00: a monthly freeze is of the instant that ends its month. */
export const monthAfter = ({ year, month }: Pick<MeterTime, 'year' | 'month'>): MeterTime => ({
  year: month === 12 ? year + 1 : year,
  month: month === 12 ? 1 : month + 1,
  day: 1,
  hour: 0,
  minute: 0,
  second: 0,
})

const two = (value: number | undefined): string => (value === undefined ? '--' : value < 10 ? `0${value}` : String(value))

/** Text of a time: `2015-10-09 00:00`, `2016-01-11`, `2016-01`, `10-09 00:00`, `day 01 00:00`, `00:15`. */
export const timeText = (time: TimeParts): string => {
  const { year, month, day, hour, minute, second } = time
  const date =
    year !== undefined
      ? day === undefined
        ? `${year}-${two(month)}`
        : `${year}-${two(month)}-${two(day)}`
      : month !== undefined
        ? `${two(month)}-${two(day)}`
        : day !== undefined
          ? `day ${two(day)}`
          : ''
  if (hour === undefined) return date
  const clock = minute === undefined ? `${two(hour)} h` : `${two(hour)}:${two(minute)}${second === undefined ? '' : `:${two(second)}`}`
  return date === '' ? clock : `${date} ${clock}`
}

/** Densities of a curve (曲线密度) in minutes, by code. @source Q/GDW 376.1-2009, appendix C; 254 and 255 from one public source only */
export const DENSITIES: Readonly<Record<number, number>> = { 1: 15, 2: 30, 3: 60, 254: 5, 255: 1 }

/** Minutes between two points; null for 0 (no freeze) and for codes nobody knows. */
export const densityMinutes = (code: number): number | null => DENSITIES[code] ?? null

/** The code of an interval; null when the protocol has none. */
export const densityCode = (minutes: number): number | null => {
  const found = Object.entries(DENSITIES).find(([, length]) => length === minutes)
  return found ? Number(found[0]) : null
}
