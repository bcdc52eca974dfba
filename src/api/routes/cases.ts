import { STATUS_CODES } from 'node:http'
import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Principal } from '../../access/principals.ts'
import type { CaseAct } from '../../anomaly/index.ts'
import type { Scope } from '../../core/index.ts'
import type { CaseFilterView, CaseView } from '../case-deps.ts'
import { caseCsvHead, caseCsvLine, caseDetailJson, caseJson, evidenceJson } from '../case-json.ts'
import {
  CaseAssignBody,
  CaseDetailSchema,
  CaseEvidenceSchema,
  CaseHeaders,
  CaseNoteBody,
  CasePage,
  CaseParams,
  CasePlanBody,
  CaseSettleBody,
  CaseSilenceBody,
  CaseStartBody,
  CaseStreamQuery,
  CasesAcknowledgeBody,
  CasesCsvQuery,
  CasesDoneSchema,
  CasesQuery,
  CaseTextBody,
} from '../case-schemas.ts'
import type { CaseStreams } from '../case-streams.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps, Refusal } from '../deps.ts'
import { holderOf } from '../guard.ts'
import { badValue, INSTANT } from '../invalid.ts'
import { type Problem, problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { seenPage, seesCase } from '../scoped.ts'
import { sendLive, sendStream } from '../send-stream.ts'

const CSV_PAGE = 500

type Query = Static<typeof CasesQuery>

/** Cases: what was found, what it rests on, and what people do about it. */
export const caseRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps }) => {
  /** Null: there is none, or it is not his to see. */
  const seenCase = async (who: Principal | null, id: number) => {
    const found = await deps.case(id)
    return found && seesCase(deps.scopeOf(who), found) ? found : null
  }
  app.get(
    '/cases',
    {
      config: { permission: 'cases:read' },
      schema: {
        operationId: 'listCases',
        tags: ['cases'],
        summary: 'Cases',
        description:
          'What was found wrong (案件), one a cause. Members of a flood and what only comes of another case are left out unless asked for.',
        querystring: CasesQuery,
        response: { 200: ref(CasePage, 'One page.') },
      },
    },
    async ({ query, who }, reply) => {
      const { limit = 100, cursor, sort = 'newest' } = query
      const filter = filterOf(query)
      if ('problem' in filter) return refuse(reply, filter.problem)
      const after = cursor === undefined ? null : readCursor(cursor, ['number', 'number', 'string'])
      const [place, id, order] = after ?? []
      // A cursor of another order would leave some out and show others twice.
      if (cursor !== undefined && (typeof place !== 'number' || typeof id !== 'number' || order !== sort))
        return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list in this order'))
      const scope = deps.scopeOf(who)
      const { items, last, hasMore } = await seenPage<CaseView, readonly [number, number] | null>({
        ...{ scope, limit, after: typeof place === 'number' && typeof id === 'number' ? [place, id] : null },
        ask: (from, most) => deps.cases(filter.filter, sort, from, most),
        sees: (one) => seesCase(scope, one),
        at: (one) => deps.casePlace(one.id, sort),
      })
      return { items: items.map(caseJson), next: hasMore && last ? cursorOf([...deps.casePlace(last.id, sort), sort]) : null }
    },
  )
  app.get(
    '/cases/export',
    {
      config: { permission: 'cases:read', also: 'export', stream: true, audit: 'act', heavy: true },
      schema: {
        operationId: 'exportCases',
        tags: ['cases'],
        summary: 'Cases as CSV',
        description:
          'All that fit the filter: UTF-8 with byte order mark, empty where unknown, text guarded against formulas, numbers as numbers.',
        querystring: CasesCsvQuery,
        produces: ['text/csv'],
        response: { 200: Type.String({ description: 'One line a case.' }) },
      },
    },
    async ({ query: { language = 'zh', sort = 'newest', ...query }, who }, reply) => {
      const filter = filterOf(query)
      if ('problem' in filter) return refuse(reply, filter.problem)
      return sendStream(
        reply.type('text/csv; charset=utf-8').header('content-disposition', 'attachment; filename="cases.csv"'),
        Readable.from(csvOf(deps, deps.scopeOf(who), filter.filter, sort, language), { objectMode: false }),
      )
    },
  )
  app.get(
    '/cases/:id',
    {
      config: { permission: 'cases:read', failures: [404] },
      schema: {
        operationId: 'getCase',
        tags: ['cases'],
        summary: 'One case and its history',
        description:
          'The ETag is its version: send it back as If-Match with whatever is done, so that two people do not overwrite each other.',
        params: CaseParams,
        response: { 200: ref(CaseDetailSchema, 'The case.') },
      },
    },
    async ({ params: { id }, who }, reply) => {
      const found = await seenCase(who, id)
      return found ? reply.header('etag', `"${found.version}"`).send(caseDetailJson(found)) : refuse(reply, unknown(id))
    },
  )
  app.get(
    '/cases/:id/evidence',
    {
      config: { permission: 'cases:read', failures: [404] },
      schema: {
        operationId: 'getCaseEvidence',
        tags: ['cases'],
        summary: 'What a case rests on',
        description: 'Numbers, readings, rule version, thresholds then in force, what was ruled out, and how it grew by day.',
        params: CaseParams,
        response: { 200: ref(CaseEvidenceSchema, 'The evidence.') },
      },
    },
    async ({ params: { id }, who }, reply) => {
      const found = (await seenCase(who, id)) && (await deps.caseEvidence(id))
      return found ? evidenceJson(found) : refuse(reply, unknown(id))
    },
  )

  const act = async (request: FastifyRequest, reply: FastifyReply, id: number, does: CaseAct) => {
    if (!deps.scopeOf(request.who).all && !(await seenCase(request.who, id))) return refuse(reply, unknown(id))
    const version = versionOf(request.headers['if-match'])
    if (version === undefined)
      return refuse(reply, badValue('headers/if-match', String(request.headers['if-match']), 'the ETag of the case: "7"'))
    const done = await deps.actOnCase(id, does, request.who?.name ?? '', version)
    return done.ok ? reply.header('etag', `"${done.value.version}"`).send(caseDetailJson(done.value)) : refuse(reply, refusalOf(done.error))
  }
  const about = (operationId: string, summary: string, description: string) => ({
    ...{ operationId, tags: ['cases'], summary, description, params: CaseParams, headers: CaseHeaders },
    response: { 200: ref(CaseDetailSchema, 'The case as it is now.') },
  })
  const config = { permission: 'cases:act', failures: [404, 412, 413, 415, 422] } as const
  const acting = () => ({ ...config, failures: [...config.failures] })

  app.post(
    '/cases/acknowledge',
    {
      config: { permission: 'cases:act', failures: [413, 415] },
      schema: {
        operationId: 'acknowledgeCases',
        tags: ['cases'],
        summary: 'Acknowledge several cases',
        description: 'Each by itself: those that cannot be are named, the others are.',
        body: CasesAcknowledgeBody,
        response: { 200: ref(CasesDoneSchema, 'What became of them.') },
      },
    },
    async ({ body: { ids, text = '' }, who }) => {
      const done: number[] = []
      const refused: { id: number; code: string; message: string }[] = []
      const isAll = deps.scopeOf(who).all
      for (const id of new Set(ids)) {
        if (!isAll && !(await seenCase(who, id))) {
          refused.push({ id, code: 'CASE_UNKNOWN', message: `there is no case ${id}` })
          continue
        }
        const answer = await deps.actOnCase(id, { act: 'acknowledge', text }, who?.name ?? '', null)
        if (answer.ok) done.push(id)
        else refused.push({ id, code: answer.error.error.code, message: answer.error.error.message })
      }
      return { done, refused }
    },
  )
  app.post(
    '/cases/:id/acknowledge',
    { config: acting(), schema: { ...about('acknowledgeCase', 'Acknowledge a case', 'Somebody has seen it.'), body: CaseNoteBody } },
    async (request, reply) => act(request, reply, request.params.id, { act: 'acknowledge', text: request.body.text ?? '' }),
  )
  app.post(
    '/cases/:id/start',
    {
      config: acting(),
      schema: { ...about('startCase', 'Begin to work on a case', 'Somebody deals with it from now on.'), body: CaseStartBody },
    },
    async (request, reply) => {
      const { text = '', workOrder } = request.body
      return act(request, reply, request.params.id, { act: 'start', text, ...(workOrder === undefined ? {} : { workOrder }) })
    },
  )
  for (const { name, operationId, summary, description } of SETTLING)
    app.post(
      `/cases/:id/${name}`,
      { config: acting(), schema: { ...about(operationId, summary, description), body: CaseSettleBody } },
      async (request, reply) => act(request, reply, request.params.id, { act: name, ...request.body }),
    )
  for (const { name, operationId, summary, description } of SAYING)
    app.post(
      `/cases/:id/${name}`,
      { config: acting(), schema: { ...about(operationId, summary, description), body: CaseTextBody } },
      async (request, reply) => act(request, reply, request.params.id, { act: name, text: request.body.text }),
    )
  app.post(
    '/cases/:id/assign',
    {
      config: acting(),
      schema: { ...about('assignCase', 'Give a case to somebody', 'Who deals with it; null takes it back.'), body: CaseAssignBody },
    },
    async (request, reply) =>
      act(request, reply, request.params.id, { act: 'assign', owner: request.body.owner, text: request.body.text ?? '' }),
  )
  app.post(
    '/cases/:id/plan',
    {
      config: acting(),
      schema: { ...about('planCase', 'Set deadline and work order of a case', 'Either or both; null takes it away.'), body: CasePlanBody },
    },
    async (request, reply) => {
      const { dueAt, workOrder, text = '' } = request.body
      if (typeof dueAt === 'string' && !isInstant(dueAt)) return refuse(reply, badValue('body/dueAt', dueAt, INSTANT))
      return act(request, reply, request.params.id, {
        ...{ act: 'plan', text },
        ...(dueAt === undefined ? {} : { dueAt: dueAt === null ? null : Date.parse(dueAt) }),
        ...(workOrder === undefined ? {} : { workOrder }),
      })
    },
  )
  app.post(
    '/cases/:id/silence',
    {
      config: acting(),
      schema: {
        ...about('silenceCase', 'Be quiet about a case', 'Nobody is told of it until then; null: heard again.'),
        body: CaseSilenceBody,
      },
    },
    async (request, reply) => {
      const { until, text } = request.body
      if (until !== null && !isInstant(until)) return refuse(reply, badValue('body/until', until, INSTANT))
      return act(request, reply, request.params.id, { act: 'silence', until: until === null ? null : Date.parse(until), text })
    },
  )
}

