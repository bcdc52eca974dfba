import {
  type AggregateQuery,
  type Bucket,
  type Column,
  decimalOfFloat64,
  type GatewayError,
  MEASUREMENTS,
  ok,
  type RangePage,
  type RangeQuery,
  type Raw,
  type Reading,
  type ReadingStore,
  type Result,
  type ScanQuery,
  type Series,
  type Shape,
  seriesOf,
  shapeOf,
  TAGS,
} from '../../core/index.ts'
import type { Ask } from './admin.ts'
import { fail } from './errors.ts'
import { type Block, identifier, stringOf } from './influxql.ts'
import { OWN_FIELDS } from './names.ts'
import { scanInflux } from './scan.ts'
import { obisOfField, unitOfField } from './units.ts'

/** Most readings on a page, and buckets in an answer. */
const MOST = 100_000
const SUBJECTS: readonly string[] = ['meter', 'point', 'id']

type Asked = Omit<RangeQuery, 'limit' | 'cursor'>

/** `FROM … WHERE …` of a question, every name and value quoted. */
const conditions = (query: Asked): Result<string, GatewayError> => {
  const { measurement, source, from, to } = query
  const refuse = (message: string) => fail('INFLUX_QUERY', message)
  if (!MEASUREMENTS.includes(measurement)) return refuse(`measurement ${JSON.stringify(measurement)} does not exist`)
  const known: readonly string[] = TAGS[measurement]
  const tags: Record<string, string> = { ...query.tags, ...(source === undefined ? {} : { source }) }
  // Elsewhere an area is a crowd; its own figures are one series a period.
  const subjects = measurement === 'area' ? ['area'] : SUBJECTS
  if (!subjects.some((tag) => known.includes(tag) && tags[tag])) return refuse('a question needs a meter, a point or an id')
  const stranger = Object.keys(tags).find((tag) => !known.includes(tag))
  if (stranger !== undefined) return refuse(`${measurement} has no tag ${JSON.stringify(stranger)}: allowed ${known.join(', ')}`)
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to)) return refuse('from and to are milliseconds')
  const equal = Object.entries(tags).map(([tag, value]) => `${identifier(tag)} = ${stringOf(value)}`)
  return ok(`FROM ${identifier(measurement)} WHERE ${[...equal, `time >= ${from}ms`, `time < ${to}ms`].join(' AND ')}`)
}

/** Where the next page begins: the time of the last reading, and how many readings of that time were given. */
const cursorOf = (text: string | undefined, from: number): { readonly from: number; readonly skip: number } | null => {
  if (text === undefined) return { from, skip: 0 }
  const match = /^(-?\d{1,16})\.(\d{1,9})$/.exec(text)
  return match ? { from: Number(match[1]), skip: Number(match[2]) } : null
}

