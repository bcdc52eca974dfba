import { type Static, type TSchema, Type } from 'typebox'
import { TIME_FORMS } from './time.ts'

const optional = <T extends TSchema>(schema: T) => Type.Optional(schema)
const object = <T extends Record<string, TSchema>>(properties: T, description = '') =>
  Type.Object(properties, { additionalProperties: false, ...(description ? { description } : {}) })
const oneOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], description })
/** One or several: a text, or a list of texts. */
const texts = (description: string) =>
  Type.Unsafe<string | readonly string[]>({ type: ['string', 'array'], items: { type: 'string' }, minLength: 1, minItems: 1, description })

const Name = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,63}$', description: 'small letters, digits, dash; at most 64' })
const Operand = Type.String({
  minLength: 1,
  maxLength: 500,
  description:
    'a path ($ message, @ record, ^ the record around it), or text with {capture}, {index}, {$.path}, {@.path}, {^.path}, {frame}',
})
const UnitText = Type.String({ maxLength: 500, description: 'unit (kWh, W, V …), or a path to it; "" for what has none' })
const Obis = Type.String({ pattern: '^([0-9]{1,3}-[0-9]{1,3}:)?[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}$', description: 'OBIS code: 1.8.0' })
const Scale = Type.Integer({ minimum: -12, maximum: 12, description: 'power of ten: -3 makes 1234 into 1.234' })
const Ratio = oneOf(['none', 'ct', 'pt', 'ctpt'], 'the value is secondary: it is multiplied by CT, PT or both, once; default none')
const Scalars = Type.Array(Type.Unsafe<string | number | boolean>({ type: ['string', 'number', 'boolean'] }), {
  description: 'compared as text, as written in the message',
})

const Comma = Type.Boolean({ description: 'text with a decimal comma: 1234,5' })
const Suffix = Type.String({ minLength: 1, description: 'text behind the number: " kWh"' })
const Absent = Type.Array(Type.Unsafe<string | number | boolean>({ type: ['string', 'number', 'boolean'] }), {
  description: 'what stands there when there is no value; numbers are compared as numbers: 65535 is 65535.0',
})

const Condition = object(
  {
    of: Operand,
    is: optional(Scalars),
    not: optional(Scalars),
    exists: optional(Type.Boolean({ description: 'true: must be there and not null; false: must not' })),
    like: optional(Type.String({ minLength: 1, description: 'a name with one * in it: switch:*' })),
    form: optional(oneOf(['hex', 'number'], 'hex: pairs of hexadecimal digits, with or without blanks; number: decimal digits')),
    same: optional(Operand),
    orAbsent: optional(Type.Boolean({ description: 'true: also holds when it is not there' })),
  },
  'a test of the message; what it looks at must be there unless exists is false or orAbsent true. same: equal text, capitals or not',
)
const Conditions = Type.Array(Condition, { description: 'all must hold' })

const Time = object(
  {
    of: Operand,
    form: oneOf(TIME_FORMS, 's, ms, us, ns since 1970 (numbers or text); text: ISO 8601, local when it has no offset; pattern: digits'),
    pattern: optional(Type.String({ description: 'for form pattern: yyyyMMddhhmmss' })),
    digits: optional(Type.Integer({ minimum: 1, maximum: 20, description: 'only numbers with so many digits before the point are meant' })),
    zone: optional(Type.String({ description: 'IANA zone of local times; default: where the mapping is used, else gateway.timezone' })),
    plus: optional(object({ index: Operand, period: Operand }, 'index × period (seconds) is added')),
  },
  'an instant',
)

const Value = object(
  {
    path: texts('where the value stands; of several the first that is there'),
    obis: Obis,
    unit: optional(UnitText),
    scale: optional(Scale),
    ratio: optional(Ratio),
    phases: optional(Type.Array(Obis, { minItems: 1, maxItems: 4, description: 'codes when the value is a list, one a phase' })),
    comma: optional(Comma),
    suffix: optional(Suffix),
    absent: optional(Absent),
    when: optional(Conditions),
  },
  'one quantity',
)

const Entry = object(
  { obis: optional(Obis), unit: optional(UnitText), scale: optional(Scale), ratio: optional(Ratio), absent: optional(Absent) },
  'what a name measures',
)
const Table = object(
  {
    by: Operand,
    path: texts('where the value stands'),
    unit: optional(UnitText),
    comma: optional(Comma),
    suffix: optional(Suffix),
    absent: optional(Absent),
    when: optional(Conditions),
    error: optional(Operand),
    errorFree: optional(Scalars),
    entries: Type.Record(Type.String(), Entry, { description: 'name in the message: what it measures' }),
    others: optional(oneOf(['report', 'ignore'], 'names that are not listed: shown as unmapped (default), or passed over')),
  },
  'quantities by name: for lists of key and value, and for topics that name the quantity',
)

const Step = object(
  {
    items: optional(Operand),
    members: optional(Type.String({ minLength: 1, description: 'names of the members, one {capture} in it: em1:{channel}' })),
    of: optional(Operand),
    split: optional(
      object(
        {
          of: Operand,
          at: Type.String({ minLength: 1, maxLength: 10, description: 'what stands between the two: .' }),
          into: Type.Array(Type.String({ pattern: '^[a-z][A-Za-z0-9]*$' }), {
            minItems: 2,
            maxItems: 2,
            description: 'names of two captures: before and behind the last separator; without one all of it is behind',
          }),
        },
        'cuts a name in two: Channel.Device.kwh',
      ),
    ),
    when: optional(Conditions),
  },
  'one step of fan-out: the items of a list, or the members of an object',
)

