import { describe, expect, it } from 'vitest'
import { makeToken } from '../../src/api/tokens.ts'
import { EVERYTHING, type Scope } from '../../src/core/index.ts'
import { api, bearer, TOKENS } from './fake.ts'

/** What the token of the zone `N` sees: of most kinds there is something else in the fake gateway too. */
const SEEN = new Set(['area:A-1', 'point:P-001', 'point:P-003', 'meter:M-P-003', 'line:line-1', 'zone:N'])
const NORTH: Scope = { all: false, sees: (kind, id) => SEEN.has(`${kind}:${id}`) }

const zoned = async (change: Parameters<typeof api>[0] = {}) => {
  const refused: string[] = []
  const world = await api(
    {
      scopeOf: (who) => (who?.zones === null ? EVERYTHING : NORTH),
      audit: { begin: () => ({ ok: true, value: () => undefined }), refused: ({ code }) => refused.push(code), problem: () => null },
      ...change,
    },
    { rateLimit: false },
  )
  const { text, hash } = makeToken()
  world.tokens.push({ ...TOKENS.operate.stored, id: 'north', name: 'north', hash, zones: ['N'] })
  const ask = async (route: string, payload?: object) => {
    const [method, url] = route.split(' ') as ['GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', string]
    const answer = await world.app.inject({ method, url, headers: bearer(text), ...(payload ? { payload } : {}) })
    return { status: answer.statusCode, headers: answer.headers, body: answer.body }
  }
  const json = async (route: string, payload?: object) => JSON.parse((await ask(route, payload)).body)
  const idsOf = async (route: string, name = 'id') => {
    const { items, next }: { items: Record<string, unknown>[]; next: string | null } = await json(route)
    return { ids: items.map((item) => item[name]), next }
  }
  return { ...world, ask, json, idsOf, refused }
}

