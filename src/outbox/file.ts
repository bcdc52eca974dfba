import { existsSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from '../sqlite/index.ts'
import { Damaged, isEnvironment, textOf } from './errors.ts'
import { type Extent, type Mark, openMark } from './mark.ts'
import { salvage, settle } from './salvage.ts'
import { checksumOf, closeFile, NewerVersion, openFile, PAGE_SIZE, prepareAll, type Statements } from './schema.ts'
import { type Survey, survey } from './survey.ts'
import type { DamagedEntry, Note, Status, VaultOptions, Word } from './vault-types.ts'
import { mendedLog } from './wal.ts'

/** The file is rebuilt small when this much of it is free and hardly anything is kept. */
const SHRINK_FREE_BYTES = 32 << 20
const SHRINK_KEPT_BYTES = 4 << 20
const RESCUE_FLAG = 'outbox.rescue'
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
  /** The log as it was before SQLite saw it. */
  #log: Buffer | null = null
  #damage = 'found while running'
  readonly #generation: number
  #notes: Note[] = []
  /** As they were when the file was opened; later ones are with whoever sends them. */
  words: ReadonlyMap<number, string> = new Map()

  constructor(options: VaultOptions) {
    this.options = options
    this.#path = join(options.directory, 'outbox.db')
    this.#generation = options.now
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

  /** Whatever state the last process left the file in. */
  open(at: number): void {
    const directory = this.options.directory
    settle(this.#path)
    this.#log = readOrNull(`${this.#path}-wal`)
    const { mark, before } = openMark(join(directory, 'outbox.mark'))
    this.#mark = mark
    const flag = join(directory, RESCUE_FLAG)
    const found = existsSync(flag) ? null : (this.#examine(before, true) ?? this.#examineMended(before, at))
    const { database, contents } = found ?? this.#rescued(before, at)
    rmSync(flag, { force: true })
    this.#database = database
    this.sql = prepareAll(database)
    this.#log = null
    this.#settleIn(contents, at)
  }

  /** Opens the file and takes stock. @returns null, and nothing left open, when it is damaged */
  #examine(before: Extent | null, check: boolean, withGaps = false): { database: Database; contents: Survey } | null {
    let database: Database | null = null
    try {
      database = openFile(this.#path, check)
      const contents = survey(database, this.options.sinks, before)
      if (contents.gaps.length > 0 && !withGaps) throw new Damaged(`entries from ${contents.gaps[0]!.first} on are missing`)
      return { database, contents }
    } catch (error) {
      database?.close()
      // Whatever a plain query trips over in an old file, other than the disk itself, is in the file.
      if (error instanceof NewerVersion || isEnvironment(error)) throw error
      this.#damage = textOf(error)
      return null
    }
  }

  #examineMended(before: Extent | null, at: number): { database: Database; contents: Survey } | null {
    const mended = this.#log && mendedLog(this.#log, PAGE_SIZE)
    if (!mended) return null
    const log = `${this.#path}-wal`
    const kept = `${log}.damaged-${stamp(at)}`
    writeFileSync(kept, this.#log!)
    writeFileSync(log, mended)
    this.note('error', 'the log of the outbox was damaged and has been mended', { kept })
    return this.#examine(before, true)
  }

  #rescued(before: Extent | null, at: number): { database: Database; contents: Survey } {
    const kept = salvage(this.#path, before?.oldest ?? 0, at)
    this.note('error', 'the outbox file was damaged; what could be read was carried over', { reason: this.#damage, kept })
    const found = this.#examine(before, false, true)
    if (!found) throw new Error(`the salvaged file cannot be used: ${this.#damage}`)
    return found
  }

  #settleIn({ words, isHalfWorded, firstFreeWord, cursors, left, next, gaps }: Survey, at: number): void {
    const { figures, sql } = this
    this.words = words
    figures.words = firstFreeWord
    figures.cursors = new Map(cursors)
    figures.next = next
    this.refreshOldest()
    this.transaction(() => {
      if (isHalfWorded) this.addWords([...words])
      for (const gap of gaps) this.setAside({ ...gap, reason: MISSING, raw: null }, at)
      for (const sink of left) this.note('warn', 'a sink is no longer configured; its place in the outbox is given up', { sink })
      // Written anew each time: a name with a flipped bit stands in the wrong place, and what stands behind it is no longer found.
      if (left.length > 0 || cursors.size > 0) sql.dropCursors.run()
      for (const [sink, position] of cursors) this.saveCursor(sink, position)
      this.prune(this.wanted(), next)
    })
    const dead = sql.deadSize.get()
    figures.bytes = numberIn(sql.chunkSize.get(), 'bytes') + numberIn(dead, 'bytes')
    figures.deadLetters = numberIn(dead, 'count')
    figures.dropped = numberIn(sql.tally.get('dropped'), 'value')
    this.recountDamaged()
    this.refreshOldest()
    this.writeMark()
  }

  /** Has the next start replace the file, whatever it looks like then. */
  condemn(): void {
    writeFileSync(join(this.options.directory, RESCUE_FLAG), '')
  }

  close(): void {
    if (this.#database) closeFile(this.#database)
    this.#database = null
    this.#mark?.close()
    this.#mark = null
  }

  addWords(words: Iterable<Word>): void {
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

const stamp = (at: number): string => new Date(at).toISOString().replace(/[:.]/g, '-')

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
