import { join } from 'node:path'
import { err, ok, type Result } from '../core/index.ts'
import { openDatabase } from '../sqlite/index.ts'
import { checklistOf, type EvidenceOf, stepPatches, writeCheck } from './commission.ts'
import { onCopy } from './copy.ts'
import { draftOf } from './draft.ts'
import { fail, type LedgerCode } from './errors.ts'
import { type ExchangeFilter, exchangeOf, exchangesOf, insertExchange, meterAt, newestExchangeOf, prepareExchange } from './exchange.ts'
import { type PointAt, type PointsAt, pointsAt, pointsOfCustomer } from './instant.ts'
import type { Kind, PointState } from './kinds.ts'
import { migrate } from './migrate.ts'
import { type Area, areasOf, type Point, pointsOf, type Zone, zonesOf } from './names.ts'
import { factOf, type MeterFact } from './period.ts'
import {
  type ChangeFilter,
  changeOf,
  changesOf,
  entityOf,
  everOf,
  factsOf,
  type ListFilter,
  listOf,
  seqOf,
  touchedPages,
  touchedSince,
} from './read.ts'
import { prepare } from './schema.ts'
import { Sql, text } from './sql.ts'
import { type Expected, type Job, MOST, NOTHING, Transactions } from './transaction.ts'
import type {
  Act,
  Applied,
  Change,
  ChangeDetail,
  CheckItem,
  ChecklistItem,
  DatedFact,
  Entity,
  EntryPlace,
  Exchange,
  ExchangeDraft,
  LedgerWorld,
  Patch,
  Plan,
  Refused,
} from './types.ts'
import { markUndone, undoOf } from './write.ts'

/** Patches from which on a dry run takes long enough to be in somebody's way. */
const COPIED_FROM = 2000

/**
 * The ledger (档案): what hangs where, since when. Facts are dated and never overwritten: a change adds rows and ends others, so that
 * every question as of an instant has one answer, and every change can be shown and taken back. Several processes may have it open.
 */
export class Ledger {
  readonly #sql: Sql
  readonly #transactions: Transactions
  readonly #directory: string
  readonly #world: LedgerWorld | null
  readonly #copiedFrom: number

