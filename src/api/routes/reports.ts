import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Result } from '../../core/index.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps, Refusal } from '../deps.ts'
import { nameOf } from '../guard.ts'
import { badValue } from '../invalid.ts'
import { PAGE_POLICY, type PageLanguage, prefersPage } from '../page.ts'
import { maySeePersonal } from '../personal.ts'
import { type Problem, problem, problemOf, refuse } from '../problems.ts'
import type { CustomerReportView, KeptReportView, ReportQuestion } from '../report-deps.ts'
import { keptJson, reportJson, shownReport } from '../report-json.ts'
import { reportPage } from '../report-page.ts'
import {
  CustomerReportSchema,
  KeptCustomerReport,
  KeptReportPage,
  ReportBody,
  ReportCustomerParams,
  ReportIdParams,
  ReportPageQuery,
  ReportQuery,
  ReportsQuery,
} from '../report-schemas.ts'
import { ref } from '../schema-words.ts'

const HTML = 'text/html; charset=utf-8'
const tags = ['billing']
const WHAT =
  'Energy in all and by tariff with its registers, how far both instants are, day by day coverage, tiers of the year, grade, newest good ' +
  'readings and cases of the time. Every figure has its state; what is not known is null and named under `gaps`.'
const PAGE = 'The same as one page to print, in Chinese or English, without script.'

interface Time {
  readonly month?: string
  readonly from?: string
  readonly to?: string
}

/** The time that is asked for; what else is wrong with it only the calendar knows. */
const timeOf = ({ month, from, to }: Time, place: 'querystring' | 'body'): { readonly time: ReportQuestion['time'] } | Problem => {
  if (month !== undefined && (from !== undefined || to !== undefined))
    return badValue(`${place}/month`, month, 'either `month`, or `from` and `to`')
  if (month !== undefined) return { time: { month } }
  if (from === undefined && to === undefined) return { time: null }
  if (from === undefined) return badValue(`${place}/from`, '', '`from` beside `to`')
  if (to === undefined) return badValue(`${place}/to`, '', '`to` beside `from`')
  const [start, end] = [Date.parse(from), Date.parse(to)]
  if (end <= start) return badValue(`${place}/to`, to, 'an instant after `from`')
  return { time: { from: start, to: end } }
}

