import { join } from 'node:path'
import { ok, type Result } from '../core/index.ts'
import { type Database, inTransaction, openDatabase, type Statement } from '../sqlite/index.ts'
import { preparedOnce } from '../sqlite/prepared.ts'
import { outageFailure } from './outage-errors.ts'

/** What is without power: everything of a zone, a 10 kV feeder, a transformer area, one point, or all that hangs on a communication line. */
export const OUTAGE_SCOPES = ['zone', 'feeder', 'area', 'point', 'line'] as const
export type OutageScope = (typeof OUTAGE_SCOPES)[number]
export const OUTAGE_KINDS = ['planned', 'emergency'] as const
export type OutageKind = (typeof OUTAGE_KINDS)[number]
export const OUTAGE_ACTS = ['created', 'noticed', 'extended', 'ended', 'withdrawn'] as const
export type OutageActKind = (typeof OUTAGE_ACTS)[number]

/** One outage (停电). Instants are milliseconds since 1970 UTC. */
export interface Outage {
  readonly id: number
  readonly scope: OutageScope
  /** Id of the zone, feeder, area, point or line. */
  readonly target: string
  readonly kind: OutageKind
  readonly from: number
  /** When power is expected back; null: nobody knows. */
  readonly expectedTo: number | null
  /** When it was back; null: still off, or not begun. */
  readonly to: number | null
  readonly reason: string
  readonly workOrder: string | null
  /** When key accounts were told; null: they were not. */
  readonly noticed: number | null
  /** Who recorded it: the name of the token. */
  readonly who: string
  readonly recordedAt: number
  /** It never was, or will not be. */
  readonly withdrawnAt: number | null
}

/** One line of an outage's history. */
export interface OutageAct {
  /** Strictly rising over all outages. */
  readonly seq: number
  readonly outage: number
  readonly at: number
  readonly what: OutageActKind
  readonly who: string
  readonly why: string
}

export type OutageDraft = Pick<Outage, 'scope' | 'target' | 'kind' | 'from' | 'expectedTo' | 'to' | 'reason' | 'workOrder' | 'noticed'>

export interface OutageFilter {
  readonly scope?: OutageScope
  readonly target?: string
  readonly kind?: OutageKind
  readonly state?: OutageState
  /** Only those that touch [from, to). */
  readonly from?: number
  readonly to?: number
}

/** `overdue`: longer than was expected, and nobody has said that it is over. */
export const OUTAGE_STATES = ['planned', 'running', 'overdue', 'ended', 'withdrawn'] as const
export type OutageState = (typeof OUTAGE_STATES)[number]

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Key accounts are told at least so long before a planned outage. @source service promises of Chinese utilities: 24 h */
export const NOTICE_MS = DAY_MS
const MOST_AHEAD_MS = 730 * DAY_MS
const MOST_BACK_MS = 400 * DAY_MS

export const outageState = ({ from, expectedTo, to, withdrawnAt }: Outage, now: number): OutageState => {
  if (withdrawnAt !== null) return 'withdrawn'
  if (to !== null) return 'ended'
  if (from > now) return 'planned'
  return expectedTo !== null && expectedTo <= now ? 'overdue' : 'running'
}

/** Whether key accounts were told of a planned outage too late, or not at all. */
export const isShortNotice = ({ kind, from, noticed }: Pick<Outage, 'kind' | 'from' | 'noticed'>): boolean =>
  kind === 'planned' && (noticed === null || from - noticed < NOTICE_MS)

/**
 * The time without power as far as it has passed; null: it has not begun, or never was.
 *
 * @param until  later is not known yet
 */
