import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { AccountAct } from '../account-deps.ts'
import { meJson, refuseAccount, sessionJson, userJson } from '../account-json.ts'
import {
  EndedSchema,
  LinkLookSchema,
  LoginBody,
  LookBody,
  MeSchema,
  PasswordBody,
  RedeemBody,
  SessionList,
  SessionParams,
  UserSchema,
} from '../account-schemas.ts'
import { clearSession, cookiesOf, setCookies } from '../cookies.ts'
import type { ApiDeps } from '../deps.ts'
import { isOwnPage } from '../guard.ts'
import { problem, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'

/**
 * Requests of one address in a minute. It only bounds what refusing costs: how many passwords are checked is another limit, which does
 * not ask whether others share the address.
 */
const MOST_TRIES = { max: 1200, timeWindow: 60_000 }
const open = { permission: 'public', audit: 'own', rateLimit: MOST_TRIES } as const

/** Who does something to his own account; null: not a person. */
export const actOf = ({ who, ip }: Pick<FastifyRequest, 'who' | 'ip'>, why: string | null = null): AccountAct | null =>
  who === null ? null : { who, from: ip, why }

const isForeign = (request: FastifyRequest): boolean => {
  const { origin, 'sec-fetch-site': site } = request.headers
  return (origin !== undefined || site !== undefined) && site !== 'none' && !isOwnPage(request)
}

/** Logging in and out, one's own account, one-time links. */
export const logInRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps: { accounts } }) => {
  app.post(
    '/login',
    {
      config: { ...open, failures: [400, 401, 403, 413, 415, 503] },
      schema: {
        operationId: 'logIn',
        tags: ['access'],
        summary: 'Log in with name and password',
        description:
          'Sets the cookie of the session: HttpOnly, SameSite=Strict, Secure over TLS. A wrong password, an unknown name and an account out of use get ' +
          'the same answer. After a few tries 429 says how long to wait; a device that has logged in before has tries of its own.',
        body: LoginBody,
        response: { 200: ref(MeSchema, 'Who has logged in.') },
      },
    },
    async (request, reply) => {
      if (isForeign(request)) return refuse(reply, problem('API_ORIGIN', 'this was not sent by a page of this gateway'))
      const { device } = cookiesOf(request)
      const done = await accounts.login({ ...request.body, address: request.ip, device })
      if (!done.ok) return refuseAccount(reply, done.error)
      setCookies(reply, { session: done.value.sessionText, device: done.value.deviceText })
      return meJson(done.value.principal, done.value.session)
    },
  )
  app.post(
    '/logout',
    {
      config: { permission: 'self', audit: 'own', failures: [422, 503] },
      schema: {
        operationId: 'logOut',
        tags: ['access'],
        summary: 'End this log-in',
        description: 'The session ends at once and the cookie is taken away. Other log-ins of the same user go on.',
        response: { 200: ref(EndedSchema, 'It has ended.') },
      },
    },
    async (request, reply) => {
      const { session } = cookiesOf(request)
      const act = actOf(request)
      if (session === null || act === null || act.who.kind !== 'user') return refuse(reply, notAUser())
      const done = accounts.logout(session, act)
      if (!done.ok) return refuseAccount(reply, done.error)
      clearSession(reply)
      return { ended: 1 }
    },
  )
  app.get(
    '/me',
    {
      config: { permission: 'self' },
      schema: {
        operationId: 'getMe',
        tags: ['access'],
        summary: 'Who am I, and what may I do?',
        description: 'Name, roles, permissions and zones of whoever asks, a person or a token, and when the right ends.',
        response: { 200: ref(MeSchema, 'Who asks.') },
      },
    },
    async (request, reply) => {
      const { who } = request
      if (who === null) return refuse(reply, notAUser())
      const { session } = cookiesOf(request)
      return meJson(who, who.kind === 'user' && session !== null ? accounts.session(session) : null)
    },
  )
  app.post(
    '/me/password',
    {
      config: {
        ...{ permission: 'self', audit: 'own', rateLimit: MOST_TRIES, failures: [413, 415, 422, 503] },
        ...{ secretBody: true, secretAnswer: true },
      },
      schema: {
        operationId: 'changeMyPassword',
        tags: ['access'],
        summary: 'Change my password',
        description: 'The present one has to be given. Every log-in of the user ends; this one goes on under a new session.',
        body: PasswordBody,
        response: { 200: ref(MeSchema, 'Who asks, with the new session.') },
      },
    },
    async (request, reply) => {
      const { who, body, ip } = request
      if (who === null || who.kind !== 'user') return refuse(reply, notAUser())
      const { device } = cookiesOf(request)
      const done = await accounts.changePassword(who, { now: body.password, next: body.next, address: ip, device })
      if (!done.ok) return refuseAccount(reply, done.error)
      setCookies(reply, { session: done.value.sessionText, device: done.value.deviceText })
      return meJson(done.value.principal, done.value.session)
    },
  )
  app.get(
    '/me/sessions',
    {
      config: { permission: 'self', failures: [422], whole: ['id'] },
      schema: {
        operationId: 'listMySessions',
        tags: ['access'],
        summary: 'My log-ins that go on',
        description: 'Those of this user, the newest first; at most as many as the configuration allows.',
        response: { 200: ref(SessionList, 'All of them.') },
      },
    },
    async (request, reply) => {
      if (request.who === null || request.who.kind !== 'user') return refuse(reply, notAUser())
      const { session } = cookiesOf(request)
      const current = session === null ? null : (accounts.session(session)?.id ?? null)
      return { items: accounts.ownSessions(request.who).map((each) => sessionJson(each, current)) }
    },
  )
  app.delete(
    '/me/sessions/:id',
    {
      config: { permission: 'self', audit: 'own', failures: [404, 422, 503] },
      schema: {
        operationId: 'endMySession',
        tags: ['access'],
        summary: 'End one of my log-ins',
        description: 'At once, wherever it is used; what it streams ends within a second.',
        params: SessionParams,
        response: { 200: ref(EndedSchema, 'It has ended.') },
      },
    },
    async (request, reply) => {
      const act = actOf(request)
      if (act === null || act.who.kind !== 'user') return refuse(reply, notAUser())
      const done = accounts.endSessions(act.who.name, request.params.id, act)
      return done.ok ? { ended: done.value } : refuseAccount(reply, done.error)
    },
  )
  app.post(
    '/links/look',
    {
      config: { ...open, failures: [400, 413, 415, 422] },
      schema: {
        operationId: 'lookAtLink',
        tags: ['access'],
        summary: 'What a one-time link would do',
        description: 'For the page it opens: whether it makes the first administrator or sets the password of a user. Changes nothing.',
        body: LookBody,
        response: { 200: ref(LinkLookSchema, 'It still works.') },
      },
    },
    async ({ body: { link } }, reply) => {
      const found = accounts.lookLink(link)
      return found.ok ? found.value : refuseAccount(reply, found.error)
    },
  )
  app.post(
    '/links/redeem',
    {
      config: { ...open, failures: [400, 403, 404, 409, 413, 415, 422, 503] },
      schema: {
        operationId: 'redeemLink',
        tags: ['access'],
        summary: 'Use a one-time link: set a password',
        description:
          'A link works once, within 24 hours. That of `gridtally user first` makes the first administrator, under the name given here; every other one sets ' +
          'the password of its user and ends his log-ins. A password that is refused leaves the link good.',
        body: RedeemBody,
        response: { 200: ref(UserSchema, 'The account; log in with it now.') },
      },
    },
    async (request, reply) => {
      if (isForeign(request)) return refuse(reply, problem('API_ORIGIN', 'this was not sent by a page of this gateway'))
      const { link, name, password } = request.body
      const done = await accounts.redeem(link, name ?? null, password, request.ip)
      return done.ok ? userJson(done.value) : refuseAccount(reply, done.error)
    },
  )
}

const notAUser = () => problem('API_NOT_A_USER', 'this is for a person who has logged in')
