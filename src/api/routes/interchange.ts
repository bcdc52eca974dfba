import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { explain, type GatewayError, type Result } from '../../core/index.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import { CIM_CONTENTS, type CimContent, type CimQuestion, type MessageText } from '../interchange-deps.ts'
import { CimQuery, FeedParams, FeedQuery, UsagePointPage, UsagePointsQuery } from '../interchange-schemas.ts'
import { badValue } from '../invalid.ts'
import { type Problem, problem, problemOf, refuse } from '../problems.ts'
import { whileHeld } from '../right-watch.ts'
import { ref } from '../schema-words.ts'
import { sendStream } from '../send-stream.ts'
import { inTime, iso } from './common.ts'

const DAY_MS = 86_400_000
const USUAL_DAYS = 31
const ESPI = '/api/v1/interchange/espi/usage-points'

/** Figures in the forms of other houses: CIM MeterReadings and Green Button. */
export const interchangeRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  app.get(
    '/interchange/cim/meter-readings',
    {
      config: {
        permission: 'readings:read',
        also: 'export',
        audit: 'act',
        filters: 'own',
        failures: [404, 422],
        stream: true,
        heavy: true,
      },
      schema: {
        operationId: 'getCimMeterReadings',
        tags: ['interchange'],
        summary: 'Readings and energy as CIM MeterReadings',
        description:
          'IEC 61968-9 MeterReadings as XML, or as JSON with the same names: registers, instantaneous values and interval energy with reading types, qualities and time stamps. A missing value is a reading without `value`, never zero.',
        querystring: CimQuery,
        produces: ['application/xml', 'application/json'],
        response: { 200: Type.String({ description: 'The message, all of it.' }) },
      },
    },
    async (request, reply) => {
      const { query, who } = request
      const asked = cimQuestion(query)
      if ('problem' in asked) return refuse(reply, asked.problem)
      const made = deps.meterReadings(asked.question, deps.scopeOf(who))
      if (!made.ok) return refuse(reply, problemOf(made.error.because, made.error.error))
      const { format } = asked.question
      return answer(reply, made.value, {
        type: `application/${format}; charset=utf-8`,
        name: `meter-readings.${format}`,
        answerMs,
        request,
      })
    },
  )
  app.get(
    '/interchange/espi/usage-points',
    {
      config: { permission: 'readings:read', also: 'export', own: true },
      schema: {
        operationId: 'listUsagePoints',
        tags: ['interchange'],
        summary: 'Metering points with a Green Button feed',
        description: 'Those whoever asks may see: a customer sees his own.',
        querystring: UsagePointsQuery,
        response: { 200: ref(UsagePointPage, 'One page.') },
      },
    },
    async ({ query: { limit = 100, cursor }, who }, reply) => {
      const [after = null] = cursor === undefined ? [] : (readCursor(cursor, ['string']) ?? [0])
      if (typeof after === 'number') return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const found = await deps.usagePoints(deps.scopeOf(who), after, limit + 1)
      const items = found.slice(0, limit)
      const last = items.at(-1)
      return {
        items: items.map(({ id, uuid }) => ({ id, uuid, feed: `${pathOf(id)}/feed.xml` })),
        next: found.length > limit && last ? cursorOf([last.id]) : null,
      }
    },
  )
  app.get(
    '/interchange/espi/usage-points/:id/feed.xml',
    {
      config: { permission: 'readings:read', also: 'export', own: true, audit: 'act', failures: [404, 414, 422], stream: true },
      schema: {
        operationId: 'getUsageFeed',
        tags: ['interchange'],
        summary: 'Green Button usage feed of a point',
        description:
          'NAESB REQ.21 (ESPI): usage point, local time, and for each register its reading type and interval blocks, values as exact integers. An interval that is not known has no reading. Months whose import is known have a summary.',
        params: FeedParams,
        querystring: FeedQuery,
        produces: ['application/atom+xml'],
        response: { 200: Type.String({ description: 'The feed, all of it.' }) },
      },
    },
    async (request, reply) => {
      const {
        params: { id },
        query: { from, to, period = '1h' },
        who,
      } = request
      const end = to === undefined ? deps.now() : Date.parse(to)
      const start = from === undefined ? end - USUAL_DAYS * DAY_MS : Date.parse(from)
      const wrong = wrongRange(from ?? iso(start), to ?? iso(end), start, end)
      if (wrong) return refuse(reply, wrong)
      const made = await deps.usageFeed(id, { from: start, to: end, period, path: pathOf(id) }, deps.scopeOf(who))
      if (!made.ok) return refuse(reply, problemOf(made.error.because, made.error.error))
      return answer(reply, made.value, { type: 'application/atom+xml; charset=utf-8', name: `usage-${plain(id)}.xml`, answerMs, request })
    },
  )
}

