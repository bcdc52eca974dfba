import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { MEASUREMENTS } from '../../core/reading.ts'
import { RowDamaged } from '../../core/row.ts'
import { type Database, inTransaction, openDatabase } from '../../sqlite/index.ts'
import { type AreaDay, EnergyBook } from './energy.ts'
import { isStoreError, type StoreError, storeError, storeErrorOf } from './errors.ts'
import { insertRows, type WritePart } from './insert.ts'
import { monthFile, monthOf, monthStart } from './key.ts'
import { type PackPosition, type PackStep, packStep } from './packer.ts'
import { metaNumber, NewerFile, numberOf, openPartition, type Partition, setAside } from './partition.ts'
import { monthsIn } from './reader.ts'
import { Rollups } from './rollup.ts'
import { LocalDays } from './zone.ts'

const OPEN_AT_ONCE = 3

/** How one month's part of a batch fared. */
export type PartAnswer =
  /** on the disk; `crowded` rows found no slot */
  | { readonly kind: 'stored'; readonly crowded: readonly { readonly group: number; readonly row: number }[] }
  /** the file has another dictionary than the sender believed */
  | { readonly kind: 'stale' }
  | { readonly kind: 'failed'; readonly error: StoreError }

export interface EnergyOfDay {
  readonly day: number
  readonly zone: string
  readonly exclude: readonly string[]
}

interface Opened {
  readonly partition: Partition
  readonly rollups: Rollups
  readonly serial: number
}

/** The one that writes: owns the directory, its month files and their day registers. Runs in a thread of its own. */
export class Writer {
  readonly #directory: string
  readonly #days: LocalDays
  readonly #log: (error: StoreError) => void
  readonly #lock: Database
  readonly #open = new Map<number, Opened>()
  readonly #energies = new Map<string, { readonly signature: string; readonly areas: readonly AreaDay[] }>()
  readonly #book = new EnergyBook()
  #serial = 0

  /** Throws a {@link StoreError} when the directory cannot be used. */
  constructor(directory: string, zone: string, log: (error: StoreError) => void) {
    this.#directory = directory
    this.#days = new LocalDays(zone)
    this.#log = log
    this.#lock = takeDirectory(directory)
  }

  /** Words of a month's file, in the order of their numbers. */
  words(month: number): readonly string[] {
    return this.#use(month, ({ partition }) => partition.words.since(0))
  }

