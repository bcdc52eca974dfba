import {
  MEASUREMENTS,
  type Measurement,
  nearest,
  ok,
  type RangePage,
  type Reading,
  type Result,
  type ScanQuery,
  TAGS,
} from '../../core/index.ts'
import type { Ask } from './admin.ts'
import { fail } from './errors.ts'
import { type Block, identifier, stringOf } from './influxql.ts'

const HOUR = 3_600_000
/** Readings of an hour that are taken in one answer without asking who has any. */
const WHOLE = 5_000
/** Names in one question: the request line stays below the 8 KiB that proxies take. */
const MOST_NAMES = 120
/** Readings in one answer. */
const MOST = 50_000
/** Hours looked at for one page. */
const MOST_HOURS = 48

/** The tag whose values an hour is divided by. */
const NAMES: Readonly<Record<Measurement, string>> = {
  register: 'meter',
  instant: 'meter',
  event: 'meter',
  comm: 'id',
  interval: 'point',
  area: 'area',
}

/** How far a scan has come: everything before it was given. */
interface ScanAt {
  /** Hours since 1970. */
  readonly hour: number
  /** The last reading that was given of the hour; null: none yet. */
  readonly after: { readonly name: string; readonly series: string; readonly at: number } | null
}

export interface ScanParts {
  readonly ask: Ask
  readonly readingsOf: (measurement: Measurement, block: Block) => Promise<Result<readonly Reading[]>>
}

/**
 * One page of all readings of a time, hour by hour; of an hour as many meters at once as their readings fit into an answer. An hour is
 * divided by names, which are asked for anew with every page: no new series can move another one past the cursor.
 *
 * @errors INFLUX_CURSOR, INFLUX_QUERY, INFLUX_DATABASE, INFLUX_TIMEOUT, INFLUX_NETWORK, INFLUX_AUTH, INFLUX_ANSWER
 */
export const scanInflux = async (parts: ScanParts, query: ScanQuery): Promise<Result<RangePage>> => {
  const problem = problemOf(query)
  if (problem !== null) return fail('INFLUX_QUERY', problem)
  const start = query.cursor === undefined ? { hour: Math.floor(query.from / HOUR), after: null } : readAt(query.cursor)
  if (start === null) return fail('INFLUX_CURSOR', 'the cursor is none of ours')
  const page: Page = { ...parts, query: { ...query, limit: Math.min(query.limit, MOST) }, readings: [] }
  let at: ScanAt | null = start
  for (let hours = 0; at !== null && page.readings.length < page.query.limit && hours < MOST_HOURS; hours++) {
    const step: Result<ScanAt | null> = await hourOf(page, at)
    if (!step.ok) return step
    at = step.value
  }
  return ok({ readings: page.readings, next: at === null ? null : writeAt(at) })
}

interface Page extends ScanParts {
  readonly query: ScanQuery
  readonly readings: Reading[]
}

/** Adds what the page has room for of an hour. @returns  where to go on; null at the end */
const hourOf = async (page: Page, at: ScanAt): Promise<Result<ScanAt | null>> => {
  const { query } = page
  const from = Math.max(query.from, at.hour * HOUR)
  const to = Math.min(query.to, (at.hour + 1) * HOUR)
  if (from >= to) return ok(null)
  const next = to < query.to ? { hour: at.hour + 1, after: null } : null
  if (query.points === undefined) {
    const whole = await rowsOf(page, `${conditions(query, from, to)} LIMIT ${WHOLE + 1}`)
    if (!whole.ok) return whole
    if (whole.value.length === 0) return next === null ? ok(null) : nextHour(page, to)
    if (whole.value.length <= WHOLE) return ok(take(page, at, inOrder(query, whole.value)) ?? next)
  }
  const tag = query.points === undefined ? NAMES[query.measurement] : 'point'
  const names = query.points === undefined ? await namesOf(page, tag, from, to) : ok([...query.points].sort())
  if (!names.ok) return names
  const from0 = at.after === null ? 0 : names.value.findIndex((name) => name >= at.after!.name)
  let place = from0 < 0 ? names.value.length : from0
  let size = MOST_NAMES
  while (place < names.value.length) {
    const some = names.value.slice(place, place + Math.min(size, page.query.limit))
    const rows = await rowsOf(page, `${conditions(query, from, to, tag, some)} LIMIT ${MOST + 1}`)
    const tooMany = rows.ok ? rows.value.length > MOST : rows.error.code === 'INFLUX_ANSWER'
    if (tooMany && some.length > 1) {
      size = Math.ceil(some.length / 2)
      continue
    }
    if (!rows.ok) return rows
    if (tooMany) return fail('INFLUX_QUERY', `${tag} ${some[0]} has more than ${MOST} readings in one hour`)
    const stopped = take(page, at, inOrder(query, rows.value, tag))
    if (stopped) return ok(stopped)
    place += some.length
  }
  return ok(next)
}

