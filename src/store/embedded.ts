import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RangeQuery, ReadingStore } from '../core/query.ts'
import type { Reading } from '../core/reading.ts'
import { ok, type Result } from '../core/result.ts'
import type { Sink, SinkAnswer } from '../core/sink.ts'
import { encodeBatch, MonthState, monthsOf } from './embedded/batch.ts'
import { readerThread, writerThread } from './embedded/call.ts'
import type { AreaDay, EnergyQuery } from './embedded/energy.ts'
import { fail, type StoreError, storeError } from './embedded/errors.ts'
import { dayOf, monthFile, monthOf, monthStart } from './embedded/key.ts'
import { PACK_FROM, type PackPosition, type PackStep } from './embedded/packer.ts'
import { LocalDays } from './embedded/zone.ts'

export type { AreaDay, EnergyQuery, EnergySum } from './embedded/energy.ts'
export type { StoreError } from './embedded/errors.ts'

export interface EmbeddedStoreOptions {
  readonly directory: string
  /** Days, counted back from now, whose rows stay unpacked because late readings are likely; 3 unless said. */
  readonly hotDays?: number
  /** Months kept besides the current one; kept for ever unless said. Applied by {@link EmbeddedStore.pack}. */
  readonly retentionMonths?: number
  /** Zone of the local days whose registers are kept; Asia/Shanghai unless said. */
  readonly zone?: string
  /** Hears of damaged files and rows, and of threads that died. */
  readonly log?: (error: StoreError) => void
}

export interface StoreStats {
  readonly rows: number
  readonly bytes: number
  readonly partitions: number
}

/** Readings in SQLite files on this machine, one a month; no server. */
export interface EmbeddedStore extends Sink, ReadingStore {
  /** Readings stored since it was opened. */
  readonly written: number
  /**
   * Energy by area and local day, from registers that are kept up to date with every batch. The area's supply meter counts like
   * any other unless it is excluded.
   *
   * @errors STORE_QUERY, STORE_SLOW, STORE_DAMAGED, STORE_IO
   */
  energyByArea(query: EnergyQuery): Promise<Result<readonly AreaDay[], StoreError>>
  stats(): Promise<Result<StoreStats, StoreError>>
  /**
   * Packs finished days column by column and lets months beyond the retention go. Works in short steps, so that batches get in
   * between; to be called now and then, once at a time.
   *
   * @returns  rows packed
   */
  pack(now: number): Promise<Result<number, StoreError>>
}

/** Most readings taken at once; more only makes a longer transaction. */
const BATCH = 10_000
const WRITE_MS = 30_000
const READ_MS = 60_000
/** A day whose registers were lost in a crash is worked out from its rows. */
const REBUILD_MS = 300_000
/** Months whose dictionaries the sending side keeps. */
const STATES = 4
const DAY_LIMIT = 3_700

/**
 * Opens the embedded store (内嵌存储) of a directory, which then belongs to this process.
 *
 * 'stored' means on the disk: every batch is one transaction per month with `synchronous=FULL`, because the outbox forgets its copy
 * upon that answer and a power cut may follow. Measured with 20,000 rows a commit, FULL and NORMAL wrote equally fast (1.10 million
 * rows/s both, SQLite alone); on a disk that takes 10 ms for a flush it costs 10 ms a batch.
 *
 * @errors STORE_LOCKED, STORE_ACCESS, STORE_FULL, STORE_IO, STORE_QUERY (unknown zone)
 */
