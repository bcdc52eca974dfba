import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifySchema } from 'fastify'

const DESCRIPTION = `Readings, lines and health of the gateway.

**Tokens.** Every route but the public ones wants \`Authorization: Bearer gt_…\`. \`read\` may look, \`operate\` may also make the gateway do something.

**Numbers** are exact decimal text: a register reads here what it reads on the meter. \`primary\` has the ratio (综合倍率) applied.

**Absent is never zero**: what a meter did not say stands in \`absent\` with a code and what to do about it.

**Times** are ISO 8601 in UTC. \`measuredAt\` is the meter's time or the instant of its freeze, \`receivedAt\` is when the gateway had it.

**Pages.** Pass \`next\` as \`cursor\` until it is null; the other parameters may stay as they were.

**Errors** are \`application/problem+json\` with a \`code\` to branch on and a \`hint\` for people.`

const TAGS = [
  { name: 'readings', description: 'Metering points and what their meters said.' },
  { name: 'lines', description: 'Buses and connections, their health and their frames.' },
  { name: 'operation', description: 'Tasks, outbox, dead letters.' },
  { name: 'health', description: 'For supervisors and Prometheus.' },
]

/** Describes every route as OpenAPI 3.1; to be registered before the routes. */
export const describeApi = async (app: FastifyInstance, version: string): Promise<void> => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'GridTally', version, description: DESCRIPTION, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
      servers: [{ url: '/' }],
      tags: TAGS,
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'A token of the gateway, `gt_…`.' } } },
    },
    convertConstToEnum: false,
    refResolver: { buildLocalReference: (json, _baseUri, _fragment, at) => (typeof json.$id === 'string' ? json.$id : `def-${at}`) },
    transform: ({ schema, url, route }) => ({ schema: withPermission(schema, route.config?.permission ?? 'operate'), url }),
    transformObject: (document) => ('openapiObject' in document ? finished(document.openapiObject) : document.swaggerObject),
  })
}

/** A schema may say these of itself beside what Fastify knows. */
export interface Described extends FastifySchema {
  /** Media types of the good answer beside JSON. */
  readonly 'x-also'?: readonly string[]
  readonly 'x-body-optional'?: boolean
}

const withPermission = (schema: FastifySchema, permission: string): FastifySchema => ({
  ...schema,
  ...{ 'x-permission': permission },
  security: permission === 'public' ? [] : [{ bearer: [] }],
})

interface Media {
  [type: string]: { schema?: { $ref?: string } }
}
type Operation = {
  'x-also'?: readonly string[]
  'x-body-optional'?: boolean
  requestBody?: { required?: boolean }
  responses?: Record<string, { content?: Media }>
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

/** Media types as they really are: problems are problem+json, some good answers have a second form. */
const finished = <Document extends { paths?: object }>(document: Document): Document => {
  for (const item of Object.values(document.paths ?? {}) as Partial<Record<(typeof METHODS)[number], Operation>>[])
    for (const method of METHODS) {
      const operation = item[method]
      if (!operation) continue
      if (operation['x-body-optional'] && operation.requestBody) operation.requestBody.required = false
      for (const response of Object.values(operation.responses ?? {})) {
        const json = Object.values(response.content ?? {})[0]
        if (json?.schema?.$ref === '#/components/schemas/Problem') response.content = { 'application/problem+json': json }
      }
      const good = operation.responses?.['200']
      for (const type of operation['x-also'] ?? [])
        if (good) good.content = { ...good.content, [type]: { schema: { type: 'string' } as object } }
      delete operation['x-also']
      delete operation['x-body-optional']
    }
  return document
}
