import { type BillingSql, integer, text } from './sql.ts'

/** Something that may have changed released figures of a point: every released instant in [from, to] is looked at again. */
export interface Heard {
  readonly point: string
  readonly from: number
  readonly to: number
  readonly cause: string
}

/** A point at a released instant, to be compared with what was released. */
export interface Look {
  readonly id: number
  /** Another one after each mark. */
  readonly stamp: number
  readonly point: string
  readonly cause: string
}

/** What is still to be compared. A mark is on disk before whoever said it may forget it. */
export class Looks {
  readonly #sql: BillingSql

  constructor(sql: BillingSql) {
    this.#sql = sql
  }

  /**
   * @param due    when it may be looked at, gateway's time
   * @param place  how far the store must be in the outbox by then
   * @returns      how many instants of points are to be looked at
   */
  mark(heard: readonly Heard[], due: number, place: number): number {
    return this.#sql.together(() =>
      heard.reduce(
        (sum, { point, from, to, cause }) =>
          sum +
          this.#sql.run(
            `INSERT INTO look (at, point, cause, due, place, stamp)
               SELECT DISTINCT at, point, ?, ?, ?, 0 FROM figure WHERE point = ? AND at >= ? AND at <= ?
             ON CONFLICT DO UPDATE SET cause = excluded.cause, due = min(due, excluded.due), place = max(place, excluded.place), stamp = stamp + 1`,
            ...[cause, due, place, point, from, to],
          ),
        0,
      ),
    )
  }

  /** The oldest mark's instant with points of it, ids ascending; null: nothing is due. */
  next(now: number, place: number, limit: number): { readonly at: number; readonly looks: readonly Look[] } | null {
    const first = this.#sql.one('SELECT at FROM look WHERE due <= ? AND place <= ? ORDER BY at DESC LIMIT 1', now, place)
    if (!first) return null
    const at = integer(first, 'at')
    const looks = this.#sql
      .all(
        'SELECT id, stamp, point, cause FROM look WHERE at = ? AND due <= ? AND place <= ? ORDER BY point LIMIT ?',
        at,
        now,
        place,
        limit,
      )
      .map((row) => ({ id: integer(row, 'id'), stamp: integer(row, 'stamp'), point: text(row, 'point'), cause: text(row, 'cause') }))
    return { at, looks }
  }

  /** What was marked again meanwhile stays. */
  done(looks: readonly Look[]): void {
    this.#sql.together(() => {
      for (const { id, stamp } of looks) this.#sql.run('DELETE FROM look WHERE id = ? AND stamp = ?', id, stamp)
    })
  }

  later(looks: readonly Look[], due: number): void {
    this.#sql.together(() => {
      for (const { id } of looks) this.#sql.run('UPDATE look SET due = ? WHERE id = ?', due, id)
    })
  }

  count(): number {
    return integer(this.#sql.one('SELECT count(*) AS count FROM look') ?? {}, 'count')
  }

  /** A text under a name, for whoever follows something. */
  place(name: string): string | null {
    const row = this.#sql.one('SELECT value FROM place WHERE name = ?', name)
    return row ? text(row, 'value') : null
  }

  setPlace(name: string, value: string): void {
    this.#sql.run('INSERT OR REPLACE INTO place VALUES (?, ?)', name, value)
  }
}
