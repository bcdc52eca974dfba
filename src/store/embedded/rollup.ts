import { inTransaction } from '../../sqlite/index.ts'
import { DayRegisters, isBooked, type RegisterPlan, readRegisters, registerPlan, rowRegisters } from './days.ts'
import type { RowGroup } from './insert.ts'
import { dayOf, dayStart, hourKey, hourOf, packedKey, seriesOfKey, seriesOfPacked, timeOf } from './key.ts'
import { unpackReadings } from './pack.ts'
import { bytesOf, nullableNumberOf, numberOf, type Partition, textOf } from './partition.ts'
import { isSeriesWord } from './words.ts'
import type { LocalDays } from './zone.ts'

/** Most series-days one file keeps in memory, about 20 MB. */
const IN_MEMORY = 300_000

interface KeptDay {
  readonly registers: DayRegisters
  /** newer than the blob in the file; the day is then marked in `stale_days` */
  dirty: boolean
}

/**
 * Day registers of one file, brought up to date with every batch. The days in use live in memory and are written back now and
 * then; the file says which ones are newer in memory, and after a crash those are worked out again from their rows.
 */
export class Rollups {
  readonly #partition: Partition
  readonly #days: LocalDays
  readonly #kept = new Map<number, KeptDay>()
  readonly #versions = new Map<number, number>()
  readonly #plans: (RegisterPlan | null | undefined)[] = []
  readonly #places: (number | undefined)[] = []
  readonly #seriesOfPlace: number[] = []
  #synced = 0
  #version = 0

  constructor(partition: Partition, days: LocalDays) {
    this.#partition = partition
    this.#days = days
    const row = partition.prepare('SELECT value FROM meta WHERE name = ?').get('zone')
    if (row !== undefined && textOf(row, 'value') === days.zone) return
    const written = partition.prepare('SELECT min(key) AS least FROM register').get()
    const packed = partition.prepare('SELECT min(key) AS least FROM register_packed').get()
    const empty = nullableNumberOf(written, 'least') === null && nullableNumberOf(packed, 'least') === null
    inTransaction(partition.database, () => {
      partition.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run('zone', days.zone)
      partition.database.exec('DELETE FROM day_registers; DELETE FROM stale_days')
      if (empty) return
      const { start, end } = monthBounds(partition.month)
      for (let day = days.of(start) - 1; day <= days.of(end); day++) this.#mark(day)
    })
  }

  /** Number of the place a series has in every day; -1 for series that are not booked. */
  placeOf(series: number): number {
    const known = this.#places[series]
    if (known !== undefined) return known
    const { measurement, tags } = this.#partition.codec.seriesAt(series)
    const booked = measurement === 'register' && tags.source !== 'estimated'
    const place = booked ? this.#seriesOfPlace.push(series) - 1 : -1
    this.#places[series] = place
    return place
  }

