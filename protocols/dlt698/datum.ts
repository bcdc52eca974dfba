import type { Raw } from '../../src/core/decimal.ts'

/** Integers, with the bytes of each and whether the top bit is a sign. */
export const INTEGERS = {
  'double-long': { tag: 0x05, bytes: 4, signed: true },
  'double-long-unsigned': { tag: 0x06, bytes: 4, signed: false },
  integer: { tag: 0x0f, bytes: 1, signed: true },
  long: { tag: 0x10, bytes: 2, signed: true },
  unsigned: { tag: 0x11, bytes: 1, signed: false },
  'long-unsigned': { tag: 0x12, bytes: 2, signed: false },
  long64: { tag: 0x14, bytes: 8, signed: true },
  'long64-unsigned': { tag: 0x15, bytes: 8, signed: false },
  enum: { tag: 0x16, bytes: 1, signed: false },
} as const
export type IntegerType = keyof typeof INTEGERS

/** Types that are text: `length` = a length goes before the bytes. */
export const TEXTS = {
  'octet-string': { tag: 0x09, form: 'hex', bytes: null },
  'visible-string': { tag: 0x0a, form: 'ascii', bytes: null },
  'UTF8-string': { tag: 0x0c, form: 'utf8', bytes: null },
  OI: { tag: 0x50, form: 'digits', bytes: 2 },
  OAD: { tag: 0x51, form: 'digits', bytes: 4 },
  OMD: { tag: 0x53, form: 'digits', bytes: 4 },
  MAC: { tag: 0x56, form: 'hex', bytes: null },
  RN: { tag: 0x57, form: 'hex', bytes: null },
  COMDCB: { tag: 0x5f, form: 'hex', bytes: 5 },
} as const satisfies Record<string, { tag: number; form: 'hex' | 'ascii' | 'utf8' | 'digits'; bytes: number | null }>
export type TextType = keyof typeof TEXTS

/** A date_time: milliseconds and a weekday, which senders number in two ways and nobody checks. */
export interface DateTime {
  /** `2016-09-12 00:00:31.683`; null where all of it is FF. */
  readonly time: string | null
  readonly weekday: number
}

export interface Region {
  /** 0 `[ )`, 1 `( ]`, 2 `[ ]`, 3 `( )`. */
  readonly unit: number
  readonly from: Datum
  readonly to: Datum
}

export interface Sid {
  readonly id: number
  readonly data: string
}

/** Object attributes of one object: a table and its columns. */
export interface RecordColumns {
  readonly oad: string
  readonly columns: readonly string[]
}

/** Which meters (电表集合, MS). */
export type MeterSet =
  | { readonly ms: 'none' | 'all' }
  | { readonly ms: 'user-types'; readonly user_types: readonly number[] }
  | { readonly ms: 'addresses'; readonly tsa: readonly string[] }
  | { readonly ms: 'archive-numbers'; readonly numbers: readonly number[] }
  | { readonly ms: 'user-type-regions' | 'address-regions' | 'archive-number-regions'; readonly regions: readonly Region[] }

/** From, to and step of one column. */
export interface ColumnRange {
  readonly oad: string
  readonly from: Datum
  readonly to: Datum
  /** TI or a number; NULL = every record. */
  readonly step: Datum
}

/** Which rows of a record table (记录行选择描述符, RSD). */
export type RecordSelector =
  | { readonly rsd: 0 }
  | { readonly rsd: 1; readonly oad: string; readonly equals: Datum }
  | ({ readonly rsd: 2 } & ColumnRange)
  | { readonly rsd: 3; readonly selectors: readonly ColumnRange[] }
  | ({ readonly rsd: 4; readonly collect_start: string | null } & MeterSet)
  | ({ readonly rsd: 5; readonly collect_store: string | null } & MeterSet)
  /** By start (6), store (7) or success (8) time. */
  | ({
      readonly rsd: 6 | 7 | 8
      readonly from: string | null
      readonly to: string | null
      readonly ti: readonly [unit: number, count: number]
    } & MeterSet)
  | { readonly rsd: 9; readonly last: number }
  | ({ readonly rsd: 10; readonly last: number } & MeterSet)

