import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Result } from '../../core/index.ts'
import type { AccountAct, UserView } from '../account-deps.ts'
import { refuseAccount, rightsOf, sessionJson, userJson } from '../account-json.ts'
import {
  EndedSchema,
  LinkSchema,
  NewUserSchema,
  RightsBody,
  SessionList,
  UserBody,
  UserPage,
  UserParams,
  UserSchema,
  UserSessionParams,
  UsersQuery,
  WhyBody,
} from '../account-schemas.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { problem, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { iso } from './common.ts'

const admin = { permission: 'users:admin' } as const
const change = { permission: 'users:admin', audit: 'own', failures: [404, 409, 413, 415, 422, 503] } as const
const tags = ['access']

/** Accounts of persons: for whoever gives rights (安全管理员), who has none of them himself. */
export const userRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps: { accounts } }) => {
  const withAct = <T>(
    { who, ip }: FastifyRequest,
    reply: FastifyReply,
    why: string | undefined,
    work: (act: AccountAct) => Result<T>,
  ): T | FastifyReply => {
    if (who === null) return refuse(reply, problem('API_TOKEN_MISSING', 'nobody is known'))
    const done = work({ who, from: ip, why: why ?? null })
    return done.ok ? done.value : refuseAccount(reply, done.error)
  }
  const shown = (user: Result<UserView>): Result<ReturnType<typeof userJson>> =>
    user.ok ? { ok: true, value: userJson(user.value) } : user

  app.get(
    '/users',
    {
      config: admin,
      schema: {
        operationId: 'listUsers',
        tags,
        summary: 'All users',
        description: 'By name. An administrator of some zones sees the users of those zones.',
        querystring: UsersQuery,
        response: { 200: ref(UserPage, 'One page.') },
      },
    },
    async ({ who, query: { limit = 100, cursor } }, reply) => {
      const after = cursor === undefined ? [null] : readCursor(cursor, ['string'])
      if (after === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      if (who === null) return refuse(reply, problem('API_TOKEN_MISSING', 'nobody is known'))
      const [first = null] = after
      const found = accounts.users(who, first === null ? null : String(first), limit + 1)
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return {
        items: items.map(userJson),
        next: found.length > limit && last ? cursorOf([last.name.normalize('NFKC').toLowerCase()]) : null,
      }
    },
  )
  app.post(
    '/users',
    {
      config: { ...change, secretAnswer: true },
      schema: {
        operationId: 'addUser',
        tags,
        summary: 'Make an account',
        description:
          'It has no password: the one-time link of the answer is for its holder, who sets one. Nobody sets a password for somebody else.',
        body: UserBody,
        response: { 200: ref(NewUserSchema, 'The account and its link.') },
      },
    },
    async (request, reply) => {
      const { name, why, ...asked } = request.body
      return withAct(request, reply, why, (act) => {
        const made = accounts.addUser(name, rightsOf(asked), act)
        if (!made.ok) return made
        const { user, link } = made.value
        return { ok: true, value: { user: userJson(user), link: link.text, until: iso(link.until) } }
      })
    },
  )
  app.get(
    '/users/:name',
    {
      config: { ...admin, failures: [404] },
      schema: {
        operationId: 'getUser',
        tags,
        summary: 'One user and his rights',
        description: 'Roles, zones, expiry, and whether he has set a password.',
        params: UserParams,
        response: { 200: ref(UserSchema, 'The account.') },
      },
    },
    async (request, reply) => withAct(request, reply, undefined, ({ who }) => shown(accounts.user(request.params.name, who))),
  )
  app.put(
    '/users/:name/rights',
    {
      config: change,
      schema: {
        operationId: 'setUserRights',
        tags,
        summary: 'Change what a user may do and see',
        description: 'All of his rights at once: roles, zones, customer, expiry. They hold from the next request on; his log-ins go on.',
        params: UserParams,
        body: RightsBody,
        response: { 200: ref(UserSchema, 'The account as it is now.') },
      },
    },
    async (request, reply) => {
      const { why, ...asked } = request.body
      return withAct(request, reply, why, (act) => shown(accounts.setRights(request.params.name, rightsOf(asked), act)))
    },
  )
  for (const { verb, isDisabled, operationId, summary, description } of SWITCHES)
    app.post(
      `/users/:name/${verb}`,
      {
        config: change,
        schema: {
          operationId,
          tags,
          summary,
          description,
          params: UserParams,
          body: WhyBody,
          response: { 200: ref(UserSchema, 'The account as it is now.') },
        },
      },
      async (request, reply) =>
        withAct(request, reply, request.body.why, (act) => shown(accounts.setDisabled(request.params.name, isDisabled, act))),
    )
  app.post(
    '/users/:name/link',
    {
      config: { ...change, secretAnswer: true },
      schema: {
        operationId: 'makeUserLink',
        tags,
        summary: 'A one-time link for a new password',
        description: 'Works once, for 24 hours; a newer one takes its place. The present password works until it is used.',
        params: UserParams,
        body: WhyBody,
        response: { 200: ref(LinkSchema, 'The link.') },
      },
    },
    async (request, reply) =>
      withAct(request, reply, request.body.why, (act) => {
        const made = accounts.makeLink(request.params.name, act)
        return made.ok ? { ok: true, value: { link: made.value.text, until: iso(made.value.until) } } : made
      }),
  )
  app.get(
    '/users/:name/sessions',
    {
      config: { ...admin, failures: [404], whole: ['id'] },
      schema: {
        operationId: 'listUserSessions',
        tags,
        summary: 'Log-ins of a user that go on',
        description: 'The newest first: since when, from where, used last when.',
        params: UserParams,
        response: { 200: ref(SessionList, 'All of them.') },
      },
    },
    async (request, reply) =>
      withAct(request, reply, undefined, (act) => {
        const found = accounts.sessions(request.params.name, act)
        return found.ok ? { ok: true, value: { items: found.value.map((each) => sessionJson(each, null)) } } : found
      }),
  )
  app.delete(
    '/users/:name/sessions',
    {
      config: { ...change, failures: [404, 503] },
      schema: {
        operationId: 'endUserSessions',
        tags,
        summary: 'End every log-in of a user',
        description: 'At once; what they stream ends within a second. The account stays: `disable` takes it out of use.',
        params: UserParams,
        response: { 200: ref(EndedSchema, 'How many ended.') },
      },
    },
    async (request, reply) =>
      withAct(request, reply, undefined, (act) => {
        const done = accounts.endSessions(request.params.name, null, act)
        return done.ok ? { ok: true, value: { ended: done.value } } : done
      }),
  )
  app.delete(
    '/users/:name/sessions/:id',
    {
      config: { ...change, failures: [404, 503] },
      schema: {
        operationId: 'endUserSession',
        tags,
        summary: 'End one log-in of a user',
        description: 'At once; what it streams ends within a second.',
        params: UserSessionParams,
        response: { 200: ref(EndedSchema, 'It has ended.') },
      },
    },
    async (request, reply) =>
      withAct(request, reply, undefined, (act) => {
        const done = accounts.endSessions(request.params.name, request.params.id, act)
        return done.ok ? { ok: true, value: { ended: done.value } } : done
      }),
  )
}

const SWITCHES = [
  {
    verb: 'disable',
    isDisabled: true,
    operationId: 'disableUser',
    summary: 'Take an account out of use',
    description: 'He cannot log in, his log-ins and one-time links end at once, and so do tokens that belong to him. The record stays.',
  },
  {
    verb: 'enable',
    isDisabled: false,
    operationId: 'enableUser',
    summary: 'Take an account back into use',
    description: 'With the rights and the password it had. Log-ins that ended stay ended.',
  },
] as const
