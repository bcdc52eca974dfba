import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps, DeadLetterView, SinkView } from '../deps.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { DeadLettersQuery, ReplayBody } from '../queries.ts'
import { readingJson } from '../reading-json.ts'
import { DeadLetterPage, OutboxSchema, ref } from '../schemas.ts'
import { everything, inTime, iso, isoOrNull } from './common.ts'
import { failureJson } from './lines.ts'

/** What waits to be stored, and what a sink refused for good. */
export const outboxRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  app.get(
    '/outbox',
    {
      config: { permission: 'system:read', everywhere: true },
      schema: {
        operationId: 'getOutbox',
        tags: ['operation'],
        summary: 'The outbox and its sinks',
        description: 'Readings lie here, safe on disk, until every sink has them.',
        response: { 200: ref(OutboxSchema, 'How full it is, and how far each sink is.') },
      },
    },
    async () => {
      const { oldestAt, error, sinks, ...outbox } = await deps.outbox()
      return { ...outbox, oldestAt: isoOrNull(oldestAt), error: failureJson(error), sinks: sinks.map(sinkJson) }
    },
  )
  app.get(
    '/dead-letters',
    {
      config: { permission: 'system:read', everywhere: true },
      schema: {
        operationId: 'listDeadLetters',
        tags: ['operation'],
        summary: 'Readings a sink refused for good',
        description: "Oldest first, with the server's words. Nothing is thrown away: correct the cause and replay them.",
        querystring: DeadLettersQuery,
        response: { 200: ref(DeadLetterPage, 'One page.') },
      },
    },
    async ({ query: { limit = 100, cursor } }, reply) => {
      const after = cursor === undefined ? [0] : readCursor(cursor, ['number'])
      if (after === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const found = await deps.deadLetters(Number(after[0]), limit + 1)
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map((letter) => letterJson(letter, deps)), next: found.length > limit && last ? cursorOf([last.id]) : null }
    },
  )
  app.post(
    '/dead-letters/replay',
    {
      config: { permission: 'lines:act', everywhere: true, failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'replayDeadLetters',
        tags: ['operation'],
        summary: 'Try refused readings again',
        description: 'Puts them back into the outbox. Writing a reading twice changes nothing.',
        body: ReplayBody,
        response: {
          200: Type.Object({ replayed: Type.Integer({ minimum: 0, description: 'How many went back.' }) }, { description: 'Done.' }),
        },
      },
    },
    async ({ body: { ids } }, reply) => {
      const answer = await inTime(deps.replay(ids ?? 'all'), answerMs)
      if (answer === null) return refuse(reply, problem('API_LATE', 'the outbox did not answer in time'))
      return answer.ok ? { replayed: answer.value } : refuse(reply, problemOf(answer.error.because, answer.error.error))
    },
  )
}

const sinkJson = ({ lastStoredAt, error, ...sink }: SinkView) => ({
  ...sink,
  lastStoredAt: isoOrNull(lastStoredAt),
  error: failureJson(error),
})

const letterJson = ({ id, sink, at, error, reading }: DeadLetterView, deps: ApiDeps) => ({
  id,
  sink,
  at: iso(at),
  code: error.code,
  message: error.message,
  hint: error.hint,
  reading: reading && readingJson(reading, everything(deps)),
})
