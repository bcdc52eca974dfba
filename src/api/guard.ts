import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { Principal } from '../access/principals.ts'
import type { ApiDeps } from './deps.ts'
import { problem, refuse } from './problems.ts'
import { checkToken, permits, principalOf, type RoutePermission, type StoredToken } from './tokens.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the route needs. A route without it stops the start. */
    permission?: RoutePermission
  }
  interface FastifyRequest {
    /** Who asks; null on public routes. */
    token: StoredToken | null
    /** The same as a person or machine with roles and zones. */
    who: Principal | null
  }
}

/**
 * Asks every route for its permission and every request for its token. A route that declares none makes `ready()` reject,
 * so that nothing is ever open by oversight.
 *
 * To be called after the rate limit is registered: refused tokens count too.
 */
export const guard = (app: FastifyInstance, { tokens, now }: Pick<ApiDeps, 'tokens' | 'now'>): void => {
  const routes: RouteOptions[] = []
  const check = async (request: FastifyRequest, reply: FastifyReply) => {
    const needed = request.routeOptions.config.permission ?? 'operate'
    if (needed === 'public') return
    const shown = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const token = shown === undefined ? null : checkToken(shown, tokens(), now())
    if (token === null) {
      reply.header('www-authenticate', `Bearer realm="gridtally"${shown === undefined ? '' : ', error="invalid_token"'}`)
      return refuse(
        reply,
        shown === undefined
          ? problem('API_TOKEN_MISSING', 'this route needs a bearer token')
          : problem('API_TOKEN_REFUSED', 'the token is not accepted'),
      )
    }
    if (!permits(token, needed)) {
      reply.header('www-authenticate', `Bearer realm="gridtally", error="insufficient_scope", scope="${needed}"`)
      return refuse(reply, problem('API_PERMISSION', `the token "${token.name}" may ${token.permission}, this needs ${needed}`))
    }
    request.token = token
    request.who = principalOf(token)
  }
  app.decorateRequest('token', null)
  app.decorateRequest('who', null)
  app.addHook('onRoute', (route) => {
    routes.push(route)
    route.onRequest = [...[route.onRequest ?? []].flat(), check]
  })
  app.addHook('onReady', async () => {
    const open = routes.filter(({ config }) => config?.permission === undefined).map(({ method, url }) => `${method} ${url}`)
    if (open.length > 0) throw new Error(`no permission declared for ${open.join(', ')}`)
  })
}
