import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Principal, personOf } from '../../access/principals.ts'
import { ConcentratorControlParams, ConcentratorParams, ControlBody, NewestQuery, WithdrawBody } from '../concentrator-queries.ts'
import { ControlPage, ControlSchema } from '../concentrator-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { inTime } from './common.ts'
import { controlJson } from './concentrator-json.ts'

const byOf = (who: Principal | null) => ({ id: who ? personOf(who) : '', name: who?.name ?? '' })

/** Remote trip and close by two persons. */
export const concentratorControlRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (
  app,
  { deps, answerMs },
) => {
  const { concentrators } = deps
  const failures = [404, 409, 413, 414, 415, 422, 504] as const
  app.get(
    '/concentrators/:id/control',
    {
      config: { permission: 'lines:read', sees: ['concentrator', 'id'], failures: [404, 414] },
      schema: {
        operationId: 'listControlActs',
        tags: ['concentrators'],
        summary: 'Acts of control',
        description: 'Everything that was asked for, by whom, why, who confirmed it and what became of it. Newest first; kept for good.',
        params: ConcentratorParams,
        querystring: NewestQuery,
        response: { 200: ref(ControlPage, 'One page.') },
      },
    },
    async ({ params: { id }, query: { limit = 50, cursor } }, reply) => {
      const from = cursor === undefined ? [Number.MAX_SAFE_INTEGER] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const found = await concentrators.controls(id, Number(from[0]), limit + 1)
      if (!found.ok) return refuse(reply, problemOf(found.error.because, found.error.error))
      const items = found.value.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map(controlJson), next: found.value.length > limit && last ? cursorOf([last.id]) : null }
    },
  )
  app.get(
    '/concentrators/:id/control/:act',
    {
      config: { permission: 'lines:read', sees: ['concentrator', 'id'], failures: [404, 414] },
      schema: {
        operationId: 'getControlAct',
        tags: ['concentrators'],
        summary: 'One act of control',
        description: 'Its steps, and what went over the wire.',
        params: ConcentratorControlParams,
        response: { 200: ref(ControlSchema, 'The act.') },
      },
    },
    async ({ params: { id, act } }, reply) => {
      const found = await concentrators.control(id, act)
      return found.ok ? controlJson(found.value) : refuse(reply, problemOf(found.error.because, found.error.error))
    },
  )
  app.post(
    '/concentrators/:id/control',
    {
      config: { permission: 'control:request', sees: ['concentrator', 'id'], failures },
      schema: {
        operationId: 'requestControl',
        tags: ['concentrators'],
        summary: 'Ask for a trip or close',
        description:
          'Sends nothing. Only when `concentrators.control` is on and the concentrator allows writes. A second person confirms it within ten minutes, or it is void.',
        params: ConcentratorParams,
        body: ControlBody,
        response: { 200: ref(ControlSchema, 'It waits for its second person.') },
      },
    },
    async ({ params: { id }, body, who }, reply) => {
      const made = await concentrators.requestControl(id, body, byOf(who))
      return made.ok ? controlJson(made.value) : refuse(reply, problemOf(made.error.because, made.error.error))
    },
  )
  app.post(
    '/concentrators/:id/control/:act/confirm',
    {
      config: { permission: 'control:confirm', sees: ['concentrator', 'id'], failures },
      schema: {
        operationId: 'confirmControl',
        tags: ['concentrators'],
        summary: 'Confirm a trip or close',
        description: 'With the token of another person. It is carried out at once, and once: never again, whatever came of it.',
        params: ConcentratorControlParams,
        response: { 200: ref(ControlSchema, 'What came of it.') },
      },
    },
    async ({ params: { id, act }, who }, reply) => {
      const done = await inTime(concentrators.confirmControl(id, act, byOf(who)), answerMs)
      if (done === null)
        return refuse(reply, problem('API_LATE', 'it was sent, or waits for its turn; GET the act to see what became of it'))
      return done.ok ? controlJson(done.value) : refuse(reply, problemOf(done.error.because, done.error.error))
    },
  )
  app.post(
    '/concentrators/:id/control/:act/withdraw',
    {
      config: { permission: 'control:confirm', sees: ['concentrator', 'id'], failures: [404, 413, 414, 415, 422] },
      schema: {
        operationId: 'withdrawControl',
        tags: ['concentrators'],
        summary: 'Withdraw a request',
        description: 'Before it is confirmed, by whomever. It stays in the record.',
        params: ConcentratorControlParams,
        body: WithdrawBody,
        response: { 200: ref(ControlSchema, 'The act.') },
      },
    },
    async ({ params: { id, act }, body: { why }, who }, reply) => {
      const done = await concentrators.withdrawControl(id, act, why, byOf(who))
      return done.ok ? controlJson(done.value) : refuse(reply, problemOf(done.error.because, done.error.error))
    },
  )
}
