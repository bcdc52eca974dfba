import { createReadStream } from 'node:fs'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type TObject, Type } from 'typebox'
import { mayDo, type Principal } from '../../access/principals.ts'
import { err, ok } from '../../core/index.ts'
import { type ExportFormat, exportFailure, FORMATS as FORMATS_OF, type Language, type RowSource } from '../../export/index.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import type { ExportJobView, ExportLogView, ResultQuery } from '../export-deps.ts'
import {
  AnyResultQuery,
  ExportBody,
  ExportListQuery,
  ExportLogPage,
  ExportPage,
  ExportParams,
  ExportSchema,
  FILE_MEMBERS,
  ResultList,
  ResultParams,
} from '../export-schemas.ts'
import { type Problem, problem, problemOf, refuse } from '../problems.ts'
import type { ResultContext, ResultKind } from '../results/types.ts'
import { maySeeStill, whileHeld, whileStanding } from '../right-watch.ts'
import { ref } from '../schema-words.ts'
import { sendHead, sendStream } from '../send-stream.ts'
import { iso, isoOrNull } from './common.ts'

/** A question out of an address or a body, as texts. */
export const asked = (given: Readonly<Record<string, unknown>>): ResultQuery =>
  Object.fromEntries(
    Object.entries(given).flatMap(([name, value]): [string, string | readonly string[]][] =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.map(String) : String(value)]],
    ),
  )

const contextOf = (
  deps: ApiDeps,
  who: Principal,
  language: Language,
  { address, waits = false }: { readonly address: string; readonly waits?: boolean },
): ResultContext => ({ deps, who, language, address, waits, scope: deps.scopeOf(who) })

const mayNot = (kind: ResultKind, who: Principal): Problem | null =>
  mayDo(who, kind.needs) ? null : problem('API_PERMISSION', `"${who.name}" may not do this: it needs ${kind.needs} beside export`)

/** Rows as a file, at once. The digest follows the last byte, as a trailer, where it is not known before. */
export const sendFile = async ({
  deps,
  kind,
  request,
  reply,
  query,
  format,
  language,
}: {
  readonly deps: ApiDeps
  readonly kind: ResultKind
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly query: ResultQuery
  readonly format: ExportFormat
  readonly language: Language
}): Promise<FastifyReply> => {
  const { who } = request
  if (who === null) return refuse(reply, problem('API_TOKEN_MISSING', 'nobody asks'))
  const refused = mayNot(kind, who)
  if (refused) return refuse(reply, refused)
  const opened = await kind.open(query, contextOf(deps, who, language, { address: request.ip }))
  if (!opened.ok) return refuse(reply, opened.error)
  // How long it is going to be nobody knows: nothing is written down or begun.
  if (request.method === 'HEAD') return sendHead(reply.type(FORMATS_OF[format].type).header('cache-control', 'no-store'))
  const { rows, ...rest } = opened.value
  const source: RowSource = { ...rest, rows: (signal) => whileHeld(rows(signal), request, kind.needs) }
  const file = await deps.exports.direct({ result: kind.name, query, format, language }, source, who)
  if (!file.ok) return refuse(reply, problemOf(file.error.because, file.error.error))
  const { name, type, content, whole, digest } = file.value
  reply.type(type).header('content-disposition', `attachment; filename="${name}"`).header('cache-control', 'no-store')
  if (whole) reply.header('content-length', whole.bytes).header('repr-digest', digestText(whole.sha256))
  else {
    reply.trailer('repr-digest', async () => digestText(digest()?.sha256 ?? ''))
    reply.trailer('x-rows', async () => String(digest()?.rows ?? ''))
  }
  return sendStream(reply, content, kind.needs)
}

/** @source RFC 9530 */
const digestText = (hex: string): string => (hex === '' ? '' : `sha-256=:${Buffer.from(hex, 'hex').toString('base64')}:`)

