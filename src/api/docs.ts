import helmet from '@fastify/helmet'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** A year: a browser that has seen it once asks over TLS only. */
const HSTS_S = 31_536_000

/** Headers for browsers: nothing from outside, no script in a page, no frame around it. @param isTls  whether the gateway itself speaks TLS */
export const browserRules = async (app: FastifyInstance, isTls: boolean): Promise<void> => {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        fontSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // Who puts TLS before a gateway that speaks plain HTTP sets this there.
    strictTransportSecurity: isTls ? { maxAge: HSTS_S, includeSubDomains: false } : false,
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
  })
  // A shared cache must never hold one site's readings for another.
  app.addHook('onSend', async (_request, reply) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  })
}

/** `/openapi.json` and the page that draws it, from this machine's disk alone. Both are public: they say what the source says. */
export const docsRoutes = async (app: FastifyInstance): Promise<void> => {
  // A megabyte that anybody may ask for: written once, not for each who asks.
  let text: string | null = null
  const send = async (_request: FastifyRequest, reply: FastifyReply) => {
    text ??= JSON.stringify(app.swagger())
    return reply.type('application/json; charset=utf-8').serializer(String).send(text)
  }
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, permission: 'public' }
    if (route.url === '/docs/json') route.handler = send
  })
  app.get('/openapi.json', { schema: { hide: true } }, send)
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: false,
    // Closed at first: a browser takes long to draw every route at once. `/docs#/cases` opens the routes of one subject.
    uiConfig: {
      ...{ layout: 'BaseLayout', deepLinking: true, docExpansion: 'none', filter: true },
      ...{ persistAuthorization: false, tryItOutEnabled: false },
    },
    theme: { title: 'GridTally API' },
  })
}