  /**
   * Opens, makes or brings up to date `ledger.db` in a directory.
   *
   * @param copiedFrom  dry runs of so many patches work on a copy
   * @throws            LedgerTooNew
   */
  constructor(directory: string, world?: LedgerWorld, copiedFrom = COPIED_FROM) {
    this.#directory = directory
    this.#world = world ?? null
    this.#copiedFrom = copiedFrom
    const file = join(directory, 'ledger.db')
    this.#sql = new Sql(openDatabase(file))
    this.#transactions = new Transactions(this.#sql, this.#world)
    try {
      prepare(this.#sql, file, (old) => migrate(this.#sql, old))
    } catch (error) {
      this.#sql.database.close()
      throw error
    }
  }

  /** Number of the newest change, whoever made it. */
  get seq(): number {
    return seqOf(this.#sql)
  }

  /** What patches would change and what stands against them; changes nothing, and many do not hold up whoever writes. */
  plan(
    patches: readonly Patch[],
    { at, entries = 1000, problems: most = MOST }: { at: number; entries?: number; problems?: number },
  ): Plan {
    if (patches.length >= this.#copiedFrom)
      return onCopy(this.#sql, this.#directory, (copy) => this.#planIn(copy, patches, { at, entries, problems: most }))
    const act: Act = { what: 'import', who: '', why: '', workOrder: null, at }
    return this.#transactions.plan({ act, draft: (problems) => draftOf(this.#sql, patches, at, entries, problems), most })
  }

  /** Makes patches true in one transaction, or none of them. Nothing differs: no change. */
  apply(
    patches: readonly Patch[],
    act: Act,
    options: {
      readonly expected?: readonly Expected[]
      readonly problems?: number
      readonly note?: { readonly name: string; readonly value: string }
    } = {},
  ): Result<Applied, Refused> {
    const { note, expected = [], problems = MOST } = options
    return this.#transactions.apply({
      act,
      expected,
      most: problems,
      draft: (found) => {
        if (note) this.#sql.run('INSERT OR REPLACE INTO note VALUES (?, ?)', note.name, note.value)
        return draftOf(this.#sql, patches, act.at, 0, found)
      },
    })
  }

  /** Takes a change back as a change of its own. Refused when a later one touched the same facts. */
  undo(seq: number, act: Act): Result<Applied, Refused> {
    return this.#undo(seq, act, false)
  }

  /** What taking a change back would do. */
  planUndo(seq: number, act: Act): Result<Applied, Refused> {
    return this.#undo(seq, act, true)
  }

  /** Newest first. */
  changes(filter: ChangeFilter): readonly Change[] {
    return changesOf(this.#sql, filter)
  }

  /** One change with the entries it touched, by kind, id and instant; those behind `after`. */
  change(seq: number, entries = 1000, after: EntryPlace | null = null): ChangeDetail | null {
    return changeOf(this.#sql, seq, entries, after)
  }

  touchedSince(seq: number): { readonly seq: number; readonly entities: readonly { readonly kind: Kind; readonly id: string }[] } {
    return touchedSince(this.#sql, seq)
  }

  /** The same some at a time, for whoever must not be held up by an import; entities may come more than once. */
  touchedPages(seq: number): Iterable<readonly { readonly kind: Kind; readonly id: string }[]> {
    return touchedPages(this.#sql, seq)
  }

  /** @param asOf  null = by all facts that are written */
  get(kind: Kind, id: string, asOf: number | null): Entity | null {
    return entityOf(this.#sql, kind, id, asOf)
  }

  list(filter: ListFilter): readonly Entity[] {
    return listOf(this.#sql, filter)
  }

  /** Every fact of an entity with its time and the change that wrote it, oldest first. */
  facts(kind: Kind, id: string): readonly DatedFact[] {
    return factsOf(this.#sql, kind, id)
  }

  /** Entities of a kind that have a value now, or had it at some time: every point a customer ever had. */
  everAt(kind: Kind, name: string, value: string): readonly string[] {
    return everOf(this.#sql, kind, name, value)
  }

  /** The facts in force at an instant; null = the newest, still open ones. */
  meters(asOf: number | null): MeterFact[] {
    const rows =
      asOf === null
        ? this.#sql.all('SELECT * FROM period WHERE valid_to IS NULL ORDER BY meter')
        : this.#sql.all('SELECT * FROM period WHERE valid_from <= ? AND (valid_to IS NULL OR valid_to > ?) ORDER BY meter', asOf, asOf)
    return rows.map(factOf)
  }

  /** Open facts of some meters; those that hang nowhere are missing. */
  metersOf(ids: readonly string[]): MeterFact[] {
    return ids.flatMap((id) => this.#sql.all('SELECT * FROM period WHERE meter = ? AND valid_to IS NULL', id).map(factOf))
  }

  /** Meters that hang on a concentrator now. */
  metersBehind(concentrator: string): readonly string[] {
    const rows = this.#sql.all("SELECT meter FROM period WHERE concentrator = ? AND concentrator <> '' AND valid_to IS NULL", concentrator)
    return rows.map((row) => text(row, 'meter'))
  }

  /** Every fact of every meter, oldest first; of one point. */
  history(point?: string): MeterFact[] {
    const rows =
      point === undefined
        ? this.#sql.all('SELECT * FROM period ORDER BY valid_from, meter')
        : this.#sql.all('SELECT * FROM period WHERE point = ? ORDER BY valid_from, meter', point)
    return rows.map(factOf)
  }

  /** Some points as they were at an instant, with the meters around it. @returns  `last`: the id to go on after; null: there are no more */
  pointsAt(question: PointsAt): { readonly points: readonly PointAt[]; readonly last: string | null } {
    return pointsAt(this.#sql, question)
  }

  /** Points that are or ever were a customer's, by id. */
  pointsOfCustomer(customer: string): readonly string[] {
    return pointsOfCustomer(this.#sql, customer)
  }

  points(): Point[] {
    return pointsOf(this.#sql)
  }

  areas(): Area[] {
    return areasOf(this.#sql)
  }

  zones(): Zone[] {
    return zonesOf(this.#sql)
  }

  /** Writes an exchange and what it changes, in one transaction. */
  exchange(draft: ExchangeDraft, act: Act): Result<Exchange, Refused> {
    let id: number | null = null
    const outcome = this.#transactions.change(this.#exchangeJob(draft, act, (made) => (id = made)))
    if (!outcome.ok) return outcome
    const exchange = id === null ? null : exchangeOf(this.#sql, id)
    return exchange ? ok(exchange) : this.#unknown(`exchange ${id}`)
  }

  planExchange(draft: ExchangeDraft, act: Act): Plan {
    return this.#transactions.plan(this.#exchangeJob(draft, act, () => undefined))
  }

  /** The meter that hung at a point just before an instant. */
  meterAt(point: string, at: number): MeterFact | null {
    return meterAt(this.#sql, point, at)
  }

  /** The highest number of an exchange; 0 = there is none. */
  newestExchange(): number {
    return newestExchangeOf(this.#sql)
  }

  exchanges(filter: ExchangeFilter): readonly Exchange[] {
    return exchangesOf(this.#sql, filter)
  }

  /** Billing has taken notice of an exchange. */
  acknowledge(id: number, by: string, note: string, at: number): Result<Exchange, Refused> {
    const found = exchangeOf(this.#sql, id)
    if (!found) return this.#unknown(`exchange ${id}`)
    const outcome = this.#transactions.change({
      act: { what: 'acknowledge', who: by, why: note, workOrder: null, at },
      draft: (problems) => {
        const now = exchangeOf(this.#sql, id) ?? found
        const place = `exchange ${id}`
        if (by.trim() === '') problems.add('LEDGER_PERSONS', place, 'nobody is named who acknowledges it')
        if (now.acknowledged) problems.add('LEDGER_ACKNOWLEDGED', place, `${now.acknowledged.by} acknowledged it`)
        if (now.undoneBy !== null) problems.add('LEDGER_EXCHANGE', place, `it was taken back by change ${now.undoneBy}`)
        return NOTHING
      },
      also: (seq) =>
        this.#sql.run(
          'UPDATE exchange SET acknowledged_by = ?, acknowledged_at = ?, acknowledged_note = ?, acknowledged_change = ? WHERE id = ?',
          ...[by.trim(), at, note, seq, id],
        ),
    })
    return outcome.ok ? ok(exchangeOf(this.#sql, id) ?? found) : outcome
  }

  checklist(point: string, evidence: EvidenceOf): readonly ChecklistItem[] | null {
    return entityOf(this.#sql, 'point', point, null) ? checklistOf(this.#sql, point, evidence(point)) : null
  }

  /** A person says that an item is right, or wrong. */
  confirm(point: string, item: CheckItem, good: boolean, act: Act): Result<null, Refused> {
    if (!entityOf(this.#sql, 'point', point, null)) return this.#unknown(`point ${point}`)
    const outcome = this.#transactions.change({
      act: { ...act, what: 'state', why: `${item} of ${point} ${good ? 'confirmed' : 'found wrong'}${act.why ? `: ${act.why}` : ''}` },
      draft: () => NOTHING,
      also: () => writeCheck(this.#sql, point, item, good, act.who, act.at, act.why),
    })
    return outcome.ok ? ok(null) : outcome
  }

  /** One step of a point's commissioning state. In service needs the check-list; an archived point's meter is free. */
  step(
    point: string,
    to: PointState,
    act: Act,
    evidence: EvidenceOf,
    options: { readonly from?: number; readonly set?: Patch['set'] } = {},
  ): Result<Applied, Refused> {
    const from = options.from ?? act.at
    return this.#transactions.apply({
      act: { ...act, what: 'state' },
      draft: (problems) => {
        if (act.why.trim() === '') problems.add('LEDGER_VALUE', `point ${point}`, 'the reason is empty')
        const steps = stepPatches(this.#sql, point, to, from, checklistOf(this.#sql, point, evidence(point)), problems)
        const more: Patch[] = options.set && steps.length > 0 ? [{ kind: 'point', id: point, from, set: options.set }] : []
        return draftOf(this.#sql, [...steps, ...more], act.at, 0, problems)
      },
    })
  }

  /** A text kept beside the facts, such as what the ledger file said last. */
  note(name: string): string | null {
    const row = this.#sql.get('SELECT value FROM note WHERE name = ?', name)
    return row ? text(row, 'value') : null
  }

  close(): void {
    this.#sql.database.close()
  }

  #planIn(directory: string, patches: readonly Patch[], options: { at: number; entries: number; problems: number }): Plan {
    const copy = new Ledger(directory, this.#world ?? undefined, Number.POSITIVE_INFINITY)
    try {
      return copy.plan(patches, options)
    } finally {
      copy.close()
    }
  }

  #exchangeJob(draft: ExchangeDraft, act: Act, made: (id: number) => void): Job {
    let prepared: ReturnType<typeof prepareExchange> | null = null
    return {
      act: { ...act, what: 'exchange' },
      draft: (problems) => {
        prepared = prepareExchange(this.#sql, draft, act.at, problems)
        return draftOf(this.#sql, prepared.patches, act.at, MOST, problems)
      },
      also: (seq) => {
        if (prepared) made(insertExchange(this.#sql, prepared, seq))
      },
    }
  }

  #undo(seq: number, act: Act, dry: boolean): Result<Applied, Refused> {
    const change = changeOf(this.#sql, seq, 0)
    if (!change) return this.#unknown(`change ${seq}`)
    return this.#transactions.apply({
      act: { ...act, what: 'undo' },
      undoes: seq,
      dry,
      draft: (problems) => {
        const now = changeOf(this.#sql, seq, 0) ?? change
        if (now.undoneBy !== null) {
          problems.add('LEDGER_BUILT_ON', `change ${seq}`, `it is taken back already, by change ${now.undoneBy}`, `change ${now.undoneBy}`)
          return NOTHING
        }
        if (now.what === 'state' && now.entities === 0) {
          problems.add(
            'LEDGER_STATE',
            `change ${seq}`,
            `it is a word on a check-list, which is not taken back: say anew whether the item is right`,
          )
          return NOTHING
        }
        markUndone(this.#sql, seq, seqOf(this.#sql) + 1)
        const { touched, blocked } = undoOf(this.#sql, seq)
        for (const { kind, id, name, by } of blocked)
          problems.add('LEDGER_BUILT_ON', `change ${seq}`, `change ${by} has changed ${name} of ${kind} ${id} since`, `change ${by}`)
        return { ...NOTHING, touched: blocked.length > 0 ? [] : touched, changed: touched.length }
      },
      // What changed no facts, an acknowledgement, is taken back too.
      also: () => undefined,
    })
  }

  #unknown(what: string): Result<never, Refused> {
    return err({ error: fail('LEDGER_UNKNOWN', `there is no ${what}`).error, problems: [], current: null })
  }
}

export type { LedgerCode }
