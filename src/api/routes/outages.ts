import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Result, Scope } from '../../core/index.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps, Refusal } from '../deps.ts'
import { nameOf } from '../guard.ts'
import { OUTAGE_SCOPE_NAMES, type OutageDetailView, type OutageView } from '../outage-deps.ts'
import {
  OutageAtBody,
  OutageBody,
  OutageDetailSchema,
  OutageExtendBody,
  OutagePage,
  OutageParams,
  OutagesQuery,
  OutageWhyBody,
} from '../outage-schemas.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { seenPage, unseenBy } from '../scoped.ts'
import { iso, isoOrNull } from './common.ts'

const instantOf = (text: string | undefined): number | null => (text === undefined ? null : Date.parse(text))
const operate = { config: { permission: 'collection:act', failures: [404, 413, 415, 422] } } as const
const answer = { 200: ref(OutageDetailSchema, 'The outage as it is now.') }

/** The outage calendar: planned and emergency outages, and what becomes of them. */
export const outageRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps }) => {
  const shown = (reply: FastifyReply, outage: Result<OutageDetailView, Refusal>) =>
    outage.ok ? detailJson(outage.value) : refuse(reply, problemOf(outage.error.because, outage.error.error))
  /** Acts on an outage that is somebody's; of a line, whoever acts sees all of it. */
  const acted = (request: OutageRequest, reply: FastifyReply, act: (id: number) => Result<OutageDetailView, Refusal>, isAct = true) => {
    const { id } = request.params
    const scope = deps.scopeOf(request.who)
    const found = scope.all ? null : deps.outage(id)
    const sees = found === null || (found.ok && seesOutage(scope, found.value, isAct))
    return sees ? shown(reply, act(id)) : refuse(reply, problem('API_OUTAGE', `there is no outage ${id}`))
  }
  app.get(
    '/outages',
    {
      config: { permission: 'collection:read', failures: [404] },
      schema: {
        operationId: 'listOutages',
        tags: ['collection'],
        summary: 'The outage calendar',
        description: 'Planned and emergency outages (停电计划), those recorded last first.',
        querystring: OutagesQuery,
        response: { 200: ref(OutagePage, 'One page.') },
      },
    },
    async ({ query: { limit = 100, cursor, from, to, ...filter }, who }, reply) => {
      const before = cursor === undefined ? [null] : readCursor(cursor, ['number'])
      if (before === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const times = { ...(from === undefined ? {} : { from: Date.parse(from) }), ...(to === undefined ? {} : { to: Date.parse(to) }) }
      const [first = null] = before
      const scope = deps.scopeOf(who)
      const { target } = filter
      if (target !== undefined) {
        const kinds = filter.scope === undefined ? OUTAGE_SCOPE_NAMES : [filter.scope]
        if (!kinds.some((kind) => deps.isEntry(kind, target) && scope.sees(kind, target)))
          return refuse(reply, unseenBy(filter.scope ?? 'target', target))
      }
      const { items, last, hasMore } = await seenPage<OutageView, number | null>({
        ...{ scope, after: first === null ? null : Number(first), limit },
        ask: (after, most) => deps.outages({ ...filter, ...times }, after, most),
        sees: (outage) => scope.sees(outage.scope, outage.target),
        at: ({ id }) => id,
      })
      return { items: items.map(outageJson), next: hasMore && last ? cursorOf([last.id]) : null }
    },
  )
  app.get(
    '/outages/:id',
    {
      config: { permission: 'collection:read', failures: [404] },
      schema: {
        operationId: 'getOutage',
        tags: ['collection'],
        summary: 'One outage and its history',
        description: 'Everything that was done with it, oldest first.',
        params: OutageParams,
        response: answer,
      },
    },
    async (request, reply) => acted(request, reply, (id) => deps.outage(id), false),
  )
  app.post(
    '/outages',
    {
      config: { permission: 'collection:act', failures: [413, 415, 422] },
      schema: {
        operationId: 'addOutage',
        tags: ['collection'],
        summary: 'Record an outage',
        description:
          'Nothing is booked as used while it lasts, and its meters are not counted on its days. `warning` says when the notice is short.',
        body: OutageBody,
        response: answer,
      },
    },
    async ({ body: { from, expectedTo, to, noticed, workOrder = null, ...draft }, who }, reply) => {
      const scope = deps.scopeOf(who)
      if (!seesOutage(scope, draft, true)) return refuse(reply, unseenBy(draft.scope, draft.target))
      const times = { from: Date.parse(from), expectedTo: instantOf(expectedTo), to: instantOf(to), noticed: instantOf(noticed) }
      return shown(reply, deps.addOutage({ ...draft, ...times, workOrder }, who?.name ?? ''))
    },
  )
  app.post(
    '/outages/:id/extend',
    {
      ...operate,
      schema: {
        operationId: 'extendOutage',
        tags: ['collection'],
        summary: 'Put the expected end of an outage off',
        description: 'To a later time than was expected before.',
        params: OutageParams,
        body: OutageExtendBody,
        response: answer,
      },
    },
    async (request, reply) => {
      const { expectedTo, why } = request.body
      return acted(request, reply, (id) => deps.extendOutage(id, Date.parse(expectedTo), nameOf(request), why))
    },
  )
  for (const { act, operationId, summary, description } of AT_ACTS)
    app.post(
      `/outages/:id/${act}`,
      {
        ...operate,
        schema: { operationId, tags: ['collection'], summary, description, params: OutageParams, body: OutageAtBody, response: answer },
      },
      async (request, reply) => {
        const { at, why } = request.body
        return acted(request, reply, (id) => deps[operationId](id, instantOf(at), nameOf(request), why))
      },
    )
  app.post(
    '/outages/:id/withdraw',
    {
      ...operate,
      schema: {
        operationId: 'withdrawOutage',
        tags: ['collection'],
        summary: 'Withdraw an outage',
        description: 'It did not take place, will not, or was recorded by mistake. The record stays.',
        params: OutageParams,
        body: OutageWhyBody,
        response: answer,
      },
    },
    async (request, reply) => acted(request, reply, (id) => deps.withdrawOutage(id, nameOf(request), request.body.why)),
  )
}

const seesOutage = (scope: Scope, { scope: kind, target }: Pick<OutageView, 'scope' | 'target'>, isAct: boolean): boolean =>
  scope.all || scope.sees(kind === 'line' && isAct ? 'whole-line' : kind, target)

interface OutageRequest extends Pick<FastifyRequest, 'who'> {
  readonly params: { readonly id: number }
}

const AT_ACTS = [
  {
    act: 'end',
    operationId: 'endOutage',
    summary: 'Say that power is back',
    description: 'Energy of its time is worked out again from its start.',
  },
  {
    act: 'notice',
    operationId: 'noticeOutage',
    summary: 'Record that key accounts were told',
    description: 'At least 24 h before a planned outage; told later, or never, the record carries a warning.',
  },
] as const

const outageJson = ({ from, expectedTo, to, noticed, recordedAt, ...plain }: OutageView) => ({
  ...plain,
  ...{ from: iso(from), expectedTo: isoOrNull(expectedTo), to: isoOrNull(to), noticed: isoOrNull(noticed), recordedAt: iso(recordedAt) },
})

const detailJson = ({ history, ...outage }: OutageDetailView) => ({
  ...outageJson(outage),
  history: history.map((act) => ({ ...act, at: iso(act.at) })),
})
