import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'
import { bytesOf, type Decimal, ok, type Profile, type Raw, type Result } from '../../src/core/index.ts'
import { BYTE_ORDERS, type ByteOrder, decodeNumber, REGISTER_TYPES, type RegisterType } from './data.ts'
import { fail, type ModbusError } from './errors.ts'
import { checkProfile } from './profile-check.ts'

const words = Type.String({ pattern: '^[0-9A-F]{4}( [0-9A-F]{4})*$', description: 'registers as they come on the wire, hexadecimal' })
const closed = { additionalProperties: false }

/** Kinds of registers; the first three are read as values. */
export const KINDS = ['instantaneous', 'cumulative', 'demand', 'config', 'clock', 'identity', 'status', 'scaleFactor'] as const

const sampleSchema = Type.Object(
  {
    words,
    scaleFactor: Type.Optional(words),
    value: Type.Union([Type.String(), Type.Null()], {
      description: 'exact decimal in the unit of the line (text for strings); null = not available',
    }),
  },
  closed,
)

/** One register line. Addresses are zero-based, as on the wire; in SunSpec profiles they count from the model's ID word. */
export const registerSchema = Type.Object(
  {
    address: Type.Integer({ minimum: 0, maximum: 65535 }),
    addressHex: Type.String({ pattern: '^0x[0-9A-F]{4}$' }),
    function: Type.Enum([3, 4], { description: '3 = holding register, 4 = input register' }),
    type: Type.Enum([...REGISTER_TYPES]),
    length: Type.Integer({ minimum: 1, maximum: 125, description: 'registers' }),
    bit: Type.Optional(Type.Integer({ minimum: 0, maximum: 15, description: 'for type bit: 0 = least significant' })),
    wordOrder: Type.Enum(['big', 'little'], { description: 'big = most significant register first (ABCD), little = CDAB' }),
    byteOrder: Type.Optional(Type.Enum([...BYTE_ORDERS], { description: 'for the orders that wordOrder has no word for' })),
    scale: Type.Number({ exclusiveMinimum: 0, description: 'power of ten: value = raw × scale' }),
    scaleFactor: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535, description: 'SunSpec: address of the exponent register' })),
    unit: Type.String({ description: 'unit after scaling, as the meter has it' }),
    obis: Type.Union([Type.String(), Type.Null()]),
    description: Type.String({ minLength: 1 }),
    kind: Type.Enum([...KINDS]),
    ratio: Type.Optional(Type.Enum(['none', 'ct', 'pt', 'ctpt'], { description: 'the value is secondary and is multiplied, once' })),
    group: Type.Optional(Type.String({ minLength: 1, description: 'registers of one group are read in one request' })),
    alternative: Type.Optional(Type.String({ description: 'a second place of an OBIS code already listed, and why' })),
    mandatory: Type.Optional(Type.Boolean()),
    access: Type.Optional(Type.Enum(['r', 'rw'])),
    note: Type.Optional(Type.String()),
    sources: Type.Array(Type.String(), { minItems: 1 }),
    verified: Type.Enum(['two-sources', 'one-source', 'standard']),
    sample: sampleSchema,
    sampleSource: Type.Optional(Type.String({ description: 'where the sample was captured; absent = constructed from the map' })),
  },
  closed,
)
export type ModbusRegister = Static<typeof registerSchema>

const absentSchema = Type.Object(
  {
    type: Type.Enum([...REGISTER_TYPES]),
    words,
    kind: Type.Optional(Type.Enum([...KINDS], { description: 'only registers of this kind' })),
    mandatory: Type.Optional(Type.Boolean({ description: 'only registers that are (not) mandatory' })),
    note: Type.Optional(Type.String()),
  },
  closed,
)

/** A file of config/profiles/modbus. */
export const profileSchema = Type.Object(
  {
    id: Type.String({ pattern: '^[a-z0-9][a-z0-9.-]*$' }),
    protocol: Type.Enum(['modbus']),
    manufacturer: Type.String({ minLength: 1 }),
    models: Type.Array(Type.String(), { minItems: 1 }),
    addressing: Type.String(),
    functions: Type.Array(Type.Enum([3, 4]), { minItems: 1, description: 'read functions the meter answers, the preferred one first' }),
    defaultSerial: Type.Union([
      Type.Object(
        {
          baud: Type.Integer({ minimum: 300 }),
          parity: Type.Enum(['none', 'even', 'odd']),
          stopBits: Type.Enum([1, 2]),
          unitId: Type.Integer({ minimum: 1, maximum: 247 }),
        },
        closed,
      ),
      Type.Null(),
    ]),
    maxRegistersPerRequest: Type.Integer({ minimum: 1, maximum: 125 }),
    maxRegistersSource: Type.String(),
    mergeGap: Type.Integer({ minimum: 0, maximum: 124, description: 'how many undefined registers a read may span' }),
    wordOrder: Type.Enum(['big', 'little']),
    ratio: Type.Enum(['none', 'ctpt', 'ctpt-by-setting']),
    notAvailable: Type.Array(absentSchema, { description: 'patterns that mean "no value", most significant word first' }),
    sources: Type.Record(Type.String(), Type.String()),
    quirks: Type.Array(Type.String()),
    knownGaps: Type.Array(Type.String()),
    variants: Type.Optional(Type.Array(Type.Object({ name: Type.String(), difference: Type.String() }, closed))),
    modelId: Type.Optional(Type.Integer({ minimum: 1, maximum: 65534, description: 'SunSpec model' })),
    modelLength: Type.Optional(Type.Integer({ minimum: 1 })),
    sameLayout: Type.Optional(Type.Array(Type.Integer(), { description: 'SunSpec models with the same layout' })),
    registers: Type.Array(registerSchema, { minItems: 1 }),
  },
  closed,
)
export type ModbusProfile = Static<typeof profileSchema> & Profile

