import swagger from '@fastify/swagger'
import type { FastifyContextConfig, FastifyInstance, FastifySchema } from 'fastify'
import { GRANTS } from '../access/roles.ts'
import { sessionCookie } from './access-deps.ts'
import { recordOf } from './audit-hook.ts'
import { filtersOf } from './filters.ts'
import { ProblemSchema, ref } from './schemas.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Statuses of problems the route answers beside those every route can. */
    failures?: readonly Failure[]
  }
}

const WHY = {
  400: 'A value is not acceptable; `errors` names it.',
  401: 'No token and no session, or one that is not accepted.',
  403: 'Whoever asks may not do this.',
  404: 'There is no such thing.',
  408: 'The request came too slowly.',
  409: 'Something stands against it, and `code` says what: a line that is down, or a request with this Idempotency-Key.',
  412: 'Somebody else was quicker: `current` is what is there now.',
  413: 'The body is larger than 1 MiB.',
  414: 'The path is too long.',
  415: 'The body is not application/json.',
  416: 'The file has no such bytes.',
  422: 'Understood, but this cannot be done.',
  428: 'Say with If-Match which version you have seen.',
  429: 'Too many requests; see the header retry-after.',
  431: 'The address and the headers are larger than 16 kB.',
  500: 'An error in the gateway.',
  503: 'Busy, stopping, or a part of the gateway is out; see the header retry-after.',
  504: 'The meter did not answer.',
} as const
type Failure = keyof typeof WHY
const ALWAYS: readonly Failure[] = [408, 429, 431, 500]
const GUARDED: readonly Failure[] = [...ALWAYS, 400, 401, 403, 503]
/** What an Idempotency-Key can be answered with. */
const REPEATED: readonly Failure[] = [409, 422]

const DESCRIPTION = `Readings, lines and health of the gateway.

**Access.** Every route but the public ones wants \`Authorization: Bearer gt_…\`, or the cookie of a session. \`x-permission\` is what it needs (\`self\`: only to be known),
\`x-also-permission\` what besides; \`x-roles\` says which role has it; where \`x-own\` stands a customer has it for what is his. What lies outside the zones of a token or a user does not exist for it: 404, and in no list or count.

**Record.** Whatever is not a GET is written to the audit log before it is done; it is refused with 503 while that cannot be written.

**Numbers** are exact decimal text: a register reads here what it reads on the meter. \`primary\` has the ratio (综合倍率) applied.

**Absent is never zero**: what a meter did not say stands in \`absent\` with a code and what to do about it.

**Times** are ISO 8601 in UTC. \`measuredAt\` is the meter's time or the instant of its freeze, \`receivedAt\` is when the gateway had it.

**Pages.** Pass \`next\` as \`cursor\` until it is null; the other parameters stay as they were, but for \`limit\`. A list that takes \`since\` and no \`cursor\` is a sequence: its \`next\` is the next \`since\`.

**Twice.** A request that changes something may carry an \`Idempotency-Key\`. Answers carry an \`ETag\`; \`If-None-Match\` saves sending them again.

**Versions.** Within \`/api/v1\` things are added, never taken away or given another meaning; docs/api.md says how something ends.

**Errors** are \`application/problem+json\` with a \`code\` to branch on and a \`hint\` for people.`

const SESSION = `Somebody who has logged in with a browser. Without TLS the cookie is called \`${sessionCookie(false)}\`.`

