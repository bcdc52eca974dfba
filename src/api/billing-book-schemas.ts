import { Type } from 'typebox'
import {
  BILLING_CHANGE_KINDS,
  BILLING_DIFFERENCES,
  BILLING_PENDING_STATES,
  BILLING_RELEASE_POLICIES,
  BILLING_RELEASE_STATES,
} from './billing-book-deps.ts'
import { Count, Instant, InstantOrNull, named, nullable, oneOf, pageOf, ref, Text, TextOrNull } from './schema-words.ts'
import { asPage } from './whole-lists.ts'

const Actor = Type.Object({ id: Text('Account or token.', 'user:u-7'), name: Text('Name.', 'wang') }, { description: 'Who did it.' })
const IntegerOrNull = (description: string) => Type.Unsafe<number | null>({ type: ['integer', 'null'], description })
const Seq = Type.Integer({ minimum: 1, description: 'Number in the sequence of changes.' })
const Version = Type.Integer({
  minimum: 1,
  description: 'Version of this register of this point at this instant; from 1 on, never edited.',
})

const FIGURE = {
  unit: Text('Unit.', 'kWh'),
  value: Text('As on the face of the meter, digit for digit.', '123456.78'),
  ratio: Text('CT × PT (综合倍率) in force.', '40'),
  primary: Text('value × ratio, exact.', '4938271.20'),
  meter: Text('Meter.', 'M-12'),
  source: Text('Where it comes from.', 'day-freeze'),
  quality: Type.Array(Type.String({ examples: ['good'] }), { description: 'Quality.' }),
  measuredAt: Instant('When the meter measured it.'),
  receivedAt: Instant('When it came.'),
  evidence: nullable(
    Type.Object({ id: Text('Under which it is kept.'), kind: Text('Frame or message.', 'frame'), sha256: Text('Hash of its bytes.') }),
    { description: 'What it rests on.' },
  ),
}

export const BillingFigureSchema = named(
  'BillingBookFigure',
  Type.Object({ register: Text('Short code.', '1.8.0'), ...FIGURE }, { description: 'A figure (示数) of one register.' }),
)

export const BillingVersionSchema = named(
  'BillingVersion',
  Type.Object(
    {
      seq: Seq,
      kind: oneOf(BILLING_CHANGE_KINDS, 'What made this version; of a withdrawal the figures are those that were withdrawn.'),
      point: Text('Metering point.', 'P-12'),
      at: Instant('Billing instant.'),
      register: Text('Short code.', '1.8.0'),
      version: Version,
      ...FIGURE,
      changedAt: Instant('When it was released, corrected or withdrawn.'),
      by: Actor,
      reason: Text('Why.', 'November'),
      release: IntegerOrNull('Release it came with; null: a correction or a withdrawal.'),
    },
    { description: 'One version of a released figure.' },
  ),
)
export const BillingVersionPage = pageOf('BillingVersionPage', BillingVersionSchema)

export const BillingChangeSchema = named(
  'BillingChange',
  Type.Object(
    {
      seq: Seq,
      kind: oneOf(BILLING_CHANGE_KINDS, '`new`: put it in; `corrected`: put it in the place of the old one; `withdrawn`: take it out.'),
      point: Text('Metering point.', 'P-12'),
      at: Instant('Billing instant.'),
      register: Text('Short code.', '1.8.0'),
      version: Version,
      old: nullable(ref(BillingFigureSchema), { description: 'What stood before; null: nothing did.' }),
      new: nullable(ref(BillingFigureSchema), { description: 'What stands now; null: it was withdrawn.' }),
      changedAt: Instant('When.'),
      by: Actor,
      reason: Text('Why.', 'CT ratio corrected'),
      release: IntegerOrNull('Release it came with.'),
    },
    { description: 'One change of what was released.' },
  ),
)
export const BillingChangePage = named(
  'BillingChangePage',
  Type.Object({
    items: Type.Array(ref(BillingChangeSchema)),
    next: Type.Integer({
      minimum: 0,
      description: 'Store it with what was taken and pass it as `since`. It moves on over what you may not see.',
    }),
    more: Type.Boolean({ description: 'There is more at once.' }),
  }),
)

const Left = (description: string) =>
  Type.Array(Type.Object({ reason: Text('Reason.', 'incomplete'), text: Text('In words.', '1.8.1 was not read') }), { description })