  /** Series of each place, every register series of the file included. */
  places(): readonly number[] {
    const { words } = this.#partition
    for (; this.#synced < words.size; this.#synced++) if (isSeriesWord(words.textOf(this.#synced)!)) this.placeOf(this.#synced)
    return this.#seriesOfPlace
  }

  /** Grows with every batch. */
  get version(): number {
    return this.#version
  }

  /** Grows whenever a day's registers may have changed. */
  versionOf(day: number): number {
    return this.#versions.get(day) ?? 0
  }

  /** The local days that rows belong to; one at midnight belongs to two. */
  daysOf({ count, keys, ms }: RowGroup): Set<number> {
    const touched = new Set<number>()
    let lastDay = Number.NaN
    for (let row = 0; row < count; row++) {
      const at = timeOf(keys[row]!, ms[row]! < 0 ? null : ms[row]!)
      const day = this.#days.of(at)
      if (day !== lastDay) touched.add(day)
      lastDay = day
      if (at === this.#days.start(day)) touched.add(day - 1)
    }
    return touched
  }

  /** The day's registers, from memory, from the file, or from the rows. */
  day(day: number): DayRegisters {
    const kept = this.#kept.get(day)
    if (kept) {
      this.#kept.delete(day)
      this.#kept.set(day, kept)
      return kept.registers
    }
    const { prepare } = this.#partition
    const stale = prepare('SELECT day FROM stale_days WHERE day = ?').get(day) !== undefined
    const row = stale ? undefined : prepare('SELECT body FROM day_registers WHERE day = ?').get(day)
    const start = this.#days.start(day)
    const known =
      row === undefined ? null : sparing(() => DayRegisters.decode(bytesOf(row, 'body'), start, (series) => this.placeOf(series)))
    const rebuilt = stale || (row !== undefined && known === null)
    const registers = rebuilt ? this.fromRows(start, this.#days.start(day + 1)) : (known ?? new DayRegisters(start))
    if (rebuilt && !stale) this.#mark(day)
    this.#kept.set(day, { registers, dirty: rebuilt })
    return registers
  }

  /** Within the transaction that writes the rows: these days' blobs are about to be out of date. */
  markStale(days: Iterable<number>): void {
    for (const day of days) if (!this.#kept.get(day)?.dirty) this.#mark(day)
  }

  /** After the transaction: takes the written rows into account. */
  apply({ count, keys, ms, ends, bytes }: RowGroup, days: Iterable<number>): void {
    this.#version++
    for (const day of days) {
      this.#versions.set(day, this.#version)
      const kept = this.#kept.get(day)
      if (kept) kept.dirty = true
    }
    const found = rowRegisters()
    const cursor = { at: 0 }
    const planOf = (shape: number) => this.#planOf(shape)
    for (let row = 0; row < count; row++) {
      cursor.at = row === 0 ? 0 : ends[row - 1]!
      if (!readRegisters(bytes, cursor, planOf, found)) continue
      const key = keys[row]!
      const place = this.placeOf(seriesOfKey(key))
      if (place < 0) continue
      const at = timeOf(key, ms[row]! < 0 ? null : ms[row]!)
      const day = this.#days.of(at)
      this.#put(day, place, at, found)
      if (at === this.#days.start(day)) this.#put(day - 1, place, at, found)
    }
  }

  /** Writes back what is newer in memory. */
  flush(): void {
    const dirty = [...this.#kept].filter(([, kept]) => kept.dirty)
    if (dirty.length === 0) return
    const { database, prepare } = this.#partition
    inTransaction(database, () => {
      for (const [day, { registers }] of dirty) {
        prepare('INSERT OR REPLACE INTO day_registers VALUES (?, ?)').run(day, registers.encode(this.#seriesOfPlace))
        prepare('DELETE FROM stale_days WHERE day = ?').run(day)
      }
    })
    for (const [, kept] of dirty) kept.dirty = false
  }

  /** Lets go of the days used longest ago when too many are kept. */
  trim(): void {
    let places = 0
    for (const { registers } of this.#kept.values()) places += registers.capacity
    if (places <= IN_MEMORY) return
    this.flush()
    for (const [day, { registers }] of this.#kept) {
      if (places <= IN_MEMORY / 2 || this.#kept.size === 1) return
      places -= registers.capacity
      this.#kept.delete(day)
    }
  }

  /** Works a day out from its rows. @param end the next day's first instant, included */
  fromRows(start: number, end: number): DayRegisters {
    const { prepare, codec, shapes } = this.#partition
    const registers = new DayRegisters(start)
    const found = rowRegisters()
    const firstDay = dayOf(start)
    const lastDay = dayOf(end)
    const somePacked = prepare('SELECT key FROM register_packed WHERE key >= ? AND key < ? LIMIT 1')
    const anyPacked = somePacked.get(packedKey(firstDay, 0), packedKey(lastDay + 1, 0)) !== undefined
    // Hot rows without a register hide the packed one of the same instant.
    const withheld = new Set<string>()
    const planOf = (shape: number) => this.#planOf(shape)
    const hot = prepare('SELECT key, ms, body FROM register WHERE key >= ? AND key < ?')
    for (const row of hot.iterate(hourKey(hourOf(start), 0), hourKey(hourOf(end) + 1, 0))) {
      const key = numberOf(row, 'key')
      const at = timeOf(key, nullableNumberOf(row, 'ms'))
      const series = seriesOfKey(key)
      const place = this.placeOf(series)
      if (at < start || at > end || place < 0) continue
      const known = sparing(() => readRegisters(bytesOf(row, 'body'), { at: 0 }, planOf, found))
      for (let field = 0; field < found.booked.length; field++) {
        if (known && found.booked[field]) registers.put(place, field, at, found.raw[field]!, found.scaler[field]!, found.ratio)
        else if (anyPacked) withheld.add(`${place} ${field} ${at}`)
      }
    }
    const packed = prepare('SELECT key, body FROM register_packed WHERE key >= ? AND key < ?')
    for (let day = firstDay; anyPacked && day <= lastDay; day++)
      for (const row of packed.iterate(packedKey(day, 0), packedKey(day + 1, 0))) {
        const series = seriesOfPacked(numberOf(row, 'key'))
        const place = this.placeOf(series)
        if (place < 0) continue
        const readings = sparing(() => unpackReadings(bytesOf(row, 'body'), codec.seriesAt(series), dayStart(day), shapes))
        for (const reading of readings ?? []) {
          const at = reading.measuredAt
          const plan = this.#planOf(this.#partition.words.idOf(reading.shape.key))
          if (!plan || at < start || at > end || !isBooked(reading.quality)) continue
          const ratio = this.#partition.words.idOf(reading.ratio)
          for (let column = 0; column < plan.fields.length; column++) {
            const field = plan.fields[column]!
            const raw = reading.raws[column]
            if (field < 0 || typeof raw !== 'number' || (withheld.size > 0 && withheld.has(`${place} ${field} ${at}`))) continue
            registers.put(place, field, at, raw, plan.scalers[column] ?? reading.scalers?.[column] ?? 0, ratio, true)
          }
        }
      }
    return registers
  }

  #put(day: number, place: number, at: number, found: { ratio: number; booked: boolean[]; raw: number[]; scaler: number[] }): void {
    const kept = this.#kept.get(day)
    // Let go of by a row before: the file knows the day is stale.
    if (!kept) return
    for (let field = 0; field < found.booked.length; field++) {
      if (found.booked[field]) kept.registers.put(place, field, at, found.raw[field]!, found.scaler[field]!, found.ratio)
      // The register on which the day rested was taken back: the next one can only come from the rows.
      else if (kept.registers.restsOn(place, field, at)) this.#kept.delete(day)
    }
  }

  #mark(day: number): void {
    this.#partition.prepare('INSERT OR IGNORE INTO stale_days VALUES (?)').run(day)
  }

  #planOf(shape: number): RegisterPlan | null {
    const known = this.#plans[shape]
    if (known !== undefined) return known
    const plan = registerPlan(this.#partition.shapes.shape(shape))
    this.#plans[shape] = plan
    return plan
  }
}

/** null for a row that cannot be read: one bad row costs itself, not the day. */
const sparing = <T>(read: () => T): T | null => {
  try {
    return read()
  } catch {
    return null
  }
}

const monthBounds = (month: number) => ({
  start: Date.UTC(Math.floor(month / 12), month % 12, 1),
  end: Date.UTC(Math.floor(month / 12), (month % 12) + 1, 1) - 1,
})
