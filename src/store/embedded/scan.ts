import { nearest, type ScanQuery } from '../../core/query.ts'
import { type Reading, type Series, TAGS } from '../../core/reading.ts'
import { dayStart, hourKey, hourOf, OVERFLOW, packedKey, seriesOfKey, seriesOfPacked, timeOf } from './key.ts'
import { unpackReadings } from './pack.ts'
import { mergeReadings } from './packer.ts'
import { bytesOf, nullableNumberOf, numberOf, type Partition } from './partition.ts'
import { isSeriesWord } from './words.ts'

const HOUR = 3_600_000
/** Rows fetched at once. */
const ROWS = 2_048
const PACKED_ROWS = 256
/** Rows looked at for one page, so that a question that finds little does not keep the others waiting; a packed day counts as some. */
const MOST_WORK = 400_000
const PACKED_WORK = 12

/** How far a scan has come: everything before it was given. */
export interface ScanPlace {
  /** Hours since 2000. */
  readonly hour: number
  /** Number of the series within the month's file; -1: none of the hour yet. */
  readonly series: number
  /** Instant of the series' last reading that was given. */
  readonly after: number
}

const startOf = (hour: number): ScanPlace => ({ hour, series: -1, after: 0 })

/** One page as it fills. */
export interface ScanPage {
  readonly limit: number
  readonly readings: Reading[]
  work: number
}

/** Has this measurement the tags that the question narrows by? */
export const isScannable = ({ measurement, sources, points, from, to, limit }: ScanQuery): boolean => {
  const tags: readonly string[] | undefined = TAGS[measurement]
  if (!tags || !(from <= to) || !(limit >= 1)) return false
  return (sources === undefined || tags.includes('source')) && (points === undefined || tags.includes('point'))
}

interface HotRow {
  readonly measuredAt: number
  readonly row: unknown
}
const byTime = (a: HotRow, b: HotRow): number => a.measuredAt - b.measuredAt

interface Cell {
  readonly series: number
  readonly hot: readonly unknown[]
  readonly packed: unknown
}

/**
 * Readings of one month's file in [from, to), hour by hour, series by series, by time; from a place on, until the page is full.
 *
 * @param wanted   numbers of the only series that matter; null: all of them
 * @param sparing  runs what may meet a damaged row, which is then left out
 * @returns        where to go on; null when the month is done
 */
export const scanMonth = (
  partition: Partition,
  query: ScanQuery,
  { from, to }: { readonly from: number; readonly to: number },
  start: ScanPlace | null,
  page: ScanPage,
  wanted: readonly number[] | null,
  sparing: (read: () => void) => void,
): ScanPlace | null => {
  const { codec, shapes, words } = partition
  const matches = matcher(query, (number) => (isSeriesWord(words.textOf(number) ?? '') ? codec.seriesAt(number) : null))
  const readingsOf = ({ series: number, hot, packed }: Cell, series: Series, day: number, begin: number, end: number): Reading[] => {
    let kept: Reading[] = []
    const fresh: Reading[] = []
    if (packed !== undefined) {
      page.work += PACKED_WORK
      sparing(() => {
        kept = unpackReadings(bytesOf(packed, 'body'), series, dayStart(day), shapes, begin, end)
      })
    }
    const rows: HotRow[] = []
    for (const row of hot)
      sparing(() => {
        const measuredAt = timeOf(numberOf(row, 'key'), nullableNumberOf(row, 'ms'))
        if (measuredAt >= begin && measuredAt < end) rows.push({ measuredAt, row })
      })
    const { near } = query
    // Overflow slots come last whatever their time.
    const wantedRows = near === undefined ? rows : nearest(rows.sort(byTime), near)
    for (const { measuredAt, row } of wantedRows)
      sparing(() => {
        fresh.push(codec.decodeBody(bytesOf(row, 'body'), codec.seriesAt(number), measuredAt))
      })
    const merged = fresh.length === 0 ? kept : mergeReadings(kept, fresh)
    return near === undefined ? merged : nearest(merged, near)
  }
  const last = hourOf(to - 1)
  let emptyDay = -1
  let knownDay = -1
  for (let hour = start?.hour ?? hourOf(from); hour <= last; hour++) {
    const day = Math.floor(hour / 24)
    if (day !== knownDay) {
      knownDay = day
      emptyDay = isEmpty(partition, query.measurement, day) ? day : -1
    }
    if (day === emptyDay) continue
    const hourStart = timeOf(hourKey(hour, 0), null)
    const [begin, end] = [Math.max(from, hourStart), Math.min(to, hourStart + HOUR)]
    const place = start?.hour === hour ? start : startOf(hour)
    const span: Span = [begin - hourStart, end - hourStart]
    const cells = wanted ? seek(partition, query, hour, wanted, place, span, page) : sweep(partition, query, hour, place, span, page)
    for (const cell of cells) {
      const series = matches(cell.series)
      if (series === null) continue
      for (const reading of readingsOf(cell, series, day, begin, end)) {
        if (cell.series === place.series && reading.measuredAt <= place.after) continue
        page.readings.push(reading)
        if (page.readings.length >= page.limit) return { hour, series: cell.series, after: reading.measuredAt }
      }
      if (page.work > MOST_WORK) return { hour, series: cell.series, after: end }
    }
    if (page.work > MOST_WORK) return startOf(hour + 1)
  }
  return null
}

