import type { GatewayError, Reading } from '../../core/index.ts'
import { fail } from './errors.ts'
import type { Answer } from './http.ts'

/** What an answer to a write means for the rows that were sent. */
export type Verdict =
  | { readonly kind: 'stored' }
  /** Some row in it will never be taken; which one has to be found out. */
  | {
      readonly kind: 'refused'
      readonly words: string
      /** How many of them, where the server says so. */
      readonly dropped: number | null
      /** Which one, from 0, where the server says so. */
      readonly line: number | null
      /** The words speak of rows, and not of the request as such. */
      readonly ofRows: boolean
    }
  | { readonly kind: 'too-large'; readonly words: string }
  | { readonly kind: 'no-database'; readonly error: GatewayError }
  | { readonly kind: 'later'; readonly waitMs: number | null; readonly error: GatewayError }
  | { readonly kind: 'stop'; readonly error: GatewayError }

/** Longest pause a server can make us take. */
const LONGEST_WAIT = 3_600_000
const MOST_WORDS = 500

/** Retry-After as seconds or date, in milliseconds from `now`; null when there is none. @source RFC 9110, 10.2.3 */
export const retryAfter = (header: string | undefined, now: number): number | null => {
  if (header === undefined || header.trim() === '') return null
  const wait = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(wait) ? null : Math.min(Math.max(wait, 0), LONGEST_WAIT)
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined

/** The server's own words: `error` of 1.x and 3.x, `message` of 2.x, else the text itself. */
const wordsOf = ({ text, status, headers }: Answer): { readonly words: string; readonly line: number | null; readonly influx: boolean } => {
  const body = jsonOf(text)
  const first = [member(body, 'data')].flat()[0]
  const detail = member(first, 'error_message')
  const line = member(first, 'line_number')
  const said = [member(body, 'message') ?? member(body, 'error'), detail].filter((part) => typeof part === 'string').join(': ')
  const plain = said || String(headers['x-influxdb-error'] ?? '') || text.replace(/\s+/g, ' ').trim() || http(status)
  const influx = said !== '' || Object.keys(headers).some((name) => name.startsWith('x-influxdb-'))
  return { words: plain.slice(0, MOST_WORDS), line: typeof line === 'number' && line > 0 ? line - 1 : null, influx }
}
const http = (status: number): string => `HTTP ${status}`

type Rule = (words: string, answer: Answer, now: number) => Verdict

const later =
  (code: 'INFLUX_BUSY' | 'INFLUX_SERVER' | 'INFLUX_NOT_INFLUX'): Rule =>
  (words, answer, now) => ({
    kind: 'later',
    waitMs: retryAfter(answer.headers['retry-after'], now),
    error: fail(code, `HTTP ${answer.status} ${words}`, { status: answer.status }).error,
  })
const stop =
  (code: 'INFLUX_AUTH' | 'INFLUX_DATABASE' | 'INFLUX_LIMIT' | 'INFLUX_ENDPOINT' | 'INFLUX_REDIRECT'): Rule =>
  (words, { status }) => ({ kind: 'stop', error: fail(code, `HTTP ${status} ${words}`, { status }).error })
const tooLarge: Rule = (words) => ({ kind: 'too-large', words })

const STATUS: Readonly<Record<number, Rule>> = {
  401: stop('INFLUX_AUTH'),
  403: stop('INFLUX_AUTH'),
  408: later('INFLUX_BUSY'),
  413: tooLarge,
  425: later('INFLUX_BUSY'),
  429: later('INFLUX_BUSY'),
  503: later('INFLUX_BUSY'),
}

/** Words that outrank the status they come with. @source 1.6 coordinator/points_writer.go, tsdb/shard.go; 2.x http/legacy and api/v2 */
const WORDS: readonly (readonly [pattern: RegExp, rule: Rule])[] = [
  [
    /database not found/i,
    (words, { status }) => ({ kind: 'no-database', error: fail('INFLUX_DATABASE', `HTTP ${status} ${words}`, { status }).error }),
  ],
  [
    /retention policy not found|bucket .*not found|organization .*not found|database .*(does not exist|not found)/i,
    stop('INFLUX_DATABASE'),
  ],
  [/database is required|invalid precision|precision .*invalid/i, stop('INFLUX_ENDPOINT')],
  [/max-series-per-database|max-values-per-tag|max series cardinality/i, stop('INFLUX_LIMIT')],
]

const OF_ROWS =
  /partial write|unable to parse|type conflict|invalid (number|boolean|field|tag|timestamp|column)|beyond retention|key length|outside range|line protocol|write_lp/i

/**
 * What an answer to a write means.
 *
 * @param now  wall clock, for a Retry-After that is a date
 */
export const verdictOf = (answer: Answer, now: number): Verdict => {
  const { status, text, headers } = answer
  if (status === 204) return { kind: 'stored' }
  const { words, line, influx } = wordsOf(answer)
  // A proxy's welcome page is 200, too, and so is many another service: only a server that says it is InfluxDB is believed.
  if (status >= 200 && status < 300) {
    const plain = status === 200 && influx && (text.trim() === '' || member(jsonOf(text), 'error') === undefined)
    return plain ? { kind: 'stored' } : later('INFLUX_NOT_INFLUX')(words, answer, now)
  }
  if (status >= 300 && status < 400) return stop('INFLUX_REDIRECT')(`to ${headers.location ?? 'nowhere'}`, answer, now)
  if (status >= 400) for (const [pattern, rule] of WORDS) if (pattern.test(words)) return rule(words, answer, now)
  const rule = STATUS[status]
  if (rule) return rule(words, answer, now)
  if (status === 400 || status === 422) {
    // A proxy that says 400 to everything must not turn every reading into a dead letter.
    if (!influx) return later('INFLUX_NOT_INFLUX')(words, answer, now)
    const dropped = /dropped=(\d+)/.exec(words)
    return { kind: 'refused', words, dropped: dropped ? Number(dropped[1]) : null, line, ofRows: OF_ROWS.test(words) }
  }
  return status >= 400 && status < 500 ? stop('INFLUX_ENDPOINT')(words, answer, now) : later('INFLUX_SERVER')(words, answer, now)
}

/** The verdict on an exchange that gave no answer at all. */
export const unanswered = (error: GatewayError): Verdict => ({ kind: 'later', waitMs: null, error })

/** A dead letter's error, in the server's own words. */
export const refusal = (words: string): GatewayError => fail('INFLUX_REFUSED', words).error

/** Rows that the server's words point at, as a first guess that is then tried; null when they point at none. */
export const suspects = (verdict: Verdict & { kind: 'refused' }, readings: readonly Reading[]): readonly number[] | null => {
  const { words, dropped, line } = verdict
  if (line !== null && line < readings.length) return [line]
  const conflict = /field type conflict: input field "(.+?)" on measurement "(.+?)" is type (\w+)/.exec(words)
  if (conflict) {
    const [, field, measurement, type] = conflict
    return readings.flatMap(({ series, shape, raws }, row) => {
      const column = series.measurement === measurement ? shape.columns.findIndex((candidate) => candidate.field === field) : -1
      if (column < 0 || raws[column] === null || raws[column] === undefined) return []
      return (shape.columns[column]!.integer ? 'integer' : 'float') === type ? [row] : []
    })
  }
  if (/beyond retention policy/.test(words) && dropped !== null)
    return readings
      .map(({ measuredAt }, row) => [measuredAt, row] as const)
      .sort(([a, rowA], [b, rowB]) => a - b || rowA - rowB)
      .slice(0, dropped)
      .map(([, row]) => row)
      .sort((a, b) => a - b)
  return null
}
