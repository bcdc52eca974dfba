import Type from 'typebox'
import { Value } from 'typebox/value'
import type { Profile, RatioKind } from '../../src/core/adapter.ts'
import { parseObis } from '../../src/core/obis.ts'
import { ok, type Result } from '../../src/core/result.ts'
import { canonicalUnit } from '../../src/core/unit.ts'
import { readBcd } from './bcd.ts'
import { type Dlt645Error, fail } from './errors.ts'
import type { Variant } from './frame.ts'
import type { Item, Part } from './item.ts'
import { DI_DIGITS, itemOf } from './items.ts'
import { curveFields, LOAD_CLASSES, type LoadField } from './load-items.ts'

const strict = { additionalProperties: false }

const Sample = Type.Object(
  {
    hex: Type.String({ description: 'bytes of this value on the wire, 33H taken off, low byte first' }),
    value: Type.Union([Type.Number(), Type.Null()], { description: 'what they mean, in the unit of the line; null for FF fill' }),
  },
  strict,
)

/** One register line: where a value lies, what it is, and a sample that proves it. */
export const RegisterLine = Type.Object(
  {
    obis: Type.String({ description: 'OBIS code, full form' }),
    di: Type.String({
      pattern: '^([0-9A-F]{4}|[0-9A-F]{8}|[0-9A-F]{6}nn)$',
      description: 'data identifier, most significant byte first; nn = n-th last',
    }),
    index: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 63, description: 'place in the answer when it holds several values; 0 = first' }),
    ),
    scaler: Type.Integer({ minimum: -6, maximum: 3 }),
    unit: Type.String(),
    signed: Type.Optional(Type.Boolean({ description: 'top bit is the sign' })),
    bytes: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 6, description: 'size, for identifiers and models that differ from the standard' }),
    ),
    ratio: Type.Optional(Type.Union([Type.Literal('none'), Type.Literal('ct'), Type.Literal('pt'), Type.Literal('ctpt')])),
    sample: Sample,
    sampleSource: Type.Optional(Type.String()),
    note: Type.Optional(Type.String()),
  },
  strict,
)

/** A meter model as data. */
export const Dlt645ProfileSchema = Type.Object(
  {
    id: Type.String({ minLength: 1 }),
    protocol: Type.Union([Type.Literal('dlt645-2007'), Type.Literal('dlt645-1997')]),
    source: Type.String(),
    manufacturer: Type.Optional(Type.String()),
    models: Type.Optional(Type.Array(Type.String())),
    description: Type.Optional(Type.String()),
    serial: Type.Optional(
      Type.Object(
        {
          baud: Type.Integer(),
          parity: Type.Union([Type.Literal('even'), Type.Literal('none'), Type.Literal('odd')]),
          dataBits: Type.Integer(),
          stopBits: Type.Integer(),
        },
        strict,
      ),
    ),
    wakeUps: Type.Optional(Type.Integer({ minimum: 0, maximum: 8, description: 'FEH bytes before each request, 4 when absent' })),
    blocks: Type.Optional(
      Type.Boolean({
        description: 'whether registers of one kind are asked for together (DI1 = FF); a refused block is asked for item by item',
      }),
    ),
    registers: Type.Array(RegisterLine),
    dayFreeze: Type.Optional(
      Type.Object({ time: Type.String({ pattern: '^[0-9A-F]{6}nn$' }), registers: Type.Array(RegisterLine, { minItems: 1 }) }, strict),
    ),
    monthFreeze: Type.Optional(Type.Object({ registers: Type.Array(RegisterLine, { minItems: 1 }) }, strict)),
    curve: Type.Optional(
      Type.Object(
        {
          minutes: Type.Integer({ minimum: 1, maximum: 1440, description: 'interval of the load record' }),
          blocksPerRequest: Type.Optional(Type.Integer({ minimum: 1, maximum: 9 })),
          registers: Type.Array(RegisterLine, { minItems: 1 }),
        },
        strict,
      ),
    ),
    quirks: Type.Optional(Type.Array(Type.String())),
  },
  strict,
)
export type RegisterLine = Type.Static<typeof RegisterLine>
export type Dlt645Profile = Type.Static<typeof Dlt645ProfileSchema>

export const variantOfProfile = ({ protocol }: Pick<Dlt645Profile, 'protocol'>): Variant => (protocol === 'dlt645-1997' ? '1997' : '2007')

/**
 * Checks a profile file that was read as JSON.
 *
 * @errors  DLT645_PROFILE: path, what is there, what is allowed
 */
export const loadProfile = (json: unknown): Result<Dlt645Profile, Dlt645Error> => {
  if (Value.Check(Dlt645ProfileSchema, json)) return ok(json)
  const [first] = Value.Errors(Dlt645ProfileSchema, json)
  const path = first?.instancePath || '/'
  return fail('DLT645_PROFILE', `profile at ${path}: ${first?.message ?? 'does not match its schema'}`, { path })
}

