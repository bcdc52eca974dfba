/** Requests made out of the OpenAPI document: good ones as far as a schema tells, and bad ones. */

export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly format?: string
  readonly pattern?: string
  readonly minLength?: number
  readonly minimum?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly minItems?: number
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
}
export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly schema: Schema
}
export interface Operation {
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly 'x-permission': string
}
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

const AT = '2026-08-15T00:00:00+08:00'
/** Texts for the patterns that come up; a schema whose text is none of them has its pattern tried on all of these. */
const TEXTS = [
  '1',
  'a',
  'x1',
  '1.8.0',
  '1-0:1.8.0',
  AT,
  '2026-08-15',
  '2026-08',
  '15m',
  '30d',
  '0.5',
  '180',
  '08:00',
  '1.0',
  'customer',
  'P-1',
]

/** A value the schema takes, as far as it can be told; never endless. */
export const sampleOf = (document: ApiDocument, schema: Schema, depth = 0): unknown => {
  if (depth > 6) return null
  const sample = (one: Schema) => sampleOf(document, one, depth + 1)
  if (schema.$ref) return sample(document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {})
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[0]
  if (schema.default !== undefined) return schema.default
  if (schema.examples?.length) return schema.examples[0]
  const [choice] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? []
  if (choice) return sample(choice)
  const type = [schema.type].flat().find((one) => one !== 'null')
  if (type === 'object' || schema.properties) {
    const required = new Set(schema.required)
    const members = Object.entries(schema.properties ?? {}).filter(([name]) => required.has(name))
    return Object.fromEntries(members.map(([name, member]) => [name, sample(member)]))
  }
  if (type === 'array')
    return schema.items ? Array.from({ length: Math.max(1, schema.minItems ?? 1) }, () => sample(schema.items ?? {})) : []
  if (type === 'integer' || type === 'number') return Math.max(1, schema.minimum ?? 1)
  if (type === 'boolean') return true
  if (schema.format === 'date-time') return AT
  if (schema.format === 'date') return '2026-08-15'
  if (schema.pattern) {
    const form = new RegExp(schema.pattern, 'u')
    return TEXTS.find((text) => form.test(text)) ?? 'x'
  }
  return 'x'.repeat(Math.max(1, schema.minLength ?? 1))
}

const DEEP = JSON.parse(`${'['.repeat(60)}1${']'.repeat(60)}`)
/** What nobody should send in an address. */
export const BAD_TEXTS = [
  ...['', ' ', '\0', '\u202e', '٣', 'é', '..', '../../etc/passwd', '%', '%00', '%2e%2e%2f', '\\', "'; DROP TABLE point;--", '<script>'],
  ...['null', 'true', '-1', '0', '1e999', 'NaN', '9007199254740993', '2026-13-45', '2026-02-30T00:00:00Z', '9999-12-31T23:59:60Z'],
  ...[
    '0001-01-01T00:00:00Z',
    '-000001-01-01T00:00:00Z',
    '2026-08-15T00:00:00',
    '=1+1',
    'x'.repeat(150),
    'ab\r\nset-cookie: a=b',
    '{"a":1}',
  ],
]
/** What nobody should send in a body. */
export const BAD_VALUES: readonly unknown[] = [
  ...[null, true, -1, 0.5, 1e308, 9_007_199_254_740_992, '', ' ', '\0', 'x'.repeat(5000), [], [null], {}, { constructor_: 1 }, DEEP],
  ...['1e999', '-0', '٣', '2026-02-30T00:00:00Z', '0001-01-01T00:00:00Z', '=1+1', '../..', '<script>'],
]

const LEFT_TO_THE_SCHEMA = 5

/** How many were asked for of what a schema leaves no room in: each takes the next few, so that all of them have their turn. */
let turn = 0

/**
 * All of them where texts are free; a few, others each time, where the schema refuses all but some words or numbers: what refuses them is
 * one and the same everywhere.
 */
export const someOf = <T>(document: ApiDocument, schema: Schema, all: readonly T[]): readonly T[] => {
  const whole = schema.$ref ? (document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}) : schema
  const types = [whole.type].flat()
  const isNarrow =
    whole.enum !== undefined ||
    whole.const !== undefined ||
    types.some((type) => type === 'integer' || type === 'number' || type === 'boolean')
  if (!isNarrow) return all
  turn++
  return all.filter((_, at) => (at + turn) % LEFT_TO_THE_SCHEMA === 0)
}

/** Bodies with one thing wrong each: every member in turn, and the whole. */
export const badBodies = function* (document: ApiDocument, schema: Schema): Generator<unknown> {
  const whole = schema.$ref ? (document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}) : schema
  const good = sampleOf(document, whole)
  yield good
  for (const value of [null, 1, 'x', [], DEEP]) yield value
  if (typeof good !== 'object' || good === null) return
  for (const [name, member] of Object.entries(whole.properties ?? {}))
    for (const value of someOf(document, member, BAD_VALUES)) yield { ...good, [name]: value }
  for (const name of Object.keys(good)) yield Object.fromEntries(Object.entries(good).filter(([each]) => each !== name))
}
