import { join } from 'node:path'
import type { Principal } from '../access/principals.ts'
import { isRole, type Permission } from '../access/roles.ts'
import type { ExportJobView, ExportLogView, ExportState, ExportWanted } from '../api/index.ts'
import type { FORMATS } from '../export/index.ts'
import { type Database, inTransaction, openDatabase, type Statement } from '../sqlite/index.ts'

const VERSION = 1
const SCHEMA = `
  CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, who TEXT NOT NULL, wanted TEXT NOT NULL, needs TEXT NOT NULL,
    state TEXT NOT NULL, created INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE INDEX job_owner ON job (owner, id);
  CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL, job INTEGER, wanted TEXT NOT NULL,
    outcome TEXT NOT NULL, "rows" INTEGER NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT, ended INTEGER) STRICT;
  PRAGMA user_version = ${VERSION};`

/** A file that a later version of the product wrote. */
export class ExportBookTooNew extends Error {
  override readonly name = 'ExportBookTooNew'
}

/** A job as it is kept. */
export interface ExportJob extends ExportJobView {
  readonly owner: string
  readonly who: Principal
  readonly needs: Permission
}

type Row = Readonly<Record<string, unknown>>
const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null
const text = (row: Row, column: string): string => String(row[column] ?? '')
const numberOrNull = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value))

type JobBody = Omit<ExportJobView, keyof ExportWanted | 'id' | 'state' | 'createdAt'>

/**
 * Files that were asked for, and the log of everything that was taken away: `exports.db`. The log is only ever added to; a line is
 * there before the first row is handed out, and gets its end when there is one.
 */
export class ExportBook {
  readonly #database: Database
  readonly #statements = new Map<string, Statement>()

  /** @throws ExportBookTooNew */
  constructor(directory: string) {
    const file = join(directory, 'exports.db')
    this.#database = openDatabase(file)
    const version = Number(this.#all('PRAGMA user_version')[0]?.user_version ?? 0)
    if (version > VERSION) {
      this.#database.close()
      throw new ExportBookTooNew(`${file} is of form ${version}, this program knows ${VERSION}: run the newer version`)
    }
    if (version === 0) inTransaction(this.#database, () => this.#database.exec(SCHEMA))
    // What was being handed out when the former process ended never came to its end.
    this.#run(`UPDATE log SET outcome = 'broken-off' WHERE outcome = 'under-way' AND job IS NULL`)
  }

  add(owner: string, who: Principal, wanted: ExportWanted, needs: Permission, at: number): ExportJob {
    const body: JobBody = {
      ...{
        by: who.name,
        rows: 0,
        bytes: 0,
        expected: null,
        startedAt: null,
        endedAt: null,
        expiresAt: null,
        starts: 0,
        file: null,
        error: null,
      },
    }
    const [row] = this.#all(
      'INSERT INTO job (owner, who, wanted, needs, state, created, body) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id',
      ...[owner, JSON.stringify(who), JSON.stringify(wanted), needs, 'waiting', at, JSON.stringify(body)],
    )
    return { ...wanted, ...body, id: Number(row?.id), state: 'waiting', createdAt: at, owner, who, needs }
  }

  keep({ id, state, by, rows, bytes, expected, startedAt, endedAt, expiresAt, starts, file, error }: ExportJob): void {
    const body: JobBody = { by, rows, bytes, expected, startedAt, endedAt, expiresAt, starts, file, error }
    this.#run('UPDATE job SET state = ?, body = ? WHERE id = ?', state, JSON.stringify(body), id)
  }

  drop(id: number): void {
    this.#run('DELETE FROM job WHERE id = ?', id)
  }

  jobs(): readonly ExportJob[] {
    return this.#all('SELECT * FROM job ORDER BY id').map(jobOf)
  }

  /** @returns the number of the line, to be ended */
  begin(who: Principal, wanted: ExportWanted, job: number | null, at: number): number {
    const [row] = this.#all(
      'INSERT INTO log (at, who, kind, job, wanted, outcome, "rows", bytes, sha256, ended) VALUES (?, ?, ?, ?, ?, ?, 0, 0, NULL, NULL) RETURNING id',
      ...[at, who.name, who.kind, job, JSON.stringify(wanted), 'under-way'],
    )
    return Number(row?.id)
  }

  end(
    id: number,
    outcome: ExportLogView['outcome'],
    { rows, bytes, sha256 }: Pick<ExportLogView, 'rows' | 'bytes' | 'sha256'>,
    at: number,
  ): void {
    this.#run('UPDATE log SET outcome = ?, "rows" = ?, bytes = ?, sha256 = ?, ended = ? WHERE id = ?', outcome, rows, bytes, sha256, at, id)
  }

