import { createReadStream } from 'node:fs'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { ApiDeps } from '../deps.ts'
import { ExportParams } from '../export-schemas.ts'
import { problem, problemOf, refuse } from '../problems.ts'
import { digestText, FILE_TYPES } from '../send-result.ts'
import { sendStream } from '../send-stream.ts'
import { unknownExport } from './exports.ts'

/** Files that were made in the background, whole or from where a connection broke. */
export const exportFileRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps }> = async (app, { deps }) => {
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
