import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildApi } from '../../src/api/index.ts'
import { api, asRole, field, OPTIONS } from './fake.ts'
import { fakeTiers, tierViewOf } from './fake-tiers.ts'

let shared: FastifyInstance
beforeAll(async () => {
  shared = await buildApi(field().deps, OPTIONS)
})
afterAll(() => shared.close())

const get = async (path: string, headers: Record<string, string> = asRole('billing'), change?: Parameters<typeof api>[0]) => {
  const app = change ? (await api(change)).app : shared
  return app.inject({ url: `/api/v1/billing/${path}`, headers })
}

describe('tiers as JSON', () => {
  it('are given with both counts, the rule in force and sentences in both languages', async () => {
    const answer = await get('points/P-001/tiers?year=2026&until=2026-12-31')
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual(JSON.parse(JSON.stringify(tierViewOf())))
    expect((await get('customers/C-1/tiers')).json()).toMatchObject({ inForce: 'registered', counts: [{ months: '1' }, { months: '3' }] })
  })
  it('of what is not there, or not to be seen, are 404', async () => {
    expect((await get('points/P-9/tiers')).statusCode).toBe(404)
    expect((await get('points/P-001/tiers', asRole('billing'), { scopeOf: () => ({ all: false, sees: () => false }) })).statusCode).toBe(
      404,
    )
  })
  it('are a customer’s own, and nobody else’s', async () => {
    expect((await get('customers/C-1/tiers', asRole('customer'))).statusCode).toBe(200)
    expect((await get('customers/C-2/tiers', asRole('customer'))).statusCode).toBe(404)
    for (const role of ['viewer', 'engineer', 'installer', 'auditor', 'secadm'] as const)
      expect((await get('customers/C-1/tiers', asRole(role))).statusCode).toBe(403)
  })
  it.each(['year=26', 'year=x', 'until=2026-13-01', 'until=yesterday', 'lang=fr'])('refuse ?%s by name', async (query) => {
    const answer = await get(`points/P-001/tiers?${query}`)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'API_VALUE', errors: [{ place: expect.stringContaining(query.split('=')[0]!) }] })
  })
})

describe('tiers as a page', () => {
  it.each([
    ['points/P-001/tiers.html?lang=en', {}, 'lang="en"'],
    ['customers/C-1/tiers.html', {}, 'lang="zh-CN"'],
    ['points/P-001/tiers?lang=zh', { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' }, 'lang="zh-CN"'],
  ])('%s', async (path, headers, language) => {
    const answer = await get(path, { ...asRole('billing'), ...headers })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/)
    expect(answer.body).toContain(language)
    expect(answer.body).not.toMatch(/<script|<link|<img|href=|src=|url\(|@import|\son\w+=/i)
  })
  it('has JSON for whoever names it first', async () => {
    const answer = await get('points/P-001/tiers', { ...asRole('billing'), accept: 'application/json, text/html' })
    expect(answer.json()).toMatchObject({ year: 2026 })
  })
  it('escapes everything, and shows what is not known as such', async () => {
    const evil = `<script>alert("x")</script>&'\u202e`
    const answer = await get(
      'points/P-001/tiers.html?lang=en',
      asRole('billing'),
      fakeTiers({
        ...{ customer: evil, points: [evil], kwh: null, missing: ['2026-11'] },
        months: [{ month: '2026-11', lastMonth: '2026-11', kwh: null, estimatedPpm: 0, source: 'energy', notes: [{ zh: evil, en: evil }] }],
        explanation: [{ topic: 'missing', zh: evil, en: evil }],
        registers: [
          {
            point: evil,
            meter: evil,
            from: { day: evil, register: evil, read: false },
            to: null,
            multiplier: evil,
            difference: null,
            kwh: null,
          },
        ],
        notes: [{ zh: evil, en: evil }],
      }),
    )
    expect(answer.body).not.toContain('<script')
    expect(answer.body).not.toContain('\u202e')
    expect(answer.body).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39; ')
    expect(answer.body).toContain('not known')
  })
})
