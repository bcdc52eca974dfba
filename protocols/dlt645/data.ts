import type { MeterTime } from '../../src/core/adapter.ts'
import { ok, type Result } from '../../src/core/result.ts'
import { asciiText, digitsText, instantOf, isFill, isZero, readBcd, readTime, type TimeParts, timeText } from './bcd.ts'
import { type Dlt645Error, errorOf, fail } from './errors.ts'
import { hexByte } from './frame.ts'
import type { Format, Item, Part } from './item.ts'
import { type LoadBlock, parseLoadRecord } from './load-record.ts'

/** One field as the meter sent it. Exactly one of raw, text and error says something; a word has raw and text. */
export interface FieldValue {
  readonly label: string
  readonly format: Format
  /** Offset in the item's data, and size, in bytes. */
  readonly at: number
  readonly size: number
  /** Integer of numbers and words; value = raw × 10^scaler of the format. */
  readonly raw: number | null
  readonly text: string | null
  readonly time: TimeParts | null
  /** Why there is no value. */
  readonly error: Dlt645Error | null
}

/** One point of a curve item. */
export interface CurvePoint {
  readonly at: MeterTime | null
  readonly fields: readonly FieldValue[]
}

/** An answer taken apart. */
export interface Decoded {
  readonly item: Item
  /** Groups of fields: one, or one for each value of a block. */
  readonly groups: readonly (readonly FieldValue[])[]
  /** Names of the groups of a block. */
  readonly labels: readonly string[] | null
  /** The byte AA behind a 1997 block was there. */
  readonly blockEnd: boolean
  readonly points: readonly CurvePoint[]
  readonly blocks: readonly LoadBlock[]
}

/** Reads one field. A field without value brings its reason; it never brings a number. @errors DLT645_ABSENT, DLT645_BCD, DLT645_DATE in `error` */
export const readField = (part: Part, data: Uint8Array, at: number, size: number, di: string): FieldValue => {
  const { label, format } = part
  const what = label === '' ? `item ${di}` : `item ${di}, ${label}`
  const none = (error: Dlt645Error): FieldValue => ({ label, format, at, size, raw: null, text: null, time: null, error })
  const some = (raw: number | null, text: string | null, time: TimeParts | null = null): FieldValue => ({
    label,
    format,
    at,
    size,
    raw,
    text,
    time,
    error: null,
  })
  if (format.kind === 'word') {
    const value = data[at]! + data[at + 1]! * 256
    return some(value, `0x${hexByte(data[at + 1]!)}${hexByte(data[at]!)}`)
  }
  if (format.kind === 'hex') {
    let text = ''
    for (let index = at; index < at + size; index++) text += (index === at ? '' : ' ') + hexByte(data[index]!)
    return some(null, text)
  }
  if (isFill(data, at, size)) return none(absent(what, data[at]!))
  if (format.kind === 'number') {
    const raw = readBcd(data, at, size, format.signed)
    return Number.isNaN(raw) ? none(badBcd(what, data, at, size)) : some(raw, null)
  }
  if (format.kind === 'digits') return some(null, digitsText(data, at, size))
  if (format.kind === 'ascii') return some(null, asciiText(data, at, size))
  if (isZero(data, at, size) && format.order !== 'smh')
    return none(errorOf('DLT645_DATE', `${what}: not yet happened, the time is all zero`))
  const time = readTime(data, at, format.order)
  return time ? some(null, timeText(time), time) : none(errorOf('DLT645_DATE', `${what}: ${digitsText(data, at, size)} is no date or time`))
}

export const absent = (what: string, fill: number): Dlt645Error =>
  errorOf('DLT645_ABSENT', `${what}: the meter sent ${hexByte(fill)}H fill, it has no value`)
export const badBcd = (what: string, data: Uint8Array, at: number, size: number): Dlt645Error =>
  errorOf('DLT645_BCD', `${what}: ${digitsText(data, at, size)} holds a digit above 9`)

/**
 * Why a number read as NaN: no value, impossible digits, or not there.
 *
 * @param at  where the field begins in `data`
 */
