import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type TObject, Type } from 'typebox'
import { mayDo } from '../../access/principals.ts'
import type { ExportFormat, Language } from '../../export/index.ts'
import type { ApiDeps } from '../deps.ts'
import { AnyResultQuery, FILE_MEMBERS, ResultList, ResultParams } from '../export-schemas.ts'
import { refuse } from '../problems.ts'
import { type ResultKinds, resultNamed, unknownResult } from '../result-kinds.ts'
import type { ResultKind } from '../results/types.ts'
import { ref } from '../schema-words.ts'
import { asked, FILE_TYPES, sendFile } from '../send-result.ts'

/** Every table of the API as a file, at once. */
export const resultRoutes: FastifyPluginAsyncTypebox<{ deps: ApiDeps } & ResultKinds> = async (app, { deps, own, lists }) => {
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
      const kind = resultNamed({ own, lists }, request.params.result)
      if (!kind) return refuse(reply, unknownResult(request.params.result))
      const { format = 'csv', language = 'en', ...query } = fileQuery(request.query)
      return sendFile({ deps, kind, request, reply, query: asked(query), format, language })
    },
  )
}

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
