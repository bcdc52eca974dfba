import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ArchiveRecord } from '../core/index.ts'
import { type Database, inTransaction, openDatabase, type Statement } from '../sqlite/index.ts'
import { preparedOnce } from '../sqlite/prepared.ts'
import { type ShownRecord, shownRecord } from './archive-diff.ts'
import type { GivenNumber } from './archive-wanted.ts'

/** What a concentrator held when its archive was read last. */
export interface ArchiveSnapshot {
  readonly readAt: number
  readonly records: readonly ShownRecord[]
}

export const JOB_STATES = ['running', 'done', 'failed', 'cancelled'] as const
export type JobState = (typeof JOB_STATES)[number]

/** A job that is over, as it is kept. Times are milliseconds since 1970 UTC. */
export interface KeptJob {
  readonly id: number
  readonly concentrator: string
  readonly what: string
  readonly who: string
  readonly why: string
  readonly at: number
  readonly endedAt: number | null
  readonly state: JobState
  readonly done: number
  readonly total: number
  /** JSON; null = it brought nothing. */
  readonly result: string | null
  readonly code: string | null
  readonly message: string | null
}

/** A step of an act of control. Rows are only ever added; where an act stands is said by its newest row. */
export const CONTROL_STEPS = ['requested', 'withdrawn', 'confirmed', 'sent', 'done', 'refused', 'not-sent', 'unknown'] as const
export type ControlStep = (typeof CONTROL_STEPS)[number]

export interface ControlRow {
  readonly act: number
  readonly at: number
  readonly step: ControlStep
  readonly who: string
  /** Reason of a request, message of a failure. */
  readonly text: string
  /** JSON with what the step is about. */
  readonly detail: string
}