/** Adds readings until the page is full. @returns  where that was, null: all of them went in */
const take = ({ query, readings }: Page, { hour, after }: ScanAt, rows: readonly Named[]): ScanAt | null => {
  for (const { name, reading } of rows) {
    if (after && isGiven(after, name, reading)) continue
    readings.push(reading)
    if (readings.length >= query.limit) return { hour, after: { name, series: reading.series.key, at: reading.measuredAt } }
  }
  return null
}

interface Named {
  readonly name: string
  readonly reading: Reading
}

const inOrder = ({ measurement, near }: ScanQuery, readings: readonly Reading[], tag = NAMES[measurement]): readonly Named[] => {
  const named = readings
    .map((reading) => ({ name: reading.series.tags[tag] ?? '-', reading, measuredAt: reading.measuredAt }))
    .sort((a, b) => compareText(a.name, b.name) || compareText(a.reading.series.key, b.reading.series.key) || a.measuredAt - b.measuredAt)
  if (near === undefined) return named
  const kept: Named[] = []
  for (let from = 0; from < named.length; ) {
    let to = from + 1
    while (to < named.length && named[to]!.reading.series.key === named[from]!.reading.series.key) to++
    kept.push(...nearest(named.slice(from, to), near))
    from = to
  }
  return kept
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const isGiven = (after: NonNullable<ScanAt['after']>, name: string, { series, measuredAt }: Reading): boolean =>
  (compareText(name, after.name) || compareText(series.key, after.series) || measuredAt - after.at) <= 0

const rowsOf = async ({ ask, readingsOf, query }: Page, where: string): Promise<Result<readonly Reading[]>> => {
  const answer = await ask(`SELECT * ${where}`)
  if (!answer.ok) return answer
  const [block] = answer.value
  return block ? readingsOf(query.measurement, block) : ok([])
}

/** Names that may have readings in a time, ascending. The server narrows by whole shards. */
const namesOf = async ({ ask, query }: Page, tag: string, from: number, to: number): Promise<Result<readonly string[]>> => {
  const answer = await ask(
    `SHOW TAG VALUES FROM ${identifier(query.measurement)} WITH KEY = ${identifier(tag)} WHERE time >= ${from}ms AND time < ${to}ms`,
  )
  if (!answer.ok) return answer
  const names = new Set<string>()
  for (const { columns, values } of answer.value) {
    const column = columns.indexOf('value')
    for (const row of values) names.add(String(row[column]))
  }
  return ok([...names].sort())
}

/** The next hour in which anything was read; null when there is none. */
const nextHour = async ({ ask, query }: Page, from: number): Promise<Result<ScanAt | null>> => {
  const answer = await ask(`SELECT * ${conditions(query, from, query.to)} ORDER BY time ASC LIMIT 1`)
  if (!answer.ok) return answer
  const [block] = answer.value
  const [row] = block?.values ?? []
  if (!block || !row) return ok(null)
  const time = row[block.columns.indexOf('time')]
  if (typeof time !== 'number') return fail('INFLUX_ANSWER', 'a row without time')
  return ok({ hour: Math.floor(time / HOUR), after: null })
}

const conditions = (
  { measurement, sources }: ScanQuery,
  from: number,
  to: number,
  tag = '',
  names: readonly string[] | null = null,
): string => {
  const oneOf = (name: string, values: readonly string[]) =>
    values.length === 0 ? `${identifier(name)} = ''` : `(${values.map((value) => `${identifier(name)} = ${stringOf(value)}`).join(' OR ')})`
  const narrowed = [...(sources ? [oneOf('source', sources)] : []), ...(names ? [oneOf(tag, names)] : [])]
  return `FROM ${identifier(measurement)} WHERE ${[...narrowed, `time >= ${from}ms`, `time < ${to}ms`].join(' AND ')}`
}

const problemOf = ({ measurement, sources, points, from, to, limit }: ScanQuery): string | null => {
  if (!MEASUREMENTS.includes(measurement)) return `measurement ${JSON.stringify(measurement)} does not exist`
  const tags: readonly string[] = TAGS[measurement]
  if (sources !== undefined && !tags.includes('source')) return `${measurement} has no sources`
  if (points !== undefined && !tags.includes('point')) return `${measurement} has no points`
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from > to) return 'from and to are milliseconds, from before to'
  return Number.isInteger(limit) && limit >= 1 ? null : `limit ${limit} is no count`
}

const writeAt = ({ hour, after }: ScanAt): string =>
  Buffer.from(JSON.stringify([hour, ...(after ? [after.name, after.series, after.at] : [])])).toString('base64url')

const readAt = (text: string): ScanAt | null => {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (!Array.isArray(parts)) return null
    const [hour, name, series, at]: unknown[] = parts
    if (typeof hour !== 'number' || !Number.isSafeInteger(hour)) return null
    if (parts.length === 1) return { hour, after: null }
    return typeof name === 'string' && typeof series === 'string' && typeof at === 'number' ? { hour, after: { name, series, at } } : null
  } catch {
    return null
  }
}
