import Type from 'typebox'
import { Value } from 'typebox/value'
import type { Profile, RatioKind, ReadKind } from '../../src/core/adapter.ts'
import { parseObis } from '../../src/core/obis.ts'
import { ok, type Result } from '../../src/core/result.ts'
import { canonicalUnit } from '../../src/core/unit.ts'
import { AFN } from './ask.ts'
import { densityCode } from './formats.ts'
import type { Layout, NumberField } from './layout.ts'
import { numberField, numbersOf } from './places.ts'
import type { FnRow, ScaleKind } from './rows.ts'
import { rowOf } from './tables.ts'
import { refuse, type TalkError } from './talk-errors.ts'

const strict = { additionalProperties: false }

const Sample = Type.Object(
  {
    hex: Type.String({ description: 'bytes of this value on the wire, low byte first' }),
    value: Type.Union([Type.Number(), Type.Null()], { description: 'what they mean, in the unit of the line; null for fill' }),
  },
  strict,
)

/** One register line: which item holds a value, where in it, and a sample that proves it. */
export const RegisterLine = Type.Object(
  {
    obis: Type.String({ description: 'OBIS code, full form' }),
    fn: Type.String({
      pattern: '^F[1-9]\\d{0,2}$',
      description: 'item (信息类 Fn): of AFN 0C for registers, of AFN 0D for freezes and curves',
    }),
    field: Type.Optional(Type.String({ description: 'name of the value in the item, where the item has several kinds: P_kW, U_V' })),
    index: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 63, description: 'place among the values of that name; 0 = first, total; 1 to M the tariffs' }),
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

/** What a concentrator keeps of meters of one model, as data. */
export const Gw3761ProfileSchema = Type.Object(
  {
    id: Type.String({ minLength: 1 }),
    protocol: Type.Literal('gw3761'),
    source: Type.String(),
    manufacturer: Type.Optional(Type.String()),
    models: Type.Optional(Type.Array(Type.String())),
    description: Type.Optional(Type.String()),
    live: Type.Optional(
      Type.String({
        description: 'profile of the meter itself: current values are read through the concentrator (AFN 10) by it, not from its memory',
      }),
    ),
    registers: Type.Array(RegisterLine),
    dayFreeze: Type.Optional(Type.Object({ registers: Lines }, strict)),
    monthFreeze: Type.Optional(Type.Object({ registers: Lines }, strict)),
    curve: Type.Optional(
      Type.Object(
        {
          minutes: Type.Integer({ minimum: 1, maximum: 60, description: 'interval that is asked for: 1, 5, 15, 30 or 60' }),
          registers: Lines,
        },
        strict,
      ),
    ),
    combine: Type.Optional(
      Type.Boolean({
        description: 'whether one identifier may name several points and items of AFN 0C; true when absent. Some terminals take only one',
      }),
    ),
    metersPerRequest: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 255, description: 'most meters asked for at once, whatever has room in a frame' }),
    ),
    quirks: Type.Optional(Type.Array(Type.String())),
  },
  strict,
)
export type Gw3761Profile = Type.Static<typeof Gw3761ProfileSchema>

/**
 * Checks a profile file that was read as JSON.
 *
 * @errors  GW3761_PROFILE: path, what is there, what is allowed
 */
export const loadProfile = (json: unknown): Result<Gw3761Profile, TalkError> => {
  if (Value.Check(Gw3761ProfileSchema, json)) return ok(json)
  const [first] = Value.Errors(Gw3761ProfileSchema, json)
  const path = first?.instancePath || '/'
  return refuse('GW3761_PROFILE', `profile at ${path}: ${first?.message ?? 'does not match its schema'}`, { path })
}

const checked = new WeakMap<Profile, Result<Gw3761Profile, TalkError>>()

/** The same for a profile that others hold; checked once for each object. */
export const profileOf = (profile: Profile): Result<Gw3761Profile, TalkError> => {
  const known = checked.get(profile)
  if (known) return known
  const made = loadProfile(profile)
  checked.set(profile, made)
  return made
}

