import type { PointState } from './kinds.ts'
import { pointState } from './period.ts'
import { type Sql, text } from './sql.ts'
import { type Body, bodyOf } from './timeline.ts'

/** A zone (供电所), the unit of responsibility. */
export interface Zone {
  readonly id: string
  readonly name: string
}

/** A transformer area (台区). */
export interface Area {
  readonly id: string
  readonly name: string
  readonly zone: string
  /** 10 kV line that feeds it; '' = nobody said. */
  readonly feeder?: string
}

/** A metering point (计量点): the place that is billed; meters come and go, the point stays. */
export interface Point {
  readonly id: string
  readonly name: string
  readonly area: string
  readonly role: string
  readonly phase: string
  readonly state?: PointState
}

const rows = (sql: Sql, kind: string): { readonly id: string; readonly body: Body }[] =>
  sql.all('SELECT id, body FROM entity WHERE kind = ? ORDER BY id', kind).map((row) => ({ id: text(row, 'id'), body: bodyOf(row.body) }))

const word = (body: Body, name: string, otherwise = ''): string => String(body[name] ?? otherwise)

export const zonesOf = (sql: Sql): Zone[] => rows(sql, 'zone').map(({ id, body }) => ({ id, name: word(body, 'name') }))

export const areasOf = (sql: Sql): Area[] =>
  rows(sql, 'area').map(({ id, body }) => ({ id, name: word(body, 'name'), zone: word(body, 'zone'), feeder: word(body, 'feeder') }))

export const pointsOf = (sql: Sql): Point[] =>
  rows(sql, 'point').map(({ id, body }) => ({
    ...{ id, name: word(body, 'name'), area: word(body, 'area'), role: word(body, 'role', 'customer') },
    ...{ phase: word(body, 'phase', 'unknown'), state: pointState(body) },
  }))