  /** Each part in a transaction of its own: what one month's file refuses does not keep the others back. */
  write(parts: readonly WritePart[]): readonly PartAnswer[] {
    return parts.map((part) => {
      try {
        return this.#use(part.month, (opened) => this.#write(opened, part))
      } catch (thrown) {
        return { kind: 'failed', error: this.#errorOf(thrown, part.month) }
      }
    })
  }

  pack({ month, before, position }: { month: number; before: number; position: PackPosition }): PackStep {
    return this.#use(month, ({ partition }) => packStep(partition, before, position))
  }

  months(): readonly number[] {
    return monthsIn(this.#directory)
  }

  energyOfDay({ day, zone, exclude }: EnergyOfDay): readonly AreaDay[] {
    const own = zone === this.#days.zone
    const days = own ? this.#days : new LocalDays(zone)
    const start = days.start(day)
    const end = days.start(day + 1)
    const existing = new Set(this.months())
    const sources: Opened[] = []
    for (let month = monthOf(start); month <= monthOf(end); month++)
      if (existing.has(month)) sources.push(this.#use(month, (opened) => opened))
    // The answer stays good as long as no row of the day and no series was added.
    const signature = sources
      .map(({ serial, rollups, partition }) => `${serial} ${own ? rollups.versionOf(day) : rollups.version} ${partition.words.size}`)
      .join()
    const name = JSON.stringify([zone, day, exclude])
    const known = this.#energies.get(name)
    if (known?.signature === signature) return known.areas
    const areas = this.#book.day(
      sources.map(({ partition, rollups }) => ({
        partition,
        rollups,
        registers: own ? rollups.day(day) : rollups.fromRows(start, end),
      })),
      day,
      new Set(exclude),
    )
    for (const { rollups } of sources) rollups.trim()
    if (this.#energies.size >= 400) this.#energies.delete(this.#energies.keys().next().value ?? '')
    this.#energies.set(name, { signature, areas })
    return areas
  }

  /** Removes the months that lie wholly before an instant. */
  retain(before: number): number {
    let rows = 0
    for (const month of this.months()) {
      if (monthStart(month + 1) > before) continue
      rows += this.#use(month, ({ partition }) => rowsOf(partition))
      this.#close(month)
      // The log first: without its main file it means nothing, the other way round it would be played into a new one.
      for (const suffix of ['-wal', '-shm', '']) rmSync(join(this.#directory, monthFile(month)) + suffix, { force: true })
    }
    return rows
  }

  /** A reader found the file damaged. */
  setAside(month: number): void {
    this.#setAside(month, 'a reader found it damaged')
  }

  /** Writes day registers back, so that a crash later has less to work out again. */
  flush(): void {
    for (const [month, { rollups }] of this.#open) {
      try {
        rollups.flush()
      } catch (error) {
        this.#log(this.#errorOf(error, month))
      }
    }
  }

  close(): void {
    for (const month of [...this.#open.keys()]) this.#close(month)
    this.#lock.close()
  }

  #write({ partition, rollups }: Opened, { wordsBefore, fresh, groups }: WritePart): PartAnswer {
    if (wordsBefore !== partition.words.size) return { kind: 'stale' }
    const registers = groups.find(({ measurement }) => measurement === 'register')
    const days = registers ? rollups.daysOf(registers) : []
    for (const day of days) rollups.day(day)
    const crowded: { group: number; row: number }[] = []
    inTransaction(partition.database, () => {
      const addWord = partition.prepare('INSERT INTO words (id, text) VALUES (?, ?)')
      for (let word = 0; word < fresh.length; word++) addWord.run(wordsBefore + word, fresh[word]!)
      rollups.markStale(days)
      for (let group = 0; group < groups.length; group++)
        for (const row of insertRows(partition, groups[group]!)) crowded.push({ group, row })
    })
    for (const text of fresh) partition.words.add(text)
    if (registers) rollups.apply(registers, days)
    rollups.trim()
    return { kind: 'stored', crowded }
  }

  /** Runs `work` on a month's file; a damaged one is set aside and a fresh one taken in its place, once. */
  #use<T>(month: number, work: (opened: Opened) => T): T {
    try {
      return work(this.#opened(month))
    } catch (thrown) {
      const error = this.#errorOf(thrown, month)
      if (error.code !== 'STORE_DAMAGED') throw thrown
      this.#setAside(month, error.message)
      return work(this.#opened(month))
    }
  }

  #opened(month: number): Opened {
    const known = this.#open.get(month)
    if (known) {
      this.#open.delete(month)
      this.#open.set(month, known)
      return known
    }
    for (const other of [...this.#open.keys()]) if (this.#open.size >= OPEN_AT_ONCE) this.#close(other)
    const path = join(this.#directory, monthFile(month))
    let partition: Partition | undefined
    try {
      partition = openPartition(path, month)
      const opened = { partition, rollups: new Rollups(partition, this.#days), serial: ++this.#serial }
      this.#open.set(month, opened)
      return opened
    } catch (error) {
      partition?.close()
      // A dictionary with holes makes the whole file unreadable, not one row.
      throw error instanceof RowDamaged ? storeError('STORE_DAMAGED', `${path}: ${error.message}`, { file: path }) : error
    }
  }

  #close(month: number): void {
    const opened = this.#open.get(month)
    this.#open.delete(month)
    if (!opened) return
    try {
      opened.rollups.flush()
    } catch (error) {
      // The rows are safe and the file says which days are stale.
      this.#log(this.#errorOf(error, month))
    }
    opened.partition.close()
  }

  #setAside(month: number, why: string): void {
    const opened = this.#open.get(month)
    this.#open.delete(month)
    const path = join(this.#directory, monthFile(month))
    try {
      opened?.partition.close()
    } catch (error) {
      this.#log(this.#errorOf(error, month))
    }
    const file = setAside(path, new Date())
    this.#log(storeError('STORE_DAMAGED', `${path} was set aside as ${file}: ${why}`, { file }))
  }

  #errorOf(thrown: unknown, month: number): StoreError {
    const file = join(this.#directory, monthFile(month))
    if (thrown instanceof NewerFile) return storeError('STORE_NEWER', `${file}: ${thrown.message}`, { file })
    return isStoreError(thrown) ? thrown : storeErrorOf(thrown, file)
  }
}

const rowsOf = ({ prepare }: Partition): number => {
  let rows = 0
  for (const measurement of MEASUREMENTS) {
    rows += numberOf(prepare(`SELECT count(*) AS rows FROM ${measurement}`).get(), 'rows')
    rows += metaNumber({ prepare }, `packed ${measurement}`)
  }
  return rows
}

/** Holds the directory for this process alone, as long as it lives; a killed process leaves nothing behind. */
const takeDirectory = (directory: string): Database => {
  const file = join(directory, 'store.lock')
  let database: Database | undefined
  try {
    mkdirSync(directory, { recursive: true })
    database = openDatabase(file, 'NORMAL')
    database.exec('PRAGMA busy_timeout=0; BEGIN EXCLUSIVE')
    return database
  } catch (thrown) {
    database?.close()
    const error = storeErrorOf(thrown, file)
    throw error.code === 'STORE_BUSY' ? storeError('STORE_LOCKED', error.message, error.context) : error
  }
}
