import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { EVERYTHING, type Result } from '../../core/index.ts'
import type { ApiDeps, Refusal } from '../deps.ts'
import { PAGE_POLICY, type PageLanguage, prefersPage } from '../page.ts'
import { problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import type { TierQuestionView, TierView } from '../tier-deps.ts'
import { tierPage } from '../tier-page.ts'
import { TierCustomerParams, TierPointParams, TierQuery, TierSplitSchema } from '../tier-schemas.ts'
import { iso } from './common.ts'

const HTML = 'text/html; charset=utf-8'
const WHAT =
  'Allowance = months of actual use × monthly standard. Months are counted from the registration, the energising and the first reading, ' +
  'where they differ; `inForce` says which count holds. All points of a household count together. Null is not known, never zero.'
const PAGE = 'One page of A4 to be read out, signed and kept; no script. The same as the JSON beside it.'

interface Asked {
  readonly year?: number
  readonly until?: string
  readonly lang?: PageLanguage
}

/** Tiers of a year: as JSON with sentences in two languages, and as a page to print. */
export const tierRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps }) => {
  const questionOf = ({ year, until }: Asked, request: FastifyRequest): TierQuestionView => ({
    ...{ year: year ?? null, until: until ?? null, ...whose(request) },
  })
  /** Of a customer's own nothing of anybody else is in it, so that points they have left count too. */
  const whose = (request: FastifyRequest): Pick<TierQuestionView, 'scope' | 'only'> => {
    const only = request.who?.customer ?? null
    return { only, scope: only === null ? deps.scopeOf(request.who) : EVERYTHING }
  }
  const page = (reply: FastifyReply, found: Result<TierView, Refusal>, { lang = 'zh' }: Asked) => {
    if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
    reply
      .type(HTML)
      .header('content-security-policy', PAGE_POLICY)
      .header('content-language', lang === 'zh' ? 'zh-CN' : 'en')
    return reply.serializer(String).send(tierPage(found.value, lang, iso(deps.now())))
  }
  /** JSON, or the page for a browser that asks for one. */
  const either = (request: FastifyRequest, reply: FastifyReply, found: Result<TierView, Refusal>, asked: Asked) => {
    reply.header('vary', 'accept')
    if (prefersPage(request.headers.accept)) return page(reply, found, asked)
    return found.ok ? reply.send(found.value) : refuse(reply, problemOf(found.error.because, found.error.error))
  }
  const failures = [404, 414, 422] as const
  const good = { 200: ref(TierSplitSchema, 'The split.') }
  const goodPage = { 200: { type: 'string', description: PAGE } }

  app.get(
    '/billing/points/:id/tiers',
    {
      config: { permission: 'billing:read', own: true, failures },
      schema: {
        ...{ operationId: 'getPointTiers', tags: ['billing'], summary: 'Tiers of a year at a point', description: WHAT },
        ...{ params: TierPointParams, querystring: TierQuery, response: good, 'x-also': [HTML] },
      },
    },
    async (request, reply) =>
      either(request, reply, await deps.tiersOfPoint(request.params.id, questionOf(request.query, request)), request.query),
  )
  app.get(
    '/billing/points/:id/tiers.html',
    {
      config: { permission: 'billing:read', own: true, failures },
      schema: {
        ...{ operationId: 'getPointTiersPage', tags: ['billing'], summary: 'Tiers of a year at a point, to print', description: PAGE },
        ...{ produces: [HTML], params: TierPointParams, querystring: TierQuery, response: goodPage },
      },
    },
    async (request, reply) => page(reply, await deps.tiersOfPoint(request.params.id, questionOf(request.query, request)), request.query),
  )
  app.get(
    '/billing/customers/:id/tiers',
    {
      config: { permission: 'billing:read', own: true, failures },
      schema: {
        ...{ operationId: 'getCustomerTiers', tags: ['billing'], summary: 'Tiers of a year of a customer', description: WHAT },
        ...{ params: TierCustomerParams, querystring: TierQuery, response: good, 'x-also': [HTML] },
      },
    },
    async (request, reply) =>
      either(request, reply, await deps.tiersOfCustomer(request.params.id, questionOf(request.query, request)), request.query),
  )
  app.get(
    '/billing/customers/:id/tiers.html',
    {
      config: { permission: 'billing:read', own: true, failures },
      schema: {
        ...{
          operationId: 'getCustomerTiersPage',
          tags: ['billing'],
          summary: 'Tiers of a year of a customer, to print',
          description: PAGE,
        },
        ...{ produces: [HTML], params: TierCustomerParams, querystring: TierQuery, response: goodPage },
      },
    },
    async (request, reply) => page(reply, await deps.tiersOfCustomer(request.params.id, questionOf(request.query, request)), request.query),
  )
}
