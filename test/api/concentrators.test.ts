import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeToken } from '../../src/api/index.ts'
import { api, asOperator, asReader, bearer, hashToken, NOW } from './fake.ts'
import { concentratorOf, concentratorRefusal, fakeConcentrators, jobOf } from './fake-concentrators.ts'
import { ROUTES } from './routes-table.ts'

const json = { ...asOperator, 'content-type': 'application/json' }
const world = async () => {
  const asked: unknown[] = []
  return { asked, ...(await api({ concentrators: fakeConcentrators(asked) })) }
}
const C1 = '/api/v1/concentrators/C-1'

describe('the list', () => {
  it.each([
    ['', ['C-1', 'C-2', 'C-3']],
    ['?online=true', ['C-1']],
    ['?online=false', ['C-2', 'C-3']],
    ['?area=A-2', ['C-3']],
    ['?protocol=gw3761', ['C-1', 'C-2']],
    ['?text=C-2', ['C-2']],
  ])('%s', async (query, ids) => {
    const { app } = await world()
    const { items } = (await app.inject({ url: `/api/v1/concentrators${query}`, headers: asReader })).json()
    expect(items.map(({ id }: { id: string }) => id)).toEqual(ids)
  })

  it('comes in pages, and refuses a foreign cursor', async () => {
    const { app } = await world()
    const get = async (query: string) => (await app.inject({ url: `/api/v1/concentrators?limit=2${query}`, headers: asReader })).json()
    const first = await get('')
    expect(first.items).toHaveLength(2)
    expect(await get(`&cursor=${first.next}`)).toMatchObject({ items: [{ id: 'C-3', problem: 'its protocol is missing' }], next: null })
    expect(await get('&cursor=x')).toMatchObject({ status: 400, code: 'API_CURSOR' })
  })

  it('shows the connection, the figures, the archive and the clock of one', async () => {
    const { app } = await world()
    expect((await app.inject({ url: C1, headers: asReader })).json()).toMatchObject({
      ...{ id: 'C-1', address: '4510-21', allowWrites: true, meters: 3 },
      online: { peer: '10.7.0.9:40211', heartbeatS: 60, lastFrameAt: '2026-08-15T11:01:00.000Z' },
      ...{ figures: { requests: 10, noReply: 1 }, archive: { records: 3, onlyInLedger: 1, readAt: '2026-08-15T11:00:00.000Z' } },
      clock: { driftMs: 7500, state: 'fair' },
    })
    expect((await app.inject({ url: '/api/v1/concentrators/nobody', headers: asReader })).json()).toMatchObject({
      status: 404,
      code: 'CONCENTRATOR_UNKNOWN',
    })
  })
})

it('shows the archive and its difference both ways, and says when it was never read', async () => {
  const { app } = await world()
  const archive = await app.inject({ url: `${C1}/archive`, headers: asReader })
  expect(archive.json()).toMatchObject({ records: [{ number: 1, meter: 'M-1' }, { meter: 'M-2' }, { number: 9, meter: null }] })
  expect(archive.payload).not.toContain('password')
  const { items } = (await app.inject({ url: `${C1}/archive/diff`, headers: asReader })).json()
  expect(items).toMatchObject([
    { kind: 'differs', fields: [{ name: 'port', wanted: 2, held: 31 }] },
    { kind: 'only-in-ledger', meter: 'M-3', held: null },
    { kind: 'only-in-concentrator', meter: null, wanted: null },
  ])
  expect((await app.inject({ url: '/api/v1/concentrators/C-2/archive', headers: asReader })).json()).toMatchObject({
    ...{ status: 404, code: 'ARCHIVE_NOT_READ', hint: 'read it first' },
  })
})