const Frame = object(
  {
    path: Operand,
    encoding: oneOf(['hex', 'base64', 'raw'], 'hex: with or without blanks; raw: the payload itself'),
    protocol: optional(oneOf(['dlt645', 'modbus-rtu'], 'absent: the bytes are reported and not decoded')),
    profile: optional(Type.String({ description: 'modbus-rtu: meter profile whose registers the answer holds' })),
    start: optional(Type.Integer({ minimum: 0, maximum: 65_535, description: 'modbus-rtu: first register that was asked for' })),
    function: optional(Type.Integer({ minimum: 3, maximum: 4, description: 'modbus-rtu: 3 or 4; default: what the answer says' })),
    obis: optional(
      Type.Record(Type.String({ pattern: '^[0-9A-F]{8}$' }), Obis, { description: 'dlt645: other codes for data identifiers' }),
    ),
    port: optional(Operand),
    counter: optional(Operand),
  },
  'a frame inside the message, decoded as from a line',
)

const Signal = object(
  {
    dBm: optional(Operand),
    percent: optional(Operand),
    rssi: optional(Operand),
    snr: optional(Operand),
    linkquality: optional(Operand),
  },
  'how well the device is heard',
)

const partMembers = {
  each: optional(Type.Array(Step, { minItems: 1, maxItems: 4, description: 'from the outermost step in' })),
  when: optional(Conditions),
  meter: optional(Operand),
  fold: optional(oneOf(['lower', 'upper'], 'case of meter ids, for EUIs')),
  time: optional(Type.Array(Time, { minItems: 1, description: 'the first that is there; none: time of arrival' })),
  values: optional(Type.Array(Value)),
  table: optional(Table),
  units: optional(Type.Record(Type.String(), Type.String(), { description: 'unit as the message writes it: as the house does' })),
  valid: optional(Conditions),
  ct: optional(Operand),
  pt: optional(Operand),
  historical: optional(Type.Boolean({ description: 'stored data sent afterwards: never the present value' })),
  failure: optional(object({ item: Operand, code: Operand }, 'an item that could not be read there')),
  event: optional(object({ key: Operand, value: Operand }, 'something that happened, not a quantity')),
  frame: optional(Frame),
}
const Part = object(partMembers, 'one group of records of a message')

const Rule = object(
  {
    id: Name,
    form: optional(
      Type.String({
        pattern: '^[a-z0-9][a-z0-9-]{0,63}$',
        description: 'name of the form of message, default the id; several rules may share one',
      }),
    ),
    topic: Type.String({ minLength: 1, description: 'MQTT filter; {name} captures a level, {name#} one or more' }),
    payload: optional(oneOf(['json', 'text', 'raw', 'sparkplug'], 'default json')),
    ignore: optional(Type.String({ description: 'messages that fit are put aside, with this word: command' })),
    device: optional(Operand),
    sender: optional(Conditions),
    messageId: optional(Operand),
    presence: optional(object({ of: Operand, online: Scalars, offline: Scalars }, 'comes and goes')),
    signal: optional(Signal),
    answer: optional(
      object({ topic: Operand, json: Type.Unknown({ description: 'texts in it are operands; {now:yyyyMMddhhmmss} is the local time' }) }),
    ),
    parts: optional(Type.Array(Part, { minItems: 1 })),
    sparkplug: optional(
      object({
        meter: optional(
          oneOf(['device', 'node/device', 'group/node/device'], 'meter id; default node/device, the node alone for its own metrics'),
        ),
        entries: optional(Type.Record(Type.String(), Entry, { description: 'metric name: what it measures' })),
        signals: optional(Type.Record(Type.String(), Type.String(), { description: 'metric name: dBm, percent, rssi, snr' })),
      }),
    ),
    ...partMembers,
  },
  'what one kind of message means',
)

const Example = object({
  name: Type.String({ minLength: 1 }),
  topic: Type.String(),
  retained: optional(Type.Boolean()),
  zone: optional(Type.String({ description: 'zone of local times in this example' })),
  json: optional(Type.Unknown()),
  text: optional(Type.String()),
  hex: optional(Type.String({ pattern: '^([0-9A-Fa-f]{2}\\s*)*$' })),
  source: optional(Type.String()),
  expect: Type.Unknown({ description: 'what must come out; every leaf is compared' }),
})

/** A mapping (映射): how messages of one family of devices become readings. `config/mappings/*.yaml`. */
export const MappingSchema = object({
  id: Name,
  title: Type.String({ minLength: 1 }),
  source: Type.String({ minLength: 1, description: 'where the form of the messages is documented' }),
  zone: optional(Type.String({ description: 'IANA zone of local times; default: gateway.timezone' })),
  window: optional(
    object(
      {
        past: optional(Type.String({ pattern: '^[0-9]+(m|h|d)$', description: 'default 400d' })),
        future: optional(Type.String({ pattern: '^[0-9]+(m|h|d)$', description: 'default 10m' })),
      },
      'times outside are kept and quarantined',
    ),
  ),
  rules: Type.Array(Rule, { minItems: 1, description: 'the first that fits a message takes it' }),
  examples: Type.Array(Example, {
    minItems: 1,
    description: 'recorded messages and what they must become; run whenever the mapping is loaded',
  }),
})
export type MappingFile = Static<typeof MappingSchema>
export type RuleFile = Static<typeof Rule>
export type PartFile = Static<typeof Part>
export type ConditionFile = Static<typeof Condition>
export type ValueFile = Static<typeof Value>
export type TableFile = Static<typeof Table>
export type EntryFile = Static<typeof Entry>
export type TimeFile = Static<typeof Time>
export type StepFile = Static<typeof Step>
export type FrameFile = Static<typeof Frame>
export type ExampleFile = Static<typeof Example>
