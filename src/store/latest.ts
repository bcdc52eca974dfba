import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type Measurement, QUALITY, type Reading } from '../core/reading.ts'
import { ok, type Result } from '../core/result.ts'
import { RowCodec } from '../core/row.ts'
import type { Sink, SinkAnswer } from '../core/sink.ts'
import { workerUrl } from '../core/worker.ts'
import { problemOf } from './embedded/batch.ts'
import { ByteWriter } from './embedded/bytes.ts'
import { type StoreError, storeError } from './embedded/errors.ts'
import { storeThread } from './embedded/thread.ts'
import { Words } from './embedded/words.ts'
import type { LatestCalls, LatestRows } from './latest-file.ts'

export interface LatestOptions {
  readonly directory: string
  readonly log?: (error: StoreError) => void
}

/** Whose readings: exactly one of the three is given. */
export type Whose = { readonly meter: string } | { readonly point: string } | { readonly id: string }

/**
 * The latest reading (最新值) of every series, in memory and in a file of its own, so that it is there at once after a restart and
 * no store has to be asked for it. A sink like any other: its place in the outbox moves on when the changes are on the disk.
 */
export interface Latest extends Sink {
  /** Every series of a meter, a point, or an id of `comm`: the same list as long as no newer reading came. */
  latestOf(whose: Whose): readonly Reading[]
  all(measurement?: Measurement): readonly Reading[]
  /** By {@link Series.key}. */
  newest(seriesKey: string): Reading | undefined
  /** Drops series not heard of since: meters taken down, areas left. @returns how many */
  forget(before: number): Promise<Result<number, StoreError>>
}

const BATCH = 10_000
const DEADLINE_MS = 30_000

/**
 * Opens the latest values of a directory; the file is `latest.db`. A damaged one is set aside and begun afresh.
 *
 * @errors STORE_LOCKED, STORE_ACCESS, STORE_FULL, STORE_IO
 */
export const openLatest = async ({ directory, log = () => {} }: LatestOptions): Promise<Result<Latest, StoreError>> => {
  const path = join(directory, 'latest.db')
  const thread = storeThread<LatestCalls>(
    `the keeper of ${path}`,
    () => new Worker(workerUrl(import.meta.url, 'latest-worker'), { workerData: { directory } }),
    log,
  )
  const loaded = await thread.ask('load', null, { deadlineMs: DEADLINE_MS })
  if (!loaded.ok) {
    await thread.close()
    return loaded
  }
  const board = new Board()
  let words = new Words(loaded.value.words)
  let codec = new RowCodec(words)
  for (const reading of decodeRows(codec, loaded.value, log)) board.put(reading)
  let sent = words.size
  /** The file can no longer be trusted to hold what memory does: it is written anew with the next change. */
  let whole = false
  let closing: Promise<void> | null = null

  const persist = async (changed: Iterable<Reading>): Promise<Result<null, StoreError>> => {
    const reset = whole
    if (reset) {
      words = new Words()
      codec = new RowCodec(words)
      sent = 0
    }
    const rows = encodeRows(codec, reset ? board.all() : changed)
    const request = { ...rows, reset, wordsBefore: sent, words: words.since(sent) }
    sent = words.size
    // From here on a failure leaves the file behind; a write that comes in meanwhile adds to this one's words.
    whole = false
    const answer = await thread.ask('persist', request, {
      deadlineMs: DEADLINE_MS,
      transfer: [rows.series.buffer, rows.at.buffer, rows.ends.buffer, rows.bytes.buffer],
    })
    if (answer.ok && answer.value) return ok(null)
    whole = true
    return answer.ok ? { ok: false, error: storeError('STORE_BUSY', `${path} has another dictionary; it is written anew`) } : answer
  }

  const write = async (readings: readonly Reading[]): Promise<SinkAnswer> => {
    if (closing) return { kind: 'later', waitMs: null, error: storeError('STORE_WORKER', `${path} is closed`) }
    const changed = new Map<string, Reading>()
    const dead: { index: number; error: StoreError }[] = []
    for (let index = 0; index < readings.length; index++) {
      const reading = readings[index]!
      // Derived, and asked for elsewhere.
      if (reading.series.measurement === 'interval' || reading.series.measurement === 'area') continue
      const problem = problemOf(reading)
      if (problem) {
        dead.push({ index, error: problem })
        continue
      }
      const known = board.newest(reading.series.key)
      if (known && !replaces(reading, known)) continue
      board.put(reading)
      changed.set(reading.series.key, reading)
    }
    if (changed.size === 0 && !whole) return { kind: 'stored', dead }
    try {
      const stored = await persist(changed.values())
      if (stored.ok) return { kind: 'stored', dead }
      const { error } = stored
      return error.recovery === 'stop' ? { kind: 'stop', error } : { kind: 'later', waitMs: null, error }
    } catch (thrown) {
      whole = true
      return { kind: 'later', waitMs: null, error: storeError('STORE_BUG', `${path}: ${String(thrown)}`) }
    }
  }

  return ok({
    id: 'latest',
    batch: BATCH,
    write,
    latestOf: (whose) => board.of(whose),
    all: (measurement) => board.all(measurement),
    newest: (seriesKey) => board.newest(seriesKey),
    forget: async (before) => {
      const old = board.all().filter(({ receivedAt }) => receivedAt < before)
      if (old.length === 0) return ok(0)
      for (const reading of old) board.remove(reading)
      whole = true
      const stored = await persist([])
      return stored.ok ? ok(old.length) : stored
    },
    close: () => {
      closing ??= thread.close()
      return closing
    },
  })
}

