import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Scope } from '../../core/index.ts'
import type { ExchangeDraft } from '../../ledger/types.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { exchangeJson, planJson, proposalJson, refusalOf } from '../ledger-json.ts'
import {
  AcknowledgeBody,
  ExchangeBody,
  ExchangePage,
  ExchangeParams,
  ExchangeSchema,
  ExchangesQuery,
  PlanSchema,
  ProposalQuery,
  ProposalSchema,
} from '../ledger-schemas.ts'
import { problem, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { seenPage, unseenBy } from '../scoped.ts'
import { inTime } from './common.ts'
import { actOf } from './ledger.ts'

/** Exchanges of meters, CT and PT: one transaction each, acknowledged by billing. */
export const exchangeRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  const { ledger } = deps
  /** A point, or a new meter that hangs at another place, which is not somebody's to see; null: nothing is hidden from him. */
  const unseen = (scope: Scope, point: string, meter: string | null) => {
    if (scope.all) return null
    if (!scope.sees('point', point)) return unseenBy('point', point)
    const hangs = meter === null ? null : (ledger.get('meter', meter, null)?.attributes.point ?? null)
    return meter !== null && hangs !== null && !scope.sees('point', String(hangs)) ? unseenBy('meter', meter) : null
  }
  app.get(
    '/exchanges',
    {
      config: { permission: 'ledger:read' },
      schema: {
        operationId: 'listExchanges',
        tags: ['ledger'],
        summary: 'Exchanges',
        description: 'In the order in which they were written; those that billing has not acknowledged, with their age.',
        querystring: ExchangesQuery,
        response: { 200: ref(ExchangePage, 'One page.') },
      },
    },
    async ({ query: { limit = 100, cursor, ...filter }, who }, reply) => {
      const from = cursor === undefined ? [0] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const scope = deps.scopeOf(who)
      const { items, last, hasMore } = await seenPage({
        ...{
          scope,
          after: Number(from[0]),
          limit,
          ask: (after: number, most: number) => ledger.exchanges({ ...filter, after, limit: most }),
        },
        sees: ({ point }) => scope.sees('point', point),
        at: ({ id }) => id,
      })
      return { items: items.map((one) => exchangeJson(one, deps.now())), next: hasMore && last ? cursorOf([last.id]) : null }
    },
  )
  app.get(
    '/exchanges/proposal',
    {
      config: { permission: 'readings:read' },
      schema: {
        operationId: 'proposeExchange',
        tags: ['ledger'],
        summary: 'What the gateway knows of an exchange',
        description: 'The newest reading of the old meter up to the instant, and the first of the new one after it.',
        querystring: ProposalQuery,
        response: { 200: ref(ProposalSchema, 'The proposal.') },
      },
    },
    async ({ query: { point, at, meter = null }, who }, reply) => {
      const hidden = unseen(deps.scopeOf(who), point, meter)
      if (hidden) return refuse(reply, hidden)
      const found = await inTime(ledger.proposal(point, Date.parse(at), meter), answerMs)
      return found ? proposalJson(found) : refuse(reply, problem('API_LATE', 'the store did not answer in time'))
    },
  )
  app.post(
    '/exchanges',
    {
      config: { permission: 'ledger:write', failures: [413, 415, 422] },
      schema: {
        operationId: 'exchange',
        tags: ['ledger'],
        summary: 'Write an exchange',
        description:
          'Ends the old and begins the new one in one transaction. Registers that differ from what the gateway has read by more than the tolerance need a reason (`deviation`).',
        body: ExchangeBody,
        response: {
          200: Type.Object({ proposal: ref(ProposalSchema), plan: ref(PlanSchema) }, { description: 'Of a dry run.' }),
          201: ref(ExchangeSchema, 'Written.'),
        },
      },
    },
    async (request, reply) => {
      const { kind, point, meter = null, ratio = null, end, start = {}, by, reason, deviation = null, dryRun = false } = request.body
      const hidden = unseen(deps.scopeOf(request.who), point, meter?.id ?? null)
      if (hidden) return refuse(reply, hidden)
      const at = Date.parse(request.body.at)
      const proposal = await inTime(ledger.proposal(point, at, meter?.id ?? null), answerMs)
      if (proposal === null) return refuse(reply, problem('API_LATE', 'the store did not answer in time'))
      const draft: ExchangeDraft = {
        ...{ kind, point, at, ratio, end, start, reason, deviation },
        meter: meter && { id: meter.id, set: meter.set ?? {} },
        by: [by[0] ?? '', by[1] ?? ''],
        proposed: { end: proposal.end?.registers ?? null, start: proposal.start?.registers ?? null },
      }
      const act = actOf(request, deps.now(), 'exchange', reason, request.body.workOrder ?? null)
      if (dryRun) {
        const plan = await inTime(ledger.planExchange(draft, act), answerMs)
        if (plan === null) return refuse(reply, problem('API_LATE', 'the dry run takes too long'))
        return { proposal: proposalJson(proposal), plan: planJson(plan) }
      }
      const answer = await inTime(ledger.exchange(draft, act), answerMs)
      if (answer === null) return refuse(reply, problem('API_LATE', 'the exchange takes long and goes on; GET /api/v1/exchanges shows it'))
      return answer.ok ? reply.code(201).send(exchangeJson(answer.value, deps.now())) : refuse(reply, refusalOf(answer.error))
    },
  )
  app.post(
    '/exchanges/:id/acknowledge',
    {
      config: { permission: 'billing:acknowledge', failures: [404, 413, 415, 422] },
      preValidation: async (request) => {
        request.body ??= {}
      },
      schema: {
        operationId: 'acknowledgeExchange',
        tags: ['ledger'],
        summary: 'Acknowledge an exchange',
        description: 'Billing has taken notice of it. The body may be left out.',
        'x-body-optional': true,
        params: ExchangeParams,
        body: AcknowledgeBody,
        response: { 200: ref(ExchangeSchema, 'Acknowledged.') },
      },
    },
    async ({ params: { id }, body: { by, note = '' }, who }, reply) => {
      const scope = deps.scopeOf(who)
      if (!scope.all) {
        const [found] = ledger.exchanges({ after: id - 1, limit: 1 })
        if (found?.id !== id || !scope.sees('point', found.point)) return refuse(reply, unseenBy('exchange', String(id)))
      }
      const answer = await inTime(ledger.acknowledge(id, by ?? who?.id ?? '', note), answerMs)
      if (answer === null) return refuse(reply, problem('API_LATE', 'the ledger is busy; GET /api/v1/exchanges shows what came of it'))
      return answer.ok ? exchangeJson(answer.value, deps.now()) : refuse(reply, refusalOf(answer.error))
    },
  )
}