describe('orders', () => {
  it.each([
    ['archive/read', undefined, { what: 'archive-read' }],
    ['archive/download', { why: 'order 7', meters: ['M-1'] }, { what: 'archive-download', meters: ['M-1'] }],
    ['archive/delete', { why: 'order 7', numbers: [3] }, { what: 'archive-delete', numbers: [3], alsoInLedger: false }],
    [
      'parameters/read',
      { items: [{ id: 'F1' }, { id: 'F25', pn: 3 }] },
      {
        what: 'parameters-read',
        items: [
          { id: 'F1', pn: null },
          { id: 'F25', pn: 3 },
        ],
      },
    ],
    ['parameters/compare', { items: [{ id: 'F1', value: 3 }] }, { what: 'parameters-compare', items: [{ id: 'F1', pn: null, value: 3 }] }],
    [
      'parameters/compare',
      { items: [{ id: 'F1' }], like: 'C-2' },
      { what: 'parameters-compare', items: [{ id: 'F1', pn: null }], like: 'C-2' },
    ],
    [
      'parameters/set',
      { why: 'order 7', items: [{ id: 'F1', value: { a: 1 } }] },
      { what: 'parameters-set', items: [{ id: 'F1', pn: null, value: { a: 1 } }] },
    ],
    ['clock/read', {}, { what: 'clock-read' }],
    ['clock/set', { why: 'order 7' }, { what: 'clock-set', second: null, acceptCrossing: false }],
    ['events/ask', { level: 'normal', from: 3, to: 9 }, { what: 'events', level: 'normal', from: 3, to: 9 }],
    ['routes/read', undefined, { what: 'routes' }],
    ['read', { read: 'day-freeze', nth: 2, registers: ['1.8.0'] }, { what: 'read', read: 'day-freeze', nth: 2, registers: ['1.8.0'] }],
    ['ask', { item: '0C F25', meter: 'M-1' }, { what: 'ask', item: '0C F25', meter: 'M-1' }],
  ])('%s %j', async (path, body, order) => {
    const { app, asked } = await world()
    const answer = await app.inject({
      method: 'POST',
      url: `${C1}/${path}`,
      headers: body ? json : asOperator,
      ...(body ? { payload: body } : {}),
    })
    expect([answer.statusCode, answer.json().id]).toEqual([200, 1])
    const why = body && 'why' in body ? body.why : ''
    expect(asked).toEqual([{ id: 'C-1', order, by: { who: 'operator', why } }])
  })

  it.each([
    ['archive/download', {}, 'body/why'],
    ['archive/download', { why: 'x' }, 'body/why'],
    ['archive/delete', { why: 'order 7', numbers: [0] }, 'body/numbers/0'],
    ['archive/delete', { why: 'order 7', numbers: [] }, 'body/numbers'],
    ['parameters/read', { items: [{ id: 'F25', pn: 3000 }] }, 'body/items/0/pn'],
    ['parameters/set', { items: [{ id: 'F1', value: 1 }] }, 'body/why'],
    ['events/ask', { level: 'both' }, 'body/level'],
    ['read', { read: 'all' }, 'body/read'],
    ['read', { read: 'current', baud: 1000 }, 'body/baud'],
    ['control', { act: 'explode', why: 'order 7' }, 'body/act'],
    ['ask', {}, 'body/item'],
  ])('refuses %s %j and names %s', async (path, payload, place) => {
    const { app, asked } = await world()
    const answer = await app.inject({ method: 'POST', url: `${C1}/${path}`, headers: json, payload })
    expect(answer.statusCode).toBe(400)
    expect(answer.json().errors.map((one: { place: string }) => one.place)).toContain(place)
    expect(asked).toEqual([])
  })

  it('say with a hint that nobody is connected', async () => {
    const { app } = await world()
    const answer = await app.inject({ method: 'POST', url: '/api/v1/concentrators/C-2/archive/read', headers: asOperator })
    expect(answer.json()).toMatchObject({ status: 409, code: 'CONCENTRATOR_OFFLINE', hint: 'it dials in by itself', recovery: 'wait' })
  })

  it('that fail at once are refused with why, and those that take long are answered with the job', async () => {
    const error = concentratorRefusal('line-down', 'CONCENTRATOR_READ_ONLY', 'writing is off').error.error
    const failed = {
      ...fakeConcentrators(),
      wait: async () => ({ ok: true as const, value: jobOf(1, { state: 'failed', error, result: null }) }),
    }
    const { app } = await api({ concentrators: failed })
    expect((await app.inject({ method: 'POST', url: `${C1}/clock/read`, headers: asOperator })).json()).toMatchObject({
      status: 422,
      code: 'CONCENTRATOR_READ_ONLY',
    })
    const slow = {
      ...fakeConcentrators(),
      wait: async () => ({
        ok: true as const,
        value: jobOf(1, { state: 'running', step: 'records 1 to 10 of 96', done: 0, total: 96, endedAt: null, result: null }),
      }),
    }
    const other = await api({ concentrators: slow })
    expect(
      (await other.app.inject({ method: 'POST', url: `${C1}/archive/download`, headers: json, payload: { why: 'order 7' } })).json(),
    ).toMatchObject({ state: 'running', total: 96, step: 'records 1 to 10 of 96', result: null })
  })

  it('are listed, shown and cancelled', async () => {
    const { app } = await world()
    const get = async (path: string) => (await app.inject({ url: `${C1}/${path}`, headers: asReader })).json()
    const first = await get('jobs?limit=2')
    expect(first.items.map(({ id }: { id: number }) => id)).toEqual([3, 2])
    expect((await get(`jobs?limit=2&cursor=${first.next}`)).items).toHaveLength(1)
    expect(await get('jobs/3?waitS=1')).toMatchObject({ id: 3, state: 'done', result: { records: 3 } })
    expect(await get('jobs/9')).toMatchObject({ status: 404 })
    expect((await app.inject({ method: 'POST', url: `${C1}/jobs/3/cancel`, headers: asOperator })).json()).toMatchObject({
      state: 'cancelled',
    })
  })
})

