import { join } from 'node:path'
import type { Principal } from '../access/principals.ts'
import { isRole, type Permission } from '../access/roles.ts'
import { EXPORT_RESTARTS, type ExportJobView, type ExportLogView, type ExportState, type ExportWanted } from '../api/index.ts'
import type { FORMATS, RowBasis, RowSource } from '../export/index.ts'
import { type Database, inTransaction, openDatabase, type Statement } from '../sqlite/index.ts'
import { preparedOnce } from '../sqlite/prepared.ts'
import type { KeptPart } from './export-thread.ts'

const VERSION = 2
const SCHEMA = `
  CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, who TEXT NOT NULL, wanted TEXT NOT NULL, needs TEXT NOT NULL,
    state TEXT NOT NULL, created INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE INDEX job_owner ON job (owner, id);
  CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL, job INTEGER, wanted TEXT NOT NULL,
    outcome TEXT NOT NULL, "rows" INTEGER NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT, ended INTEGER) STRICT;
  PRAGMA user_version = 1;`
/** Parts of files that are gone on with, and from where somebody asked. */
const FROM_1 = `
  ALTER TABLE job ADD COLUMN address TEXT NOT NULL DEFAULT '';
  ALTER TABLE job ADD COLUMN part TEXT;
  CREATE TABLE part_group (job INTEGER NOT NULL, "rows" INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (job, "rows")) STRICT, WITHOUT ROWID;
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
  /** From where it was asked for. */
  readonly address: string
}

/** How a file is gone on with after a restart: how much of it is there, and what has to be as it was. */
export interface KeptJob extends KeptPart {
  readonly state: string
  /** When it was. */
  readonly keptAt: number
  readonly about: RowSource['about']
  readonly readings: RowBasis['readings']
  readonly energy: RowBasis['energy']
}

/**
 * Writes down what can be said another time, or what is known without it: a disk that is full ends nothing else.
 *
 * @returns  whether it was written
 */
export const unlessFull =
  (log: (level: 'warn', message: string) => void) =>
  (write: () => void): boolean => {
    try {
      write()
      return true
    } catch (error) {
      log('warn', `exports.db cannot be written: ${messageOf(error)}`)
      return false
    }
  }
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

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
  readonly #statement: (sql: string) => Statement

  /** @throws ExportBookTooNew */
  constructor(directory: string) {
    const file = join(directory, 'exports.db')
    this.#database = openDatabase(file)
    this.#statement = preparedOnce(this.#database)
    const version = Number(this.#all('PRAGMA user_version')[0]?.user_version ?? 0)
    if (version > VERSION) {
      this.#database.close()
      throw new ExportBookTooNew(`${file} is of form ${version}, this program knows ${VERSION}: run the newer version`)
    }
    if (version === 0) inTransaction(this.#database, () => this.#database.exec(SCHEMA))
    if (version < 2) inTransaction(this.#database, () => this.#database.exec(FROM_1))
    // What was being handed out when the former process ended never came to its end.
    this.#run(`UPDATE log SET outcome = 'broken-off' WHERE outcome = 'under-way' AND job IS NULL`)
  }

  add(owner: string, who: Principal, wanted: ExportWanted, needs: Permission, at: number, address: string): ExportJob {
    const body: JobBody = {
      ...{
        ...{ by: who.name, rows: 0, bytes: 0, share: null, expected: null, startedAt: null, endedAt: null, expiresAt: null, starts: 0 },
        ...{ firstRowAt: null, keptRows: 0, restart: null, changed: null, file: null, error: null },
      },
    }
    const [row] = this.#all(
      'INSERT INTO job (owner, who, wanted, needs, state, created, body, address) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id',
      ...[owner, JSON.stringify(who), JSON.stringify(wanted), needs, 'waiting', at, JSON.stringify(body), address],
    )
    return { ...wanted, ...body, id: Number(row?.id), state: 'waiting', createdAt: at, owner, who, needs, address }
  }

  keep(job: ExportJob): void {
    const { by, rows, bytes, share, expected, startedAt, endedAt, expiresAt, starts, firstRowAt, keptRows, restart, changed, file, error } =
      job
    const body: JobBody = {
      ...{ by, rows, bytes, share, expected, startedAt, endedAt, expiresAt, starts, firstRowAt, keptRows, restart, changed, file, error },
    }
    this.#run('UPDATE job SET state = ?, body = ? WHERE id = ?', job.state, JSON.stringify(body), job.id)
  }

  drop(id: number): void {
    this.dropPart(id)
    this.#run('DELETE FROM job WHERE id = ?', id)
  }

  /** What is safe of the file of a job, with the group of Parquet that it ends with. */
  keepPart(id: number, part: KeptJob, group: Uint8Array | null): void {
    inTransaction(this.#database, () => {
      if (group) this.#run('INSERT OR REPLACE INTO part_group (job, "rows", body) VALUES (?, ?, ?)', id, part.rows, group)
      this.#run('UPDATE job SET part = ? WHERE id = ?', JSON.stringify(part), id)
    })
  }

  part(id: number): KeptJob | null {
    const [row] = this.#all('SELECT part FROM job WHERE id = ?', id)
    return row === undefined || row.part === null ? null : partOf(text(row, 'part'))
  }

  /** Groups of Parquet up to so many rows, the first one first. */
  groups(id: number, rows: number): readonly Uint8Array[] {
    return this.#all('SELECT body FROM part_group WHERE job = ? AND "rows" <= ? ORDER BY "rows"', id, rows).flatMap(({ body }) =>
      body instanceof Uint8Array ? [body] : [],
    )
  }

  dropPart(id: number): void {
    this.#run('DELETE FROM part_group WHERE job = ?', id)
    this.#run('UPDATE job SET part = NULL WHERE id = ?', id)
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

  #run(sql: string, ...values: readonly (string | number | null | Uint8Array)[]): void {
    this.#statement(sql).run(...values)
  }

  #all(sql: string, ...values: readonly (string | number | null)[]): readonly Row[] {
    return this.#statement(sql)
      .all(...values)
      .filter(isRow)
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

/** A part as it was written down; null where a figure of it is none. */
const partOf = (json: string): KeptJob | null => {
  const { rows, bytes, sha256, mark, skip, until, share, state, keptAt, about, readings, energy } = objectOf(json)
  const numbers = [rows, bytes, skip].map(Number)
  if (!numbers.every(Number.isSafeInteger)) return null
  const span = (found: unknown) => (isRow(found) ? { from: Number(found.from), to: Number(found.to) } : null)
  const ofReadings = isRow(readings) ? readings : null
  const whole = span(readings)
  return {
    ...{ rows: Number(rows), bytes: Number(bytes), skip: Number(skip), sha256: String(sha256), state: String(state) },
    keptAt: Number(keptAt ?? 0),
    ...{ mark: mark === null ? null : String(mark), until: numberOrNull(until), share: numberOrNull(share) },
    about: isRow(about) ? Object.fromEntries(Object.entries(about).map(([name, value]) => [name, String(value)])) : {},
    readings: whole && ofReadings ? { ...whole, measurement: String(ofReadings.measurement), passed: Number(ofReadings.passed) } : null,
    energy: span(energy),
  }
}

const jobOf = (row: Row): ExportJob => {
  const body = objectOf(text(row, 'body'))
  const { file, error } = body
  const needs = text(row, 'needs')
  const words = (from: Row) => (name: string) => String(from[name] ?? '')
  return {
    ...wantedOf(text(row, 'wanted')),
    ...{ id: Number(row.id), owner: text(row, 'owner'), who: principalOf(text(row, 'who')), createdAt: Number(row.created) },
    needs: isPermission(needs) ? needs : 'export',
    address: text(row, 'address'),
    state: STATES.find((one) => one === row.state) ?? 'failed',
    ...{ by: String(body.by ?? ''), rows: Number(body.rows), bytes: Number(body.bytes), expected: numberOrNull(body.expected) },
    ...{ startedAt: numberOrNull(body.startedAt), endedAt: numberOrNull(body.endedAt), expiresAt: numberOrNull(body.expiresAt) },
    ...{ starts: Number(body.starts ?? 0), share: numberOrNull(body.share), keptRows: Number(body.keptRows ?? 0) },
    ...{ firstRowAt: numberOrNull(body.firstRowAt), changed: typeof body.changed === 'boolean' ? body.changed : null },
    restart: EXPORT_RESTARTS.find((one) => one === body.restart) ?? null,
    file: isRow(file) ? { name: words(file)('name'), type: words(file)('type'), sha256: words(file)('sha256') } : null,
    error: isRow(error) ? { code: words(error)('code'), message: words(error)('message'), hint: words(error)('hint') } : null,
  }
}
