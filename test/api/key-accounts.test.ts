import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildApi } from '../../src/api/index.ts'
import { api, asReader, asRole, field, OPTIONS } from './fake.ts'

let shared: FastifyInstance
beforeAll(async () => {
  shared = await buildApi(field().deps, OPTIONS)
})
afterAll(() => shared.close())

const call = async (method: 'GET' | 'PUT' | 'POST', path: string, role: Parameters<typeof asRole>[0], payload?: object) => {
  return shared.inject({ method, url: `/api/v1/key-accounts${path}`, headers: asRole(role), ...(payload ? { payload } : {}) })
}

describe('lists of key accounts', () => {
  it('are given with their rules, page by page, with whoever nobody can tell of', async () => {
    const first = (await call('GET', '?year=2026&limit=2', 'viewer')).json()
    expect(first).toMatchObject({
      run: { year: 2026, usedYear: 2025, monthlyKwh: '4000' },
      items: [{ customer: 'C-1' }, { customer: 'C-2' }],
    })
    const second = (await call('GET', `?year=2026&limit=2&cursor=${first.next}`, 'viewer')).json()
    expect(second).toMatchObject({ items: [{ customer: 'C-3', key: null, kwh: null, grade: null, state: 'not-computable' }], next: null })
    expect((await call('GET', '?grade=B', 'billing')).json().items).toMatchObject([{ given: { grade: 'B', by: 'wang' } }])
  })
  it('that were not made are 404, cursors of elsewhere 400', async () => {
    expect((await call('GET', '?year=2020', 'viewer')).statusCode).toBe(404)
    for (const path of ['?cursor=x', '/2026/movers?cursor=x', '/checks?cursor=x', '/runs?cursor=x'])
      expect((await call('GET', path, 'viewer')).json()).toMatchObject({ code: 'API_CURSOR' })
    expect((await call('GET', '/20x6/movers', 'viewer')).statusCode).toBe(400)
  })
  it('show who moved and who was not read', async () => {
    expect((await call('GET', '/2026/movers', 'analyst')).json()).toMatchObject({
      against: { year: 2025 },
      items: [{ moves: ['joined'], reasons: ['use-rose'] }, {}, {}, {}],
    })
    expect((await call('GET', '/checks?open=true', 'operator')).json()).toMatchObject({
      items: [{ checked: false, points: [{ goodAt: null }] }, {}, {}, {}],
    })
    expect((await call('GET', '/runs', 'viewer')).json()).toMatchObject({ items: [{ version: 1 }], next: null })
  })
  it('hold only customers that are seen', async () => {
    const { app } = await api({ scopeOf: () => ({ all: false, sees: (_, id) => id === 'C-2' }) })
    for (const path of ['', '/2026/movers', '/checks'])
      expect((await app.inject({ url: `/api/v1/key-accounts${path}`, headers: asReader })).json().items).toMatchObject([
        { customer: 'C-2' },
      ])
    const seen = (await app.inject({ url: '/api/v1/key-accounts', headers: asReader })).json()
    expect(seen.run.counts).toBeNull()
    expect((await app.inject({ url: '/api/v1/key-accounts/2026/movers', headers: asReader })).json()).toMatchObject({
      ...{ run: { counts: null }, against: { counts: null } },
    })
    const payload = { grade: 'A', why: 'x' }
    expect(
      (await app.inject({ method: 'PUT', url: '/api/v1/key-accounts/customers/C-1/grade', headers: asRole('engineer'), payload }))
        .statusCode,
    ).toBe(404)
  })
})

describe('names of customers', () => {
  it('are for those who may see them', async () => {
    const namesOf = async (path: string, role: Parameters<typeof asRole>[0]) =>
      (await call('GET', path, role)).json().items.map(({ name }: { name: string }) => name)
    for (const path of ['?grade=B', '/2026/movers?limit=1', '/checks?limit=1']) {
      expect([path, await namesOf(path, 'viewer')]).toEqual([path, ['***']])
      expect([path, await namesOf(path, 'billing')]).toEqual([path, ['mill of Li']])
    }
  })
})

describe('acts', () => {
  it('are of whoever may change the ledger', async () => {
    expect((await call('POST', '/2026/run', 'engineer', { why: 'late readings' })).json()).toMatchObject({
      running: false,
      run: { year: 2026 },
    })
    expect((await call('POST', '/2025/run', 'engineer', {})).json()).toEqual({ running: true, run: null })
    expect((await call('POST', '/2027/run', 'engineer', {})).statusCode).toBe(422)
    expect((await call('PUT', '/customers/C-1/grade', 'engineer', { grade: 'C', why: 'w' })).json()).toMatchObject({
      grade: 'C',
      rankGrade: 'A',
      given: { by: 'as-engineer' },
    })
    expect((await call('PUT', '/customers/C-2/grade', 'engineer', { grade: null, why: 'w' })).json()).toMatchObject({
      grade: 'A',
      given: null,
    })
    for (const role of ['viewer', 'billing', 'customer'] as const) {
      expect((await call('POST', '/2026/run', role, {})).statusCode).toBe(403)
      expect((await call('PUT', '/customers/C-1/grade', role, { grade: 'A', why: 'w' })).statusCode).toBe(403)
    }
  })
  it.each([{ grade: 'E', why: 'w' }, { grade: 'A' }, { grade: 'A', why: '' }, { why: 'w' }])('refuse %j', async (payload) => {
    expect((await call('PUT', '/customers/C-1/grade', 'engineer', payload)).statusCode).toBe(400)
  })
  it('are files too, with who moved and who was not read', async () => {
    const { app } = await api()
    const results = (await app.inject({ url: '/api/v1/results?limit=500', headers: asRole('engineer') })).json()
    const names = results.items.map(({ name }: { readonly name: string }) => name)
    for (const [name, query] of [
      ['key-accounts', 'year=2026'],
      ['key-accounts-movers', 'year=2026'],
      ['key-accounts-checks', 'days=7'],
      ['key-accounts-runs', ''],
    ] as const) {
      expect(names).toContain(name)
      const file = await app.inject({ url: `/api/v1/results/${name}?format=ndjson&${query}`, headers: asRole('engineer') })
      expect([name, file.statusCode]).toEqual([name, 200])
    }
  })
})
