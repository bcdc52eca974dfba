import type { Reading } from '../core/index.ts'
import { isDoubtful } from './merge.ts'

/** Rows of one series that are kept in memory. */
const ROWS = 16

/** An instant of which something was admitted that is not safe on disk yet, in the order in which it was admitted. */
interface Underway {
  readonly measuredAt: number
  readonly safe: Reading | null
  readonly underway: readonly Reading[]
}

/** A row that is safe stands for itself: there may be hundreds of thousands of them. */
type Row = Reading | Underway

const underwayOf = (row: Row): readonly Reading[] => ('underway' in row ? row.underway : [])
const safeOf = (row: Row): Reading | null => ('underway' in row ? row.safe : row)

/** What is known of one series: its last rows in the order in which they came, and its newest instant. */
export class Past {
  readonly #rows: Row[] = []
  /** Newest instant of the rows that are not in memory: what is newer and not here does not exist. */
  #floor = Number.NEGATIVE_INFINITY
  #newest = Number.NEGATIVE_INFINITY

  /** @param newest  the newest row from before; there may be any number of older ones */
  constructor(newest: Reading | null) {
    if (!newest) return
    this.#floor = newest.measuredAt
    this.recall(newest)
  }

  get newest(): number {
    return this.#newest
  }

  /** Whether a row of this instant, if there is one, is in memory. */
  knows(measuredAt: number): boolean {
    return measuredAt > this.#floor || this.has(measuredAt)
  }

  has(measuredAt: number): boolean {
    return this.#find(measuredAt) >= 0
  }

  /** The row as it is, or will be when all that is under way has been stored. */
  at(measuredAt: number): Reading | null {
    const row = this.#row(measuredAt)
    return row === undefined ? null : (underwayOf(row).at(-1) ?? safeOf(row))
  }

  /** The doubtful row of this instant, also when a good one is on its way into its place. */
  doubtfulAt(measuredAt: number): Reading | null {
    const row = this.#row(measuredAt)
    if (row === undefined) return null
    const safe = safeOf(row)
    return underwayOf(row).findLast(isDoubtful) ?? (safe !== null && isDoubtful(safe) ? safe : null)
  }

  /** Nothing of the row is under way. */
  isSafe(measuredAt: number): boolean {
    const row = this.#row(measuredAt)
    return row !== undefined && underwayOf(row).length === 0
  }

  add(reading: Reading): void {
    const { measuredAt } = reading
    const at = this.#find(measuredAt)
    const row = at < 0 ? undefined : this.#rows[at]
    if (row) this.#rows[at] = { measuredAt, safe: safeOf(row), underway: [...underwayOf(row), reading] }
    else this.#put({ measuredAt, safe: null, underway: [reading] })
  }

  /** A row that the store has. */
  recall(reading: Reading): void {
    if (!this.has(reading.measuredAt)) this.#put(reading)
  }

  commit(reading: Reading): void {
    const place = this.#find(reading.measuredAt)
    const row = place < 0 ? undefined : this.#rows[place]
    // Nearly always it is the only thing under way.
    if (row && 'underway' in row && row.underway.length === 1 && row.underway[0] === reading) {
      this.#rows[place] = reading
      return
    }
    // What was merged before it stands in it; what it displaced has its place.
    this.#end(reading, (row, at) => ({ ...row, safe: reading, underway: row.underway.slice(at + 1) }))
  }

  forget(reading: Reading): void {
    this.#end(reading, (row, at) => ({ ...row, underway: row.underway.toSpliced(at, 1) }))
  }

  #end(reading: Reading, after: (row: Underway, at: number) => Underway): void {
    const place = this.#find(reading.measuredAt)
    const row = place < 0 ? undefined : this.#rows[place]
    if (row === undefined || !('underway' in row)) return
    const at = row.underway.indexOf(reading)
    if (at < 0) return
    const next = after(row, at)
    if (next.underway.length > 0) this.#rows[place] = next
    else if (next.safe) this.#rows[place] = next.safe
    else {
      this.#rows.splice(place, 1)
      this.#newest = this.#rows.reduce((newest, one) => Math.max(newest, one.measuredAt), this.#floor)
    }
  }

  #row(measuredAt: number): Row | undefined {
    const at = this.#find(measuredAt)
    return at < 0 ? undefined : this.#rows[at]
  }

  /** Place of a row; -1, which must not be looked up in a list, when there is none: that is slow. */
  #find(measuredAt: number): number {
    if (measuredAt > this.#newest) return -1
    for (let at = this.#rows.length - 1; at >= 0; at--) if (this.#rows[at]?.measuredAt === measuredAt) return at
    return -1
  }

  #put(row: Row): void {
    this.#rows.push(row)
    if (row.measuredAt > this.#newest) this.#newest = row.measuredAt
    if (this.#rows.length <= ROWS) return
    const oldest = this.#rows.shift()
    if (oldest) this.#floor = Math.max(this.#floor, oldest.measuredAt)
  }
}
