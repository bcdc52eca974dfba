import Type from 'typebox'
import { Value } from 'typebox/value'
import { ok, type Result } from '../../src/core/result.ts'
import type { Datum } from './datum.ts'
import { type Dlt698Error, fail } from './errors.ts'

const strict = { additionalProperties: false }
const Oad = Type.String({ pattern: '^[0-9A-Fa-f]{8}$' })
const Hex = Type.String({ pattern: '^([0-9A-Fa-f]{2}( ?[0-9A-Fa-f]{2})*)?$', maxLength: 6000 })
const typed = <T extends string, S extends Type.TSchema>(t: T, v: S) => Type.Object({ t: Type.Literal(t), v }, strict)

const Leaf = Type.Union([
  Type.Object({ t: Type.Literal('null') }, strict),
  typed('bool', Type.Boolean()),
  typed('double-long', Type.Integer({ minimum: -2_147_483_648, maximum: 2_147_483_647 })),
  typed('double-long-unsigned', Type.Integer({ minimum: 0, maximum: 4_294_967_295 })),
  typed('integer', Type.Integer({ minimum: -128, maximum: 127 })),
  typed('long', Type.Integer({ minimum: -32_768, maximum: 32_767 })),
  typed('unsigned', Type.Integer({ minimum: 0, maximum: 255 })),
  typed('long-unsigned', Type.Integer({ minimum: 0, maximum: 65_535 })),
  typed('long64', Type.Integer()),
  typed('long64-unsigned', Type.Integer({ minimum: 0 })),
  typed('enum', Type.Integer({ minimum: 0, maximum: 255 })),
  typed('float32', Type.Number()),
  typed('float64', Type.Number()),
  Type.Object({ t: Type.Literal('bit-string'), bits: Type.Integer({ minimum: 0, maximum: 16_000 }), v: Hex }, strict),
  typed('octet-string', Hex),
  typed('visible-string', Type.String({ maxLength: 2000, pattern: '^[ -~]*$' })),
  typed('UTF8-string', Type.String({ maxLength: 2000 })),
  typed('OI', Type.String({ pattern: '^[0-9A-Fa-f]{4}$' })),
  typed('OAD', Oad),
  typed('OMD', Oad),
  typed('TSA', Type.String({ pattern: '^\\d{0,32}$' })),
  typed('COMDCB', Type.String({ pattern: '^[0-9A-Fa-f]{2}( ?[0-9A-Fa-f]{2}){4}$' })),
  typed('TI', Type.Tuple([Type.Integer({ minimum: 0, maximum: 5 }), Type.Integer({ minimum: 0, maximum: 65_535 })])),
  typed('Scaler_Unit', Type.Tuple([Type.Integer({ minimum: -128, maximum: 127 }), Type.Integer({ minimum: 0, maximum: 255 })])),
  typed('date_time_s', Type.Union([Type.Null(), Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}:\\d{2}$' })])),
  typed('time', Type.Union([Type.Null(), Type.String({ pattern: '^\\d{2}:\\d{2}:\\d{2}$' })])),
  typed('ROAD', Type.Object({ oad: Oad, columns: Type.Array(Oad, { maxItems: 100 }) }, strict)),
  typed(
    'CSD',
    Type.Union([
      Type.Object({ oad: Oad }, strict),
      Type.Object({ road: Type.Object({ oad: Oad, columns: Type.Array(Oad, { maxItems: 100 }) }, strict) }, strict),
    ]),
  ),
  typed(
    'MS',
    Type.Union([
      Type.Object({ ms: Type.Union([Type.Literal('none'), Type.Literal('all')]) }, strict),
      Type.Object({ ms: Type.Literal('addresses'), tsa: Type.Array(Type.String({ pattern: '^\\d{0,32}$' }), { maxItems: 1000 }) }, strict),
      Type.Object(
        { ms: Type.Literal('archive-numbers'), numbers: Type.Array(Type.Integer({ minimum: 0, maximum: 65_535 }), { maxItems: 1000 }) },
        strict,
      ),
    ]),
  ),
])

/** What an API takes for a value: `{"t": "long-unsigned", "v": 60}`, arrays and structures of such. */
export const DatumSchema = {
  type: 'object',
  required: ['t'],
  properties: {
    t: {
      type: 'string',
      description: 'data type of DL/T 698.45: unsigned, long-unsigned, octet-string, date_time_s, OAD, array, structure …',
    },
    v: { description: 'the value; a list of such objects for array and structure, nothing for null' },
    bits: { type: 'integer', description: 'bits of a bit-string' },
  },
} as const

const DEEPEST = 8
const MOST = 2000

const isObject = (value: unknown): value is { readonly t: unknown; readonly v?: unknown } =>
  typeof value === 'object' && value !== null && 't' in value

const members = (json: unknown): readonly unknown[] | null => (Array.isArray(json) && json.length <= MOST ? json : null)

/** @errors DLT698_COMMAND: the place and what is allowed there */
export const datumFrom = (json: unknown, path = '', depth = 0): Result<Datum, Dlt698Error> => {
  if (depth > DEEPEST) return fail('DLT698_COMMAND', `${path}: more than ${DEEPEST} values within values`)
  if (isObject(json) && (json.t === 'array' || json.t === 'structure')) {
    const list = members(json.v)
    if (list === null) return fail('DLT698_COMMAND', `${path}/v: a list of at most ${MOST} values`)
    const v: Datum[] = []
    for (const [at, one] of list.entries()) {
      const datum = datumFrom(one, `${path}/v/${at}`, depth + 1)
      if (!datum.ok) return datum
      v.push(datum.value)
    }
    return ok({ t: json.t, v })
  }
  if (Value.Check(Leaf, json)) {
    if (json.t === 'bit-string' && Math.ceil(json.bits / 8) !== json.v.replaceAll(' ', '').length / 2)
      return fail('DLT698_COMMAND', `${path}: ${json.bits} bits take ${Math.ceil(json.bits / 8)} bytes`)
    return ok(json)
  }
  const t = isObject(json) ? String(json.t) : typeof json
  return fail('DLT698_COMMAND', `${path || '/'}: ${t} is no value: {"t": type, "v": value} with a type of DL/T 698.45 and what it can hold`)
}
