import { mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ok, type Result } from '../core/index.ts'
import type { Database } from '../sqlite/index.ts'
import { chunkOf, readHead, scan, seal } from './entry.ts'
import { Damaged, fail, isDamage, isEnvironment, isInputOutput, type OutboxError, textOf } from './errors.ts'
import { failpoint } from './failpoint.ts'
import { acquireLock, type Lock } from './lock.ts'
import { type Extent, type Mark, openMark } from './mark.ts'
import { deadChecksum, salvage, settle } from './salvage.ts'
import { checksumOf, NewerVersion, openFile, PAGE_SIZE, prepareAll, type Statements } from './schema.ts'
import type {
  Committed,
  DamagedEntry,
  DeadRow,
  Group,
  Note,
  Opened,
  Page,
  Status,
  VaultCall,
  VaultCalls,
  VaultOptions,
  Word,
} from './vault-types.ts'
import { mendedLog } from './wal.ts'

interface ChunkRow {
  readonly first: number
  readonly count: number
  readonly at: number
  readonly body: Uint8Array
}

/** Most bytes of chunks in one page of a read. */
const PAGE_BYTES = 4 << 20
/** Most bytes kept of one damaged entry. */
const RAW_BYTES = 64 << 10
/** The file is rebuilt small when this much of it is free and hardly anything is kept. */
const SHRINK_FREE_BYTES = 32 << 20
const SHRINK_KEPT_BYTES = 4 << 20

/**
 * Owns the file: everything that touches the disk, synchronous, in a thread of its own. A damaged file is salvaged wherever the
 * damage shows, at opening or in the middle of work; no call ever throws.
 */
export class Vault {
  readonly #options: VaultOptions
  readonly #lock: Lock
  readonly #path: string
  #mark: Mark | null = null
  #checked = false
  #database: Database | null = null
  #sql!: Statements
  /** As they were when the file was opened; later ones are with whoever sends them. */
  #words = new Map<number, string>()
  #cursors = new Map<string, number>()
  #next = 0
  #oldest = 0
  #oldestAt: number | null = null
  #bytes = 0
  #deadLetters = 0
  #damaged = 0
  #dropped = 0
  #droppedTo = 0
  #generation = 0
  #notes: Note[] = []
  #commits = 0

  private constructor(options: VaultOptions, lock: Lock) {
    this.#options = options
    this.#lock = lock
    this.#path = join(options.directory, 'outbox.db')
  }

