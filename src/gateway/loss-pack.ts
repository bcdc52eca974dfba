import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { AreaLoss, LossItem } from './loss-types.ts'

/** A column of quarter hours: one value where all are the same, which most columns are. */
type PackedColumn<T> = { readonly same: T } | { readonly each: readonly T[] }
type Columns = { readonly [Name in keyof LossItem]: PackedColumn<LossItem[Name]> }
interface PackedQuarters {
  readonly count: number
  readonly columns: Columns
}

/** A day without its quarter hours. */
export const packBody = (loss: AreaLoss): Uint8Array => packed({ ...loss, quarters: [] })
export const unpackBody = (bytes: Uint8Array): AreaLoss => JSON.parse(unpacked(bytes))

/** Quarter hours of a day, column by column: a quarter of the bytes of one object each, and of the time to read them. */
export const packQuarters = (items: readonly LossItem[]): Uint8Array => {
  const [first] = items
  return first === undefined ? packed([]) : packed({ count: items.length, columns: columnsOf(first, items) } satisfies PackedQuarters)
}

/** Reads what {@link packQuarters} writes and wrote before. */
export const unpackQuarters = (bytes: Uint8Array): readonly LossItem[] => {
  const found: readonly LossItem[] | PackedQuarters = JSON.parse(unpacked(bytes))
  return 'columns' in found ? Array.from({ length: found.count }, (_, at) => itemAt(found.columns, at)) : found
}

const packed = (value: unknown): Uint8Array => deflateRawSync(Buffer.from(JSON.stringify(value)), { level: 1, chunkSize: CHUNK })
const unpacked = (bytes: Uint8Array): string => inflateRawSync(bytes, { chunkSize: CHUNK }).toString('utf8')
const CHUNK = 8192

const columnsOf = (first: LossItem, items: readonly LossItem[]): Columns => {
  const column = <Name extends keyof LossItem>(name: Name): PackedColumn<LossItem[Name]> => {
    const value = first[name]
    return items.every((item) => isEqual(item[name], value)) ? { same: value } : { each: items.map((item) => item[name]) }
  }
  return {
    ...{ from: column('from'), to: column('to'), supply: column('supply'), reverse: column('reverse'), generation: column('generation') },
    ...{ measured: column('measured'), sold: column('sold'), loss: column('loss'), ofInput: column('ofInput'), ofNet: column('ofNet') },
    ...{ meters: column('meters'), good: column('good'), meterPpm: column('meterPpm'), energyPpm: column('energyPpm') },
    ...{ estimatedPpm: column('estimatedPpm'), state: column('state'), grade: column('grade'), judgedIn: column('judgedIn') },
    ...{ faults: column('faults'), missing: column('missing'), bound: column('bound'), stepKwh: column('stepKwh') },
    ...{ watches: column('watches'), version: column('version') },
  }
}

type Value = LossItem[keyof LossItem]
const isEqual = (a: Value, b: Value): boolean => {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

const valueAt = <T>(column: PackedColumn<T>, at: number): T => {
  if ('same' in column) return column.same
  const value = column.each[at]
  if (value === undefined) throw new TypeError(`quarter hour ${at} of ${column.each.length} is not there`)
  return value
}

const itemAt = (columns: Columns, at: number): LossItem => ({
  from: valueAt(columns.from, at),
  to: valueAt(columns.to, at),
  supply: valueAt(columns.supply, at),
  reverse: valueAt(columns.reverse, at),
  generation: valueAt(columns.generation, at),
  measured: valueAt(columns.measured, at),
  sold: valueAt(columns.sold, at),
  loss: valueAt(columns.loss, at),
  ofInput: valueAt(columns.ofInput, at),
  ofNet: valueAt(columns.ofNet, at),
  meters: valueAt(columns.meters, at),
  good: valueAt(columns.good, at),
  meterPpm: valueAt(columns.meterPpm, at),
  energyPpm: valueAt(columns.energyPpm, at),
  estimatedPpm: valueAt(columns.estimatedPpm, at),
  state: valueAt(columns.state, at),
  grade: valueAt(columns.grade, at),
  judgedIn: valueAt(columns.judgedIn, at),
  faults: valueAt(columns.faults, at),
  missing: valueAt(columns.missing, at),
  bound: valueAt(columns.bound, at),
  stepKwh: valueAt(columns.stepKwh, at),
  watches: valueAt(columns.watches, at),
  version: valueAt(columns.version, at),
})
