import { type Database, inTransaction, openDatabase, type Statement } from '../sqlite/index.ts'
import { preparedOnce } from '../sqlite/prepared.ts'

export type Row = Readonly<Record<string, unknown>>
export type SqlValue = string | number | null
export const text = (row: Row, column: string): string => String(row[column] ?? '')
export const textOrNull = (row: Row, column: string): string | null => (row[column] == null ? null : String(row[column]))
export const integer = (row: Row, column: string): number => Number(row[column] ?? 0)
export const integerOrNull = (row: Row, column: string): number | null => (row[column] == null ? null : Number(row[column]))
const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null

/** A file that a later version of the product wrote. */
export class BillingTooNew extends Error {
  override readonly name = 'BillingTooNew'
}

const VERSION = 1
const SCHEMA = `
  CREATE TABLE act (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, who_id TEXT NOT NULL, why TEXT NOT NULL) STRICT;
  CREATE TABLE figure (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, point TEXT NOT NULL, register TEXT NOT NULL, version INTEGER NOT NULL,
    kind TEXT NOT NULL, unit TEXT NOT NULL, value TEXT NOT NULL, ratio TEXT NOT NULL, primary_value TEXT NOT NULL, meter TEXT NOT NULL, source TEXT NOT NULL,
    quality INTEGER NOT NULL, measured_at INTEGER NOT NULL, received_at INTEGER NOT NULL, evidence TEXT, evidence_kind TEXT, sha256 TEXT,
    act INTEGER NOT NULL REFERENCES act, release INTEGER, UNIQUE (at, point, register, version)) STRICT;
  CREATE INDEX figure_point ON figure (point, at);
  CREATE TABLE instant (at INTEGER PRIMARY KEY) STRICT;
  CREATE TABLE release (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, scope TEXT NOT NULL, note TEXT NOT NULL, policy TEXT NOT NULL,
    again INTEGER NOT NULL, estimates INTEGER NOT NULL, who TEXT NOT NULL, who_id TEXT NOT NULL, asker TEXT NOT NULL, key TEXT, made_at INTEGER NOT NULL,
    ended_at INTEGER, state TEXT NOT NULL, checked INTEGER NOT NULL DEFAULT 0, trouble TEXT, after TEXT, points INTEGER NOT NULL DEFAULT 0,
    released_points INTEGER NOT NULL DEFAULT 0, released INTEGER NOT NULL DEFAULT 0, already INTEGER NOT NULL DEFAULT 0, act INTEGER NOT NULL,
    UNIQUE (who_id, key)) STRICT;
  CREATE TABLE left_out (release INTEGER NOT NULL, point TEXT NOT NULL, reasons TEXT NOT NULL, first TEXT NOT NULL, PRIMARY KEY (release, point)) WITHOUT ROWID, STRICT;
  CREATE TABLE left_count (release INTEGER NOT NULL, reason TEXT NOT NULL, points INTEGER NOT NULL, PRIMARY KEY (release, reason)) WITHOUT ROWID, STRICT;
  CREATE TABLE pending (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, point TEXT NOT NULL, register TEXT NOT NULL, seq INTEGER NOT NULL,
    digest TEXT NOT NULL, next TEXT NOT NULL, differs TEXT NOT NULL, holds TEXT NOT NULL, cause TEXT NOT NULL, since INTEGER NOT NULL, state TEXT NOT NULL,
    ended_at INTEGER, ended_why TEXT, act INTEGER, remembered INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE INDEX pending_state ON pending (state, id);
  CREATE INDEX pending_figure ON pending (point, at, register);
  CREATE TABLE hold (id INTEGER PRIMARY KEY AUTOINCREMENT, point TEXT NOT NULL, from_at INTEGER NOT NULL, onward INTEGER NOT NULL, act INTEGER NOT NULL,
    lifted INTEGER) STRICT;
  CREATE INDEX hold_point ON hold (point, from_at) WHERE lifted IS NULL;
  CREATE TABLE look (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, point TEXT NOT NULL, cause TEXT NOT NULL, due INTEGER NOT NULL,
    place INTEGER NOT NULL, stamp INTEGER NOT NULL, UNIQUE (at, point)) STRICT;
  CREATE TABLE place (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
  PRAGMA user_version = ${VERSION};`

/** `billing.db` with its statements. What a commit says is on the disk: figures are promises. */
export class BillingSql {
  readonly #database: Database
  readonly #statement: (sql: string) => Statement
  #isTogether = false

  /** @throws BillingTooNew */
  constructor(path: string) {
    this.#database = openDatabase(path, 'FULL')
    this.#statement = preparedOnce(this.#database)
    const version = integer(this.one('PRAGMA user_version') ?? {}, 'user_version')
    if (version > VERSION) {
      this.close()
      throw new BillingTooNew(`${path} is of form ${version}, this program knows ${VERSION}: run the newer version`)
    }
    if (version === 0) inTransaction(this.#database, () => this.#database.exec(SCHEMA))
  }

  /** All in one transaction, or nothing of it; within another one, part of that. */
  together<T>(work: () => T): T {
    if (this.#isTogether) return work()
    this.#isTogether = true
    try {
      return inTransaction(this.#database, work)
    } finally {
      this.#isTogether = false
    }
  }

  /** @returns how many rows it changed */
  run(sql: string, ...values: readonly SqlValue[]): number {
    return Number(this.#statement(sql).run(...values).changes)
  }

  /** @returns the number the new row got */
  insert(sql: string, ...values: readonly SqlValue[]): number {
    return Number(this.#statement(sql).run(...values).lastInsertRowid)
  }

  one(sql: string, ...values: readonly SqlValue[]): Row | null {
    const row: unknown = this.#statement(sql).get(...values)
    return isRow(row) ? row : null
  }

  all(sql: string, ...values: readonly SqlValue[]): Row[] {
    return this.#statement(sql)
      .all(...values)
      .filter(isRow)
  }

  close(): void {
    this.#database.close()
  }
}

/** Words of a table, out of a column; what is none of them is the first. */
export const wordOf =
  <Word extends string>(words: readonly [Word, ...Word[]]) =>
  (row: Row, column: string): Word =>
    words.find((word) => word === row[column]) ?? words[0]
