import type { GatewayError, Reading, Result, Series } from '../core/index.ts'
import { fail, type Say, textOf } from './errors.ts'
import { type Conflict, compareReadings, isDoubtful } from './merge.ts'
import { Past } from './past.ts'

export interface MemoryDeps {
  /** The row the store has for a series and instant. It answers within a deadline of its own. */
  readonly lookUp: (series: Series, measuredAt: number) => Promise<Result<Reading | null>>
  /** The newest row of a series that is known after a restart. */
  readonly newest: (seriesKey: string) => Reading | null | undefined
  readonly say: Say
  /** Series remembered at most. */
  readonly maxSeries?: number
}

/** What is to be done with a reading. */
export type Admission =
  /** Store it. `late`: older than the newest of its series, so never the present value; `unchecked`: the store could not say whether it has it. */
  | { readonly kind: 'new'; readonly reading: Reading }
  | { readonly kind: 'late'; readonly reading: Reading; readonly unchecked: GatewayError | null }
  /** Nothing to store. */
  | { readonly kind: 'duplicate'; readonly settled: Promise<boolean> | null }
  /** Store this in place of the kept row: its values and those that were not there. */
  | { readonly kind: 'merged'; readonly reading: Reading }
  /** A good row has the instant of this doubtful reading, of which nothing is remembered: try the next millisecond. */
  | { readonly kind: 'occupied' }
  /** Store `reading` in place of the doubtful row; `displaced` is that row as it was, to be admitted one millisecond later. */
  | { readonly kind: 'displaced'; readonly reading: Reading; readonly displaced: Reading }
  /** The first value stays. `reading` is to be stored when it is not null: kept values and new columns. */
  | {
      readonly kind: 'conflict'
      readonly reading: Reading | null
      readonly conflicts: readonly Conflict[]
      readonly settled: Promise<boolean> | null
    }

const MAX_SERIES = 50_000

/**
 * Remembers the last rows of each series, so that what a broker sends twice is stored once, what comes in parts becomes one row,
 * and what contradicts a kept value is told and not stored. A doubtful reading never shares a row with a good one: it makes way.
 *
 * Whoever stores an admitted reading says so with `committed`, or `forget` when it was refused. Until then a repeat of it carries
 * `settled`: true when the row has become safe, false when it was forgotten and the repeat is to be admitted again.
 */
export class Memory {
  readonly #deps: MemoryDeps
  readonly #maxSeries: number
  /** Least recently used first. */
  readonly #series = new Map<string, Past>()
  readonly #queues = new Map<string, Promise<unknown>>()
  readonly #settling = new Map<Reading, ((isSafe: boolean) => void)[]>()

  constructor(deps: MemoryDeps) {
    this.#deps = deps
    this.#maxSeries = deps.maxSeries ?? MAX_SERIES
  }

  /** Series remembered. */
  get size(): number {
    return this.#series.size
  }

  /** Judges a reading that nobody has to be asked about; null: it has to wait for {@link admit}. */
  admitNow(reading: Reading): Admission | null {
    return !this.#queues.has(reading.series.key) && this.#needsNobody(reading) ? this.#judge(reading, null, null) : null
  }

  /**
   * What {@link admit} would meet at the reading's instant, from memory alone; nothing is remembered.
   *
   * @returns  `free`: no row; `same`: a row that has all its values; `occupied`: any other row
   */
  judgeOnly(reading: Reading): 'free' | 'same' | 'occupied' {
    const { series, measuredAt } = reading
    const past = this.#series.get(series.key) ?? new Past(this.#deps.newest(series.key) ?? null)
    const kept = past.at(measuredAt)
    if (kept === null) return 'free'
    if (isDoubtful(kept) !== isDoubtful(reading)) return 'occupied'
    const { merged, conflicts } = compareReadings(kept, reading)
    return merged === null && conflicts.length === 0 ? 'same' : 'occupied'
  }

