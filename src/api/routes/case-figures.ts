import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { notifyJson, outcomesJson } from '../case-json.ts'
import {
  CaseOutcomesQuery,
  CaseOutcomesSchema,
  NotifyParams,
  NotifyTargetSchema,
  NotifyTargetsSchema,
  SuspicionsQuery,
  SuspicionsSchema,
} from '../case-schemas.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue, INSTANT } from '../invalid.ts'
import { problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'

/** What lies below the alarms, what became of cases, and who is told of them. */
export const caseFigureRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps }) => {
  app.get(
    '/suspicions',
    {
      config: { permission: 'cases:read', whole: ['kind', 'target'] },
      schema: {
        operationId: 'listSuspicions',
        tags: ['cases'],
        summary: 'Ranking below the alarms',
        description: 'What in an area comes nearest to being an alarm (疑似排行): where to look first when somebody is there anyway.',
        querystring: SuspicionsQuery,
        response: { 200: ref(SuspicionsSchema, 'The ranking.') },
      },
    },
    async ({ query: { area }, who }) => ({
      items: (deps.scopeOf(who).sees('area', area) ? await deps.suspicions(area) : []).map(
        ({ day, finding: { kind, target, score, kwh, why, numbers } }) => ({
          ...{ day, kind, target, score, kwh, why, numbers },
        }),
      ),
    }),
  )
  app.get(
    '/cases/outcomes',
    {
      config: { permission: 'cases:read', everywhere: true, whole: ['kind'] },
      schema: {
        operationId: 'listCaseOutcomes',
        tags: ['cases'],
        summary: 'How often the analysis was right',
        description:
          'What people found when they settled cases, by kind: the precision in the field. What closed by itself is not counted.',
        querystring: CaseOutcomesQuery,
        response: { 200: ref(CaseOutcomesSchema, 'By kind.') },
      },
    },
    async ({ query: { since } }, reply) => {
      const at = since === undefined ? null : Date.parse(since)
      if (since !== undefined && Number.isNaN(at)) return refuse(reply, badValue('querystring/since', since, INSTANT))
      return { items: (await deps.caseOutcomes(at)).map(outcomesJson) }
    },
  )
  app.get(
    '/notify',
    {
      config: { permission: 'cases:read', everywhere: true, whole: ['id'] },
      schema: {
        operationId: 'listNotifyTargets',
        tags: ['cases'],
        summary: 'Who is told of what',
        description: 'Webhooks and brokers under `notify`, what waits for them and why the last message was not taken.',
        response: { 200: NotifyTargetsSchema },
      },
    },
    async () => ({ items: (await deps.caseCounts()).notify.map(notifyJson) }),
  )
  app.post(
    '/notify/:id/test',
    {
      config: { permission: 'lines:act', everywhere: true, failures: [404, 422] },
      schema: {
        operationId: 'testNotifyTarget',
        tags: ['cases'],
        summary: 'Send a test message',
        description: 'At once, under the same rules as every other; `error` says why it was not taken.',
        params: NotifyParams,
        response: { 200: ref(NotifyTargetSchema, 'How it went.') },
      },
    },
    async ({ params: { id } }, reply) => {
      const done = await deps.testNotify(id)
      return done.ok ? notifyJson(done.value) : refuse(reply, problemOf(done.error.because, done.error.error))
    },
  )
}
