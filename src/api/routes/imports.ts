import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { cursorOf, readCursor } from '../cursor.ts'
import type { ApiDeps } from '../deps.ts'
import type { ImportView, SheetFile } from '../import-deps.ts'
import {
  ApplyBody,
  ExportQuery,
  ImportEntryPage,
  ImportListQuery,
  ImportParams,
  ImportProblemPage,
  ImportQuery,
  ImportSchema,
  TemplateQuery,
} from '../import-schemas.ts'
import { diffJson } from '../ledger-json.ts'
import { diffFor, maySeePersonal } from '../personal.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { ref } from '../schema-words.ts'
import { sendStream } from '../send-stream.ts'
import { asPage } from '../whole-lists.ts'
import { inTime, iso } from './common.ts'
import { actOf } from './ledger.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its body is a file, not JSON. */
    upload?: boolean
  }
}

const importJson = ({ since, report, ...view }: ImportView) => ({
  ...view,
  since: iso(since),
  report: report && {
    ...report,
    sheets: report.sheets.map((sheet) => ({ ...sheet, kinds: [...sheet.kinds] })),
    warnings: [...report.warnings],
  },
})

/** The ledger as files that people keep: import with a dry run first, export, templates. */
export const importRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps; answerMs: number }> = async (app, { deps, answerMs }) => {
  const { imports, ledger } = deps
  const unknown = (reply: FastifyReply, id: string) => refuse(reply, problem('API_IMPORT', `there is no import ${id}`))
  const sendFile = (reply: FastifyReply, { name, type, content }: SheetFile) =>
    sendStream(reply.type(type).header('content-disposition', `attachment; filename="${name}"`), content)

  await app.register(async (uploads) => {
    // Only here: the body goes to the disk as it comes, and nobody looks at what it calls itself.
    uploads.removeAllContentTypeParsers()
    uploads.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    uploads.post<{
      Querystring: {
        format: 'csv' | 'xlsx' | 'yaml'
        name?: string
        encoding?: 'utf-8' | 'gb18030' | 'utf-16le' | 'utf-16be'
        from?: string
      }
    }>(
      '/ledger/imports',
      {
        config: { permission: 'ledger:write', everywhere: true, upload: true, stream: true, failures: [413, 422] },
        bodyLimit: imports.maxBytes,
        schema: {
          operationId: 'beginLedgerImport',
          tags: ['ledger'],
          summary: 'Send a file',
          description: `The bytes of a CSV, XLSX or ledger file as the body, at most ${imports.maxBytes} of them. Its dry run begins at once; nothing is changed before it is applied.`,
          querystring: ImportQuery,
          response: { 200: ref(ImportSchema, 'Taken; GET it until its dry run is over.') },
        },
      },
      async (request, reply) => {
        const { format, name = `file.${format}`, encoding = null, from = null } = request.query
        const { body: content } = request
        if (Number(request.headers['content-length'] ?? 0) > imports.maxBytes)
          return refuse(reply.header('connection', 'close'), problem('API_BODY_SIZE', `a file has at most ${imports.maxBytes} bytes`))
        if (!(content instanceof Readable)) return refuse(reply, problem('API_VALUE', 'the body is empty: send the bytes of the file'))
        const begun = await imports.begin({ name, format, encoding, from, by: request.who?.id ?? '' }, content)
        if (!begun.ok) return refuse(reply, problemOf(begun.error.because, begun.error.error))
        return reply.header('location', `/api/v1/ledger/imports/${begun.value.id}`).send(importJson(begun.value))
      },
    )
  })

  app.get(
    '/ledger/imports',
    {
      config: { permission: 'ledger:read', everywhere: true, whole: ['id'] },
      schema: {
        operationId: 'listLedgerImports',
        tags: ['ledger'],
        summary: 'Imports that are kept',
        description: 'An import is kept for an hour.',
        response: { 200: asPage(Type.Object({ items: Type.Array(ref(ImportSchema)) }, { description: 'Imports.' })) },
      },
    },
    async () => ({ items: imports.list().map(importJson) }),
  )
  app.get(
    '/ledger/imports/:id',
    {
      config: { permission: 'ledger:read', everywhere: true, failures: [404] },
      schema: {
        operationId: 'getLedgerImport',
        tags: ['ledger'],
        summary: 'One import',
        description: 'How far it is, and what its dry run found.',
        params: ImportParams,
        response: { 200: ref(ImportSchema, 'The import.') },
      },
    },
    async ({ params: { id } }, reply) => {
      const found = imports.get(id)
      return found ? importJson(found) : unknown(reply, id)
    },
  )
  app.get(
    '/ledger/imports/:id/problems',
    {
      config: { permission: 'ledger:read', everywhere: true, failures: [404] },
      schema: {
        operationId: 'listLedgerImportProblems',
        tags: ['ledger'],
        summary: 'What is wrong with a file',
        description: 'Each with its cell, the value and what to do; the first thousand are kept.',
        params: ImportParams,
        querystring: ImportListQuery,
        response: { 200: ref(ImportProblemPage, 'One page.') },
      },
    },
    async ({ params: { id }, query: { limit = 100, cursor } }, reply) => {
      const from = cursor === undefined ? [0] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const after = Number(from[0])
      const found = imports.problems(id, after, limit + 1)
      if (!found) return unknown(reply, id)
      return { items: found.slice(0, limit), next: found.length > limit ? cursorOf([after + limit]) : null }
    },
  )
  app.get(
    '/ledger/imports/:id/entries',
    {
      config: { permission: 'ledger:read', everywhere: true, failures: [404] },
      schema: {
        operationId: 'listLedgerImportEntries',
        tags: ['ledger'],
        summary: 'What a file would change',
        description: 'Entry by entry, as it is and as it would be; the first thousand are kept.',
        params: ImportParams,
        querystring: ImportListQuery,
        response: { 200: ref(ImportEntryPage, 'One page.') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { limit = 100, cursor } = request.query
      const from = cursor === undefined ? [0] : readCursor(cursor, ['number'])
      if (from === null) return refuse(reply, problem('API_CURSOR', 'the cursor is not one of this list'))
      const after = Number(from[0])
      const found = imports.entries(id, after, limit + 1)
      if (!found) return unknown(reply, id)
      return {
        items: found.slice(0, limit).map((entry) => diffJson(diffFor(request, ledger, entry))),
        next: found.length > limit ? cursorOf([after + limit]) : null,
      }
    },
  )
  app.post(
    '/ledger/imports/:id/apply',
    {
      config: { permission: 'ledger:write', everywhere: true, failures: [404, 413, 415, 422] },
      schema: {
        operationId: 'applyLedgerImport',
        tags: ['ledger'],
        summary: 'Write a file into the ledger',
        description: 'In one change, which can be taken back. The file is read again and must still be without problems.',
        params: ImportParams,
        body: ApplyBody,
        response: { 200: ref(ImportSchema, 'Begun; GET it until it is applied.') },
      },
    },
    async (request, reply) => {
      const { why, workOrder = null } = request.body
      const begun = imports.apply(request.params.id, actOf(request, deps.now(), 'import', why, workOrder))
      if (!begun.ok) return refuse(reply, problemOf(begun.error.because, begun.error.error))
      return importJson(begun.value)
    },
  )
  app.delete(
    '/ledger/imports/:id',
    {
      config: { permission: 'ledger:write', everywhere: true, failures: [404, 422] },
      schema: {
        operationId: 'deleteLedgerImport',
        tags: ['ledger'],
        summary: 'Forget a file',
        description: 'Its dry run ends. What it has changed already stays: undo the change for that.',
        params: ImportParams,
        response: { 200: Type.Object({ id: Type.String({ description: 'Import.' }) }, { description: 'Gone.' }) },
      },
    },
    async ({ params: { id } }, reply) => {
      const gone = imports.remove(id)
      return gone.ok ? { id } : refuse(reply, problemOf(gone.error.because, gone.error.error))
    },
  )
  app.get(
    '/ledger/export',
    {
      config: { permission: 'ledger:read', also: 'export', stream: true, audit: 'act', heavy: true },
      schema: {
        operationId: 'exportLedger',
        tags: ['ledger'],
        summary: 'The ledger as a file',
        description:
          'What comes out can be imported again and changes nothing. Whoever may not see what says something of a person gets *** for it; only what lies in the zones of whoever asks is in it.',
        querystring: ExportQuery,
        produces: [...SHEETS, 'application/yaml; charset=utf-8'],
        response: { 200: Type.Unsafe<Readable>({ description: 'The file.' }) },
      },
    },
    async (request, reply) => {
      const { format, lang = 'zh', asOf } = request.query
      const wanted = {
        format,
        language: lang,
        asOf: asOf === undefined ? null : Date.parse(asOf),
        hidesPersonal: !maySeePersonal(request),
        zones: request.who?.zones ?? null,
      }
      const made = await inTime(imports.export(wanted), Math.max(answerMs, EXPORT_MS))
      if (made === null) return refuse(reply, problem('API_LATE', 'the export takes too long'))
      return made.ok ? sendFile(reply, made.value) : refuse(reply, problemOf(made.error.because, made.error.error))
    },
  )
  app.get(
    '/ledger/template',
    {
      config: { permission: 'ledger:read', stream: true },
      schema: {
        operationId: 'getLedgerTemplate',
        tags: ['ledger'],
        summary: 'A table to fill in',
        description: 'With three rows as examples, and a legend of every column that is understood.',
        querystring: TemplateQuery,
        produces: SHEETS,
        response: { 200: Type.Unsafe<Readable>({ description: 'The file.' }) },
      },
    },
    async ({ query: { format, lang = 'zh', part = 'table' } }, reply) => sendFile(reply, imports.template(format, lang, part)),
  )
}

const EXPORT_MS = 120_000
const SHEETS = ['text/csv; charset=utf-8', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet']
