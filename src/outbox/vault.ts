import { mkdirSync } from 'node:fs'
import { ok, type Result } from '../core/index.ts'
import { bytesOrNullIn, numberIn, type Row, textIn } from '../sqlite/row.ts'
import { chunkOf, readHead, scan, seal } from './entry.ts'
import { Damaged, fail, isDamage, type OutboxError, textOf } from './errors.ts'
import { failpoint } from './failpoint.ts'
import { MISSING, VaultFile } from './file.ts'
import { acquireLock, type Lock } from './lock.ts'
import { deadChecksum } from './salvage.ts'
import { NewerVersion } from './schema.ts'
import type {
  Committed,
  DamagedEntry,
  DeadEntry,
  DeadRow,
  Group,
  Opened,
  Page,
  Status,
  VaultCall,
  VaultCalls,
  VaultOptions,
} from './vault-types.ts'

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
const REPLAY_CHUNK = 500

/**
 * What can be done with the file: everything that touches the disk, synchronous, in a thread of its own. A damaged file is
 * salvaged wherever the damage shows, at opening or in the middle of work; no call ever throws.
 */
export class Vault {
  readonly #file: VaultFile
  readonly #lock: Lock
  #state: 'open' | 'condemned' | 'closed' = 'open'

  private constructor(file: VaultFile, lock: Lock) {
    this.#file = file
    this.#lock = lock
  }

