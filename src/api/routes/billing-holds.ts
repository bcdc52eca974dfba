import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { holdJson } from '../billing-book-json.ts'
import { BillingHoldBody, BillingHoldsQuery, BillingIdParams, BillingLiftBody } from '../billing-book-queries.ts'
import { BillingHoldPage, BillingHoldSchema } from '../billing-book-schemas.ts'
import { actorOf, seenPage, seesOf } from '../billing-seen.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue } from '../invalid.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'

const tags = ['billing']

/** What persons hold back. */
export const billingHoldRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  app.get(
    '/billing/holds',
    {
      config: { permission: 'billing:read' },
      schema: {
        operationId: 'listBillingHolds',
        tags,
        summary: 'Points that persons hold back',
        description: 'In the order in which they were made, with who and why; with `lifted` also those that ended.',
        querystring: BillingHoldsQuery,
        response: { 200: ref(BillingHoldPage, 'One page.') },
      },
    },
    async ({ query: { point, lifted = false, limit = 100, cursor }, who }, reply) => {
      const from = cursor === undefined ? [0] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const sees = seesOf(deps, who)
      const page = await seenPage(
        (after: number, most) => deps.billingHolds({ lifted, ...(point === undefined ? {} : { point }) }, after, most),
        Number(from[0]),
        limit,
        sees && ((hold) => sees(hold.point)),
        ({ id }) => id,
      )
      return { items: page.items.map(holdJson), next: page.last === null ? null : cursorOf([page.last]) }
    },
  )
  app.post(
    '/billing/holds',
    {
      config: { permission: 'billing:release', failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'holdBilling',
        tags,
        summary: 'Hold a point back',
        description: 'Nothing of it is released at that instant, or from one on, until somebody lifts the hold. What was released stands.',
        body: BillingHoldBody,
        response: { 200: ref(BillingHoldSchema, 'It is held.') },
      },
    },
    async (request, reply) => {
      const { point, at, from, why } = request.body
      const who = actorOf(request)
      const instant = at ?? from
      if (instant === undefined || (at !== undefined && from !== undefined))
        return refuse(reply, badValue('body/at', at ?? 'missing', 'either `at` or `from`'))
      const isThere = (seesOf(deps, who)?.(point) ?? true) && deps.ledger.get('point', point, null) !== null
      if (!isThere) return refuse(reply, problem('API_BILLING', `there is no point ${JSON.stringify(point)}`))
      const done = await deps.holdBilling({ point, from: Date.parse(instant), onward: at === undefined }, who, why)
      return done.ok ? holdJson(done.value) : refuse(reply, problemOf(done.error.because, done.error.error))
    },
  )
  app.post(
    '/billing/holds/:id/lift',
    {
      config: { permission: 'billing:release', failures: [404, 413, 414, 415, 422] },
      schema: {
        operationId: 'liftBillingHold',
        tags,
        summary: 'Lift a hold',
        description: 'The next release takes the point again. Who lifted it and why is kept.',
        params: BillingIdParams,
        body: BillingLiftBody,
        response: { 200: ref(BillingHoldSchema, 'It is lifted.') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const who = actorOf(request)
      const hold = await deps.billingHold(id)
      if (!hold || !(seesOf(deps, who)?.(hold.point) ?? true)) return refuse(reply, problem('API_BILLING', `there is no hold ${id}`))
      const done = await deps.liftBilling(id, who, request.body.why)
      return done.ok ? holdJson(done.value) : refuse(reply, problemOf(done.error.because, done.error.error))
    },
  )
}