export const BillingReleaseSchema = named(
  'BillingRelease',
  Type.Object(
    {
      id: Type.Integer({ minimum: 1 }),
      state: oneOf(
        BILLING_RELEASE_STATES,
        '`refused`: something is held and the policy says so, nothing was released; `interrupted`: go on with it by `resume`.',
      ),
      at: Instant('Billing instant.'),
      scope: Type.Object(
        { points: Type.Optional(Type.Array(Type.String())), area: Type.Optional(Type.String()), zone: Type.Optional(Type.String()) },
        { description: 'What was to be released; empty: every point that is billed and that whoever asked sees.' },
      ),
      note: Text('Reason of each figure.', 'November'),
      policy: oneOf(BILLING_RELEASE_POLICIES, 'What becomes of it when something is held.'),
      again: Type.Boolean({ description: 'Also what was withdrawn before.' }),
      estimates: Type.Boolean({ description: 'Made up figures too: `billing.releaseEstimates` at that time.' }),
      by: Actor,
      madeAt: Instant('When it was asked for.'),
      endedAt: InstantOrNull('When it ended.'),
      trouble: TextOrNull({ description: 'Why it was interrupted.' }),
      points: Count('Points looked at.'),
      releasedPoints: Count('Points of which something was released.'),
      released: Count('Figures released.'),
      alreadyReleased: Count('Figures that stood before and were not touched.'),
      leftOut: Count('Points left out.'),
      heldBy: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), {
        description: 'Points left out, by reason; a point may have several.',
        examples: [{ incomplete: 3, 'exchange-unacknowledged': 1 }],
      }),
    },
    { description: 'A release (发布): a named act.' },
  ),
)
export const BillingReleasePage = pageOf('BillingReleasePage', BillingReleaseSchema)
export const BillingLeftSchema = named(
  'BillingLeftOut',
  Type.Object(
    { point: Text('Metering point.', 'P-7'), reasons: Left('What stands against it.') },
    { description: 'A point that a release left out.' },
  ),
)
export const BillingLeftPage = pageOf('BillingLeftOutPage', BillingLeftSchema)

export const BillingPendingSchema = named(
  'BillingPending',
  Type.Object(
    {
      id: Type.Integer({ minimum: 1 }),
      state: oneOf(
        BILLING_PENDING_STATES,
        '`resolved`: the data say again what was released, or it was withdrawn; `superseded`: they say something else by now.',
      ),
      point: Text('Metering point.', 'P-12'),
      at: Instant('Billing instant.'),
      register: Text('Short code.', '1.8.0'),
      version: Type.Integer({ minimum: 1, description: 'Version that stands.' }),
      old: ref(BillingFigureSchema, 'What was released.'),
      new: nullable(ref(BillingFigureSchema), { description: 'What would be released now; null: nothing could be.' }),
      differs: Type.Array(oneOf(BILLING_DIFFERENCES, 'In what.')),
      holds: Left('What stands against releasing it now; cleared before it is accepted.'),
      why: Text('What made it differ, as far as known.', 'ledger change 17'),
      since: Instant('Since when it waits.'),
      ended: nullable(Type.Object({ at: Instant('When.'), by: nullable(Actor), why: Text('Why.') }), {
        description: 'How it ended; null: it waits.',
      }),
    },
    { description: 'What would be released now differs from what was released.' },
  ),
)
export const BillingPendingPage = pageOf('BillingPendingPage', BillingPendingSchema)

export const BillingHoldSchema = named(
  'BillingHold',
  Type.Object(
    {
      id: Type.Integer({ minimum: 1 }),
      point: Text('Metering point.', 'P-12'),
      from: Instant('Billing instant it holds at, or from.'),
      onward: Type.Boolean({ description: 'For every instant from then on; false: for that one alone.' }),
      by: Actor,
      why: Text('Why.', 'disputed by the customer'),
      madeAt: Instant('When.'),
      lifted: nullable(Type.Object({ at: Instant('When.'), by: Actor, why: Text('Why.') }), { description: 'Null: it stands.' }),
    },
    { description: 'A person holds a point back.' },
  ),
)
export const BillingHoldPage = pageOf('BillingHoldPage', BillingHoldSchema)