/** Which column (CSD): an object attribute, or attributes of the records of another table. */
export type ColumnSelector = { readonly oad: string } | { readonly road: RecordColumns }

/** One value with its type (Data). NULL is a type of its own and never zero. */
export type Datum =
  | { readonly t: 'null' }
  | { readonly t: 'array' | 'structure'; readonly v: readonly Datum[] }
  | { readonly t: 'bool'; readonly v: boolean }
  /** `bits` counts bits; `v` has the bytes, the first bit sent on top. */
  | { readonly t: 'bit-string'; readonly bits: number; readonly v: string }
  | { readonly t: IntegerType; readonly v: Raw }
  | { readonly t: 'float32' | 'float64'; readonly v: number }
  | { readonly t: TextType; readonly v: string }
  | { readonly t: 'TSA'; readonly v: string }
  | { readonly t: 'date_time_s' | 'time'; readonly v: string | null }
  | { readonly t: 'date_time'; readonly v: DateTime }
  | { readonly t: 'date'; readonly v: { readonly date: string | null; readonly weekday: number } }
  /** Unit 0 s, 1 min, 2 h, 3 day, 4 month, 5 year, and how many. */
  | { readonly t: 'TI'; readonly v: readonly [unit: number, count: number] }
  | { readonly t: 'Scaler_Unit'; readonly v: readonly [scaler: number, unit: number] }
  | { readonly t: 'ROAD'; readonly v: RecordColumns }
  | { readonly t: 'Region'; readonly v: Region }
  | { readonly t: 'RSD'; readonly v: RecordSelector }
  | { readonly t: 'CSD'; readonly v: ColumnSelector }
  | { readonly t: 'RCSD'; readonly v: readonly ColumnSelector[] }
  | { readonly t: 'MS'; readonly v: MeterSet }
  | { readonly t: 'SID'; readonly v: Sid }
  | { readonly t: 'SID_MAC'; readonly v: { readonly sid: Sid; readonly mac: string } }

/** Tags of the types that are neither integers nor text. @source DL/T 698.45-2017, data types */
export const TAG = {
  null: 0x00,
  array: 0x01,
  structure: 0x02,
  bool: 0x03,
  bitString: 0x04,
  float32: 0x17,
  float64: 0x18,
  dateTime: 0x19,
  date: 0x1a,
  time: 0x1b,
  dateTimeS: 0x1c,
  road: 0x52,
  ti: 0x54,
  tsa: 0x55,
  region: 0x58,
  scalerUnit: 0x59,
  rsd: 0x5a,
  csd: 0x5b,
  ms: 0x5c,
  sid: 0x5d,
  sidMac: 0x5e,
  rcsd: 0x60,
} as const

/** Arrays within arrays that are followed; deeper is an attack, not a meter. */
export const MAX_DEPTH = 24

/** An integer datum's value; null for every other type. */
export const integerOf = (datum: Datum | undefined): Raw | null =>
  datum !== undefined && datum.t in INTEGERS && 'v' in datum && (typeof datum.v === 'number' || typeof datum.v === 'bigint')
    ? datum.v
    : null

/** The same where it must be a plain number. */
export const numberOf = (datum: Datum | undefined): number | null => {
  const value = integerOf(datum)
  return typeof value === 'number' ? value : null
}

/** Text of a datum that has some. */
export const textOf = (datum: Datum | undefined): string | null =>
  datum !== undefined && 'v' in datum && typeof datum.v === 'string' ? datum.v : null

/** Elements of an array or structure; empty for everything else. */
export const elementsOf = (datum: Datum | undefined): readonly Datum[] =>
  datum !== undefined && (datum.t === 'array' || datum.t === 'structure') ? datum.v : []

/** Any value as JSON text; integers beyond 2^53 as text. */
export const jsonText = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? one.toString() : one))