export const openEmbeddedStore = async (options: EmbeddedStoreOptions): Promise<Result<EmbeddedStore, StoreError>> => {
  const { directory, hotDays = 3, retentionMonths, zone = 'Asia/Shanghai', log = () => {} } = options
  if (!isZone(zone)) return fail('STORE_QUERY', `${zone} is no time zone`)
  const writer = writerThread(directory, zone, log)
  const reader = readerThread(directory, zone, log)
  const opened = await writer.ask('open', null, { deadlineMs: READ_MS })
  if (!opened.ok) {
    await writer.close()
    return opened
  }
  const states = new Map<number, MonthState>()
  let written = 0
  let closing: Promise<void> | null = null

  const stateOf = async (month: number): Promise<Result<MonthState, StoreError>> => {
    const known = states.get(month)
    if (known) {
      states.delete(month)
      states.set(month, known)
      return ok(known)
    }
    const words = await writer.ask('words', month, { deadlineMs: WRITE_MS })
    if (!words.ok) return words
    // Another batch may have asked meanwhile; both must go on with the same dictionary.
    const state = states.get(month) ?? new MonthState(words.value)
    states.set(month, state)
    for (const other of states.keys()) if (states.size > STATES) states.delete(other)
    return ok(state)
  }

  const writeOnce = async (readings: readonly Reading[]): Promise<SinkAnswer | 'again'> => {
    const used = new Map<number, MonthState>()
    for (const month of monthsOf(readings)) {
      const state = await stateOf(month)
      if (!state.ok) return refuse(state.error)
      used.set(month, state.value)
    }
    // While one dictionary was fetched, another may have been given up: then its numbers can no longer be trusted.
    for (const [month, state] of used) if (used.size <= STATES && states.get(month) !== state) return 'again'
    const { parts, transfer, dead, indexOf } = encodeBatch(readings, used)
    const forget = () => {
      for (const [month, state] of used) if (states.get(month) === state) states.delete(month)
    }
    if (parts.length === 0) return { kind: 'stored', dead }
    const answer = await writer.ask('write', parts, { deadlineMs: WRITE_MS, transfer })
    if (!answer.ok) {
      forget()
      return refuse(answer.error)
    }
    let failed: StoreError | null = null
    let stale = false
    for (const [part, result] of answer.value.entries()) {
      if (result.kind === 'failed') failed = result.error
      else if (result.kind === 'stale') stale = true
      else
        for (const { group, row } of result.crowded) {
          const index = indexOf(part, group, row)
          const { series, measuredAt } = readings[index]!
          dead.push({ index, error: storeError('STORE_CROWDED', `${series.key} at ${new Date(measuredAt).toISOString()}`) })
        }
    }
    if (failed || stale) forget()
    if (failed) return refuse(failed)
    if (stale) return 'again'
    written += readings.length - dead.length
    return { kind: 'stored', dead: dead.sort((a, b) => a.index - b.index) }
  }

  const write = async (readings: readonly Reading[]): Promise<SinkAnswer> => {
    if (closing) return refuse(storeError('STORE_WORKER', `the store in ${directory} is closed`))
    try {
      for (let tries = 0; tries < 4; tries++) {
        const answer = await writeOnce(readings)
        if (answer !== 'again') return answer
      }
      return refuse(storeError('STORE_BUSY', 'the dictionary changed with every try'))
    } catch (thrown) {
      return refuse(storeError('STORE_BUG', String(thrown)))
    }
  }

  /** A damaged file found while reading is set aside by the one who writes. */
  // A question asked before the file was set aside speaks of the old file: the new one must stay.
  let turn = 0
  const asides = new Map<number, number>()
  const noticing = async <T>(asked: Promise<Result<Result<T, StoreError>, StoreError>>): Promise<Result<T, StoreError>> => {
    const began = ++turn
    const answer = await asked
    if (!answer.ok) return answer
    const { value } = answer
    if (!value.ok && value.error.code === 'STORE_DAMAGED' && typeof value.error.context.month === 'number') {
      const { month } = value.error.context
      if ((asides.get(month) ?? 0) < began) {
        asides.set(month, Number.POSITIVE_INFINITY)
        const aside = await writer.ask('setAside', month, { deadlineMs: WRITE_MS })
        asides.set(month, ++turn)
        if (!aside.ok) log(aside.error)
      }
    }
    return value
  }

  const energyByArea = async ({ from, to, zone: wanted, exclude = [] }: EnergyQuery): Promise<Result<readonly AreaDay[], StoreError>> => {
    if (!isZone(wanted)) return fail('STORE_QUERY', `${wanted} is no time zone`)
    if (!(from < to) || to - from > DAY_LIMIT * 86_400_000) return fail('STORE_QUERY', 'from must lie before to, by ten years at most')
    const days = new LocalDays(wanted)
    const areas: AreaDay[] = []
    for (let day = days.of(from); days.start(day) < to; day++) {
      const answer = await writer.ask('energyOfDay', { day, zone: wanted, exclude }, { deadlineMs: REBUILD_MS })
      if (!answer.ok) return answer
      for (const area of answer.value) areas.push(area)
    }
    return ok(areas)
  }

  const pack = async (now: number): Promise<Result<number, StoreError>> => {
    if (retentionMonths !== undefined) {
      const gone = await writer.ask('retain', monthStart(monthOf(now) - retentionMonths), { deadlineMs: READ_MS })
      if (!gone.ok) return gone
    }
    const months = await writer.ask('months', null, { deadlineMs: READ_MS })
    if (!months.ok) return months
    const before = dayOf(now) - hotDays
    let rows = 0
    for (const month of months.value) {
      if (dayOf(monthStart(month)) >= before) continue
      let position: PackPosition | null = PACK_FROM
      while (position) {
        const step: Result<PackStep, StoreError> = await writer.ask('pack', { month, before, position }, { deadlineMs: REBUILD_MS })
        if (!step.ok) return step
        if (step.value.damaged > 0)
          log(
            storeError('STORE_ROW', `${step.value.damaged} rows of ${monthFile(month)} stay unpacked`, {
              file: join(directory, monthFile(month)),
            }),
          )
        rows += step.value.rows
        position = step.value.next
      }
    }
    return ok(rows)
  }

  const stats = async (): Promise<Result<StoreStats, StoreError>> => {
    const months = await writer.ask('months', null, { deadlineMs: READ_MS })
    if (!months.ok) return months
    let rows = 0
    let bytes = 0
    for (const month of months.value) {
      const counted = await noticing(reader.ask('rows', month, { deadlineMs: REBUILD_MS }))
      if (!counted.ok) return counted
      rows += counted.value ?? 0
      bytes += await bytesOf(join(directory, monthFile(month)))
    }
    return ok({ rows, bytes, partitions: months.value.length })
  }

  return ok({
    id: 'embedded',
    batch: BATCH,
    get written() {
      return written
    },
    write,
    range: (query: RangeQuery) => noticing(reader.ask('range', query, { deadlineMs: READ_MS })),
    aggregate: (query) => noticing(reader.ask('aggregate', query, { deadlineMs: READ_MS })),
    scan: (query) => noticing(reader.ask('scan', query, { deadlineMs: READ_MS })),
    retain: (before) => writer.ask('retain', before, { deadlineMs: READ_MS }),
    energyByArea,
    pack,
    stats,
    close: () => {
      closing ??= Promise.all([writer.close(), reader.close()]).then(() => undefined)
      return closing
    },
  })
}

const refuse = (error: StoreError): SinkAnswer =>
  error.recovery === 'stop' ? { kind: 'stop', error } : { kind: 'later', waitMs: null, error }

const bytesOf = async (path: string): Promise<number> => {
  let bytes = 0
  for (const suffix of ['', '-wal'])
    bytes += await stat(path + suffix).then(
      ({ size }) => size,
      () => 0,
    )
  return bytes
}

const isZone = (zone: string): boolean => {
  try {
    return new LocalDays(zone).zone === zone
  } catch {
    return false
  }
}