const UNIT = {
  due: Count('Points that are due.'),
  released: Count('Of them, those whose registers all stand released.'),
  provisional: Count('Those that could be released, and are not.'),
  held: Count('Those that must not be.'),
  heldBy: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), { description: 'Those held, by reason; a point may have several.' }),
  missing: Count('Of those held, the ones with a register that was not read.'),
  estimated: Count('Of those held, the ones with a figure that is made up, which the policy does not release.'),
  complete: Type.Boolean({ description: 'Everything that is due stands released.' }),
}
const CYCLE = {
  id: Text('Cycle.', 'rural'),
  name: Text('For people.', 'Rural'),
  day: Type.Integer({ minimum: 1, maximum: 28, description: 'Day of the month whose midnight is billed.' }),
  zones: nullable(Type.Array(Type.String()), { description: 'Zones; null: not limited by zones.' }),
  areas: nullable(Type.Array(Type.String()), { description: 'Areas; null: not limited by areas.' }),
  registers: nullable(Type.Array(Type.String()), { description: 'Registers that must be there; null: all that are due.' }),
}
export const BillingCycleSchema = named('BillingCycle', Type.Object(CYCLE, { description: 'A billing cycle (抄表例日).' }))
export const BillingCycleList = asPage(Type.Object({ items: Type.Array(ref(BillingCycleSchema)) }, { description: 'Cycles.' }))
export const BillingCycleReportSchema = named(
  'BillingCycleReport',
  asPage(
    Type.Object(
      {
        cycle: ref(BillingCycleSchema),
        month: Text('Month.', '2026-11'),
        at: Instant('Billing instant.'),
        complete: Type.Boolean({ description: 'Everything that is due stands released.' }),
        statement: Text(
          'The same in one sentence.',
          '2026-11 of cycle rural is not complete: 3 of 1200 points are held, 0 are not released yet',
        ),
        total: Type.Object(UNIT),
        units: Type.Array(Type.Object({ area: TextOrNull({ description: 'Transformer area; null: points of none.' }), ...UNIT })),
        open: Type.Array(
          Type.Object({
            point: Text('Metering point.', 'P-12'),
            area: TextOrNull({ description: 'Its area.' }),
            reasons: Type.Array(Type.String(), {
              description: 'What stands against it; empty: it could be released.',
              examples: [['no-read']],
            }),
          }),
          { description: 'Points that do not stand released, the first 500; there are `total.due` less `total.released`.' },
        ),
        former: Type.Array(Type.Object({ point: Text('Metering point.', 'P-9'), area: TextOrNull({ description: 'Its area then.' }) }), {
          description:
            'Points that were billed in the cycle a month before and are not any more, the first 500: they left service, or moved out of it. What they used since then: /billing/energy.',
        }),
        formerPoints: Type.Integer({ minimum: 0, description: 'How many those are.' }),
        unknown: Type.Array(Type.String(), {
          description:
            'Zones and areas of the cycle that the ledger does not have: nothing of them is counted, and the cycle is not complete.',
        }),
      },
      { description: 'How complete a cycle is in a month.' },
    ),
  ),
)

export const BillingNoticeSchema = named(
  'BillingNotice',
  Type.Object(
    {
      id: Type.Integer({ minimum: 1, description: 'Exchange; strictly rising.' }),
      kind: oneOf(['meter', 'ct', 'pt'], 'What was exchanged.'),
      point: Text('Metering point.', 'P-7'),
      at: Instant('When the old one ended and the new one began.'),
      oldMeter: TextOrNull({ description: 'Meter until then.' }),
      newMeter: TextOrNull({ description: 'Meter from then on.' }),
      oldRatio: TextOrNull({ description: 'Ratio until then.' }),
      newRatio: TextOrNull({ description: 'Ratio from then on.' }),
      end: Type.Record(Type.String(), Type.String(), { description: 'End registers (止码) as on the face.' }),
      start: Type.Record(Type.String(), Type.String(), { description: 'Start registers (起码).' }),
      by: Type.Array(Type.String(), { description: 'Who did it and who checked it.' }),
      reason: Text('Why.'),
      acknowledged: nullable(Type.Object({ by: Text('By whom.'), at: Instant('When.'), note: Text('Note.') }), {
        description: 'Null: figures after it are held until `POST /api/v1/exchanges/ID/acknowledge`.',
      }),
      takenBack: Type.Boolean({ description: 'The exchange was undone in the ledger: it never was.' }),
      ageS: Count('Seconds since the exchange.'),
    },
    { description: 'Notice of an exchange (换表通知).' },
  ),
)
export const BillingNoticePage = named(
  'BillingNoticePage',
  Type.Object({
    items: Type.Array(ref(BillingNoticeSchema)),
    next: Type.Integer({ minimum: 0, description: 'Pass it as `since`.' }),
    more: Type.Boolean({ description: 'There is more at once.' }),
  }),
)

export const BILLING_BOOK_NAMED = [
  BillingFigureSchema,
  BillingVersionSchema,
  BillingVersionPage,
  BillingChangeSchema,
  BillingChangePage,
  BillingReleaseSchema,
  BillingReleasePage,
  BillingLeftSchema,
  BillingLeftPage,
  BillingPendingSchema,
  BillingPendingPage,
  BillingHoldSchema,
  BillingHoldPage,
  BillingCycleSchema,
  BillingCycleReportSchema,
  BillingNoticeSchema,
  BillingNoticePage,
]
