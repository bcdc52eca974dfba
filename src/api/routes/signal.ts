import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { SignalLevel } from '../../anomaly/index.ts'
import type { Scope, ScopedKind } from '../../core/index.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue } from '../invalid.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { unseenBy } from '../scoped.ts'
import { SignalOneQuery, SignalPage, SignalParams, SignalQuery, SignalSchema } from '../signal-schemas.ts'
import { iso } from './common.ts'

const USUAL_MS = 7 * 86_400_000
/** What an id is at a level: a meter goes by its point where it has one. */
const KINDS_OF: Readonly<Record<SignalLevel, readonly ScopedKind[]>> = {
  ...{ meter: ['point', 'meter'], bus: ['line'], concentrator: ['concentrator'], area: ['area'], zone: ['zone'] },
}
const seesLevel = (scope: Scope, level: SignalLevel, id: string): boolean =>
  scope.all || KINDS_OF[level].some((kind) => scope.sees(kind, id))

/** How well links are heard, and what is wrong where they are not. */
export const signalRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  app.get(
    '/signal',
    {
      config: { permission: 'lines:read', failures: [422] },
      schema: {
        operationId: 'listSignal',
        tags: ['analysis'],
        summary: 'How well meters, buses, concentrators, areas and zones are heard',
        description:
          'Read rates, failures, response times and signal, the farthest below the median of its zone first: zones differ by design, so nothing is measured by one global limit.',
        querystring: SignalQuery,
        response: { 200: ref(SignalPage, 'One page.') },
      },
    },
    async ({ query: { level = 'meter', from, to, limit = 100, cursor, ...filter }, who }, reply) => {
      const after = cursor === undefined ? [0, deps.now()] : readCursor(cursor, ['number', 'number'])
      if (after === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      // Pages of one list are of one time, whatever the clock says meanwhile.
      const end = to === undefined ? Number(after[1]) : Date.parse(to)
      const start = from === undefined ? end - USUAL_MS : Date.parse(from)
      if (!(end > start)) return refuse(reply, badValue('querystring/to', to ?? iso(end), 'an instant after `from`'))
      const answer = await deps.signal({ level, from: start, to: end, ...filter })
      if (!answer.ok) return refuse(reply, problemOf(answer.error.because, answer.error.error))
      const scope = deps.scopeOf(who)
      const all = answer.value.filter(({ id }) => seesLevel(scope, level, id))
      const skipped = Math.max(0, Number(after[0]))
      const items = all.slice(skipped, skipped + limit).map((one, index) => ({ rank: skipped + index + 1, ...one }))
      const seen = skipped + items.length
      return { items, next: seen < all.length ? cursorOf([seen, end]) : null }
    },
  )
  app.get(
    '/signal/:id',
    {
      config: {
        permission: 'lines:read',
        failures: [404, 414, 422],
        whole: { items: ['from'], marks: ['at', 'channel', 'note'], findings: ['level', 'target', 'cause', 'from'] },
      },
      schema: {
        operationId: 'getSignal',
        tags: ['analysis'],
        summary: 'The history of one link, and what is wrong on its way',
        description: 'Hour by hour or day by day, with the change marks of its line, and the faults that explain what was lost.',
        params: SignalParams,
        querystring: SignalOneQuery,
        response: { 200: ref(SignalSchema, 'The link.') },
      },
    },
    async ({ params: { id }, query: { level = 'meter', from, to, step = 'hour' }, who }, reply) => {
      if (!seesLevel(deps.scopeOf(who), level, id)) return refuse(reply, unseenBy(level, id))
      const end = to === undefined ? deps.now() : Date.parse(to)
      const start = from === undefined ? end - USUAL_MS : Date.parse(from)
      if (!(end > start)) return refuse(reply, badValue('querystring/to', to ?? iso(end), 'an instant after `from`'))
      const answer = await deps.signalOf(id, { level, from: start, to: end }, step)
      if (!answer.ok) return refuse(reply, problemOf(answer.error.because, answer.error.error))
      const { figures, items, marks, findings } = answer.value
      return {
        ...{ from: iso(start), to: iso(end), step, figures: { rank: 1, ...figures } },
        items: items.map((item) => ({ ...item, from: iso(item.from), to: iso(item.to) })),
        marks: marks.map(({ at, ...mark }) => ({ at: iso(at), ...mark })),
        findings: findings.map(({ level: where, target, cause = null, from: since, to: until, score, numbers, why, action }) => ({
          ...{ level: where, target, cause, from: iso(since), to: until === null ? null : iso(until), score },
          ...{ numbers: { ...numbers }, why, action },
        })),
      }
    },
  )
}
