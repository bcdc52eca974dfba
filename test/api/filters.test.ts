import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildApi } from '../../src/api/index.ts'
import { api, asRole, field, OPTIONS } from './fake.ts'

let shared: FastifyInstance
beforeAll(async () => {
  shared = await buildApi(field().deps, { ...OPTIONS, rateLimit: false })
})
afterAll(() => shared.close())

const KINDS = ['area', 'zone', 'feeder', 'customer', 'point', 'meter', 'line', 'bus', 'concentrator', 'broker', 'channel']
/** Routes that look after it themselves: with the ids of the fake gateway they cannot be told from one another here. */
const OWN = /\/billing\/(readings|energy|completeness)$|\/cim\/|\/evidence|\/trace$|\/events$/

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema?: { readonly format?: string; readonly enum?: readonly string[] }
}
interface Operation {
  readonly parameters?: readonly Parameter[]
  readonly responses: Readonly<Record<string, unknown>>
  readonly 'x-permission': string
}

describe('a filter that names what is not there', () => {
  it('is 404 on every list, and the document says so', async () => {
    const { paths }: { paths: Record<string, { get?: Operation }> } = (await shared.inject('/openapi.json')).json()
    const asked: string[] = []
    for (const [path, { get }] of Object.entries(paths))
      for (const kind of KINDS) {
        if (!get?.parameters?.some((one) => one.in === 'query' && one.name === kind) || OWN.test(path)) continue
        // A meter that is not in the ledger may be listened to.
        if (path.endsWith('/readings/stream') && kind === 'meter') continue
        const query = new URLSearchParams()
        for (const one of get.parameters)
          if (one.in === 'query' && one.required) query.set(one.name, one.schema?.enum?.[0] ?? DATES[one.name] ?? '1')
        query.set(kind, 'nope')
        const url = `${path.replaceAll(/\{\w+\}/g, '1')}?${query}`
        const roles = ['engineer', 'billing'] as const
        const answers = await Promise.all(roles.map((role) => shared.inject({ url, headers: asRole(role) })))
        const answer = answers.find(({ statusCode }) => statusCode !== 403)
        expect([url, answer?.statusCode, '404' in get.responses]).toEqual([url, 404, true])
        expect(answer?.json().detail).toBe(`there is no ${kind} "nope", or it is not yours to see`)
        asked.push(url)
      }
    expect(asked.length).toBeGreaterThan(30)
  })
  it('is told after what is no value at all, and each of several is looked at', async () => {
    const get = async (url: string) => (await shared.inject({ url, headers: asRole('engineer') })).json()
    expect(await get('/api/v1/points?area=nope&limit=none')).toMatchObject({ code: 'API_VALUE' })
    expect(await get('/api/v1/series?point=P-001&point=nope&from=2026-08-15T00:00:00Z&to=2026-08-16T00:00:00Z')).toMatchObject({
      ...{ status: 404, code: 'API_POINT', detail: 'there is no point "nope", or it is not yours to see' },
    })
  })
  it('is looked for one by one where several stand with commas between them', async () => {
    const { app } = await api({ isEntry: (_, id) => id === 'P-1' || id === 'P-2' })
    const get = async (points: string) =>
      (await app.inject({ url: `/api/v1/readings/stream?point=${points}&after=never`, headers: asRole('engineer') })).json().detail
    // It is refused for its place in the stream, not for its points.
    expect(await get('P-1,%20P-2,-')).toContain('querystring/after')
    expect(await get('P-1,P-3')).toBe('there is no point "P-3", or it is not yours to see')
  })
  it('looks for the target of an outage among what an outage can be of, or what it is said to be of', async () => {
    const { app } = await api({
      isEntry: (kind, id) => kind === 'area' && (id === 'A-1' || id === 'A-2'),
      scopeOf: () => ({ all: false, sees: (kind, id) => kind === 'area' && id === 'A-1' }),
    })
    const status = async (query: string) =>
      (await app.inject({ url: `/api/v1/outages?${query}`, headers: asRole('engineer') })).json().detail ?? 'there'
    const no = (kind: string, id: string) => `there is no ${kind} "${id}", or it is not yours to see`
    expect(
      await Promise.all(['target=A-1', 'target=A-1&scope=area', 'target=A-1&scope=zone', 'target=A-2', 'target=x'].map(status)),
    ).toEqual([...['there', 'there', no('zone', 'A-1'), no('target', 'A-2'), no('target', 'x')]])
  })
  it('says the same of what is there and not theirs, and that is written down', async () => {
    const refused: string[] = []
    const { app } = await api({
      scopeOf: () => ({ all: false, sees: (_, id) => id === 'A-1' }),
      audit: { begin: () => ({ ok: true, value: () => undefined }), refused: ({ code }) => refused.push(code), problem: () => null },
    })
    const statuses = await Promise.all(
      ['A-1', 'A-2', 'nope'].map(
        async (area) => (await app.inject({ url: `/api/v1/points?area=${area}`, headers: asRole('viewer') })).statusCode,
      ),
    )
    expect([statuses, refused]).toEqual([
      [200, 404, 404],
      ['API_UNKNOWN', 'API_UNKNOWN'],
    ])
  })
})

const DATES: Readonly<Record<string, string>> = { from: '2026-08-15T00:00:00Z', to: '2026-08-16T00:00:00Z', at: '2026-08-15T00:00:00Z' }