/** Changes of cases as they come. */
export const caseStreamRoute: FastifyPluginAsyncTypebox<{ deps: ApiDeps; streams: CaseStreams }> = async (app, { deps, streams }) => {
  app.get(
    '/cases/stream',
    {
      config: { permission: 'cases:read', stream: true },
      schema: {
        operationId: 'streamCases',
        tags: ['cases'],
        summary: 'Changes of cases, live',
        description:
          'Server-sent events: `case` with what happened and the case as it is now; `end` with the reason. The id of an event is the number of the ' +
          'change: a client that comes back with Last-Event-ID misses nothing. Ends when the token is revoked and when the gateway stops.',
        querystring: CaseStreamQuery,
        produces: ['text/event-stream'],
        response: { 200: Type.String({ description: 'A stream without end of its own.' }) },
      },
    },
    async (request, reply) => {
      const { headers } = request
      const { after } = request.query
      const newest = deps.newestCaseLine()
      const seen = [headers['last-event-id'] ?? []].flat()[0]
      if (seen !== undefined && !/^\d{1,15}$/.test(seen))
        return refuse(reply, badValue('headers/last-event-id', seen, 'the id of an event of this stream'))
      // A number that was never given out is of another gateway's book: from now on.
      const from = Math.min(seen === undefined ? (after ?? newest) : Number(seen), newest)
      const readable = streams.open(holderOf(request), from)
      if (readable === null) return refuse(reply, problem('API_STREAMS', 'too many streams are open'))
      return sendLive(reply.type('text/event-stream; charset=utf-8').header('x-accel-buffering', 'no'), readable)
    },
  )
}

