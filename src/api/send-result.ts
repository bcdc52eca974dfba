import type { FastifyReply, FastifyRequest } from 'fastify'
import { mayDo, type Principal } from '../access/principals.ts'
import { type ExportFormat, FORMATS as FORMATS_OF, type Language, type RowSource } from '../export/index.ts'
import type { ApiDeps } from './deps.ts'
import type { ResultQuery } from './export-deps.ts'
import { type Problem, problem, problemOf, refuse } from './problems.ts'
import type { ResultContext, ResultKind } from './results/types.ts'
import { whileHeld } from './right-watch.ts'
import { sendHead, sendStream } from './send-stream.ts'

/** A result and the file that is made of it while it is sent. */

/** A question out of an address or a body, as texts. */
export const asked = (given: Readonly<Record<string, unknown>>): ResultQuery =>
  Object.fromEntries(
    Object.entries(given).flatMap(([name, value]): [string, string | readonly string[]][] =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.map(String) : String(value)]],
    ),
  )

/** Who asks, in which language, from where. */
export const contextOf = (
  deps: ApiDeps,
  who: Principal,
  language: Language,
  { address, waits = false }: { readonly address: string; readonly waits?: boolean },
): ResultContext => ({ deps, who, language, address, waits, scope: deps.scopeOf(who) })

/** Why somebody may not have it as a file; null: he may. */
export const mayNot = (kind: ResultKind, who: Principal): Problem | null =>
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
export const digestText = (hex: string): string => (hex === '' ? '' : `sha-256=:${Buffer.from(hex, 'hex').toString('base64')}:`)

/** Media types of files. */
export const FILE_TYPES = [
  'text/csv; charset=utf-8',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'application/vnd.apache.parquet',
  'application/x-ndjson',
]
