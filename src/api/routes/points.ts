import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Reading, Scope } from '../../core/index.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import { marked } from '../cursor-hook.ts'
import type { ApiDeps, PointFilter, PointView } from '../deps.ts'
import { latestTexts } from '../latest-texts.ts'
import { hidesNames, maySeePersonal, nameFor } from '../personal.ts'
import { problem, refuse, sendText } from '../problems.ts'
import { LatestQuery, PointParams, PointsQuery } from '../queries.ts'
import { readingJson } from '../reading-json.ts'
import { LatestPage, LatestSchema, PointPage, PointSchema, ref } from '../schemas.ts'
import { sinceOf } from '../scoped.ts'
import { sendStream } from '../send-stream.ts'
import { everything, fullCodes, iso, isoOrNull } from './common.ts'

/** Points written in one go. */
const SLICE = 250

/** Metering points and the newest they said. */
export const pointRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  const texts = latestTexts()
  /** One page of the points somebody sees; null when the cursor is not ours. */
  const page = async (request: Asking, scope: Scope, filter: PointFilter, limit: number, cursor: string | undefined) => {
    const after = cursor === undefined ? [null] : readCursor(cursor, ['string'])
    if (after === null) return null
    const shown = { ...filter, hidesPersonal: !maySeePersonal(request) }
    const seen = scope.all ? shown : { ...shown, sees: (id: string) => scope.sees('point', id) }
    const found = await deps.points(seen, typeof after[0] === 'string' ? after[0] : null, limit + 1)
    const items = found.slice(0, limit)
    const last = items.at(-1)
    return { items, next: found.length > limit && last ? cursorOf([last.id]) : null }
  }
  const latestOf = async (request: Asking, scope: Scope, point: PointView) => ({
    point: point.id,
    name: nameFor(request, point),
    area: point.area,
    readings: readingsSince(await deps.latest(point.id), sinceOf(scope, point.id)).map((reading) => readingJson(reading, everything(deps))),
  })

  app.get(
    '/points',
    {
      config: { permission: 'readings:read', own: true },
      schema: {
        operationId: 'listPoints',
        tags: ['readings'],
        summary: 'Metering points',
        description: 'The points of the ledger by id, with the meters that were and are there.',
        querystring: PointsQuery,
        response: { 200: ref(PointPage, 'One page.') },
      },
    },
    async (request, reply) => {
      const { area, line, text, limit = 200, cursor } = request.query
      const scope = deps.scopeOf(request.who)
      const found = await page(request, scope, filterOf({ area, line, text }), limit, cursor)
      if (found === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      return { items: found.items.map((point) => pointJson(request, scope, point)), next: found.next }
    },
  )
  app.get(
    '/points/:id',
    {
      config: { permission: 'readings:read', sees: ['point', 'id'], own: true, failures: [404, 414] },
      schema: {
        operationId: 'getPoint',
        tags: ['readings'],
        summary: 'One metering point',
        description: 'Its area, role and meters, with the ratios and the time each was valid.',
        params: PointParams,
        response: { 200: ref(PointSchema, 'The point.') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const point = await deps.point(id)
      return point === null ? refuse(reply, unknownPoint(id)) : pointJson(request, deps.scopeOf(request.who), point)
    },
  )
  app.get(
    '/points/:id/latest',
    {
      config: { permission: 'readings:read', sees: ['point', 'id'], own: true, failures: [404, 414] },
      schema: {
        operationId: 'getLatest',
        tags: ['readings'],
        summary: 'The newest readings of a point',
        description: 'One reading a series. Compare `measuredAt` with `asOf`: what is old is still given.',
        params: PointParams,
        response: { 200: ref(LatestSchema, 'Newest readings.') },
      },
    },
    async ({ params: { id }, who }, reply) => {
      const point = await deps.point(id)
      return point === null
        ? refuse(reply, unknownPoint(id))
        : { asOf: iso(deps.now()), ...(await latestOf({ who }, deps.scopeOf(who), point)) }
    },
  )
  app.get(
    '/latest',
    {
      config: { permission: 'readings:read', own: true },
      schema: {
        operationId: 'listLatest',
        tags: ['readings'],
        summary: 'The newest readings of many points',
        description:
          'From memory: quick also for all points of a site. With `registers` only their values; a reading that has none of them is there all the same.',
        querystring: LatestQuery,
        response: { 200: ref(LatestPage, 'One page.') },
      },
    },
    async (request, reply) => {
      const { area, line, registers, limit = 200, cursor } = request.query
      const codes = registers === undefined ? null : fullCodes(registers.split(','), 'querystring/registers')
      if (codes && 'problem' in codes) return refuse(reply, codes.problem)
      const scope = deps.scopeOf(request.who)
      const first = await page(request, scope, filterOf({ area, line }), Math.min(limit, SLICE), cursor)
      if (first === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const view = { ...everything(deps), wanted: codes?.codes ?? null }
      const textOf = texts(view)
      const hides = hidesNames(request)
      const since = scope.since && ((id: string, readings: readonly Reading[]) => readingsSince(readings, sinceOf(scope, id)))
      /** Slice after slice, as the client takes them; others have their turn in between. */
      async function* pieces(): AsyncGenerator<string, void> {
        let found = first
        let left = limit
        let comma = ''
        yield `{"asOf":"${iso(deps.now())}","items":[`
        while (found !== null && found.items.length > 0) {
          let text = ''
          for (const point of found.items) {
            const known = deps.latest(point.id)
            const readings = known instanceof Promise ? await known : known
            const name = hides ? nameFor(request, point) : point.name
            text += comma + textOf(point, name, since ? since(point.id, readings) : readings)
            comma = ','
          }
          yield text
          left -= found.items.length
          if (found.next === null || left <= 0) break
          await new Promise((resolve) => setImmediate(resolve))
          found = await page(request, scope, filterOf({ area, line }), Math.min(left, SLICE), found.next)
        }
        yield `],"next":${JSON.stringify(marked(request, found?.next ?? null))}}`
      }
      reply.type('application/json; charset=utf-8').serializer((text: string) => text)
      if (limit > SLICE) return sendStream(reply, Readable.from(pieces(), { objectMode: false }))
      let whole = ''
      for await (const piece of pieces()) whole += piece
      return sendText(reply, whole)
    },
  )
}

type Asking = Parameters<typeof maySeePersonal>[0]

/** A list of which nothing is too old stays the same list. */
const readingsSince = (readings: readonly Reading[], since: number): readonly Reading[] =>
  readings.every(({ measuredAt }) => measuredAt >= since) ? readings : readings.filter(({ measuredAt }) => measuredAt >= since)

export const unknownPoint = (id: string) => problem('API_POINT', `there is no metering point "${id}"`)

/** A meter that was gone before the point was his is none of a customer's. */
const pointJson = (request: Asking, scope: Scope, { meters, name, namesPerson, ...point }: PointView) => ({
  ...point,
  name: nameFor(request, { name, namesPerson }),
  meters: meters
    .filter(({ to }) => to === null || to > sinceOf(scope, point.id))
    .map(({ from, to, ...meter }) => ({ ...meter, from: iso(from), to: isoOrNull(to) })),
})

const filterOf = (given: { readonly [name in keyof PointFilter]: string | undefined }): PointFilter =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
