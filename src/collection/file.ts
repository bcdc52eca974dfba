import { join } from 'node:path'
import { ok, type Result } from '../core/index.ts'
import { inTransaction, type Statement } from '../sqlite/index.ts'
import { fail } from './errors.ts'
import { daysBetween } from './policy.ts'
import { GapQueries } from './queries.ts'
import {
  byPerson,
  failed,
  filled,
  isSettled,
  missed,
  newRecord,
  overdue,
  type PersonAct,
  points,
  type Rules,
  read,
  refilled,
  replanned,
  type Step,
  tried,
  woken,
} from './record.ts'
import { samePerson, unknown, wrongState } from './refusals.ts'
import { actOf, COLUMNS, Names, openCollectionDatabase, recordOf, valuesOf } from './schema.ts'
import {
  type CollectionEvent,
  type CollectionSettings,
  DUE_KINDS,
  type DueKey,
  type DueKind,
  type DuePlace,
  type DueRecord,
  type GapDetail,
  type ManualEntry,
} from './types.ts'

/** A task whose readings are due whatever happens: what was due in the past follows from it. */
export interface DueTask {
  readonly kind: DueKind
  readonly stepMs: number
  /** How long after its label a reading is asked for, milliseconds. */
  readonly offsetMs: number
  readonly meters: readonly (DuePlace & { readonly meter: string; readonly since: number })[]
}

/** A meter that is read live, and since when it has hung where it hangs. */
export interface LiveMeter {
  readonly meter: string
  readonly since: number
}

/** A downtime longer than this is told, not written down reading by reading. */
const MOST_DAYS_BACK = 62
const HISTORY_ACTS = 200
/** A due reading is written down at most this long after it became due. */
const TOLD_LATE_MS = 60_000

type Id = Pick<DueRecord, 'id'>

/**
 * The gap ledger (补抄台账) on disk: one row for each due reading, `collection.db` in the gateway's data directory. Synchronous; it
 * belongs in a thread of its own.
 */
export class CollectionFile extends GapQueries {
  #rules: Rules
  readonly #find: Statement
  readonly #get: Statement
  readonly #insert: Statement
  readonly #update: Statement
  readonly #act: Statement
  readonly #stepOf: Statement

  /** @throws  when the file cannot be opened */
  constructor(directory: string, rules: Rules) {
    const database = openCollectionDatabase(join(directory, 'collection.db'))
    super(database, new Names(database))
    this.#rules = rules
    const marks = COLUMNS.map(() => '?').join(', ')
    this.#find = this.database.prepare('SELECT * FROM due WHERE kind = ? AND label = ? AND meter = ?')
    this.#get = this.database.prepare('SELECT * FROM due WHERE id = ?')
    this.#insert = this.database.prepare(`INSERT OR IGNORE INTO due (${COLUMNS.join(', ')}) VALUES (${marks})`)
    this.#update = this.database.prepare(`UPDATE due SET ${COLUMNS.map((name) => `${name} = ?`).join(', ')} WHERE id = ?`)
    this.#act = this.database.prepare('INSERT INTO act (due, at, what, who, note) VALUES (?, ?, ?, ?, ?)')
    this.#stepOf = this.database.prepare('SELECT ms FROM step WHERE meter = ?')
  }

  get rules(): Rules {
    return this.#rules
  }