  /** Judges a reading. Those of one series are judged in the order of the calls. */
  admit(reading: Reading): Promise<Admission> {
    const { key } = reading.series
    const before = this.#queues.get(key)
    if (before === undefined && this.#needsNobody(reading)) return Promise.resolve(this.#judge(reading, null, null))
    const decide = () => this.#decide(reading)
    const answer = (before ?? Promise.resolve()).then(decide, decide)
    this.#queues.set(key, answer)
    return answer.finally(() => {
      if (this.#queues.get(key) === answer) this.#queues.delete(key)
    })
  }

  /** The reading of an admission is on the disk. */
  committed(reading: Reading): void {
    this.#series.get(reading.series.key)?.commit(reading)
    this.#settle(reading, true)
  }

  /** The reading of an admission could not be stored: its repetition is no duplicate. */
  forget(reading: Reading): void {
    this.#series.get(reading.series.key)?.forget(reading)
    this.#settle(reading, false)
  }

  #needsNobody(reading: Reading): boolean {
    return this.#past(reading.series.key).knows(reading.measuredAt)
  }

  async #decide(reading: Reading): Promise<Admission> {
    if (this.#needsNobody(reading)) return this.#judge(reading, null, null)
    try {
      const found = await this.#deps.lookUp(reading.series, reading.measuredAt)
      return found.ok ? this.#judge(reading, found.value, null) : this.#judge(reading, null, this.#silent(reading, found.error.message))
    } catch (error) {
      return this.#judge(reading, null, this.#silent(reading, textOf(error)))
    }
  }

  #silent({ series, measuredAt }: Reading, why: string): GatewayError {
    const { error } = fail('PUSH_STORE_SILENT', `${series.key} at ${measuredAt}: ${why}`, { series: series.key, measuredAt })
    this.#deps.say(error)
    return error
  }

  /** @param stored  the row that the store has, when it was asked */
  #judge(reading: Reading, stored: Reading | null, unchecked: GatewayError | null): Admission {
    const past = this.#past(reading.series.key)
    const { measuredAt } = reading
    if (stored) past.recall(stored)
    const kept = past.at(measuredAt)
    if (kept === null) {
      const isNew = measuredAt > past.newest
      past.add(reading)
      return isNew ? { kind: 'new', reading } : { kind: 'late', reading, unchecked }
    }
    if (isDoubtful(reading) && !isDoubtful(kept)) return { kind: 'occupied' }
    if (isDoubtful(kept) && !isDoubtful(reading)) {
      past.add(reading)
      return { kind: 'displaced', reading, displaced: kept }
    }
    const { merged, conflicts } = compareReadings(kept, reading)
    // While the good row is not safe, what it displaced is not either: whoever stores more of the row sees to both.
    const displaced = merged !== null && !isDoubtful(merged) ? past.doubtfulAt(measuredAt) : null
    const settled = merged === null && !past.isSafe(measuredAt) ? this.#whenSettled(kept) : null
    if (merged) past.add(merged)
    if (conflicts.length > 0) return { kind: 'conflict', reading: merged, conflicts, settled }
    if (merged === null) return { kind: 'duplicate', settled }
    return displaced ? { kind: 'displaced', reading: merged, displaced } : { kind: 'merged', reading: merged }
  }

  #past(key: string): Past {
    let past = this.#series.get(key)
    if (past === undefined) past = new Past(this.#deps.newest(key) ?? null)
    // While there is room for all, nobody asks which was used last.
    else if (this.#series.size < this.#maxSeries / 2) return past
    else this.#series.delete(key)
    this.#series.set(key, past)
    if (this.#series.size > this.#maxSeries)
      for (const oldest of this.#series.keys()) {
        this.#series.delete(oldest)
        break
      }
    return past
  }

  #whenSettled(kept: Reading): Promise<boolean> {
    return new Promise((resolve) => {
      const others = this.#settling.get(kept)
      if (others) others.push(resolve)
      else this.#settling.set(kept, [resolve])
    })
  }

  #settle(reading: Reading, isSafe: boolean): void {
    const waiting = this.#settling.get(reading)
    this.#settling.delete(reading)
    for (const resolve of waiting ?? []) resolve(isSafe)
  }
}