/**
 * A newer instant replaces an older one, the same instant replaces itself. Where one of two polled clocks was doubtful its
 * instant proves nothing, and what was received later counts: a meter that once believed in the year 2099 would else never change again.
 */
const replaces = (reading: Reading, known: Reading): boolean =>
  isQuarantined(reading) !== isQuarantined(known) ? isQuarantined(known) : isNewer(reading, known)

/** What cannot be believed is kept, and never shown in place of what can. */
const isQuarantined = ({ quality }: Reading): boolean => (quality & QUALITY.quarantined) !== 0

/** What was pushed with a doubtful time lies under its arrival already: there the instant counts. */
const isNewer = (reading: Reading, known: Reading): boolean =>
  (reading.quality | known.quality) & QUALITY.clockDoubtful && reading.series.tags.source !== 'push'
    ? reading.receivedAt >= known.receivedAt
    : reading.measuredAt >= known.measuredAt

const OWNERS = ['meter', 'point', 'id'] as const

interface Entry {
  reading: Reading
  readonly owners: readonly Owner[]
}
interface Owner {
  readonly entries: Entry[]
  /** Of the entries; null: to be made again when somebody asks. */
  list: readonly Reading[] | null
}

/** The readings in memory, by series and by whose they are. */
class Board {
  readonly #bySeries = new Map<string, Entry>()
  readonly #byOwner = { meter: new Map<string, Owner>(), point: new Map<string, Owner>(), id: new Map<string, Owner>() }

  put(reading: Reading): void {
    const { key, tags } = reading.series
    const known = this.#bySeries.get(key)
    if (known) {
      known.reading = reading
      for (const owner of known.owners) owner.list = null
      return
    }
    const owners: Owner[] = []
    const entry = { reading, owners }
    for (const [kind, id] of ownersOf(tags)) {
      const all = this.#byOwner[kind]
      let owner = all.get(id)
      if (owner === undefined) {
        owner = { entries: [], list: null }
        all.set(id, owner)
      }
      owner.entries.push(entry)
      owner.list = null
      owners.push(owner)
    }
    this.#bySeries.set(key, entry)
  }

  remove({ series: { key, tags } }: Reading): void {
    const entry = this.#bySeries.get(key)
    if (!entry) return
    this.#bySeries.delete(key)
    for (const [kind, id] of ownersOf(tags)) {
      const owner = this.#byOwner[kind].get(id)
      if (!owner) continue
      owner.entries.splice(owner.entries.indexOf(entry), 1)
      owner.list = null
      if (owner.entries.length === 0) this.#byOwner[kind].delete(id)
    }
  }

  newest(key: string): Reading | undefined {
    return this.#bySeries.get(key)?.reading
  }

  of(whose: Whose): readonly Reading[] {
    const owner =
      'point' in whose
        ? this.#byOwner.point.get(whose.point)
        : 'meter' in whose
          ? this.#byOwner.meter.get(whose.meter)
          : this.#byOwner.id.get(whose.id)
    if (owner === undefined) return NOTHING
    owner.list ??= owner.entries.map(({ reading }) => reading)
    return owner.list
  }

  all(measurement?: Measurement): readonly Reading[] {
    const readings: Reading[] = []
    for (const { reading } of this.#bySeries.values())
      if (measurement === undefined || reading.series.measurement === measurement) readings.push(reading)
    return readings
  }
}

const NOTHING: readonly Reading[] = []

const ownersOf = (tags: Reading['series']['tags']) =>
  OWNERS.flatMap((kind) => {
    const id = tags[kind]
    return id === undefined || id === '-' ? [] : [[kind, id] as const]
  })

const encodeRows = (codec: RowCodec, readings: Iterable<Reading>) => {
  const list = [...readings]
  const series = new Float64Array(list.length)
  const at = new Float64Array(list.length)
  const ends = new Uint32Array(list.length)
  const writer = new ByteWriter(list.length * 64 + 64)
  for (let row = 0; row < list.length; row++) {
    const reading = list[row]!
    series[row] = codec.seriesId(reading.series)
    at[row] = reading.measuredAt
    writer.bytes(codec.encodeBody(reading))
    ends[row] = writer.length
  }
  return { series, at, ends, bytes: writer.view() }
}

const decodeRows = (codec: RowCodec, { series, at, ends, bytes }: LatestRows, log: (error: StoreError) => void): Reading[] => {
  const readings: Reading[] = []
  let damaged = 0
  for (let row = 0; row < series.length; row++)
    try {
      const body = bytes.subarray(row === 0 ? 0 : ends[row - 1]!, ends[row]!)
      readings.push(codec.decodeBody(body, codec.seriesAt(series[row]!), at[row]!))
    } catch {
      damaged++
    }
  if (damaged > 0) log(storeError('STORE_ROW', `${damaged} latest values cannot be read`))
  return readings
}
