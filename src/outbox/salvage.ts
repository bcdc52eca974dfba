import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Database, openDatabase } from '../sqlite/index.ts'
import { readHead } from './entry.ts'
import { looseChunks, looseRecords } from './pages.ts'
import { checksumOf, openFile, PAGE_SIZE, prepareAll, type Statements, WORD_COLUMNS } from './schema.ts'

/**
 * Carries everything readable of a damaged file into a new one and keeps the old one beside it. First through SQLite, from both
 * ends, then page by page for what its tree no longer reaches. What is still missing afterwards, the caller counts.
 *
 * @param oldest  entries before it are not wanted any more
 * @returns       the name the damaged file was given
 */
export const salvage = (path: string, oldest: number, at: number): string => {
  const fresh = `${path}.new`
  forget(fresh)
  const target = openFile(fresh, false)
  const to = prepareAll(target)
  const carry = carrier(to, oldest)
  target.exec('BEGIN')
  const source = attempt(() => openDatabase(path, 'FULL', 'PRAGMA locking_mode=EXCLUSIVE'))
  if (source) {
    const from = attempt(() => prepareAll(source))
    if (from) carryTables(from, to, carry)
    attempt(() => source.close())
  }
  for (const { head, body } of looseChunks(path, PAGE_SIZE)) carry.chunk(head.first, head.count, at, body)
  for (const { key, columns } of looseRecords(path, PAGE_SIZE)) {
    if (columns.length === WORD_COLUMNS) carry.word(key, columns[1], textOf(columns[2]))
    if (columns.length === DEAD_COLUMNS) carry.dead(columns.map((column, index) => (TEXTS.has(index) ? textOf(column) : column)))
  }
  to.addTally.run('words', carry.words())
  target.exec('COMMIT')
  finish(target)
  const kept = `${path}.damaged-${new Date(at).toISOString().replace(/[:.]/g, '-')}`
  renameSync(fresh, `${path}.salvaged`)
  settle(path, kept)
  return kept
}

const DEAD_COLUMNS = 9
const TEXTS = new Set([1, 2, 4])

/** Ends a salvage that was cut off after the new file was whole; throws away one that was not. */
export const settle = (path: string, kept = `${path}.damaged-unfinished`): void => {
  forget(`${path}.new`)
  if (!existsSync(`${path}.salvaged`)) return
  for (const suffix of ['', '-wal']) if (existsSync(path + suffix)) renameSync(path + suffix, kept + suffix)
  renameSync(`${path}.salvaged`, path)
  const directory = openSync(dirname(path), 'r')
  fsyncSync(directory)
  closeSync(directory)
}

const forget = (path: string): void => {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
}

/** Closes the new file with nothing left in its log. */
const finish = (database: Database): void => {
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
}

const attempt = <T>(work: () => T): T | null => {
  try {
    return work()
  } catch {
    return null
  }
}

type Column = Uint8Array | number | string | null | undefined

const textOf = (column: Column): Column => (column instanceof Uint8Array ? Buffer.from(column).toString('utf8') : column)

/** Puts records into the new file; takes only what is not there yet and what its checksum vouches for. */
const carrier = (to: Statements, oldest: number) => {
  let words = 0
  return {
    words: () => words,
    chunk: (first: number, count: number, at: number, body: Uint8Array) => {
      const head = readHead(body)
      const start = head?.first ?? first
      const entries = head?.count ?? count
      words = Math.max(words, head?.words ?? 0)
      if (!Number.isSafeInteger(start) || start < 0 || start + entries <= oldest) return
      const before = to.chunkWith.get(start + entries - 1) as { first: number; count: number } | undefined
      if (!before || before.first + before.count <= start) to.addChunk.run(start, entries, at, body)
    },
    word: (id: number, crc: Column, text: Column) => {
      if (typeof text !== 'string' || crc !== checksumOf(id, text)) return
      words = Math.max(words, id + 1)
      to.addWord.run(id, crc, text)
      to.addWordCopy.run(id, crc, text)
    },
    dead: (columns: readonly Column[]) => {
      const [, sink, series, measuredAt, reason, firstTry, lastTry, raw, crc] = columns
      if (typeof sink !== 'string' || typeof series !== 'string' || typeof reason !== 'string' || !(raw instanceof Uint8Array)) return
      if (typeof measuredAt !== 'number' || typeof firstTry !== 'number' || typeof lastTry !== 'number') return
      if (crc !== deadChecksum(sink, series, measuredAt, reason, firstTry, lastTry, raw)) return
      if (to.sameDead.get(sink, series, measuredAt, crc)) return
      to.addDead.run(sink, series, measuredAt, reason, firstTry, lastTry, raw, crc)
    },
  }
}

export const deadChecksum = (...parts: readonly (string | number | Uint8Array)[]): number => checksumOf(...parts)

const carryTables = (from: Statements, to: Statements, carry: ReturnType<typeof carrier>): void => {
  for (const name of ['words', 'wordCopies'] as const)
    attempt(() => {
      for (const { id, crc, text } of from[name].iterate() as Iterable<{ id: number; crc: number; text: string }>) carry.word(id, crc, text)
    })
  interface Chunk {
    readonly first: number
    readonly count: number
    readonly at: number
    readonly body: Uint8Array
  }
  let reached = 0
  attempt(() => {
    for (let chunk = from.chunkFrom.get(0) as Chunk | undefined; chunk; chunk = from.chunkFrom.get(chunk.first + 1) as Chunk | undefined) {
      carry.chunk(chunk.first, chunk.count, chunk.at, chunk.body)
      reached = chunk.first
    }
    reached = Number.MAX_SAFE_INTEGER
  })
  attempt(() => {
    for (
      let chunk = from.chunkWith.get(Number.MAX_SAFE_INTEGER) as Chunk | undefined;
      chunk && chunk.first > reached;
      chunk = from.chunkWith.get(chunk.first - 1) as Chunk | undefined
    )
      carry.chunk(chunk.first, chunk.count, chunk.at, chunk.body)
  })
  attempt(() => {
    for (const { sink, position, crc } of from.cursors.all() as { sink: string; position: number; crc: number }[])
      if (crc === checksumOf(sink, position)) to.setCursor.run(sink, position, crc)
  })
  attempt(() => {
    for (const row of from.dead.iterate(0, -1) as Iterable<Record<string, Column>>) carry.dead(Object.values(row))
  })
  attempt(() => {
    for (const { first, count, reason, at, raw } of from.damagedAll.iterate() as Iterable<
      Record<string, string | number | Uint8Array | null>
    >)
      to.addDamaged.run(first!, count!, reason!, at!, raw ?? null)
  })
  attempt(() => {
    const dropped = from.tally.get('dropped') as { value: number } | undefined
    if (dropped) to.addTally.run('dropped', dropped.value)
  })
}
