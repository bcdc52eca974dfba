import { NUMBERS, type NumberFormat, type NumberFormatId, type TimeFormatId } from './formats.ts'

/**
 * How often a field stands in a row: a fixed number of times, or as often as a count in front of it says, plus so many. Absent = once,
 * and then it is no list.
 */
export type Times = number | { readonly counter: string; readonly plus: number } | null

interface Named {
  /** Name in JSON: that of the vector files where they have one. */
  readonly name: string
  /** For people: English, the Chinese term behind it. */
  readonly label: string
}
interface Listed {
  readonly times: Times
  /** What each one of a fixed list is: `total`, `A`, `B`, `C`. */
  readonly each: readonly string[] | null
}

/** BCD number of appendix A. */
export interface NumberField extends Named, Listed {
  readonly kind: 'number'
  readonly format: NumberFormat
  readonly unit: string
}
/** Unsigned binary number, low byte first. */
export interface UintField extends Named, Listed {
  readonly kind: 'uint'
  readonly size: number
  readonly unit: string
  /** EE, EF or FF in every byte means that there is no value: so for what was measured, not for what was set. */
  readonly fills: boolean
  readonly shape: 'number' | 'hex'
  readonly words: Readonly<Record<number, string>> | null
}
export interface TimeField extends Named, Listed {
  readonly kind: 'time'
  readonly format: TimeFormatId
  /** `clock` = an object of time and weekday; `spread` = time and weekday side by side; `text` = the time alone. */
  readonly shape: 'text' | 'clock' | 'spread'
}
/** Bytes that mean nothing by themselves, in wire order. */
export interface HexField extends Named {
  readonly kind: 'hex'
  /** Bytes, or the count that says how many. */
  readonly size: number | string
  /** Never shown to people who only watch. */
  readonly secret: boolean
}
/** Digits of an address, lowest pair first on the wire, shown most significant first. */
export interface DigitsField extends Named {
  readonly kind: 'digits'
  readonly size: number
}
/** ASCII in wire order, filled with zeros. */
export interface TextField extends Named {
  readonly kind: 'text'
  readonly size: number
}
export interface IpField extends Named {
  readonly kind: 'ip'
}
export interface BitPart extends Named {
  readonly from: number
  readonly width: number
  /** Added to what stands there: digits minus four. */
  readonly plus: number
  readonly words: Readonly<Record<number, string>> | null
}
/** Several small numbers in one word, low byte first. */
export interface BitsField {
  readonly kind: 'bits'
  readonly label: string
  readonly size: number
  readonly parts: readonly BitPart[]
}
/** How many of something follow. */
export interface CountField extends Named {
  readonly kind: 'count'
  readonly size: number
  readonly counter: string
  /** More than this cannot be. */
  readonly max: number
  /** Filled when the item has no values; then as many follow as fill follows. */
  readonly fills: boolean
}
/** Records one after another: as many as a count says and so many more, or to the end. */
export interface EachField extends Named {
  readonly kind: 'each'
  readonly counter: string | null
  readonly plus: number
  readonly of: Layout
  /** Shown as one list a field instead of one object a record. */
  readonly columns: boolean
}
/** Stands there only where so many bytes are left: what an edition added at the end. */
export interface OptionalField {
  readonly kind: 'optional'
  readonly size: number
  readonly of: Layout
}
/** Identifiers DA DT of four bytes: as many as a count says, or to the end. */
export interface IdentifiersField extends Named {
  readonly kind: 'identifiers'
  readonly counter: string | null
}
/** One identifier DA DT: shown as `pn` and `fn`, lists of them where it names several. */
export interface IdentifierField {
  readonly kind: 'identifier'
  readonly label: string
}
/** Event records, each with its own length. */
export interface EventsField extends Named {
  readonly kind: 'events'
}
/** Whatever is left. */
export interface RestField extends Named {
  readonly kind: 'rest'
}

export type Field =
  | NumberField
  | UintField
  | TimeField
  | HexField
  | DigitsField
  | TextField
  | IpField
  | BitsField
  | CountField
  | EachField
  | OptionalField
  | IdentifierField
  | IdentifiersField
  | EventsField
  | RestField

/** What a data unit holds, field by field in wire order. */
export type Layout = readonly Field[]

