import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import type { RangePage, RangeQuery, Result } from '../../core/index.ts'
import { csvHead, csvLines } from '../csv.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import { marked } from '../cursor-hook.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue, INSTANT } from '../invalid.ts'
import { type Problem, problem, problemOf, refuse, sendText } from '../problems.ts'
import { PointParams, ReadingsQuery } from '../queries.ts'
import { type ReadingJson, type ReadingView, readingJson, readingTexts, saysNothing } from '../reading-json.ts'
import { ReadingPage, ref } from '../schemas.ts'
import { sinceOf } from '../scoped.ts'
import { sendStream } from '../send-stream.ts'
import { fullCodes, inTime } from './common.ts'
import { unknownPoint } from './points.ts'

type Query = Static<typeof ReadingsQuery>

const DAY_MS = 86_400_000
const CSV_PAGE = 1_000

/** Stored readings of a point, as pages of JSON or as one CSV. */
export const readingRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  app.get(
    '/points/:id/readings',
    {
      // A long CSV may take its time; each page of it may not.
      config: { permission: 'readings:read', sees: ['point', 'id'], own: true, failures: [404, 414], stream: true },
      schema: {
        operationId: 'listReadings',
        tags: ['readings'],
        summary: 'Readings of a point',
        description:
          'Oldest first, in [from, to). A gap is a gap: nothing is filled in. With `registers`, readings that have none of them are left out, ' +
          'so a page may hold fewer than `limit` and still have a `next`. CSV: UTF-8 with byte order mark, one line a value, empty where absent, ' +
          'text guarded against formulas, numbers as numbers; import meter and point as text.',
        params: PointParams,
        querystring: ReadingsQuery,
        response: { 200: ref(ReadingPage, 'One page; with CSV everything.') },
        'x-also': ['text/csv; charset=utf-8'],
      },
    },
    async (request, reply) => {
      const { params, query, headers, who } = request
      const { id } = params
      const asked = askedFor(id, query, deps, sinceOf(deps.scopeOf(who), id))
      if ('problem' in asked) return refuse(reply, asked.problem)
      if ((await deps.point(id)) === null) return refuse(reply, unknownPoint(id))
      const { range, view } = asked
      const csv = query.format === 'csv' || (query.format === undefined && /\btext\/csv\b/i.test(headers.accept ?? ''))
      reply.header('vary', 'accept')
      const whole = { ...withoutCursor(range), limit: CSV_PAGE }
      const follow = (cursor: string) => inTime(deps.range({ ...whole, cursor }), answerMs)
      const first = await inTime(deps.range(csv ? whole : range), answerMs)
      if (first === null) return refuse(reply, problem('API_LATE', 'the store did not answer in time'))
      if (!first.ok)
        return refuse(
          reply,
          first.error.code.endsWith('_CURSOR')
            ? problem('API_CURSOR', 'the cursor is not one of these readings')
            : problemOf('unavailable', first.error),
        )
      if (csv)
        return sendStream(
          reply
            .type('text/csv; charset=utf-8')
            .header('content-disposition', `attachment; filename="readings-${id.replace(/[^\w.-]/g, '_')}.csv"`),
          Readable.from(csvOf(first.value, view, follow), { objectMode: false }),
        )
      reply.type('application/json; charset=utf-8').serializer((text: string) => text)
      const { readings, next } = first.value
      const rest = marked(request, next === null ? null : cursorOf([range.from, range.to, next]))
      return sendText(reply, `{"items":[${textOf(readings, view)}],"next":${JSON.stringify(rest)}}`)
    },
  )
}

/** What a query means; a cursor brings its own range, so that "now" stays the same over all pages. */
const askedFor = (
  point: string,
  { from, to, registers, source, measurement = 'register', limit = 1000, cursor }: Query,
  { now, hintOf }: ApiDeps,
  since: number,
): { readonly range: RangeQuery; readonly view: ReadingView } | { readonly problem: Problem } => {
  const wanted = registers === undefined ? null : fullCodes(registers.split(','), 'querystring/registers')
  if (wanted && 'problem' in wanted) return wanted
  const view = { wanted: wanted?.codes ?? null, hintOf }
  const common = { measurement, tags: { point }, ...(source ? { source } : {}), limit }
  if (cursor !== undefined) {
    const [start, end, rest] = readCursor(cursor, ['number', 'number', 'string']) ?? []
    if (typeof start !== 'number' || typeof end !== 'number' || typeof rest !== 'string')
      return { problem: problem('API_CURSOR', 'the cursor is not one of these readings') }
    // A cursor that was made by somebody else is of another range.
    if (start < since && end > start) return { problem: problem('API_CURSOR', 'the cursor is not one of these readings') }
    return { range: { ...common, from: start, to: end, cursor: rest }, view }
  }
  const end = to === undefined ? now() : Date.parse(to)
  const start = from === undefined ? end - DAY_MS : Date.parse(from)
  // Ajv takes leap seconds, Date does not.
  if (to !== undefined && Number.isNaN(end)) return { problem: badValue('querystring/to', to, INSTANT) }
  if (from !== undefined && Number.isNaN(start)) return { problem: badValue('querystring/from', from, INSTANT) }
  if (start > end) return { problem: badValue('querystring/from', from ?? '', 'an instant before `to`') }
  return { range: { ...common, from: Math.min(Math.max(start, since), end), to: end }, view }
}

/** A day is a thousand values: written at once it takes a third of the time that objects would, and then their JSON. */
const textOf = (readings: RangePage['readings'], view: ReadingView): string => {
  const text = readingTexts(view)
  const items: string[] = []
  for (const reading of readings) {
    const item = text(reading)
    if (view.wanted === null || !saysNothing(item)) items.push(item)
  }
  return items.join(',')
}

const jsonOf = (readings: RangePage['readings'], view: ReadingView): ReadingJson[] => {
  const items: ReadingJson[] = []
  for (const reading of readings) {
    const item = readingJson(reading, view)
    if (view.wanted === null || item.values.length > 0 || item.absent.length > 0) items.push(item)
  }
  return items
}

/** Everything in the range, page by page as the client takes it. An error on the way breaks the answer off, so that nobody takes half for all. */
async function* csvOf(
  first: RangePage,
  view: ReadingView,
  follow: (cursor: string) => Promise<Result<RangePage> | null>,
): AsyncGenerator<string> {
  yield csvHead
  let page = first
  for (;;) {
    const lines = jsonOf(page.readings, view).map(csvLines).join('')
    if (lines !== '') yield lines
    if (page.next === null) return
    const found = await follow(page.next)
    if (!found?.ok) throw new Error(`export stopped: ${found ? found.error.code : 'the store did not answer in time'}`)
    page = found.value
  }
}

const withoutCursor = ({ cursor: _, ...range }: RangeQuery): RangeQuery => range
