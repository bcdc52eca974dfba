import Type from 'typebox'
import { Value } from 'typebox/value'
import type { PlannedValue, Profile, ReadKind } from '../../src/core/adapter.ts'
import { parseObis } from '../../src/core/obis.ts'
import { ok, type Result } from '../../src/core/result.ts'
import { canonicalUnit } from '../../src/core/unit.ts'
import { type Dlt698Error, fail } from './errors.ts'
import { plannedOf } from './obis.ts'

const strict = { additionalProperties: false }
const Oad = Type.String({ pattern: '^[0-9A-F]{8}$', description: 'OAD: object, attribute, index' })

const Sample = Type.Object(
  {
    hex: Type.String({ description: 'the value as Data: its tag and its bytes, high byte first' }),
    value: Type.Union([Type.Number(), Type.Null()], { description: 'what they mean, in the unit of the line; null for NULL' }),
  },
  strict,
)

/** One register line: which object holds a value, where in it, and a sample that proves it. */
export const RegisterLine = Type.Object(
  {
    obis: Type.String({ description: 'OBIS code, full form' }),
    oad: Oad,
    index: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 63,
        description: 'place in the array of a whole attribute: 0 = total or phase A, then tariffs or phases',
      }),
    ),
    scaler: Type.Integer({ minimum: -6, maximum: 3 }),
    unit: Type.String(),
    ratio: Type.Optional(Type.Union([Type.Literal('none'), Type.Literal('ct'), Type.Literal('pt'), Type.Literal('ctpt')])),
    sample: Sample,
    sampleSource: Type.Optional(Type.String()),
    note: Type.Optional(Type.String()),
  },
  strict,
)
export type RegisterLine = Type.Static<typeof RegisterLine>

const Lines = Type.Array(RegisterLine, { minItems: 1 })
const Table = Type.Optional(Type.String({ pattern: '^[0-9A-F]{8}$', description: 'freeze table of the meter; the usual one when absent' }))

/** What a terminal keeps of meters of one model, or a meter that dials in by itself has, as data. */
export const Dlt698ProfileSchema = Type.Object(
  {
    id: Type.String({ minLength: 1 }),
    protocol: Type.Literal('dlt698'),
    source: Type.String(),
    manufacturer: Type.Optional(Type.String()),
    models: Type.Optional(Type.Array(Type.String())),
    description: Type.Optional(Type.String()),
    live: Type.Optional(
      Type.String({ description: 'profile of the meter itself: current values are read through the terminal (PROXY 7) by it' }),
    ),
    current: Type.Optional(
      Type.Union([Type.Literal('proxy'), Type.Literal('stored')], {
        description:
          'where current values come from: the meter, which the terminal asks (PROXY 1), or what it collected last (6012-3); proxy when absent',
      }),
    ),
    stored: Type.Optional(Oad),
    select: Type.Optional(
      Type.Union([Type.Literal('instant'), Type.Literal('range')], {
        description:
          'how one freeze is chosen out of what the terminal collected: by its store time (RSD 5), or by the day that time lies in (RSD 7), for terminals that store later; instant when absent',
      }),
    ),
    registers: Type.Array(RegisterLine),
    dayFreeze: Type.Optional(Type.Object({ table: Table, registers: Lines }, strict)),
    monthFreeze: Type.Optional(Type.Object({ table: Table, registers: Lines }, strict)),
    curve: Type.Optional(
      Type.Object(
        { table: Table, minutes: Type.Integer({ minimum: 1, maximum: 1440, description: 'interval of the freeze' }), registers: Lines },
        strict,
      ),
    ),
    metersPerRequest: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 255, description: 'most meters asked for at once, whatever has room in a frame' }),
    ),
    quirks: Type.Optional(Type.Array(Type.String())),
  },
  strict,
)
export type Dlt698Profile = Type.Static<typeof Dlt698ProfileSchema>

/** Records of everything the terminal's tasks collected. */
export const COLLECTED = '60120300'

/** Freeze tables by kind of read. @source DL/T 698.45-2017, class 9: 5002 minute, 5004 day, 5006 month */
const TABLES: Readonly<Record<Exclude<ReadKind, 'current'>, string>> = {
  curve: '50020200',
  'day-freeze': '50040200',
  'month-freeze': '50060200',
}

/** Table a kind of read is in; null for present values. */
export const tableOf = ({ dayFreeze, monthFreeze, curve }: Dlt698Profile, kind: ReadKind): string | null =>
  kind === 'current' ? null : ({ 'day-freeze': dayFreeze, 'month-freeze': monthFreeze, curve }[kind]?.table ?? TABLES[kind])

/**
 * Checks a profile file that was read as JSON.
 *
 * @errors  DLT698_PROFILE: path, what is there, what is allowed
 */
export const loadProfile = (json: unknown): Result<Dlt698Profile, Dlt698Error> => {
  if (Value.Check(Dlt698ProfileSchema, json)) return ok(json)
  const [first] = Value.Errors(Dlt698ProfileSchema, json)
  const path = first?.instancePath || '/'
  return fail('DLT698_PROFILE', `profile at ${path}: ${first?.message ?? 'does not match its schema'}`, { path })
}

const checked = new WeakMap<Profile, Result<Dlt698Profile, Dlt698Error>>()

/** The same for a profile that others hold; checked once for each object. */
export const profileOf = (profile: Profile): Result<Dlt698Profile, Dlt698Error> => {
  const known = checked.get(profile)
  if (known) return known
  const made = loadProfile(profile)
  checked.set(profile, made)
  return made
}

/** Lines of a kind of read. */
export const linesOf = ({ registers, dayFreeze, monthFreeze, curve }: Dlt698Profile, kind: ReadKind): readonly RegisterLine[] =>
  ({ current: registers, 'day-freeze': dayFreeze?.registers, 'month-freeze': monthFreeze?.registers, curve: curve?.registers })[kind] ?? []

/** What a line brings. @errors DLT698_PROFILE: no OBIS code, no known unit */
export const plannedLine = (line: RegisterLine): Result<PlannedValue, Dlt698Error> => {
  const { obis, oad, unit, scaler } = line
  if (parseObis(obis) === null) return fail('DLT698_PROFILE', `register ${oad}: ${obis} is no OBIS code`)
  if (canonicalUnit(unit) === null) return fail('DLT698_PROFILE', `register ${oad}: unit ${unit} is not known`)
  return ok({ obis, unit, scaler, ratio: line.ratio ?? plannedOf(oad, line.index ?? 0)?.ratio ?? 'none' })
}
