import type { Measurement, Reading } from '../../core/reading.ts'
import { RowCodec } from '../../core/row.ts'
import { type StoreError, storeError } from './errors.ts'
import type { RowGroup, WritePart } from './insert.ts'
import { isStorable, keyOf, monthOf, monthStart, msOf, SERIES_LIMIT } from './key.ts'
import { Words } from './words.ts'

/** What the sending side knows of one month's file. */
export class MonthState {
  readonly words: Words
  readonly codec: RowCodec
  /** words the file has once everything sent so far is stored */
  sent: number

  constructor(words: readonly string[]) {
    this.words = new Words(words)
    this.codec = new RowCodec(this.words)
    this.sent = this.words.size
  }
}

export interface DeadReading {
  readonly index: number
  readonly error: StoreError
}

/** A batch as it goes to the store's thread. */
export interface EncodedBatch {
  readonly parts: readonly WritePart[]
  /** the arrays that are handed over */
  readonly transfer: readonly ArrayBuffer[]
  readonly dead: DeadReading[]
  /** place in the batch of a part's row */
  indexOf(part: number, group: number, row: number): number
}

/** The months a batch falls into; readings with impossible times belong to none. */
export const monthsOf = (readings: readonly Reading[]): Set<number> => {
  const months = new Set<number>()
  let start = 0
  let end = 0
  for (const { measuredAt } of readings) {
    if ((measuredAt >= start && measuredAt < end) || !isStorable(measuredAt)) continue
    const month = monthOf(measuredAt)
    months.add(month)
    start = monthStart(month)
    end = monthStart(month + 1)
  }
  return months
}

/**
 * Turns readings into rows, month by month and measurement by measurement.
 *
 * @param states  one for each of {@link monthsOf}; their dictionaries grow
 */
export const encodeBatch = (readings: readonly Reading[], states: ReadonlyMap<number, MonthState>): EncodedBatch => {
  const months = new Map<number, Map<Measurement, GroupWriter>>()
  const dead: DeadReading[] = []
  let month = Number.NaN
  let start = 0
  let end = 0
  let groups = new Map<Measurement, GroupWriter>()
  let state: MonthState | undefined
  let group: GroupWriter | undefined
  for (let index = 0; index < readings.length; index++) {
    const reading = readings[index]!
    const { measuredAt, series } = reading
    const problem = problemOf(reading)
    if (problem) {
      dead.push({ index, error: problem })
      continue
    }
    if (measuredAt < start || measuredAt >= end) {
      month = monthOf(measuredAt)
      start = monthStart(month)
      end = monthStart(month + 1)
      state = states.get(month)
      groups = months.get(month) ?? new Map<Measurement, GroupWriter>()
      months.set(month, groups)
      group = undefined
    }
    if (!state) throw new Error(`no dictionary for month ${month}`)
    if (group?.measurement !== series.measurement) {
      group = groups.get(series.measurement)
      if (!group) {
        group = new GroupWriter(series.measurement, readings.length - index)
        groups.set(series.measurement, group)
      }
    }
    const number = state.codec.seriesId(series)
    if (number >= SERIES_LIMIT - 4096) {
      dead.push({ index, error: storeError('STORE_SERIES', `series ${series.key} would be number ${number} of its month`) })
      continue
    }
    group.add(index, keyOf(measuredAt, number), msOf(measuredAt), state.codec.encodeBody(reading))
  }
  return finish(months, states, dead)
}

const finish = (
  months: ReadonlyMap<number, ReadonlyMap<Measurement, GroupWriter>>,
  states: ReadonlyMap<number, MonthState>,
  dead: DeadReading[],
): EncodedBatch => {
  const parts: WritePart[] = []
  const transfer: ArrayBuffer[] = []
  const indexes: Uint32Array[][] = []
  for (const [month, groups] of months) {
    const state = states.get(month)!
    const rows = [...groups.values()].map((writer) => writer.finish())
    parts.push({ month, wordsBefore: state.sent, fresh: state.words.since(state.sent), groups: rows })
    state.sent = state.words.size
    for (const { keys, ms, ends, bytes } of rows) transfer.push(keys.buffer, ms.buffer, ends.buffer, bytes.buffer)
    indexes.push([...groups.values()].map(({ indexes }) => indexes))
  }
  return { parts, transfer, dead, indexOf: (part, group, row) => indexes[part]![group]![row]! }
}

/** Why a reading can never be stored, or null. */
export const problemOf = ({ series, measuredAt, receivedAt, raws }: Reading): StoreError | null => {
  if (!isStorable(measuredAt) || !Number.isSafeInteger(receivedAt))
    return storeError('STORE_TIME', `${series.key} measured at ${measuredAt}, received at ${receivedAt}`)
  for (let column = 0; column < raws.length; column++) {
    const raw = raws[column]
    if (typeof raw === 'number' && raw % 1 !== 0) return storeError('STORE_VALUE', `${series.key}: column ${column} is ${raw}`)
  }
  return null
}

/** Rows of one measurement and month as they are added. */
class GroupWriter {
  readonly measurement: Measurement
  readonly indexes: Uint32Array
  readonly #keys: Float64Array<ArrayBuffer>
  readonly #ms: Int32Array<ArrayBuffer>
  readonly #ends: Uint32Array<ArrayBuffer>
  #bytes: Uint8Array<ArrayBuffer>
  #count = 0
  #at = 0
  #last = 0
  #sorted = true

  constructor(measurement: Measurement, capacity: number) {
    this.measurement = measurement
    this.indexes = new Uint32Array(capacity)
    this.#keys = new Float64Array(capacity)
    this.#ms = new Int32Array(capacity)
    this.#ends = new Uint32Array(capacity)
    this.#bytes = new Uint8Array(capacity * 64 + 256)
  }

  add(index: number, key: number, ms: number, body: Uint8Array): void {
    const row = this.#count++
    if (this.#at + body.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + body.length))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes.set(body, this.#at)
    this.#at += body.length
    this.indexes[row] = index
    this.#keys[row] = key
    this.#ms[row] = ms
    this.#ends[row] = this.#at
    if (key < this.#last) this.#sorted = false
    this.#last = key
  }

  finish(): RowGroup & {
    readonly keys: Float64Array<ArrayBuffer>
    readonly ms: Int32Array<ArrayBuffer>
    readonly ends: Uint32Array<ArrayBuffer>
    readonly bytes: Uint8Array<ArrayBuffer>
  } {
    return {
      measurement: this.measurement,
      count: this.#count,
      keys: this.#keys,
      ms: this.#ms,
      ends: this.#ends,
      bytes: this.#bytes,
      sorted: this.#sorted,
    }
  }
}
