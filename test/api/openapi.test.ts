import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { GRANTS } from '../../src/access/roles.ts'
import { buildApi, readingJson } from '../../src/api/index.ts'
import { NAMED } from '../../src/api/schemas.ts'
import { api, asReader, dayOf, field, OPTIONS } from './fake.ts'
import { ROUTES } from './routes-table.ts'

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly description?: string
  readonly schema: { readonly default?: unknown }
}
interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly description: string
  readonly tags: readonly string[]
  readonly security: readonly object[]
  readonly 'x-permission': string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required: boolean }
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content: Readonly<Record<string, { schema: object }>> }>
  >
}
interface Document {
  readonly openapi: string
  readonly 'x-roles': object
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>>; readonly securitySchemes: object }
  readonly tags: readonly { readonly name: string }[]
}

/** The document, made once: it says the same of every gateway. */
let told: ReturnType<typeof ask31> | null = null
const describe31 = async () => {
  told ??= ask31()
  return told
}

const ask31 = async () => {
  const { deps } = field()
  const app = await buildApi(deps, { ...OPTIONS, rateLimit: false, compile: 'start' })
  const answer = await app.inject('/openapi.json')
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
  const document: Document = answer.json()
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
  )
  return { app, document, operations, text: answer.payload }
}

/** The document as references lead into it, read once. */
let judged: ReturnType<typeof judge31> | null = null
const judge31 = async () => {
  const { document } = await describe31()
  const ajv = new Ajv2020({ strict: false })
  formats.default(ajv)
  return ajv.addSchema({ $id: 'document', ...document })
}
const schemas31 = () => {
  judged ??= judge31()
  return judged
}

afterAll(async () => (await told)?.app.close())

