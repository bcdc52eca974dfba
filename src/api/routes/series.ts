import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { mayDo } from '../../access/principals.ts'
import { EXPORT_FORMATS, localClock, type RowSource } from '../../export/index.ts'
import type { ApiDeps } from '../deps.ts'
import { badValue } from '../invalid.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { readingsResult } from '../results/readings.ts'
import { lineTitle, type OpenSeries, planSeries, rawQuestion, SeriesQuery, seriesResult } from '../results/series.ts'
import type { ResultContext } from '../results/types.ts'
import { whileHeld } from '../right-watch.ts'
import { closed, oneOf } from '../schema-words.ts'
import { ref } from '../schemas.ts'
import { asked, FILE_TYPES, sendFile } from '../send-result.ts'
import { sendStream } from '../send-stream.ts'
import type { SeriesLine } from '../series-deps.ts'
import { SeriesSchema } from '../series-schemas.ts'
import { iso } from './common.ts'

/** Points or areas of one answer, and figures; what is more is a file. */
const MOST_IDS = 500
const MOST_FIGURES = 500_000

const FORMATS = ['json', ...EXPORT_FORMATS] as const
const Query = Type.Object(
  {
    ...SeriesQuery.properties,
    format: Type.Optional(oneOf(FORMATS, 'The same as the header accept; a file needs the permission `export`. `json` if not given.')),
    language: Type.Optional(oneOf(['en', 'zh'], 'Language of the heads of a file.')),
  },
  closed,
)

const BY_TYPE = [
  ['text/csv', 'csv'],
  ['spreadsheetml', 'xlsx'],
  ['parquet', 'parquet'],
  ['ndjson', 'ndjson'],
] as const
const accepted = (accept: string | undefined): (typeof FORMATS)[number] => BY_TYPE.find(([type]) => accept?.includes(type))?.[1] ?? 'json'

/** Whether it is asked for as a file to be taken away. */
const isFile = ({ query, headers }: FastifyRequest): boolean => {
  const given = typeof query === 'object' && query !== null && 'format' in query ? query.format : undefined
  return (given ?? accepted(headers.accept)) !== 'json'
}

/** Series of many points for analysts. */
export const seriesRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
  app.get(
    '/series',
    {
      config: { permission: 'readings:read', failures: [404, 414, 422], stream: true, audit: 'act', isFile, heavy: true },
      schema: {
        operationId: 'getSeries',
        tags: ['readings'],
        summary: 'Series of many points or areas by buckets',
        description:
          'Registers, instantaneous values, energy or figures of areas by quarter hours, hours, days or months of the zone. The time is widened to whole buckets. ' +
          'Every bucket is there, with its coverage and worst quality; one without values has null and is a gap. `compare` sets the same time of the year before (同比), ' +
          'or the period before (环比), beside it. A register that counts up is never summed: ask for its increase.',
        querystring: Query,
        response: { 200: ref(SeriesSchema, 'The series.') },
        'x-also': FILE_TYPES,
      },
    },
    async (request, reply) => {
      const { format = accepted(request.headers.accept), language = 'en', ...query } = request.query
      const { who } = request
      if (who === null) return refuse(reply, problem('API_TOKEN_MISSING', 'nobody asks'))
      reply.header('vary', 'accept')
      if (query.point === undefined && query.area === undefined && query.zone === undefined && format === 'json')
        return refuse(reply, badValue('querystring/point', 'missing', 'point, area or zone; a file may have all of them'))
      if (format !== 'json') {
        if (!mayDo(who, 'export')) return refuse(reply, problem('API_PERMISSION', `"${who.name}" may not take files away: it needs export`))
        return sendFile({ deps, kind: seriesResult, request, reply, query: asked(query), format, language })
      }
      const held = (pieces: AsyncIterable<string>) => whileHeld(pieces, request)
      const context: ResultContext = { deps, who, language, address: request.ip, waits: false, scope: deps.scopeOf(who) }
      const opened = await planSeries(query, context)
      if (!opened.ok) return refuse(reply, opened.error)
      reply.type('application/json; charset=utf-8')
      if (opened.value === null) {
        const rows = await readingsResult.open(rawQuestion(asked(query)), context)
        return rows.ok
          ? sendStream(reply, Readable.from(held(rowsJson(rows.value, deps)), { objectMode: false }))
          : refuse(reply, rows.error)
      }
      const ids: string[] = []
      for await (const id of opened.value.ids()) {
        ids.push(id)
        if (ids.length > MOST_IDS) break
      }
      const { spans, compare } = opened.value.plan
      if (ids.length > MOST_IDS || ids.length * spans.length * (compare === 'none' ? 1 : 2) > MOST_FIGURES)
        return refuse(
          reply,
          problem(
            'API_TOO_MANY',
            `${ids.length > MOST_IDS ? `more than ${MOST_IDS} points` : `${ids.length} points of ${spans.length} buckets`} are too many for one answer`,
          ),
        )
      // The first one is made before the answer begins, so that what fails at once is said with its status.
      const [first] = ids
      const lines = first === undefined ? null : await deps.series.lines(opened.value.plan, first)
      if (lines && !lines.ok) return refuse(reply, problemOf(lines.error.because, lines.error.error))
      return sendStream(reply, Readable.from(held(seriesJson(deps, opened.value.plan, ids, lines?.value ?? [])), { objectMode: false }))
    },
  )
}

