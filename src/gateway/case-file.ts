import { join } from 'node:path'
import { type AreaBook, type Case, type CaseEvent, FINDING_KINDS, rankOf, type Suspicion, type Words } from '../anomaly/index.ts'
import { type Database, inTransaction, openDatabase, type Statement } from '../sqlite/index.ts'
import { preparedOnce } from '../sqlite/prepared.ts'
import {
  type Bound,
  BY_VERDICT,
  type CaseFilter,
  type CaseLine,
  type CaseSort,
  isRow,
  lineOf,
  type Notice,
  type Row,
  type StoredCase,
  UNSETTLED,
  whereOf,
  wordsOf,
} from './case-rows.ts'

export { BY_VERDICT, CASE_SORTS, type CaseFilter, type CaseLine, type CaseSort, type Notice, type StoredCase } from './case-rows.ts'

const SCHEMA = `
CREATE TABLE "case" (num INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, target TEXT NOT NULL,
  area TEXT NOT NULL, zone TEXT, level TEXT NOT NULL, state TEXT NOT NULL, severity INTEGER NOT NULL, detected_at TEXT NOT NULL,
  score REAL NOT NULL, kwh REAL NOT NULL, owner TEXT, due_at INTEGER, escalated_at INTEGER, belongs TEXT, raised_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL, version INTEGER NOT NULL, words TEXT NOT NULL, content TEXT NOT NULL) STRICT;
CREATE INDEX case_area ON "case" (area);
CREATE INDEX case_zone ON "case" (zone, detected_at);
CREATE INDEX case_belongs ON "case" (belongs);
CREATE INDEX case_state ON "case" (state, due_at);
CREATE TABLE history (seq INTEGER PRIMARY KEY AUTOINCREMENT, num INTEGER NOT NULL REFERENCES "case" (num), at INTEGER NOT NULL,
  what TEXT NOT NULL, who TEXT NOT NULL, zh TEXT NOT NULL, en TEXT NOT NULL) STRICT;
CREATE INDEX history_of ON history (num);
CREATE TRIGGER history_kept BEFORE UPDATE ON history BEGIN SELECT RAISE(ABORT, 'the history of cases is only added to'); END;
CREATE TRIGGER history_stays BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'the history of cases is only added to'); END;
CREATE TABLE area (id TEXT PRIMARY KEY, day TEXT NOT NULL) STRICT;
CREATE TABLE suspicion (area TEXT NOT NULL, place INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (area, place)) STRICT;
CREATE TABLE notice (id INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
  urgent INTEGER NOT NULL) STRICT;
CREATE INDEX notice_of ON notice (target, id);
`
/** What somebody was last told of what is told as it stands, not change by change. */
const TOLD =
  'CREATE TABLE told (target TEXT NOT NULL, what TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (target, what)) WITHOUT ROWID, STRICT;'
const VERSION = 2

/** What each order sorts by; the smallest comes first. */
const SORT_SQL: Readonly<Record<CaseSort, string>> = {
  newest: '-num',
  severity: '-severity',
  kwh: '-kwh',
  score: '-score',
  due: 'COALESCE(due_at, 9000000000000000)',
}

/** The case book (案件库) on disk: `cases.db` in the gateway's data directory. A transaction is a promise: it outlives a power cut. */
export class CaseFile {
  readonly #database: Database
  readonly #statement: (sql: string) => Statement

