import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type GatewayError, ok, type Result } from '../core/index.ts'
import { type Database, inTransaction, openPrivate, openToRead } from '../sqlite/index.ts'
import { type AuditHead, prepareHead, readHead, sealHead } from './audit-head.ts'
import { type AuditDraft, type AuditRecord, canonical, chained, genesisOf, recordOf } from './audit-record.ts'
import { accessFailure } from './errors.ts'

/** The audit log (审计日志) of a data directory, open for writing. Several processes may have it open. */
export interface AuditLog {
  /**
   * Appends one record. It is on disk when this returns.
   *
   * @errors AUDIT_WRITE, AUDIT_BROKEN: what was to be recorded must not be done
   */
  append(draft: AuditDraft): Result<AuditRecord>
  /** Newest first, before a number. @errors AUDIT_READ */
  list(filter: AuditFilter): Result<readonly AuditRecord[]>
  /** The present end, to be printed or kept elsewhere. @errors AUDIT_READ */
  head(): Result<AuditHead>
  close(): void
}

export interface AuditFilter {
  readonly before?: number
  readonly limit: number
  readonly what?: string
  /** Name of who did it. */
  readonly who?: string
  readonly on?: string
  /** Only in [from, to). */
  readonly from?: number
  readonly to?: number
}

export const AUDIT_FILE = 'audit.db'
export const HEAD_FILE = 'audit.head'
const VERSION = 1

// The triggers stop mistakes, not an owner of the file: for him there is the chain.
const SCHEMA = `
CREATE TABLE log (id TEXT NOT NULL) STRICT;
CREATE TABLE record (seq INTEGER PRIMARY KEY, previous TEXT NOT NULL, text TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE TRIGGER record_kept BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
CREATE TRIGGER record_fixed BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
PRAGMA user_version = ${VERSION};
`

type Row = Readonly<Record<string, unknown>>
const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null
const rowOf = (row: unknown): Row | null => (isRow(row) ? row : null)
const said = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Carries a failed result out of a transaction, so that it is rolled back. */
class Refused extends Error {
  readonly error: GatewayError
  constructor(error: GatewayError) {
    super(error.message)
    this.error = error
  }
}
const refuse = ({ error }: { readonly error: GatewayError }): never => {
  throw new Refused(error)
}

/** Where the log of a directory lies; its head may be on another disk. */
export const auditPaths = (directory: string, headDirectory = directory) => ({
  database: join(directory, AUDIT_FILE),
  head: join(headDirectory, HEAD_FILE),
})

/** The id and the end of what stands in the database. @throws  when it is no audit log */
export const endOf = (database: Database): AuditHead => {
  const log = rowOf(database.prepare('SELECT id FROM log').get())?.id
  if (typeof log !== 'string') throw new Error('audit.db holds no log')
  const last = rowOf(database.prepare('SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1').get())
  return last ? { log, count: Number(last.seq), hash: String(last.hash) } : { log, count: 0, hash: genesisOf(log) }
}

/** How head and log contradict each other; null: they do not. A log that is longer than its head was cut short while writing it. */
export const contradiction = (database: Database, end: AuditHead, head: ReturnType<typeof readHead>): string | null => {
  if (head === 'damaged') return 'audit.head is damaged'
  if (head === 'none') return end.count === 0 ? null : `audit.head is gone, the log has ${end.count} records`
  if (head.log !== end.log) return 'audit.db is another log than the one audit.head belongs to'
  if (head.count > end.count) return `the log ends at record ${end.count}, its head knows ${head.count}`
  const there =
    head.count === 0 ? genesisOf(end.log) : rowOf(database.prepare('SELECT hash FROM record WHERE seq = ?').get(head.count))?.hash
  return there === head.hash ? null : `record ${head.count} is not the one audit.head was made of`
}

/**
 * Opens (and creates) the audit log of a data directory.
 *
 * @param headDirectory  where `audit.head` lies: best on another disk, or out of reach of whoever can write the first
 * @errors               AUDIT_WRITE, AUDIT_BROKEN
 */
