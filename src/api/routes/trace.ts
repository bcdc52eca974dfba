import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { type Static, Type } from 'typebox'
import { hasPackets } from '../../capture/index.ts'
import type { ApiDeps } from '../deps.ts'
import { holderOf } from '../guard.ts'
import { badValue } from '../invalid.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { sendLive } from '../send-stream.ts'
import { captureForm, linesForm, sseForm, type TraceForm } from '../trace-forms.ts'
import { MeterParams, MeterTraceQuery, TraceParams, TraceQuery } from '../trace-schemas.ts'
import type { TraceStreams } from '../trace-streams.ts'

/** What is wanted of a trace. */
interface Wanted extends Static<typeof MeterTraceQuery> {
  readonly line: string
  /** Name of the meter there; null = everybody. */
  readonly device: string | null
}

const EVENTS =
  'Every frame sent and received, and bytes that were no answer, to the millisecond, with a line of explanation; `fields=1` takes each frame apart and names the byte at fault. Passwords are masked. Events: `frame`; `dropped` with how many frames a slow client missed; `end` with the reason. Ends by itself after 30 minutes, when the token is revoked and when the gateway stops. Costs nothing while nobody looks.'
const TYPES = ['application/x-ndjson', 'text/plain', 'application/vnd.tcpdump.pcap']

/** The frames of a line, or the messages of a broker, as they pass. */
export const traceRoute: FastifyPluginAsyncTypebox<{ deps: ApiDeps; streams: TraceStreams }> = async (app, { deps, streams }) => {
  const answer = (reply: FastifyReply, wanted: Wanted) => {
    const { line, device, direction } = wanted
    const form = formOf(deps, wanted)
    if (form === null)
      return refuse(reply, badValue('querystring/format', 'pcap', 'sse, text, plain or jsonl: a broker has messages, no packets'))
    const stream = streams.open(holderOf(reply.request), form)
    if (stream === null) return refuse(reply, problem('API_TRACES', 'too many traces are open'))
    const started = deps.trace(line, (frame) => {
      if (device !== null && frame.device !== device) return
      if (direction !== undefined && frame.direction !== direction) return
      stream.frame(frame)
    })
    if (!started.ok) {
      stream.readable.destroy()
      return refuse(reply, problemOf(started.error.because, started.error.error))
    }
    stream.onEnd(started.value)
    return sendLive(reply.type(form.type).header('x-accel-buffering', 'no'), stream.readable)
  }

  app.get(
    '/lines/:id/trace',
    {
      config: { permission: 'trace:read', sees: ['whole-line', 'id'], filters: 'own', failures: [404, 409, 414], stream: true },
      schema: {
        operationId: 'traceLine',
        tags: ['lines'],
        summary: 'Frames of a line or messages of a broker, live',
        description: `${EVENTS} Of a concentrator: everything on its connection, logins and heartbeats too. Of a broker: each message it delivered, the first 1,024 bytes, and what became of it.`,
        params: TraceParams,
        querystring: TraceQuery,
        produces: ['text/event-stream'],
        response: { 200: Type.String({ description: 'A stream without end of its own.' }) },
        'x-also': TYPES,
      },
    },
    async ({ params: { id }, query }, reply) => {
      if (deps.line(id) === null && !deps.isSource(id) && !deps.isTerminal(id))
        return refuse(reply, problem('API_LINE', `there is no line, no concentrator and no broker "${id}"`))
      // At a broker a meter goes by the name it pushes under.
      const meter = query.meter === undefined ? null : (deps.tracedMeter(query.meter) ?? null)
      const device = query.meter === undefined ? null : meter?.line === id ? meter.device : query.meter
      return answer(reply, { ...query, line: id, device })
    },
  )
  app.get(
    '/meters/:id/trace',
    {
      config: { permission: 'trace:read', sees: ['meter', 'id'], failures: [404, 409, 414], stream: true },
      schema: {
        operationId: 'traceMeter',
        tags: ['lines'],
        summary: 'Frames of a meter, live',
        description: EVENTS,
        params: MeterParams,
        querystring: MeterTraceQuery,
        produces: ['text/event-stream'],
        response: { 200: Type.String({ description: 'A stream without end of its own.' }) },
        'x-also': TYPES,
      },
    },
    async ({ params: { id }, query }, reply) => {
      const found = deps.tracedMeter(id)
      if (found === null) return refuse(reply, problem('API_TRACED_METER', `meter "${id}" is on no line and at no broker`))
      return answer(reply, { ...query, ...found })
    },
  )
}

/** Null: this line has no packets. */
const formOf = (deps: ApiDeps, { format = 'sse', fields, line }: Wanted): TraceForm | null => {
  const withFields = fields === '1'
  if (format === 'sse') return sseForm(withFields)
  if (format === 'text') return linesForm(withFields)
  const head = deps.captureHead(line)
  // A line that went between two questions is said to be unknown by the trace itself.
  if (head === null) return linesForm(withFields)
  return format === 'pcap' && !hasPackets(head) ? null : captureForm(format, head, withFields, () => deps.now())
}