  /** Line of a job that was not ended. */
  openLine(job: number): number | null {
    const [row] = this.#all(`SELECT id FROM log WHERE job = ? AND outcome = 'under-way' ORDER BY id DESC LIMIT 1`, job)
    return row ? Number(row.id) : null
  }

  log(before: number | null, limit: number): readonly ExportLogView[] {
    return this.#all('SELECT * FROM log WHERE id < ? ORDER BY id DESC LIMIT ?', before ?? Number.MAX_SAFE_INTEGER, limit).map((row) => ({
      ...wantedOf(text(row, 'wanted')),
      ...{
        id: Number(row.id),
        at: Number(row.at),
        who: text(row, 'who'),
        kind: row.kind === 'user' ? 'user' : 'token',
        job: numberOrNull(row.job),
      },
      ...{ outcome: OUTCOMES.find((one) => one === row.outcome) ?? 'broken-off', rows: Number(row.rows), bytes: Number(row.bytes) },
      ...{ sha256: row.sha256 === null ? null : text(row, 'sha256'), endedAt: numberOrNull(row.ended) },
    }))
  }

  close(): void {
    this.#database.close()
  }

  #run(sql: string, ...values: readonly (string | number | null)[]): void {
    this.#statement(sql).run(...values)
  }

  #all(sql: string, ...values: readonly (string | number | null)[]): readonly Row[] {
    return this.#statement(sql)
      .all(...values)
      .filter(isRow)
  }

  #statement(sql: string): Statement {
    const known = this.#statements.get(sql)
    if (known) return known
    const made = this.#database.prepare(sql)
    this.#statements.set(sql, made)
    return made
  }
}

const OUTCOMES: readonly ExportLogView['outcome'][] = ['under-way', 'done', 'failed', 'cancelled', 'broken-off']
const STATES: readonly ExportState[] = ['waiting', 'running', 'done', 'failed', 'cancelled']
const FORMAT_NAMES = ['csv', 'xlsx', 'parquet', 'ndjson'] as const satisfies readonly (keyof typeof FORMATS)[]

const objectOf = (json: string): Row => {
  const found: unknown = JSON.parse(json)
  return isRow(found) ? found : {}
}

const wantedOf = (json: string): ExportWanted => {
  const { result, query, format, language } = objectOf(json)
  const entries = isRow(query) ? Object.entries(query) : []
  return {
    result: String(result ?? ''),
    query: Object.fromEntries(entries.map(([name, value]) => [name, Array.isArray(value) ? value.map(String) : String(value)])),
    format: FORMAT_NAMES.find((one) => one === format) ?? 'csv',
    language: language === 'zh' ? 'zh' : 'en',
  }
}

/** Who asked, as it was written down. */
const principalOf = (json: string): Principal => {
  const { kind, id, name, roles, former, zones, customer, owner, expiresAt } = objectOf(json)
  return {
    ...{ kind: kind === 'user' ? 'user' : 'token', id: String(id), name: String(name) },
    roles: Array.isArray(roles) ? roles.filter(isRole) : [],
    former: former === 'read' || former === 'operate' ? former : null,
    zones: Array.isArray(zones) ? zones.map(String) : null,
    customer: typeof customer === 'string' ? customer : null,
    owner: typeof owner === 'string' ? owner : null,
    expiresAt: numberOrNull(expiresAt),
  }
}

const PERMISSION = /^[\w-]+:?[\w-]*$/
const isPermission = (value: string): value is Permission => PERMISSION.test(value)

const jobOf = (row: Row): ExportJob => {
  const body = objectOf(text(row, 'body'))
  const { file, error } = body
  const needs = text(row, 'needs')
  const words = (from: Row) => (name: string) => String(from[name] ?? '')
  return {
    ...wantedOf(text(row, 'wanted')),
    ...{ id: Number(row.id), owner: text(row, 'owner'), who: principalOf(text(row, 'who')), createdAt: Number(row.created) },
    needs: isPermission(needs) ? needs : 'export',
    state: STATES.find((one) => one === row.state) ?? 'failed',
    ...{ by: String(body.by ?? ''), rows: Number(body.rows), bytes: Number(body.bytes), expected: numberOrNull(body.expected) },
    ...{ startedAt: numberOrNull(body.startedAt), endedAt: numberOrNull(body.endedAt), expiresAt: numberOrNull(body.expiresAt) },
    starts: Number(body.starts ?? 0),
    file: isRow(file) ? { name: words(file)('name'), type: words(file)('type'), sha256: words(file)('sha256') } : null,
    error: isRow(error) ? { code: words(error)('code'), message: words(error)('message'), hint: words(error)('hint') } : null,
  }
}