type Options = { readonly times?: Times; readonly each?: readonly string[] }

export const num = (
  name: string,
  label: string,
  format: NumberFormatId,
  unit: string,
  { times = null, each }: Options = {},
): NumberField => ({
  kind: 'number',
  name,
  label,
  format: NUMBERS[format],
  unit,
  times: each ? each.length : times,
  each: each ?? null,
})
/** Measured binary number: may be filled. */
export const measured = (name: string, label: string, size: number, unit = '', { times = null, each }: Options = {}): UintField => ({
  kind: 'uint',
  name,
  label,
  size,
  unit,
  fills: size > 1,
  shape: 'number',
  words: null,
  times: each ? each.length : times,
  each: each ?? null,
})
/** Binary number of a parameter: every value counts. */
export const uint = (
  name: string,
  label: string,
  size: number,
  more: { unit?: string; times?: Times; each?: readonly string[]; words?: Readonly<Record<number, string>>; hex?: boolean } = {},
): UintField => ({
  kind: 'uint',
  name,
  label,
  size,
  unit: more.unit ?? '',
  fills: false,
  shape: more.hex ? 'hex' : 'number',
  words: more.words ?? null,
  times: more.each ? more.each.length : (more.times ?? null),
  each: more.each ?? null,
})
export const time = (
  name: string,
  label: string,
  format: TimeFormatId,
  { times = null, each, shape = 'text' }: Options & { shape?: TimeField['shape'] } = {},
): TimeField => ({ kind: 'time', name, label, format, shape, times: each ? each.length : times, each: each ?? null })
export const hex = (name: string, label: string, size: number | string, secret = false): HexField => ({
  kind: 'hex',
  name,
  label,
  size,
  secret,
})
export const digits = (name: string, label: string, size = 6): DigitsField => ({ kind: 'digits', name, label, size })
export const text = (name: string, label: string, size: number): TextField => ({ kind: 'text', name, label, size })
export const ip = (name: string, label: string): IpField => ({ kind: 'ip', name, label })
export const part = (
  name: string,
  label: string,
  from: number,
  width: number,
  more: { plus?: number; words?: Readonly<Record<number, string>> } = {},
): BitPart => ({ name, label, from, width, plus: more.plus ?? 0, words: more.words ?? null })
export const bits = (label: string, size: number, ...parts: readonly BitPart[]): BitsField => ({ kind: 'bits', label, size, parts })
export const count = (name: string, label: string, size: number, counter = name, max = 0xffff): CountField => ({
  kind: 'count',
  name,
  label,
  size,
  counter,
  max,
  fills: false,
})
export const each = (name: string, label: string, counter: string | null, ...of: Layout): EachField => ({
  kind: 'each',
  name,
  label,
  counter,
  plus: 0,
  of,
  columns: false,
})
/** Records whose fields make lists side by side. */
export const columns = (label: string, counter: string, plus: number, ...of: Layout): EachField => ({
  kind: 'each',
  name: '',
  label,
  counter,
  plus,
  of,
  columns: true,
})
export const optional = (size: number, ...of: Layout): OptionalField => ({ kind: 'optional', size, of })
export const identifiers = (name: string, label: string, counter: string | null): IdentifiersField => ({
  kind: 'identifiers',
  name,
  label,
  counter,
})
export const identifier = (label: string): IdentifierField => ({ kind: 'identifier', label })
export const events = (): EventsField => ({ kind: 'events', name: 'events', label: 'event records (事件记录)' })
export const rest = (name: string, label: string): RestField => ({ kind: 'rest', name, label })

/** Number of tariffs (费率数 M): total and M tariffs follow. @source Q/GDW 376.1-2009, appendix B: M is 1 to 12; six bits in the archive */
export const tariffCount: CountField = {
  kind: 'count',
  name: 'tariffs',
  label: 'number of tariffs (费率数 M)',
  size: 1,
  counter: 'tariffs',
  max: 63,
  fills: true,
}
/** Total and one value a tariff. */
export const PER_TARIFF: Times = { counter: 'tariffs', plus: 1 }
/** As many as the curve has points. */
export const PER_POINT: Times = { counter: 'points', plus: 0 }
