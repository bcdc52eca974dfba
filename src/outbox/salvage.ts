import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Database, openDatabase } from '../sqlite/index.ts'
import { readHead } from './entry.ts'
import { looseChunks, looseRecords } from './pages.ts'
import { type Column, eachRow, numberOr0 } from './rows.ts'
import { checksumOf, closeFile, openFile, PAGE_SIZE, prepareAll, type Statements, WORD_COLUMNS } from './schema.ts'

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
    carryTables(source, to, carry)
    attempt(() => source.close())
  }
  for (const { head, body } of looseChunks(path, PAGE_SIZE)) carry.chunk(head.first, head.count, at, body)
  for (const { key, columns } of looseRecords(path, PAGE_SIZE)) {
    if (columns.length === WORD_COLUMNS) carry.word(key, columns[1], textOf(columns[2]))
    if (columns.length === DEAD_COLUMNS) carry.dead(columns.map((column, index) => (TEXTS.has(index) ? textOf(column) : column)))
  }
  to.addTally.run('words', carry.words())
  target.exec('COMMIT')
  closeFile(target)
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

const attempt = <T>(work: () => T): T | null => {
  try {
    return work()
  } catch {
    return null
  }
}

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

/** What SQLite can still reach: from both ends, so that one broken page costs only what lies in it. */
const carryTables = (from: Database, to: Statements, carry: ReturnType<typeof carrier>): void => {
  const each = (columns: string, source: string, row: (...values: readonly Column[]) => void) =>
    attempt(() => eachRow(from, columns, source, row))
  for (const table of ['word', 'word_copy']) each('id, crc, text', table, (id, crc, text) => carry.word(numberOr0(id), crc, text))
  for (const order of ['ASC', 'DESC'])
    each('first, count, at, body', `(SELECT * FROM chunk ORDER BY first ${order})`, (first, count, at, body) => {
      if (body instanceof Uint8Array) carry.chunk(numberOr0(first), numberOr0(count), numberOr0(at), body)
    })
  each('sink, position, crc', 'cursor', (sink, position, crc) => {
    if (typeof sink === 'string' && typeof position === 'number' && crc === checksumOf(sink, position))
      to.setCursor.run(sink, position, crc)
  })
  each('id, sink, series, measured_at, reason, first_try, last_try, raw, crc', 'dead', (...columns) => carry.dead(columns))
  each('first, count, reason, at, raw', 'damaged', (first, count, reason, at, raw) =>
    to.addDamaged.run(numberOr0(first), numberOr0(count), String(reason), numberOr0(at), raw instanceof Uint8Array ? raw : null),
  )
  each('value', "tally WHERE name = 'dropped'", (dropped) => to.addTally.run('dropped', numberOr0(dropped)))
}