const LOADED = new WeakMap<object, Result<ModbusProfile, ModbusError>>()

/**
 * Checks a profile file: its form, then what {@link checkProfile} knows about registers.
 *
 * @param json  the parsed file
 * @errors      MODBUS_PROFILE, with path, value and what is allowed there
 */
export const loadProfile = (json: unknown): Result<ModbusProfile, ModbusError> => {
  const known = typeof json === 'object' && json !== null ? LOADED.get(json) : undefined
  if (known) return known
  const loaded = load(json)
  if (typeof json === 'object' && json !== null) LOADED.set(json, loaded)
  return loaded
}

const load = (json: unknown): Result<ModbusProfile, ModbusError> => {
  if (!isProfile(json)) {
    const errors = [...Value.Errors(profileSchema, json)]
    const worst = errors.reduce((a, b) => (b.instancePath.length > a.instancePath.length ? b : a), errors[0]!)
    const path = worst.instancePath || '/'
    const message = worst.keyword === 'boolean' ? 'unknown member' : worst.message
    return fail('MODBUS_PROFILE', `${path}: ${message}${allowedIn(worst.params)}${valueText(json, path)}${more(errors.length)}`, { path })
  }
  const problems = checkProfile(json)
  const first = problems[0]
  if (first)
    return fail('MODBUS_PROFILE', `${first.path}: ${first.message}${more(problems.length)}`, {
      path: first.path,
      problems: problems.length,
    })
  return ok(json)
}

const isProfile = (json: unknown): json is ModbusProfile => Value.Check(profileSchema, json)
const more = (count: number): string => (count > 1 ? ` (and ${count - 1} more)` : '')
const allowedIn = (params: unknown): string => {
  if (typeof params !== 'object' || params === null) return ''
  if ('allowedValues' in params && Array.isArray(params.allowedValues)) return `; allowed ${params.allowedValues.join(', ')}`
  if ('additionalProperties' in params && Array.isArray(params.additionalProperties))
    return `; unknown ${params.additionalProperties.join(', ')}`
  if ('requiredProperties' in params && Array.isArray(params.requiredProperties)) return `; missing ${params.requiredProperties.join(', ')}`
  return ''
}
const valueText = (json: unknown, path: string): string => {
  let value: unknown = json
  for (const step of path.split('/').slice(1)) value = typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined
  return typeof value === 'object' || value === undefined ? '' : `, not ${JSON.stringify(value)}`
}

/** Byte order of a line: its own, or what its word order stands for. */
export const orderOf = ({ byteOrder, wordOrder }: Pick<ModbusRegister, 'byteOrder' | 'wordOrder'>): ByteOrder =>
  byteOrder ?? (wordOrder === 'little' ? 'CDAB' : 'ABCD')

/** Exponent of a line's scale: 0.01 is -2. */
export const exponentOf = ({ scale }: Pick<ModbusRegister, 'scale'>): number => Math.round(Math.log10(scale))

/** Raw values that mean "no value" for this line; floats compare as numbers, NaN needs no pattern. */
export const absentRaws = (profile: Pick<ModbusProfile, 'notAvailable'>, register: ModbusRegister): readonly Raw[] =>
  profile.notAvailable.flatMap((pattern) => {
    if (pattern.type !== register.type || (pattern.kind ?? register.kind) !== register.kind) return []
    if (pattern.mandatory !== undefined && pattern.mandatory !== (register.mandatory ?? false)) return []
    const value = decimalOfWords(register.type, pattern.words)
    return value === null || value.scaler !== 0 ? [] : [value.raw]
  })

/** The raw a pattern stands for; null for NaN, text and patterns of another length. */
const decimalOfWords = (type: RegisterType, text: string): Decimal | null => {
  const bytes = bytesOf(text)
  if (type === 'string' || bytes === null) return null
  const value = decodeNumber(type, 'ABCD', bytes, 0)
  return typeof value === 'string' ? null : value
}