const numberAt = (row: readonly unknown[], column: number): number | null => {
  const value = row[column]
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** The named queries over InfluxQL, answered as the embedded store answers them. */
export class InfluxQueries implements ReadingStore {
  readonly #ask: Ask
  /** Measurement → fields that are integers for ever; asked for again when a field turns up that is in neither set. */
  readonly #types = new Map<string, ReadonlyMap<string, boolean>>()
  readonly #shapes = new Map<string, Shape>()

  constructor(ask: Ask) {
    this.#ask = ask
  }

  /** @errors INFLUX_CURSOR, INFLUX_QUERY, INFLUX_DATABASE, INFLUX_TIMEOUT, INFLUX_NETWORK, INFLUX_AUTH, INFLUX_ANSWER */
  async range(query: RangeQuery): Promise<Result<RangePage>> {
    const start = cursorOf(query.cursor, query.from)
    if (start === null) return fail('INFLUX_CURSOR', 'the cursor is none of ours')
    if (!Number.isInteger(query.limit) || query.limit < 1) return fail('INFLUX_QUERY', `limit ${query.limit} is no count`)
    const limit = Math.min(query.limit, MOST)
    const where = conditions({ ...query, from: Math.max(start.from, query.from) })
    if (!where.ok) return where
    if (query.to <= query.from) return ok({ readings: [], next: null })
    const answer = await this.#ask(`SELECT * ${where.value} ORDER BY time ASC LIMIT ${limit + 1} OFFSET ${start.skip}`)
    if (!answer.ok) return answer
    const [block] = answer.value
    if (!block) return ok({ readings: [], next: null })
    const read = await this.#readings(query.measurement, block)
    if (!read.ok) return read
    if (read.value.length <= limit) return ok({ readings: read.value, next: null })
    const readings = read.value.slice(0, limit)
    const last = readings.at(-1)!.measuredAt
    const given = readings.filter(({ measuredAt }) => measuredAt === last).length
    return ok({ readings, next: `${last}.${last === start.from ? start.skip + given : given}` })
  }

  /** @errors as {@link range} */
  scan(query: ScanQuery): Promise<Result<RangePage>> {
    return scanInflux({ ask: this.#ask, readingsOf: (measurement, block) => this.#readings(measurement, block) }, query)
  }

  /** @errors as {@link range} */
  async aggregate(query: AggregateQuery): Promise<Result<readonly Bucket[]>> {
    const { from, to, everyMs, fn } = query
    const where = conditions(query)
    if (!where.ok) return where
    if (!Number.isSafeInteger(everyMs) || everyMs < 1) return fail('INFLUX_QUERY', `everyMs ${everyMs} is no period`)
    const count = Math.max(0, Math.ceil((to - from) / everyMs))
    if (count > MOST) return fail('INFLUX_QUERY', `${count} buckets, ${MOST} allowed: ask for a longer period or a shorter range`)
    const buckets: Bucket[] = Array.from({ length: count }, (_, at) => ({ from: from + at * everyMs, value: null, count: 0 }))
    if (count === 0) return ok(buckets)
    const field = identifier(query.field)
    const value = fn === 'increase' ? `last(${field}) - first(${field})` : `${fn}(${field})`
    const offset = ((from % everyMs) + everyMs) % everyMs
    const answer = await this.#ask(
      `SELECT ${value} AS "v", count(${field}) AS "n" ${where.value} GROUP BY time(${everyMs}ms, ${offset}ms) fill(none)`,
    )
    if (!answer.ok) return answer
    const [block] = answer.value
    if (!block) return ok(buckets)
    const [time, v, n] = ['time', 'v', 'n'].map((name) => block.columns.indexOf(name)) as [number, number, number]
    for (const row of block.values) {
      const at = Math.round(((numberAt(row, time) ?? Number.NaN) - from) / everyMs)
      const found = numberAt(row, n) ?? 0
      const bucket = buckets[at]
      if (!bucket) return fail('INFLUX_ANSWER', `a bucket at ${String(row[time])}, outside of what was asked`)
      if (found > 0) buckets[at] = { from: bucket.from, value: numberAt(row, v), count: found }
    }
    return ok(buckets)
  }

  /** The server's retention policy forgets by itself. */
  async retain(): Promise<Result<null>> {
    return ok(null)
  }

  /** Points as readings. What InfluxDB does not keep is not there: reasons of absence, digits beyond a double, trailing zeros. */
  async #readings(measurement: RangeQuery['measurement'], { columns, values }: Block): Promise<Result<readonly Reading[]>> {
    const tags: readonly string[] = TAGS[measurement]
    const at = (name: string) => columns.indexOf(name)
    const tagColumns = tags.map((tag) => [tag, at(tag)] as const)
    const own: ReadonlySet<string> = new Set<string>([...OWN_FIELDS, ...tags, 'time'])
    const fields = columns.flatMap((name, column) => (own.has(name) ? [] : [[name, column] as const]))
    const types = await this.#fieldTypes(
      measurement,
      fields.map(([name]) => name),
    )
    if (!types.ok) return types
    const [time, ratio, quality, received] = [at('time'), at('ratio'), at('quality'), at('received')]
    const known = new Map<string, Series>()
    const readings: Reading[] = []
    for (const row of values) {
      const measuredAt = numberAt(row, time)
      if (measuredAt === null) return fail('INFLUX_ANSWER', 'a row without time')
      const names = tagColumns.map(([, column]) => String(row[column] ?? '-'))
      const key = names.join('\n')
      let series = known.get(key)
      if (!series) {
        series = seriesOf(measurement, Object.fromEntries(tagColumns.map(([tag], index) => [tag, names[index]!])))
        known.set(key, series)
      }
      const raws: Raw[] = []
      const scalers: number[] = []
      const present: string[] = []
      for (const [name, column] of fields) {
        const value = numberAt(row, column)
        if (value === null) continue
        const { raw, scaler } = decimalOfFloat64(value)
        raws.push(raw)
        scalers.push(scaler)
        present.push(name)
      }
      const shape = this.#shape(measurement, present, types.value)
      readings.push({
        series,
        shape,
        raws,
        scalers: shape.columns.some((column) => column.scaler === null) ? scalers : null,
        absent: null,
        ratio: String(numberAt(row, ratio) ?? 1),
        measuredAt,
        receivedAt: numberAt(row, received) ?? measuredAt,
        quality: numberAt(row, quality) ?? 0,
      })
    }
    return ok(readings)
  }

  #shape(measurement: string, present: readonly string[], types: ReadonlyMap<string, boolean>): Shape {
    const key = JSON.stringify([measurement, present])
    let shape = this.#shapes.get(key)
    if (!shape) {
      shape = shapeOf(
        present.map((field): Column => {
          const integer = types.get(field) === true
          return { field, obis: obisOfField(field), unit: unitOfField(field), scaler: integer ? 0 : null, ...(integer ? { integer } : {}) }
        }),
      )
      if (this.#shapes.size > 10_000) this.#shapes.clear()
      this.#shapes.set(key, shape)
    }
    return shape
  }

  /** Field → whether it is an integer: a JSON number does not say so. */
  async #fieldTypes(measurement: string, fields: readonly string[]): Promise<Result<ReadonlyMap<string, boolean>>> {
    const known = this.#types.get(measurement)
    if (known && fields.every((field) => known.has(field))) return ok(known)
    const answer = await this.#ask(`SHOW FIELD KEYS FROM ${identifier(measurement)}`)
    if (!answer.ok) return answer
    const types = new Map<string, boolean>()
    for (const { columns, values } of answer.value) {
      const [name, type] = [columns.indexOf('fieldKey'), columns.indexOf('fieldType')]
      for (const row of values) types.set(String(row[name]), row[type] === 'integer')
    }
    for (const field of fields) if (!types.has(field)) types.set(field, false)
    this.#types.set(measurement, types)
    return ok(types)
  }
}
