import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildApi } from '../../src/api/index.ts'
import { Ledger } from '../../src/ledger/index.ts'
import { asOperator, asRole, field, NOW, OPTIONS } from './fake.ts'
import { portOver } from './fake-ledger.ts'
import { type ApiDocument, BAD_TEXTS, badBodies, type Operation, type Parameter, sampleOf, someOf } from './openapi-samples.ts'

/** Nobody is refused for want of a right: this is about what is said, not who says it. */
const ASKERS = [asOperator, ...(['billing', 'secadm', 'auditor', 'customer'] as const).map((role) => asRole(role))]

let app: Awaited<ReturnType<typeof buildApi>>
let document: ApiDocument
const directory = mkdtempSync(join(tmpdir(), 'gridtally-bad-input-'))
const ledger = new Ledger(directory)
beforeAll(async () => {
  const act = { what: 'import', who: 'test', why: 'test', workOrder: null, at: NOW } as const
  const known = [
    { kind: 'point', id: 'P-001', from: null, set: { area: 'A-1' } },
    { kind: 'meter', id: 'M-P-001', from: null, set: { point: 'P-001', line: 'line-1', address: '1', profile: 'x/y' } },
  ] as const
  ledger.apply([{ kind: 'area', id: 'A-1', from: null, set: {} }, ...known], act)
  app = await buildApi(field({ ledger: portOver(ledger) }).deps, { ...OPTIONS, rateLimit: false, answerTimeoutMs: 5000 })
  document = (await app.inject('/openapi.json')).json()
})
afterAll(async () => {
  await app.close()
  ledger.close()
  rmSync(directory, { recursive: true, force: true })
})

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
interface Sent {
  readonly method: Method
  readonly url: string
  readonly payload?: string
  readonly type?: string
}

/** Whoever may ask a route. */
const headersFor = new Map<string, Record<string, string>>()
const askerOf = async (method: Method, path: string): Promise<Record<string, string>> => {
  const name = `${method} ${path}`
  const known = headersFor.get(name)
  if (known) return known
  const url = path.replaceAll(/\{\w+\}/g, 'nobody')
  for (const headers of ASKERS) {
    const { statusCode } = await app.inject({ method, url: `${url}?after=nobody`, headers })
    if (statusCode === 401 || statusCode === 403) continue
    headersFor.set(name, headers)
    return headers
  }
  return asOperator
}

/** Answers that are no failure of ours: other rooms may be out or late, and the fakes say so at times. */
const isCalm = (status: number): boolean => status < 500 || status === 503 || status === 504

const send = async ({ method, url, payload, type = 'application/json' }: Sent, headers: Record<string, string>): Promise<string | null> => {
  const answer = await app.inject({
    ...{ method, url, headers: { ...headers, ...(payload === undefined ? {} : { 'content-type': type }) } },
    ...(payload === undefined ? {} : { payload }),
  })
  const shown = `${method} ${url.slice(0, 200)} ${payload?.slice(0, 200) ?? ''}: ${answer.statusCode} ${answer.payload.slice(0, 200)}`
  if (!isCalm(answer.statusCode)) return shown
  if (/\n +at .*\(?(file|node):|\.ts:\d+/.test(answer.payload)) return `a stack trace: ${shown}`
  if (answer.statusCode >= 400) {
    if (!String(answer.headers['content-type']).startsWith('application/problem+json')) return `no problem+json: ${shown}`
    const { code, hint } = answer.json()
    if (!code || !hint) return `no code or hint: ${shown}`
  }
  return null
}

const urlOf = (path: string, values: Readonly<Record<string, string>>, query: readonly (readonly [string, string])[]): string =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? 'nobody')) +
  (query.length > 0 ? `?${query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&')}` : '')

/** Streams that go on until somebody leaves are asked for what there is not. */
const ENDLESS = /\/(stream|trace|events)$/

const requestsOf = function* (method: Method, path: string, { parameters = [], requestBody }: Operation): Generator<Sent> {
  const textOf = ({ schema }: Parameter): string => String(sampleOf(document, schema))
  const inPath = parameters.filter((one) => one.in === 'path')
  const inQuery = parameters.filter((one) => one.in === 'query')
  const good = Object.fromEntries(inPath.map((one) => [one.name, textOf(one)]))
  const needed = inQuery.filter(({ required }) => required).map((one) => [one.name, textOf(one)] as const)
  const body = Object.values(requestBody?.content ?? {})[0]?.schema
  const whole = body && JSON.stringify(sampleOf(document, body))
  const sent = (url: string): Sent => ({ method, url, ...(whole === undefined ? {} : { payload: whole }) })
  if (!ENDLESS.test(path)) yield sent(urlOf(path, good, needed))
  for (const { name, schema } of inPath)
    for (const text of someOf(document, schema, BAD_TEXTS)) yield sent(urlOf(path, { ...good, [name]: text }, needed))
  for (const { name, schema } of inQuery)
    for (const text of someOf(document, schema, BAD_TEXTS))
      yield sent(urlOf(path, good, [...needed.filter(([other]) => other !== name), [name, text]]))
  for (const { name } of inQuery) yield sent(urlOf(path, good, [...needed, [name, 'a'], [name, 'b']]))
  yield sent(urlOf(path, good, [...needed, ['nonsense', '1']]))
  if (!body || method === 'GET') return
  for (const bad of badBodies(document, body)) yield { method, url: urlOf(path, good, needed), payload: JSON.stringify(bad) }
  for (const raw of ['', '{', '{"a":1', '\u0000', '{"__proto__":{"a":1}}', '[1,2', 'NaN', '{"a":1}{"b":2}'])
    yield { method, url: urlOf(path, good, needed), payload: raw }
  yield { method, url: urlOf(path, good, needed), payload: '<a/>', type: 'text/xml' }
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const

/** A fifth of the routes each, so that no single test is long. */
it.each([0, 1, 2, 3, 4])('answers every bad request with a clear refusal, part %i', async (part) => {
  const wrong: string[] = []
  let at = 0
  for (const [path, methods] of Object.entries(document.paths))
    for (const lower of METHODS) {
      const operation = methods[lower]
      if (!operation || at++ % 5 !== part) continue
      const method = lower.toUpperCase() as Method
      if (ENDLESS.test(path) && method === 'GET') continue
      const headers = await askerOf(method, path)
      for (const request of requestsOf(method, path, operation)) {
        const failure = await send(request, headers)
        if (failure !== null) wrong.push(failure)
      }
    }
  expect(wrong.slice(0, 20)).toEqual([])
})

it('passes over nothing that stands behind the ?: a filter that is not known is refused, with its name', async () => {
  const open: string[] = []
  for (const [path, methods] of Object.entries(document.paths))
    for (const lower of METHODS) {
      const operation = methods[lower]
      if (!operation || (ENDLESS.test(path) && lower === 'get') || operation['x-permission'] === 'public') continue
      const headers = await askerOf(lower.toUpperCase() as Method, path)
      const url = `${path.replaceAll(/\{\w+\}/g, 'nobody')}?zone9=Z2`
      const { statusCode, payload } = await app.inject({ method: lower, url, headers })
      if (statusCode === 200 || (statusCode === 400 && !/zone9|params\/|querystring\/|missing/.test(payload)))
        open.push(`${lower} ${path} ${statusCode}`)
    }
  expect(open).toEqual([])
  const { statusCode, payload } = await app.inject({ url: '/api/v1/points/P-001?zone9=Z2', headers: asOperator })
  expect([statusCode, JSON.parse(payload).errors]).toEqual([400, [{ place: 'querystring', value: 'zone9', allowed: 'nothing' }]])
})
