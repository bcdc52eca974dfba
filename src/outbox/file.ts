import { readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from '../sqlite/index.ts'
import { Damaged, isDamage, isEnvironment, isInputOutput, textOf } from './errors.ts'
import { type Extent, type Mark, openMark } from './mark.ts'
import { salvage, settle } from './salvage.ts'
import { checksumOf, NewerVersion, openFile, PAGE_SIZE, prepareAll, type Statements } from './schema.ts'
import type { DamagedEntry, Note, Status, VaultOptions, Word } from './vault-types.ts'
import { mendedLog } from './wal.ts'

/** The file is rebuilt small when this much of it is free and hardly anything is kept. */
const SHRINK_FREE_BYTES = 32 << 20
const SHRINK_KEPT_BYTES = 4 << 20
export const MISSING = 'missing from the file'

/** What is known about the file without asking it. Changed only after a commit. */
export interface Figures {
  /** Positions: of the oldest chunk's first entry, and the one the next entry will get. */
  oldest: number
  next: number
  oldestAt: number | null
  bytes: number
  deadLetters: number
  damaged: number
  dropped: number
  droppedTo: number
  cursors: Map<string, number>
  /** Numbers below it are words the file has. */
  words: number
}

/**
 * The open file, and how it comes to be open: checked, mended, salvaged if need be, every entry accounted for. A file that is
 * damaged never stays in the way; a disk that refuses is reported and tried again by the next call.
 */
export class VaultFile {
  readonly options: VaultOptions
  readonly #path: string
  readonly figures: Figures
  sql!: Statements
  #database: Database | null = null
  #mark: Mark | null = null
  #checked = false
  #generation = 0
  #notes: Note[] = []
  /** As they were when the file was opened; later ones are with whoever sends them. */
  words = new Map<number, string>()

  constructor(options: VaultOptions) {
    this.options = options
    this.#path = join(options.directory, 'outbox.db')
    this.figures = {
      oldest: 0,
      next: 0,
      oldestAt: null,
      bytes: 0,
      deadLetters: 0,
      damaged: 0,
      dropped: 0,
      droppedTo: 0,
      cursors: new Map(),
      words: 0,
    }
  }

  get isOpen(): boolean {
    return this.#database !== null
  }

  open(at: number): void {
    settle(this.#path)
    this.#mark?.close()
    this.#mark = null
    const { mark, before } = openMark(join(this.options.directory, 'outbox.mark'))
    this.#mark = mark
    const log = `${this.#path}-wal`
    const wal = readOrNull(log)
    try {
      // All of the file is read once a start; opened again after a failed write, its tree was sound a moment ago.
      this.#load(before, !this.#checked)
      this.#account(at, false)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.shut()
      const mended = wal && mendedLog(wal, PAGE_SIZE)
      if (mended) this.#openMended(wal, mended, before, at)
      else this.rescue(at, textOf(error), before)
    }
    this.#checked = true
    this.transaction(() => this.prune(this.wanted(), this.figures.next))
    this.#readSizes()
  }

  #openMended(wal: Buffer, mended: Buffer, before: Extent | null, at: number): void {
    const log = `${this.#path}-wal`
    const kept = `${log}.damaged-${new Date(at).toISOString().replace(/[:.]/g, '-')}`
    writeFileSync(kept, wal)
    writeFileSync(log, mended)
    this.note('error', 'the log of the outbox was damaged and has been mended', { kept })
    try {
      this.#load(before, true)
      this.#account(at, false)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.rescue(at, textOf(error), before)
    }
  }

  /** Replaces a damaged file by one with everything readable of it. */
  rescue(at: number, reason: string, before: Extent | null = { oldest: this.wanted(), next: this.figures.next }): void {
    this.shut()
    const kept = salvage(this.#path, before?.oldest ?? 0, at)
    this.#generation++
    this.note('error', 'the outbox file was damaged; what could be read was carried over', { reason, kept })
    this.#load(before, false)
    this.#account(at, true)
  }

  /** Closes the database; the next call opens it again. */
  shut(): void {
    try {
      this.#database?.close()
    } catch {
      // A file that cannot be closed is one we are leaving anyway.
    }
    this.#database = null
  }

  close(): void {
    this.shut()
    this.#mark?.close()
    this.#mark = null
  }

  #load(before: Extent | null, check: boolean): void {
    try {
      this.#database = openFile(this.#path, check)
      this.sql = prepareAll(this.#database)
      this.words = this.#readWords()
      this.#readFigures(before)
    } catch (error) {
      // Whatever a fresh statement trips over in an old file, other than the disk itself, is in the file.
      if (error instanceof NewerVersion || isEnvironment(error)) throw error
      throw new Damaged(textOf(error))
    }
  }

  #readFigures(before: Extent | null): void {
    const { figures, sql } = this
    const rows = sql.cursors.all() as { sink: string; position: number; crc: number }[]
    const known = new Map(
      rows.filter(({ sink, position, crc }) => crc === checksumOf(sink, position)).map((row) => [row.sink, row.position]),
    )
    const newest = sql.newest.get() as { first: number; count: number } | undefined
    figures.next = Math.max(0, before?.next ?? 0, newest ? newest.first + newest.count : 0, ...known.values())
    this.refreshOldest()
    // With no cursor left, the mark knows what was still wanted: entries before the oldest chunk may be missing.
    const start = known.size === 0 && before ? Math.min(before.oldest, figures.oldest) : figures.oldest
    figures.cursors = new Map(this.options.sinks.map((sink) => [sink, known.get(sink) ?? start]))
    for (const { sink } of rows)
      if (!figures.cursors.has(sink)) {
        sql.dropCursor.run(sink)
        this.note('warn', 'a sink is no longer configured; its place in the outbox is given up', { sink })
      }
    const highest = [...this.words.keys()].reduce((most, id) => Math.max(most, id + 1), 0)
    figures.words = Math.max(highest, numberIn(sql.tally.get('words'), 'value'))
    this.#readSizes()
  }

  #readSizes(): void {
    const { figures, sql } = this
    const dead = sql.deadSize.get()
    figures.bytes = numberIn(sql.chunkSize.get(), 'bytes') + numberIn(dead, 'bytes')
    figures.deadLetters = numberIn(dead, 'count')
    figures.dropped = numberIn(sql.tally.get('dropped'), 'value')
    this.recountDamaged()
    this.refreshOldest()
  }

  /** Words as both tables have them; what one of them has lost is given back to it. */
  #readWords(): Map<number, string> {
    const words = new Map<number, string>()
    const counts: number[] = []
    for (const name of ['words', 'wordCopies'] as const) {
      let sound = 0
      for (const { id, crc, text } of this.sql[name].iterate() as Iterable<{ id: number; crc: number; text: string }>) {
        if (crc !== checksumOf(id, text)) continue
        words.set(id, text)
        sound++
      }
      counts.push(sound)
    }
    if (counts.some((count) => count < words.size)) this.transaction(() => this.addWords([...words]))
    return words
  }

  /** Every position from the oldest wanted one to the end must be there. Where one is not: damage, or (`final`) counted. */
  #account(at: number, final: boolean): void {
    const wanted = Math.min(this.wanted(), this.figures.next)
    const gaps: { first: number; count: number }[] = []
    let position = wanted
    for (const { first, count } of this.sql.extents.iterate() as Iterable<{ first: number; count: number }>) {
      if (first + count <= position) continue
      if (first > position) gaps.push({ first: position, count: first - position })
      else if (first < position && position > wanted) throw new Damaged(`chunk ${first} overlaps the one before it`)
      position = first + count
    }
    if (position < this.figures.next) gaps.push({ first: position, count: this.figures.next - position })
    const known = this.sql.damagedAll.all() as { first: number; count: number }[]
    const fresh = gaps.filter((gap) => !known.some(({ first, count }) => first <= gap.first && first + count >= gap.first + gap.count))
    if (fresh.length === 0) return
    if (!final) throw new Damaged(`entries ${fresh[0]!.first} to ${fresh[0]!.first + fresh[0]!.count - 1} are missing`)
    this.transaction(() => {
      for (const gap of fresh) this.setAside({ ...gap, reason: MISSING, raw: null }, at)
    })
    this.recountDamaged()
  }

  // ---- parts of a transaction ----

  addWords(words: readonly Word[]): void {
    for (const [id, text] of words) {
      const crc = checksumOf(id, text)
      this.sql.addWord.run(id, crc, text)
      this.sql.addWordCopy.run(id, crc, text)
    }
  }

  saveCursor(sink: string, position: number): void {
    this.sql.setCursor.run(sink, position, checksumOf(sink, position))
  }

  setAside({ first, count, reason, raw }: DamagedEntry, at: number): void {
    const { changes } = this.sql.addDamaged.run(first, count, reason, at, raw)
    if (Number(changes) > 0) this.note('error', 'entries of the outbox cannot be read; they are set aside', { first, count, reason })
  }

  /** Deletes chunks every sink has passed. A chunk that holds `least` stays. @returns bytes freed */
  prune(least: number, next: number): number {
    if (least <= this.figures.oldest) return 0
    const holding = least >= next ? next : (this.sql.behind.get(least) as { first: number | null }).first
    return holding === null || holding <= this.figures.oldest ? 0 : this.dropBelow(holding)
  }

  dropBelow(bound: number): number {
    const freed = numberIn(this.sql.sizeBelow.get(bound), 'bytes')
    if (freed > 0) this.sql.dropBelow.run(bound)
    return freed
  }

  transaction(work: () => void): void {
    const database = this.#database!
    database.exec('BEGIN IMMEDIATE')
    try {
      work()
      database.exec('COMMIT')
    } catch (error) {
      try {
        database.exec('ROLLBACK')
      } catch {
        // SQLite has rolled back by itself.
      }
      // After a failed sync the pages in memory prove nothing: the next call opens the file anew.
      if (isInputOutput(error)) this.shut()
      throw error
    }
  }

  shrink(): void {
    if (this.figures.bytes > SHRINK_KEPT_BYTES || this.#freeBytes() < SHRINK_FREE_BYTES) return
    try {
      this.#database!.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // Only a kindness to the disk.
    }
  }

  // ---- figures ----

  /** The oldest entry some sink still wants. */
  wanted(): number {
    const { cursors, oldest } = this.figures
    return cursors.size > 0 ? Math.min(...cursors.values()) : oldest
  }

  refreshOldest(): void {
    const row = this.sql.oldest.get() as { first: number; at: number } | undefined
    this.figures.oldest = row?.first ?? this.figures.next
    this.figures.oldestAt = row?.at ?? null
  }

  recountDamaged(): void {
    this.figures.damaged = numberIn(this.sql.damagedCount.get(), 'entries')
  }

  /** To be called after every commit. */
  writeMark(): void {
    this.#mark?.write({ oldest: this.wanted(), next: this.figures.next })
  }

  available(): number {
    const { bavail, bsize } = statfsSync(this.options.directory)
    const free = bavail * bsize
    return free < this.options.reserveBytes * 2 ? free + this.#freeBytes() : free
  }

  #freeBytes(): number {
    return numberIn(this.sql.freePages.get(), 'freelist_count') * PAGE_SIZE
  }

  note(level: Note['level'], message: string, fields: Note['fields']): void {
    this.#notes.push({ level, message, fields })
  }

  status(): Status {
    const { next, oldest, oldestAt, bytes, deadLetters, damaged, dropped, droppedTo } = this.figures
    const notes = this.#notes
    this.#notes = []
    const available = this.available()
    return { next, oldest, oldestAt, bytes, available, deadLetters, damaged, dropped, droppedTo, generation: this.#generation, notes }
  }
}

const readOrNull = (path: string): Buffer | null => {
  try {
    return readFileSync(path)
  } catch {
    return null
  }
}

/** A number out of a row; anything else is 0. */
export const numberIn = (row: unknown, column: string): number => {
  const value = (row as Record<string, unknown> | undefined)?.[column]
  return typeof value === 'number' ? value : 0
}