/** Reports of customers: in one call, to print, and kept. */
export const reportRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  const { reports } = deps
  const questionOf = (request: FastifyRequest, time: ReportQuestion['time']): ReportQuestion => ({
    ...{ time, scope: deps.scopeOf(request.who), only: request.who?.customer ?? null },
  })
  const page = (
    request: FastifyRequest,
    reply: FastifyReply,
    view: CustomerReportView,
    kept: KeptReportView | null,
    lang: PageLanguage = 'zh',
  ) => {
    const name = maySeePersonal(request) || request.who?.customer === view.customer ? view.name : null
    reply
      .type(HTML)
      .header('content-security-policy', PAGE_POLICY)
      .header('content-language', lang === 'zh' ? 'zh-CN' : 'en')
    return reply.serializer(String).send(reportPage({ ...shownReport(request, view), name }, kept, lang))
  }
  const no = (reply: FastifyReply, { because, error }: Refusal) => refuse(reply, problemOf(because, error))
  const made = async (request: FastifyRequest, id: string, asked: Time): Promise<Result<CustomerReportView, Refusal> | Problem> => {
    const time = timeOf(asked, 'querystring')
    return 'time' in time ? reports.of(id, questionOf(request, time.time)) : time
  }
  const json = (request: FastifyRequest, reply: FastifyReply, view: CustomerReportView, kept: KeptReportView | null) => {
    const report = reportJson(request, shownReport(request, view))
    return reply.send(kept ? { kept: keptJson(kept), report } : report)
  }
  const failures = [404, 414, 422] as const

  app.get(
    '/billing/customers/:id/report',
    {
      config: { permission: 'billing:read', own: true, failures },
      schema: {
        ...{ operationId: 'getCustomerReport', tags, summary: 'Report of a customer', description: WHAT, 'x-also': [HTML] },
        ...{ params: ReportCustomerParams, querystring: ReportQuery, response: { 200: ref(CustomerReportSchema, 'The report.') } },
      },
    },
    async (request, reply) => {
      const { params, query } = request
      reply.header('vary', 'accept')
      const found = await made(request, params.id, query)
      if (!('ok' in found)) return refuse(reply, found)
      if (!found.ok) return no(reply, found.error)
      if (prefersPage(request.headers.accept)) return page(request, reply, found.value, null, query.lang)
      return json(request, reply, found.value, null)
    },
  )
  app.get(
    '/billing/customers/:id/report.html',
    {
      config: { permission: 'billing:read', own: true, failures },
      schema: {
        ...{ operationId: 'getCustomerReportPage', tags, summary: 'Report of a customer, to print', description: PAGE },
        ...{ params: ReportCustomerParams, querystring: ReportQuery, produces: [HTML] },
        response: { 200: { type: 'string', description: PAGE } },
      },
    },
    async (request, reply) => {
      const found = await made(request, request.params.id, request.query)
      if (!('ok' in found)) return refuse(reply, found)
      return found.ok ? page(request, reply, found.value, null, request.query.lang) : no(reply, found.error)
    },
  )
  app.post(
    '/billing/customers/:id/reports',
    {
      config: { permission: 'billing:read', also: 'export', failures: [404, 413, 414, 415, 422] },
      schema: {
        ...{ operationId: 'keepCustomerReport', tags, summary: 'Make a report of a customer and keep it' },
        description: `${WHAT} It is kept as it is now, with who made it, why and its digest, and never changes.`,
        ...{ params: ReportCustomerParams, body: ReportBody, response: { 200: ref(KeptCustomerReport, 'The report, kept.') } },
      },
    },
    async (request, reply) => {
      const { params, body } = request
      const time = timeOf(body, 'body')
      if (!('time' in time)) return refuse(reply, time)
      const found = await reports.keep(params.id, questionOf(request, time.time), nameOf(request), body.why)
      if (!found.ok) return no(reply, found.error)
      return json(request, reply, found.value.report, found.value.kept)
    },
  )
  app.get(
    '/billing/reports',
    {
      config: { permission: 'billing:read', failures: [404] },
      schema: {
        ...{ operationId: 'listCustomerReports', tags, summary: 'Reports of customers that were kept' },
        description: 'Newest first. A report is seen by whoever sees the customer and all points in it.',
        ...{ querystring: ReportsQuery, response: { 200: ref(KeptReportPage, 'One page.') } },
      },
    },
    async (request, reply) => {
      const { customer, limit = 100, cursor } = request.query
      const from = cursor === undefined ? [null] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const scope = deps.scopeOf(request.who)
      const before = typeof from[0] === 'number' ? from[0] : null
      const found = await reports.kept(customer ?? null, scope, before, limit + 1)
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map(keptJson), next: found.length > limit && last ? cursorOf([last.id]) : null }
    },
  )
  app.get(
    '/billing/reports/:id',
    {
      config: { permission: 'billing:read', failures: [404, 414, 503] },
      schema: {
        ...{ operationId: 'getKeptReport', tags, summary: 'One report of a customer that was kept', 'x-also': [HTML] },
        description: 'As it was when it was made. One whose digest is another one than when it was kept is not given.',
        ...{ params: ReportIdParams, querystring: ReportPageQuery, response: { 200: ref(KeptCustomerReport, 'The report.') } },
      },
    },
    async (request, reply) => {
      reply.header('vary', 'accept')
      const found = reports.keptOne(request.params.id, deps.scopeOf(request.who))
      if (!found.ok) return no(reply, found.error)
      const { kept, report } = found.value
      if (prefersPage(request.headers.accept)) return page(request, reply, report, kept, request.query.lang)
      return json(request, reply, report, kept)
    },
  )
  app.get(
    '/billing/reports/:id/page.html',
    {
      config: { permission: 'billing:read', failures: [404, 414, 503] },
      schema: {
        ...{ operationId: 'getKeptReportPage', tags, summary: 'One kept report, to print', description: PAGE },
        ...{ params: ReportIdParams, querystring: ReportPageQuery, produces: [HTML] },
        response: { 200: { type: 'string', description: PAGE } },
      },
    },
    async (request, reply) => {
      const found = reports.keptOne(request.params.id, deps.scopeOf(request.who))
      return found.ok ? page(request, reply, found.value.report, found.value.kept, request.query.lang) : no(reply, found.error)
    },
  )
}
