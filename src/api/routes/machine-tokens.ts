import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { refuseAccount, rightsOf, tokenJson } from '../account-json.ts'
import { MachineTokenPage, MachineTokenSchema, NewTokenSchema, TokenBody, TokenParams, TokensQuery } from '../account-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { problem, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { actOf } from './log-in.ts'

/** Machine tokens: made, listed, revoked. */
export const machineTokenRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps: { accounts } }) => {
  app.get(
    '/tokens',
    {
      config: { permission: 'users:admin' },
      schema: {
        operationId: 'listTokens',
        tags: ['access'],
        summary: 'All machine tokens',
        description:
          'Also those of the configuration and the environment, and such as were revoked. No secret is in the answer: there is none to give.',
        querystring: TokensQuery,
        response: { 200: ref(MachineTokenPage, 'One page.') },
      },
    },
    async ({ who, query: { limit = 100, cursor, valid } }, reply) => {
      const after = cursor === undefined ? [null] : readCursor(cursor, ['string'])
      if (after === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      if (who === null) return refuse(reply, problem('API_TOKEN_MISSING', 'nobody is known'))
      const [first = null] = after
      const found = accounts.tokens(who, valid ?? null, first === null ? null : String(first), limit + 1)
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return { items: items.map(tokenJson), next: found.length > limit && last ? cursorOf([last.id]) : null }
    },
  )
  app.post(
    '/tokens',
    {
      config: { permission: 'users:admin', audit: 'own', secretAnswer: true, failures: [403, 404, 413, 415, 422, 503] },
      schema: {
        operationId: 'addToken',
        tags: ['access'],
        summary: 'Make a machine token',
        description:
          'Its text is in this answer and nowhere else. Give it the roles and zones it needs and an expiry; it is never an administrator.',
        body: TokenBody,
        response: { 200: ref(NewTokenSchema, 'The token and its text.') },
      },
    },
    async (request, reply) => {
      const { name, why, owner, ...asked } = request.body
      const act = actOf(request, why ?? null)
      if (act === null) return refuse(reply, problem('API_TOKEN_MISSING', 'nobody is known'))
      const made = accounts.addToken(name, rightsOf(asked), owner ?? null, act)
      return made.ok ? { token: tokenJson(made.value.token), text: made.value.text } : refuseAccount(reply, made.error)
    },
  )
  app.delete(
    '/tokens/:id',
    {
      config: { permission: 'users:admin', audit: 'own', failures: [404, 422, 503] },
      schema: {
        operationId: 'revokeToken',
        tags: ['access'],
        summary: 'Revoke a machine token',
        description: 'At once and for good; what it streams ends within a second. The record stays.',
        params: TokenParams,
        response: { 200: ref(MachineTokenSchema, 'The token as it is now.') },
      },
    },
    async (request, reply) => {
      const act = actOf(request)
      if (act === null) return refuse(reply, problem('API_TOKEN_MISSING', 'nobody is known'))
      const done = accounts.revokeToken(request.params.id, act)
      return done.ok ? tokenJson(done.value) : refuseAccount(reply, done.error)
    },
  )
}