/** Files of results: at once, or made in the background. */
export const exportRoutes: FastifyPluginAsyncTypebox<{
  deps: ApiDeps
  own: readonly ResultKind[]
  lists: ReadonlyMap<string, ResultKind>
}> = async (app, { deps, own, lists }) => {
  const byName = (name: string): ResultKind | null => own.find((kind) => kind.name === name) ?? lists.get(name) ?? null
  deps.exports.use(async (wanted, who, address) => {
    const kind = byName(wanted.result)
    if (!kind) return err({ because: 'unknown', error: exportFailure('EXPORT_RESULT', `there is no result ${wanted.result}`).error })
    /** As he is now: what was asked for yesterday ends with the right to it. */
    const holds = (): boolean => {
      const now = deps.standing(who)
      return now !== null && mayDo(now, 'export') && maySeeStill(now, who, kind.needs)
    }
    if (mayNot(kind, who) || !holds())
      return err({ because: 'not-possible', error: exportFailure('EXPORT_RIGHT', `${who.name} may not see it any more`).error })
    const rows = await kind.open(wanted.query, contextOf(deps, who, wanted.language, { address, waits: true }))
    if (!rows.ok)
      return err({ because: 'not-possible', error: exportFailure('EXPORT_QUESTION', `${rows.error.code}: ${rows.error.detail}`).error })
    const source: RowSource = { ...rows.value, rows: (signal, from) => whileStanding(rows.value.rows(signal, from), holds) }
    return ok({ source, needs: kind.needs })
  })
  const unknown = (name: string) => {
    const { code, message, hint, recovery } = exportFailure('EXPORT_RESULT', `there is no result "${name}"`).error
    return problemOf('unknown', { code, message, hint, recovery, context: {} })
  }

  app.get(
    '/results',
    {
      config: { permission: 'export', whole: ['name'] },
      schema: {
        operationId: 'listResults',
        tags: ['exports'],
        summary: 'What can be had as a file',
        description: 'Every table of the API with the members a question may have. Only those whose rows you may see.',
        response: { 200: ref(ResultList, 'All of them.') },
      },
    },
    async ({ who }, reply) => {
      reply.type('application/json; charset=utf-8').serializer(JSON.stringify)
      const others = [...lists.values()].filter(({ name }) => !own.some((kind) => kind.name === name))
      const seen = [...own, ...others.sort((a, b) => (a.name < b.name ? -1 : 1))].filter(({ needs }) => who !== null && mayDo(who, needs))
      return {
        items: seen.map(({ name, summary, description, needs, query }) => ({ name, summary, description, permission: needs, query })),
      }
    },
  )
  for (const kind of own)
    app.get(
      `/results/${kind.name}`,
      {
        config: { permission: kind.needs, also: 'export', audit: 'act', failures: [404, 414, 422], stream: true, heavy: true },
        schema: {
          operationId: `export${kind.name.replace(/(^|-)(\w)/g, (_, _dash, letter: string) => letter.toUpperCase())}`,
          tags: ['exports'],
          summary: `A file: ${kind.summary.charAt(0).toLowerCase()}${kind.summary.slice(1)}`,
          description: `${kind.description} All rows, streamed. What takes longer than a client waits is asked for with POST /api/v1/exports.`,
          querystring: withFile(kind),
          response: { 200: Type.Unsafe<unknown>({ description: 'The file.' }) },
          'x-also': FILE_TYPES,
        },
      },
      async (request, reply) => {
        const { format = 'csv', language = 'en', ...query } = fileQuery(request.query)
        return sendFile({ deps, kind, request, reply, query: asked(query), format, language })
      },
    )
  app.get(
    '/results/:result',
    {
      config: { permission: 'export', audit: 'act', failures: [404, 414, 422], stream: true, heavy: true },
      schema: {
        operationId: 'exportResult',
        tags: ['exports'],
        summary: 'A list of the API as a file',
        description:
          'All rows of a list, with the filters of the list: `cases?state=open&format=xlsx`. Who may not see the list gets no file of it; what is masked there is masked here.',
        params: ResultParams,
        querystring: AnyResultQuery,
        response: { 200: Type.Unsafe<unknown>({ description: 'The file.' }) },
        'x-also': FILE_TYPES,
      },
    },
    async (request, reply) => {
      const kind = byName(request.params.result)
      if (!kind) return refuse(reply, unknown(request.params.result))
      const { format = 'csv', language = 'en', ...query } = fileQuery(request.query)
      return sendFile({ deps, kind, request, reply, query: asked(query), format, language })
    },
  )
  app.post(
    '/exports',
    {
      config: { permission: 'export', failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'beginExport',
        tags: ['exports'],
        summary: 'Have a file made in the background',
        description:
          'The question is proved at once; the file is written by a thread of its own and kept for some days. Ask for it with its number.',
        body: ExportBody,
        response: { 200: ref(ExportSchema, 'It waits, or is under way.') },
      },
    },
    async (request, reply) => {
      const { result, query = {}, format = 'csv', language = 'en' } = request.body
      const { who } = request
      const kind = byName(result)
      if (!kind || who === null) return refuse(reply, unknown(result))
      const refused = mayNot(kind, who)
      if (refused) return refuse(reply, refused)
      const question = asked(query)
      const tried = await kind.open(question, contextOf(deps, who, language, { address: request.ip }))
      if (!tried.ok) return refuse(reply, tried.error)
      const begun = deps.exports.begin({ result, query: question, format, language }, kind.needs, who, request.ip)
      return begun.ok ? jobJson(begun.value) : refuse(reply, problemOf(begun.error.because, begun.error.error))
    },
  )
  app.get(
    '/exports',
    {
      config: { permission: 'export' },
      schema: {
        operationId: 'listExports',
        tags: ['exports'],
        summary: 'Your files and how far they are',
        description: 'Those that you asked for, newest first.',
        querystring: ExportListQuery,
        response: { 200: ref(ExportPage, 'One page.') },
      },
    },
    async ({ who, query: { limit = 100, cursor } }, reply) => {
      const before = beforeOf(cursor)
      if (before === undefined || who === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      return pageJson(deps.exports.list(who, before, limit + 1), limit, jobJson)
    },
  )
  app.get(
    '/exports/log',
    {
      config: { permission: 'audit:read', everywhere: true },
      schema: {
        operationId: 'listExportLog',
        tags: ['exports'],
        summary: 'Who took which rows away',
        description:
          'Every file that was handed out or made: who, what, how many rows, the digest, and how it ended. Newest first; only ever added to.',
        querystring: ExportListQuery,
        response: { 200: ref(ExportLogPage, 'One page.') },
      },
    },
    async ({ query: { limit = 100, cursor } }, reply) => {
      const before = beforeOf(cursor)
      if (before === undefined) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      return pageJson(deps.exports.log(before, limit + 1), limit, logJson)
    },
  )
  const unknownExport = (id: number) => problemOf('unknown', exportFailure('EXPORT_UNKNOWN', `you have no export ${id}`).error)
  app.get(
    '/exports/:id',
    {
      config: { permission: 'export', failures: [404] },
      schema: {
        operationId: 'getExport',
        tags: ['exports'],
        summary: 'How far a file is',
        description: 'State, rows and bytes so far, and where the file is fetched when it is done.',
        params: ExportParams,
        response: { 200: ref(ExportSchema, 'The export.') },
      },
    },
    async ({ who, params: { id } }, reply) => {
      const job = who && deps.exports.get(id, who)
      return job ? jobJson(job) : refuse(reply, unknownExport(id))
    },
  )
  app.delete(
    '/exports/:id',
    {
      config: { permission: 'export', failures: [404] },
      schema: {
        operationId: 'removeExport',
        tags: ['exports'],
        summary: 'Cancel an export or delete its file',
        description: 'What waits or is under way is cancelled; what is over is forgotten with its file. The log keeps its line.',
        params: ExportParams,
        response: { 200: ref(ExportSchema, 'As it was.') },
      },
    },
    async ({ who, params: { id } }, reply) => {
      const removed = who && deps.exports.remove(id, who)
      if (!removed) return refuse(reply, unknownExport(id))
      return removed.ok ? jobJson(removed.value) : refuse(reply, problemOf(removed.error.because, removed.error.error))
    },
  )
  app.get(
    '/exports/:id/file',
    {
      config: { permission: 'export', audit: 'act', failures: [404, 416, 422], stream: true },
      schema: {
        operationId: 'getExportFile',
        tags: ['exports'],
        summary: 'The file of an export',
        description: 'With its SHA-256 as ETag. A range goes on where a connection broke; `If-Range` makes sure it is the same file.',
        params: ExportParams,
        response: { 200: Type.Unsafe<unknown>({ description: 'The file, or with 206 a part of it.' }) },
        'x-also': FILE_TYPES,
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const file = request.who && deps.exports.file(id, request.who)
      if (!file) return refuse(reply, unknownExport(id))
      if (!file.ok) return refuse(reply, problemOf(file.error.because, file.error.error))
      const { path, name, type, bytes, sha256 } = file.value
      const tag = `"${sha256}"`
      reply
        .header('etag', tag)
        .header('accept-ranges', 'bytes')
        .header('repr-digest', digestText(sha256))
        .header('content-disposition', `attachment; filename="${name}"`)
        .header('cache-control', 'private, no-transform')
        .type(type)
      return sendPart(request, reply, path, bytes, tag)
    },
  )
}

/** A file, what was asked for of it, or that the client has it already. */
const sendPart = ({ headers, method }: FastifyRequest, reply: FastifyReply, path: string, bytes: number, tag: string): FastifyReply => {
  if (headers['if-none-match'] === tag) return reply.code(304).send()
  const condition = headers['if-range']
  // A range is of what is sent, and with HEAD nothing is. RFC 9110, 14.2
  const isWhole = method === 'HEAD' || headers.range === undefined || (condition !== undefined && condition !== tag)
  const part = isWhole ? null : partOf(headers.range ?? '', bytes)
  if (part === 'none') {
    reply.header('content-range', `bytes */${bytes}`)
    return refuse(reply, problem('API_RANGE', `the file has ${bytes} bytes`))
  }
  if (part === null) return sendStream(reply.header('content-length', bytes), createReadStream(path))
  const [start, end] = part
  reply
    .code(206)
    .header('content-range', `bytes ${start}-${end}/${bytes}`)
    .header('content-length', end - start + 1)
  return sendStream(reply, createReadStream(path, { start, end }))
}

/** Media types of files. */
export const FILE_TYPES = [
  'text/csv; charset=utf-8',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'application/vnd.apache.parquet',
  'application/x-ndjson',
]

const isObjectSchema = (schema: object): schema is TObject => 'properties' in schema
/** The members of a result with those that say how the file is wanted. */
const withFile = ({ query }: ResultKind): TObject =>
  Type.Object({ ...(isObjectSchema(query) ? query.properties : {}), ...FILE_MEMBERS }, { additionalProperties: false })

const FORMATS: readonly ExportFormat[] = ['csv', 'xlsx', 'parquet', 'ndjson']
/** What a proved address says. */
const fileQuery = (
  query: unknown,
): Readonly<Record<string, unknown>> & { readonly format?: ExportFormat; readonly language?: Language } => {
  const { format, language, ...rest }: Record<string, unknown> = { ...(typeof query === 'object' ? query : {}) }
  const known = FORMATS.find((one) => one === format)
  return { ...rest, ...(known ? { format: known } : {}), ...(language === 'zh' ? { language: 'zh' } : {}) }
}

/**
 * The bytes of a range. @returns null: the whole file (no range, or several); `none`: nothing of it is in the file
 * @source RFC 9110, 14.1.2
 */
const partOf = (range: string, bytes: number): readonly [start: number, end: number] | 'none' | null => {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range.trim()) ?? []
  if (first === '' && last === '') return null
  if (first === '') return Number(last) === 0 || bytes === 0 ? 'none' : [Math.max(0, bytes - Number(last)), bytes - 1]
  const start = Number(first)
  const end = last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1)
  if (last !== '' && Number(last) < start) return null
  return start >= bytes ? 'none' : [start, end]
}

