import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { MEASUREMENTS, type Reading, type Scope, SOURCES } from '../../core/index.ts'
import type { ApiDeps } from '../deps.ts'
import { holderOf } from '../guard.ts'
import type { HealthChange, HealthWatch } from '../health-streams.ts'
import { badValue } from '../invalid.ts'
import { type Problem, problem, refuse } from '../problems.ts'
import { readingJson } from '../reading-json.ts'
import { closed, oneOf } from '../schema-words.ts'
import { sinceOf } from '../scoped.ts'
import { sendLive } from '../send-stream.ts'
import { type EventRing, type LiveStreams, ringStream, SSE, sseEvent } from '../sse.ts'
import { fullCodes } from './common.ts'

const Ids = (what: string) =>
  Type.Optional(Type.String({ maxLength: 2000, description: `Only these ${what}, with commas between them.`, examples: ['P-1,P-2'] }))
const After = Type.Optional(
  Type.String({
    maxLength: 40,
    description: 'Id of the last event that was seen; the header Last-Event-ID says the same. Not given: from now on.',
  }),
)
const ReadingsStreamQuery = Type.Object(
  {
    point: Ids('points'),
    meter: Ids('meters'),
    area: Ids('areas'),
    register: Ids('registers, OBIS codes'),
    measurement: Type.Optional(oneOf(MEASUREMENTS, 'Only this measurement.')),
    source: Type.Optional(oneOf(SOURCES, 'Only how it came.')),
    after: After,
  },
  closed,
)
const HealthStreamQuery = Type.Object({ after: After }, closed)

const RESUME =
  'The id of an event names its place: a client that comes back with Last-Event-ID (or `after`) goes on there. `lost` when that is longer ago than is ' +
  'remembered, or of a time before the last start; `events` is how many, null when nobody knows. `end` with the reason: the right was taken away, the ' +
  'gateway stops. A few streams for each person and address.'

/** Readings and health as they come. */
export const streamRoutes: FastifyPluginAsyncTypebox<{
  deps: ApiDeps
  streams: LiveStreams
  health: LiveStreams
  watch: HealthWatch
}> = async (app, { deps, streams, health, watch }) => {
  app.get(
    '/readings/stream',
    {
      config: { permission: 'readings:read', own: true, filters: 'listed', stream: true },
      schema: {
        operationId: 'streamReadings',
        tags: ['readings'],
        summary: 'Readings as they come',
        description: `Server-sent events: \`reading\`, as soon as it is safe on disk. ${RESUME} The newest 10,000 readings of all points are remembered.`,
        querystring: ReadingsStreamQuery,
        produces: ['text/event-stream'],
        response: { 200: Type.String({ description: 'A stream without end of its own.' }) },
      },
    },
    async (request, reply) => {
      const { point, meter, area, register, measurement, source, after } = request.query
      const codes = register === undefined ? null : fullCodes(register.split(','), 'querystring/register')
      if (codes && 'problem' in codes) return refuse(reply, codes.problem)
      const from = placeIn(deps.liveReadings, request, after)
      if ('problem' in from) return refuse(reply, from.problem)
      const wanted = codes?.codes ?? null
      const [points, meters, areas] = [listOf(point), listOf(meter), listOf(area)]
      const view = { wanted, hintOf: deps.hintOf }
      const passes = ({ series: { measurement: kind, tags }, shape }: Reading): boolean =>
        (measurement === undefined || kind === measurement) &&
        (source === undefined || tags.source === source) &&
        (points?.has(tags.point ?? '') ?? true) &&
        (meters?.has(tags.meter ?? '') ?? true) &&
        (areas?.has(tags.area ?? '') ?? true) &&
        (wanted === null || shape.columns.some(({ obis }) => obis !== null && wanted.has(obis)))
      let scope = deps.scopeOf(request.who)
      const holder = holderOf(request)
      const stream = ringStream(streams, holder, deps.liveReadings, from.number, {
        event: 'reading',
        begin: () => {
          scope = deps.scopeOf(holder.again())
        },
        data: (reading) => (passes(reading) && seesReading(scope, reading) ? readingJson(reading, view) : null),
      })
      if (stream === null) return refuse(reply, problem('API_STREAMS', 'too many streams are open'))
      return send(reply, stream.readable)
    },
  )
  app.get(
    '/health/stream',
    {
      config: { permission: 'system:read', everywhere: true, stream: true },
      schema: {
        operationId: 'streamHealth',
        tags: ['health'],
        summary: 'Health as it changes',
        description:
          'Server-sent events: first `health` with everything (unless a client comes back to a place that is remembered), then `part` for each part that is ' +
          `otherwise than before (\`state\` null: it is no more) and \`ready\`. Looked at every second. ${RESUME}`,
        querystring: HealthStreamQuery,
        produces: ['text/event-stream'],
        response: { 200: Type.String({ description: 'A stream without end of its own.' }) },
      },
    },
    async (request, reply) => {
      const { ring } = watch
      const from = placeIn(ring, request, request.query.after)
      if ('problem' in from) return refuse(reply, from.problem)
      const unwatch = watch.watch()
      const { ready, parts } = await watch.look()
      const isBack = from.isNamed && from.number >= ring.oldest - 1
      // Everything as it is now makes up for whatever was missed.
      const last = isBack ? from.number : ring.newest
      const stream = ringStream(health, holderOf(request), ring, last, {
        event: 'part',
        nameOf: ({ kind }) => kind,
        data: (change) => (change.kind === 'part' ? partJson(change) : { status: change.isReady ? 'ready' : 'not-ready' }),
      })
      if (stream === null) {
        unwatch()
        return refuse(reply, problem('API_STREAMS', 'too many streams are open'))
      }
      stream.onEnd(unwatch)
      if (!isBack) stream.push(sseEvent(ring.idOf(last), 'health', { status: ready ? 'ready' : 'not-ready', parts: [...parts] }))
      return send(reply, stream.readable)
    },
  )
}

const partJson = ({ part, state, sentence, cure }: Extract<HealthChange, { kind: 'part' }>) => ({ part, state, sentence, cure })

const send = (reply: FastifyReply, readable: Parameters<typeof sendLive>[1]) =>
  sendLive(reply.type(SSE).header('cache-control', 'no-store').header('x-accel-buffering', 'no'), readable)

const listOf = (text: string | undefined): ReadonlySet<string> | null =>
  text === undefined ? null : new Set(text.split(',').map((one) => one.trim()))

/** Communication figures and figures of areas are of no meter: for those who see everything. */
const seesReading = (scope: Scope, { series: { tags }, measuredAt }: Reading): boolean => {
  if (scope.all) return true
  const { point } = tags
  // Late ones of the time before he was the customer come, too.
  return point !== undefined && point !== '-' && scope.sees('point', point) && measuredAt >= sinceOf(scope, point)
}

/** Where a client goes on. */
const placeIn = (
  ring: EventRing<never> | EventRing<Reading> | HealthWatch['ring'],
  { headers }: FastifyRequest,
  after: string | undefined,
): { readonly number: number; readonly isNamed: boolean } | { readonly problem: Problem } => {
  const seen = [headers['last-event-id'] ?? []].flat()[0]
  const given = seen ?? after
  if (given === undefined) return { number: ring.newest, isNamed: false }
  const number = ring.numberOf(given)
  if (number !== null) return { number, isNamed: true }
  const place = seen === undefined ? 'querystring/after' : 'headers/last-event-id'
  return { problem: badValue(place, given, 'the id of an event of this stream, unchanged') }
}
