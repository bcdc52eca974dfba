import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { withoutPersons } from '../../src/api/audit-hook.ts'
import { type ApiAct, type ApiRefusal, buildApi } from '../../src/api/index.ts'
import { failWith, ok } from '../../src/core/index.ts'
import { api, asOperator, asReader, field, OPTIONS } from './fake.ts'

const fail = failWith({ AUDIT_WRITE: { recovery: 'stop', hint: 'look at the disk' } })

/** An audit log that exists only in memory; `broken`: it takes nothing. */
const recorded = async (broken = false) => {
  const acts: ApiAct[] = []
  const ends: number[] = []
  const refusals: ApiRefusal[] = []
  const order: string[] = []
  const world = await api({
    audit: {
      begin: (act) => {
        if (broken) return fail('AUDIT_WRITE', 'the disk is full')
        acts.push(act)
        order.push('begun')
        return ok((status) => {
          order.push('ended')
          ends.push(status)
        })
      },
      refused: (refusal) => refusals.push(refusal),
      problem: () => null,
    },
    replay: async () => {
      order.push('done')
      return ok(1)
    },
    actOnGap: async () => {
      throw new Error('the disk is gone')
    },
  })
  return { ...world, acts, ends, refusals, order }
}

const REPLAY = { method: 'POST', url: '/api/v1/dead-letters/replay', headers: asOperator, payload: { ids: [7] } } as const

it('an act is written down once before it is done, and once how it ended', async () => {
  const { app, acts, ends, order } = await recorded()
  expect((await app.inject({ ...REPLAY, remoteAddress: '10.1.2.3' })).statusCode).toBe(200)
  expect(order).toEqual(['begun', 'done', 'ended'])
  expect(ends).toEqual([200])
  expect(acts).toMatchObject([
    {
      ...{ who: { id: 'operator', name: 'operator', kind: 'token' }, from: '10.1.2.3', route: 'POST /api/v1/dead-letters/replay' },
      ...{ permission: 'lines:act', params: {}, body: { ids: [7] }, why: null },
    },
  ])
})

it('says on what, and why', async () => {
  const { app, acts, ends } = await recorded()
  const url = '/api/v1/gaps/3/waive'
  await app.inject({ method: 'POST', url, headers: asOperator, payload: { why: 'the house is gone' } })
  expect(acts).toMatchObject([{ route: 'POST /api/v1/gaps/{id}/waive', params: { id: '3' }, why: 'the house is gone' }])
  // The handler threw: that is how it ended.
  expect(ends).toEqual([500])
})

it('nothing is done while nothing can be written; reading goes on', async () => {
  const { app, order } = await recorded(true)
  const answer = await app.inject(REPLAY)
  expect([answer.statusCode, answer.json().code, answer.headers['retry-after']]).toEqual([503, 'AUDIT_WRITE', '5'])
  expect(order).toEqual([])
  expect((await app.inject({ url: '/api/v1/lines', headers: asReader })).statusCode).toBe(200)
})

it('what is not well-formed, not allowed, or only asks is no act', async () => {
  const { app, acts, refusals } = await recorded()
  await app.inject({ ...REPLAY, payload: { ids: 'some' } })
  await app.inject({ ...REPLAY, headers: asReader })
  await app.inject({ ...REPLAY, headers: {} })
  await app.inject({ url: '/api/v1/lines', headers: asReader })
  expect(acts).toEqual([])
  expect(refusals).toMatchObject([
    { who: { name: 'reader' }, status: 403, code: 'API_PERMISSION', route: 'POST /api/v1/dead-letters/replay' },
    { who: null, status: 401, code: 'API_TOKEN_MISSING' },
  ])
})

it('a file that is sent is no text of the log', async () => {
  const { app, acts } = await recorded()
  await app.inject({
    ...{ method: 'POST', url: '/api/v1/ledger/imports?format=csv&name=a.csv', payload: Readable.from(['户号,户名\n1,Li\n']) },
    headers: { ...asOperator, 'content-type': 'text/csv', 'content-length': '24' },
  })
  expect(acts.map(({ body, query }) => [body, query])).toEqual([
    [{ type: 'text/csv', bytes: '24' }, expect.objectContaining({ format: 'csv', name: 'a.csv' })],
  ])
})

it('leaves out what a change of the ledger says of persons', () => {
  const hidden = { name: '***', address: '***', category: 'residential' }
  const set = { name: 'Li Na', address: 'New Street 3', category: 'residential' }
  expect(withoutPersons({ why: 'w', set }, 'customer')).toEqual({ why: 'w', set: hidden })
  expect(withoutPersons({ patches: [{ kind: 'customer', id: 'C-1', set }] })).toEqual({
    patches: [{ kind: 'customer', id: 'C-1', set: hidden }],
  })
  // The address of a meter is where it answers, not where somebody lives.
  expect(withoutPersons({ set: { address: '12' } }, 'meter')).toEqual({ set: { address: '12' } })
  expect(withoutPersons({ ids: [1, 'a'], set: null, text: null })).toEqual({ ids: [1, 'a'], set: null, text: null })
})

it('a public route that acts stops the start, unless its room writes its own records', async () => {
  const { deps } = field()
  const build = (audit?: 'own') =>
    buildApi(deps, OPTIONS, (one) => {
      one.post('/api/v1/open', { config: { permission: 'public', ...(audit ? { audit } : {}) } }, async () => 'done')
    })
  await expect(build()).rejects.toThrow('nobody would be recorded for POST /api/v1/open')
  const app = await build('own')
  await app.close()
})

it('a GET that hands out a file may be an act, a POST that only asks need not be one', async () => {
  const acts: string[] = []
  const { deps } = field({
    audit: {
      begin: ({ route }) => {
        acts.push(route)
        return ok(() => undefined)
      },
      refused: () => undefined,
      problem: () => null,
    },
  })
  const app = await buildApi(deps, OPTIONS, (one) => {
    one.get('/api/v1/file', { config: { permission: 'lines:read', audit: 'act' } }, async () => 'rows')
    one.post('/api/v1/ask', { config: { permission: 'lines:read', audit: 'reads' } }, async () => 'rows')
  })
  await app.inject({ url: '/api/v1/file', headers: asReader })
  await app.inject({ method: 'POST', url: '/api/v1/ask', headers: asReader })
  await app.close()
  expect(acts).toEqual(['GET /api/v1/file'])
})

it('every route that acts is recorded, but for those that write their own records', async () => {
  const { app } = await api()
  const { paths }: { paths: Record<string, Record<string, { readonly 'x-audit': string }>> } = (await app.inject('/openapi.json')).json()
  const silent = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { 'x-audit': audit }]) =>
      method !== 'get' && audit !== 'act' ? [`${method.toUpperCase()} ${path}: ${audit}`] : [],
    ),
  )
  const accounts = /^\w+ \/api\/v1\/(users|tokens|links|login|logout|me)(\/.*)?: own$/
  expect(silent.filter((route) => !accounts.test(route)).sort()).toEqual(SILENT)
})
/** Routes that only ask, with the question as their body. */
const SILENT = ['POST /api/v1/audit/verify: reads', 'POST /api/v1/decode: reads', 'POST /api/v1/mappings/{id}/try: reads']