  /** @throws  when a later version wrote it, or the disk refuses */
  constructor(directory: string) {
    const path = join(directory, 'cases.db')
    this.#database = openDatabase(path)
    this.#statement = preparedOnce(this.#database)
    const version = Number(this.#rows('PRAGMA user_version')[0]?.user_version ?? 0)
    if (version > VERSION) {
      this.#database.close()
      throw new Error(`${path} was written by a later version of the gateway (format ${version}, this one knows ${VERSION}): run that one`)
    }
    if (version < VERSION)
      inTransaction(this.#database, () => this.#database.exec(`${version === 0 ? SCHEMA : ''}${TOLD} PRAGMA user_version = ${VERSION};`))
  }

  transaction<T>(work: () => T): T {
    return inTransaction(this.#database, work)
  }

  get(num: number): StoredCase | null {
    return this.#cases('SELECT * FROM "case" WHERE num = ?', num)[0] ?? null
  }

  byId(id: string): StoredCase | null {
    return this.#cases('SELECT * FROM "case" WHERE id = ?', id)[0] ?? null
  }

  /**
   * Cases of an area and what it was last judged on. What was settled long ago and has not changed since is left out, unless a verdict
   * names it: a book of years is as quick as one of weeks.
   *
   * @param since  settled cases that changed at or after
   * @param keys   keys whose every case is wanted
   */
  book(area: string, since = Number.NEGATIVE_INFINITY, keys: Iterable<string> = []): AreaBook {
    const found = this.#cases(
      `SELECT * FROM "case" WHERE area = ?1 AND (state IN (${UNSETTLED}) OR changed_at >= ?2
         OR belongs IN (SELECT id FROM "case" WHERE area = ?1 AND state IN (${UNSETTLED})))`,
      area,
      since,
    )
    // An id is the key, a # and the number of the occurrence; $ comes next.
    const named = [...new Set(keys)].flatMap((key) =>
      this.#cases('SELECT * FROM "case" WHERE id > ? AND id < ? AND area = ?', `${key}#`, `${key}$`, area),
    )
    const cases = [...new Map([...found, ...named].map((one) => [one.num, one])).values()].sort((a, b) => a.num - b.num)
    const day = this.#rows('SELECT day FROM area WHERE id = ?', area)[0]?.day
    return {
      ...{ area, day: typeof day === 'string' ? day : '', cases: new Map(cases.map(({ one }) => [one.id, one])) },
      suspicions: this.suspicions(area),
    }
  }

  suspicions(area: string): readonly Suspicion[] {
    return this.#rows('SELECT content FROM suspicion WHERE area = ? ORDER BY place', area).map(
      ({ content }): Suspicion => JSON.parse(String(content)),
    )
  }

  saveArea(area: string, day: string, suspicions: readonly Suspicion[] | null): void {
    this.#run('INSERT INTO area (id, day) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET day = excluded.day', area, day)
    if (suspicions === null) return
    this.#run('DELETE FROM suspicion WHERE area = ?', area)
    for (const [place, one] of suspicions.entries())
      this.#run('INSERT INTO suspicion (area, place, content) VALUES (?, ?, ?)', area, place, JSON.stringify(one))
  }

  /** What could be part of a flood of a zone: cases of that day that belong to nothing, floods that stand and their members. */
  ofZone(zone: string, day: string): ReadonlyMap<string, Case> {
    const stored = this.#cases(
      `SELECT * FROM "case" WHERE zone = ?1 AND ((detected_at = ?2 AND belongs IS NULL) OR belongs IN
         (SELECT id FROM "case" WHERE zone = ?1 AND level = 'zone' AND state IN (${UNSETTLED}))
         OR (level = 'zone' AND state IN (${UNSETTLED}))) ORDER BY num`,
      zone,
      day,
    )
    return new Map(stored.map(({ one }) => [one.id, one]))
  }