  /** @errors OUTBOX_LOCKED, OUTBOX_NEWER, OUTBOX_DISK */
  static open(options: VaultOptions): Result<{ readonly vault: Vault; readonly opened: Opened }, OutboxError> {
    let vault: Vault | null = null
    try {
      mkdirSync(options.directory, { recursive: true })
      const lock = acquireLock(options.directory)
      if (!lock.ok) return lock
      vault = new Vault(options, lock.value)
      vault.#start(options.now)
      return ok({ vault, opened: vault.#opened() })
    } catch (error) {
      vault?.close()
      if (error instanceof NewerVersion) return fail('OUTBOX_NEWER', error.message)
      return fail('OUTBOX_DISK', `the outbox in ${options.directory} cannot be opened: ${textOf(error)}`, { directory: options.directory })
    }
  }

  /** Carries out one call; a damaged file is salvaged and the call tried once more. */
  call<Name extends VaultCall>(name: Name, ask: VaultCalls[Name]['ask'], at: number): Result<VaultCalls[Name]['answer'], OutboxError> {
    const work = this.#calls[name] as (ask: VaultCalls[Name]['ask']) => VaultCalls[Name]['answer']
    try {
      if (!this.#database) this.#start(at)
      return ok(work(ask))
    } catch (error) {
      if (!isDamage(error)) return this.#refused(error)
      try {
        this.#rescue(at, textOf(error))
        return ok(work(ask))
      } catch (again) {
        return this.#refused(again)
      }
    }
  }

  close(): void {
    this.#closeFile()
    this.#mark?.close()
    this.#mark = null
    this.#lock.release()
  }

  readonly #calls: { readonly [Name in VaultCall]: (ask: VaultCalls[Name]['ask']) => VaultCalls[Name]['answer'] } = {
    open: () => this.#opened(),
    commit: (group) => this.#commit(group),
    read: ({ from, entries, at }) => this.#read(from, entries, at),
    letters: ({ after, limit }) => this.#letters(after, limit),
    replay: ({ ids, at, wordCount }) => this.#replay(ids, at, wordCount),
    probe: ({ at }) => {
      this.#transaction(() => this.#sql.addTally.run('probed', at))
      return this.#status()
    },
    close: () => {
      this.close()
      return null
    },
  }

  #refused(error: unknown): Result<never, OutboxError> {
    return fail('OUTBOX_DISK', `the outbox in ${this.#options.directory} cannot be used: ${textOf(error)}`, {
      directory: this.#options.directory,
    })
  }

  // ---- opening ----

  #start(at: number): void {
    settle(this.#path)
    const { mark, before } = openMark(join(this.#options.directory, 'outbox.mark'))
    this.#mark?.close()
    this.#mark = mark
    const log = `${this.#path}-wal`
    const wal = readOrNull(log)
    try {
      // All of the file is read once a start; opened again after a failed write, its tree was sound a moment ago.
      this.#load(before, !this.#checked)
      this.#checked = true
      this.#account(at, false)
      this.#transaction(() => this.#prune(this.#wanted(), this.#next))
      this.#refreshOldest()
      return
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#closeFile()
      const mended = wal && mendedLog(wal, PAGE_SIZE)
      if (!mended) {
        this.#rescue(at, textOf(error), before)
        return
      }
      writeFileSync(`${log}.damaged-${new Date(at).toISOString().replace(/[:.]/g, '-')}`, wal)
      writeFileSync(log, mended)
      this.#note('warn', 'the log of the outbox was damaged and has been mended', { directory: this.#options.directory })
    }
    try {
      this.#load(before, true)
      this.#account(at, false)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#rescue(at, textOf(error), before)
    }
  }

  #rescue(at: number, reason: string, before: Extent | null = { oldest: this.#wanted(), next: this.#next }): void {
    this.#closeFile()
    const kept = salvage(this.#path, before?.oldest ?? 0, at)
    this.#generation++
    this.#note('error', 'the outbox file was damaged; what could be read was carried over', { reason, kept })
    this.#load(before, false)
    this.#account(at, true)
  }

  #closeFile(): void {
    try {
      this.#database?.close()
    } catch {
      // A file that cannot be closed is one we are leaving anyway.
    }
    this.#database = null
  }

  #load(before: Extent | null, check: boolean): void {
    try {
      this.#database = openFile(this.#path, check)
      this.#sql = prepareAll(this.#database)
      this.#words = this.#readWords()
      this.#readFigures(before)
    } catch (error) {
      // Whatever a fresh statement trips over in an old file, other than the disk itself, is in the file.
      if (error instanceof NewerVersion || isEnvironment(error)) throw error
      throw new Damaged(textOf(error))
    }
  }

  #readFigures(before: Extent | null): void {
    const rows = this.#sql.cursors.all() as { sink: string; position: number; crc: number }[]
    const known = new Map(
      rows.filter(({ sink, position, crc }) => crc === checksumOf(sink, position)).map((row) => [row.sink, row.position]),
    )
    const newest = this.#sql.newest.get() as { first: number; count: number } | undefined
    this.#next = Math.max(0, before?.next ?? 0, newest ? newest.first + newest.count : 0, ...known.values())
    this.#refreshOldest()
    // With no cursor left, the mark knows what was still wanted: entries before the oldest chunk may be missing.
    const start = known.size === 0 && before ? Math.min(before.oldest, this.#oldest) : this.#oldest
    this.#cursors = new Map(this.#options.sinks.map((sink) => [sink, known.get(sink) ?? start]))
    for (const { sink } of rows)
      if (!this.#cursors.has(sink)) {
        this.#sql.dropCursor.run(sink)
        this.#note('warn', 'a sink is no longer configured; its place in the outbox is given up', { sink })
      }
    const dead = this.#sql.deadSize.get()
    this.#bytes = number(this.#sql.chunkSize.get(), 'bytes') + number(dead, 'bytes')
    this.#deadLetters = number(dead, 'count')
    this.#damaged = number(this.#sql.damagedCount.get(), 'entries')
    this.#dropped = number(this.#sql.tally.get('dropped'), 'value')
  }

  /** Words as both tables have them; what one of them has lost is given back to it. */
  #readWords(): Map<number, string> {
    const words = new Map<number, string>()
    const counts: number[] = []
    for (const name of ['words', 'wordCopies'] as const) {
      let sound = 0
      for (const { id, crc, text } of this.#sql[name].iterate() as Iterable<{ id: number; crc: number; text: string }>) {
        if (crc !== checksumOf(id, text)) continue
        words.set(id, text)
        sound++
      }
      counts.push(sound)
    }
    if (counts.some((count) => count < words.size)) this.#transaction(() => this.#addWords([...words]))
    return words
  }

