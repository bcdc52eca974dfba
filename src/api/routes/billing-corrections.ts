import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Principal } from '../../access/principals.ts'
import { pendingJson, versionJson } from '../billing-book-json.ts'
import {
  BillingDecideBody,
  BillingFiguresQuery,
  BillingIdParams,
  BillingPendingQuery,
  BillingWithdrawBody,
} from '../billing-book-queries.ts'
import { BillingPendingPage, BillingPendingSchema, BillingVersionPage, BillingVersionSchema } from '../billing-book-schemas.ts'
import { actorOf, seenPage, seesOf } from '../billing-seen.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'

const tags = ['billing']

/** What was released, what differs from it by now, and what persons decide about that. */
export const billingCorrectionRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  const seesPoint = (who: Principal | null, point: string) => seesOf(deps, who)?.(point) ?? true
  const found = async (id: number, who: Principal | null) => {
    const pending = await deps.billingPending(id)
    return pending && seesPoint(who, pending.point) ? pending : null
  }
  const unknown = (id: number) => problem('API_BILLING', `there is no correction ${id}`)

  app.get(
    '/billing/figures',
    {
      config: { permission: 'billing:read', failures: [404] },
      schema: {
        operationId: 'listBillingFigures',
        tags,
        summary: 'Released figures of a point',
        description: 'Every version ever made, newest first: what was released, corrected and withdrawn, by whom and why.',
        querystring: BillingFiguresQuery,
        response: { 200: ref(BillingVersionPage, 'One page.') },
      },
    },
    async ({ query: { point, at, limit = 100, cursor }, who }, reply) => {
      const from = cursor === undefined ? [Number.MAX_SAFE_INTEGER] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const rows = seesPoint(who, point)
        ? await deps.billingFigures(point, at === undefined ? null : Date.parse(at), Number(from[0]), limit + 1)
        : []
      // A point that left the ledger keeps what was released of it.
      if (rows.length === 0 && (!seesPoint(who, point) || deps.ledger.get('point', point, null) === null))
        return refuse(reply, problem('API_BILLING', `there is no point ${JSON.stringify(point)}`))
      const items = rows.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map(versionJson), next: rows.length > limit && last ? cursorOf([last.seq]) : null }
    },
  )
  app.post(
    '/billing/figures/withdraw',
    {
      config: { permission: 'billing:release', failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'withdrawBilling',
        tags,
        summary: 'Withdraw released figures',
        description: 'They stand no more, and what they were is kept. A release makes them anew only with `again`.',
        body: BillingWithdrawBody,
        response: { 200: Type.Object({ items: Type.Array(ref(BillingVersionSchema)) }, { description: 'Withdrawn.' }) },
      },
    },
    async (request, reply) => {
      const { point, at, registers = null, why } = request.body
      const who = actorOf(request)
      if (!seesPoint(who, point)) return refuse(reply, problem('API_BILLING', `there is no point ${JSON.stringify(point)}`))
      const done = await deps.withdrawBilling(point, Date.parse(at), registers, who, why)
      return done.ok ? { items: done.value.map(versionJson) } : refuse(reply, problemOf(done.error.because, done.error.error))
    },
  )
  app.get(
    '/billing/corrections/pending',
    {
      config: { permission: 'billing:read' },
      schema: {
        operationId: 'listBillingPending',
        tags,
        summary: 'Corrections that wait',
        description:
          'What would be released now differs from what was released: a late or better reading, a ledger that was corrected, an entry by hand. Each waits for somebody who accepts or rejects it.',
        querystring: BillingPendingQuery,
        response: { 200: ref(BillingPendingPage, 'One page.') },
      },
    },
    async ({ query: { point, at, limit = 100, cursor }, who }, reply) => {
      const from = cursor === undefined ? [0] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const filter = { ...(point === undefined ? {} : { point }), ...(at === undefined ? {} : { at: Date.parse(at) }) }
      const sees = seesOf(deps, who)
      const page = await seenPage(
        (after: number, most) => deps.billingPendings(filter, after, most),
        Number(from[0]),
        limit,
        sees && ((pending) => sees(pending.point)),
        ({ id }) => id,
      )
      return { items: page.items.map(pendingJson), next: page.last === null ? null : cursorOf([page.last]) }
    },
  )
  app.get(
    '/billing/corrections/:id',
    {
      config: { permission: 'billing:read', failures: [404, 414] },
      schema: {
        operationId: 'getBillingCorrection',
        tags,
        summary: 'One correction',
        description: 'Old, new and why; also of one that was decided, by whom.',
        params: BillingIdParams,
        response: { 200: ref(BillingPendingSchema, 'The correction.') },
      },
    },
    async ({ params: { id }, who }, reply) => {
      const pending = await found(id, who)
      return pending ? pendingJson(pending) : refuse(reply, unknown(id))
    },
  )
  app.post(
    '/billing/corrections/:id/accept',
    {
      config: { permission: 'billing:release', failures: [404, 413, 414, 415, 422] },
      schema: {
        operationId: 'acceptBillingCorrection',
        tags,
        summary: 'Accept a correction',
        description:
          'Makes the next version. It is compared once more first: what differs from what was shown is refused and shown anew. A value that was entered by hand or made up is not accepted by the one who entered it.',
        params: BillingIdParams,
        body: BillingDecideBody,
        response: { 200: Type.Object({ items: Type.Array(ref(BillingVersionSchema)) }, { description: 'The new versions.' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const who = actorOf(request)
      if (!(await found(id, who))) return refuse(reply, unknown(id))
      const done = await deps.acceptBilling(id, request.body.whole ?? false, who, request.body.why)
      return done.ok ? { items: done.value.map(versionJson) } : refuse(reply, problemOf(done.error.because, done.error.error))
    },
  )
  app.post(
    '/billing/corrections/:id/reject',
    {
      config: { permission: 'billing:release', failures: [404, 413, 414, 415, 422] },
      schema: {
        operationId: 'rejectBillingCorrection',
        tags,
        summary: 'Reject a correction',
        description: 'What was released stands. It is not asked again until the data say something else.',
        params: BillingIdParams,
        body: BillingDecideBody,
        response: { 200: Type.Object({ items: Type.Array(ref(BillingPendingSchema)) }, { description: 'Rejected.' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const who = actorOf(request)
      if (!(await found(id, who))) return refuse(reply, unknown(id))
      const done = await deps.rejectBilling(id, request.body.whole ?? false, who, request.body.why)
      return done.ok ? { items: done.value.map(pendingJson) } : refuse(reply, problemOf(done.error.because, done.error.error))
    },
  )
}