const SETTLING = [
  {
    name: 'explain',
    operationId: 'explainCase',
    summary: 'Explain a case',
    description: 'There is a cause and nothing is to be done: it is opened again only when the evidence grows beyond what is known now.',
  },
  {
    name: 'close',
    operationId: 'closeCase',
    summary: 'Close a case',
    description: 'What was to be done is done: it is opened again when the fault goes on. A deviation of a key account needs an analysis.',
  },
] as const
const SAYING = [
  {
    name: 'reopen',
    operationId: 'reopenCase',
    summary: 'Open a case again',
    description: 'It was settled or withdrawn and should not have been.',
  },
  {
    name: 'comment',
    operationId: 'commentCase',
    summary: 'Comment on a case',
    description: 'In any state; it stands in the history for good.',
  },
] as const

const filterOf = ({
  since,
  sort: _,
  ...query
}: Omit<Query, 'limit' | 'cursor'>): { readonly filter: CaseFilterView } | { readonly problem: Problem } => {
  const at = since === undefined ? undefined : Date.parse(since)
  if (since !== undefined && Number.isNaN(at)) return { problem: badValue('querystring/since', since, INSTANT) }
  const { kind, state, severity, area, zone, target, owner, overdue, text, parent, all } = query
  const given = { kind, state, severity, area, zone, target, owner, overdue, text, parent, all, since: at }
  const filter: CaseFilterView = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return { filter }
}

