import { Type } from 'typebox'
import { KeyAccountSchema, KeyCheckSchema } from './account-list-schemas.ts'
import { BILLING_STATES } from './billing-read-deps.ts'
import { BillingEnergyPointSchema, BillingGroupSchema } from './billing-read-schemas.ts'
import { CaseSchema } from './case-schemas.ts'
import { PAGE_LANGUAGES } from './page.ts'
import { REPORT_GAPS, REPORT_SECTIONS } from './report-deps.ts'
import { Count, Cursor, closed, Instant, limitOf, named, nullable, oneOf, ref, Text, TextOrNull } from './schema-words.ts'
import { TierSplitSchema } from './tier-schemas.ts'

const State = oneOf(BILLING_STATES, 'The least certain of what it is made of.')
const Ppm = (description: string) => Type.Integer({ minimum: 0, maximum: 1_000_000, description })
const Reasons = Type.Array(Type.String(), { description: 'What stands beside the figure, or why there is none.', examples: [['missing']] })
const KwhOrNull = (description: string) => TextOrNull({ description, examples: ['1234.56'] })

const Sum = Type.Object({
  register: Text('Short OBIS code: 1.8.0 in all, 1.8.1 to 1.8.4 by tariff.', '1.8.0'),
  unit: Text('Unit.', 'kWh'),
  energy: KwhOrNull('Over all points with their signs, exact; null while one of them is not known, never zero for that.'),
  knownEnergy: Text('Of the points that are known.', '1000.00'),
  due: Count('Points that have the register.'),
  known: Count('Points whose energy is known.'),
  released: Count('Points of which both ends are released.'),
  state: State,
  estimatedPpm: Ppm('Share that rests on no register of its own, millionths.'),
  reasons: Reasons,
})
const Days = Type.Object({
  point: Text('Metering point.', 'P-12'),
  register: Text('Short OBIS code.', '1.8.0'),
  unit: Text('Unit.', 'kWh'),
  due: Count('Days.'),
  known: Count('Days whose energy is known.'),
  knownEnergy: KwhOrNull('Sum of the days that are known; null: none is.'),
  estimatedPpm: Ppm('Share of it that is estimated, millionths.'),
  coveredPpm: Ppm('Share of the time that lies between readings, millionths.'),
  pending: Type.Boolean({ description: 'Some of it is being worked out again.' }),
  missing: Type.Array(Type.Object({ from: Instant('From.'), to: Instant('To.'), days: Count('So many days.'), reasons: Reasons }), {
    description: 'Days that are not known.',
  }),
})
const Sections = Type.Array(oneOf(REPORT_SECTIONS, 'A part.'), {
  description: 'Parts that are there and not for whoever asks: `account` and `check` want ledger:read, `cases` cases:read.',
})