it('shows parameters, clock, events and routes', async () => {
  const { app, asked } = await world()
  const get = async (path: string) => (await app.inject({ url: `${C1}/${path}`, headers: asReader })).json()
  expect(await get('parameters')).toMatchObject({
    items: [{ id: 'F1', schema: { type: 'object' }, known: [{ pn: null, value: { heartbeatMin: 5 } }] }],
  })
  expect(await get('clock')).toMatchObject({ kind: 'concentrator', meter: 'C-1' })
  expect(await get('events?meter=M-1')).toMatchObject({
    items: [{ meter: 'M-1', code: 'erc-10', edge: 'begin', facts: { ua: '0.0', ub: null }, raw: '0A 1C' }, { meter: 'M-1' }],
    next: null,
  })
  expect(asked).toEqual([{ meter: 'M-1', from: NOW - 7 * 86_400_000, to: NOW, after: null, limit: 201 }])
  const first = await get('events?limit=1')
  expect(first.items).toHaveLength(1)
  await get(`events?limit=1&cursor=${first.next}`)
  const [{ at }] = first.items
  expect(asked.at(-1)).toMatchObject({ after: { at: Date.parse(at), meter: 'M-1', code: 'erc-10' }, limit: 2 })
  expect(await get('events?from=2026-08-15T00:00:00Z&to=2026-08-14T00:00:00Z')).toMatchObject({ status: 400 })
  expect(await get('routes')).toMatchObject({ items: [{ meter: 'M-1', facts: { signal: 12, phase: 'L1', hops: null } }] })
})

describe('two persons', () => {
  it('ask for and confirm control by the names of their tokens', async () => {
    const { app, asked } = await world()
    const post = async (path: string, payload?: object) =>
      (
        await app.inject({
          method: 'POST',
          url: `${C1}/control${path}`,
          headers: payload ? json : asOperator,
          ...(payload ? { payload } : {}),
        })
      ).json()
    expect(await post('', { act: 'trip', meter: 'M-1', why: 'order 7' })).toMatchObject({
      id: 3,
      state: 'requested',
      until: '2026-08-15T11:10:00.000Z',
    })
    expect(await post('/3/confirm')).toMatchObject({ state: 'done', confirmedBy: 'operator', frames: ['tx 68 4A'] })
    expect(await post('/3/withdraw', { why: 'mistake' })).toMatchObject({ state: 'withdrawn' })
    expect(asked).toEqual([
      { id: 'C-1', order: { act: 'trip', meter: 'M-1', why: 'order 7' }, by: { id: 'token:operator', name: 'operator' } },
      { id: 'C-1', act: 3, by: { id: 'token:operator', name: 'operator' } },
    ])
    const off = await app.inject({
      method: 'POST',
      url: '/api/v1/concentrators/C-2/control',
      headers: json,
      payload: { act: 'trip', why: 'order 7' },
    })
    expect(off.json()).toMatchObject({ status: 422, code: 'CONTROL_OFF', hint: 'switch concentrators.control on' })
  })

  it('set a clock, and one person with two tokens is one', async () => {
    const { app, tokens, asked } = await world()
    const second = makeToken()
    const alias = makeToken()
    const stored = { permission: 'operate', expiresAt: null, revokedAt: null } as const
    tokens.push(
      { id: 'w', name: 'wang', hash: hashToken(second.text), ...stored },
      { id: 'x', name: 'operator', hash: hashToken(alias.text), ...stored },
    )
    const set = async (secondToken: string) =>
      (await app.inject({ method: 'POST', url: `${C1}/clock/set`, headers: json, payload: { why: 'order 7', secondToken } })).json()
    expect(await set(second.text)).toMatchObject({ id: 1 })
    expect(asked).toMatchObject([{ order: { second: 'wang' } }])
    expect(await set(alias.text)).toMatchObject({ status: 400 })
    expect(await set('gt_nothing')).toMatchObject({ status: 400 })
    expect((await app.inject({ method: 'POST', url: `${C1}/clock/set`, headers: { ...bearer('x') }, payload: {} })).statusCode).toBe(401)
  })
})

