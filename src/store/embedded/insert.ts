import type { Measurement } from '../../core/reading.ts'
import { hourStartOf, OVERFLOW } from './key.ts'
import { nullableNumberOf, numberOf, type Partition, ROWS_A_STATEMENT } from './partition.ts'

/** Rows of one measurement and month on their way to the store's thread: four arrays that are handed over, not copied. */
export interface RowGroup {
  readonly measurement: Measurement
  readonly count: number
  readonly keys: Float64Array
  /** milliseconds within the hour, -1 for whole seconds */
  readonly ms: Int32Array
  /** where each body ends in `bytes` */
  readonly ends: Uint32Array
  readonly bytes: Uint8Array
  /** the keys never fall */
  readonly sorted: boolean
}

/** What goes to one month's file in one transaction. */
export interface WritePart {
  readonly month: number
  /** words the sender believes the file to have; when it is mistaken, the bodies mean nothing */
  readonly wordsBefore: number
  readonly fresh: readonly string[]
  readonly groups: readonly RowGroup[]
}

const columns = '(key, ms, body) VALUES '
const upsert = ' ON CONFLICT (key) DO UPDATE SET body = excluded.body WHERE ms IS excluded.ms'

/**
 * Inserts or overwrites rows; to be called within a transaction. A row whose second is taken by a reading of other milliseconds
 * changes nothing there and goes to an overflow slot of its hour instead.
 *
 * @returns  rows for which no slot was left
 */
export const insertRows = (partition: Partition, { measurement, count, keys, ms, ends, bytes, sorted }: RowGroup): number[] => {
  const one = partition.prepare(`INSERT INTO ${measurement} ${columns}(?,?,?)${upsert}`)
  const crowded: number[] = []
  const order = sorted ? null : inKeyOrder(keys, count)
  const body = (row: number) => bytes.subarray(row === 0 ? 0 : ends[row - 1]!, ends[row]!)
  const single = (row: number) => {
    const own = ms[row]! < 0 ? null : ms[row]!
    if (Number(one.run(keys[row]!, own, body(row)).changes) > 0) return
    if (!overflow(partition, measurement, keys[row]!, own, body(row))) crowded.push(row)
  }
  let at = 0
  if (count >= ROWS_A_STATEMENT) {
    const many = partition.prepare(`INSERT INTO ${measurement} ${columns}${new Array(ROWS_A_STATEMENT).fill('(?,?,?)').join(',')}${upsert}`)
    const values: (number | null | Uint8Array)[] = new Array(3 * ROWS_A_STATEMENT).fill(null)
    for (; at + ROWS_A_STATEMENT <= count; at += ROWS_A_STATEMENT) {
      for (let next = 0; next < ROWS_A_STATEMENT; next++) {
        const row = order ? order[at + next]! : at + next
        const own = ms[row]!
        values[3 * next] = keys[row]!
        values[3 * next + 1] = own < 0 ? null : own
        values[3 * next + 2] = body(row)
      }
      if (Number(many.run(...values).changes) === ROWS_A_STATEMENT) continue
      // Some second was taken. Which one, SQLite does not say; writing a row again changes nothing.
      for (let next = 0; next < ROWS_A_STATEMENT; next++) single(order ? order[at + next]! : at + next)
    }
  }
  for (; at < count; at++) single(order ? order[at]! : at)
  return crowded
}

const overflow = (partition: Partition, measurement: Measurement, key: number, ms: number | null, body: Uint8Array): boolean => {
  const start = hourStartOf(key)
  const own = ms ?? (key - start) * 1000
  let free = start + OVERFLOW
  const taken = partition.prepare(`SELECT key, ms FROM ${measurement} WHERE key BETWEEN ? AND ? ORDER BY key`)
  for (const row of taken.all(start + OVERFLOW, start + 4095)) {
    const slot = numberOf(row, 'key')
    if (nullableNumberOf(row, 'ms') === own) {
      partition.prepare(`UPDATE ${measurement} SET body = ? WHERE key = ?`).run(body, slot)
      return true
    }
    if (slot === free) free++
  }
  if (free > start + 4095) return false
  partition.prepare(`INSERT INTO ${measurement} ${columns}(?,?,?)`).run(free, own, body)
  return true
}

/** Row numbers by key; equal keys keep their order, so that the last one wins. */
const inKeyOrder = (keys: Float64Array, count: number): Uint32Array => {
  const order = Uint32Array.from({ length: count }, (_, row) => row)
  return order.sort((a, b) => keys[a]! - keys[b]! || a - b)
}