/** Ajv takes leap seconds and any year, Date and the answers of this API do not. */
const isInstant = (text: string): boolean => Date.parse(text) >= 0 && Date.parse(text) < YEAR_10000
const YEAR_10000 = 253_402_300_800_000

const unknown = (id: number): Problem => problem('API_CASE', `there is no case ${id}`)

/** Null: whatever it is now; undefined: that is no version. @source RFC 9110, 13.1.1 If-Match */
const versionOf = (header: string | undefined): number | null | undefined => {
  if (header === undefined || header.trim() === '*') return null
  const version = /^\s*(?:W\/)?"(\d{1,12})"\s*$/.exec(header)?.[1]
  return version === undefined ? undefined : Number(version)
}

const refusalOf = ({ because, error }: Refusal): Problem => {
  const found = problemOf(because, error)
  return error.code === 'CASE_CHANGED' ? { ...found, status: 412, title: STATUS_CODES[412] ?? '' } : found
}

/** Everything that fits, page by page as the client takes it. */
async function* csvOf(
  deps: ApiDeps,
  scope: Scope,
  filter: CaseFilterView,
  sort: NonNullable<Query['sort']>,
  language: 'zh' | 'en',
): AsyncGenerator<string> {
  yield caseCsvHead
  for (let last: CaseView | undefined; ; ) {
    const page: readonly CaseView[] = await deps.cases(filter, sort, last ? deps.casePlace(last.id, sort) : null, CSV_PAGE)
    const seen = page.filter((one) => seesCase(scope, one))
    if (seen.length > 0) yield seen.map((one) => caseCsvLine(one, language)).join('')
    last = page.at(-1)
    if (page.length < CSV_PAGE) return
  }
}