const head = ({ from, to, kind, bucket, fn, quality, compare, zone, spans, before }: OpenSeries['plan']) => ({
  ...{ from: iso(spans[0]?.from ?? from), to: iso(spans.at(-1)?.to ?? to), zone, kind, bucket, fn, quality, compare },
  starts: spans.map(({ from }) => iso(from)),
  ends: spans.map(({ to }) => iso(to)),
  beforeStarts: before.map((span) => span && iso(span.from)),
})

const lineJson = ({ values, before, ...line }: SeriesLine) => ({
  ...line,
  name: lineTitle(line),
  values: values.map(({ value }) => value),
  coverage: values.map(({ coverage }) => coverage),
  quality: values.map(({ quality }) => quality),
  count: values.map(({ count }) => count),
  excluded: values.map(({ excluded }) => excluded),
  ...(before.length === 0
    ? {}
    : {
        before: {
          values: before.map(({ value }) => value),
          coverage: before.map(({ coverage }) => coverage),
          difference: before.map(({ difference }) => difference),
          percent: before.map(({ percent }) => percent),
        },
      }),
})

/** Point after point, as the client takes them. An error on the way breaks the answer off, so that nobody takes half for all. */
async function* seriesJson(
  deps: ApiDeps,
  plan: OpenSeries['plan'],
  ids: readonly string[],
  first: readonly SeriesLine[],
): AsyncGenerator<string, void> {
  yield `${JSON.stringify(head(plan)).slice(0, -1)},"series":[`
  let comma = ''
  for (const [at, id] of ids.entries()) {
    const lines = at === 0 ? ({ ok: true, value: first } as const) : await deps.series.lines(plan, id)
    if (!lines.ok && lines.error.because === 'unknown') continue
    if (!lines.ok) throw new Error(`series stopped: ${lines.error.error.code}`)
    for (const line of lines.value) {
      yield `${comma}${JSON.stringify(lineJson(line))}`
      comma = ','
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  yield ']}'
}

/** Rows of a result as JSON, piece by piece. */
async function* rowsJson(source: RowSource, deps: ApiDeps): AsyncGenerator<string, void> {
  const clock = localClock(deps.exports.zone)
  const stop = new AbortController()
  const instants = source.columns.map(({ type }) => type === 'instant')
  yield `{"columns":${JSON.stringify(source.columns.map(({ name, title, type }) => ({ name, title: title.en, type })))},"rows":[`
  let comma = ''
  try {
    for await (const { rows } of source.rows(stop.signal)) {
      const texts = rows.map((row) =>
        JSON.stringify(row.map((cell, at) => (instants[at] && typeof cell === 'number' ? clock.iso(cell) : cell))),
      )
      if (texts.length > 0) yield `${comma}${texts.join(',')}`
      if (texts.length > 0) comma = ','
    }
  } finally {
    stop.abort()
  }
  yield ']}'
}