export const whyNot = (data: Uint8Array, at: number, size: number, what: string): Dlt645Error => {
  if (at + size > data.length) return errorOf('DLT645_ABSENT', `${what}: the meter's block ends before this value`)
  return isFill(data, at, size) ? absent(what, data[at]!) : badBcd(what, data, at, size)
}

const sizeOf = (parts: readonly Part[]): number => parts.reduce((sum, { format }) => sum + format.bytes, 0)

const readGroup = (parts: readonly Part[], data: Uint8Array, start: number, end: number, di: string): FieldValue[] => {
  const fields: FieldValue[] = []
  let at = start
  for (const part of parts) {
    if (at >= end) break
    const size = part.format.bytes || end - at
    if (at + size > end) break
    fields.push(readField(part, data, at, size, di))
    at += size
  }
  return fields
}

const WORDS = 'zero one two three four five six seven eight nine ten eleven twelve'.split(' ')
const inWords = (bytes: number): string => WORDS[bytes] ?? `${bytes}`

const lengthError = (item: Item, expected: number, got: number): Result<never, Dlt645Error> => {
  const size = `${inWords(expected)} byte${expected === 1 ? '' : 's'}${item.repeat ? ' per value' : ''}`
  return fail('DLT645_LENGTH', `item ${item.di} is ${size} in the standard; the meter sent ${inWords(got)}`, { expected, got })
}

const empty = (item: Item): Decoded => ({ item, groups: [], labels: null, blockEnd: false, points: [], blocks: [] })

/**
 * Takes an answer apart.
 *
 * @param data     behind the data identifier, follow-up frames joined
 * @param partial  one frame of several: a value that was cut at the end is left out instead of being an error
 * @errors         DLT645_LENGTH: the bytes do not match the item and there is no value at all; a bad field alone is absent with its reason
 */
export const decodeItem = (item: Item, data: Uint8Array, partial = false): Result<Decoded, Dlt645Error> => {
  if (item.layout === 'load-record') return ok({ ...empty(item), blocks: parseLoadRecord(data, Number.parseInt(item.di.slice(2, 4), 16)) })
  if (item.layout === 'curve') return decodeCurve(item, data, partial)
  if (item.repeat) return decodeBlock(item, item.repeat.end, data, partial)
  const open = item.parts.at(-1)?.format.bytes === 0
  const size = sizeOf(item.parts)
  const least = size - sizeOf(item.parts.slice(item.parts.length - item.optional))
  const fits = open ? data.length >= size : data.length === size || (item.optional > 0 && data.length === least)
  if (!fits && !partial) return lengthError(item, size, data.length)
  return ok({ ...empty(item), groups: [readGroup(item.parts, data, 0, data.length, item.di)] })
}

const decodeBlock = (item: Item, endMark: number | undefined, data: Uint8Array, partial: boolean): Result<Decoded, Dlt645Error> => {
  const size = sizeOf(item.parts)
  const blockEnd = endMark !== undefined && data.length % size === 1 && data.at(-1) === endMark
  const length = blockEnd ? data.length - 1 : data.length
  const values = Math.floor(length / size)
  if (!partial && (length % size !== 0 || values === 0 || values > item.repeat!.max)) return lengthError(item, size, data.length)
  const groups = Array.from({ length: values }, (_, at) => readGroup(item.parts, data, at * size, (at + 1) * size, item.di))
  return ok({ ...empty(item), groups, blockEnd, labels: groups.map((_, at) => item.repeat!.label(at)) })
}

/** Bytes of the time in front of a curve point. */
const POINT_TIME = 5

const decodeCurve = (item: Item, data: Uint8Array, partial: boolean): Result<Decoded, Dlt645Error> => {
  const size = POINT_TIME + sizeOf(item.parts)
  if (data.length % size !== 0 && !partial) return lengthError(item, size, data.length)
  const points: CurvePoint[] = []
  for (let at = 0; at + size <= data.length; at += size) {
    const time = isFill(data, at, POINT_TIME) ? null : readTime(data, at, 'mhDMY')
    points.push({ at: time && instantOf(time), fields: readGroup(item.parts, data, at + POINT_TIME, at + size, item.di) })
  }
  return ok({ ...empty(item), points })
}
