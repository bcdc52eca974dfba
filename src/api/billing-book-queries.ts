import { Type } from 'typebox'
import { BILLING_RELEASE_POLICIES } from './billing-book-deps.ts'
import { Cursor, closed, limitOf, oneOf } from './schema-words.ts'

/** What the routes of releases, changes, notices and cycles are asked: params, queries, bodies. What they answer: billing-book-schemas.ts. */

const When = (description: string) => Type.String({ format: 'date-time', description, examples: ['2026-11-01T00:00:00+08:00'] })
const PointId = (description: string) => Type.String({ minLength: 1, maxLength: 200, description, examples: ['P-12'] })
const Why = Type.String({
  minLength: 1,
  maxLength: 500,
  description: 'Why; stands in the record for ever.',
  examples: ['CT ratio corrected'],
})
const Whole = Type.Optional(
  Type.Boolean({ description: 'Everything that waits of the same point and instant, all or none; false if not given.' }),
)

export const BillingIdParams = Type.Object({ id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: 'Number.' }) })
export const BillingCycleParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description: 'Cycle.' }) })
export const BillingReleaseBody = Type.Object(
  {
    at: When('Billing instant.'),
    scope: Type.Optional(
      Type.Object(
        {
          points: Type.Optional(
            Type.Array(PointId('Metering point.'), { minItems: 1, maxItems: 5000, uniqueItems: true, description: 'These points.' }),
          ),
          area: Type.Optional(PointId('Every point of this transformer area.')),
          zone: Type.Optional(PointId('Every point of this zone, with all that lies in it.')),
        },
        { ...closed, description: 'One of them; absent or empty: every point that is billed.' },
      ),
    ),
    note: Type.String({ minLength: 1, maxLength: 500, description: 'Stands as the reason of each figure.', examples: ['November'] }),
    policy: Type.Optional(
      oneOf(BILLING_RELEASE_POLICIES, '`refuse`: nothing is released when anything is held; `skip-held` if not given.'),
    ),
    again: Type.Optional(Type.Boolean({ description: 'Release anew what was withdrawn before; false if not given.' })),
  },
  closed,
)
export const BillingListQuery = Type.Object({ limit: limitOf(100, 1000), cursor: Cursor }, closed)
export const BillingLeftQuery = Type.Object(
  {
    reason: Type.Optional(Type.String({ maxLength: 50, description: 'Only for this reason.', examples: ['incomplete'] })),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)
export const BillingFiguresQuery = Type.Object(
  {
    point: PointId('Metering point.'),
    at: Type.Optional(When('Only of this billing instant.')),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)
export const BillingPendingQuery = Type.Object(
  {
    point: Type.Optional(PointId('Only of this metering point.')),
    at: Type.Optional(When('Only of this billing instant.')),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)
export const BillingDecideBody = Type.Object({ why: Why, whole: Whole }, closed)
export const BillingWithdrawBody = Type.Object(
  {
    point: PointId('Metering point.'),
    at: When('Billing instant.'),
    registers: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 30, description: 'Short code.', examples: ['1.8.0'] }), {
        ...{ minItems: 1, maxItems: 100, uniqueItems: true },
        description: 'These registers; absent: all that stand.',
      }),
    ),
    why: Why,
  },
  closed,
)
export const BillingHoldBody = Type.Object(
  {
    point: PointId('Metering point.'),
    at: Type.Optional(When('Billing instant; either this or `from`.')),
    from: Type.Optional(When('Every billing instant from this one on.')),
    why: Why,
  },
  closed,
)
export const BillingLiftBody = Type.Object({ why: Why }, closed)
export const BillingHoldsQuery = Type.Object(
  {
    point: Type.Optional(PointId('Only of this metering point.')),
    lifted: Type.Optional(Type.Boolean({ description: 'Also those that were lifted.' })),
    limit: limitOf(100, 1000),
    cursor: Cursor,
  },
  closed,
)
export const BillingChangesQuery = Type.Object(
  {
    since: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: '`next` of the answer before; 0 if not given: from the first.',
      }),
    ),
    limit: limitOf(500, 5000),
    waitS: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 15, description: 'Wait so long for a change when there is none; 0 if not given.' }),
    ),
  },
  closed,
)
export const BillingNoticesQuery = Type.Object(
  {
    since: Type.Optional(
      Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: '`next` of the answer before; 0 if not given.' }),
    ),
    unacknowledged: Type.Optional(Type.Boolean({ description: 'Only those that billing has not acknowledged.' })),
    limit: limitOf(100, 1000),
  },
  closed,
)
export const BillingMonthQuery = Type.Object(
  {
    month: Type.Optional(
      Type.String({
        pattern: '^[0-9]{4}-(0[1-9]|1[0-2])$',
        description: 'Month; the newest whose day has passed if not given.',
        examples: ['2026-11'],
      }),
    ),
  },
  closed,
)
