import { join } from 'node:path'
import { type Database, inTransaction, openDatabase, type Statement } from '../sqlite/index.ts'
import { preparedOnce } from '../sqlite/prepared.ts'
import { type ClockKind, type ClockPoint, FAULTY_WITHIN_MS } from './clock-rules.ts'

/** Why a clock was read. */
export type ClockReason = 'sweep' | 'back' | 'demand' | 'before' | 'after'

/** What is known of one clock. Times are milliseconds since 1970 UTC. */
export interface ClockRecord {
  readonly kind: ClockKind
  /** The newest reading; null = never read. */
  readonly point: ClockPoint | null
  /** When it was last asked, with or without success. */
  readonly triedAt: number | null
  /** Why the last try failed; null when it did not. */
  readonly error: { readonly code: string; readonly message: string } | null
  /** The model has no clock that can be read. */
  readonly isWithout: boolean
  /** The act whose password it refused, or whose end nobody knows: nothing is written to it until a person clears it. */
  readonly lockedBy: number | null
  /** When it was set with success, ascending; of the last month. */
  readonly settings: readonly number[]
}

export interface ClockReading extends ClockPoint {
  readonly why: ClockReason
}

export type ClockActKind = 'broadcast' | 'set' | 'clear'
/** `unknown`: the process ended between sending and knowing. */
export type ClockActResult = 'pending' | 'done' | 'refused' | 'failed' | 'unknown'

/** Something a person or the sweep did to clocks: who, when, why, before, after, result. */
export interface ClockAct {
  readonly id: number
  readonly at: number
  readonly kind: ClockActKind
  readonly line: string
  /** Null for a broadcast. */
  readonly meter: string | null
  readonly who: string
  /** Second person; null when none was asked for. */
  readonly second: string | null
  readonly why: string
  readonly result: ClockActResult
  readonly code: string | null
  readonly message: string | null
  readonly meters: readonly ClockActMeter[]
}

export interface ClockActMeter {
  readonly meter: string
  readonly before: ClockPoint | null
  readonly after: ClockPoint | null
}

export type ClockActDraft = Pick<ClockAct, 'at' | 'kind' | 'line' | 'meter' | 'who' | 'second' | 'why'>

/** Readings kept of one clock: more than a year of sweeps. */
const KEEP = 400

const EMPTY: ClockRecord = { kind: 'meter', point: null, triedAt: null, error: null, isWithout: false, lockedBy: null, settings: [] }

const SCHEMA = `
CREATE TABLE clock (meter TEXT PRIMARY KEY, kind TEXT NOT NULL, at INTEGER, drift INTEGER, uncertainty INTEGER, tried INTEGER,
  code TEXT, message TEXT, without INTEGER NOT NULL DEFAULT 0, locked INTEGER) WITHOUT ROWID;
CREATE TABLE reading (meter TEXT NOT NULL, at INTEGER NOT NULL, drift INTEGER NOT NULL, uncertainty INTEGER NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY (meter, at)) WITHOUT ROWID;
CREATE TABLE act (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, line TEXT NOT NULL, meter TEXT,
  who TEXT NOT NULL, second TEXT, why TEXT NOT NULL, result TEXT NOT NULL, code TEXT, message TEXT);
CREATE INDEX act_of_line ON act (line, at);
CREATE TABLE act_meter (act INTEGER NOT NULL REFERENCES act (id), meter TEXT NOT NULL, before_at INTEGER, before_drift INTEGER,
  before_uncertainty INTEGER, after_at INTEGER, after_drift INTEGER, after_uncertainty INTEGER, PRIMARY KEY (act, meter)) WITHOUT ROWID;
CREATE INDEX act_of_meter ON act_meter (meter, act);
PRAGMA user_version = 1;
`

type Row = Record<string, unknown>

/**
 * Clocks, their history and what was done to them, in `<directory>/clocks.db`. What is known of each clock is also kept in memory:
 * lists and the sweep ask for all of them. An act is on the disk before its first byte leaves.
 */
export class ClockStore {
  readonly #database: Database
  readonly #records = new Map<string, ClockRecord>()
  readonly #statement: (sql: string) => Statement

