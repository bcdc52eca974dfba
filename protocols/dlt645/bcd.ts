import type { MeterTime } from '../../src/core/adapter.ts'
import { BCD_PAIRS, pair } from '../../src/core/bcd.ts'
import { daysIn, ordinalOf, TIME_PARTS, type TimeParts } from '../../src/core/wall-time.ts'
import { hexByte } from './frame.ts'

export { daysIn, instantOf, ordinalOf, shiftMinutes, type TimeParts, timeOfOrdinal } from '../../src/core/wall-time.ts'

const WEIGHTS = [1, 1e2, 1e4, 1e6, 1e8, 1e10, 1e12] as const

/**
 * Integer out of BCD bytes, low byte first.
 *
 * @param size    1 to 7 bytes
 * @param signed  the top bit of the highest byte is the sign, the rest stays a magnitude; it is no two's complement
 * @returns       NaN when a nibble is above 9 (FFH and EEH fill among them) or the bytes are not there
 * @source        DL/T 645-2007, Annex A, note on signed items
 */
export const readBcd = (bytes: Uint8Array, at: number, size: number, signed: boolean): number => {
  const top = bytes[at + size - 1]
  if (top === undefined) return Number.NaN
  let value = BCD_PAIRS[signed ? top & 0x7f : top]! * WEIGHTS[size - 1]!
  for (let index = size - 2; index >= 0; index--) value += BCD_PAIRS[bytes[at + index]!]! * WEIGHTS[index]!
  return signed && top & 0x80 && value !== 0 ? -value : value
}

/** Writes an integer as BCD, low byte first; the counterpart of {@link readBcd} for writes and tests. */
export const writeBcd = (value: number, size: number, signed = false): Uint8Array => {
  const bytes = new Uint8Array(size)
  let rest = Math.abs(value)
  for (let at = 0; at < size; at++) {
    const two = rest % 100
    bytes[at] = (Math.floor(two / 10) << 4) | (two % 10)
    rest = Math.floor(rest / 100)
  }
  const top = bytes[size - 1]!
  if (!Number.isSafeInteger(value) || rest > 0 || (value < 0 && !signed) || (signed && top & 0x80))
    throw new Error(`${value} does not fit ${size} BCD bytes`)
  if (value < 0) bytes[size - 1] = top | 0x80
  return bytes
}

/** Whether a field says "no value": every byte FFH, or every byte EEH. */
export const isFill = (bytes: Uint8Array, at: number, size: number): boolean => {
  const first = bytes[at]
  if (first !== 0xff && first !== 0xee) return false
  for (let index = 1; index < size; index++) if (bytes[at + index] !== first) return false
  return true
}

/** Whether every byte of a field is zero: "not yet happened" in times of events. */
export const isZero = (bytes: Uint8Array, at: number, size: number): boolean => {
  for (let index = 0; index < size; index++) if (bytes[at + index] !== 0) return false
  return true
}

/** Order in which parts of a time stand on the wire. W = weekday (0 = Sunday), D = day, M = month, Y = year of this century. */
export type TimeOrder = 'mhDMY' | 'smhDMY' | 'WDMY' | 'smh' | 'hD' | 'mhDM'

const PARTS = { ...TIME_PARTS, W: { name: 'weekday', low: 0, high: 7 } } as const

/** @returns null when a part is no BCD or outside its range; years are 2000 to 2099 */
export const readTime = (bytes: Uint8Array, at: number, order: TimeOrder): TimeParts | null => {
  const time: { -readonly [name in keyof TimeParts]: number } = {}
  for (let index = 0; index < order.length; index++) {
    const part = PARTS[order[index] as keyof typeof PARTS]
    const value = pair(bytes[at + index])
    if (!(value >= part.low && value <= part.high)) return null
    time[part.name] = part.name === 'year' ? 2000 + value : value
  }
  if (time.day !== undefined && time.month !== undefined && time.day > daysIn(time.year ?? 2000, time.month)) return null
  return time
}

const two = (value: number | undefined): string => String(value ?? 0).padStart(2, '0')

/** Text of a time: `2015-10-09 00:00`, `2016-01-11`, `21:53:55`, `day 01 00:00`, `10-09 00:00`. */
export const timeText = (time: TimeParts): string => {
  const date =
    time.year !== undefined
      ? `${time.year}-${two(time.month)}-${two(time.day)}`
      : time.month !== undefined
        ? `${two(time.month)}-${two(time.day)}`
        : time.day !== undefined
          ? `day ${two(time.day)}`
          : ''
  if (time.hour === undefined) return date
  const seconds = time.second === undefined ? '' : `:${two(time.second)}`
  return `${date}${date && ' '}${two(time.hour)}:${two(time.minute)}${seconds}`
}

/** A time as wire bytes. */
export const writeTime = (time: MeterTime, order: TimeOrder): Uint8Array =>
  Uint8Array.from(order, (letter) => {
    if (letter === 'W') return new Date(ordinalOf(time)).getUTCDay()
    const value = time[PARTS[letter as Exclude<keyof typeof PARTS, 'W'>].name] % 100
    return (Math.floor(value / 10) << 4) | (value % 10)
  })

/** Identity digits, most significant first; anything that is no digit stays visible as hexadecimal. */
export const digitsText = (bytes: Uint8Array, at: number, size: number): string => {
  let text = ''
  for (let index = at + size - 1; index >= at; index--) text += hexByte(bytes[index]!)
  return text
}

/**
 * Text that a meter sends last character first, as it sends every multi-byte item; padding (00H, FFH, blanks) is dropped.
 * Some makers send it first character first; what reads as a word is for the reader to tell.
 */
export const asciiText = (bytes: Uint8Array, at: number, size: number): string => {
  let text = ''
  for (let index = at + size - 1; index >= at; index--) {
    const byte = bytes[index]!
    if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte)
  }
  return text.trim()
}
