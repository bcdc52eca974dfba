import { join } from 'node:path'
import { type Database, inTransaction, openDatabase, type Statement } from '../sqlite/index.ts'
import { preparedOnce } from '../sqlite/prepared.ts'
import { packBody, packQuarters, unpackBody, unpackQuarters } from './loss-pack.ts'
import type { AreaLoss } from './loss-types.ts'

const VERSION = 3
const SCHEMA = `
  CREATE TABLE dirty (area TEXT NOT NULL, day TEXT NOT NULL, since INTEGER NOT NULL, why TEXT NOT NULL, PRIMARY KEY (area, day)) WITHOUT ROWID, STRICT;
  CREATE TABLE loss (area TEXT NOT NULL, day TEXT NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL, body BLOB NOT NULL, quarters BLOB,
    PRIMARY KEY (area, day)) STRICT;
  CREATE TABLE place (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
  PRAGMA user_version = ${VERSION};`

/** A file that a later version of the product wrote. */
export class LossBookTooNew extends Error {
  override readonly name = 'LossBookTooNew'
}

type Row = Readonly<Record<string, unknown>>
const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null
const text = (row: Row, column: string): string => String(row[column] ?? '')

/** A day (`2026-11-21`) or month (`2026-11`) of an area that is to be worked out. */
export interface LossMark {
  readonly area: string
  readonly day: string
  readonly why: string
}

/**
 * Line loss of areas as it was given out, and what is still to be worked out: `loss.db`. A mark is on the disk before energy is kept that
 * makes it: after a crash in between a day is worked out once too often, never once too few.
 */
export class LossBook {
  readonly #database: Database
  readonly #statement: (sql: string) => Statement

  /** @throws LossBookTooNew */
  constructor(directory: string) {
    const file = join(directory, 'loss.db')
    this.#database = openDatabase(file)
    this.#statement = preparedOnce(this.#database)
    const version = Number(this.#one('PRAGMA user_version')?.user_version ?? 0)
    if (version > VERSION) {
      this.#database.close()
      throw new LossBookTooNew(`${file} is of form ${version}, this program knows ${VERSION}: run the newer version`)
    }
    if (version === 0) inTransaction(this.#database, () => this.#database.exec(SCHEMA))
    // Form 1 had the quarter hours in the body: rows of then still have.
    const added = version === 1 ? 'ALTER TABLE loss ADD COLUMN quarters BLOB;' : ''
    // Form 2 packs quarter hours one by one: it can be read, but who knows form 2 only could not read ours.
    if (version === 1 || version === 2)
      inTransaction(this.#database, () => this.#database.exec(`${added} PRAGMA user_version = ${VERSION};`))
  }

  /**
   * All in one transaction, or nothing of it. What is worked out is not synced: a power cut brings the mark back with it, and the same is
   * worked out again.
   */
  together<T>(work: () => T): T {
    this.#database.exec('PRAGMA synchronous=NORMAL')
    try {
      return inTransaction(this.#database, work)
    } finally {
      this.#database.exec('PRAGMA synchronous=FULL')
    }
  }

  mark(area: string, day: string, at: number, why: string): void {
    this.#run('INSERT INTO dirty VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING', area, day, at, why)
  }

  clean(area: string, day: string): void {
    this.#run('DELETE FROM dirty WHERE area = ? AND day = ?', area, day)
  }

  dirty(): readonly LossMark[] {
    return this.#all('SELECT area, day, why FROM dirty ORDER BY day, area').map((row) => ({
      ...{ area: text(row, 'area'), day: text(row, 'day'), why: text(row, 'why') },
    }))
  }

  keep(loss: AreaLoss): void {
    this.#run(
      'INSERT OR REPLACE INTO loss VALUES (?, ?, ?, ?, ?, ?)',
      ...[loss.area, loss.day, loss.version, loss.whole?.state ?? 'none', packBody(loss), packQuarters(loss.quarters)],
    )
  }

  get(area: string, day: string): AreaLoss | null {
    return lossOf(this.#one('SELECT body, quarters FROM loss WHERE area = ? AND day = ?', area, day))
  }

  /** Days (or months) first..last of an area, oldest first. */
  between(area: string, first: string, last: string): readonly AreaLoss[] {
    return this.#between('body, quarters', area, first, last)
  }

  /** The same without their quarter hours, which are nine tenths of them. */
  wholes(area: string, first: string, last: string): readonly AreaLoss[] {
    return this.#between('body', area, first, last).map((loss) => (loss.quarters.length === 0 ? loss : { ...loss, quarters: [] }))
  }

  /** Which version each of those days has: the same text, the same figures. */
  versions(area: string, first: string, last: string): string {
    return this.#all(
      'SELECT day, version FROM loss WHERE area = ? AND day >= ? AND day <= ? AND length(day) = ? ORDER BY day',
      area,
      first,
      last,
      first.length,
    )
      .map((row) => `${text(row, 'day')} ${text(row, 'version')}`)
      .join()
  }

  #between(columns: string, area: string, first: string, last: string): readonly AreaLoss[] {
    return this.#all(
      `SELECT ${columns} FROM loss WHERE area = ? AND day >= ? AND day <= ? AND length(day) = ? ORDER BY day`,
      area,
      first,
      last,
      first.length,
    ).flatMap((row) => lossOf(row) ?? [])
  }

  /** The newest day of an area that is over. */
  newest(area: string, before: string): AreaLoss | null {
    return lossOf(
      this.#one('SELECT body, quarters FROM loss WHERE area = ? AND length(day) = 10 AND day < ? ORDER BY day DESC LIMIT 1', area, before),
    )
  }

  /** Days of an area that were worked out, from one on. */
  daysFrom(area: string, day: string): readonly string[] {
    return this.#all('SELECT day FROM loss WHERE area = ? AND day >= ? AND length(day) = 10 ORDER BY day', area, day).map((row) =>
      text(row, 'day'),
    )
  }

  areas(): readonly string[] {
    return this.#all('SELECT DISTINCT area FROM loss ORDER BY area').map((row) => text(row, 'area'))
  }

  /** @returns how many days and months of areas */
  forget(before: string): number {
    return Number(this.#statement('DELETE FROM loss WHERE day < ?').run(before).changes)
  }

  place(name: string): number | null {
    const row = this.#one('SELECT value FROM place WHERE name = ?', name)
    return row ? Number(row.value) : null
  }

  setPlace(name: string, value: number): void {
    this.#run('INSERT OR REPLACE INTO place VALUES (?, ?)', name, value)
  }

  close(): void {
    this.#database.close()
  }

  #run(sql: string, ...values: readonly (string | number | Uint8Array)[]): void {
    this.#statement(sql).run(...values)
  }

  #one(sql: string, ...values: readonly (string | number)[]): Row | null {
    const row: unknown = this.#statement(sql).get(...values)
    return isRow(row) ? row : null
  }

  #all(sql: string, ...values: readonly (string | number)[]): Row[] {
    return this.#statement(sql)
      .all(...values)
      .filter(isRow)
  }
}

const lossOf = (row: Row | null): AreaLoss | null => {
  if (!(row?.body instanceof Uint8Array)) return null
  const loss = unpackBody(row.body)
  return row.quarters instanceof Uint8Array ? { ...loss, quarters: unpackQuarters(row.quarters) } : loss
}