describe('the OpenAPI document', () => {
  it('is 3.1 and keeps the names of schemas', async () => {
    const { document, text } = await describe31()
    expect(document.openapi).toBe('3.1.0')
    expect(Object.keys(document.components.schemas).sort()).toEqual(NAMED.map(({ $id }) => $id).sort())
    expect(text).not.toMatch(/def-\d/)
  })

  it('has every route, each named once and described', async () => {
    const { operations, document } = await describe31()
    expect(operations.map(({ name }) => name).sort()).toEqual(Object.keys(ROUTES).sort())
    const tags = document.tags.map(({ name }) => name)
    for (const { name, operation } of operations) {
      expect([name, operation.summary, operation.description]).toEqual([
        name,
        expect.stringMatching(/.{5}/),
        expect.stringMatching(/.{20}/),
      ])
      expect(tags).toEqual(expect.arrayContaining([...operation.tags]))
    }
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length)
  })

  it('describes every answer and parameter, and every problem as problem+json', async () => {
    const { operations } = await describe31()
    for (const { name, operation } of operations) {
      for (const [status, { description, content }] of Object.entries(operation.responses)) {
        expect(`${name} ${status} ${description}`).not.toMatch(/Default Response|undefined| $/)
        const health = name === 'GET /health/ready' && status === '503'
        if (Number(status) >= 400 && !health)
          expect(content).toEqual({ 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } })
      }
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['200', '429', '500']))
      for (const parameter of operation.parameters ?? []) {
        expect(`${name} ${parameter.name}: ${parameter.description}`).toMatch(/: .{5}/)
        if (parameter.in === 'path') expect([name, parameter.name, parameter.required]).toEqual([name, parameter.name, true])
      }
    }
  })

  it('names every refusal that no route is spared, and those of an Idempotency-Key', async () => {
    const { operations } = await describe31()
    for (const { name, operation } of operations) {
      const isOpen = operation.security.length === 0
      const hasId = name.includes('{')
      const writes = !name.startsWith('GET') && !isOpen
      expect([name, Object.keys(operation.responses)]).toEqual([
        name,
        expect.arrayContaining([...['408', '429', '431', '500'], ...(hasId ? ['414'] : []), ...(writes ? ['409', '422'] : [])]),
      ])
      if (operation.requestBody) expect([name, Object.keys(operation.responses)]).toEqual([name, expect.arrayContaining(['400'])])
    }
    expect(operations.find(({ name }) => name === 'POST /api/v1/login')?.operation.responses).toHaveProperty('401')
  })

  it('has all that a table of roles and routes is made from', async () => {
    const { document, operations } = await describe31()
    expect(document['x-roles']).toEqual(GRANTS)
    const known = new Set<string>(['public', 'self', ...Object.values(GRANTS).flat()])
    for (const { name, operation } of operations) expect([name, known.has(operation['x-permission'])]).toEqual([name, true])
    expect(JSON.stringify(document.components.securitySchemes)).toContain('`gridtally`')
  })

  it('says which route wants a token', async () => {
    const { operations, document } = await describe31()
    expect(document.components.securitySchemes).toMatchObject({ bearer: { type: 'http', scheme: 'bearer' } })
    const open = operations.filter(({ operation }) => operation.security.length === 0).map(({ name }) => name)
    expect(open.sort()).toEqual([
      ...['GET /health/live', 'GET /health/ready'],
      ...['POST /api/v1/links/look', 'POST /api/v1/links/redeem', 'POST /api/v1/login'],
    ])
  })

  it('has second forms where there are some, and says that the body of read-now may be missing', async () => {
    const { document } = await describe31()
    const types = (path: string) => Object.keys(document.paths[path]?.get?.responses['200']?.content ?? {})
    expect(types('/api/v1/points/{id}/readings')).toEqual(['application/json', 'text/csv; charset=utf-8'])
    expect(types('/api/v1/lines/{id}/trace')).toEqual([
      ...['text/event-stream', 'application/x-ndjson', 'text/plain', 'application/vnd.tcpdump.pcap'],
    ])
    expect(types('/api/v1/ledger/export')).toEqual([
      ...[
        'text/csv; charset=utf-8',
        'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
        'application/yaml; charset=utf-8',
      ],
    ])
    expect(document.paths['/api/v1/points/{id}/read-now']?.post?.requestBody?.required).toBe(false)
    expect(document.paths['/api/v1/dead-letters/replay']?.post?.requestBody?.required).toBe(true)
  })

  it('has only references that lead somewhere, and schemas that compile', async () => {
    const { text } = await describe31()
    const ajv = await schemas31()
    const refs = new Set([...text.matchAll(/"\$ref":"(#[^"]+)"/g)].map(([, ref]) => ref))
    expect(refs.size).toBeGreaterThan(50)
    for (const ref of refs) expect(() => ajv.compile({ $ref: `document${ref}` }), ref).not.toThrow()
  })

  it.each([
    ['/api/v1/points', 'listPoints'],
    ['/api/v1/points/P-001', 'getPoint'],
    ['/api/v1/points/P-001/latest', 'getLatest'],
    ['/api/v1/points/P-001/readings', 'listReadings'],
    ['/api/v1/latest', 'listLatest'],
    ['/api/v1/lines', 'listLines'],
    ['/api/v1/lines/line-1', 'getLine'],
    ['/api/v1/tasks', 'listTasks'],
    ['/api/v1/outbox', 'getOutbox'],
    ['/api/v1/dead-letters', 'listDeadLetters'],
    ['/api/v1/brokers', 'listBrokers'],
    ['/api/v1/brokers/plant/devices', 'listPushDevices'],
    ['/api/v1/brokers/plant/devices/boiler%20house%2Fmeter%203', 'getPushDevice'],
    ['/api/v1/brokers/plant/devices/nobody', 'getPushDevice'],
    ['/api/v1/brokers/cloud/devices', 'listPushDevices'],
    ['/api/v1/refused-messages', 'listRefusedMessages'],
    ['/api/v1/results', 'listResults'],
    ['/api/v1/points/P-999', 'getPoint'],
    ['/api/v1/points?limit=x', 'listPoints'],
    ['/health/live', 'getLive'],
    ['/health/ready', 'getReady'],
  ])('%s answers what it says, and nothing else', async (url, operationId) => {
    const { app, operations } = await describe31()
    const ajv = await schemas31()
    const answer = await app.inject({ url, headers: asReader })
    expect(answer.headers['content-type']).toMatch(/^application\/(problem\+)?json; charset=utf-8$/)
    const found = operations.find(({ operation }) => operation.operationId === operationId)?.operation
    const schema = Object.values(found?.responses[String(answer.statusCode)]?.content ?? {})[0]?.schema
    const rooted = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/'))
    const check = ajv.compile(rooted)
    expect([check(answer.json()), check.errors]).toEqual([true, null])
  })
})

it('lets nothing through that the schema does not have', async () => {
  const leaky = { ...dayOf('P-001')[0]!, secret: 'canary' }
  const view = readingJson(leaky, { wanted: null, hintOf: () => null })
  const { app, points } = await api({ latest: () => [leaky] })
  points[0] = { ...points[0]!, ...{ secret: 'canary' } }
  for (const url of ['/api/v1/points', '/api/v1/points/P-001', '/api/v1/latest'])
    expect((await app.inject({ url, headers: asReader })).payload).not.toContain('canary')
  expect(JSON.stringify(view)).not.toContain('canary')
})

it('writes the description once, however often and under whichever name it is asked for', async () => {
  const { app } = await api({}, {})
  const first = (await app.inject('/openapi.json')).body
  const write = vi.spyOn(JSON, 'stringify')
  onTestFinished(() => write.mockRestore())
  for (const url of ['/openapi.json', '/docs/json', '/openapi.json']) {
    const { statusCode, headers, body } = await app.inject(url)
    expect([statusCode, headers['content-type'], body === first]).toEqual([200, 'application/json; charset=utf-8', true])
  }
  expect(write.mock.results.filter(({ value }) => typeof value === 'string' && value.length > 100_000)).toHaveLength(0)
})
