import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Decimal, decimalNumber, subtract } from '../../core/decimal.ts'
import type { AggregateQuery, Bucket, RangePage, RangeQuery, ScanQuery } from '../../core/query.ts'
import { MEASUREMENTS, type Measurement, type Reading, type Series, scalerAt } from '../../core/reading.ts'
import { ok, type Result } from '../../core/result.ts'
import { fail, type StoreError, storeError, storeErrorOf } from './errors.ts'
import {
  dayOf,
  dayStart,
  EARLIEST,
  hourKey,
  hourOf,
  isStorable,
  LATEST,
  monthFile,
  monthOfFile,
  monthStart,
  packedKey,
  timeOf,
} from './key.ts'
import { unpackReadings } from './pack.ts'
import { mergeReadings } from './packer.ts'
import { bytesOf, knows, metaNumber, nullableNumberOf, numberOf, openForReading, type Partition, readWords } from './partition.ts'
import { isScannable, readPlace, type ScanPage, scanMonth, writePlace } from './scan.ts'
import { isSeriesWord } from './words.ts'

const OPEN_AT_ONCE = 4
const MOST_READINGS = 100_000
const MOST_BUCKETS = 100_000
/** In place of a cursor, which is base64url: the one that was given belongs to another file. */
const STRANGER = '?'

interface Opened {
  readonly partition: Partition
  readonly identity: string
  readonly index: SeriesIndex
}

/** Answers questions from the month files, beside the thread that writes them. */
export class Reader {
  readonly #directory: string
  readonly #log: (error: StoreError) => void
  readonly #open = new Map<number, Opened>()

  constructor(directory: string, log: (error: StoreError) => void) {
    this.#directory = directory
    this.#log = log
  }

