import { existsSync, renameSync } from 'node:fs'
import { MEASUREMENTS, type Measurement } from '../../core/reading.ts'
import { RowCodec, RowDamaged } from '../../core/row.ts'
import { type Database, inTransaction, openDatabase, type Statement } from '../../sqlite/index.ts'
import { type ShapeSource, shapeSource } from './pack.ts'
import { Words } from './words.ts'

const VERSION = 1
/** Statements insert so many rows at once: a call into SQLite costs as much as a row. */
export const ROWS_A_STATEMENT = 64

/**
 * One month of readings in one file, with its own dictionary: rows and the words they need are written in one transaction, so no
 * crash can part them; the file can be copied, read or deleted alone, and damage to it harms no other month. The price is a list
 * of series a month, about a megabyte at 20,000 meters.
 *
 * words               number → text; a series' number is its word's
 * register, …         key, milliseconds within the hour or null, body as {@link RowCodec} makes it
 * register_packed, …  day × 2^21 + series, rows, a day's rows in one blob; hot rows of the same instant win over packed ones
 * day_registers       first and last registers of a local day, all series in one blob
 * stale_days          days whose blob is older than their rows, because it is kept in memory meanwhile
 * meta                zone of the local days; `packed NAME`: rows packed of each measurement
 */
export interface Partition {
  readonly month: number
  readonly path: string
  readonly database: Database
  readonly words: Words
  readonly codec: RowCodec
  readonly shapes: ShapeSource
  /** A statement, compiled once. */
  prepare(sql: string): Statement
  close(): void
}

/** A file of before a measurement came up gets its tables when it is next opened for writing. */
const tables = MEASUREMENTS.map(
  (name) => `
  CREATE TABLE IF NOT EXISTS ${name} (key INTEGER PRIMARY KEY, ms INTEGER, body BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS ${name}_packed (key INTEGER PRIMARY KEY, rows INTEGER NOT NULL, body BLOB NOT NULL);`,
).join('')

const schema = `
  CREATE TABLE words (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
  CREATE TABLE day_registers (day INTEGER PRIMARY KEY, body BLOB NOT NULL);
  CREATE TABLE stale_days (day INTEGER PRIMARY KEY);
  CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
  ${tables}
  PRAGMA user_version = ${VERSION};`

/** A file that a later version of the product wrote. */
export class NewerFile extends Error {
  override readonly name = 'NewerFile'
}

/**
 * Opens a month's file for writing, creates it when it is missing. Throws what SQLite throws.
 *
 * The pages are 8 KiB: five packed meter-days of twelve values fit. Every commit is on the disk (FULL) before it is answered,
 * because an answer of 'stored' lets the outbox forget its copy; at 20,000 rows a commit that costs nothing measurable.
 */
export const openPartition = (path: string, month: number): Partition => {
  const database = openDatabase(path, 'FULL', 'PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA cache_size=-16384')
  try {
    const version = versionOf(database)
    if (version > VERSION) throw new NewerFile(`form ${version}, this program knows ${VERSION}`)
    if (version === 0) inTransaction(database, () => database.exec(schema))
    else if (MEASUREMENTS.some((name) => !hasTable(database, name))) inTransaction(database, () => database.exec(tables))
    return partition(database, path, month)
  } catch (error) {
    database.close()
    throw error
  }
}

/** Opens a month's file for reading only; null when there is none, or none yet. */
export const openForReading = (path: string, month: number): Partition | null => {
  if (!existsSync(path)) return null
  const database = openDatabase(path, 'NORMAL', 'PRAGMA cache_size=-16384')
  try {
    if (versionOf(database) !== VERSION) {
      database.close()
      return null
    }
    database.exec('PRAGMA query_only=ON')
    return partition(database, path, month)
  } catch (error) {
    database.close()
    throw error
  }
}

const hasTable = (database: Database, name: string): boolean =>
  database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(`${name}_packed`) !== undefined

/** Whether a file that is only read holds anything of a measurement: one of before it came up has no such table yet. */
export const knows = ({ database }: Pick<Partition, 'database'>, measurement: Measurement): boolean => hasTable(database, measurement)

const versionOf = (database: Database): number => Number(numberOf(database.prepare('PRAGMA user_version').get(), 'user_version'))

const partition = (database: Database, path: string, month: number): Partition => {
  const words = new Words()
  const statements = new Map<string, Statement>()
  const prepare = (sql: string): Statement => {
    let statement = statements.get(sql)
    if (!statement) {
      statement = database.prepare(sql)
      statements.set(sql, statement)
    }
    return statement
  }
  const opened: Partition = {
    month,
    path,
    database,
    words,
    codec: new RowCodec(words),
    shapes: shapeSource(words),
    prepare,
    close: () => {
      statements.clear()
      database.close()
    },
  }
  readWords(opened)
  return opened
}

/** Takes over the words that were added to the file since. @throws RowDamaged when one is missing */
export const readWords = ({ words, prepare }: Pick<Partition, 'words' | 'prepare'>): void => {
  const rows = prepare('SELECT id, text FROM words WHERE id >= ? ORDER BY id').all(words.size)
  for (const row of rows) {
    if (numberOf(row, 'id') !== words.size) throw new RowDamaged(`word ${words.size} is missing`)
    words.add(textOf(row, 'text'))
  }
}

/**
 * Moves a damaged file out of the way, its log beside it, so that a fresh one can be begun and a person can look at the old one.
 *
 * @returns  the new name
 */
export const setAside = (path: string, now: Date): string => {
  const name = `${path}.damaged-${now.toISOString().replace(/[-:]/g, '').replace(/\..*/, 'Z')}`
  let free = name
  for (let count = 2; existsSync(free); count++) free = `${name}-${count}`
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, free + suffix)
  return free
}

/** A column of a row as the type it was declared with; a bug or a damaged file otherwise. */
export const numberOf = (row: unknown, column: string): number => {
  const value = cell(row, column)
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  throw new RowDamaged(`column ${column} is no number`)
}

export const nullableNumberOf = (row: unknown, column: string): number | null => (cell(row, column) === null ? null : numberOf(row, column))

export const textOf = (row: unknown, column: string): string => {
  const value = cell(row, column)
  if (typeof value === 'string') return value
  throw new RowDamaged(`column ${column} is no text`)
}

export const bytesOf = (row: unknown, column: string): Uint8Array => {
  const value = cell(row, column)
  if (value instanceof Uint8Array) return value
  throw new RowDamaged(`column ${column} is no blob`)
}

const cell = (row: unknown, column: string): unknown =>
  typeof row === 'object' && row !== null ? (row as Readonly<Record<string, unknown>>)[column] : undefined

/** A figure of the `meta` table. */
export const metaNumber = ({ prepare }: Pick<Partition, 'prepare'>, name: string): number => {
  const row = prepare('SELECT value FROM meta WHERE name = ?').get(name)
  return row === undefined ? 0 : numberOf(row, 'value')
}
