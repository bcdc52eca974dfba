import { Type } from 'typebox'
import {
  Count,
  Cursor,
  closed,
  Instant,
  InstantOrNull,
  limitOf,
  named,
  nullable,
  oneOf,
  pageOf,
  Text,
  TextOrNull,
  Word,
} from './schema-words.ts'

const RegisterSchema = Type.Object({
  obis: Text('OBIS code in full.', '1-0:1.8.0'),
  value: Text('Exact decimal text, as shown.', '123456.78'),
  unit: Text('Its unit.', 'kWh'),
  at: Instant('When it was so.'),
})

const one = {
  id: Type.Integer({ minimum: 1, description: 'Grows; never used twice.' }),
  channel: Text('Line, broker or concentrator it was heard at.', 'plant'),
  by: oneOf(['broker', 'line', 'scan', 'concentrator'], 'How it was heard.'),
  address: Text('Address it answers to or pushes under.', '000000000012'),
  protocol: TextOrNull({ description: 'What it spoke; null where nobody knows.' }),
  profile: TextOrNull({ description: 'Meter model or mapping, where it is known.' }),
  state: oneOf(['open', 'adopted', 'closed'], 'Open: somebody has to adopt or close it.'),
  firstSeen: Instant('When it was first heard.'),
  lastSeen: Instant('When it was last heard.'),
  sightings: Count('How often it was heard.'),
  readings: Count('Readings that were kept.'),
  register: nullable(RegisterSchema, { description: 'The register that came last; null when it was never read.' }),
  suggestedArea: TextOrNull({ description: 'Transformer area (台区) most meters of its line or broker belong to.' }),
  dueAt: InstantOrNull(
    'Overdue from then on: one working day after it was first heard, unless configured otherwise. Null: nothing is due.',
  ),
  overdue: Type.Boolean({ description: 'It should be in the ledger by now.' }),
  closed: nullable(
    Type.Object({
      at: Instant('When.'),
      by: Text('Who.'),
      why: Text('The reason.'),
      forever: Type.Boolean({ description: 'Not opened again when it is heard.' }),
    }),
    { description: 'Closed by a person.' },
  ),
  adopted: nullable(
    Type.Object({
      at: Instant('When.'),
      by: Text('Who; `ledger` when it came into the ledger another way.'),
      meter: Text('Meter it is now.', 'M-7'),
      point: Text('Metering point.', 'P-7'),
      from: Instant('At the point from then on.'),
      attached: Count('Its earlier readings that were put to the point so far.'),
      complete: Type.Boolean({ description: 'All of them were.' }),
    }),
    { description: 'It is in the ledger.' },
  ),
}

export const UnregisteredSchema = named(
  'Unregistered',
  Type.Object(one, { description: 'A meter that is not in the ledger (未建档电表).' }),
)

export const UnregisteredDetailSchema = named(
  'UnregisteredDetail',
  Type.Object({
    ...one,
    history: Type.Array(
      Type.Object({ at: Instant('When.'), what: Text('What happened.', 'adopted'), who: Text('Who.'), why: Text('Why.') }),
      { description: 'Newest first.' },
    ),
  }),
)

export const UnregisteredPage = pageOf('UnregisteredPage', UnregisteredSchema)

const MonthRegister = nullable(Type.Object({ at: Instant('When.'), value: Text('Exact decimal text.', '123.45') }))

export const StatementSchema = named(
  'UnregisteredStatement',
  Type.Object({
    obis: Text('Register.', '1-0:1.8.0'),
    unit: Text('Its unit.', 'kWh'),
    used: Text('Sum of what is known, exact decimal text, as shown by the meter: ratios are not applied.', '431.07'),
    readings: Count('Readings it is made of.'),
    months: Type.Array(
      Type.Object({
        month: Text('Month of the zone of the gateway.', '2026-10'),
        first: MonthRegister,
        last: MonthRegister,
        used: TextOrNull({
          description: 'From the last register before this month (of the first: its first one) to its last; null: not known.',
        }),
        missing: Type.Array(Type.String(), { description: 'What is not known, in words.' }),
      }),
    ),
  }),
)

const Id = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' })
const Ratio = Type.String({ pattern: '^[0-9]+(\\.[0-9]+)?(/[0-9]+(\\.[0-9]+)?)?$', maxLength: 40 })
const Why = Type.String({ minLength: 1, maxLength: 500, pattern: '\\S', description: 'The reason; it stays in the history.' })

export const UnregisteredParams = Type.Object({ id: Type.Integer({ minimum: 1, description: 'Unregistered meter.', examples: [7] }) })

export const UnregisteredQuery = Type.Object(
  {
    state: Type.Optional(oneOf(['open', 'adopted', 'closed'], 'Only these.')),
    channel: Word('Only of this line or broker.', 'plant'),
    overdue: Type.Optional(Type.Boolean({ description: 'Only those that are overdue, or are not.' })),
    text: Word('Part of the address.', '0012'),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)

export const AdoptBody = Type.Object(
  {
    meter: { ...Id, description: 'Id the meter gets in the ledger.' },
    point: { ...Id, description: 'Metering point it hangs at; made when there is none.' },
    area: Type.Optional({ ...Id, description: 'Transformer area of a new point; `suggestedArea` if not given.' }),
    profile: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Meter model, where it is not known yet.' })),
    ct: Type.Optional({ ...Ratio, description: 'Current ratio of the point: 400/5.' }),
    pt: Type.Optional({ ...Ratio, description: 'Voltage ratio of the point.' }),
    from: Type.Optional(Type.String({ format: 'date-time', description: 'At the point from then on; first seen if not given.' })),
    why: Why,
    workOrder: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Work order (工单).' })),
  },
  { ...closed, examples: [{ meter: 'M-7', point: 'P-7', area: 'A-1', why: 'found on the roof, inspection 2026-08-15' }] },
)

export const CloseBody = Type.Object(
  {
    why: Why,
    forever: Type.Optional(Type.Boolean({ default: false, description: 'Not opened again when it is heard again.' })),
  },
  { ...closed, examples: [{ why: 'check meter of the fitter, taken away again' }] },
)

export const StatementQuery = Type.Object(
  {
    register: Type.Optional(
      Type.String({ maxLength: 20, default: '1.8.0', description: 'OBIS code, full or short.', examples: ['1.8.0'] }),
    ),
  },
  closed,
)

/** Schemas with a name, in the order in which they refer to each other. */
export const UNREGISTERED_NAMED = [UnregisteredSchema, UnregisteredDetailSchema, UnregisteredPage, StatementSchema]