  range(query: RangeQuery): Result<RangePage, StoreError> {
    const cursor = query.cursor === undefined ? null : readCursor(query.cursor)
    if (cursor === undefined) return fail('STORE_CURSOR', 'the cursor is not one of this store')
    if (!isAnswerable(query) || !(query.limit >= 1)) return fail('STORE_QUERY', 'who, when or how many is missing')
    const limit = Math.min(query.limit, MOST_READINGS)
    const from = cursor ? Math.max(query.from, cursor.at) : query.from
    const readings: Reading[] = []
    const visited = this.#visit({ ...query, from }, (day) => {
      for (const reading of day) if (!cursor || isAfter(reading, cursor)) readings.push(reading)
      return readings.length <= limit
    })
    if (!visited.ok) return visited
    if (readings.length <= limit) return ok({ readings, next: null })
    readings.length = limit
    return ok({ readings, next: writeCursor(readings[limit - 1]!) })
  }

  aggregate(query: AggregateQuery): Result<readonly Bucket[], StoreError> {
    const { from, to, everyMs, field, fn } = query
    if (!isAnswerable(query) || !(everyMs > 0) || (to - from) / everyMs > MOST_BUCKETS)
      return fail('STORE_QUERY', 'who or when is missing, or the periods are too many')
    const sums: (BucketSum | undefined)[] = new Array(Math.max(0, Math.ceil((to - from) / everyMs))).fill(undefined)
    const visited = this.#visit(query, (day) => {
      for (const reading of day) {
        const column = reading.shape.columns.findIndex((candidate) => candidate.field === field)
        const raw = reading.raws[column]
        if (raw === null || raw === undefined) continue
        const bucket = Math.floor((reading.measuredAt - from) / everyMs)
        const value = { raw, scaler: scalerAt(reading, column) }
        const sum = sums[bucket]
        if (sum) sum.add(value)
        else sums[bucket] = new BucketSum(value)
      }
      return true
    })
    if (!visited.ok) return visited
    return ok(sums.map((sum, bucket) => ({ from: from + bucket * everyMs, value: sum ? sum.value(fn) : null, count: sum ? sum.count : 0 })))
  }

  scan(query: ScanQuery): Result<RangePage, StoreError> {
    const cursor = query.cursor === undefined ? null : readPlace(query.cursor)
    if (cursor === undefined) return fail('STORE_CURSOR', 'the cursor is not one of this store')
    if (!isScannable(query)) return fail('STORE_QUERY', 'when or how many is missing, or the measurement has no such tag')
    const page: ScanPage = { limit: Math.min(query.limit, MOST_READINGS), readings: [], work: 0 }
    const at = cursor ? timeOf(hourKey(cursor.hour, 0), null) : EARLIEST
    const start = Math.max(Math.ceil(query.from), EARLIEST)
    const end = Math.min(query.to, LATEST)
    for (const month of monthsIn(this.#directory)) {
      const [from, to] = [Math.max(start, monthStart(month)), Math.min(end, monthStart(month + 1))]
      if (from >= to || to <= at) continue
      const place = cursor && at >= monthStart(month) ? cursor : null
      const answer = this.#read(month, (partition, index, file): string | null => {
        if (place && place.series >= 0 && place.file !== file) return STRANGER
        const few = query.points && index.few(query.points, partition.words.size)
        const stop = scanMonth(partition, query, { from, to }, place, page, few ?? null, (read) => this.#sparing(partition.path, read))
        return stop && writePlace(stop, file)
      })
      if (!answer.ok) return answer
      if (answer.value === STRANGER) return fail('STORE_CURSOR', `${monthFile(month)} was begun anew since the cursor was given out`)
      if (answer.value !== null) return ok({ readings: page.readings, next: answer.value })
    }
    return ok({ readings: page.readings, next: null })
  }

  /** Rows in a month's file. A late row of a packed day counts once more until it is packed too. */
  rows(month: number): Result<number | null, StoreError> {
    return this.#read(month, (partition) => {
      const { prepare } = partition
      let rows = 0
      for (const measurement of MEASUREMENTS) {
        if (!knows(partition, measurement)) continue
        rows += numberOf(prepare(`SELECT count(*) AS rows FROM ${measurement}`).get(), 'rows')
        rows += metaNumber({ prepare }, `packed ${measurement}`)
      }
      return rows
    })
  }

  close(): void {
    for (const { partition } of this.#open.values()) partition.close()
    this.#open.clear()
  }

  /** Hands over the readings asked for, a day at a time, in order of time and series, until `take` says no. */
  #visit(
    { measurement, tags, source, from, to }: RangeQuery | AggregateQuery,
    take: (day: readonly Reading[]) => boolean,
  ): Result<null, StoreError> {
    const start = Math.max(Math.ceil(from), EARLIEST)
    const end = Math.min(to, LATEST)
    for (const month of monthsIn(this.#directory)) {
      const first = Math.max(start, monthStart(month))
      const last = Math.min(end, monthStart(month + 1))
      if (first >= last) continue
      let more = true
      for (let day = dayOf(first); more && dayStart(day) < last; day++) {
        const answer = this.#read(month, (partition, index) => {
          const series = index.find(measurement, tags, source)
          // Series of a measurement come with its table.
          if (series.length === 0) return null
          return this.#day(partition, measurement, series, day).filter(({ measuredAt }) => measuredAt >= first && measuredAt < last)
        })
        if (!answer.ok) return answer
        if (answer.value === null) break
        more = take(answer.value)
      }
      if (!more) break
    }
    return ok(null)
  }

  #day(partition: Partition, measurement: Measurement, wanted: readonly number[], day: number): Reading[] {
    const { prepare, codec, shapes, path } = partition
    const start = dayStart(day)
    const hour = hourOf(start)
    const anyHot = prepare(`SELECT key FROM ${measurement} WHERE key >= ? AND key < ? LIMIT 1`)
    const hotDay = anyHot.get(hourKey(hour, 0), hourKey(hour + 24, 0)) !== undefined
    const hotRows = prepare(`SELECT key, ms, body FROM ${measurement} WHERE key >= ? AND key < ?`)
    const packedRow = prepare(`SELECT body FROM ${measurement}_packed WHERE key = ?`)
    const readings: Reading[] = []
    for (const number of wanted) {
      const series = codec.seriesAt(number)
      let packed: Reading[] = []
      const hot: Reading[] = []
      const row = packedRow.get(packedKey(day, number))
      if (row !== undefined)
        this.#sparing(path, () => {
          packed = unpackReadings(bytesOf(row, 'body'), series, start, shapes)
        })
      for (let at = hour; hotDay && at < hour + 24; at++)
        for (const found of hotRows.all(hourKey(at, number), hourKey(at, number + 1)))
          this.#sparing(path, () => {
            hot.push(codec.decodeBody(bytesOf(found, 'body'), series, timeOf(numberOf(found, 'key'), nullableNumberOf(found, 'ms'))))
          })
      const merged = hot.length === 0 ? packed : mergeReadings(packed, hot)
      if (wanted.length === 1) return merged
      for (const reading of merged) readings.push(reading)
    }
    return readings.sort(inOrder)
  }

  /** A row that cannot be read is left out and reported; the others are given. */
  #sparing(path: string, read: () => void): void {
    try {
      read()
    } catch (error) {
      this.#log(storeError('STORE_ROW', `${path}: ${String(error)}`, { file: path }))
    }
  }

  /** Runs `work` on one unchanging view of a month's file. */
  #read<T>(month: number, work: (partition: Partition, index: SeriesIndex, file: string) => T): Result<T | null, StoreError> {
    const path = join(this.#directory, monthFile(month))
    try {
      const opened = this.#opened(month, path)
      if (!opened) return ok(null)
      const { partition, index, identity } = opened
      partition.database.exec('BEGIN')
      try {
        readWords(partition)
        index.update(partition)
        return ok(work(partition, index, identity))
      } finally {
        partition.database.exec('COMMIT')
      }
    } catch (thrown) {
      this.#forget(month)
      const error = storeErrorOf(thrown, path)
      return { ok: false, error: { ...error, context: { ...error.context, month } } }
    }
  }

  #opened(month: number, path: string): Opened | null {
    const status = statSync(path, { throwIfNoEntry: false })
    const known = this.#open.get(month)
    const identity = status ? `${status.ino} ${status.birthtimeMs}` : ''
    if (known) {
      this.#open.delete(month)
      if (known.identity === identity) {
        this.#open.set(month, known)
        return known
      }
      // The file was removed or set aside meanwhile.
      known.partition.close()
    }
    if (!status) return null
    for (const [other] of this.#open) if (this.#open.size >= OPEN_AT_ONCE) this.#forget(other)
    const partition = openForReading(path, month)
    if (!partition) return null
    const opened = { partition, identity, index: new SeriesIndex() }
    this.#open.set(month, opened)
    return opened
  }

  #forget(month: number): void {
    try {
      this.#open.get(month)?.partition.close()
    } catch (error) {
      this.#log(storeError('STORE_IO', `closing ${monthFile(month)}: ${String(error)}`))
    }
    this.#open.delete(month)
  }
}

