import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { ApiDeps } from '../deps.ts'
import { problem, problemOf, refuse, sendStream } from '../problems.ts'
import { TraceParams, TraceQuery } from '../schemas.ts'
import type { TraceStreams } from '../trace-streams.ts'
import { frameJson } from './read-now.ts'

/** The frames of a line, or the messages of a broker, as they pass. */
export const traceRoute: FastifyPluginAsyncTypebox<{ deps: ApiDeps; streams: TraceStreams }> = async (app, { deps, streams }) => {
  app.get(
    '/lines/:id/trace',
    {
      config: { permission: 'read', failures: [404, 409, 414], stream: true },
      schema: {
        operationId: 'traceLine',
        tags: ['lines'],
        summary: 'Frames of a line or messages of a broker, live',
        description:
          'Every frame sent and received, and bytes that were no frame, to the millisecond, with a line of explanation. Of a broker: each message it delivered, the first 1,024 bytes, and what became of it. Events: `frame`; ' +
          '`dropped` with how many frames a slow client missed; `end` with the reason. Ends by itself after 30 minutes, when the token is revoked ' +
          'and when the gateway stops. `format=text` gives one JSON object a line instead of events. Costs nothing while nobody looks.',
        params: TraceParams,
        querystring: TraceQuery,
        produces: ['text/event-stream'],
        response: { 200: Type.String({ description: 'A stream without end of its own.' }) },
        'x-also': ['application/x-ndjson'],
      },
    },
    async ({ params: { id }, query, token }, reply) => {
      if (deps.line(id) === null && !deps.isSource(id)) return refuse(reply, problem('API_LINE', `there is no line and no broker "${id}"`))
      const format = query.format ?? 'sse'
      const stream = streams.open(token?.id ?? '', format)
      if (stream === null) return refuse(reply, problem('API_TRACES', 'too many traces are open'))
      const started = deps.trace(id, (frame) => stream.send('frame', frameJson(frame)))
      if (!started.ok) {
        stream.readable.destroy()
        return refuse(reply, problemOf(started.error.because, started.error.error))
      }
      stream.onEnd(started.value)
      const type = format === 'sse' ? 'text/event-stream; charset=utf-8' : 'application/x-ndjson; charset=utf-8'
      return sendStream(reply.type(type).header('x-accel-buffering', 'no'), stream.readable)
    },
  )
}
