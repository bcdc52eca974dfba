import type { PointState, Value } from './kinds.ts'
import { FACT_LIST, factOfList, type MeterFact, pointState } from './period.ts'
import { integer, type Sql, text } from './sql.ts'
import { type Body, bodyOf, type Patched, present, stateAt } from './timeline.ts'

/** A point at an instant, and the meters that hung there around it. */
export interface PointAt {
  readonly id: string
  /** Attributes that hold then. */
  readonly attributes: Readonly<Record<string, Value>>
  readonly state: PointState
  /** Every period of a meter here that touches [from, to], oldest first. */
  readonly meters: readonly MeterFact[]
}

export interface PointsAt {
  readonly at: number
  /** Whose meters are wanted. */
  readonly from: number
  readonly to: number
  /** Only these; absent: all. */
  readonly ids?: readonly string[]
  readonly after: string | null
  readonly limit: number
}

/**
 * Some points as they were at an instant, by id, in a few questions for all of them. A point nobody had heard of then is left out, but for
 * one whose meter hung there already: it is taken as it was at its first fact.
 *
 * @returns  `last`: the id to go on after; null: there are no more
 */
export const pointsAt = (
  sql: Sql,
  { at, from, to, ids, after, limit }: PointsAt,
): { readonly points: readonly PointAt[]; readonly last: string | null } => {
  const page = ids
    ? ids.filter((id) => after === null || compareIds(id, after) > 0).slice(0, limit)
    : sql.all("SELECT id FROM entity WHERE kind = 'point' AND id > ? ORDER BY id LIMIT ?", after ?? '', limit).map((row) => text(row, 'id'))
  if (page.length === 0) return { points: [], last: null }
  const facts = new Map<string, Patched[]>()
  const periods = new Map<string, MeterFact[]>()
  const within = ids ? inList(page) : { where: (column: string) => `${column} >= ? AND ${column} <= ?`, values: [page[0]!, page.at(-1)!] }
  for (const row of sql.all(
    `SELECT id, valid_from, since, body FROM fact WHERE kind = 'point' AND ${within.where('id')} AND until IS NULL ORDER BY id, valid_from`,
    ...within.values,
  ))
    push(facts, text(row, 'id'), { from: integer(row, 'valid_from'), since: integer(row, 'since'), body: bodyOf(row.body) })
  for (const row of sql.all(
    `SELECT ${FACT_LIST} AS fact FROM period WHERE ${within.where('point')} AND valid_from <= ? AND (valid_to IS NULL OR valid_to >= ?) ORDER BY point, valid_from`,
    ...within.values,
    ...[to, from],
  )) {
    const fact = factOfList(text(row, 'fact'))
    push(periods, fact.point, fact)
  }
  const points = page.flatMap((id): PointAt[] => {
    const rows = facts.get(id)
    const meters = periods.get(id) ?? []
    const first = rows?.[0]
    if (!rows || !first) return []
    const hung = meters.some((fact) => fact.from <= at && (fact.to === null || fact.to > at))
    if (first.from > at && !hung) return []
    const attributes = rows.length === 1 && isWhole(first.body) ? first.body : present(stateAt(rows, Math.max(at, first.from)))
    return [{ id, attributes, state: pointState(attributes), meters }]
  })
  return { points, last: page.length < limit ? null : page.at(-1)! }
}

/** Does it say nothing that ended? Most points have one fact, and nothing has to be put together of it. */
const isWhole = (body: Body): boolean => {
  for (const name in body) if (body[name] === null) return false
  return true
}

/** The order of the database: by the bytes of UTF-8. */
export const compareIds = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** A list of ids as one value: statements are prepared once. */
const inList = (ids: readonly string[]) => ({
  where: (column: string) => `${column} IN (SELECT value FROM json_each(?))`,
  values: [JSON.stringify(ids)],
})

const push = <T>(map: Map<string, T[]>, key: string, value: T): void => {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}

/** Points that are or ever were a customer's, by id. */
export const pointsOfCustomer = (sql: Sql, customer: string): readonly string[] =>
  sql
    .all(
      "SELECT DISTINCT id FROM fact WHERE kind = 'point' AND until IS NULL AND json_extract(body, '$.customer') = ? ORDER BY id",
      customer,
    )
    .map((row) => text(row, 'id'))
