import { join } from 'node:path'
import { type Database, inTransaction, openDatabase, type Statement } from '../sqlite/index.ts'
import { preparedOnce } from '../sqlite/prepared.ts'
import type { EnergyPeriod } from './energy-days.ts'
import type { RegisterFigures } from './energy-figures.ts'
import { packFigures, type RegisterColumns, unpackColumns, unpackFigures } from './energy-pack.ts'

/** Somebody has taken figures away: from then on a change of them is a correction. */
export interface EnergyExport {
  readonly id: number
  readonly who: string
  /** Null = of all points. */
  readonly point: string | null
  readonly from: number
  readonly to: number
  readonly note: string
  /** Milliseconds since 1970 UTC. */
  readonly at: number
}

/** A figure that changed after somebody had taken it away. */
export interface Correction {
  /** Strictly rising. */
  readonly seq: number
  readonly point: string
  readonly register: string
  readonly period: EnergyPeriod
  readonly from: number
  readonly to: number
  readonly before: string | null
  readonly after: string | null
  readonly version: number
  readonly reason: string
  readonly at: number
  /** The newest export that holds the old figure. */
  readonly exportId: number
}

/** Days of a point that registers are known of. */
export interface SeenDays {
  readonly first: string
  readonly last: string
}

const VERSION = 2
const SCHEMA = `
  CREATE TABLE seen (point TEXT PRIMARY KEY, first TEXT NOT NULL, last TEXT NOT NULL) WITHOUT ROWID, STRICT;
  CREATE TABLE dirty (point TEXT NOT NULL, day TEXT NOT NULL, since INTEGER NOT NULL, why TEXT NOT NULL, PRIMARY KEY (point, day)) WITHOUT ROWID, STRICT;
  CREATE TABLE onward (point TEXT PRIMARY KEY, day TEXT NOT NULL, why TEXT NOT NULL) WITHOUT ROWID, STRICT;
  CREATE TABLE figures (point TEXT NOT NULL, day TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (point, day)) STRICT;
  CREATE TABLE export (id INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT NOT NULL, point TEXT, from_at INTEGER NOT NULL, to_at INTEGER NOT NULL,
    first_day TEXT NOT NULL, last_day TEXT NOT NULL, note TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE TABLE correction (seq INTEGER PRIMARY KEY AUTOINCREMENT, point TEXT NOT NULL, register TEXT NOT NULL, period TEXT NOT NULL, from_at INTEGER NOT NULL,
    to_at INTEGER NOT NULL, before TEXT, after TEXT, version INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL, export INTEGER NOT NULL) STRICT;
  CREATE TABLE finding (seq INTEGER PRIMARY KEY AUTOINCREMENT, point TEXT NOT NULL, day TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL,
    UNIQUE (point, day, key)) STRICT;
  CREATE TABLE place (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
  PRAGMA user_version = ${VERSION};`

/** An export that holds a row of `figures`. */
const TAKEN =
  "SELECT 1 FROM export e WHERE (e.point IS NULL OR e.point = figures.point) AND e.first_day <= figures.day || '-31' AND e.last_day >= figures.day"

/** Place that says that days that cannot be were taken out. */
export const TIDIED = 'tidied'

/** A file that a later version of the product wrote. */
export class EnergyBookTooNew extends Error {
  override readonly name = 'EnergyBookTooNew'
}

type Row = Readonly<Record<string, unknown>>
const text = (row: Row, column: string): string => String(row[column] ?? '')
const textOrNull = (row: Row, column: string): string | null => (row[column] === null ? null : String(row[column]))
const number = (row: Row, column: string): number => Number(row[column] ?? 0)
const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null

/**
 * What is still to be worked out, what was worked out, and who took it away: `energy.db`. A mark that a day is to be worked out is on disk before
 * the outbox forgets the reading that made it.
 */
export class EnergyBook {
  readonly #database: Database
  readonly #statement: (sql: string) => Statement
  #isTogether = false
  #isFull = true