it('lists unknown terminals and adopts one', async () => {
  const { app } = await world()
  expect((await app.inject({ url: '/api/v1/unknown-terminals', headers: asReader })).json()).toMatchObject({
    items: [{ address: '4510-99', count: 7 }],
  })
  const payload = { protocol: 'gw3761', address: '4510-99', id: 'C-9', why: 'order 7' }
  expect((await app.inject({ method: 'POST', url: '/api/v1/unknown-terminals/adopt', headers: json, payload })).json()).toMatchObject({
    id: 'C-9',
    address: '4510-99',
  })
})

it('answers as its schemas say', async () => {
  const { app } = await world()
  const document = (await app.inject('/openapi.json')).json()
  const ajv = new Ajv2020({ strict: false })
  formats.default(ajv)
  ajv.addSchema({ $id: 'document', ...document })
  for (const [path, url] of [
    ['/api/v1/concentrators', '/api/v1/concentrators'],
    ...['', '/archive', '/archive/diff', '/parameters', '/clock', '/events', '/routes', '/jobs', '/control'].map(
      (rest) => [`/api/v1/concentrators/{id}${rest}`, C1 + rest] as const,
    ),
    ['/api/v1/unknown-terminals', '/api/v1/unknown-terminals'],
  ] as const) {
    const schema = document.paths[path].get.responses['200'].content['application/json'].schema
    const check = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/')))
    const answer = (await app.inject({ url, headers: asReader })).json()
    expect([path, check(answer), check.errors]).toEqual([path, true, null])
  }
})

it('never answers 5xx to bad input, and lets no reader order anything', async () => {
  const { app, asked } = await world()
  const routes = Object.entries(ROUTES).filter(([route]) => /concentrators|unknown-terminals/.test(route))
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom(-1, 2 ** 53, '', ' ', 'x'.repeat(3000), null, [], {}, 'C-1', 'F1', '0C F25'))
  const names = fc.constantFrom(
    'why',
    'numbers',
    'items',
    'meters',
    'act',
    'item',
    'read',
    'level',
    'from',
    'to',
    'like',
    'id',
    'protocol',
    'at',
    'secondToken',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...routes),
      fc.constantFrom('C-1', 'C-2', '%00', '..', 'ü', 'x'.repeat(90)),
      fc.dictionary(names, value),
      fc.boolean(),
      async ([route], id, payload, isOperator) => {
        const [method = 'GET', path = ''] = route.split(' ')
        const url = path.replace('{id}', id).replace('{job}', '7').replace('{act}', '3')
        const before = asked.length
        const headers = isOperator ? json : { ...asReader, 'content-type': 'application/json' }
        const answer = await app.inject({
          method: method === 'GET' ? 'GET' : 'POST',
          url,
          headers,
          ...(method === 'GET' ? {} : { payload }),
        })
        expect(answer.statusCode, `${route} ${JSON.stringify(payload)}`).toBeLessThan(500)
        if (!isOperator && method === 'POST')
          expect([answer.statusCode === 403 || answer.statusCode === 404, asked.length]).toEqual([true, before])
      },
    ),
    { numRuns: 600 },
  )
  expect(concentratorOf('C-1').id).toBe('C-1')
})
