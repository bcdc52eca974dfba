import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { mayDo } from '../../access/principals.ts'
import { err, ok } from '../../core/index.ts'
import { exportFailure, type RowSource } from '../../export/index.ts'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import type { ExportJobView, ExportLogView, ResultQuery } from '../export-deps.ts'
import { ExportBody, ExportListQuery, ExportLogPage, ExportPage, ExportParams, ExportSchema } from '../export-schemas.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { type ResultKinds, resultNamed, unknownResult } from '../result-kinds.ts'
import { maySeeStill, whileStanding } from '../right-watch.ts'
import { ref } from '../schema-words.ts'
import { asked, contextOf, mayNot } from '../send-result.ts'
import { iso, isoOrNull } from './common.ts'

/** Files that are made in the background, and who took which away. */
export const exportRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps } & ResultKinds> = async (app, { deps, own, lists }) => {
  deps.exports.use(async (wanted, who, address) => {
    const kind = resultNamed({ own, lists }, wanted.result)
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
      const kind = resultNamed({ own, lists }, result)
      if (!kind || who === null) return refuse(reply, unknownResult(result))
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
}

/** The answer for one that is not there and for one of somebody else. */
export const unknownExport = (id: number) => problemOf('unknown', exportFailure('EXPORT_UNKNOWN', `you have no export ${id}`).error)

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
