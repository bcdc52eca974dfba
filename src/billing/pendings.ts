import { ok, QUALITY, type Result } from '../core/index.ts'
import { type Actor, PENDING_STATES, type Pending, type Version } from './book-types.ts'
import { fail } from './errors.ts'
import type { Figures } from './figures.ts'
import { type Holds, holdReason } from './holds.ts'
import { differenceOf } from './judge.ts'
import { type BillingSql, integer, integerOrNull, type Row, text, textOrNull, wordOf } from './sql.ts'
import type { BillingPoint } from './types.ts'

const SELECT = 'SELECT p.*, a.who, a.who_id, a.why, a.id AS act_id FROM pending p LEFT JOIN act a ON a.id = p.act'
const stateOf = wordOf(PENDING_STATES)

export interface PendingFilter {
  readonly point?: string
  readonly at?: number
}

/** What is needed to accept corrections of one point at one instant. */
export interface Acceptance {
  readonly ids: readonly number[]
  readonly who: Actor
  readonly why: string
  readonly now: number
  /** The point as it could be released at this moment. */
  readonly fresh: BillingPoint
  readonly estimates: boolean
  /** Names of those who entered the value by hand, as far as known. */
  readonly entered: readonly string[]
}

/** Where what would be released now differs from what was: each difference waits for a person, who accepts it or keeps the old figure. */
export class Pendings {
  readonly #sql: BillingSql
  readonly #figures: Figures
  readonly #holds: Holds

  constructor(sql: BillingSql, figures: Figures, holds: Holds) {
    this.#sql = sql
    this.#figures = figures
    this.#holds = holds
  }