/** Routes with a parameter that ask in their handler: who added one here tests it. */
const HANDLED: readonly RegExp[] = [
  /^\w+ \/api\/v1\/billing\/(customers|points|releases|corrections|holds|cycles|reports)\/\{/,
  /^\w+ \/api\/v1\/(evidence|results|exports|interchange\/espi\/usage-points)\/\{/,
  // Of a year, not of a thing; of a customer, by his points.
  /^\w+ \/api\/v1\/key-accounts\/(\{year\}|customers\/\{id\})/,
  // A new entry is in no place yet: what it refers to has to be seen.
  /^(PUT|PATCH) \/api\/v1\/ledger\/\{kind\}\/\{id\}$/,
  /^\w+ \/api\/v1\/(cases|gaps|outages|exchanges|scans|signal|kpis)\/\{/,
  // Of no zone: what models and messages mean.
  /^\w+ \/api\/v1\/(profiles|mappings)\/\{/,
  // Of no zone: rules are for all, and of their layers those are shown that are seen.
  /^GET \/api\/v1\/rules\/\{id\}$/,
  /^GET \/api\/v1\/ledger\/\{kind\}$/,
]
/** What is there and outside; a kind that has nothing of the kind gets a made-up id. */
const FOREIGN: Readonly<Record<string, string>> = { point: 'P-002', area: 'A-2', meter: 'M-P-001', line: 'line-2', 'whole-line': 'line-1' }

interface Operation {
  readonly 'x-permission': string
  readonly 'x-sees'?: string
  readonly 'x-everywhere'?: boolean
}

it('every route with a parameter says whose it is, and answers for what is outside as for what is not there', async () => {
  const { app, ask, refused } = await zoned()
  const { paths }: { paths: Record<string, Record<string, Operation>> } = (await app.inject('/openapi.json')).json()
  const open: string[] = []
  for (const [path, methods] of Object.entries(paths))
    for (const [method, operation] of Object.entries(methods)) {
      const route = `${method.toUpperCase()} ${path}`
      const { 'x-sees': sees, 'x-everywhere': everywhere, 'x-permission': permission } = operation
      // Users, tokens and one's own things are no things of the ledger.
      if (!path.includes('{') || everywhere || ['users:admin', 'self', 'public', 'audit:read'].includes(permission)) continue
      if (sees === undefined) {
        if (!HANDLED.some((form) => form.test(route))) open.push(route)
        continue
      }
      const fill = (id: string) =>
        route
          .replace('{kind}', 'meter')
          .replace(/\{(?:id|meter|point|area)\}/, id)
          .replaceAll(/\{\w+\}/g, '1')
      const [foreign, unknown] = [FOREIGN[sees] ?? 'foreign', 'nobody']
      const answers = [await ask(fill(foreign)), await ask(fill(unknown))] as const
      if (answers.some(({ status }) => status === 403)) continue
      expect([route, answers.map(({ status }) => status)]).toEqual([route, [404, 404]])
      const [one, other] = [foreign, unknown].map((id, at) => {
        const { instance: _, requestId: __, detail, ...rest } = JSON.parse(answers[at]?.body ?? '')
        return { ...rest, detail: String(detail).replace(id, 'ID') }
      })
      expect(one).toEqual(other)
    }
  expect(open).toEqual([])
  expect(refused.length).toBeGreaterThan(50)
})

describe('lists', () => {
  it('of points hold what is seen, page by page', async () => {
    const { idsOf, json } = await zoned()
    const first = await idsOf('GET /api/v1/points?limit=1')
    expect(first.ids).toEqual(['P-001'])
    expect(await idsOf(`GET /api/v1/points?limit=1&cursor=${first.next}`)).toEqual({ ids: ['P-003'], next: null })
    expect((await idsOf('GET /api/v1/latest', 'point')).ids).toEqual(['P-001', 'P-003'])
    // What lies outside is not there: it narrows nothing.
    expect((await json('GET /api/v1/points?area=A-2')).code).toBe('API_UNKNOWN')
  })

  it.each([
    ['areas', 'area'],
    ['clocks', 'meter', 'meter'],
    ['gaps', 'point', 'point'],
    ['outages', 'area', 'target'],
    ['cases', 'area', 'area'],
    ['signal', 'point'],
    ['concentrators', 'concentrator'],
    ['energy/corrections', 'point', 'point'],
    ['energy/findings', 'point', 'point'],
    ['energy/exports', 'point', 'point'],
  ])('of %s hold nothing else', async (path, kind, name = 'id') => {
    const everybody = await api()
    const all = await everybody.app.inject({ url: `/api/v1/${path}`, headers: bearer(TOKENS.operate.text) })
    const items: Record<string, unknown>[] = all.json().items
    const { idsOf } = await zoned()
    const { ids, next } = await idsOf(`GET /api/v1/${path}`, name)
    expect(ids).toEqual(items.map((item) => item[name]).filter((id) => SEEN.has(`${kind}:${id}`)))
    expect(next).toBeNull()
  })

  it('of lines name the meters that are seen', async () => {
    const { json } = await zoned({ lines: () => ['line-1', 'line-2'].map((id) => ({ ...LINE, id })) })
    const { items } = await json('GET /api/v1/lines')
    expect(items.map(({ id, devices }: Record<string, unknown>) => [id, devices])).toEqual([['line-1', 0]])
    expect((await json('GET /api/v1/lines/line-1')).health).toEqual([])
  })
})

const LINE = {
  ...{ id: 'line-1', address: 'tcp://10.0.0.7:502', state: 'up' as const, quarantined: false, since: 0, busyShare: 0.25, queue: 3 },
  ...{ devices: 1, error: null, due: 1, read: 1, firstTry: 1, late: 0, missed: 0, reasons: {} },
}

const WHY = { why: 'order 7 of the shift' }
describe('single things', () => {
  it.each([
    ['cases', 'GET /api/v1/cases/1', {}],
    ['cases', 'GET /api/v1/cases/1/evidence', {}],
    ['cases', 'POST /api/v1/cases/1/acknowledge', {}],
    ['gaps', 'GET /api/v1/gaps/2', {}],
    ['gaps', 'POST /api/v1/gaps/2/retry', WHY],
    ['gaps', 'POST /api/v1/gaps/2/estimate', WHY],
    ['gaps', 'POST /api/v1/gaps/2/manual', { values: { '1.8.0': '5.0' }, ...WHY }],
    ['gaps', 'POST /api/v1/gaps/2/manual/confirm', undefined],
    ['outages', 'GET /api/v1/outages/2', {}],
    ['outages', 'POST /api/v1/outages/2/withdraw', WHY],
    ['outages', 'POST /api/v1/outages/2/end', WHY],
    ['outages', 'POST /api/v1/outages/2/extend', { expectedTo: '2026-08-16T12:00:00Z', ...WHY }],
    ['scans', 'GET /api/v1/scans/1', {}],
    ['scans', 'GET /api/v1/scans/1/events', {}],
    ['scans', 'POST /api/v1/scans/1/stop', undefined],
    ['signal', 'GET /api/v1/signal/P-2', {}],
    ['exchanges', 'POST /api/v1/exchanges/1/acknowledge', {}],
  ])('of %s outside are not there: %s', async (_, route, payload) => {
    const { ask } = await zoned({ scopeOf: (who) => (who?.zones === null ? EVERYTHING : { all: false, sees: () => false }) })
    const isRead = route.startsWith('GET')
    const outside = await ask(route, isRead ? undefined : payload)
    expect([route, outside.status]).toEqual([route, 404])
    const nowhere = await ask(route.replace(/\/(\d+|P-2)(?=\/|$)/, '/999'), isRead ? undefined : payload)
    expect(nowhere.status).toBe(404)
    const plain = ({ body }: { readonly body: string }) => {
      const { detail: __, instance: ___, requestId: ____, ...rest } = JSON.parse(body)
      return rest
    }
    if (!route.includes('cases/1/a')) expect(plain(outside).code).toBe(plain(nowhere).code)
  })

  it('of the zone are there', async () => {
    const { ask } = await zoned()
    expect((await ask('GET /api/v1/cases/1')).status).toBe(200)
    expect((await ask('GET /api/v1/points/P-001/readings')).status).toBe(200)
    expect((await ask('GET /api/v1/outages/1')).status).toBe(200)
  })

  it('are not recorded under what is outside', async () => {
    const { json, ask } = await zoned()
    const outage = { scope: 'area', target: 'A-2', kind: 'emergency', from: '2026-08-15T10:00:00Z', reason: 'a branch fell' }
    expect(await json('POST /api/v1/outages', outage)).toMatchObject({ status: 404, code: 'API_UNKNOWN' })
    expect((await ask('POST /api/v1/outages', { ...outage, target: 'A-1' })).status).toBe(200)
    const taken = { who: 'office', from: '2026-08-01T00:00:00Z', to: '2026-08-02T00:00:00Z' }
    expect(await json('POST /api/v1/energy/exports', taken)).toMatchObject({ status: 403, code: 'API_EVERYWHERE' })
    expect(await json('POST /api/v1/energy/exports', { ...taken, point: 'P-002' })).toMatchObject({ status: 404, code: 'API_POINT' })
  })

  it('figures of all zones are for those who see all', async () => {
    const { json, ask } = await zoned()
    expect(await json('GET /api/v1/kpis')).toMatchObject({ status: 403, code: 'API_EVERYWHERE' })
    expect((await ask('GET /api/v1/kpis?by=area')).status).toBe(200)
    expect(await json('GET /api/v1/kpis/daily/members?list=out')).toMatchObject({ status: 403 })
    expect(await json('GET /api/v1/kpis/daily/members?list=out&by=area&id=A-2')).toEqual({ items: [], next: null })
    expect((await json('GET /api/v1/suspicions?area=A-2')).status).toBe(404)
  })
})

describe('a customer', () => {
  const own = async (since: number) => {
    const world = await api({
      scopeOf: () => ({ all: false, sees: (kind, id) => kind === 'point' && id === 'P-001', since: () => since }),
    })
    const { text, hash } = makeToken()
    world.tokens.push({ ...TOKENS.read.stored, id: 'c', name: 'c', hash, roles: ['customer'], customer: 'C-7' })
    const ask = async (url: string) => (await world.app.inject({ url, headers: bearer(text) })).json()
    return { ...world, ask }
  }
  const NOW = Date.parse('2026-08-15T12:00:00Z')

  it('sees his points and what they said since they are his', async () => {
    const { ask } = await own(NOW - 3_600_000)
    expect((await ask('/api/v1/points')).items.map(({ id }: { id: string }) => id)).toEqual(['P-001'])
    expect(await ask('/api/v1/points/P-002')).toMatchObject({ status: 404 })
    const { items } = await ask('/api/v1/points/P-001/readings?from=2026-08-15T00:00:00Z')
    expect(items.map(({ measuredAt }: { measuredAt: string }) => measuredAt)).toEqual([
      '2026-08-15T11:00:00.000Z',
      '2026-08-15T11:15:00.000Z',
      '2026-08-15T11:30:00.000Z',
      '2026-08-15T11:45:00.000Z',
    ])
    expect((await ask('/api/v1/points/P-001/energy?from=2026-08-01T00:00:00Z')).from).toBe('2026-08-15T11:00:00.000Z')
    expect(await ask('/api/v1/lines')).toMatchObject({ status: 403 })
  })

  it('is told nothing of the time before, not by the newest reading either', async () => {
    const { ask } = await own(NOW + 1)
    expect((await ask('/api/v1/points/P-001/latest')).readings).toEqual([])
    expect((await ask('/api/v1/points/P-001/readings')).items).toEqual([])
    expect(await ask('/api/v1/points/P-001/energy')).toMatchObject({ status: 400 })
  })
})

it('names that tell who the customer is are for those who may see it', async () => {
  const { app, points } = await api()
  points[0] = { ...points[0]!, name: 'meter of Li', namesPerson: true }
  const nameFor = async (text: string, path: string) => {
    const answer = (await app.inject({ url: path, headers: bearer(text) })).json()
    return answer.items?.[0]?.name ?? answer.name
  }
  for (const path of ['/api/v1/points', '/api/v1/points/P-001', '/api/v1/latest', '/api/v1/points/P-001/latest'])
    expect([await nameFor(TOKENS.read.text, path), await nameFor(TOKENS.operate.text, path)]).toEqual(['***', 'meter of Li'])
})