/** A terminal that dialled in and is in no ledger. */
export interface UnknownTerminal {
  readonly protocol: 'gw3761' | 'dlt698'
  readonly address: string
  readonly peer: string
  readonly firstSeen: number
  readonly lastSeen: number
  readonly count: number
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS archive_read (concentrator TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS archive_record (concentrator TEXT NOT NULL, number INTEGER NOT NULL, pn INTEGER NOT NULL, address TEXT NOT NULL,
  content TEXT NOT NULL, PRIMARY KEY (concentrator, number)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS archive_given (concentrator TEXT NOT NULL, address TEXT NOT NULL, number INTEGER NOT NULL, pn INTEGER NOT NULL,
  PRIMARY KEY (concentrator, address)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job (id INTEGER PRIMARY KEY AUTOINCREMENT, concentrator TEXT NOT NULL, what TEXT NOT NULL, who TEXT NOT NULL,
  why TEXT NOT NULL, at INTEGER NOT NULL, ended INTEGER, state TEXT NOT NULL, done INTEGER NOT NULL, total INTEGER NOT NULL,
  writes INTEGER NOT NULL, result TEXT, code TEXT, message TEXT) STRICT;
CREATE INDEX IF NOT EXISTS job_of ON job (concentrator, id);
CREATE TABLE IF NOT EXISTS control_row (seq INTEGER PRIMARY KEY AUTOINCREMENT, concentrator TEXT NOT NULL, act INTEGER NOT NULL,
  at INTEGER NOT NULL, step TEXT NOT NULL, who TEXT NOT NULL, text TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS control_of ON control_row (concentrator, act);
CREATE UNIQUE INDEX IF NOT EXISTS control_once ON control_row (act, step);
CREATE TRIGGER IF NOT EXISTS control_kept BEFORE UPDATE ON control_row
  BEGIN SELECT RAISE(ABORT, 'acts of control are only added to'); END;
CREATE TRIGGER IF NOT EXISTS control_stays BEFORE DELETE ON control_row
  BEGIN SELECT RAISE(ABORT, 'acts of control are only added to'); END;
CREATE TABLE IF NOT EXISTS unknown_terminal (protocol TEXT NOT NULL, address TEXT NOT NULL, peer TEXT NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (protocol, address)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS route_read (concentrator TEXT PRIMARY KEY, at INTEGER NOT NULL, content TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS parameter_read (concentrator TEXT NOT NULL, id TEXT NOT NULL, pn INTEGER NOT NULL, at INTEGER NOT NULL,
  value TEXT NOT NULL, PRIMARY KEY (concentrator, id, pn)) STRICT, WITHOUT ROWID;
`

type Bound = string | number | null
type Row = Readonly<Record<string, unknown>>

/** Jobs that only read, kept of one concentrator. Those that change something stay for good. */
const KEEP_READS = 100
/** Addresses come from strangers: those that called longest ago make room. */
const MOST_UNKNOWN = 1000

/**
 * What is known and was done through concentrators, in `<directory>/terminals.db`: archives as they were read, jobs, acts of control,
 * terminals that are in no ledger. A transaction is a promise: it outlives a power cut.
 */
export class ConcentratorFile {
  readonly #database: Database
  readonly #statement: (sql: string) => Statement
  readonly #archiveVersions = new Map<string, number>()

  constructor(directory: string) {
    this.#database = openDatabase(join(directory, 'terminals.db'))
    this.#statement = preparedOnce(this.#database)
    inTransaction(this.#database, () => this.#database.exec(SCHEMA))
  }

  close(): void {
    this.#database.close()
  }

  snapshot(concentrator: string): ArchiveSnapshot | null {
    const read = this.#all('SELECT at FROM archive_read WHERE concentrator = ?', concentrator)[0]
    if (!read) return null
    const rows = this.#all('SELECT content FROM archive_record WHERE concentrator = ? ORDER BY number', concentrator)
    return { readAt: Number(read.at), records: rows.flatMap(({ content }) => recordOf(String(content))) }
  }

  /** Numbers and measuring points by address, of every concentrator that was ever read. */
  givenOf(concentrator: string): ReadonlyMap<string, GivenNumber> {
    const rows = this.#all('SELECT address, number, pn FROM archive_given WHERE concentrator = ?', concentrator)
    return new Map(rows.map((row) => [String(row.address), { number: Number(row.number), pn: Number(row.pn) }]))
  }

  /** Grows whenever an archive is kept, while the process lives. */
  archiveVersion(concentrator: string): number {
    return this.#archiveVersions.get(concentrator) ?? 0
  }

  /** Keeps what was read; passwords are not kept. Numbers of those that are gone stay theirs. */
  keepArchive(concentrator: string, at: number, records: readonly ArchiveRecord[]): void {
    this.#archiveVersions.set(concentrator, this.archiveVersion(concentrator) + 1)
    inTransaction(this.#database, () => {
      this.#run('INSERT OR REPLACE INTO archive_read VALUES (?, ?)', concentrator, at)
      this.#run('DELETE FROM archive_record WHERE concentrator = ?', concentrator)
      for (const record of records) {
        const { number, pn, address } = record
        const content = JSON.stringify(shownRecord(record))
        this.#run('INSERT OR REPLACE INTO archive_record VALUES (?, ?, ?, ?, ?)', concentrator, number, pn, address, content)
        this.#run('INSERT OR REPLACE INTO archive_given VALUES (?, ?, ?, ?)', concentrator, address, number, pn)
      }
    })
  }

  /** Remembers numbers before they are sent. */
  give(concentrator: string, records: readonly Pick<ArchiveRecord, 'address' | 'number' | 'pn'>[]): void {
    inTransaction(this.#database, () => {
      for (const { address, number, pn } of records)
        this.#run('INSERT OR REPLACE INTO archive_given VALUES (?, ?, ?, ?)', concentrator, address, number, pn)
    })
  }

  beginJob(job: Pick<KeptJob, 'concentrator' | 'what' | 'who' | 'why' | 'at'>, isWriting: boolean): number {
    const { concentrator, what, who, why, at } = job
    return Number(
      this.#run(
        "INSERT INTO job (concentrator, what, who, why, at, state, done, total, writes) VALUES (?, ?, ?, ?, ?, 'running', 0, 0, ?)",
        ...[concentrator, what, who, why, at, isWriting ? 1 : 0],
      ).lastInsertRowid,
    )
  }

  endJob({ id, concentrator, endedAt, state, done, total, result, code, message }: KeptJob): void {
    inTransaction(this.#database, () => {
      this.#run(
        'UPDATE job SET ended = ?, state = ?, done = ?, total = ?, result = ?, code = ?, message = ? WHERE id = ?',
        ...[endedAt, state, done, total, result, code, message, id],
      )
      this.#run(
        `DELETE FROM job WHERE concentrator = ?1 AND writes = 0 AND state <> 'running' AND id <
           (SELECT id FROM job WHERE concentrator = ?1 AND writes = 0 ORDER BY id DESC LIMIT 1 OFFSET ${KEEP_READS - 1})`,
        concentrator,
      )
    })
  }

  /** What was under way when a former process ended. */
  settleJobs(at: number, code: string, message: string): void {
    this.#run("UPDATE job SET state = 'failed', ended = ?, code = ?, message = ? WHERE state = 'running'", at, code, message)
  }

  job(id: number): KeptJob | null {
    return this.#all('SELECT * FROM job WHERE id = ?', id).map(jobOf)[0] ?? null
  }

  /** Newest first. */
  jobs(concentrator: string, before: number, limit: number): readonly KeptJob[] {
    return this.#all('SELECT * FROM job WHERE concentrator = ? AND id < ? ORDER BY id DESC LIMIT ?', concentrator, before, limit).map(jobOf)
  }

  /** The number of a new act of control, with its first row. */
  requestControl(concentrator: string, row: Omit<ControlRow, 'act' | 'step'>): number {
    return inTransaction(this.#database, () => {
      const act = Number(this.#all('SELECT COALESCE(max(act), 0) + 1 AS act FROM control_row')[0]?.act ?? 1)
      this.addControl(concentrator, { ...row, act, step: 'requested' })
      return act
    })
  }

  /** @throws  when the act has this step already: each happens at most once, whoever asks */
  addControl(concentrator: string, { act, at, step, who, text, detail }: ControlRow): void {
    this.#run(
      'INSERT INTO control_row (concentrator, act, at, step, who, text, detail) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...[concentrator, act, at, step, who, text, detail],
    )
  }

  /** All rows of an act, oldest first. */
  controlRows(concentrator: string, act: number): readonly ControlRow[] {
    return this.#all('SELECT * FROM control_row WHERE concentrator = ? AND act = ? ORDER BY seq', concentrator, act).map(controlOf)
  }

  /** Numbers of acts, newest first. */
  controlActs(concentrator: string, before: number, limit: number): readonly number[] {
    return this.#all(
      "SELECT act FROM control_row WHERE concentrator = ? AND act < ? AND step = 'requested' ORDER BY act DESC LIMIT ?",
      ...[concentrator, before, limit],
    ).map(({ act }) => Number(act))
  }

  /** Acts that were sent, or about to be, and have no end. */
  unsettledControl(): readonly { readonly concentrator: string; readonly act: number }[] {
    return this.#all(
      `SELECT concentrator, act FROM control_row WHERE step = 'confirmed' AND act NOT IN
         (SELECT act FROM control_row WHERE step IN ('done', 'refused', 'not-sent', 'unknown'))`,
    ).map((row) => ({ concentrator: String(row.concentrator), act: Number(row.act) }))
  }

  noteUnknown(terminals: readonly UnknownTerminal[]): void {
    inTransaction(this.#database, () => {
      for (const { protocol, address, peer, firstSeen, lastSeen, count } of terminals)
        this.#run(
          `INSERT INTO unknown_terminal VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (protocol, address) DO UPDATE SET peer = excluded.peer, last = excluded.last, count = count + excluded.count`,
          ...[protocol, address, peer, firstSeen, lastSeen, count],
        )
      this.#run(
        `DELETE FROM unknown_terminal WHERE (protocol, address) NOT IN
           (SELECT protocol, address FROM unknown_terminal ORDER BY last DESC LIMIT ${MOST_UNKNOWN})`,
      )
    })
  }

  /** Who called last comes first. */
  unknown(): readonly UnknownTerminal[] {
    return this.#all('SELECT * FROM unknown_terminal ORDER BY last DESC, protocol, address').map((row) => ({
      protocol: row.protocol === 'dlt698' ? 'dlt698' : 'gw3761',
      ...{ address: String(row.address), peer: String(row.peer) },
      ...{ firstSeen: Number(row.first), lastSeen: Number(row.last), count: Number(row.count) },
    }))
  }

  forgetUnknown(protocol: string, address: string): boolean {
    return Number(this.#run('DELETE FROM unknown_terminal WHERE protocol = ? AND address = ?', protocol, address).changes) > 0
  }

  keepRoutes(concentrator: string, at: number, content: string): void {
    this.#run('INSERT OR REPLACE INTO route_read VALUES (?, ?, ?)', concentrator, at, content)
  }

  routes(concentrator: string): { readonly at: number; readonly content: string } | null {
    const row = this.#all('SELECT at, content FROM route_read WHERE concentrator = ?', concentrator)[0]
    return row ? { at: Number(row.at), content: String(row.content) } : null
  }

  keepParameter(concentrator: string, id: string, pn: number | null, at: number, value: string): void {
    this.#run('INSERT OR REPLACE INTO parameter_read VALUES (?, ?, ?, ?, ?)', concentrator, id, pn ?? 0, at, value)
  }

  /** `pn` 0 = the concentrator's own. */
  parameters(concentrator: string): readonly { readonly id: string; readonly pn: number; readonly at: number; readonly value: string }[] {
    return this.#all('SELECT * FROM parameter_read WHERE concentrator = ? ORDER BY id, pn', concentrator).map((row) => ({
      ...{ id: String(row.id), pn: Number(row.pn), at: Number(row.at), value: String(row.value) },
    }))
  }

  #run(sql: string, ...values: readonly Bound[]) {
    return this.#statement(sql).run(...values)
  }

  #all(sql: string, ...values: readonly Bound[]): readonly Row[] {
    return this.#statement(sql).all(...values)
  }
}

const Kept = Type.Object({
  ...{
    number: Type.Integer(),
    pn: Type.Integer(),
    port: Type.Integer(),
    baud: Type.Integer(),
    protocol: Type.String(),
    address: Type.String(),
  },
  ...{ tariffs: Type.Integer(), integerDigits: Type.Integer(), decimals: Type.Integer(), collector: Type.String() },
  ...{ userClass: Type.Integer(), userSubclass: Type.Integer() },
})
type KeptRecord = Static<typeof Kept>

const PROTOCOLS = ['none', 'dlt645-1997', 'ac-sampling', 'dlt645-2007', 'dlt698', 'plc'] as const
const protocolOf = (word: string): ArchiveRecord['protocol'] =>
  PROTOCOLS.find((one) => one === word) ?? `code-${Number(word.replace(/^code-/, ''))}`

const recordOf = (content: string): ShownRecord[] => {
  const read: unknown = JSON.parse(content)
  if (!Value.Check(Kept, read)) return []
  const record: KeptRecord = read
  return [{ ...record, protocol: protocolOf(record.protocol) }]
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)

const jobOf = (row: Row): KeptJob => ({
  ...{ id: Number(row.id), concentrator: String(row.concentrator), what: String(row.what), who: String(row.who), why: String(row.why) },
  ...{ at: Number(row.at), endedAt: typeof row.ended === 'number' ? row.ended : null },
  state: JOB_STATES.find((state) => state === row.state) ?? 'failed',
  ...{ done: Number(row.done), total: Number(row.total) },
  ...{ result: textOf(row.result), code: textOf(row.code), message: textOf(row.message) },
})

const controlOf = (row: Row): ControlRow => ({
  ...{ act: Number(row.act), at: Number(row.at), who: String(row.who), text: String(row.text), detail: String(row.detail) },
  step: CONTROL_STEPS.find((step) => step === row.step) ?? 'unknown',
})