  /** @errors OUTBOX_LOCKED, OUTBOX_NEWER, OUTBOX_DISK */
  static open(options: VaultOptions): Result<{ readonly vault: Vault; readonly opened: Opened }, OutboxError> {
    let vault: Vault | null = null
    try {
      mkdirSync(options.directory, { recursive: true })
      const lock = acquireLock(options.directory)
      if (!lock.ok) return lock
      vault = new Vault(new VaultFile(options), lock.value)
      vault.#file.open(options.now)
      return ok({ vault, opened: vault.#opened() })
    } catch (error) {
      vault?.close()
      if (error instanceof NewerVersion) return fail('OUTBOX_NEWER', error.message)
      return fail('OUTBOX_DISK', `the outbox in ${options.directory} cannot be opened: ${textOf(error)}`, { directory: options.directory })
    }
  }

  /**
   * Carries out one call. Damage that shows in the middle of work condemns the file: this vault is over, and the next one salvages
   * what can be read.
   */
  call<Name extends VaultCall>(name: Name, ask: VaultCalls[Name]['ask']): Result<VaultCalls[Name]['answer'], OutboxError> {
    if (this.#state === 'closed') return fail('OUTBOX_CLOSED', 'the outbox is closed')
    try {
      if (this.#state === 'condemned') throw new Error('its file is being replaced')
      const work = this.#calls[name] as (ask: VaultCalls[Name]['ask']) => VaultCalls[Name]['answer']
      return ok(work(ask))
    } catch (error) {
      if (isDamage(error)) {
        this.#state = 'condemned'
        this.#file.condemn()
      }
      const { directory } = this.#file.options
      return fail('OUTBOX_DISK', `the outbox in ${directory} cannot be used: ${textOf(error)}`, { directory })
    }
  }

  /** A condemned vault has to be opened again, in a new thread: statements of the old one keep the damaged file open. */
  get isCondemned(): boolean {
    return this.#state === 'condemned'
  }

  close(): void {
    this.#state = 'closed'
    this.#file.close()
    this.#lock.release()
  }

  readonly #calls: { readonly [Name in VaultCall]: (ask: VaultCalls[Name]['ask']) => VaultCalls[Name]['answer'] } = {
    open: () => this.#opened(),
    commit: (group) => this.#commit(group),
    read: ({ from, entries, at }) => this.#read(from, entries, at),
    letters: ({ after, limit }) => this.#letters(after, limit),
    replay: ({ ids, at, wordCount }) => this.#replay(ids, at, wordCount),
    probe: () => {
      this.#file.transaction(() => this.#file.sql.addTally.run('probes', 1))
      return this.#file.status()
    },
    close: () => {
      this.close()
      return null
    },
  }

  #opened(): Opened {
    const { figures, words } = this.#file
    return {
      ...this.#file.status(),
      words: [...words].sort(([a], [b]) => a - b),
      firstFreeWord: figures.words,
      cursors: [...figures.cursors],
    }
  }

  #commit(group: Group): Committed {
    const file = this.#file
    const { figures, sql, options } = file
    // A commit before this one failed and took its words with it: entries that use them must not be kept without them.
    if ((group.words[0]?.[0] ?? group.wordCount) > figures.words) throw new Error('the commit before it failed')
    const first = figures.next
    const next = first + (group.chunk ? group.count : 0)
    const cursors = new Map(figures.cursors)
    for (const [sink, position] of group.cursors) if (cursors.has(sink)) cursors.set(sink, Math.max(cursors.get(sink)!, position))
    const wasEmpty = figures.oldestAt === null
    let { bytes } = figures
    let bound = 0
    let dropped = 0
    let pruned = 0
    file.transaction(() => {
      file.addWords(group.words)
      if (group.chunk) {
        seal(group.chunk, { first, count: group.count, words: group.wordCount })
        sql.addChunk.run(first, group.count, group.at, group.chunk)
        bytes += group.chunk.length
      }
      for (const [sink] of group.cursors) if (cursors.has(sink)) file.saveCursor(sink, cursors.get(sink)!)
      if (group.cursors.length > 0) failpoint('outbox.cursor-saved')
      for (const letter of group.dead) bytes += this.#addDead(letter)
      for (const entry of group.damaged) file.setAside(entry, group.at)
      if (group.cursors.length > 0 && cursors.size > 0) pruned = file.prune(Math.min(...cursors.values()), next)
      bytes -= pruned
      if (options.whenFull === 'drop-oldest' && group.chunk) bound = this.#boundToFit(bytes, group.chunk.length, first)
      if (bound > 0) {
        dropped = Math.max(0, bound - (cursors.size > 0 ? Math.min(...cursors.values()) : figures.oldest))
        bytes -= file.dropBelow(bound)
        sql.addTally.run('dropped', dropped)
        for (const [sink, position] of cursors)
          if (position < bound) {
            cursors.set(sink, bound)
            file.saveCursor(sink, bound)
          }
      }
      failpoint('outbox.before-commit')
    })
    failpoint('outbox.after-commit')
    figures.next = next
    figures.words = Math.max(figures.words, group.wordCount)
    figures.cursors = cursors
    figures.bytes = bytes
    figures.dropped += dropped
    figures.droppedTo = Math.max(figures.droppedTo, bound)
    figures.deadLetters += group.dead.length
    if (dropped > 0) file.note('warn', 'the outbox is full; the oldest entries were dropped as configured', { dropped })
    if (group.damaged.length > 0) file.recountDamaged()
    if (pruned > 0 || bound > 0 || wasEmpty) file.refreshOldest()
    file.writeMark()
    if (pruned > 0) file.shrink()
    return { ...file.status(), first }
  }

  #read(from: number, entries: number, at: number): Page {
    const file = this.#file
    const { figures, sql } = file
    const chunks: { first: number; bytes: Uint8Array; entries: number[] }[] = []
    const damaged: DamagedEntry[] = []
    let position = Math.max(from, Math.min(figures.droppedTo, figures.next))
    let got = 0
    let size = 0
    let row = sql.chunkWith.get(position) as ChunkRow | undefined
    if (!row || row.first + row.count <= position) row = sql.chunkFrom.get(position) as ChunkRow | undefined
    for (; row; row = sql.chunkFrom.get(position) as ChunkRow | undefined) {
      // A flipped bit in a record's head makes a text of a blob.
      if (!(row.body instanceof Uint8Array)) throw new Damaged(`the body of chunk ${row.first} is no blob`)
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
    if (!row && position < figures.next) {
      damaged.push({ first: position, count: figures.next - position, reason: MISSING, raw: null })
      position = figures.next
    }
    if (damaged.length > 0) {
      file.transaction(() => {
        for (const entry of damaged) file.setAside(entry, at)
      })
      file.recountDamaged()
    }
    return { ...file.status(), chunks, through: position }
  }

  #letters(after: number, limit: number): DeadRow[] {
    return this.#file.sql.dead
      .all(after, limit)
      .flatMap((row) => letterOf(row) ?? [])
      .map(({ id, sink, series, measured_at, reason, first_try, last_try, raw }) => ({
        id,
        sink,
        series,
        measuredAt: measured_at,
        reason,
        firstTry: first_try,
        lastTry: last_try,
        raw,
      }))
  }

