import { Type } from 'typebox'
import { SOURCES } from '../core/index.ts'
import { BILLING_STATES } from './billing-read-deps.ts'
import { Count, Cursor, closed, Instant, limitOf, named, nullable, oneOf, ref, Text, TextOrNull } from './schema-words.ts'
import { asPage } from './whole-lists.ts'

const When = (description: string) => Type.String({ format: 'date-time', description, examples: ['2026-11-01T00:00:00+08:00'] })
const Place = {
  point: Type.Optional(
    Type.Unsafe<string | readonly string[]>({
      anyOf: [
        { type: 'string', minLength: 1, maxLength: 200 },
        { type: 'array', items: { type: 'string', minLength: 1, maxLength: 200 }, minItems: 1, maxItems: 500 },
      ],
      description: 'Metering point. May be repeated, up to 500 times.',
      examples: ['P-12'],
    }),
  ),
  area: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'Only points of this area (台区) at the instant.', examples: ['A-07'] }),
  ),
  zone: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'Only points of this zone (供电所) and of those in it.', examples: ['Z-1'] }),
  ),
}
const Page = { limit: limitOf(200, 1000), cursor: Cursor }
const Format = Type.Optional(
  oneOf(
    ['json', 'ndjson'],
    'A page, or every point as one line of JSON and a summary as the last; `Accept: application/x-ndjson` says the same.',
  ),
)

export const BillingReadingsQuery = Type.Object(
  {
    at: When('The billing instant: mostly a local midnight. In an address write + as %2B.'),
    ...Place,
    state: Type.Optional(oneOf(BILLING_STATES, 'Only points in this state.')),
    format: Format,
    ...Page,
  },
  closed,
)
export const BillingEnergyQuery = Type.Object(
  { from: When('First billing instant.'), to: When('Second billing instant, after the first.'), ...Place, format: Format, ...Page },
  closed,
)
export const BillingCompletenessQuery = Type.Object(
  {
    at: When('The billing instant.'),
    ...Place,
    by: Type.Optional(oneOf(['area', 'zone'], 'One line for each; `area` if not given.')),
  },
  closed,
)
export const BillingSpanQuery = Type.Object(
  { from: When('First billing instant.'), to: When('Second billing instant, after the first.') },
  closed,
)
export const BillingCustomerParams = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 200, description: 'Customer number (户号).' }) },
  closed,
)

const Quality = Type.Array(Type.String(), {
  description: 'Quality of the read; `good` when nothing is wrong with it.',
  examples: [['good']],
})
const State = oneOf(
  BILLING_STATES,
  '`released`: somebody released it, and this is what was released; `provisional`: it could be, nobody has; `held`: it must not be, see `holds`; `withdrawn`: it was taken back.',
)

const figure = {
  register: Text('Short OBIS code.', '1.8.0'),
  unit: Text('Unit of value and primary.', 'kWh'),
  value: Text('As on the face of the meter, digit for digit.', '12345.67'),
  ratio: Text('CT x PT (综合倍率) in force at the instant, as the ledger has it now.', '80'),
  storedRatio: Type.Optional(Text('Ratio that stood beside the read when it came, where it is another one.', '40')),
  primary: Text('value x ratio, exact.', '987653.60'),
  meter: Text('The meter.', 'M-12'),
  source: oneOf(SOURCES, 'Where it comes from.'),
  quality: Quality,
  measuredAt: Instant('Instant it is of: the meter’s own for freezes and curves.'),
  receivedAt: Instant('When it came to the gateway.'),
  evidence: nullable(
    Type.Object({
      id: Text('Name of the kept bytes: GET /api/v1/evidence/ID.', 'e-1'),
      kind: oneOf(['frame', 'message'], 'A frame that was read, or a message a meter pushed.'),
      sha256: Text('SHA-256 over the bytes as they came.'),
    }),
    { description: 'What it rests on; null: nothing is kept.' },
  ),
}
const BillingFigureSchema = named('BillingFigure', Type.Object(figure, { description: 'One register at a billing instant.' }))
const Holds = Type.Array(Type.Object({ reason: Text('Why.', 'incomplete'), text: Text('In words.', '2.8.0 is missing') }), {
  description: 'What stands against releasing it, or against correcting it when it is released.',
})
export const BillingPointSchema = named(
  'BillingPoint',
  Type.Object(
    {
      point: Text('Metering point.', 'P-12'),
      at: Instant('The billing instant.'),
      area: TextOrNull({ description: 'Area at the instant.', examples: ['A-07'] }),
      customer: TextOrNull({ description: 'Customer at the instant.', examples: ['C-5'] }),
      meter: TextOrNull({ description: 'Meter that hung there at the instant; null: none.', examples: ['M-12'] }),
      state: State,
      registers: Type.Array(
        Type.Object({
          ...figure,
          state: State,
          version: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()], { description: 'Version that was released last; null: never.' }),
          releasedAt: TextOrNull({ format: 'date-time', description: 'When that version was released; null: it is not.' }),
          pending: nullable(ref(BillingFigureSchema), {
            description: 'What is read now, where it is not what was released: a correction waits.',
          }),
        }),
      ),
      missing: Type.Array(Type.String(), { description: 'Registers that are due and were not read.', examples: [['2.8.0']] }),
      holds: Holds,
    },
    { description: 'A metering point at a billing instant.' },
  ),
)
const NotBilled = Type.Array(Type.String(), {
  description: 'Points asked for by name that are not billed then: other role, or not in service.',
})
const Next = TextOrNull({ description: 'Cursor of the next page; null on the last.' })
export const BillingPointPage = named(
  'BillingPointPage',
  Type.Object({ items: Type.Array(ref(BillingPointSchema)), notBilled: NotBilled, next: Next }),
)

