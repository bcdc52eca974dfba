import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { ApiDeps } from '../deps.ts'
import type { ApiMetrics } from '../metrics.ts'
import { HealthSchema, ref } from '../schemas.ts'

/** Always answered, however busy the gateway is and however often somebody asks. */
const always = { permission: 'public', rateLimit: false, pressureHandler: () => undefined } as const

const Live = Type.Object({
  status: Type.Literal('live'),
  version: Type.String({ description: 'Version of the gateway.', examples: ['0.1.0'] }),
  uptimeS: Type.Number({ description: 'Seconds since the start.' }),
})

/** Live, ready, metrics: what supervisors and Prometheus ask. */
export const healthRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; metrics: ApiMetrics; publicMetrics: boolean }> = async (
  app,
  { deps, metrics, publicMetrics },
) => {
  app.get(
    '/health/live',
    {
      exposeHeadRoute: true,
      config: always,
      schema: {
        operationId: 'getLive',
        tags: ['health'],
        summary: 'Is the process alive?',
        description: 'Answers as long as the process runs. When it does not answer, restart the process; no other reason is meant.',
        response: { 200: { ...Live, description: 'It is.' } },
      },
    },
    async () => ({
      status: 'live' as const,
      version: deps.version,
      uptimeS: Math.max(0, Math.round((deps.now() - deps.startedAt) / 1000)),
    }),
  )
  app.get(
    '/health/ready',
    {
      exposeHeadRoute: true,
      config: always,
      schema: {
        operationId: 'getReady',
        tags: ['health'],
        summary: 'Can it take readings?',
        description:
          'One sentence a part, each with the cure. 503 while readings cannot be taken or would be lost, as when the outbox cannot write. ' +
          'A degraded part leaves the gateway ready. Restarting it does not help: follow the cure.',
        response: {
          200: ref(HealthSchema, 'Ready. A part may be degraded.'),
          503: ref(HealthSchema, 'Not ready; the failed parts say why and what to do.'),
        },
      },
    },
    async (_request, reply) => {
      const { ready, parts } = await deps.health()
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not-ready', parts: [...parts] })
    },
  )
  app.get(
    '/metrics',
    {
      config: { permission: publicMetrics ? 'public' : 'system:read', everywhere: true, rateLimit: false },
      schema: {
        operationId: 'getMetrics',
        tags: ['health'],
        summary: 'Counters and gauges for Prometheus',
        description:
          'Reads due, done, first-try and missed by line and reason, outbox, sinks, lines, exchanges, brokers, HTTP requests, the process.',
        produces: ['text/plain; version=0.0.4; charset=utf-8'],
        response: { 200: Type.String({ description: 'Prometheus text format.' }) },
      },
    },
    async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  )
}