  /** Every position from the oldest wanted one to the end must be there. Where one is not: damage, or (`final`) counted. */
  #account(at: number, final: boolean): void {
    const wanted = Math.min(this.#wanted(), this.#next)
    const gaps: { first: number; count: number }[] = []
    let position = wanted
    for (const { first, count } of this.#sql.extents.iterate() as Iterable<{ first: number; count: number }>) {
      if (first + count <= position) continue
      if (first > position) gaps.push({ first: position, count: first - position })
      else if (first < position && position > wanted) throw new Damaged(`chunk ${first} overlaps the one before it`)
      position = first + count
    }
    if (position < this.#next) gaps.push({ first: position, count: this.#next - position })
    const known = this.#sql.damagedAll.all() as { first: number; count: number }[]
    const fresh = gaps.filter((gap) => !known.some(({ first, count }) => first <= gap.first && first + count >= gap.first + gap.count))
    if (fresh.length === 0) return
    if (!final) throw new Damaged(`entries ${fresh[0]!.first} to ${fresh[0]!.first + fresh[0]!.count - 1} are missing`)
    this.#transaction(() => {
      for (const gap of fresh) this.#setAside({ ...gap, reason: MISSING, raw: null }, at)
    })
    this.#damaged = number(this.#sql.damagedCount.get(), 'entries')
  }

  #opened(): Opened {
    const highest = [...this.#words.keys()].reduce((most, id) => Math.max(most, id + 1), 0)
    const firstFreeWord = Math.max(highest, number(this.#sql.tally.get('words'), 'value'))
    return { ...this.#status(), words: [...this.#words].sort(([a], [b]) => a - b), firstFreeWord, cursors: [...this.#cursors] }
  }

  // ---- work ----

  #commit(group: Group): Committed {
    const first = this.#next
    const next = first + (group.chunk ? group.count : 0)
    const cursors = new Map(this.#cursors)
    for (const [sink, position] of group.cursors) if (cursors.has(sink)) cursors.set(sink, Math.max(cursors.get(sink)!, position))
    const wasEmpty = this.#oldestAt === null
    let bytes = this.#bytes
    let dropped = 0
    let moved = false
    this.#transaction(() => {
      this.#addWords(group.words)
      if (group.chunk) {
        seal(group.chunk, { first, count: group.count, words: group.wordCount })
        this.#sql.addChunk.run(first, group.count, group.at, group.chunk)
        bytes += group.chunk.length
      }
      for (const [sink] of group.cursors) if (cursors.has(sink)) this.#saveCursor(sink, cursors.get(sink)!)
      if (group.cursors.length > 0) failpoint('outbox.cursor-saved')
      for (const letter of group.dead) {
        this.#addDead(letter)
        bytes += letter.raw.length
      }
      for (const entry of group.damaged) this.#setAside(entry, group.at)
      if (group.cursors.length > 0 && cursors.size > 0) {
        const freed = this.#prune(Math.min(...cursors.values()), next)
        bytes -= freed
        moved = freed > 0
      }
      if (this.#options.whenFull === 'drop-oldest' && group.chunk) {
        const bound = this.#boundToFit(bytes, group.chunk.length, first)
        if (bound > 0) {
          const from = cursors.size > 0 ? Math.min(...cursors.values()) : this.#oldest
          dropped = Math.max(0, bound - from)
          bytes -= this.#dropBelow(bound)
          moved = true
          this.#droppedTo = bound
          this.#sql.addTally.run('dropped', dropped)
          for (const [sink, position] of cursors)
            if (position < bound) {
              cursors.set(sink, bound)
              this.#saveCursor(sink, bound)
            }
        }
      }
      failpoint('outbox.before-commit')
    })
    failpoint('outbox.after-commit')
    this.#next = next
    this.#cursors = cursors
    this.#bytes = bytes
    this.#dropped += dropped
    this.#deadLetters += group.dead.length
    if (dropped > 0) this.#note('warn', 'the outbox is full; the oldest entries were dropped as configured', { dropped })
    if (group.damaged.length > 0) this.#damaged = number(this.#sql.damagedCount.get(), 'entries')
    if (moved || wasEmpty) this.#refreshOldest()
    this.#mark?.write({ oldest: this.#wanted(), next })
    if (moved && ++this.#commits % 64 === 0) this.#shrink()
    return { ...this.#status(), first }
  }

  #read(from: number, entries: number, at: number): Page {
    const chunks: { first: number; bytes: Uint8Array; entries: number[] }[] = []
    const damaged: DamagedEntry[] = []
    let position = Math.max(from, Math.min(this.#droppedTo, this.#next))
    let got = 0
    let size = 0
    let row = this.#sql.chunkWith.get(position) as ChunkRow | undefined
    if (!row || row.first + row.count <= position) row = this.#sql.chunkFrom.get(position) as ChunkRow | undefined
    for (; row; row = this.#sql.chunkFrom.get(position) as ChunkRow | undefined) {
      const head = readHead(row.body)
      if (head && head.first !== row.first) throw new Damaged(`chunk ${head.first} lies at ${row.first}`)
      const { first } = row
      if (first > position) damaged.push({ first: position, count: first - position, reason: MISSING, raw: null })
      const found = scan(row.body, head?.count ?? row.count)
      for (const { index, count, start, end } of found.damage)
        damaged.push({ first: first + index, count, reason: 'checksum', raw: row.body.slice(start, Math.min(end, start + RAW_BYTES)) })
      const wanted: number[] = []
      for (let n = 0; n < found.entries.length; n += 3)
        if (first + found.entries[n]! >= position) wanted.push(found.entries[n]!, found.entries[n + 1]!, found.entries[n + 2]!)
      chunks.push({ first, bytes: row.body, entries: wanted })
      position = first + (head?.count ?? row.count)
      got += wanted.length / 3
      size += row.body.length
      if (got >= entries || size >= PAGE_BYTES) break
    }
    if (!row && position < this.#next) {
      damaged.push({ first: position, count: this.#next - position, reason: MISSING, raw: null })
      position = this.#next
    }
    if (damaged.length > 0) {
      this.#transaction(() => {
        for (const entry of damaged) this.#setAside(entry, at)
      })
      this.#damaged = number(this.#sql.damagedCount.get(), 'entries')
    }
    return { ...this.#status(), chunks, through: position }
  }

  #letters(after: number, limit: number): DeadRow[] {
    const rows = this.#sql.dead.all(after, limit) as Record<string, string | number | Uint8Array>[]
    return rows.map((row) => ({
      id: row.id as number,
      sink: row.sink as string,
      series: row.series as string,
      measuredAt: row.measured_at as number,
      reason: row.reason as string,
      firstTry: row.first_try as number,
      lastTry: row.last_try as number,
      raw: row.raw as Uint8Array,
    }))
  }

  /** Back into the queue in one transaction. Entries of a chunk are counted in two bytes, hence the slices. */
  #replay(ids: readonly number[], at: number, wordCount: number): Status & { replayed: number } {
    const found = [...new Set(ids)].flatMap((id) => {
      const row = this.#sql.deadOne.get(id) as { raw: Uint8Array } | undefined
      return row ? [{ id, raw: row.raw }] : []
    })
    let next = this.#next
    let bytes = this.#bytes
    this.#transaction(() => {
      for (let start = 0; start < found.length; start += REPLAY_CHUNK) {
        const slice = found.slice(start, start + REPLAY_CHUNK)
        const chunk = chunkOf(slice.map(({ raw }) => raw))
        seal(chunk, { first: next, count: slice.length, words: wordCount })
        this.#sql.addChunk.run(next, slice.length, at, chunk)
        next += slice.length
        bytes += chunk.length
        for (const { id, raw } of slice) {
          this.#sql.dropDead.run(id)
          bytes -= raw.length
        }
      }
    })
    this.#next = next
    this.#bytes = bytes
    this.#deadLetters -= found.length
    this.#refreshOldest()
    this.#mark?.write({ oldest: this.#wanted(), next })
    return { ...this.#status(), replayed: found.length }
  }

  // ---- parts of a transaction ----

  #addWords(words: readonly Word[]): void {
    for (const [id, text] of words) {
      const crc = checksumOf(id, text)
      this.#sql.addWord.run(id, crc, text)
      this.#sql.addWordCopy.run(id, crc, text)
    }
  }

  #saveCursor(sink: string, position: number): void {
    this.#sql.setCursor.run(sink, position, checksumOf(sink, position))
  }

  #addDead({ sink, series, measuredAt, reason, firstTry, lastTry, raw }: Group['dead'][number]): void {
    const crc = deadChecksum(sink, series, measuredAt, reason, firstTry, lastTry, raw)
    this.#sql.addDead.run(sink, series, measuredAt, reason, firstTry, lastTry, raw, crc)
  }

  #setAside({ first, count, reason, raw }: DamagedEntry, at: number): void {
    const { changes } = this.#sql.addDamaged.run(first, count, reason, at, raw)
    if (Number(changes) > 0) this.#note('error', 'entries of the outbox cannot be read; they are set aside', { first, count, reason })
  }

  /** Deletes chunks every sink has passed. A chunk that holds `least` stays. @returns bytes freed */
  #prune(least: number, next: number): number {
    if (least <= this.#oldest) return 0
    const holding = least >= next ? next : (this.#sql.behind.get(least) as { first: number | null }).first
    return holding === null || holding <= this.#oldest ? 0 : this.#dropBelow(holding)
  }

  #dropBelow(bound: number): number {
    const freed = number(this.#sql.sizeBelow.get(bound), 'bytes')
    if (freed > 0) this.#sql.dropBelow.run(bound)
    return freed
  }

  /** First chunk that may stay so that the rest fits, 0 when everything does. The newest chunk always stays. */
  #boundToFit(bytes: number, added: number, newest: number): number {
    const { maxBytes, reserveBytes } = this.#options
    const limit = this.#available() < reserveBytes ? Math.min(maxBytes, bytes - 2 * added) : maxBytes
    let excess = bytes - limit
    let bound = 0
    let row = this.#sql.chunkFrom.get(0) as ChunkRow | undefined
    while (excess > 0 && row && row.first < newest) {
      excess -= row.body.length
      bound = row.first + row.count
      row = this.#sql.chunkFrom.get(bound) as ChunkRow | undefined
    }
    return bound
  }

  #transaction(work: () => void): void {
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
      if (isInputOutput(error)) this.#closeFile()
      throw error
    }
  }

  #shrink(): void {
    if (this.#bytes > SHRINK_KEPT_BYTES || this.#freeBytes() < SHRINK_FREE_BYTES) return
    try {
      this.#database!.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // Only a kindness to the disk.
    }
  }

  // ---- figures ----

  #wanted(): number {
    return this.#cursors.size > 0 ? Math.min(...this.#cursors.values()) : this.#oldest
  }

  #refreshOldest(): void {
    const row = this.#sql.oldest.get() as { first: number; at: number } | undefined
    this.#oldest = row?.first ?? this.#next
    this.#oldestAt = row?.at ?? null
  }

  #freeBytes(): number {
    return number(this.#sql.freePages.get(), 'freelist_count') * PAGE_SIZE
  }

  #available(): number {
    const { bavail, bsize } = statfsSync(this.#options.directory)
    const free = bavail * bsize
    return free < this.#options.reserveBytes * 2 ? free + this.#freeBytes() : free
  }

  #note(level: Note['level'], message: string, fields: Note['fields']): void {
    this.#notes.push({ level, message, fields })
  }

  #status(): Status {
    const notes = this.#notes
    this.#notes = []
    return {
      next: this.#next,
      oldest: this.#oldest,
      bytes: this.#bytes,
      available: this.#available(),
      oldestAt: this.#oldestAt,
      deadLetters: this.#deadLetters,
      damaged: this.#damaged,
      dropped: this.#dropped,
      generation: this.#generation,
      droppedTo: this.#droppedTo,
      notes,
    }
  }
}

const REPLAY_CHUNK = 500
const MISSING = 'missing from the file'

const readOrNull = (path: string): Buffer | null => {
  try {
    return readFileSync(path)
  } catch {
    return null
  }
}

const number = (row: unknown, column: string): number => {
  const value = (row as Record<string, unknown> | undefined)?.[column]
  return typeof value === 'number' ? value : 0
}
