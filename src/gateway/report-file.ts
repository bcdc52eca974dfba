import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { CustomerReportView, KeptReportView } from '../api/index.ts'
import { type Database, inTransaction, openDatabase } from '../sqlite/index.ts'

const VERSION = 1
const SCHEMA = `
  CREATE TABLE report (id INTEGER PRIMARY KEY AUTOINCREMENT, customer TEXT NOT NULL, "from" INTEGER NOT NULL, "to" INTEGER NOT NULL, at INTEGER NOT NULL,
    by TEXT NOT NULL, why TEXT NOT NULL, complete INTEGER NOT NULL, points TEXT NOT NULL, sha256 TEXT NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE INDEX report_customer ON report (customer, id);
  PRAGMA user_version = ${VERSION};`
const HEAD = 'id, customer, "from", "to", at, by, why, complete, points, sha256'

type Row = Readonly<Record<string, unknown>>
const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null

/** A kept report without its body, and the points that are in it. */
export interface KeptHead extends KeptReportView {
  readonly points: readonly string[]
}

const digest = (body: string): string => createHash('sha256').update(body).digest('hex')

/** Reports of customers that were kept: `reports.db` in the data directory. It is opened, and made, when it is first needed. */
export class ReportFile {
  readonly #path: string
  /** What was made before that is not there any more. */
  readonly #oldest: () => number
  #database: Database | null = null

  constructor(directory: string, oldest: () => number) {
    this.#path = join(directory, 'reports.db')
    this.#oldest = oldest
  }

  /** Deletes what is older than it is to be kept. Numbers are not given twice. */
  tidy(): void {
    this.#opened()?.prepare('DELETE FROM report WHERE at < ?').run(this.#oldest())
  }

  /** @throws  when a later version wrote the file, or the disk refuses */
  keep(report: CustomerReportView, by: string, why: string): KeptReportView {
    const database = this.#open()
    this.tidy()
    // Names of persons are those of the ledger at the time somebody reads it, and for those who may see them.
    const body = JSON.stringify({ ...report, name: null })
    const sha256 = digest(body)
    const { customer, from, to, madeAt, complete } = report
    const points = JSON.stringify([...report.points.map(({ point }) => point), ...report.notBilled])
    return inTransaction(database, () => {
      const id = Number(
        database
          .prepare(
            'INSERT INTO report (customer, "from", "to", at, by, why, complete, points, sha256, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
          )
          .run(customer, from, to, madeAt, by, why, Number(complete), points, sha256, body).lastInsertRowid,
      )
      return { id, customer, from, to, at: madeAt, by, why, complete, sha256 }
    })
  }

  /** Newest first, with a lower number than `before`. */
  list(customer: string | null, before: number | null, limit: number): readonly KeptHead[] {
    const database = this.#opened()
    if (!database) return []
    const where = customer === null ? '' : 'customer = ? AND '
    return database
      .prepare(`SELECT ${HEAD} FROM report WHERE ${where}id < ? AND at >= ? ORDER BY id DESC LIMIT ?`)
      .all(...(customer === null ? [] : [customer]), before ?? Number.MAX_SAFE_INTEGER, this.#oldest(), limit)
      .filter(isRow)
      .map(headOf)
  }

  /** Null: there is none. `report` is null where it is not what was kept. */
  get(id: number): { readonly head: KeptHead; readonly report: CustomerReportView | null } | null {
    const row: unknown = this.#opened()?.prepare('SELECT * FROM report WHERE id = ? AND at >= ?').get(id, this.#oldest())
    if (!isRow(row)) return null
    const [head, body] = [headOf(row), String(row.body)]
    if (digest(body) !== head.sha256) return { head, report: null }
    const report: CustomerReportView = JSON.parse(body)
    return { head, report }
  }

  close(): void {
    this.#database?.close()
    this.#database = null
  }

  /** Null: nothing was ever kept. */
  #opened(): Database | null {
    return this.#database ?? (existsSync(this.#path) ? this.#open() : null)
  }

  #open(): Database {
    if (this.#database) return this.#database
    const database = openDatabase(this.#path)
    const row: unknown = database.prepare('PRAGMA user_version').get()
    const version = isRow(row) ? Number(row.user_version) : 0
    if (version > VERSION) {
      database.close()
      throw new Error(`${this.#path} was written by a later version of the gateway (format ${version}, this one knows ${VERSION})`)
    }
    if (version === 0) inTransaction(database, () => database.exec(SCHEMA))
    this.#database = database
    return database
  }
}

const headOf = (row: Row): KeptHead => {
  const points: readonly string[] = JSON.parse(String(row.points))
  return {
    ...{ id: Number(row.id), customer: String(row.customer), from: Number(row.from), to: Number(row.to), at: Number(row.at) },
    ...{ by: String(row.by), why: String(row.why), complete: row.complete === 1, sha256: String(row.sha256), points },
  }
}