export const openAuditLog = (directory: string, now: () => number, headDirectory = directory): Result<AuditLog> => {
  const paths = auditPaths(directory, headDirectory)
  let database: Database
  try {
    // In this order: another process may be making both at this moment.
    if (readHead(paths.head) !== 'none' && !existsSync(paths.database))
      return accessFailure('AUDIT_BROKEN', `${paths.database} is gone, its head is there`)
    database = openPrivate(paths.database)
  } catch (error) {
    return accessFailure('AUDIT_WRITE', `${paths.database} cannot be opened: ${said(error)}`)
  }
  const failed = (error: unknown) => {
    if (error instanceof Refused) return { ok: false, error: error.error } as const
    return accessFailure('AUDIT_WRITE', `${paths.database} cannot be written: ${said(error)}`)
  }
  /** Head and log as they agree. @throws {Refused} when they do not */
  const agreed = (): AuditHead => {
    const end = endOf(database)
    const wrong = contradiction(database, end, readHead(paths.head))
    return wrong === null ? end : refuse(accessFailure('AUDIT_BROKEN', wrong))
  }
  const seal = () => inTransaction(database, () => sealHead(paths.head, agreed()))
  try {
    inTransaction(database, () => {
      const version = Number(rowOf(database.prepare('PRAGMA user_version').get())?.user_version ?? 0)
      if (version > VERSION)
        refuse(
          accessFailure('AUDIT_WRITE', `${paths.database} was written by a later version of the gateway (format ${version}): run that one`),
        )
      if (version > 0) return
      database.exec(SCHEMA)
      database.prepare('INSERT INTO log (id) VALUES (?)').run(randomBytes(16).toString('hex'))
    })
    seal()
  } catch (error) {
    database.close()
    return failed(error)
  }
  const insert = database.prepare('INSERT INTO record (seq, previous, text, hash) VALUES (?, ?, ?, ?)')

  const append = (draft: AuditDraft): Result<AuditRecord> => {
    try {
      const text = inTransaction(database, () => {
        const { log, count, hash: previous } = agreed()
        const seq = count + 1
        const written = canonical(seq, now(), draft)
        const hash = chained(previous, written)
        insert.run(seq, previous, written, hash)
        prepareHead(paths.head, { log, count: seq, hash })
        return written
      })
      // Under the lock again, so that the head of a slower process never takes the place of a later one.
      seal()
      const record = recordOf(text)
      return record ? ok(record) : accessFailure('AUDIT_WRITE', 'a record was written that cannot be read')
    } catch (error) {
      return failed(error)
    }
  }

  return ok({
    append,
    list: (filter) => listRecords(database, filter),
    head: () => {
      try {
        return ok(endOf(database))
      } catch (error) {
        return accessFailure('AUDIT_READ', `${paths.database} cannot be read: ${said(error)}`)
      }
    },
    close: () => {
      // One file that is whole by itself: whoever copies it as evidence may not think of the other two.
      try {
        database.exec('PRAGMA wal_checkpoint(PASSIVE)')
      } catch {
        // A full disk, or a reader: what is committed is safe beside it.
      }
      database.close()
    },
  })
}

const listRecords = (database: Database, { before, limit, what, who, on, from, to }: AuditFilter): Result<readonly AuditRecord[]> => {
  const conditions: string[] = ['1']
  const values: (string | number)[] = []
  const also = (condition: string, value: string | number | undefined) => {
    if (value === undefined) return
    conditions.push(condition)
    values.push(value)
  }
  also('seq < ?', before)
  also("json_extract(text, '$.what') = ?", what)
  also("json_extract(text, '$.who.name') = ?", who)
  also("json_extract(text, '$.on') = ?", on)
  also("json_extract(text, '$.at') >= ?", from)
  also("json_extract(text, '$.at') < ?", to)
  // Of a text that is no JSON any more nothing can be asked; verifying names it.
  const isJson = conditions.length > 1 ? 'CASE WHEN json_valid(text) THEN' : ''
  const sql = `SELECT text FROM record WHERE ${isJson} ${conditions.join(' AND ')} ${isJson && 'END'} ORDER BY seq DESC LIMIT ?`
  try {
    const rows: readonly unknown[] = database.prepare(sql).all(...values, limit)
    return ok(rows.flatMap((row) => recordOf(String(rowOf(row)?.text)) ?? []))
  } catch (error) {
    return accessFailure('AUDIT_READ', `the audit log cannot be read: ${said(error)}`)
  }
}

/** Reads the log of a directory with no gateway. @errors AUDIT_READ */
export const readAudit = (directory: string, filter: AuditFilter): Result<readonly AuditRecord[]> => {
  const { database: path } = auditPaths(directory)
  let database: Database
  try {
    database = openToRead(path)
  } catch (error) {
    return accessFailure('AUDIT_READ', `${path} cannot be opened: ${said(error)}`)
  }
  try {
    return listRecords(database, filter)
  } finally {
    database.close()
  }
}
