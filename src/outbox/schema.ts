import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { type Database, openDatabase, type Statement } from '../sqlite/index.ts'
import { Damaged } from './errors.ts'
import { type Column, eachRow, firstRow, numberOr0 } from './rows.ts'

/**
 * The file. Words are kept twice, on different pages, because one lost word costs every entry that uses it. Everything that
 * steers delivery has a checksum: a cursor that cannot be trusted starts again at the oldest entry, which is harmless.
 * The number of columns tells the tables apart when pages are read without SQLite (pages.ts).
 */
export const PAGE_SIZE = 8192
export const WORD_COLUMNS = 3
const VERSION = 1

const TABLES = [
  'CREATE TABLE chunk(first INTEGER PRIMARY KEY, count INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL)',
  'CREATE TABLE word(id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, text TEXT NOT NULL)',
  'CREATE TABLE word_copy(id INTEGER PRIMARY KEY, crc INTEGER NOT NULL, text TEXT NOT NULL)',
  'CREATE TABLE cursor(sink TEXT PRIMARY KEY, position INTEGER NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID',
  'CREATE TABLE dead(id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, series TEXT NOT NULL, measured_at INTEGER NOT NULL, ' +
    'reason TEXT NOT NULL, first_try INTEGER NOT NULL, last_try INTEGER NOT NULL, raw BLOB NOT NULL, crc INTEGER NOT NULL)',
  'CREATE TABLE damaged(first INTEGER PRIMARY KEY, count INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL, raw BLOB)',
  'CREATE TABLE tally(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID',
]

export class NewerVersion extends Error {
  override readonly name = 'NewerVersion'
}

/**
 * Opens the file, and makes its tables when it is new. With `check`, reads all of it first. When it throws, nothing of it stays
 * open.
 */
export const openFile = (path: string, check: boolean): Database => {
  const old = check && existsSync(path)
  if (old) checkHeader(path)
  const database = openDatabase(path, 'FULL', `PRAGMA locking_mode=EXCLUSIVE; PRAGMA page_size=${PAGE_SIZE}`)
  try {
    if (old) {
      const report = firstRow(database, 'quick_check', 'pragma_quick_check')?.[0]
      if (report !== 'ok') throw new Damaged(`quick_check says ${String(report)}`)
    }
    const version = numberOr0(firstRow(database, 'user_version', 'pragma_user_version')?.[0])
    database.exec(`PRAGMA journal_size_limit=${8 << 20}`)
    if (version > VERSION) {
      // The number stands in two places, so that a flipped bit is not taken for a newer program.
      const other = firstRow(database, 'value', "tally WHERE name = 'version'")?.[0]
      if (other === version) throw new NewerVersion(`outbox version ${version}, this program knows ${VERSION}`)
      throw new Damaged(`version ${version} in one place, ${String(other)} in the other`)
    }
    const found: Column[] = []
    eachRow(database, 'sql', "sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", (sql) => found.push(sql))
    if (found.length === 0)
      database.exec(`BEGIN; ${TABLES.join(';')}; INSERT INTO tally VALUES ('version', ${VERSION}); PRAGMA user_version=${VERSION}; COMMIT`)
    // The definitions are text like any other: a flipped bit in one renames a column.
    else if (version !== VERSION || found.length !== TABLES.length || !TABLES.every((sql) => found.includes(sql)))
      throw new Damaged('the tables are not ours')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * What SQLite takes for a wish rather than for damage: a write version above 2 makes a file read-only.
 *
 * @source sqlite.org/fileformat2.html, section 1.3
 */
const checkHeader = (path: string): void => {
  const header = Buffer.alloc(20)
  const file = openSync(path, 'r')
  const length = readSync(file, header, 0, header.length, 0)
  closeSync(file)
  if (length === 0) return
  const versions = header.subarray(18, 20).every((version) => version === 1 || version === 2)
  if (!versions || header.readUInt16BE(16) !== PAGE_SIZE || !header.toString('latin1').startsWith('SQLite format 3\0'))
    throw new Damaged('the header of the file is not one of ours')
}

/**
 * Closes a file for good. Leaving WAL mode writes the log back and ends the exclusive lock even where statements keep the
 * connection alive for a while.
 */
export const closeFile = (database: Database): void => {
  try {
    database.exec('PRAGMA journal_mode=DELETE; PRAGMA locking_mode=NORMAL; SELECT count(*) FROM sqlite_schema')
  } catch {
    // Damaged, or no room: the log stays, and the next start reads it.
  }
  try {
    database.close()
  } catch {
    // A file that cannot be closed is one we are leaving anyway.
  }
}

export type Statements = Readonly<Record<keyof typeof SQL, Statement>>

const SQL = {
  addChunk: 'INSERT INTO chunk(first, count, at, body) VALUES (?, ?, ?, ?)',
  chunkWith: 'SELECT first, count, at, body FROM chunk WHERE first <= ? ORDER BY first DESC LIMIT 1',
  chunkFrom: 'SELECT first, count, at, body FROM chunk WHERE first >= ? ORDER BY first LIMIT 1',
  oldest: 'SELECT first, at FROM chunk ORDER BY first LIMIT 1',
  behind: 'SELECT max(first) AS first FROM chunk WHERE first <= ?',
  sizeBelow: 'SELECT total(length(body)) AS bytes FROM chunk WHERE first < ?',
  dropBelow: 'DELETE FROM chunk WHERE first < ?',
  addWord: 'INSERT OR REPLACE INTO word(id, crc, text) VALUES (?, ?, ?)',
  addWordCopy: 'INSERT OR REPLACE INTO word_copy(id, crc, text) VALUES (?, ?, ?)',
  setCursor: 'INSERT OR REPLACE INTO cursor(sink, position, crc) VALUES (?, ?, ?)',
  dropCursors: 'DELETE FROM cursor',
  addDead: 'INSERT INTO dead(sink, series, measured_at, reason, first_try, last_try, raw, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  dead: 'SELECT id, sink, series, measured_at, reason, first_try, last_try, raw, crc FROM dead WHERE id > ? ORDER BY id LIMIT ?',
  deadOne: 'SELECT id, sink, series, measured_at, reason, first_try, last_try, raw, crc FROM dead WHERE id = ?',
  sameDead: 'SELECT 1 FROM dead WHERE sink = ? AND series = ? AND measured_at = ? AND crc = ?',
  dropDead: 'DELETE FROM dead WHERE id = ?',
  deadSize: 'SELECT count(*) AS count, total(length(raw)) AS bytes FROM dead',
  chunkSize: 'SELECT total(length(body)) AS bytes FROM chunk',
  addDamaged: 'INSERT OR IGNORE INTO damaged(first, count, reason, at, raw) VALUES (?, ?, ?, ?, ?)',
  damagedCount: 'SELECT count(*) AS findings, total(count) AS entries FROM damaged',
  tally: 'SELECT value FROM tally WHERE name = ?',
  addTally: 'INSERT INTO tally(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = value + excluded.value',
  freePages: 'PRAGMA freelist_count',
} as const

export const prepareAll = (database: Database): Statements => {
  const statements = Object.fromEntries(Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]))
  return statements as Statements
}

export const checksumOf = (...parts: readonly (string | number | Uint8Array)[]): number =>
  parts.reduce<number>((crc, part) => crc32(typeof part === 'number' ? String(part) : part, crc), 0)