/** Lines of a read kind. */
export const linesOf = ({ registers, dayFreeze, monthFreeze, curve }: Gw3761Profile, kind: ReadKind): readonly RegisterLine[] =>
  ({ current: registers, 'day-freeze': dayFreeze?.registers, 'month-freeze': monthFreeze?.registers, curve: curve?.registers })[kind] ?? []

/** AFN and time scale an item of a read kind must have. */
export const PLACES: Readonly<Record<ReadKind, { readonly afn: number; readonly scale: ScaleKind | null }>> = {
  current: { afn: AFN.now, scale: null },
  'day-freeze': { afn: AFN.past, scale: 'd' },
  'month-freeze': { afn: AFN.past, scale: 'm' },
  curve: { afn: AFN.past, scale: 'c' },
}
const SCALE_WORDS: Readonly<Record<ScaleKind, string>> = { d: 'of a day', m: 'of a month', c: 'a curve', h: 'of an hour' }

/** Which of a unit's numbers a line reads, and as what. */
export interface Column {
  readonly line: RegisterLine
  readonly fn: number
  readonly row: FnRow
  readonly name: string
  readonly index: number
  readonly ratio: RatioKind
}

const RATIOS: Readonly<Record<string, RatioKind>> = {
  V: 'pt',
  A: 'ct',
  kW: 'ctpt',
  kvar: 'ctpt',
  kVA: 'ctpt',
  kWh: 'ctpt',
  kvarh: 'ctpt',
  kVAh: 'ctpt',
}

/** A line's number in each layout of its item. */
export const fieldsOfLine = (bodies: readonly Layout[], line: RegisterLine): readonly (NumberField | null)[] =>
  bodies.map((body) => numberField(body, line.field))

/** Works out what a register line reads. @errors GW3761_PROFILE */
export const columnOf = (kind: ReadKind, line: RegisterLine): Result<Column, TalkError> => {
  const where = `register ${line.obis}, item ${line.fn}`
  const { afn, scale } = PLACES[kind]
  const fn = Number(line.fn.slice(1))
  const row = rowOf(afn, fn)
  const text = `AFN ${afn.toString(16).toUpperCase().padStart(2, '0')}`
  if (parseObis(line.obis) === null) return refuse('GW3761_PROFILE', `${where}: ${line.obis} is no OBIS code`)
  if (canonicalUnit(line.unit) === null) return refuse('GW3761_PROFILE', `${where}: unit ${line.unit} is not known`)
  if (!row?.bodies) return refuse('GW3761_PROFILE', `${where}: the tables have no layout of it in ${text}`)
  if (row.scale !== scale)
    return refuse('GW3761_PROFILE', `${where}: it is ${row.scale ? SCALE_WORDS[row.scale] : 'of now'}, not for ${kind}`)
  const field = fieldsOfLine(row.bodies, line).find((one) => one !== null)
  if (!field) {
    const names = [...new Set(row.bodies.flatMap((body) => numbersOf(body).map(({ name }) => name)))]
    const why = line.field === undefined ? 'has several kinds of numbers, so the line must name its field' : `has no number ${line.field}`
    return refuse('GW3761_PROFILE', `${where}: ${names.length === 0 ? 'holds no numbers of a meter' : `${why}: ${names.join(', ')}`}`)
  }
  return ok({ line, fn, row, name: field.name, index: line.index ?? 0, ratio: line.ratio ?? RATIOS[line.unit] ?? 'none' })
}

/** Whether the profile's interval has a code in the protocol. */
export const densityOf = ({ id, curve }: Gw3761Profile): Result<number, TalkError> => {
  const code = curve ? densityCode(curve.minutes) : null
  return code === null
    ? refuse('GW3761_PROFILE', `profile ${id}: curves of ${curve?.minutes} minutes cannot be asked for: 1, 5, 15, 30, 60`)
    : ok(code)
}