const TAGS = [
  { name: 'readings', description: 'Metering points and what their meters said.' },
  { name: 'evidence', description: 'Frames and messages that readings rest on, kept with their hash.' },
  { name: 'billing', description: 'Figures to bill by: readings, released figures, tiers, key accounts.' },
  { name: 'lines', description: 'Buses and connections, their health and their frames.' },
  { name: 'collection', description: 'Due readings that did not come, and the figures of collection.' },
  { name: 'unregistered', description: 'Meters that were heard and are not in the ledger.' },
  { name: 'scans', description: 'Looking for meters on a line.' },
  { name: 'clocks', description: 'Clocks of meters: how far they are off, and setting them.' },
  { name: 'concentrators', description: 'Terminals that dial in: archive, parameters, clock, events, routes, reads, control.' },
  { name: 'exports', description: 'Any table as a file: CSV, XLSX, Parquet, NDJSON; at once or made in the background.' },
  { name: 'analysis', description: 'Line loss, findings and cases.' },
  { name: 'ledger', description: 'What hangs where since when: entries, changes, exchanges, commissioning.' },
  { name: 'cases', description: 'What was found wrong, what it rests on, and what people do about it.' },
  { name: 'interchange', description: 'Figures in the forms of other houses: CIM and Green Button.' },
  { name: 'push', description: 'Brokers, the devices behind them, and messages that could not be used.' },
  { name: 'access', description: 'Logging in, users, machine tokens, the audit log.' },
  { name: 'codecs', description: 'Meter models, mappings of messages, and frames explained: nothing here touches a meter.' },
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
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'A token of the gateway, `gt_…`.' },
          session: { type: 'apiKey', in: 'cookie', name: sessionCookie(true), description: SESSION },
        },
      },
    },
    convertConstToEnum: false,
    refResolver: { buildLocalReference: (json, _baseUri, _fragment, at) => (typeof json.$id === 'string' ? json.$id : `def-${at}`) },
    transform: ({ schema, url, route }) => ({ schema: described(schema, route.config ?? {}, [route.method].flat()[0] ?? 'GET', url), url }),
    transformObject: (document) =>
      'openapiObject' in document ? { ...finished(document.openapiObject), 'x-roles': GRANTS } : document.swaggerObject,
  })
}

/** A route's schema with its permission and every way it may refuse. Problems are no part of what Fastify compiles: they have one writer. */
const described = (schema: FastifySchema, config: FastifyContextConfig, method: string, url: string): FastifySchema => {
  const { permission, also, own, everywhere, sees, audit, failures = [] } = config
  const statuses: Failure[] = [
    ...(filtersOf(schema, config).length > 0 ? ([404] as const) : []),
    ...(permission === 'public' ? ALWAYS : GUARDED),
    ...(permission === 'public' || method === 'GET' ? [] : REPEATED),
    ...(url.includes('/:') ? ([414] as const) : []),
    ...(sees ? ([404] as const) : []),
    ...failures,
  ]
  return {
    ...schema,
    ...{ 'x-permission': permission },
    ...(also ? { 'x-also-permission': also } : {}),
    ...(own ? { 'x-own': true } : {}),
    ...(everywhere ? { 'x-everywhere': true } : {}),
    ...(sees ? { 'x-sees': sees[0] } : {}),
    ...{ 'x-audit': recordOf(method, audit) },
    security: permission === 'public' ? [] : [{ bearer: [] }, { session: [] }],
    response: {
      ...Object.fromEntries(statuses.map((status) => [status, ref(ProblemSchema, WHY[status])])),
      ...(typeof schema.response === 'object' ? schema.response : {}),
    },
  }
}

interface Media {
  [type: string]: { schema?: { $ref?: string } }
}
type Operation = {
  'x-also'?: readonly string[]
  'x-body-optional'?: boolean
  'x-permission'?: string
  requestBody?: { required?: boolean }
  parameters?: object[]
  responses?: Record<string, { description?: string; content?: Media }>
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

const REPEATS = {
  ...{ name: 'Idempotency-Key', in: 'header', required: false },
  description: 'Makes it safe to send this twice: the first answer is given again for a day, with `idempotency-replayed: true`.',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
}
const NOT_CHANGED = { description: 'The answer is the one the client has.' }
const UNLESS = {
  ...{ name: 'If-None-Match', in: 'header', required: false },
  description: 'The `ETag` of an answer that is there already: 304 without a body when it still holds.',
  schema: { type: 'string' },
}

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
      if (method !== 'get' && operation['x-permission'] !== 'public') operation.parameters = [...(operation.parameters ?? []), REPEATS]
      if (method === 'get' && good?.content?.['application/json']) {
        operation.parameters = [...(operation.parameters ?? []), UNLESS]
        operation.responses = { ...operation.responses, 304: NOT_CHANGED }
      }
      delete operation['x-also']
      delete operation['x-body-optional']
    }
  return document
}