  /** Writes a case that came or changed. */
  put(one: Case, zone: string | null, now: number): number {
    const { id, kind, target, area, level, state, severity, detectedAt, score, kwh, work, belongs } = one
    const figures: readonly Bound[] = [state, rankOf(severity), score, Math.abs(kwh?.value ?? 0), work.owner, work.dueAt, work.escalatedAt]
    const rest: readonly Bound[] = [belongs?.to ?? null, now, wordsOf(one), JSON.stringify(one)]
    const changed = this.#run(
      `UPDATE "case" SET state = ?, severity = ?, score = ?, kwh = ?, owner = ?, due_at = ?, escalated_at = ?, belongs = ?, changed_at = ?,
         words = ?, content = ?, version = version + 1 WHERE id = ?`,
      ...[...figures, ...rest, id],
    )
    if (changed === 0)
      this.#run(
        `INSERT INTO "case" (state, severity, score, kwh, owner, due_at, escalated_at, belongs, changed_at, words, content, id, kind, target,
           area, zone, level, detected_at, raised_at, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`,
        ...[...figures, ...rest, id, kind, target, area, zone, level, detectedAt, now],
      )
    return this.numOf(id) ?? 0
  }

  numOf(id: string): number | null {
    const num = this.#rows('SELECT num FROM "case" WHERE id = ?', id)[0]?.num
    return num === undefined ? null : Number(num)
  }

  say(num: number, at: number, what: CaseEvent, who: string, { zh, en }: Words): number {
    this.#run('INSERT INTO history (num, at, what, who, zh, en) VALUES (?, ?, ?, ?, ?, ?)', num, at, what, who, zh, en)
    return Number(this.#rows('SELECT last_insert_rowid() AS seq')[0]?.seq)
  }

  /** Of one case, oldest first. */
  history(num: number): readonly CaseLine[] {
    return this.#rows('SELECT * FROM history WHERE num = ? ORDER BY seq', num).map(lineOf)
  }

  /** Of all cases after a line, oldest first. */
  lines(after: number, limit: number): readonly CaseLine[] {
    return this.#rows('SELECT * FROM history WHERE seq > ? ORDER BY seq LIMIT ?', after, limit).map(lineOf)
  }

  line(seq: number): CaseLine | null {
    return this.#rows('SELECT * FROM history WHERE seq = ?', seq).map(lineOf)[0] ?? null
  }

  newestSeq(): number {
    return Number(this.#rows('SELECT COALESCE(MAX(seq), 0) AS seq FROM history')[0]?.seq ?? 0)
  }

  /** @param after  sort value and number of the last one on the page before */
  list(filter: CaseFilter, sort: CaseSort, after: readonly [number, number] | null, limit: number): readonly StoredCase[] {
    const { where, values } = whereOf(filter)
    const by = SORT_SQL[sort]
    const [value, num] = after ?? []
    const page =
      value === undefined || num === undefined ? { sql: '', values: [] } : { sql: ` AND (${by}, -num) > (?, ?)`, values: [value, -num] }
    const sql = `SELECT *, ${by} AS place FROM "case" WHERE ${where}${page.sql} ORDER BY ${by}, -num LIMIT ?`
    return this.#cases(sql, ...values, ...page.values, limit)
  }

  /** Where a case stands in an order: the cursor after it. */
  placeOf(num: number, sort: CaseSort): readonly [number, number] {
    return [Number(this.#rows(`SELECT ${SORT_SQL[sort]} AS place FROM "case" WHERE num = ?`, num)[0]?.place ?? 0), num]
  }

  count(filter: CaseFilter): number {
    const { where, values } = whereOf(filter)
    return Number(this.#rows(`SELECT COUNT(*) AS count FROM "case" WHERE ${where}`, ...values)[0]?.count ?? 0)
  }

  /** Unsettled cases that belong to none, by kind and severity. */
  counts(now: number): readonly { readonly kind: string; readonly severity: number; readonly count: number; readonly overdue: number }[] {
    return this.#rows(
      `SELECT kind, severity, COUNT(*) AS count, SUM(due_at IS NOT NULL AND due_at <= ?) AS overdue FROM "case"
       WHERE belongs IS NULL AND state IN (${UNSETTLED}) GROUP BY kind, severity ORDER BY kind, severity`,
      now,
    ).map((row) => ({ kind: String(row.kind), severity: Number(row.severity), count: Number(row.count), overdue: Number(row.overdue) }))
  }

  /** What people said of the cases they settled since then, by kind; of a flood its members count. */
  outcomes(since: number) {
    return this.#rows(
      `SELECT kind, SUM(outcome = 'confirmed') AS confirmed, SUM(outcome = 'other-cause') AS otherCause,
         SUM(outcome = 'false-alarm') AS falseAlarm, SUM(outcome = 'not-checked') AS notChecked, SUM(outcome IS NULL) AS notSaid
       FROM (SELECT kind, content ->> '$.settled.outcome' AS outcome FROM "case" WHERE state IN ('explained', 'closed')
         AND content ->> '$.settled.who' <> ? AND content ->> '$.settled.at' >= ? AND content ->> '$.members' = '[]')
       GROUP BY kind ORDER BY kind`,
      BY_VERDICT,
      since,
    ).flatMap((row) => {
      const kind = FINDING_KINDS.find((word) => word === row.kind)
      const count = (name: string) => Number(row[name] ?? 0)
      const said = { confirmed: count('confirmed'), otherCause: count('otherCause'), falseAlarm: count('falseAlarm') }
      return kind ? [{ kind, ...said, notChecked: count('notChecked'), notSaid: count('notSaid') }] : []
    })
  }

  /** Past their deadline, and nobody was told; one that is silenced is told of when it is heard again. */
  toEscalate(now: number): readonly StoredCase[] {
    return this.#cases(
      `SELECT * FROM "case" WHERE state IN (${UNSETTLED}) AND due_at <= ? AND escalated_at IS NULL AND belongs IS NULL
         AND COALESCE(content ->> '$.work.silentUntil', 0) <= ? ORDER BY num LIMIT 500`,
      now,
      now,
    )
  }

  addNotice(target: string, seq: number, at: number, isUrgent: boolean): void {
    this.#run('INSERT INTO notice (target, seq, at, urgent) VALUES (?, ?, ?, ?)', target, seq, at, isUrgent ? 1 : 0)
  }

  /** Oldest first. @param least  1: only what is told in quiet hours too */
  notices(target: string, limit: number, least: 0 | 1 = 0): readonly Notice[] {
    return this.#rows('SELECT * FROM notice WHERE target = ? AND urgent >= ? ORDER BY id LIMIT ?', target, least, limit).map(
      ({ id, seq, at, urgent }) => ({
        ...{ id: Number(id), seq: Number(seq), at: Number(at), isUrgent: urgent === 1 },
      }),
    )
  }

  noticeCount(target: string): number {
    return Number(this.#rows('SELECT COUNT(*) AS count FROM notice WHERE target = ?', target)[0]?.count ?? 0)
  }

  /** Somebody has taken a message: what it was about waits no more. @param givenUp  changes it told by their count alone */
  taken(target: string, ids: readonly number[], givenUp: number): void {
    inTransaction(this.#database, () => {
      for (const id of ids) this.#run('DELETE FROM notice WHERE id = ?', id)
      if (givenUp > 0) this.setTold(target, 'given-up', String(Number(this.told(target, 'given-up') ?? 0) - givenUp))
      this.#run("DELETE FROM told WHERE target = ? AND what = 'trying'", target)
    })
  }

  /**
   * Gives up what somebody could not be told: what came before an instant, and the oldest of more than `most`. How many there were is
   * kept with them until they were told so.
   *
   * @returns how many
   */
  giveUpNotices(target: string, before: number, most: number): number {
    return inTransaction(this.#database, () => {
      const old = this.#run('DELETE FROM notice WHERE target = ? AND at < ?', target, before)
      const many = this.#run(
        'DELETE FROM notice WHERE target = ?1 AND id <= (SELECT id FROM notice WHERE target = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)',
        target,
        most,
      )
      if (old + many > 0) this.setTold(target, 'given-up', String(Number(this.told(target, 'given-up') ?? 0) + old + many))
      return old + many
    })
  }

  /** What somebody was last told of something that is told as it stands; null: nothing yet. */
  told(target: string, what: string): string | null {
    const state = this.#rows('SELECT state FROM told WHERE target = ? AND what = ?', target, what)[0]?.state
    return typeof state === 'string' ? state : null
  }

  setTold(target: string, what: string, state: string): void {
    this.#run('INSERT OR REPLACE INTO told (target, what, state) VALUES (?, ?, ?)', target, what, state)
  }

  /** Takes out what waits for nobody any more. @returns how many notices */
  dropNoticesBut(targets: readonly string[]): number {
    const others = `target NOT IN (${targets.map(() => '?').join(', ')})`
    this.#run(`DELETE FROM told WHERE ${others}`, ...targets)
    return this.#run(`DELETE FROM notice WHERE ${others}`, ...targets)
  }

  close(): void {
    this.#database.close()
  }

  #cases(sql: string, ...values: readonly Bound[]): readonly StoredCase[] {
    return this.#rows(sql, ...values).map(
      (row): StoredCase => ({
        ...{ num: Number(row.num), version: Number(row.version), zone: row.zone === null ? null : String(row.zone) },
        ...{ raisedAt: Number(row.raised_at), changedAt: Number(row.changed_at), one: JSON.parse(String(row.content)) },
      }),
    )
  }

  #rows(sql: string, ...values: readonly Bound[]): readonly Row[] {
    return this.#statement(sql)
      .all(...values)
      .filter(isRow)
  }

  #run(sql: string, ...values: readonly Bound[]): number {
    return Number(this.#statement(sql).run(...values).changes)
  }
}