  /** Compares points with what was released of them. @returns how many differences are new */
  compare(points: readonly BillingPoint[], causes: ReadonlyMap<string, string>, now: number): number {
    return this.#sql.together(() => {
      let count = 0
      for (const point of points)
        for (const version of this.#figures.current(point.at, point.point))
          count += this.#compare(version, point, causes.get(point.point) ?? 'found by a check of everything released', now)
      return count
    })
  }

  get(id: number): Pending | null {
    const row = this.#sql.one(`${SELECT} WHERE p.id = ?`, id)
    return row && this.#pendingOf(row)
  }

  /** Those that wait, by number. */
  open(filter: PendingFilter, after: number, limit: number): readonly Pending[] {
    return this.#sql
      .all(
        `${SELECT} WHERE p.state = 'open' AND p.id > ?1 AND (?2 IS NULL OR p.point = ?2) AND (?3 IS NULL OR p.at = ?3) ORDER BY p.id LIMIT ?4`,
        ...[after, filter.point ?? null, filter.at ?? null, limit],
      )
      .map((row) => this.#pendingOf(row))
  }

  openCount(): number {
    return integer(this.#sql.one(`SELECT count(*) AS count FROM pending WHERE state = 'open'`) ?? {}, 'count')
  }

  /** Points and instants of which something waits, so that they can be looked at again. */
  openPlaces(after: number, limit: number): readonly { readonly id: number; readonly at: number; readonly point: string }[] {
    return this.#sql
      .all(`SELECT id, at, point FROM pending WHERE state = 'open' AND id > ? ORDER BY id LIMIT ?`, after, limit)
      .map((row) => ({ id: integer(row, 'id'), at: integer(row, 'at'), point: text(row, 'point') }))
  }

  /**
   * Makes new versions of what waits, all of it or none: the point is compared once more, and what is shown must still be so.
   *
   * @errors BILLING_PENDING, BILLING_STATE, BILLING_CHANGED, BILLING_HELD, BILLING_ESTIMATE, BILLING_SAME_PERSON
   */
  accept({ ids, who, why, now, fresh, estimates, entered }: Acceptance): Result<readonly Version[]> {
    return this.#sql.together(() => {
      const shown: Pending[] = []
      for (const id of ids) {
        const found = this.#waiting(id)
        if (!found.ok) return found
        if (found.value.point !== fresh.point || found.value.at !== fresh.at)
          return fail('BILLING_STATE', `correction ${id} is not of point ${fresh.point} at that instant`)
        shown.push(found.value)
      }
      this.compare([fresh], new Map(shown.map(({ point, cause }) => [point, cause])), now)
      const held = this.#holds.at(fresh.at, fresh.point)
      const holds = [...fresh.holds.filter(({ reason }) => reason !== 'held-by-person'), ...(held ? [holdReason(held)] : [])]
      for (const { id, next, register } of shown) {
        const state = this.get(id)?.state
        if (state !== 'open') return fail('BILLING_CHANGED', `correction ${id} is ${state ?? 'gone'}: the data differ from what was shown`)
        if (next === null) return fail('BILLING_HELD', `correction ${id}: there is no value of ${register} that could be released`)
        if (holds.length > 0)
          return fail('BILLING_HELD', `correction ${id}: ${holds.map(({ reason, text }) => `${reason} (${text})`).join('; ')}`)
        if ((next.quality & QUALITY.estimated) !== 0 && !estimates)
          return fail('BILLING_ESTIMATE', `correction ${id}: the new value is made up by rule, and the policy does not release that`)
        if (isOfPersons(next.quality) && entered.includes(who.name))
          return fail('BILLING_SAME_PERSON', `correction ${id}: ${who.name} entered the value and does not accept it`)
      }
      const act = this.#figures.act(now, who, why)
      return ok(
        shown.flatMap(({ id, next, old }) => {
          if (next === null) return []
          const seq = this.#figures.add('corrected', { ...old, version: old.version + 1 }, next, act, null)
          this.#end(id, 'accepted', now, why, act)
          const version = this.#figures.get(seq)
          return version ? [version] : []
        }),
      )
    })
  }

  /** Keeps what was released; not asked again until the data say something else. @errors BILLING_PENDING, BILLING_STATE */
  reject(ids: readonly number[], who: Actor, why: string, now: number): Result<readonly Pending[]> {
    return this.#sql.together(() => {
      for (const id of ids) {
        const found = this.#waiting(id)
        if (!found.ok) return found
      }
      const act = this.#figures.act(now, who, why)
      return ok(
        ids.flatMap((id) => {
          this.#end(id, 'rejected', now, why, act)
          this.#sql.run('UPDATE pending SET remembered = 1 WHERE id = ?', id)
          return this.get(id) ?? []
        }),
      )
    })
  }

  /**
   * Takes released figures of a point back; what they were is kept.
   *
   * @param registers  null: all that stand
   * @errors           BILLING_NOT_RELEASED
   */
  withdraw(
    { point, at, registers }: { readonly point: string; readonly at: number; readonly registers: readonly string[] | null },
    who: Actor,
    why: string,
    now: number,
  ): Result<readonly Version[]> {
    return this.#sql.together(() => {
      const standing = this.#figures.current(at, point).filter(({ kind }) => kind !== 'withdrawn')
      const wanted = registers ?? standing.map(({ register }) => register)
      const missing = wanted.filter((register) => !standing.some((version) => version.register === register))
      if (wanted.length === 0 || missing.length > 0)
        return fail(
          'BILLING_NOT_RELEASED',
          `nothing of ${missing.length > 0 ? missing.join(', ') : point} stands released at ${new Date(at).toISOString()}`,
        )
      const act = this.#figures.act(now, who, why)
      return ok(
        standing
          .filter(({ register }) => wanted.includes(register))
          .flatMap((version) => {
            const seq = this.#figures.add('withdrawn', { ...version, version: version.version + 1 }, version, act, null)
            this.#sql.run(
              `UPDATE pending SET state = 'resolved', ended_at = ?, ended_why = 'the figure was withdrawn' WHERE point = ? AND at = ? AND register = ?
                 AND state = 'open'`,
              ...[now, point, at, version.register],
            )
            return this.#figures.get(seq) ?? []
          }),
      )
    })
  }

  #waiting(id: number): Result<Pending> {
    const pending = this.get(id)
    if (!pending) return fail('BILLING_PENDING', `there is no correction ${id}`)
    if (pending.state === 'open') return ok(pending)
    const by = pending.ended?.by ? ` by ${pending.ended.by.name}` : ''
    return fail('BILLING_STATE', `correction ${id} is ${pending.state}${by}`)
  }

  #compare(version: Version, point: BillingPoint, cause: string, now: number): number {
    const key = [version.point, version.at, version.register]
    const open = this.#sql.one(`SELECT id, digest, seq FROM pending WHERE point = ? AND at = ? AND register = ? AND state = 'open'`, ...key)
    const differing = version.kind === 'withdrawn' ? null : differenceOf(version, point)
    if (differing === null) {
      if (open) this.#end(integer(open, 'id'), 'resolved', now, 'the data say what was released', null)
      this.#sql.run('UPDATE pending SET remembered = 0 WHERE point = ? AND at = ? AND register = ? AND remembered = 1', ...key)
      return 0
    }
    const { digest, next, differs, holds } = differing
    if (open && open.digest === digest && integer(open, 'seq') === version.seq) return 0
    if (open) this.#end(integer(open, 'id'), 'superseded', now, 'the data say something else by now', null)
    const rejected = this.#sql.one(
      `SELECT digest, seq FROM pending WHERE point = ? AND at = ? AND register = ? AND remembered = 1 ORDER BY id DESC LIMIT 1`,
      ...key,
    )
    if (rejected && rejected.digest === digest && integer(rejected, 'seq') === version.seq) return 0
    this.#sql.run('UPDATE pending SET remembered = 0 WHERE point = ? AND at = ? AND register = ? AND remembered = 1', ...key)
    this.#sql.insert(
      `INSERT INTO pending (point, at, register, seq, digest, next, differs, holds, cause, since, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open')`,
      ...[...key, version.seq, digest, JSON.stringify(next), JSON.stringify(differs), JSON.stringify(holds), cause, now],
    )
    return 1
  }

  #end(id: number, state: Pending['state'], now: number, why: string, act: number | null): void {
    this.#sql.run('UPDATE pending SET state = ?, ended_at = ?, ended_why = ?, act = ? WHERE id = ?', state, now, why, act, id)
  }

  #pendingOf(row: Row): Pending {
    const seq = integer(row, 'seq')
    const old = this.#figures.get(seq)
    if (!old) throw new Error(`correction ${integer(row, 'id')} is of figure ${seq}, which is not there`)
    const endedAt = integerOrNull(row, 'ended_at')
    return {
      ...{ id: integer(row, 'id'), state: stateOf(row, 'state'), point: text(row, 'point'), at: integer(row, 'at'), old },
      ...{ register: text(row, 'register'), next: JSON.parse(text(row, 'next')), differs: JSON.parse(text(row, 'differs')) },
      ...{ holds: JSON.parse(text(row, 'holds')), cause: text(row, 'cause'), since: integer(row, 'since') },
      ended:
        endedAt === null
          ? null
          : {
              at: endedAt,
              by: textOrNull(row, 'act_id') === null ? null : { id: text(row, 'who_id'), name: text(row, 'who') },
              why: text(row, 'ended_why'),
            },
    }
  }
}

const isOfPersons = (quality: number): boolean => (quality & (QUALITY.manual | QUALITY.estimated)) !== 0