const pathOf = (id: string): string => `${ESPI}/${encodeURIComponent(id)}`
const plain = (id: string): string => id.replace(/[^\w.-]/g, '_')

/** Ajv takes leap seconds, Date does not. */
const wrongRange = (from: string, to: string, start: number, end: number): Problem | null => {
  const instant = 'an instant such as 2026-11-01T00:00:00+08:00'
  if (Number.isNaN(start)) return badValue('querystring/from', from, instant)
  if (Number.isNaN(end)) return badValue('querystring/to', to, instant)
  return end > start ? null : badValue('querystring/to', to, 'an instant after `from`')
}

const isContent = (text: string): text is CimContent => CIM_CONTENTS.some((one) => one === text)

const cimQuestion = ({
  from,
  to,
  point,
  area,
  zone,
  content = 'registers',
  period = 'day',
  side = 'primary',
  format = 'xml',
}: Static<typeof CimQuery>): { readonly question: CimQuestion } | { readonly problem: Problem } => {
  const [start, end] = [Date.parse(from), Date.parse(to)]
  const wrong = wrongRange(from, to, start, end)
  if (wrong) return { problem: wrong }
  const asked = [...new Set(content.split(',').map((one) => one.trim()))]
  const contents = asked.filter(isContent)
  if (contents.length < asked.length || contents.length === 0)
    return { problem: badValue('querystring/content', content, `${CIM_CONTENTS.join(', ')}, with commas between`) }
  const points = point?.split(',').filter((one) => one !== '')
  if (points?.length === 0) return { problem: badValue('querystring/point', point ?? '', 'ids of metering points, with commas between') }
  return {
    question: {
      ...{ from: start, to: end, contents, period, side, format },
      ...(points ? { points } : {}),
      ...(area === undefined ? {} : { area }),
      ...(zone === undefined ? {} : { zone }),
    },
  }
}

/** Sends a message as it is made. What fails before the first piece is a problem; what fails later breaks the answer off. */
const answer = async (
  reply: FastifyReply,
  text: MessageText,
  {
    type,
    name,
    answerMs,
    request,
  }: { readonly type: string; readonly name: string; readonly answerMs: number; readonly request: FastifyRequest },
): Promise<FastifyReply> => {
  const parts = text[Symbol.asyncIterator]()
  const first = await inTime(parts.next(), answerMs)
  if (first === null) return refuse(reply, problem('API_LATE', 'the store did not answer in time'))
  if (!first.done && !first.value.ok) return refuse(reply, problemOf('unavailable', first.value.error))
  return sendStream(
    reply.type(type).header('content-disposition', `attachment; filename="${name}"`),
    Readable.from(whileHeld(rest(first, parts), request), { objectMode: false }),
  )
}

async function* rest(
  first: IteratorResult<Result<string, GatewayError>>,
  parts: AsyncIterator<Result<string, GatewayError>>,
): AsyncGenerator<string> {
  try {
    for (let part = first; !part.done; part = await parts.next()) {
      if (!part.value.ok) throw new Error(explain(part.value.error))
      yield part.value.value
    }
  } finally {
    // Whoever hangs up ends the questions too.
    await parts.return?.()
  }
}
