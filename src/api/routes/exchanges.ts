import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
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
import { inTime } from './common.ts'
import { actOf } from './ledger.ts'

/** Exchanges of meters, CT and PT: one transaction each, acknowledged by billing. */
export const exchangeRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  const { ledger } = deps
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
    async ({ query: { limit = 100, cursor, ...filter } }, reply) => {
      const from = cursor === undefined ? [0] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const found = ledger.exchanges({ ...filter, after: Number(from[0]), limit: limit + 1 })
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map((one) => exchangeJson(one, deps.now())), next: found.length > limit && last ? cursorOf([last.id]) : null }
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
    async ({ query: { point, at, meter = null } }, reply) => {
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
      schema: {
        operationId: 'acknowledgeExchange',
        tags: ['ledger'],
        summary: 'Acknowledge an exchange',
        description: 'Billing has taken notice of it.',
        params: ExchangeParams,
        body: AcknowledgeBody,
        response: { 200: ref(ExchangeSchema, 'Acknowledged.') },
      },
    },
    async ({ params: { id }, body: { by, note = '' }, who }, reply) => {
      const answer = await inTime(ledger.acknowledge(id, by ?? who?.id ?? '', note), answerMs)
      if (answer === null) return refuse(reply, problem('API_LATE', 'the ledger is busy; GET /api/v1/exchanges shows what came of it'))
      return answer.ok ? exchangeJson(answer.value, deps.now()) : refuse(reply, refusalOf(answer.error))
    },
  )
}