export const CustomerReportSchema = named(
  'CustomerReport',
  Type.Object(
    {
      customer: Text('Customer (户号).', 'C-1'),
      name: TextOrNull({ description: 'Name, for whoever may see names.' }),
      from: Instant('First billing instant.'),
      to: Instant('Second billing instant.'),
      zone: Text('Zone of days and months.', 'Asia/Shanghai'),
      madeAt: Instant('When it was made: figures are as of then.'),
      complete: Type.Boolean({ description: 'Every figure is known, read from meters and released: `gaps` is empty.' }),
      gaps: Type.Array(
        Type.Object({
          topic: oneOf(REPORT_GAPS, 'What it is about.'),
          zh: Text('In Chinese.'),
          en: Text('In English.'),
        }),
        { description: 'Everything that is not known, not whole, estimated or not released.' },
      ),
      state: State,
      sums: Type.Array(Sum, { description: 'Energy in all and by tariff.' }),
      points: Type.Array(
        Type.Object({
          sign: Type.Unsafe<1 | -1>({ type: 'integer', enum: [1, -1], description: 'From the ledger: `billingSign`.' }),
          energy: ref(BillingEnergyPointSchema),
        }),
        { description: 'Each point with registers, stretches, tariffs and holds.' },
      ),
      notBilled: Type.Array(Type.String(), { description: 'Points of the customer that are billed at neither instant.' }),
      ends: Type.Object(
        { from: ref(BillingGroupSchema), to: ref(BillingGroupSchema) },
        { description: 'How far both instants are for these points.' },
      ),
      days: Type.Array(Days, { description: 'Day by day energy, counted.' }),
      tiers: Type.Object(
        {
          split: nullable(ref(TierSplitSchema), { description: 'Tiers of the year of the last day, up to it.' }),
          refused: nullable(Type.Object({ code: Text('Code.', 'TARIFF_TABLE'), message: Text('Why there is no split.') })),
        },
        { description: 'One of them is null.' },
      ),
      account: nullable(
        Type.Object({
          year: Type.Integer({ description: 'Year of the list.' }),
          version: Type.Integer({ description: 'Its version.' }),
          entry: ref(KeyAccountSchema),
        }),
        { description: 'Grade and key account, by the newest list; null: on none, or withheld.' },
      ),
      check: nullable(Type.Object({ from: Instant('Looked back until then.'), to: Instant('As of then.'), points: ref(KeyCheckSchema) }), {
        description: 'Newest good reading of each point; null: on no list, or withheld.',
      }),
      cases: nullable(Type.Array(ref(CaseSchema)), {
        description: 'Cases of the points and their meters in that time: jumps of use, faults; null: withheld.',
      }),
      withheld: Sections,
    },
    { description: 'What is known of a customer and a time, in one answer.' },
  ),
)
export const KeptReportSchema = named(
  'KeptReport',
  Type.Object(
    {
      id: Type.Integer({ minimum: 1, description: 'Number.' }),
      customer: Text('Customer.', 'C-1'),
      from: Instant('First billing instant.'),
      to: Instant('Second billing instant.'),
      at: Instant('When it was made.'),
      by: Text('By whom.', 'wang'),
      why: Text('Why.', 'call-back'),
      complete: Type.Boolean({ description: 'Every figure was known, read and released.' }),
      sha256: Text('Over the report as it is kept; checked whenever it is read.'),
    },
    { description: 'A report that was kept. It never changes.' },
  ),
)
export const KeptReportPage = named(
  'KeptReportPage',
  Type.Object({
    items: Type.Array(ref(KeptReportSchema)),
    next: TextOrNull({ description: 'Cursor of the next page; null on the last.' }),
  }),
)
export const KeptCustomerReport = named(
  'KeptCustomerReport',
  Type.Object({ kept: ref(KeptReportSchema), report: ref(CustomerReportSchema) }),
)

const When = (description: string) => Type.String({ format: 'date-time', description, examples: ['2026-11-01T00:00:00+08:00'] })
const TIME = {
  month: Type.Optional(
    Type.String({
      pattern: '^(19[7-9]\\d|20\\d\\d)-(0[1-9]|1[0-2])$',
      description: 'Local month: `2026-10`; the last one that is over if nothing is given.',
      examples: ['2026-10'],
    }),
  ),
  from: Type.Optional(When('First billing instant, with `to` and without `month`. In an address write + as %2B.')),
  to: Type.Optional(When('Second billing instant, that has passed, at most 400 days after the first.')),
}
const LANGUAGE = { lang: Type.Optional(oneOf(PAGE_LANGUAGES, 'Language of the page; zh if not given. JSON has both.')) }
export const ReportCustomerParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description: 'Customer.' }) }, closed)
export const ReportIdParams = Type.Object(
  { id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'Number of a kept report.' }) },
  closed,
)
export const ReportQuery = Type.Object({ ...TIME, ...LANGUAGE }, closed)
export const ReportPageQuery = Type.Object(LANGUAGE, closed)
export const ReportBody = Type.Object(
  {
    ...TIME,
    why: Type.String({ minLength: 1, maxLength: 500, description: 'Why it is kept.', examples: ['call-back of 12 November'] }),
  },
  closed,
)
export const ReportsQuery = Type.Object(
  {
    customer: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Only of this customer.', examples: ['C-1'] })),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)

export const REPORT_NAMED = [CustomerReportSchema, KeptReportSchema, KeptReportPage, KeptCustomerReport]