  /** Other settings, from now on: what waits is planned anew where they say when. @returns how many gaps */
  use(settings: CollectionSettings, now: number): number {
    const before = this.#rules.settings
    this.#rules = { ...this.#rules, settings }
    const isPlanSame = (['rereads', 'dailyReread', 'lastDay', 'maxTries'] as const).every(
      (name) => String(before[name]) === String(settings[name]),
    )
    if (isPlanSame) return 0
    return this.#write(() => {
      const rows = this.database.prepare('SELECT * FROM due WHERE state = 1').all()
      let count = 0
      for (const row of rows) {
        const record = recordOf(row, this.names)
        count += this.#keep(record, replanned(record, now, this.#rules))
      }
      return count
    })
  }

  close(): void {
    this.database.close()
  }

  /** Writes what happened, all of it or nothing. Told twice, it has happened once. */
  take(events: readonly CollectionEvent[]): void {
    this.#write(() => {
      for (const event of events) this.#apply(event)
    })
  }

  /**
   * Works out what was due between the last look and now, so that a time without gateway leaves no unknown hole.
   *
   * @param live  meters that a task reads live: nothing of theirs can be read later, but they were to be heard of on each of those days
   * @returns     how many readings became known, and from when on (0 at the first start: what was before is not ours)
   */
  catchUp(tasks: readonly DueTask[], now: number, live: readonly LiveMeter[] = []): { readonly added: number; readonly since: number } {
    const since = this.mark('looked')
    let added = 0
    this.#write(() => {
      for (const task of tasks) {
        for (const label of this.#labels(task, since, now))
          for (const { meter, since: hungSince, ...place } of task.meters)
            if (hungSince <= label) added += this.#due({ kind: task.kind, label, meter }, { ...place, stepMs: task.stepMs, at: now })
      }
      for (const day of this.#labels({ kind: 'day-freeze', offsetMs: 0 }, since, now))
        for (const { meter, since: hungSince } of live) if (hungSince <= day) this.#asked(day, meter)
      // Whatever is still open of an earlier period is nobody's first pass any more.
      for (const kind of DUE_KINDS) {
        const present = Math.min(...tasks.filter((task) => task.kind === kind).map((task) => this.#present(task, now)))
        if (Number.isFinite(present)) this.#overdue(kind, 'label', present, now, 'GATEWAY_DOWN')
      }
      this.setMark('looked', now)
    })
    return { added, since }
  }

  /** Readings that nobody reported on within their first pass become gaps. @returns how many */
  sweep(now: number): number {
    const { days, settings } = this.rules
    const today = days.dayStart(now)
    // A curve is late when its day is over, a freeze when its first pass is; an hour more for whoever still reports.
    const graceMs = settings.firstPassMs + 3_600_000
    return this.#write(() => {
      this.setMark('looked', Math.max(now, this.mark('looked')))
      return (
        this.#overdue('day-freeze', 'due_at', now - graceMs, now, 'READ_OVERTAKEN') +
        this.#overdue('month-freeze', 'due_at', now - graceMs, now, 'READ_OVERTAKEN') +
        this.#overdue('curve', 'label', now - today > settings.firstPassMs ? today : days.dayStart(today - 1), now, 'READ_OVERTAKEN')
      )
    })
  }

  get(id: number): GapDetail | null {
    const row = this.#get.get(id)
    if (!row) return null
    const history = this.database.prepare('SELECT at, what, who, note FROM act WHERE due = ? ORDER BY id LIMIT ?').all(id, HISTORY_ACTS)
    return { ...recordOf(row, this.names), history: history.map(actOf), entry: this.#entryOf(id) }
  }

  /** What a person does with a gap. @errors GAP_UNKNOWN, GAP_STATE */
  act(id: number, act: PersonAct, who: string, why: string, at: number): Result<GapDetail> {
    return this.#write(() => {
      const record = this.get(id)
      if (!record) return unknown(id)
      const step = byPerson(record, act, who, why, at)
      if (!step.ok) return step
      this.#keep(record, step.value)
      return ok(this.get(id) ?? record)
    })
  }

  /** Keeps a value read by a person until a second one has looked. @errors GAP_UNKNOWN, GAP_STATE */
  enter(id: number, entry: ManualEntry): Result<GapDetail> {
    return this.#write(() => {
      const record = this.get(id)
      if (!record) return unknown(id)
      if (isSettled(record) || record.state === 'waived') return wrongState(record, 'a value is entered for a gap')
      this.database.prepare('INSERT OR REPLACE INTO entry (due, content) VALUES (?, ?)').run(id, JSON.stringify(entry))
      const text = Object.entries(entry.values).map(([obis, value]) => `${obis} = ${value}`)
      this.#act.run(id, entry.at, 'entered', entry.by, `${text.join(', ')}: ${entry.reason}`)
      return ok(this.get(id) ?? record)
    })
  }

  /**
   * Looks whether a second person may confirm, and gives what is to be stored.
   *
   * @errors  GAP_UNKNOWN, GAP_STATE, GAP_NO_ENTRY, GAP_SAME_PERSON
   */
  confirmable(id: number, who: string): Result<GapDetail & { readonly entry: ManualEntry }> {
    const record = this.get(id)
    if (!record) return unknown(id)
    const { entry } = record
    if (isSettled(record) || record.state === 'waived') return wrongState(record, 'a value is confirmed for a gap')
    if (!entry) return fail('GAP_NO_ENTRY', `no value was entered for gap ${id}`, { gap: id })
    if (samePerson(entry.by, who))
      return fail('GAP_SAME_PERSON', `${entry.by} has entered the value of gap ${id} and cannot confirm it`, { gap: id })
    return ok({ ...record, entry })
  }

  /** The value of a person is safe. */
  confirmed(id: number, who: string, at: number): Result<GapDetail> {
    return this.#write(() => {
      const found = this.confirmable(id, who)
      if (!found.ok) return found
      const { entry } = found.value
      const note = `${entry.reason}; read by ${entry.by}`
      this.#keep(found.value, filled({ ...found.value, missedAt: found.value.missedAt ?? at }, at, 'manual', entry.instant, who, note))
      this.database.prepare('DELETE FROM entry WHERE due = ?').run(id)
      return ok(this.get(id) ?? found.value)
    })
  }

  /**
   * The registers of a gap were made up by a rule, and that is safe.
   *
   * @param who  null: by the setting `estimate`
   * @errors     GAP_UNKNOWN, GAP_STATE
   */
  estimated(id: number, who: string | null, note: string, at: number): Result<GapDetail> {
    return this.#write(() => {
      const record = this.get(id)
      if (!record) return unknown(id)
      const step = filled({ ...record, missedAt: record.missedAt ?? at }, at, 'estimate', record.label, who, note)
      if (!step || record.state === 'waived') return wrongState(record, 'an estimate is for a gap')
      this.#keep(record, step)
      return ok(this.get(id) ?? record)
    })
  }

  /** {@link retain}, once a day. */
  tidy(now: number): number {
    const today = this.rules.days.dayStart(now)
    if (this.mark('tidied') === today) return 0
    this.setMark('tidied', today)
    return this.retain(now)
  }

  /** Rows nobody needs any more: what came at once earlier, gaps later. @returns how many went */
  retain(now: number): number {
    const { keepDays, keepGapDays } = this.rules.settings
    return this.#write(() => {
      const gone = (sql: string, ...values: number[]) => Number(this.database.prepare(sql).run(...values).changes)
      const count =
        gone(
          'DELETE FROM due WHERE id IN (SELECT id FROM due WHERE missed_at IS NULL AND state = 2 AND label < ? LIMIT 50000)',
          now - keepDays * DAY_MS,
        ) + gone('DELETE FROM due WHERE id IN (SELECT id FROM due WHERE label < ? LIMIT 50000)', now - keepGapDays * DAY_MS)
      gone('DELETE FROM act WHERE at < ? AND due NOT IN (SELECT id FROM due)', now - keepGapDays * DAY_MS)
      gone('DELETE FROM heard WHERE day < ?', now - keepDays * DAY_MS)
      gone('DELETE FROM asked WHERE day < ?', now - keepDays * DAY_MS)
      return count
    })
  }

  mark(name: string): number {
    const row = this.database.prepare('SELECT value FROM mark WHERE name = ?').get(name) as { value: number } | undefined
    return row?.value ?? 0
  }

  setMark(name: string, value: number): void {
    this.database.prepare('INSERT OR REPLACE INTO mark (name, value) VALUES (?, ?)').run(name, value)
  }

  #write<T>(work: () => T): T {
    try {
      return inTransaction(this.database, work)
    } catch (error) {
      this.names.forget()
      throw error
    }
  }

  #entryOf(id: number): ManualEntry | null {
    const row = this.database.prepare('SELECT content FROM entry WHERE due = ?').get(id) as { content: string } | undefined
    return row ? (JSON.parse(row.content) as ManualEntry) : null
  }

  #apply(event: CollectionEvent): void {
    // Each handler takes the event it is listed under.
    const handle: (event: never) => unknown = this.#handlers[event.what]
    handle(event as never)
  }

  readonly #handlers: { readonly [What in CollectionEvent['what']]: (event: Extract<CollectionEvent, { what: What }>) => unknown } = {
    due: (event) => this.#due(event, event),
    read: (event) => this.#of(event, (record) => read(record, event)),
    missed: (event) => this.#of(event, (record) => missed(record, event, this.rules)),
    failed: (event) => this.#of(event, (record) => failed(record, event)),
    tried: (event) => this.#byId(event, (record) => tried(record, event)),
    filled: (event) => this.#byId(event, (record) => refilled(record, event)),
    points: (event) => this.#points(event),
    wake: ({ meter, at }) => this.#wake(meter, at),
    asked: ({ day, meter }) => this.#asked(day, meter),
    heard: ({ day, meter, at }) =>
      this.database.prepare('INSERT OR IGNORE INTO heard (day, meter, at) VALUES (?, ?, ?)').run(day, this.names.id(meter), at),
    online: ({ day, line, minutes, up }) =>
      this.database
        .prepare(
          `INSERT INTO online (day, line, minutes, up) VALUES (?, ?, ?, ?)
           ON CONFLICT(day, line) DO UPDATE SET minutes = minutes + excluded.minutes, up = up + excluded.up`,
        )
        .run(day, this.names.id(line), minutes, up),
  }

  #asked(day: number, meter: string): void {
    this.database.prepare('INSERT OR IGNORE INTO asked (day, meter) VALUES (?, ?)').run(day, this.names.id(meter))
  }

  #due(key: DueKey, place: DuePlace & { readonly stepMs: number; readonly at: number }): number {
    const known = key.kind === 'curve' ? (this.#stepOf.get(this.names.id(key.meter)) as { ms: number } | undefined) : undefined
    const record = newRecord({ what: 'due', ...key, ...place, stepMs: known?.ms ?? place.stepMs }, this.rules)
    return Number(this.#insert.run(...valuesOf(record, this.names)).changes)
  }

  #overdue(kind: DueKind, column: 'label' | 'due_at', before: number, now: number, why: string): number {
    const rows = this.database
      .prepare(`SELECT * FROM due WHERE state = 0 AND kind = ? AND ${column} < ?`)
      .all(DUE_KINDS.indexOf(kind), before)
    let count = 0
    for (const row of rows) {
      const record = recordOf(row, this.names)
      count += this.#keep(record, overdue(record, now, why, this.rules))
    }
    return count
  }

  #of({ kind, label, meter }: DueKey, change: (record: DueRecord) => Step | null): void {
    const row = this.#find.get(DUE_KINDS.indexOf(kind), label, this.names.id(meter))
    if (!row) return
    const record = recordOf(row, this.names)
    this.#keep(record, change(record))
  }

  #byId({ id }: Id, change: (record: DueRecord) => Step | null): void {
    const row = this.#get.get(id)
    if (!row) return
    const record = recordOf(row, this.names)
    this.#keep(record, change(record))
  }

  #keep(before: DueRecord, step: Step | null): number {
    if (!step) return 0
    this.#update.run(...valuesOf(step.record, this.names), before.id)
    if (step.act) this.#act.run(before.id, step.act.at, step.act.what, step.act.who, step.act.note)
    return 1
  }

  #points({ meter, at, instants }: Extract<CollectionEvent, { what: 'points' }>): void {
    for (const day of new Set(instants.map((instant) => this.rules.days.dayStart(instant)))) {
      this.#of({ kind: 'curve', label: day, meter }, (record) => {
        const step = points(record, at, instants, this.rules)
        if (step && step.record.stepMs !== record.stepMs)
          this.database.prepare('INSERT OR REPLACE INTO step (meter, ms) VALUES (?, ?)').run(this.names.id(meter), step.record.stepMs)
        return step
      })
    }
  }

  #wake(meter: string, at: number): void {
    const rows = this.database.prepare('SELECT * FROM due WHERE state = 1 AND meter = ?').all(this.names.id(meter))
    for (const row of rows) {
      const record = recordOf(row, this.names)
      const next = woken(record, at)
      if (next) this.#keep(record, { record: next, act: null })
    }
  }

  /** Label of the period that is in its first pass. */
  #present({ kind, offsetMs }: DueTask, now: number): number {
    const { days } = this.rules
    return kind === 'month-freeze' ? days.periodStart(MONTH, now - offsetMs) : days.dayStart(now - offsetMs)
  }

  /** Instants of a task's readings that were due after `since` until now. */
  #labels({ kind, offsetMs }: Pick<DueTask, 'kind' | 'offsetMs'>, since: number, now: number): number[] {
    const { days } = this.rules
    const labels: number[] = []
    // At the first start nothing was due before; what is due now the schedule tells.
    if (since === 0) return labels
    const today = days.dayStart(now)
    const first = days.dayStart(Math.min(since, now))
    const from = daysBetween(first, today) > MOST_DAYS_BACK ? days.dayStart(today - MOST_DAYS_BACK * DAY_MS) : first
    for (let day = from; day <= today; day = days.dayAfter(day)) {
      if (kind === 'month-freeze' && !isFirstOfMonth(day, days)) continue
      // What became due just before the last look may not have been told any more.
      if (day + offsetMs <= now && day + offsetMs > since - TOLD_LATE_MS) labels.push(day)
    }
    return labels
  }
}

const DAY_MS = 86_400_000

const MONTH = { unit: 'month', count: 1 } as const
const isFirstOfMonth = (day: number, days: Rules['days']): boolean => days.periodStart(MONTH, day) === day