  /** @throws EnergyBookTooNew */
  constructor(directory: string) {
    const file = join(directory, 'energy.db')
    this.#database = openDatabase(file)
    this.#statement = preparedOnce(this.#database)
    const version = number(this.#one('PRAGMA user_version') ?? {}, 'user_version')
    if (version > VERSION) {
      this.#database.close()
      throw new EnergyBookTooNew(`${file} is of form ${version}, this program knows ${VERSION}: run the newer version`)
    }
    if (version === 0)
      inTransaction(this.#database, () => {
        this.#database.exec(SCHEMA)
        // There is nothing in it that cannot be.
        this.setPlace(TIDIED, 1)
      })
    // Form 1 packs figures one by one: it can be read, but who knows form 1 only could not read ours.
    if (version === 1) this.#database.exec(`PRAGMA user_version = ${VERSION}`)
  }

  /**
   * All in one transaction, or nothing of it; within another one, part of that.
   *
   * @param isPromise  it is on the disk before this returns. What is worked out is not: a power cut brings the mark back with it, and the same
   *                   is worked out again
   */
  together<T>(work: () => T, isPromise = false): T {
    if (this.#isTogether) return work()
    this.#isTogether = true
    try {
      if (isPromise !== this.#isFull) this.#database.exec(`PRAGMA synchronous=${isPromise ? 'FULL' : 'NORMAL'}`)
      this.#isFull = isPromise
      return inTransaction(this.#database, work)
    } finally {
      this.#isTogether = false
    }
  }

  markDirty(point: string, day: string, at: number, why: string): void {
    this.#run('INSERT INTO dirty VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING', point, day, at, why)
  }

  clean(point: string, day: string): void {
    this.#run('DELETE FROM dirty WHERE point = ? AND day = ?', point, day)
  }

  /** Marks after one of them, by day and point. */
  dirty(
    after: { readonly point: string; readonly day: string } | null,
    limit: number,
  ): readonly { readonly point: string; readonly day: string; readonly why: string }[] {
    return this.#all(
      'SELECT point, day, why FROM dirty WHERE (point, day) > (?, ?) ORDER BY point, day LIMIT ?',
      after?.point ?? '',
      after?.day ?? '',
      limit,
    ).map((row) => ({ point: text(row, 'point'), day: text(row, 'day'), why: text(row, 'why') }))
  }

  /** The point with the next greater id of which there is anything; null: none. */
  pointAfter(after: string): string | null {
    const next = ['seen', 'dirty', 'onward', 'figures', 'finding'].map(
      (table) => `SELECT min(point) AS point FROM ${table} WHERE point > ?1`,
    )
    const row = this.#one(`SELECT min(point) AS point FROM (${next.join(' UNION ALL ')})`, after)
    return row ? textOrNull(row, 'point') : null
  }

  /**
   * Drops marks, figures and findings of a point of before a month, but what somebody has taken away; of what was asked for and not read, marks of
   * before another. @returns how many rows, at most `most`
   */
  dropBefore(point: string, { read, asked }: { readonly read: string; readonly asked: string }, most: number): number {
    const drop = (table: string, before: string, condition = '') => {
      const rows = table === 'dirty' ? '(point, day)' : 'rowid'
      const sql = `DELETE FROM ${table} WHERE ${rows} IN (SELECT ${rows.replace(/[()]/g, '')} FROM ${table} WHERE point = ? AND day < ?${condition} LIMIT ?)`
      const left = most - dropped
      dropped += left > 0 ? Number(this.#statement(sql).run(point, before, left).changes) : 0
    }
    let dropped = 0
    drop('dirty', read)
    drop('dirty', asked, " AND why <> 'a reading'")
    drop('figures', read, ` AND NOT EXISTS (${TAKEN})`)
    drop('finding', read)
    // From then on is from its first day on.
    this.#run('UPDATE onward SET day = ?2 WHERE point = ?1 AND day < ?2', point, `${asked}-01`)
    this.#run('UPDATE seen SET first = min(last, ?2) WHERE point = ?1 AND first < ?2', point, `${read}-01`)
    return dropped
  }

  /** Every day of a point from one on is to be worked out again. */
  markOnward(point: string, day: string, why: string): void {
    this.#run('INSERT INTO onward VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET day = min(day, excluded.day)', point, day, why)
  }

  onward(): { readonly point: string; readonly day: string; readonly why: string } | null {
    const row = this.#one('SELECT point, day, why FROM onward LIMIT 1')
    return row ? { point: text(row, 'point'), day: text(row, 'day'), why: text(row, 'why') } : null
  }

  /** null: nothing is left of it. */
  moveOnward(point: string, day: string | null): void {
    if (day === null) this.#run('DELETE FROM onward WHERE point = ?', point)
    else this.#run('UPDATE onward SET day = ? WHERE point = ?', day, point)
  }

  onwardCount(): number {
    return number(this.#one('SELECT count(*) AS count FROM onward') ?? {}, 'count')
  }

  see(point: string, day: string): void {
    this.#run(
      'INSERT INTO seen VALUES (?1, ?2, ?2) ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)',
      point,
      day,
    )
  }

  seen(point: string): SeenDays | null {
    const row = this.#one('SELECT first, last FROM seen WHERE point = ?', point)
    return row ? { first: text(row, 'first'), last: text(row, 'last') } : null
  }

  /** Points that registers are known of, by id. */
  seenAfter(after: string, limit: number): readonly string[] {
    return this.#all('SELECT point FROM seen WHERE point > ? ORDER BY point LIMIT ?', after, limit).map((row) => text(row, 'point'))
  }

  figures(point: string, day: string): readonly RegisterFigures[] | null {
    const body = this.#one('SELECT body FROM figures WHERE point = ? AND day = ?', point, day)?.body
    return body instanceof Uint8Array ? unpackFigures(body) : null
  }

  /** The same column by column, at a tenth of the work. */
  columns(point: string, day: string): readonly RegisterColumns[] | null {
    const body = this.#one('SELECT body FROM figures WHERE point = ? AND day = ?', point, day)?.body
    return body instanceof Uint8Array ? unpackColumns(body) : null
  }

  /** Days first..last, those there are. */
  figuresOf(
    point: string,
    first: string,
    last: string,
  ): readonly { readonly day: string; readonly registers: readonly RegisterFigures[] }[] {
    return this.#all('SELECT day, body FROM figures WHERE point = ? AND day >= ? AND day <= ? ORDER BY day', point, first, last).flatMap(
      (row) => (row.body instanceof Uint8Array ? [{ day: text(row, 'day'), registers: unpackFigures(row.body) }] : []),
    )
  }

  keep(point: string, day: string, registers: readonly RegisterFigures[]): void {
    this.#run('INSERT OR REPLACE INTO figures VALUES (?, ?, ?)', point, day, packFigures(registers))
  }

  /** Forgets figures of days before one, but for what somebody has taken away. @returns how many days of points */
  forget(before: string, most: number): number {
    const sql = `DELETE FROM figures WHERE rowid IN (SELECT rowid FROM figures WHERE day < ? AND NOT EXISTS (${TAKEN}) LIMIT ?)`
    return Number(this.#statement(sql).run(before, most).changes)
  }

  /** What is wrong on a day now; findings that were there already keep their number. */
  setFindings(point: string, day: string, found: readonly { readonly key: string; readonly body: string }[], at: number): void {
    const keys = new Set(found.map(({ key }) => key))
    const known = new Set(this.#all('SELECT key FROM finding WHERE point = ? AND day = ?', point, day).map((row) => text(row, 'key')))
    for (const key of known) if (!keys.has(key)) this.#run('DELETE FROM finding WHERE point = ? AND day = ? AND key = ?', point, day, key)
    for (const { key, body } of found)
      if (!known.has(key)) this.#run('INSERT INTO finding (point, day, key, body, at) VALUES (?, ?, ?, ?, ?)', point, day, key, body, at)
  }

  /** By number; of one point. */
  findings(
    point: string | null,
    since: number,
    limit: number,
  ): readonly { readonly seq: number; readonly point: string; readonly body: string; readonly at: number }[] {
    return this.#all(
      'SELECT seq, point, body, at FROM finding WHERE seq > ?1 AND (?2 IS NULL OR point = ?2) ORDER BY seq LIMIT ?3',
      since,
      point,
      limit,
    ).map((row) => ({
      ...{ seq: number(row, 'seq'), point: text(row, 'point'), body: text(row, 'body'), at: number(row, 'at') },
    }))
  }

  /** On disk when it returns. @param span  the days it holds */
  addExport(made: Omit<EnergyExport, 'id'>, span: SeenDays): EnergyExport {
    return this.together(() => {
      this.#run(
        'INSERT INTO export (who, point, from_at, to_at, first_day, last_day, note, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        ...[made.who, made.point, made.from, made.to, span.first, span.last, made.note, made.at],
      )
      return { ...made, id: number(this.#one('SELECT last_insert_rowid() AS id') ?? {}, 'id') }
    }, true)
  }

  exports(after: number, limit: number): readonly EnergyExport[] {
    return this.#all('SELECT * FROM export WHERE id > ? ORDER BY id LIMIT ?', after, limit).map(exportOf)
  }

  /** Exports that hold anything of a point in [from, to), newest first. */
  exportsOver(point: string, from: number, to: number): readonly EnergyExport[] {
    return this.#all(
      'SELECT * FROM export WHERE (point IS NULL OR point = ?) AND from_at < ? AND to_at > ? ORDER BY id DESC',
      point,
      to,
      from,
    ).map(exportOf)
  }

  addCorrection(made: Omit<Correction, 'seq'>): void {
    const { point, register, period, from, to, before, after, version, reason, at, exportId } = made
    this.#run(
      'INSERT INTO correction (point, register, period, from_at, to_at, before, after, version, reason, at, export) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...[point, register, period, from, to, before, after, version, reason, at, exportId],
    )
  }

  corrections(since: number, limit: number): readonly Correction[] {
    return this.#all('SELECT * FROM correction WHERE seq > ? ORDER BY seq LIMIT ?', since, limit).map(correctionOf)
  }

  /** The highest number that was ever given, also to what has left its list since. */
  newest(list: 'correction' | 'finding'): number {
    return number(this.#one('SELECT max(seq) AS newest FROM sqlite_sequence WHERE name = ?', list) ?? {}, 'newest')
  }

  correctionCount(): number {
    return number(this.#one('SELECT count(*) AS count FROM correction') ?? {}, 'count')
  }

  place(name: string): number | null {
    const row = this.#one('SELECT value FROM place WHERE name = ?', name)
    return row ? number(row, 'value') : null
  }

  setPlace(name: string, value: number): void {
    this.#run('INSERT OR REPLACE INTO place VALUES (?, ?)', name, value)
  }

  close(): void {
    this.#database.close()
  }

  #run(sql: string, ...values: readonly (string | number | null | Uint8Array)[]): void {
    this.#statement(sql).run(...values)
  }

  #one(sql: string, ...values: readonly (string | number | null)[]): Row | null {
    const row: unknown = this.#statement(sql).get(...values)
    return isRow(row) ? row : null
  }

  #all(sql: string, ...values: readonly (string | number | null)[]): Row[] {
    return this.#statement(sql)
      .all(...values)
      .filter(isRow)
  }
}

const exportOf = (row: Row): EnergyExport => ({
  id: number(row, 'id'),
  who: text(row, 'who'),
  point: textOrNull(row, 'point'),
  from: number(row, 'from_at'),
  to: number(row, 'to_at'),
  note: text(row, 'note'),
  at: number(row, 'at'),
})

const isPeriod = (word: string): word is EnergyPeriod => word === '15m' || word === '1h' || word === 'day' || word === 'month'

const correctionOf = (row: Row): Correction => {
  const period = text(row, 'period')
  return {
    seq: number(row, 'seq'),
    point: text(row, 'point'),
    register: text(row, 'register'),
    period: isPeriod(period) ? period : 'day',
    from: number(row, 'from_at'),
    to: number(row, 'to_at'),
    before: textOrNull(row, 'before'),
    after: textOrNull(row, 'after'),
    version: number(row, 'version'),
    reason: text(row, 'reason'),
    at: number(row, 'at'),
    exportId: number(row, 'export'),
  }
}
