import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { mayDo, type Principal, personOf } from '../access/principals.ts'
import { type AccessDeps, type Shown, sessionCookie } from './access-deps.ts'
import type { ApiDeps } from './deps.ts'
import { type ProblemCode, problem, refuse } from './problems.ts'
import type { RoutePermission } from './tokens.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route needs. A route without it stops the start. */
    permission?: RoutePermission
    /** Needed besides `permission`: a file of all rows is `export` as well as the right to see them. */
    also?: 'export'
    /** A customer may ask it for what is his own. */
    own?: boolean
    /** Only for those who see every zone: what it says or does cannot be told apart by zones. */
    everywhere?: boolean
  }
  interface FastifyRequest {
    /** Who asks; null on public routes. */
    who: Principal | null
    /** Whether the right still holds while an answer goes on: who asks now, or null. No use of a session. */
    again: () => Principal | null
  }
}

type Needs = Pick<NonNullable<RouteOptions['config']>, 'permission' | 'also' | 'own' | 'everywhere'>

/** Why somebody may not use a route; null: he may. */
export const refusalOf = (who: Principal, { permission, also, own = false, everywhere = false }: Needs): ProblemCode | null => {
  if (permission === undefined) return 'API_PERMISSION'
  if (permission === 'public' || permission === 'self') return null
  const may = mayDo(who, permission) && (also === undefined || mayDo(who, also))
  if (!may && !(own && mayDo(who, 'own:read'))) return 'API_PERMISSION'
  return everywhere && (who.zones !== null || who.customer !== null) ? 'API_EVERYWHERE' : null
}

/** What a request shows: a bearer token before a cookie. */
const shownBy = ({ headers: { authorization, cookie }, protocol }: FastifyRequest): Shown | null => {
  if (authorization !== undefined) {
    const text = /^Bearer +(\S+)$/i.exec(authorization)?.[1]
    return text === undefined ? null : { kind: 'bearer', text }
  }
  const name = sessionCookie(protocol === 'https')
  const found = cookie
    ?.split(';')
    .map((each) => each.trim())
    .find((each) => each.startsWith(`${name}=`))
  return found === undefined || found.length === name.length + 1 ? null : { kind: 'cookie', text: found.slice(name.length + 1) }
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Whether a page of ours sent it, and not one of another site that lets the browser add our cookie.
 *
 * @source Fetch Metadata (`Sec-Fetch-Site`, which no script can set); the header `Origin` where a browser has none
 */
export const isOwnPage = ({ headers, protocol, host }: Pick<FastifyRequest, 'headers' | 'protocol' | 'host'>): boolean => {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  return headers.origin !== undefined && headers.origin.toLowerCase() === `${protocol}://${host}`.toLowerCase()
}

/** The name of a route as it stands in documents: `POST /api/v1/lines/{id}/scan`. */
export const routeName = ({ method, routeOptions: { url } }: FastifyRequest): string =>
  `${method} ${(url ?? '').replace(/:(\w+)/g, '{$1}')}`

/**
 * Asks every route for its permission and every request for who shows what. A route that declares none makes `ready()` reject,
 * so that nothing is ever open by oversight.
 *
 * To be called after the rate limit is registered: refused tokens count too.
 */
export const guard = (app: FastifyInstance, { authenticate, audit }: Pick<ApiDeps & AccessDeps, 'authenticate' | 'audit'>): void => {
  const routes: RouteOptions[] = []
  const refuseAs = (request: FastifyRequest, reply: FastifyReply, code: ProblemCode, detail: string, who: Principal | null = null) => {
    const found = problem(code, detail)
    if (found.status === 401 || found.status === 403)
      audit.refused({ who, from: request.ip, route: routeName(request), status: found.status, code })
    return refuse(reply, found)
  }
  const check = async (request: FastifyRequest, reply: FastifyReply) => {
    const needs = request.routeOptions.config
    if (needs.permission === 'public') return
    const shown = shownBy(request)
    const who = shown && authenticate(shown, true)
    if (who === null) {
      const isToken = shown?.kind === 'bearer'
      reply.header('www-authenticate', `Bearer realm="gridtally"${isToken ? ', error="invalid_token"' : ''}`)
      if (shown === null) return refuseAs(request, reply, 'API_TOKEN_MISSING', 'this route needs a bearer token or a session')
      return isToken
        ? refuseAs(request, reply, 'API_TOKEN_REFUSED', 'the token is not accepted')
        : refuseAs(request, reply, 'API_SESSION', 'the session is over')
    }
    if (shown?.kind === 'cookie' && !SAFE.has(request.method) && !isOwnPage(request))
      return refuseAs(request, reply, 'API_ORIGIN', 'this was not sent by a page of this gateway', who)
    const refused = refusalOf(who, needs)
    if (refused !== null) {
      const needed = [needs.permission, ...(needs.also ? [needs.also] : [])].join(' ')
      reply.header('www-authenticate', `Bearer realm="gridtally", error="insufficient_scope", scope="${needed}"`)
      const what = who.kind === 'token' ? 'the token' : 'the user'
      const why = refused === 'API_EVERYWHERE' ? 'sees some zones only, this is about all of them' : `may not do this: it needs ${needed}`
      return refuseAs(request, reply, refused, `${what} "${who.name}" ${why}`, who)
    }
    request.who = who
    request.again = () => {
      const still = shown && authenticate(shown, false)
      return still && still.id === who.id && refusalOf(still, needs) === null ? still : null
    }
  }
  app.decorateRequest('who', null)
  app.decorateRequest('again', () => null)
  app.addHook('onRoute', (route) => {
    routes.push(route)
    route.onRequest = [...[route.onRequest ?? []].flat(), check]
  })
  app.addHook('onReady', async () => {
    const open = routes.filter(({ config }) => config?.permission === undefined).map(({ method, url }) => `${method} ${url}`)
    if (open.length > 0) throw new Error(`no permission declared for ${open.join(', ')}`)
  })
}

/** Under which name somebody is written down. */
export const nameOf = ({ who }: Pick<FastifyRequest, 'who'>): string => who?.name ?? ''

/** Whose stream it is, and whether his right still holds. */
export interface Holder {
  /** The person: several tokens of one are one. */
  readonly id: string
  readonly address: string
  again(): Principal | null
}
export const holderOf = ({ who, ip, again }: Pick<FastifyRequest, 'who' | 'ip' | 'again'>): Holder => ({
  id: who ? personOf(who) : '',
  address: ip,
  again,
})