const beforeOf = (cursor: string | undefined): number | null | undefined => {
  if (cursor === undefined) return null
  const [before] = readCursor(cursor, ['number']) ?? []
  return typeof before === 'number' ? before : undefined
}

const pageJson = <View extends { readonly id: number }, Json>(found: readonly View[], limit: number, json: (view: View) => Json) => {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items: items.map(json), next: found.length > limit && last ? cursorOf([last.id]) : null }
}

const queryJson = (query: ResultQuery): Record<string, string | string[]> =>
  Object.fromEntries(Object.entries(query).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]))

/** In tenths; 100 only when it is done. */
const percentOf = ({ state, share, expected, rows }: ExportJobView): number | null => {
  if (state === 'done') return 100
  const part = share ?? (expected === null || expected === 0 ? null : rows / expected)
  return part === null ? null : Math.min(99.9, Math.floor(1000 * part) / 10)
}

const jobJson = (view: ExportJobView) => {
  const { query, createdAt, firstRowAt, startedAt, endedAt, expiresAt, file, error, share: _, ...job } = view
  return {
    ...job,
    query: queryJson(query),
    percent: percentOf(view),
    firstRowAt: isoOrNull(firstRowAt),
    ...{ createdAt: iso(createdAt), startedAt: isoOrNull(startedAt), endedAt: isoOrNull(endedAt), expiresAt: isoOrNull(expiresAt) },
    file: file && { ...file, url: `/api/v1/exports/${job.id}/file` },
    error: error && { ...error },
  }
}

const logJson = ({ query, at, endedAt, ...line }: ExportLogView) => ({
  ...line,
  query: queryJson(query),
  at: iso(at),
  endedAt: isoOrNull(endedAt),
})