/** Series the question asks for; null for any other number. */
const matcher = ({ measurement, sources, points }: ScanQuery, seriesAt: (number: number) => Series | null) => {
  const allowed: ReadonlySet<string> | null = sources === undefined ? null : new Set(sources)
  return (number: number): Series | null => {
    const series = seriesAt(number)
    if (series?.measurement !== measurement) return null
    if (allowed && !allowed.has(series.tags.source!)) return null
    return points === undefined || points.has(series.tags.point!) ? series : null
  }
}

const isEmpty = ({ prepare }: Partition, measurement: string, day: number): boolean => {
  const hour = hourOf(dayStart(day))
  const hot = prepare(`SELECT key FROM ${measurement} WHERE key >= ? AND key < ? LIMIT 1`)
  if (hot.get(hourKey(hour, 0), hourKey(hour + 24, 0)) !== undefined) return false
  const packed = prepare(`SELECT key FROM ${measurement}_packed WHERE key >= ? AND key < ? LIMIT 1`)
  return packed.get(packedKey(day, 0), packedKey(day + 1, 0)) === undefined
}

/** Milliseconds of the hour that are wanted, the end excluded. */
type Span = readonly [begin: number, end: number]
/** The slot is the second; those from OVERFLOW on have their time in `ms`. */
const slotsOf = ([begin, end]: Span) => [Math.floor(begin / 1000), Math.floor((end - 1) / 1000)] as const

/** All series of an hour, one after the other, hot rows and packed day together. */
const sweep = function* (
  { prepare }: Partition,
  { measurement }: ScanQuery,
  hour: number,
  place: ScanPlace,
  span: Span,
  page: ScanPage,
): Generator<Cell> {
  const day = Math.floor(hour / 24)
  const first = Math.max(place.series, 0)
  const rows = prepare(
    `SELECT key, ms, body FROM ${measurement}
     WHERE key >= ? AND key < ? AND ((key & 4095) BETWEEN ? AND ? OR (key & 4095) >= ${OVERFLOW}) ORDER BY key LIMIT ${ROWS}`,
  )
  const slots = slotsOf(span)
  const hot = pieces((from) => rows.all(from, hourKey(hour + 1, 0), ...slots), hourKey(hour, first), ROWS, page)
  const days = prepare(`SELECT key, body FROM ${measurement}_packed WHERE key >= ? AND key < ? ORDER BY key LIMIT ${PACKED_ROWS}`)
  const packed = pieces((from) => days.all(from, packedKey(day + 1, 0)), packedKey(day, first), PACKED_ROWS, page)
  let row = hot.next()
  let blob = packed.next()
  while (!row.done || !blob.done) {
    const ofRow = row.done ? Number.POSITIVE_INFINITY : seriesOfKey(numberOf(row.value, 'key'))
    const ofBlob = blob.done ? Number.POSITIVE_INFINITY : seriesOfPacked(numberOf(blob.value, 'key'))
    const series = Math.min(ofRow, ofBlob)
    const own: unknown[] = []
    while (!row.done && seriesOfKey(numberOf(row.value, 'key')) === series) {
      own.push(row.value)
      row = hot.next()
    }
    yield { series, hot: own, packed: ofBlob === series ? blob.value : undefined }
    if (ofBlob === series) blob = packed.next()
  }
}

/** A few series of an hour. */
const seek = function* (
  { prepare }: Partition,
  { measurement }: ScanQuery,
  hour: number,
  wanted: readonly number[],
  place: ScanPlace,
  span: Span,
  page: ScanPage,
): Generator<Cell> {
  const rows = prepare(
    `SELECT key, ms, body FROM ${measurement} WHERE key >= ? AND key < ? AND ((key & 4095) BETWEEN ? AND ? OR (key & 4095) >= ${OVERFLOW})`,
  )
  const slots = slotsOf(span)
  const days = prepare(`SELECT body FROM ${measurement}_packed WHERE key = ?`)
  const day = Math.floor(hour / 24)
  for (const series of wanted) {
    if (series < place.series) continue
    const hot = rows.all(hourKey(hour, series), hourKey(hour, series + 1), ...slots)
    page.work += 2 + hot.length
    yield { series, hot, packed: days.get(packedKey(day, series)) }
  }
}

/** Rows of a long answer, some at a time: a statement that is left half read would hold the file. */
const pieces = function* (all: (from: number) => readonly unknown[], from: number, size: number, page: ScanPage): Generator<unknown> {
  for (let at = from; ; ) {
    const rows = all(at)
    for (const row of rows) {
      page.work++
      yield row
    }
    if (rows.length < size) return
    at = numberOf(rows.at(-1), 'key') + 1
  }
}

/**
 * A place as a cursor.
 *
 * @param file  which file it is: numbers of series mean nothing in one that was begun anew
 */
export const writePlace = ({ hour, series, after }: ScanPlace, file: string): string =>
  Buffer.from(JSON.stringify([hour, series, after, file])).toString('base64url')

/** @returns undefined when the text is none of {@link writePlace} */
export const readPlace = (text: string): (ScanPlace & { readonly file: string }) | undefined => {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (!Array.isArray(parts)) return undefined
    const [hour, series, after, file]: unknown[] = parts
    if (typeof hour !== 'number' || typeof series !== 'number' || typeof after !== 'number' || typeof file !== 'string') return undefined
    return [hour, series, after].every(Number.isSafeInteger) && hour >= 0 && hour < 2 ** 20 && series >= -1
      ? { hour, series, after, file }
      : undefined
  } catch {
    return undefined
  }
}