export const outageSpan = ({ from, to, withdrawnAt }: Outage, until: number): { readonly from: number; readonly to: number } | null => {
  const end = Math.min(to ?? until, until)
  return withdrawnAt === null && end > from ? { from, to: end } : null
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS outage (id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, target TEXT NOT NULL, kind TEXT NOT NULL,
  from_at INTEGER NOT NULL, expected_to INTEGER, to_at INTEGER, reason TEXT NOT NULL, work_order TEXT, noticed INTEGER, who TEXT NOT NULL,
  recorded_at INTEGER NOT NULL, withdrawn_at INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS outage_of ON outage (scope, target, from_at);
CREATE INDEX IF NOT EXISTS outage_from ON outage (from_at);
CREATE TABLE IF NOT EXISTS act (seq INTEGER PRIMARY KEY AUTOINCREMENT, outage INTEGER NOT NULL REFERENCES outage (id), at INTEGER NOT NULL,
  what TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS act_of ON act (outage);
`
const VERSION = 1

type Row = Readonly<Record<string, unknown>>
const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null
const numberOrNull = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value))
const wordOf = <const Word extends string>(words: readonly Word[], text: unknown): Word => {
  const found = words.find((word) => word === text)
  if (found === undefined) throw new Error(`outages.db holds the word "${String(text)}": expected one of ${words.join(', ')}`)
  return found
}

const outageOf = (row: Row): Outage => ({
  id: Number(row.id),
  scope: wordOf(OUTAGE_SCOPES, row.scope),
  target: String(row.target),
  kind: wordOf(OUTAGE_KINDS, row.kind),
  from: Number(row.from_at),
  expectedTo: numberOrNull(row.expected_to),
  to: numberOrNull(row.to_at),
  reason: String(row.reason),
  workOrder: row.work_order === null ? null : String(row.work_order),
  noticed: numberOrNull(row.noticed),
  who: String(row.who),
  recordedAt: Number(row.recorded_at),
  withdrawnAt: numberOrNull(row.withdrawn_at),
})

const actOf = (row: Row): OutageAct => ({
  ...{ seq: Number(row.seq), outage: Number(row.outage), at: Number(row.at), what: wordOf(OUTAGE_ACTS, row.what) },
  ...{ who: String(row.who), why: String(row.why) },
})

type Bound = string | number | null

/** The outage calendar (停电计划) on disk: `outages.db` in the gateway's data directory. A few records a day; several threads may have it open. */
export class OutageFile {
  readonly #database: Database
  readonly #statement: (sql: string) => Statement

  /** @throws  when a later version wrote it, or the disk refuses */
  constructor(directory: string) {
    const path = join(directory, 'outages.db')
    this.#database = openDatabase(path)
    this.#statement = preparedOnce(this.#database)
    const version = Number(this.#all('PRAGMA user_version')[0]?.user_version ?? 0)
    if (version > VERSION) {
      this.#database.close()
      throw new Error(`${path} was written by a later version of the gateway (format ${version}, this one knows ${VERSION}): run that one`)
    }
    if (version === 0) inTransaction(this.#database, () => this.#database.exec(`${SCHEMA} PRAGMA user_version = ${VERSION};`))
  }

  /** @errors OUTAGE_TIME, OUTAGE_DOUBLE */
  add(draft: OutageDraft, who: string, now: number): Result<Outage> {
    const wrong = timeProblem(draft, now)
    if (wrong) return outageFailure('OUTAGE_TIME', wrong)
    const { scope, target, kind, from, expectedTo, to, reason, workOrder, noticed } = draft
    return inTransaction(this.#database, () => {
      const other = this.of(scope, target, from, to ?? expectedTo ?? Number.MAX_SAFE_INTEGER).find((each) => likelyEnd(each, now) > from)
      if (other)
        return outageFailure('OUTAGE_DOUBLE', `${scope} ${target} has outage ${other.id} (${other.kind}) in that time already`, {
          outage: other.id,
        })
      this.#run(
        `INSERT INTO outage (scope, target, kind, from_at, expected_to, to_at, reason, work_order, noticed, who, recorded_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[scope, target, kind, from, expectedTo, to, reason, workOrder, noticed, who, now],
      )
      const id = Number(this.#all('SELECT last_insert_rowid() AS id')[0]?.id)
      this.#say(id, now, 'created', who, reason)
      return this.#known(id)
    })
  }

  /** Key accounts were told. @errors OUTAGE_UNKNOWN, OUTAGE_STATE, OUTAGE_TIME */
  notice(id: number, noticed: number, who: string, why: string, now: number): Result<Outage> {
    return this.#change(id, 'noticed', who, why, now, () =>
      noticed > now ? 'key accounts can not have been told in the future' : { column: 'noticed', value: noticed },
    )
  }

  /** It will take longer. @errors OUTAGE_UNKNOWN, OUTAGE_STATE, OUTAGE_TIME */
  extend(id: number, expectedTo: number, who: string, why: string, now: number): Result<Outage> {
    return this.#change(id, 'extended', who, why, now, (outage) =>
      expectedTo <= Math.max(outage.from, outage.expectedTo ?? 0) || expectedTo > now + MOST_AHEAD_MS
        ? `outage ${id} is expected to end ${iso(outage.expectedTo ?? outage.from)}; the new time must be later, at most two years ahead`
        : { column: 'expected_to', value: expectedTo },
    )
  }

  /** Power is back. @errors OUTAGE_UNKNOWN, OUTAGE_STATE, OUTAGE_TIME */
  end(id: number, to: number, who: string, why: string, now: number): Result<Outage> {
    return this.#change(id, 'ended', who, why, now, ({ from }) =>
      to <= from || to > now
        ? `outage ${id} began ${iso(from)}; it ends after that and not in the future. One that did not take place is withdrawn`
        : { column: 'to_at', value: to },
    )
  }

  /** It did not take place, will not, or was recorded by mistake. @errors OUTAGE_UNKNOWN, OUTAGE_STATE */
  withdraw(id: number, who: string, why: string, now: number): Result<Outage> {
    return this.#change(id, 'withdrawn', who, why, now, () => ({ column: 'withdrawn_at', value: now }))
  }

  get(id: number): Outage | null {
    const row = this.#all('SELECT * FROM outage WHERE id = ?', id)[0]
    return row ? outageOf(row) : null
  }

  /** What was done with one, oldest first. */
  history(id: number): readonly OutageAct[] {
    return this.#all('SELECT * FROM act WHERE outage = ? ORDER BY seq', id).map(actOf)
  }

  /** Acts on all outages after one of them, oldest first. */
  acts(after: number, limit: number): readonly OutageAct[] {
    return this.#all('SELECT * FROM act WHERE seq > ? ORDER BY seq LIMIT ?', after, limit).map(actOf)
  }

  /** By id descending, before one of them: the newest first. */
  list({ scope, target, kind, state, from, to }: OutageFilter, before: number | null, limit: number, now: number): readonly Outage[] {
    const conditions: string[] = ['1']
    const values: Bound[] = []
    const also = (condition: string, value: Bound | undefined) => {
      if (value === undefined || value === null) return
      conditions.push(condition)
      values.push(...Array.from({ length: condition.split('?').length - 1 }, () => value))
    }
    also('id < ?', before)
    also('scope = ?', scope)
    also('target = ?', target)
    also('kind = ?', kind)
    also('(to_at IS NULL OR to_at > ?)', from)
    also('from_at < ?', to)
    if (state !== undefined) also(STATE_SQL[state], now)
    return this.#all(`SELECT * FROM outage WHERE ${conditions.join(' AND ')} ORDER BY id DESC LIMIT ?`, ...values, limit).map(outageOf)
  }

  /** Those of one target that touch [from, to), withdrawn ones left out. */
  of(scope: OutageScope, target: string, from: number, to: number): readonly Outage[] {
    return this.#all(
      `SELECT * FROM outage WHERE scope = ? AND target = ? AND withdrawn_at IS NULL AND from_at < ? AND (to_at IS NULL OR to_at > ?)
       ORDER BY from_at`,
      ...[scope, target, to, from],
    ).map(outageOf)
  }

  /** Those of any target that touch [from, to), withdrawn ones left out. */
  over(from: number, to: number): readonly Outage[] {
    return this.#all(
      'SELECT * FROM outage WHERE withdrawn_at IS NULL AND from_at < ? AND (to_at IS NULL OR to_at > ?) ORDER BY from_at',
      ...[to, from],
    ).map(outageOf)
  }

  close(): void {
    this.#database.close()
  }

  #change(
    id: number,
    what: OutageActKind,
    who: string,
    why: string,
    now: number,
    to: (outage: Outage) => string | { readonly column: string; readonly value: number },
  ): Result<Outage> {
    return inTransaction(this.#database, () => {
      const outage = this.get(id)
      if (!outage) return outageFailure('OUTAGE_UNKNOWN', `there is no outage ${id}`, { outage: id })
      const isOver = outage.withdrawnAt !== null || (outage.to !== null && what !== 'withdrawn' && what !== 'noticed')
      if (isOver) return outageFailure('OUTAGE_STATE', `outage ${id} is ${outageState(outage, now)} already`, { outage: id })
      const change = to(outage)
      if (typeof change === 'string') return outageFailure('OUTAGE_TIME', change, { outage: id })
      this.#run(`UPDATE outage SET ${change.column} = ? WHERE id = ?`, change.value, id)
      this.#say(id, now, what, who, why)
      return this.#known(id)
    })
  }

  #known(id: number): Result<Outage> {
    const outage = this.get(id)
    return outage ? ok(outage) : outageFailure('OUTAGE_UNKNOWN', `there is no outage ${id}`, { outage: id })
  }

  #say(outage: number, at: number, what: OutageActKind, who: string, why: string): void {
    this.#run('INSERT INTO act (outage, at, what, who, why) VALUES (?, ?, ?, ?, ?)', outage, at, what, who, why)
  }

  #run(sql: string, ...values: readonly Bound[]): void {
    this.#statement(sql).run(...values)
  }

  #all(sql: string, ...values: readonly Bound[]): readonly Row[] {
    const rows: readonly unknown[] = this.#statement(sql).all(...values)
    return rows.filter(isRow)
  }
}

