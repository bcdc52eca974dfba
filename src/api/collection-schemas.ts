import { Type } from 'typebox'
import { DUE_KIND_NAMES, FILL_NAMES, GAP_ACT_NAMES, GAP_STATE_NAMES, KPI_GROUP_NAMES, KPI_NAMES } from './collection-deps.ts'
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
  ref,
  Text,
  TextOrNull,
  Word,
} from './schema-words.ts'
import { asPage } from './whole-lists.ts'

const KIND = 'day-freeze: registers of midnight. month-freeze: of the end of the month. curve: the points of one day.'
const STATE =
  'open: due, in its first pass. scheduled: it did not come and is read again. filled. permanent: the last chance is gone; late data still ' +
  'fills it. waived: a person said why it may stay away.'
const FILL =
  'freeze: the register the meter froze. stand-in: read live at the set time. curve: a point of the load record. concentrator. ' +
  'stored: it was in the store already. later-live: read later, at an instant of its own. manual. estimate.'

const stretch = Type.Object({ from: Instant('First point.'), to: Instant('Last point.') })

const members = {
  id: Type.Integer({ minimum: 1 }),
  kind: oneOf(DUE_KIND_NAMES, KIND),
  label: Instant('The instant it is of: midnight of its day, or of the first of the month.'),
  meter: Text('Meter as the ledger names it.', 'M-000000000012'),
  point: Text('Metering point.', 'P-7'),
  line: Text('Line it was due on.', 'rs485-3'),
  area: Text('Transformer area (台区).', 'A-1'),
  state: oneOf(GAP_STATE_NAMES, STATE),
  fill: nullable(oneOf(FILL_NAMES, FILL), { description: 'What filled it.' }),
  reason: nullable(Type.Object({ code: Type.String(), hint: Type.String() }), { description: 'Why the last try failed.' }),
  tries: Count('How often it was tried, the first pass included.'),
  rereads: Count('How often after the first pass.'),
  budget: Type.Object(
    { tries: Count('Re-reads left.'), lineMs: Type.Number({ minimum: 0, description: 'Line time left, milliseconds.' }) },
    { description: 'What its automatic re-reads may still cost.' },
  ),
  nextTry: InstantOrNull('When it is read again.'),
  lastChance: Instant('Nothing is read for it by itself from then on.'),
  missedAt: InstantOrNull('When it became a gap; null: it never was one.'),
  filledAt: InstantOrNull('When it was filled.'),
  instant: InstantOrNull('Instant of the value that filled it.'),
  by: TextOrNull({ description: 'Who entered or waived it: the name of the token.' }),
  curve: nullable(
    Type.Object({
      stepS: Type.Integer({ minimum: 1, description: 'Seconds between two points.' }),
      expected: Count('Points of the day.'),
      got: Count('Points that came.'),
      missing: Type.Array(stretch, { description: 'Stretches that are missing and were due until now, at most 50.' }),
    }),
    { description: 'Null for freezes.' },
  ),
}

export const GapSchema = named('Gap', Type.Object(members, { description: 'A due reading (应抄数据) that did not come (漏抄).' }))

export const GapDetailSchema = named(
  'GapDetail',
  Type.Object({
    ...members,
    history: Type.Array(
      Type.Object({
        at: Instant('When.'),
        what: oneOf(GAP_ACT_NAMES, 'What happened.'),
        who: TextOrNull({ description: 'The name of the token; null: the gateway by itself.' }),
        note: TextOrNull({ description: 'Reason, or what each source said.' }),
      }),
      { description: 'Oldest first.' },
    ),
    entry: nullable(
      Type.Object({
        values: Type.Record(Type.String(), Type.String(), { description: 'Registers as shown on the meter, by full OBIS code.' }),
        instant: Instant('When the meter showed them.'),
        why: Type.String(),
        by: Type.String(),
        at: Instant('When they were entered.'),
      }),
      { description: 'A value that waits for the second person (互核).' },
    ),
  }),
)

export const GapPage = pageOf('GapPage', GapSchema)

export const GapCountsSchema = named(
  'GapCounts',
  Type.Object({
    open: Count('In their first pass, by hand.'),
    scheduled: Count('To be read again.'),
    filled: Count('Filled.'),
    permanent: Count('Given up.'),
    waived: Count('Waived.'),
  }),
)

const When = (description: string) =>
  Type.Optional(Type.String({ format: 'date-time', description, examples: ['2026-08-15T00:00:00+08:00'] }))

