import { Type } from 'typebox'
import { OUTAGE_ACT_NAMES, OUTAGE_KIND_NAMES, OUTAGE_SCOPE_NAMES, OUTAGE_STATE_NAMES } from './outage-deps.ts'
import { Cursor, closed, Instant, InstantOrNull, limitOf, named, oneOf, pageOf, Text, TextOrNull } from './schema-words.ts'

const SCOPE =
  'What is without power: all of a zone, of a 10 kV feeder, of a transformer area, one point, or all that hangs on a communication line.'
const KIND = 'planned: with an expected end, key accounts are told 24 h before. emergency: a sudden fault.'
const STATE =
  'planned: it has not begun. running. overdue: its expected end has passed and nobody has said that power is back. ended. ' +
  'withdrawn: it did not take place, or was a mistake.'

const members = {
  id: Type.Integer({ minimum: 1 }),
  scope: oneOf(OUTAGE_SCOPE_NAMES, SCOPE),
  target: Text('Id of the zone, feeder, area, point or line.', 'A-1'),
  kind: oneOf(OUTAGE_KIND_NAMES, KIND),
  state: oneOf(OUTAGE_STATE_NAMES, STATE),
  from: Instant('When power goes off.'),
  expectedTo: InstantOrNull('When it is expected back.'),
  to: InstantOrNull('When it was back; null: still off, or not begun.'),
  reason: Text('Why.', 'new transformer'),
  workOrder: TextOrNull({ description: 'Work order.' }),
  noticed: InstantOrNull('When key accounts were told; null: they were not.'),
  who: Text('Who recorded it: the name of the token.'),
  recordedAt: Instant('When it was recorded.'),
  warning: TextOrNull({ description: 'Key accounts were told less than 24 h before a planned outage, or not at all.' }),
}

export const OutageSchema = named('Outage', Type.Object(members, { description: 'A time without power (停电).' }))
export const OutageDetailSchema = named(
  'OutageDetail',
  Type.Object({
    ...members,
    history: Type.Array(
      Type.Object({
        at: Instant('When.'),
        what: oneOf(OUTAGE_ACT_NAMES, 'What was done.'),
        who: Type.String(),
        why: Type.String(),
      }),
      { description: 'Oldest first.' },
    ),
  }),
)
export const OutagePage = pageOf('OutagePage', OutageSchema)

const When = (description: string) => Type.String({ format: 'date-time', description, examples: ['2026-08-15T08:00:00+08:00'] })
const Words = (description: string, example: string) =>
  Type.String({ minLength: 1, maxLength: 500, pattern: '\\S', description, examples: [example] })
const Why = Words('The reason; kept for good.', 'the crane came late')
const Target = Type.String({ minLength: 1, maxLength: 200, description: 'Id of the zone, feeder, area, point or line.', examples: ['A-1'] })

export const OutageParams = Type.Object({ id: Type.Integer({ minimum: 1, description: 'Outage.' }) })
export const OutagesQuery = Type.Object(
  {
    scope: Type.Optional(oneOf(OUTAGE_SCOPE_NAMES, SCOPE)),
    target: Type.Optional(Target),
    kind: Type.Optional(oneOf(OUTAGE_KIND_NAMES, KIND)),
    state: Type.Optional(oneOf(OUTAGE_STATE_NAMES, STATE)),
    from: Type.Optional(When('Only those that go on after this instant. In an address write + as %2B.')),
    to: Type.Optional(When('Only those that begin before this instant.')),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)
export const OutageBody = Type.Object(
  {
    scope: oneOf(OUTAGE_SCOPE_NAMES, SCOPE),
    target: Target,
    kind: oneOf(OUTAGE_KIND_NAMES, KIND),
    from: When('When power goes off, or went.'),
    expectedTo: Type.Optional(When('When it is expected back; a planned outage needs it.')),
    to: Type.Optional(When('When it was back, for one that is over.')),
    reason: Words('Why.', 'new transformer'),
    workOrder: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Work order.' })),
    noticed: Type.Optional(When('When key accounts were told.')),
  },
  closed,
)
export const OutageWhyBody = Type.Object({ why: Why }, closed)
export const OutageExtendBody = Type.Object({ expectedTo: When('When power is expected back now; later than before.'), why: Why }, closed)
export const OutageAtBody = Type.Object({ at: Type.Optional(When('When; now if not given.')), why: Why }, closed)

export const OUTAGE_NAMED = [OutageSchema, OutageDetailSchema, OutagePage]
