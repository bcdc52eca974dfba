import { ok, type Result } from '../core/index.ts'
import type { Actor, Hold } from './book-types.ts'
import { fail } from './errors.ts'
import type { Figures } from './figures.ts'
import { type BillingSql, integer, integerOrNull, type Row, text } from './sql.ts'

const SELECT = `SELECT h.*, a.at AS made_at, a.who, a.who_id, a.why, l.at AS lifted_at, l.who AS lifted_who, l.who_id AS lifted_who_id, l.why AS lifted_why
  FROM hold h JOIN act a ON a.id = h.act LEFT JOIN act l ON l.id = h.lifted`

/** What persons hold back, with why. Nothing is deleted: a hold that was lifted is kept. */
export class Holds {
  readonly #sql: BillingSql
  readonly #figures: Pick<Figures, 'act'>

  constructor(sql: BillingSql, figures: Pick<Figures, 'act'>) {
    this.#sql = sql
    this.#figures = figures
  }

  /** Holds back a point at an instant, or from one on. The same hold of the same person said twice is one. */
  hold(draft: Pick<Hold, 'point' | 'from' | 'onward'>, who: Actor, why: string, now: number): Hold {
    const { point, from, onward } = draft
    return this.#sql.together(() => {
      const same = this.#sql.one(
        `${SELECT} WHERE h.point = ? AND h.from_at = ? AND h.onward = ? AND h.lifted IS NULL AND a.who_id = ? AND a.why = ?`,
        ...[point, from, onward ? 1 : 0, who.id, why],
      )
      if (same) return holdOf(same)
      const act = this.#figures.act(now, who, why)
      const id = this.#sql.insert('INSERT INTO hold (point, from_at, onward, act) VALUES (?, ?, ?, ?)', point, from, onward ? 1 : 0, act)
      return { id, point, from, onward, by: who, why, madeAt: now, lifted: null }
    })
  }

  get(id: number): Hold | null {
    const row = this.#sql.one(`${SELECT} WHERE h.id = ?`, id)
    return row && holdOf(row)
  }

  /** @errors BILLING_HOLD */
  lift(id: number, who: Actor, why: string, now: number): Result<Hold> {
    return this.#sql.together(() => {
      const hold = this.get(id)
      if (!hold) return fail('BILLING_HOLD', `there is no hold ${id}`)
      if (hold.lifted) return fail('BILLING_STATE', `${hold.lifted.by.name} lifted hold ${id} at ${new Date(hold.lifted.at).toISOString()}`)
      this.#sql.run('UPDATE hold SET lifted = ? WHERE id = ?', this.#figures.act(now, who, why), id)
      return ok({ ...hold, lifted: { at: now, by: who, why } })
    })
  }

  /** By number. @param lifted  also those that were lifted */
  list(filter: { readonly point?: string; readonly lifted: boolean }, after: number, limit: number): readonly Hold[] {
    return this.#sql
      .all(
        `${SELECT} WHERE h.id > ?1 AND (?2 IS NULL OR h.point = ?2) AND (?3 = 1 OR h.lifted IS NULL) ORDER BY h.id LIMIT ?4`,
        ...[after, filter.point ?? null, filter.lifted ? 1 : 0, limit],
      )
      .map(holdOf)
  }

  /** The oldest hold that stands on a point at an instant. */
  at(at: number, point: string): Hold | null {
    const row = this.#sql.one(
      `${SELECT} WHERE h.lifted IS NULL AND h.point = ? AND h.from_at <= ? AND (h.onward = 1 OR h.from_at = ?) ORDER BY h.id LIMIT 1`,
      ...[point, at, at],
    )
    return row && holdOf(row)
  }

  /** The same of many points. */
  heldAt(at: number, points: readonly string[]): ReadonlyMap<string, Hold> {
    if (this.#sql.one('SELECT 1 AS any FROM hold WHERE lifted IS NULL LIMIT 1') === null) return new Map()
    return new Map(
      points.flatMap((point) => {
        const hold = this.at(at, point)
        return hold ? [[point, hold]] : []
      }),
    )
  }
}

/** A hold as one of the reasons why a point is not released. */
export const holdReason = ({ by, why }: Hold) => ({ reason: 'held-by-person' as const, text: `${by.name} holds it: ${why}` })

const holdOf = (row: Row): Hold => {
  const liftedAt = integerOrNull(row, 'lifted_at')
  return {
    id: integer(row, 'id'),
    point: text(row, 'point'),
    from: integer(row, 'from_at'),
    onward: integer(row, 'onward') === 1,
    by: { id: text(row, 'who_id'), name: text(row, 'who') },
    why: text(row, 'why'),
    madeAt: integer(row, 'made_at'),
    lifted:
      liftedAt === null
        ? null
        : { at: liftedAt, by: { id: text(row, 'lifted_who_id'), name: text(row, 'lifted_who') }, why: text(row, 'lifted_why') },
  }
}