const End = nullable(
  Type.Object({
    value: Text('As on the face.', '12345.67'),
    meter: Text('The meter.', 'M-12'),
    source: Text('Where it comes from.', 'day-freeze'),
    measuredAt: Instant('Instant it is of.'),
    state: State,
    version: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
  }),
  { description: 'The register that stands for that instant; null: none.' },
)
const Energy = TextOrNull({ description: 'Primary side, exact; null: not known, never zero.', examples: ['1234.56'] })
const Reasons = Type.Array(Type.String(), { description: 'What stands beside the figure, or why there is none.', examples: [['exchange']] })
const energyPoint = {
  point: Text('Metering point.', 'P-12'),
  area: TextOrNull({ description: 'Area.', examples: ['A-07'] }),
  customer: TextOrNull({ description: 'Customer.', examples: ['C-5'] }),
  state: State,
  registers: Type.Array(
    Type.Object({
      register: Text('Short OBIS code.', '1.8.0'),
      unit: Text('Unit of the energy.', 'kWh'),
      energy: Energy,
      start: End,
      end: End,
      segments: Type.Array(
        Type.Object({
          meter: Text('The meter.', 'M-12'),
          from: Instant('Start of the stretch.'),
          to: Instant('Its end.'),
          ratio: Text('CT x PT in force.', '80'),
          start: TextOrNull({ description: 'Register at its start, on the face; null: nobody wrote it down.', examples: ['100.00'] }),
          end: TextOrNull({ description: 'Register at its end.', examples: ['115.43'] }),
          delta: Text('Register difference.', '15.43'),
          energy: Text('delta x ratio.', '1234.40'),
        }),
        { description: 'Stretches of one meter under one ratio.' },
      ),
      estimatedPpm: Type.Integer({
        minimum: 0,
        maximum: 1_000_000,
        description: 'Share that rests on no register of its own, millionths.',
      }),
      reasons: Reasons,
      released: Type.Boolean({ description: 'Both ends are released figures.' }),
    }),
  ),
  tariffs: nullable(
    Type.Object({
      total: Text('Energy of 1.8.0.', '100.00'),
      sum: Text('Of 1.8.1 to 1.8.4 together.', '99.99'),
      difference: Text('total - sum.', '0.01'),
      agrees: Type.Boolean({ description: 'No further apart than the last digits of the registers.' }),
    }),
    { description: 'The tariffs beside the total; null: one of them is not known, or there are none.' },
  ),
  holds: Type.Array(
    Type.Object({ at: Instant('Which end.'), reason: Text('Why.', 'no-read'), text: Text('In words.', 'nothing was read') }),
    {
      description: 'What stands against its ends.',
    },
  ),
}
export const BillingEnergyPointSchema = named(
  'BillingEnergyPoint',
  Type.Object(energyPoint, { description: 'Energy of a metering point between two billing instants.' }),
)
export const BillingEnergyPage = named(
  'BillingEnergyPage',
  Type.Object({ items: Type.Array(ref(BillingEnergyPointSchema)), notBilled: NotBilled, next: Next }),
)

export const BillingGroupSchema = named(
  'BillingGroup',
  Type.Object(
    {
      zone: TextOrNull({ description: 'Zone; null in the total, and where there is none.', examples: ['Z-1'] }),
      area: TextOrNull({ description: 'Area; null in the total, by zone, and where there is none.', examples: ['A-07'] }),
      due: Count('Points that are billed.'),
      released: Count('All of it released.'),
      provisional: Count('Could be released.'),
      held: Count('Must not be.'),
      withdrawn: Count('Taken back.'),
      pending: Count('Of what was released something is read otherwise now.'),
      reasons: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), {
        description: 'Points that are not released by what stands against them; one may have several.',
      }),
    },
    { description: 'How far a billing instant is in one place.' },
  ),
)
export const BillingCompletenessSchema = named(
  'BillingCompleteness',
  asPage(
    Type.Object({
      at: Instant('The billing instant.'),
      items: Type.Array(ref(BillingGroupSchema), { description: 'By zone and area.' }),
      total: ref(BillingGroupSchema),
    }),
  ),
)
export const BillingCustomerSchema = named(
  'BillingCustomer',
  asPage(
    Type.Object(
      {
        customer: Text('Customer number.', 'C-5'),
        from: Instant('First billing instant.'),
        to: Instant('Second billing instant.'),
        state: State,
        sums: Type.Array(
          Type.Object({ register: Text('Short OBIS code.', '1.8.0'), unit: Text('Unit.', 'kWh'), energy: Energy, reasons: Reasons }),
          { description: 'Over all points with their signs; null while one of them is not known.' },
        ),
        points: Type.Array(
          Type.Object({
            sign: Type.Unsafe<1 | -1>({ type: 'integer', enum: [1, -1], description: 'From the ledger: `billingSign`.' }),
            ...energyPoint,
          }),
        ),
        notBilled: Type.Array(Type.String(), { description: 'Points of the customer that are billed at neither instant.' }),
      },
      { description: 'Energy of a customer with all metering points.' },
    ),
  ),
)

export const BILLING_READ_NAMED = [
  BillingFigureSchema,
  BillingPointSchema,
  BillingPointPage,
  BillingEnergyPointSchema,
  BillingEnergyPage,
  BillingGroupSchema,
  BillingCompletenessSchema,
  BillingCustomerSchema,
]