const checked = new WeakMap<Profile, Result<Dlt645Profile, Dlt645Error>>()

/** The same for a profile that others hold; checked once for each object. */
export const profileOf = (profile: Profile): Result<Dlt645Profile, Dlt645Error> => {
  const known = checked.get(profile)
  if (known) return known
  const made = loadProfile(profile)
  checked.set(profile, made)
  return made
}

/** Where one value lies in the answer to its identifier, and how it is read. */
export interface Field {
  readonly line: RegisterLine
  readonly offset: number
  readonly bytes: number
  readonly signed: boolean
  /** Status words are binary, everything else is BCD. */
  readonly binary: boolean
  readonly ratio: RatioKind
  /** Size of the whole answer, when it is fixed. */
  readonly fixed: number | null
  /** Size of one value of a block. */
  readonly stride: number
  /** Byte behind the last value of a block. */
  readonly end: number | null
}

const prefix = (parts: readonly Part[], to: number): number => parts.slice(0, to).reduce((sum, { format }) => sum + format.bytes, 0)

/** Fields of load-record identifiers (one class, or all in a row) and curve items. */
export const loadFieldsOf = (di: string): readonly LoadField[] | null => {
  if (!/^06[01]/.test(di)) return null
  const kind = Number.parseInt(di.slice(2, 4), 16)
  if (kind === 0x10) return curveFields(di)
  return kind === 0 ? LOAD_CLASSES.flatMap(({ fields }) => fields) : (LOAD_CLASSES[kind - 1]?.fields ?? null)
}

/** The part a line reads, and where it lies in the answer. */
export const placeIn = (item: Item, index: number): { part: Part | undefined; offset: number; fixed: number | null; stride: number } => {
  const load = loadFieldsOf(item.di)
  if (load) {
    const field = load[index]
    return { part: field && { label: field.label, format: field.format }, offset: index, fixed: null, stride: 1 }
  }
  const stride = prefix(item.parts, item.parts.length)
  if (item.repeat) return { part: item.parts[0], offset: index * stride, fixed: null, stride }
  return { part: item.parts[index], offset: prefix(item.parts, index), fixed: stride, stride }
}

/** Works out where the value of a register line lies. @errors DLT645_PROFILE */
export const fieldOf = (variant: Variant, line: RegisterLine): Result<Field, Dlt645Error> => {
  const di = line.di.replace('nn', '01')
  const where = `register ${line.obis}, item ${line.di}`
  if (di.length !== DI_DIGITS[variant])
    return fail('DLT645_PROFILE', `${where}: identifiers have ${DI_DIGITS[variant]} digits in ${variant}`)
  if (parseObis(line.obis) === null) return fail('DLT645_PROFILE', `${where}: ${line.obis} is no OBIS code`)
  if (canonicalUnit(line.unit) === null) return fail('DLT645_PROFILE', `${where}: unit ${line.unit} is not known`)
  const item = itemOf(variant, di)
  if (!item.known) {
    if (line.bytes === undefined) return fail('DLT645_PROFILE', `${where}: not in the tables, so the line must say how many bytes it has`)
    return ok({
      line,
      offset: 0,
      bytes: line.bytes,
      signed: line.signed ?? false,
      binary: false,
      ratio: line.ratio ?? 'none',
      fixed: line.bytes,
      stride: line.bytes,
      end: null,
    })
  }
  const { part, offset, fixed, stride } = placeIn(item, line.index ?? 0)
  const format = part?.format
  if (format === undefined) return fail('DLT645_PROFILE', `${where}: has no value number ${line.index ?? 0}`)
  if (format.kind !== 'number' && format.kind !== 'word') return fail('DLT645_PROFILE', `${where}: ${item.quantity} is no number`)
  const bytes = line.bytes ?? format.bytes
  const own = bytes !== format.bytes && item.parts.length === 1
  return ok({
    line,
    offset: own && item.repeat ? (line.index ?? 0) * bytes : offset,
    bytes,
    signed: line.signed ?? (format.kind === 'number' && format.signed),
    binary: format.kind === 'word',
    // A load record has a ratio for each of its fields, its item has none of its own.
    ratio: line.ratio ?? loadFieldsOf(item.di)?.[line.index ?? 0]?.ratio ?? item.ratio,
    fixed: own && !item.repeat ? bytes : fixed,
    stride: own ? bytes : stride,
    end: item.repeat?.end ?? null,
  })
}

/** Integer of a field, NaN where it has none. */
export const readValue = (field: Field, data: Uint8Array): number => {
  if (!field.binary) return readBcd(data, field.offset, field.bytes, field.signed)
  const [low, high] = [data[field.offset], data[field.offset + 1]]
  return low === undefined || high === undefined ? Number.NaN : low + high * 256
}