  /** Back into the queue in one transaction; a letter that no longer agrees with its checksum stays where it is. */
  #replay(ids: readonly number[], at: number, wordCount: number): Status & { replayed: number } {
    const file = this.#file
    const { figures, sql } = file
    const found = [...new Set(ids)].flatMap((id) => {
      const kept = sql.deadOne.get(id)
      const row = kept ? letterOf(kept) : null
      return row && row.crc === checksumOfLetter(row) ? [row] : []
    })
    let { next, bytes } = figures
    file.transaction(() => {
      for (let start = 0; start < found.length; start += REPLAY_CHUNK) {
        const slice = found.slice(start, start + REPLAY_CHUNK)
        const chunk = chunkOf(slice.map(({ raw }) => raw))
        seal(chunk, { first: next, count: slice.length, words: wordCount })
        sql.addChunk.run(next, slice.length, at, chunk)
        next += slice.length
        bytes += chunk.length
        for (const { id, raw } of slice) {
          sql.dropDead.run(id)
          bytes -= raw.length
        }
      }
    })
    figures.next = next
    figures.bytes = bytes
    figures.deadLetters -= found.length
    file.refreshOldest()
    file.writeMark()
    return { ...file.status(), replayed: found.length }
  }

  /** @returns bytes added */
  #addDead({ sink, series, measuredAt, reason, firstTry, lastTry, raw }: DeadEntry): number {
    const crc = deadChecksum(sink, series, measuredAt, reason, firstTry, lastTry, raw)
    this.#file.sql.addDead.run(sink, series, measuredAt, reason, firstTry, lastTry, raw, crc)
    return raw.length
  }

  /** First chunk that may stay so that the rest fits, 0 when everything does. The newest chunk always stays. */
  #boundToFit(bytes: number, added: number, newest: number): number {
    const { maxBytes, reserveBytes } = this.#file.options
    const limit = this.#file.available() < reserveBytes ? Math.min(maxBytes, bytes - 2 * added) : maxBytes
    let excess = bytes - limit
    let bound = 0
    let row = this.#file.sql.chunkFrom.get(0) as ChunkRow | undefined
    while (excess > 0 && row && row.first < newest) {
      excess -= row.body.length
      bound = row.first + row.count
      row = this.#file.sql.chunkFrom.get(bound) as ChunkRow | undefined
    }
    return bound
  }
}

interface StoredLetter {
  readonly id: number
  readonly sink: string
  readonly series: string
  readonly measured_at: number
  readonly reason: string
  readonly first_try: number
  readonly last_try: number
  readonly raw: Uint8Array
  readonly crc: number
}

/** null: damage has made something else of its bytes. */
const letterOf = (row: Row): StoredLetter | null => {
  const raw = bytesOrNullIn(row, 'raw')
  if (raw === null) return null
  return {
    ...{ id: numberIn(row, 'id'), sink: textIn(row, 'sink'), series: textIn(row, 'series'), measured_at: numberIn(row, 'measured_at') },
    ...{ reason: textIn(row, 'reason'), first_try: numberIn(row, 'first_try'), last_try: numberIn(row, 'last_try'), raw },
    crc: numberIn(row, 'crc'),
  }
}

const checksumOfLetter = ({ sink, series, measured_at, reason, first_try, last_try, raw }: StoredLetter): number =>
  deadChecksum(sink, series, measured_at, reason, first_try, last_try, raw)
