import type { RatioKind } from '../../src/core/adapter.ts'
import type { TimeOrder } from './bcd.ts'
import type { Variant } from './frame.ts'

/** How bytes of a field are read. `bytes` is its size on the wire. */
export type Format =
  | { readonly kind: 'number'; readonly bytes: number; readonly scaler: number; readonly signed: boolean; readonly unit: string | null }
  | { readonly kind: 'time'; readonly bytes: number; readonly order: TimeOrder }
  | { readonly kind: 'digits'; readonly bytes: number }
  | { readonly kind: 'ascii'; readonly bytes: number }
  | { readonly kind: 'word'; readonly bytes: number; readonly word: number }
  /** Passed through; 0 bytes = whatever is left. */
  | { readonly kind: 'hex'; readonly bytes: number }

/** One field of an answer. The label names it inside a record or block; empty = the item itself. */
export interface Part {
  readonly label: string
  readonly format: Format
}

/** A group of parts that an answer holds as many times as the meter has values. */
export interface Repeat {
  readonly max: number
  readonly label: (index: number) => string
  readonly obis: (index: number) => string | null
  /** Byte behind the last value. @source DL/T 645-1997, data blocks end with AAH */
  readonly end?: number
}

/** One data item (数据标识): what its answer holds. Made by `itemOf`, kept in its cache, never changed. */
export interface Item {
  readonly di: string
  readonly variant: Variant
  /** `forward active energy`; the same words for one tariff and for the block. */
  readonly quantity: string
  /** Name in Chinese, where the house has one. */
  readonly zh: string
  readonly parts: readonly Part[]
  readonly repeat: Repeat | null
  readonly obis: string | null
  readonly ratio: RatioKind
  readonly tariff: string | null
  readonly phase: string | null
  readonly settlement: number | 'block' | null
  /** Load record and curve answers have layouts of their own. */
  readonly layout: 'parts' | 'load-record' | 'curve'
  /** How many of the last parts an older meter may leave out. */
  readonly optional: number
  /** False for identifiers the tables do not hold: the bytes are passed through. */
  readonly known: boolean
}

export const num = (bytes: number, scaler: number, unit: string | null, signed = false): Format => ({
  kind: 'number',
  bytes,
  scaler,
  signed,
  unit,
})
export const time = (order: TimeOrder): Format => ({ kind: 'time', bytes: order.length, order })
export const count = (bytes = 3): Format => num(bytes, 0, null)
export const minutes = (bytes = 3): Format => num(bytes, 0, 'min')
export const word = (number: number): Format => ({ kind: 'word', bytes: 2, word: number })
export const hex = (bytes: number): Format => ({ kind: 'hex', bytes })
export const part = (label: string, format: Format): Part => ({ label, format })

/** An item with everything it does not say filled in. */
export const item = (
  variant: Variant,
  di: string,
  quantity: string,
  zh: string,
  format: Format | readonly Part[],
  more: Partial<Item> = {},
): Item => ({
  di,
  variant,
  quantity,
  zh,
  parts: 'kind' in format ? [part('', format)] : format,
  repeat: null,
  obis: null,
  ratio: 'none',
  tariff: null,
  phase: null,
  settlement: null,
  layout: 'parts',
  optional: 0,
  known: true,
  ...more,
})

/** Name of a tariff (费率) in the order of the meter: `total`, then `tariff1` = 尖, 2 = 峰, 3 = 平, 4 = 谷 by national habit. */
export const tariffName = (index: number): string => (index === 0 ? 'total' : `tariff${index}`)

const ORDINAL_ENDINGS = ['th', 'st', 'nd', 'rd'] as const
/** `last`, `2nd last`, `3rd last`. */
export const nthLast = (n: number): string => {
  if (n === 1) return 'last'
  const ending = n % 100 >= 11 && n % 100 <= 13 ? 'th' : (ORDINAL_ENDINGS[n % 10] ?? 'th')
  return `${n}${ending} last`
}