/** {@link outageState} as conditions; every ? is the present. */
const STATE_SQL: Readonly<Record<OutageState, string>> = {
  withdrawn: '(withdrawn_at IS NOT NULL AND ? IS NOT NULL)',
  ended: '(withdrawn_at IS NULL AND to_at IS NOT NULL AND ? IS NOT NULL)',
  planned: '(withdrawn_at IS NULL AND to_at IS NULL AND from_at > ?)',
  running: '(withdrawn_at IS NULL AND to_at IS NULL AND from_at <= ? AND (expected_to IS NULL OR expected_to > ?))',
  overdue: '(withdrawn_at IS NULL AND to_at IS NULL AND from_at <= ? AND expected_to <= ?)',
}

/** As far as anybody can say. */
const likelyEnd = ({ to, expectedTo }: Outage, now: number): number =>
  to ?? (expectedTo === null ? Number.POSITIVE_INFINITY : Math.max(expectedTo, now))

const iso = (at: number): string => new Date(at).toISOString()

/** What is wrong with the times of a new outage; null: nothing. */
const timeProblem = ({ kind, from, expectedTo, to, noticed }: OutageDraft, now: number): string | null => {
  if (from < now - MOST_BACK_MS || from > now + MOST_AHEAD_MS) return `it begins ${iso(from)}; at most 400 days back and two years ahead`
  if (kind === 'planned' && expectedTo === null) return 'a planned outage has an expected end'
  if (kind === 'emergency' && from > now) return `an emergency outage has begun; ${iso(from)} lies ahead`
  if (expectedTo !== null && (expectedTo <= from || expectedTo > now + MOST_AHEAD_MS))
    return `it begins ${iso(from)} and is expected to end ${iso(expectedTo)}`
  if (to !== null && (to <= from || to > now)) return `it begins ${iso(from)} and ended ${iso(to)}; the end lies after that and not ahead`
  return noticed !== null && noticed > now ? 'key accounts can not have been told in the future' : null
}
