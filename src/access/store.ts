import { join } from 'node:path'
import { type GatewayError, ok, type Result } from '../core/index.ts'
import { type Database, inTransaction, openPrivate, type Statement } from '../sqlite/index.ts'
import type { AuditLog } from './audit.ts'
import type { AuditDraft, AuditWhat, AuditWho } from './audit-record.ts'
import { isRole, type Role } from './roles.ts'

export const ACCESS_FILE = 'access.db'
const VERSION = 2

/** Names are compared without regard to case: `name` is as typed, `name_key` in lower case. Lists are JSON. */
const SCHEMA = `
CREATE TABLE user (id TEXT PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE, password TEXT, roles TEXT NOT NULL, zones TEXT,
  customer TEXT, created_at INTEGER NOT NULL, expires_at INTEGER, disabled_at INTEGER, password_at INTEGER) STRICT;
CREATE TABLE session (hash TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES user (id), created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
  ended_at INTEGER, address TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX session_of ON session (user, created_at);
CREATE TABLE device (user TEXT NOT NULL REFERENCES user (id), hash TEXT NOT NULL, seen_at INTEGER NOT NULL, PRIMARY KEY (user, hash)) STRICT, WITHOUT ROWID;
CREATE TABLE token (id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, roles TEXT NOT NULL, former TEXT, zones TEXT, customer TEXT,
  created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER) STRICT;
CREATE TABLE link (hash TEXT PRIMARY KEY, user TEXT REFERENCES user (id), made_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
`
/** Who stands behind a token. */
const OWNERS = `ALTER TABLE token ADD COLUMN owner TEXT; PRAGMA user_version = 2;`

export type Bound = string | number | null
export type Row = Readonly<Record<string, unknown>>
const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null

/** Who changes something, from where and why. */
export interface Act {
  readonly who: AuditWho
  readonly from: string
  readonly why: string | null
}

/** What a change says of itself in the audit log. */
export interface Told {
  readonly what: AuditWhat
  readonly on: string
  readonly before?: unknown
  readonly after?: unknown
}

/** Users, sessions, tokens and links on disk, with the log every change of them is written to. */
export interface AccessStore {
  readonly rows: (sql: string, ...values: readonly Bound[]) => readonly Row[]
  readonly run: (sql: string, ...values: readonly Bound[]) => number
  readonly inTransaction: <T>(work: () => T) => T
  /**
   * A change and its line in the audit log: both or none. The log is written last; a power cut between the two leaves a line of
   * something that was not done, never a deed without a line.
   *
   * @errors  those of `work`, AUDIT_WRITE, AUDIT_BROKEN
   */
  readonly change: <T>(act: Act, work: () => Result<{ readonly value: T; readonly told: Told }>) => Result<T>
  /** Changes whenever this or another process has committed something. */
  readonly version: () => string
  readonly close: () => void
}

/** Rolls back a change that was refused, or that the log would not take. */
class Undone extends Error {
  readonly error: GatewayError
  constructor(error: GatewayError) {
    super(error.message)
    this.error = error
  }
}

/**
 * Opens (and creates) `access.db` in the gateway's data directory.
 *
 * @throws  when a later version wrote it, or the disk refuses
 */
export const openAccessStore = (directory: string, log: Pick<AuditLog, 'append'>): AccessStore => {
  const path = join(directory, ACCESS_FILE)
  const database: Database = openPrivate(path)
  const statements = new Map<string, Statement>()
  const statement = (sql: string): Statement => {
    const kept = statements.get(sql) ?? database.prepare(sql)
    statements.set(sql, kept)
    return kept
  }
  const rows: AccessStore['rows'] = (sql, ...values) => {
    const found: readonly unknown[] = statement(sql).all(...values)
    return found.filter(isRow)
  }
  let own = 0
  const run: AccessStore['run'] = (sql, ...values) => {
    own++
    return Number(statement(sql).run(...values).changes)
  }
  const versionOf = () => Number(rows('PRAGMA user_version')[0]?.user_version ?? 0)
  if (versionOf() > VERSION) {
    const version = versionOf()
    database.close()
    throw new Error(`${path} was written by a later version of the gateway (format ${version}, this one knows ${VERSION}): run that one`)
  }
  inTransaction(database, () => {
    if (versionOf() === 0) database.exec(SCHEMA)
    if (versionOf() === 1) database.exec(OWNERS)
  })
  return {
    rows,
    run,
    inTransaction: (work) => inTransaction(database, work),
    change: (act, work) => {
      try {
        return inTransaction(database, () => {
          const done = work()
          if (!done.ok) throw new Undone(done.error)
          const { value, told } = done.value
          const draft: AuditDraft = { ...act, ...told, outcome: 'done' }
          const recorded = log.append(draft)
          if (!recorded.ok) throw new Undone(recorded.error)
          return ok(value)
        })
      } catch (error) {
        if (error instanceof Undone) return { ok: false, error: error.error }
        throw error
      }
    },
    version: () => `${Number(rows('PRAGMA data_version')[0]?.data_version)}.${own}`,
    close: () => {
      statements.clear()
      database.close()
    },
  }
}

export const numberOrNull = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value))
export const textOrNull = (value: unknown): string | null => (value === null || value === undefined ? null : String(value))

const listOf = (value: unknown): readonly string[] => {
  const read: unknown = JSON.parse(String(value))
  if (!Array.isArray(read) || read.some((each) => typeof each !== 'string')) throw new Error(`${ACCESS_FILE} holds a list that is none`)
  return read
}

/** Roles of a row. A word that is no role (of a later version, or planted) gives nothing. */
export const rolesOf = (value: unknown): readonly Role[] => listOf(value).filter(isRole)
export const zonesOf = (value: unknown): readonly string[] | null => (value === null ? null : listOf(value))