  constructor(directory: string) {
    this.#database = openDatabase(join(directory, 'clocks.db'), 'NORMAL')
    this.#statement = preparedOnce(this.#database)
    const version = this.#database.prepare('PRAGMA user_version').get()
    if (Number(version?.user_version ?? 0) === 0) inTransaction(this.#database, () => this.#database.exec(SCHEMA))
    this.#settleLeftovers()
    this.#load()
  }

  get(meter: string): ClockRecord {
    return this.#records.get(meter) ?? EMPTY
  }

  /** Keeps a reading. */
  read(meter: string, kind: ClockKind, point: ClockPoint, why: ClockReason): void {
    inTransaction(this.#database, () => {
      this.#run('INSERT OR REPLACE INTO reading VALUES (?, ?, ?, ?, ?)', meter, point.at, point.driftMs, point.uncertaintyMs, why)
      this.#run(
        'DELETE FROM reading WHERE meter = ? AND at < (SELECT at FROM reading WHERE meter = ? ORDER BY at DESC LIMIT 1 OFFSET ?)',
        ...[meter, meter, KEEP - 1],
      )
      this.#keep(meter, { kind, point, triedAt: point.at, error: null, isWithout: false })
    })
  }

  /** Keeps that a try brought nothing. */
  missed(meter: string, kind: ClockKind, at: number, error: { readonly code: string; readonly message: string }): void {
    const { code, message } = error
    this.#keep(meter, { kind, triedAt: at, error: { code, message } })
  }

  /** Keeps that a model has no clock. */
  without(meter: string, kind: ClockKind, at: number): void {
    if (!this.get(meter).isWithout) this.#keep(meter, { kind, triedAt: at, error: null, isWithout: true })
  }

  /** Newest first. */
  history(meter: string, limit: number): readonly ClockReading[] {
    return this.#all('SELECT at, drift, uncertainty, why FROM reading WHERE meter = ? ORDER BY at DESC LIMIT ?', meter, limit).flatMap(
      (row) => {
        const point = pointOf(row, '')
        return point ? [{ ...point, why: reasonOf(row.why) }] : []
      },
    )
  }

  /** The first reading after an instant; null when there is none. */
  firstSince(meter: string, since: number): ClockPoint | null {
    const row = this.#all('SELECT at, drift, uncertainty FROM reading WHERE meter = ? AND at > ? ORDER BY at LIMIT 1', meter, since)[0]
    return row ? pointOf(row, '') : null
  }

  /** Writes an act down before it is carried out, for good. @returns its number */
  begin(draft: ClockActDraft, meters: readonly { readonly meter: string; readonly before: ClockPoint | null }[]): number {
    const { at, kind, line, meter, who, second, why } = draft
    return this.#forGood(() => {
      const { lastInsertRowid } = this.#run(
        "INSERT INTO act (at, kind, line, meter, who, second, why, result) VALUES (?, ?, ?, ?, ?, ?, ?, 'pending')",
        ...[at, kind, line, meter, who, second, why],
      )
      const id = Number(lastInsertRowid)
      for (const { meter: one, before } of meters)
        this.#run(
          'INSERT INTO act_meter (act, meter, before_at, before_drift, before_uncertainty) VALUES (?, ?, ?, ?, ?)',
          ...[id, one, before?.at ?? null, before?.driftMs ?? null, before?.uncertaintyMs ?? null],
        )
      return id
    })
  }

  /** How an act ended. `lock`: nothing more is written to this meter until {@link clear}. */
  end(id: number, result: ClockActResult, error: { readonly code: string; readonly message: string } | null, lock: string | null): void {
    this.#forGood(() => {
      this.#run('UPDATE act SET result = ?, code = ?, message = ? WHERE id = ?', result, error?.code ?? null, error?.message ?? null, id)
      if (lock !== null) this.#keep(lock, { lockedBy: id })
      if (result !== 'done') return
      const act = this.act(id)
      for (const { meter } of act?.kind === 'clear' ? [] : (act?.meters ?? []))
        this.#remember(meter, { settings: [...this.get(meter).settings, act!.at] })
    })
  }

  /** What a meter showed after an act. */
  after(id: number, meter: string, { at, driftMs, uncertaintyMs }: ClockPoint): void {
    this.#run(
      'UPDATE act_meter SET after_at = ?, after_drift = ?, after_uncertainty = ? WHERE act = ? AND meter = ?',
      ...[at, driftMs, uncertaintyMs, id, meter],
    )
  }

  /** Lets a meter be written to again. */
  clear(meter: string, draft: ClockActDraft): number {
    const id = this.begin(draft, [{ meter, before: this.get(meter).point }])
    this.#forGood(() => this.#keep(meter, { lockedBy: null }))
    this.end(id, 'done', null, null)
    return id
  }

  act(id: number): ClockAct | null {
    const row = this.#all('SELECT * FROM act WHERE id = ?', id)[0]
    return row ? this.#actOf(row) : null
  }

  /** Acts that touched a meter, newest first. */
  actsOf(meter: string, limit: number): readonly ClockAct[] {
    return this.#all(
      'SELECT act.* FROM act_meter JOIN act ON act.id = act_meter.act WHERE act_meter.meter = ? ORDER BY act.id DESC LIMIT ?',
      ...[meter, limit],
    ).map((row) => this.#actOf(row))
  }

  /** When the last broadcast was sent on a line, whatever came of it; null = never. */
  lastBroadcast(line: string): number | null {
    const row = this.#all("SELECT max(at) AS at FROM act WHERE line = ? AND kind = 'broadcast'", line)[0]
    return typeof row?.at === 'number' ? row.at : null
  }

  /** Acts by kind and result since the file was made. */
  counts(): readonly { readonly kind: ClockActKind; readonly result: ClockActResult; readonly count: number }[] {
    return this.#all('SELECT kind, result, count(*) AS count FROM act GROUP BY kind, result').map(({ kind, result, count }) => ({
      kind: actKindOf(kind),
      result: resultOf(result),
      count: Number(count),
    }))
  }

  close(): void {
    this.#database.close()
  }

  /** The process ended in the middle of an act: what a meter made of a password is not known, and it is not asked to say so again. */
  #settleLeftovers(): void {
    this.#forGood(() => {
      this.#run(
        `INSERT INTO clock (meter, kind, locked) SELECT meter, 'meter', max(id) FROM act
         WHERE kind = 'set' AND result = 'pending' AND meter IS NOT NULL GROUP BY meter
         ON CONFLICT (meter) DO UPDATE SET locked = excluded.locked`,
      )
      this.#run("UPDATE act SET result = 'unknown' WHERE result = 'pending'")
    })
  }

  #load(): void {
    for (const row of this.#all('SELECT * FROM clock'))
      this.#records.set(String(row.meter), {
        ...EMPTY,
        kind: row.kind === 'concentrator' ? 'concentrator' : 'meter',
        point: pointOf(row, ''),
        triedAt: numberOf(row.tried),
        error: typeof row.code === 'string' ? { code: row.code, message: String(row.message ?? '') } : null,
        isWithout: row.without === 1,
        lockedBy: numberOf(row.locked),
      })
    const newest = this.#all('SELECT max(at) AS at FROM act')[0]
    const since = (numberOf(newest?.at) ?? 0) - FAULTY_WITHIN_MS
    for (const { meter, at } of this.#all(
      "SELECT act_meter.meter AS meter, act.at AS at FROM act JOIN act_meter ON act_meter.act = act.id WHERE act.at >= ? AND act.kind <> 'clear' AND act.result = 'done' ORDER BY act.at",
      since,
    ))
      this.#remember(String(meter), { settings: [...this.get(String(meter)).settings, Number(at)] })
  }

  #remember(meter: string, change: Partial<ClockRecord>): ClockRecord {
    const merged = { ...this.get(meter), ...change }
    const newest = merged.settings.at(-1) ?? 0
    const record = { ...merged, settings: merged.settings.filter((at) => newest - at <= FAULTY_WITHIN_MS) }
    this.#records.set(meter, record)
    return record
  }

  #keep(meter: string, change: Partial<ClockRecord>): void {
    const { kind, point, triedAt, error, isWithout, lockedBy } = this.#remember(meter, change)
    this.#run(
      'INSERT OR REPLACE INTO clock VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[meter, kind, point?.at ?? null, point?.driftMs ?? null, point?.uncertaintyMs ?? null, triedAt],
      ...[error?.code ?? null, error?.message ?? null, isWithout ? 1 : 0, lockedBy],
    )
  }

  #actOf(row: Row): ClockAct {
    const id = Number(row.id)
    return {
      id,
      at: Number(row.at),
      kind: actKindOf(row.kind),
      line: String(row.line),
      meter: textOf(row.meter),
      who: String(row.who),
      second: textOf(row.second),
      why: String(row.why),
      result: resultOf(row.result),
      code: textOf(row.code),
      message: textOf(row.message),
      meters: this.#all('SELECT * FROM act_meter WHERE act = ? ORDER BY meter', id).map((one) => ({
        meter: String(one.meter),
        before: pointOf(one, 'before_'),
        after: pointOf(one, 'after_'),
      })),
    }
  }

  /** A transaction that is on the disk when it returns. */
  #forGood<T>(work: () => T): T {
    this.#database.exec('PRAGMA synchronous = FULL')
    try {
      return inTransaction(this.#database, work)
    } finally {
      this.#database.exec('PRAGMA synchronous = NORMAL')
    }
  }

  #run(sql: string, ...values: readonly (string | number | null)[]) {
    return this.#statement(sql).run(...values)
  }

  #all(sql: string, ...values: readonly (string | number | null)[]): Row[] {
    return this.#statement(sql).all(...values)
  }
}

const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null)
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)

const pointOf = (row: Row, prefix: string): ClockPoint | null => {
  const [at, driftMs, uncertaintyMs] = ['at', 'drift', 'uncertainty'].map((name) => numberOf(row[`${prefix}${name}`]))
  return at == null || driftMs == null || uncertaintyMs == null ? null : { at, driftMs, uncertaintyMs }
}

const REASONS: readonly ClockReason[] = ['sweep', 'back', 'demand', 'before', 'after']
const KINDS: readonly ClockActKind[] = ['broadcast', 'set', 'clear']
const RESULTS: readonly ClockActResult[] = ['pending', 'done', 'refused', 'failed', 'unknown']
const reasonOf = (value: unknown): ClockReason => REASONS.find((one) => one === value) ?? 'demand'
const actKindOf = (value: unknown): ClockActKind => KINDS.find((one) => one === value) ?? 'set'
const resultOf = (value: unknown): ClockActResult => RESULTS.find((one) => one === value) ?? 'unknown'
