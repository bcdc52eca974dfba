import type { Database } from '../sqlite/index.ts'
import { type Names, recordOf } from './schema.ts'
import { DUE_KINDS, type DueRecord, GAP_STATES, type GapFilter, type GapState } from './types.ts'

/** Questions to the gap ledger; none changes anything. */
export class GapQueries {
  readonly database: Database
  readonly names: Names

  constructor(database: Database, names: Names) {
    this.database = database
    this.names = names
  }

  /**
   * Gaps whose time has come, the oldest try first, one for each meter and the newest instant of it.
   *
   * @param perLine  at most so many of each line
   * @param busy     lines and meters that are being worked on
   * @returns     the gaps, and when the next one is due (null: none waits)
   */
  due(now: number, perLine: number, busy: { readonly lines: readonly string[]; readonly meters: readonly string[] }) {
    const lines = busy.lines.flatMap((line) => this.names.known(line) ?? [])
    const meters = busy.meters.flatMap((meter) => this.names.known(meter) ?? [])
    const rows = this.database
      .prepare(
        `SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY line ORDER BY next_try) AS nth FROM (
           SELECT *, max(label) FROM due WHERE state = 1 AND next_try <= ?
           AND line NOT IN (${lines.join(',')}) AND meter NOT IN (${meters.join(',')}) GROUP BY meter))
         WHERE nth <= ? ORDER BY next_try`,
      )
      .all(now, perLine)
    const next = this.database.prepare('SELECT min(next_try) AS at FROM due WHERE state = 1').get() as { at: number | null }
    return { gaps: rows.map((row) => recordOf(row, this.names)), nextAt: next.at }
  }

  /** Meters with gaps that wait for them to answer. */
  waiting(): string[] {
    const rows = this.database.prepare('SELECT DISTINCT meter FROM due WHERE state = 1').all() as { meter: number }[]
    return rows.map(({ meter }) => this.names.text(meter))
  }

  /** By id ascending, after one of them. */
  list(filter: GapFilter, after: number, limit: number): DueRecord[] {
    const conditions: string[] = ['id > ?']
    const values: number[] = [after]
    const equal = (column: string, text: string | undefined) => {
      if (text === undefined) return
      conditions.push(`${column} = ?`)
      values.push(this.names.known(text) ?? -1)
    }
    equal('line', filter.line)
    equal('area', filter.area)
    equal('meter', filter.meter)
    equal('point', filter.point)
    if (filter.kind !== undefined) {
      conditions.push('kind = ?')
      values.push(DUE_KINDS.indexOf(filter.kind))
    }
    if (filter.states) conditions.push(`state IN (${filter.states.map((state) => GAP_STATES.indexOf(state)).join(',')})`)
    if (filter.from !== undefined) {
      conditions.push('label >= ?')
      values.push(filter.from)
    }
    if (filter.to !== undefined) {
      conditions.push('label < ?')
      values.push(filter.to)
    }
    if (!filter.all) conditions.push('missed_at IS NOT NULL')
    const rows = this.database.prepare(`SELECT * FROM due WHERE ${conditions.join(' AND ')} ORDER BY id LIMIT ?`).all(...values, limit)
    return rows.map((row) => recordOf(row, this.names))
  }

  /** How many gaps there are in each state. */
  counts(): Record<GapState, number> {
    const counts = { open: 0, scheduled: 0, filled: 0, permanent: 0, waived: 0 }
    const rows = this.database.prepare('SELECT state, count(*) AS n FROM due WHERE missed_at IS NOT NULL GROUP BY state').all() as {
      state: number
      n: number
    }[]
    for (const { state, n } of rows) counts[GAP_STATES[state] ?? 'open'] = n
    return counts
  }
}
