import type { GatewayError, Result, Series, Shape } from '../../core/index.ts'
import { ok, TAGS } from '../../core/index.ts'
import { fail } from './errors.ts'

/** Longest tag value in bytes; a 1.x server takes no series key beyond 65,535. */
const LONGEST = 1024

/**
 * What is wrong with a name that is to become a tag value or field key, or null when every InfluxDB generation gives back
 * exactly this name.
 *
 * A backslash stands for itself except at the end and before a comma, blank, equals sign or backslash: there 1.x and 3.x read
 * different names, or swallow the separator. Such names are refused, as are line feeds and every other control character.
 *
 * @source InfluxDB line protocol reference, "Special characters"; models/points.go of 1.6 (scanTagsValue, unescapeTag)
 */
export const nameProblem = (name: string): string | null => {
  if (name === '') return 'is empty'
  if (/\p{Cc}/u.test(name)) return 'holds a control character'
  if (/\p{Cs}/u.test(name)) return 'holds half a character (lone surrogate)'
  if (/\\(?:[\\,= ]|$)/.test(name)) return 'holds a backslash at the end or before a comma, blank, = or backslash'
  if (Buffer.byteLength(name) > LONGEST) return `is longer than ${LONGEST} bytes`
  return null
}

const SPECIAL = /[,= ]/g

/** A name in line protocol; only for names without {@link nameProblem}. */
export const escapeName = (name: string): string => name.replace(SPECIAL, '\\$&')

/** Fields every row has beside its columns; `ratio` only in `register`. */
export const OWN_FIELDS = ['ratio', 'quality', 'received', 'absent'] as const

const RESERVED: ReadonlySet<string> = new Set<string>([...OWN_FIELDS, 'time', '_field', '_measurement', ...Object.values(TAGS).flat()])

/**
 * Measurement and sorted tags of a series up to the blank before the fields.
 *
 * @errors INFLUX_NAME
 */
export const seriesHead = ({ measurement, tags }: Series): Result<string, GatewayError> => {
  let head: string = measurement
  for (const tag of [...TAGS[measurement]].sort()) {
    const value = tags[tag] ?? '-'
    const problem = nameProblem(value)
    if (problem)
      return fail('INFLUX_NAME', `tag ${tag} ${JSON.stringify(value.slice(0, 80))} ${problem}`, { tag, value: value.slice(0, 200) })
    head += `,${tag}=${escapeName(value)}`
  }
  return ok(`${head} `)
}

/**
 * The field keys of a shape, each with the comma before and the equals sign after it.
 *
 * @errors INFLUX_NAME, INFLUX_FIELD
 */
export const fieldKeys = ({ columns }: Shape): Result<readonly string[], GatewayError> => {
  const seen = new Set<string>()
  const keys: string[] = []
  for (const { field } of columns) {
    const problem = nameProblem(field) ?? (/["\\]/.test(field) ? 'holds a quote or backslash' : null)
    if (problem) return fail('INFLUX_NAME', `field ${JSON.stringify(field.slice(0, 80))} ${problem}`, { field: field.slice(0, 200) })
    if (RESERVED.has(field)) return fail('INFLUX_FIELD', `field ${field} is a tag or a field of every row`, { field })
    if (seen.has(field)) return fail('INFLUX_FIELD', `field ${field} stands twice in one row`, { field })
    seen.add(field)
    keys.push(`,${escapeName(field)}=`)
  }
  return ok(keys)
}
