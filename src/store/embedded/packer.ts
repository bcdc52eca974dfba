import { MEASUREMENTS, type Measurement, type Reading } from '../../core/reading.ts'
import { inTransaction } from '../../sqlite/index.ts'
import { dayOf, dayStart, hourKey, hourOf, packedKey, SERIES_LIMIT, seriesOfKey, timeOf } from './key.ts'
import { packReadings, unpackReadings } from './pack.ts'
import { bytesOf, nullableNumberOf, numberOf, type Partition } from './partition.ts'

/** About so many rows are packed in one transaction, so that a batch waits a few hundredths of a second at most. */
const ROWS_A_STEP = 8_000
/** Pages given back to the file system in one step. */
const PAGES_A_STEP = 500

/** Where packing of a file has got to. */
export interface PackPosition {
  readonly measurement: number
  /** days before it are done */
  readonly day: number
  /** series before it are done on that day */
  readonly series: number
  /** series taken at a time on that day; 0 = the day is not begun */
  readonly stride: number
}

export interface PackStep {
  /** null when the file is done */
  readonly next: PackPosition | null
  readonly rows: number
  /** rows that could not be read and stay as they are */
  readonly damaged: number
}

export const PACK_FROM: PackPosition = { measurement: 0, day: 0, series: 0, stride: 0 }

/**
 * Packs the next few series-days that lie wholly before a day. Each step is one transaction in which the packed day takes the place
 * of its rows; rows that came late for a packed day are merged into it.
 *
 * @param before  days since 2000 UTC
 */
export const packStep = (partition: Partition, before: number, position: PackPosition): PackStep => {
  const measurement = MEASUREMENTS[position.measurement]
  if (measurement === undefined) return vacuumStep(partition, before, position)
  const { prepare, words } = partition
  if (position.stride === 0) {
    const row = prepare(`SELECT key FROM ${measurement} WHERE key >= ? ORDER BY key LIMIT 1`).get(
      hourKey(hourOf(dayStart(position.day)), 0),
    )
    const day = row === undefined ? before : dayOf(timeOf(numberOf(row, 'key'), null))
    if (day >= before) return { next: { measurement: position.measurement + 1, day: 0, series: 0, stride: 0 }, rows: 0, damaged: 0 }
    const [from, to] = [hourKey(hourOf(dayStart(day)), 0), hourKey(hourOf(dayStart(day + 1)), 0)]
    const count = numberOf(prepare(`SELECT count(*) AS rows FROM ${measurement} WHERE key >= ? AND key < ?`).get(from, to), 'rows')
    const stride = Math.max(1, Math.ceil(words.size / Math.ceil(count / ROWS_A_STEP)))
    return { next: { ...position, day, series: 0, stride }, rows: 0, damaged: 0 }
  }
  const { day, series, stride } = position
  const end = Math.min(series + stride, SERIES_LIMIT)
  const done = inTransaction(partition.database, () => packSlice(partition, measurement, day, series, end))
  const next = end >= words.size ? { ...position, day: day + 1, series: 0, stride: 0 } : { ...position, series: end }
  return { next, ...done }
}

const packSlice = (partition: Partition, measurement: Measurement, day: number, from: number, to: number) => {
  const { prepare, codec, words, shapes } = partition
  const start = dayStart(day)
  const firstHour = hourOf(start)
  const select = prepare(`SELECT key, ms, body FROM ${measurement} WHERE key >= ? AND key < ?`)
  const found = new Map<number, Reading[]>()
  const unreadable = new Set<number>()
  let damaged = 0
  for (let hour = firstHour; hour < firstHour + 24; hour++)
    for (const row of select.all(hourKey(hour, from), hourKey(hour, to))) {
      const key = numberOf(row, 'key')
      const series = seriesOfKey(key)
      try {
        const reading = codec.decodeBody(bytesOf(row, 'body'), codec.seriesAt(series), timeOf(key, nullableNumberOf(row, 'ms')))
        const readings = found.get(series)
        if (readings) readings.push(reading)
        else found.set(series, [reading])
      } catch {
        damaged++
        unreadable.add(series)
      }
    }
  const known = prepare(`SELECT rows, body FROM ${measurement}_packed WHERE key = ?`)
  const store = prepare(`INSERT OR REPLACE INTO ${measurement}_packed (key, rows, body) VALUES (?, ?, ?)`)
  const remove = prepare(`DELETE FROM ${measurement} WHERE key >= ? AND key < ?`)
  let rows = 0
  let added = 0
  for (const [series, readings] of found) {
    // A day with a damaged row stays as it is, for a person to look at.
    if (unreadable.has(series)) continue
    const key = packedKey(day, series)
    const old = known.get(key)
    let before: Reading[] = []
    try {
      if (old !== undefined) before = unpackReadings(bytesOf(old, 'body'), codec.seriesAt(series), start, shapes)
    } catch {
      damaged++
      unreadable.add(series)
      continue
    }
    const merged = mergeReadings(before, readings)
    store.run(key, merged.length, packReadings(merged, start, words))
    rows += readings.length
    added += merged.length - before.length
  }
  if (unreadable.size === 0) for (let hour = firstHour; hour < firstHour + 24; hour++) remove.run(hourKey(hour, from), hourKey(hour, to))
  else
    for (const series of found.keys())
      if (!unreadable.has(series))
        for (let hour = firstHour; hour < firstHour + 24; hour++) remove.run(hourKey(hour, series), hourKey(hour, series + 1))
  prepare('INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = value + ?2').run(`packed ${measurement}`, added)
  return { rows, damaged }
}

/** A month that is over gives its free pages back; one that still grows uses them again. */
const vacuumStep = (partition: Partition, before: number, position: PackPosition): PackStep => {
  const { database, prepare, month } = partition
  const over = dayOf(Date.UTC(Math.floor(month / 12), (month % 12) + 1, 1)) <= before
  const free = () => numberOf(prepare('PRAGMA freelist_count').get(), 'freelist_count')
  const pages = over ? free() : 0
  if (pages > 0) database.exec(`PRAGMA incremental_vacuum(${PAGES_A_STEP})`)
  return { next: pages > 0 && free() < pages ? position : null, rows: 0, damaged: 0 }
}

/** All readings of one series by time; where both have one for an instant, the hot one wins. */
export const mergeReadings = (packed: readonly Reading[], hot: readonly Reading[]): Reading[] => {
  const byTime = new Map<number, Reading>()
  for (const reading of packed) byTime.set(reading.measuredAt, reading)
  for (const reading of hot) byTime.set(reading.measuredAt, reading)
  return [...byTime.values()].sort((a, b) => a.measuredAt - b.measuredAt)
}