export const GapParams = Type.Object({ id: Type.Integer({ minimum: 1, description: 'Number of the gap.' }) })
export const GapsQuery = Type.Object(
  {
    state: Type.Optional(oneOf(GAP_STATE_NAMES, STATE)),
    kind: Type.Optional(oneOf(DUE_KIND_NAMES, KIND)),
    line: Word('Only of this line.', 'rs485-3'),
    area: Word('Only of this transformer area.', 'A-1'),
    meter: Word('Only of this meter.', 'M-000000000012'),
    from: When('Only of instants from this one on. In an address write + as %2B.'),
    to: When('Only of instants before this one.'),
    all: Type.Optional(Type.Boolean({ default: false, description: 'Also readings that came at once, or still may in their first pass.' })),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)
const Why = Type.String({
  minLength: 1,
  maxLength: 500,
  pattern: '\\S',
  description: 'The reason; kept for good.',
  examples: ['meter burnt, order 118'],
})
export const GapWhyBody = Type.Object({ why: Why }, closed)
export const GapEntryBody = Type.Object(
  {
    values: Type.Record(Type.String({ maxLength: 20 }), Type.String({ maxLength: 40 }), {
      minProperties: 1,
      maxProperties: 64,
      description: 'Registers as shown on the meter, by OBIS code.',
      examples: [{ '1.8.0': '123456.78' }],
    }),
    at: When('When the meter showed them; absent: the instant that was due.'),
    why: Why,
  },
  closed,
)

const Figure = Type.Object({
  numerator: Count('Read, or points that came.'),
  denominator: Count('Due.'),
  rate: TextOrNull({ description: 'Numerator ÷ denominator, six places; null: nothing was due, not computable.', examples: ['0.995200'] }),
  excluded: Type.Array(Type.Object({ reason: Type.String(), count: Type.Integer({ minimum: 0 }) }), {
    description: 'Meters that are not counted: planned, archived, younger-than-one-day, white-listed, planned-outage, emergency-outage.',
  }),
})

const KPI =
  'daily 采集成功率: freezes of the day. first-try 一次采集成功率: without any re-read. periodic 周期采集成功率: at the end of the collection ' +
  'period. reached 抄通率: heard of that day. consecutive 连续失败: without success for N days. coverage 采集覆盖率: collected ÷ in the ' +
  'ledger. integrity 数据完整率: points ÷ due points. timely 及时率: there at the billing cut-off. online 在线率: minutes up ÷ minutes.'

export const KpiUnitSchema = named(
  'KpiUnit',
  Type.Object({
    id: Text('Zone, area, line, concentrator or maker; empty for all, `-` where there is none.', 'A-1'),
    name: Text('Its name, where it has one.', 'Mill Lane transformer'),
    kpis: Type.Array(
      Type.Object({
        kpi: oneOf(KPI_NAMES, KPI),
        cutoff: Instant('What came later does not count in `figure`.'),
        figure: Figure,
        kept: Type.Boolean({ description: 'Written down at the cut-off, not worked out afterwards.' }),
        final: Figure,
        finalAt: Instant('`final` counts everything until then: now, or the end of the collection period.'),
        yesterday: TextOrNull({ description: 'Rate of the day before at its cut-off.' }),
        lastMonth: TextOrNull({ description: 'Rate of the same day of the month before at its cut-off.' }),
        members: Type.Object(
          { in: Text('Who is in the numerator of `final`.'), out: Text('Who is only in its denominator, and why.') },
          { description: 'Addresses of the lists behind it.' },
        ),
      }),
    ),
  }),
)

export const KpisSchema = named(
  'Kpis',
  Type.Object({
    day: Text('Day in the zone of the gateway.', '2026-11-21'),
    by: oneOf(KPI_GROUP_NAMES, 'How meters are grouped.'),
    asOf: Instant('Time of the gateway at this answer.'),
    items: Type.Array(Type.Unsafe<unknown>({ $ref: 'KpiUnit#' })),
    next: TextOrNull({ description: 'Cursor of the next page; null on the last.' }),
  }),
)

export const KpiMemberSchema = named(
  'KpiMember',
  Type.Object({
    meter: Text('Meter; empty where a line is meant.'),
    point: Type.String(),
    area: Type.String(),
    line: Type.String(),
    reason: TextOrNull({ description: 'Why it is on this list.', examples: ['LINE_NO_REPLY'] }),
    got: Count('1 for a meter that counts; points or minutes.'),
    due: Count('1 for a meter; points or minutes.'),
  }),
)
export const KpiMemberPage = named('KpiMemberPage', asPage(Type.Object({ items: Type.Array(ref(KpiMemberSchema)) })))

const Day = Type.Optional(
  Type.String({
    pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$',
    description: 'Day in the zone of the gateway; today if not given.',
    examples: ['2026-11-21'],
  }),
)
const By = Type.Optional(
  Type.Unsafe<(typeof KPI_GROUP_NAMES)[number]>({
    type: 'string',
    enum: [...KPI_GROUP_NAMES],
    default: 'none',
    description: 'How meters are grouped.',
  }),
)
export const KpisQuery = Type.Object({ day: Day, by: By, limit: limitOf(100, 1000), cursor: Cursor }, closed)
export const KpiParams = Type.Object({ kpi: oneOf(KPI_NAMES, KPI) })
export const KpiMembersQuery = Type.Object(
  {
    day: Day,
    by: By,
    id: Type.Optional(Type.String({ maxLength: 200, description: 'Which zone, area …', examples: ['A-1'] })),
    list: oneOf(['in', 'out', 'excluded'], 'In the numerator; only in the denominator; not counted.'),
    at: Type.Optional(oneOf(['cutoff', 'final'], 'As of the cut-off, or with everything that came later; final if not given.')),
    limit: limitOf(200, 5000),
  },
  closed,
)

export const COLLECTION_NAMED = [
  GapSchema,
  GapDetailSchema,
  GapPage,
  GapCountsSchema,
  KpiUnitSchema,
  KpisSchema,
  KpiMemberSchema,
  KpiMemberPage,
]