/** Months of which there is a file, oldest first. */
export const monthsIn = (directory: string): number[] =>
  readdirSync(directory)
    .flatMap((name) => monthOfFile(name) ?? [])
    .sort((a, b) => a - b)

/** Series of a file by the tags that single them out. */
class SeriesIndex {
  readonly #byTag = new Map<string, number[]>()
  readonly #series: (Series | undefined)[] = []
  #known = 0

  update({ words, codec }: Partition): void {
    for (; this.#known < words.size; this.#known++) {
      if (!isSeriesWord(words.textOf(this.#known)!)) continue
      const series = codec.seriesAt(this.#known)
      this.#series[this.#known] = series
      for (const tag of subjectsOf(series.measurement)) {
        const value = series.tags[tag]
        if (value === undefined) continue
        const name = `${tag} ${value}`
        const list = this.#byTag.get(name)
        if (list) list.push(this.#known)
        else this.#byTag.set(name, [this.#known])
      }
    }
  }

  /** Series of some points, ascending; null when they are so many that going through all of them is quicker. */
  few(points: ReadonlySet<string>, all: number): readonly number[] | null {
    if (points.size * 16 > all) return null
    return [...points].flatMap((point) => this.#byTag.get(`point ${point}`) ?? []).sort((a, b) => a - b)
  }

  find(measurement: Measurement, tags: Readonly<Record<string, string>>, source: string | undefined): number[] {
    const tag = subjectsOf(measurement).find((name) => tags[name] !== undefined)!
    const wanted = Object.entries(source === undefined ? tags : { ...tags, source })
    return (this.#byTag.get(`${tag} ${tags[tag]}`) ?? []).filter((number) => {
      const series = this.#series[number]!
      return series.measurement === measurement && wanted.every(([name, value]) => series.tags[name] === value)
    })
  }
}

const SINGLING: readonly string[] = ['meter', 'point', 'id']
/** Elsewhere an area is a crowd; its own figures are one series a period. */
const SUBJECTS_OF_AREAS: readonly string[] = ['area']
const subjectsOf = (measurement: Measurement) => (measurement === 'area' ? SUBJECTS_OF_AREAS : SINGLING)

const isAnswerable = ({ measurement, tags, from, to }: RangeQuery | AggregateQuery): boolean =>
  MEASUREMENTS.includes(measurement) && subjectsOf(measurement).some((name) => tags[name] !== undefined) && from <= to

interface Cursor {
  readonly at: number
  readonly series: string
}

const isAfter = ({ measuredAt, series }: Reading, cursor: Cursor): boolean =>
  measuredAt > cursor.at || (measuredAt === cursor.at && series.key > cursor.series)

const inOrder = (a: Reading, b: Reading): number => a.measuredAt - b.measuredAt || (a.series.key < b.series.key ? -1 : 1)

const writeCursor = ({ measuredAt, series }: Reading): string => Buffer.from(JSON.stringify([measuredAt, series.key])).toString('base64url')

const readCursor = (text: string): Cursor | undefined => {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (!Array.isArray(parts)) return undefined
    const [at, series]: unknown[] = parts
    return typeof at === 'number' && isStorable(at) && typeof series === 'string' ? { at, series } : undefined
  } catch {
    return undefined
  }
}

/** One bucket as it fills, in order of time. */
class BucketSum {
  count = 1
  readonly #first: Decimal
  #last: Decimal
  #sum: number
  #min: number
  #max: number

  constructor(value: Decimal) {
    this.#first = value
    this.#last = value
    this.#sum = decimalNumber(value.raw, value.scaler)
    this.#min = this.#sum
    this.#max = this.#sum
  }

  add(value: Decimal): void {
    const number = decimalNumber(value.raw, value.scaler)
    this.count++
    this.#last = value
    this.#sum += number
    this.#min = Math.min(this.#min, number)
    this.#max = Math.max(this.#max, number)
  }

  value(fn: AggregateQuery['fn']): number {
    return valueBy[fn]({ count: this.count, first: this.#first, last: this.#last, sum: this.#sum, min: this.#min, max: this.#max })
  }
}

interface Summed {
  readonly count: number
  readonly first: Decimal
  readonly last: Decimal
  readonly sum: number
  readonly min: number
  readonly max: number
}

const valueBy: Readonly<Record<AggregateQuery['fn'], (sum: Summed) => number>> = {
  mean: ({ sum, count }) => sum / count,
  min: ({ min }) => min,
  max: ({ max }) => max,
  last: ({ last }) => decimalNumber(last.raw, last.scaler),
  sum: ({ sum }) => sum,
  count: ({ count }) => count,
  increase: ({ first, last }) => {
    const { raw, scaler } = subtract(last, first)
    return decimalNumber(raw, scaler)
  },
}
