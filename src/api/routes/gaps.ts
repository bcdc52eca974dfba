import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Result } from '../../core/index.ts'
import type { GapDetailView, GapView } from '../collection-deps.ts'
import { GapCountsSchema, GapDetailSchema, GapEntryBody, GapPage, GapParams, GapsQuery, GapWhyBody } from '../collection-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps, Refusal } from '../deps.ts'
import { nameOf } from '../guard.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { seenPageIf } from '../scoped.ts'
import { iso, isoOrNull } from './common.ts'

/** Due readings that did not come, and what a person does with them. */
export const gapRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps }) => {
  const shown = async (reply: FastifyReply, answer: Promise<Result<GapDetailView, Refusal>>) => {
    const gap = await answer
    return gap.ok ? detailJson(gap.value, deps) : refuse(reply, problemOf(gap.error.because, gap.error.error))
  }
  /** A gap that is not somebody's to see is answered as one that is not there. */
  const unseen = async ({ who }: Pick<FastifyRequest, 'who'>, reply: FastifyReply, id: number) => {
    const scope = deps.scopeOf(who)
    if (scope.all) return null
    const gap = await deps.gap(id)
    return gap.ok && scope.sees('point', gap.value.point) ? null : refuse(reply, problem('API_GAP', `there is no due reading ${id}`))
  }
  app.get(
    '/gaps',
    {
      config: { permission: 'collection:read' },
      schema: {
        operationId: 'listGaps',
        tags: ['collection'],
        summary: 'Gaps: due readings that did not come',
        description: 'The gap ledger (补抄台账), oldest first. Without `state`: gaps in every state.',
        querystring: GapsQuery,
        response: { 200: ref(GapPage, 'One page.') },
      },
    },
    async ({ query: { limit = 100, cursor, from, to, ...filter }, who }, reply) => {
      const after = cursor === undefined ? [0] : readCursor(cursor, ['number'])
      if (after === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const times = { ...(from === undefined ? {} : { from: Date.parse(from) }), ...(to === undefined ? {} : { to: Date.parse(to) }) }
      const scope = deps.scopeOf(who)
      const found = await seenPageIf({
        ...{ scope, after: Number(after[0]), limit, ask: (since: number, most: number) => deps.gaps({ ...filter, ...times }, since, most) },
        sees: ({ point }) => scope.sees('point', point),
        at: ({ id }) => id,
      })
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const { items, last, hasMore } = found.value
      return { items: items.map((gap) => gapJson(gap, deps)), next: hasMore && last ? cursorOf([last.id]) : null }
    },
  )
  app.get(
    '/gap-counts',
    {
      config: { permission: 'collection:read', everywhere: true },
      schema: {
        operationId: 'countGaps',
        tags: ['collection'],
        summary: 'How many gaps are in each state',
        description: 'Of all due readings that are still kept, by state.',
        response: { 200: ref(GapCountsSchema, 'The counts.') },
      },
    },
    async (_request, reply) => {
      const counts = await deps.gapCounts()
      return counts.ok ? counts.value : refuse(reply, problemOf(counts.error.because, counts.error.error))
    },
  )
  app.get(
    '/gaps/:id',
    {
      config: { permission: 'collection:read', failures: [404] },
      schema: {
        operationId: 'getGap',
        tags: ['collection'],
        summary: 'One due reading and its history',
        description: 'Everything that was tried, and everything a person did, oldest first.',
        params: GapParams,
        response: { 200: ref(GapDetailSchema, 'The gap.') },
      },
    },
    async (request, reply) => (await unseen(request, reply, request.params.id)) ?? shown(reply, deps.gap(request.params.id)),
  )
  for (const [act, summary, description] of ACTS)
    app.post(
      `/gaps/:id/${act}`,
      {
        config: { permission: 'collection:act', failures: [404, 413, 415, 422] },
        schema: {
          operationId: `${act}Gap`,
          tags: ['collection'],
          summary,
          description,
          params: GapParams,
          body: GapWhyBody,
          response: { 200: ref(GapDetailSchema, 'The gap as it is now.') },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        return (await unseen(request, reply, id)) ?? shown(reply, deps.actOnGap(id, act, nameOf(request), request.body.why))
      },
    )
  app.post(
    '/gaps/:id/estimate',
    {
      config: { permission: 'collection:act', failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'estimateGap',
        tags: ['collection'],
        summary: 'Estimate the registers of a freeze',
        description:
          'Between two registers on the line of use, else the last one and the mean use of up to four similar days. Source and quality are ' +
          '`estimated`; whatever is read later takes its place.',
        params: GapParams,
        body: GapWhyBody,
        response: { 200: ref(GapDetailSchema, 'The gap as it is now.') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const hidden = await unseen(request, reply, id)
      if (hidden) return hidden
      const done = await deps.estimateGap(id, nameOf(request), request.body.why)
      return done.ok ? shown(reply, deps.gap(id)) : refuse(reply, problemOf(done.error.because, done.error.error))
    },
  )
  app.post(
    '/gaps/:id/manual',
    {
      config: { permission: 'collection:act', failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'enterGap',
        tags: ['collection'],
        summary: 'Enter what a person has read off the meter',
        description: 'It waits until a second person confirms it; entered again, it takes the place of the first.',
        params: GapParams,
        body: GapEntryBody,
        response: { 200: ref(GapDetailSchema, 'The gap as it is now.') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { values, at, why } = request.body
      const entry = { values, instant: at === undefined ? null : Date.parse(at), who: nameOf(request), why }
      return (await unseen(request, reply, id)) ?? shown(reply, deps.enterGap(id, entry))
    },
  )
  app.post(
    '/gaps/:id/manual/confirm',
    {
      config: { permission: 'collection:act', failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'confirmGap',
        tags: ['collection'],
        summary: 'Confirm an entered value as the second person',
        description: 'Needs the token of somebody else than who entered it. The value becomes a reading with source and quality `manual`.',
        params: GapParams,
        response: { 200: ref(GapDetailSchema, 'The gap as it is now.') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      return (await unseen(request, reply, id)) ?? shown(reply, deps.confirmGap(id, nameOf(request)))
    },
  )
}

const ACTS = [
  ['retry', 'Read a gap again at once', 'As soon as its line is free, whatever its budget.'],
  ['waive', 'Waive a gap', 'It is not read any more; data that come all the same still fill it.'],
  ['reopen', 'Take a waived, given-up or estimated gap up again', 'It is read again at once, then as its budget allows.'],
] as const

type Hints = Pick<ApiDeps, 'hintOf'>

const gapJson = (gap: GapView, { hintOf }: Hints) => {
  const { label, nextTry, lastChance, missedAt, filledAt, instant, reason, curve, ...plain } = gap
  return {
    ...plain,
    label: iso(label),
    reason: reason === null ? null : { code: reason, hint: hintOf(reason) ?? '' },
    nextTry: isoOrNull(nextTry),
    lastChance: iso(lastChance),
    missedAt: isoOrNull(missedAt),
    filledAt: isoOrNull(filledAt),
    instant: isoOrNull(instant),
    curve: curve && {
      ...{ stepS: Math.round(curve.stepMs / 1000), expected: curve.expected, got: curve.got },
      missing: curve.missing.map(({ from, to }) => ({ from: iso(from), to: iso(to) })),
    },
  }
}

const detailJson = ({ history, entry, ...gap }: GapDetailView, hints: Hints) => ({
  ...gapJson(gap, hints),
  history: history.map((act) => ({ ...act, at: iso(act.at) })),
  entry: entry && { ...entry, values: { ...entry.values }, instant: iso(entry.instant), at: iso(entry.at) },
})
