import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildApi } from '../../src/api/index.ts'
import { api, asRole, field, OPTIONS } from './fake.ts'
import { fakeReports } from './fake-reports.ts'

let shared: FastifyInstance
beforeAll(async () => {
  shared = await buildApi(field().deps, OPTIONS)
})
afterAll(() => shared.close())

const get = async (path: string, headers: Record<string, string> = asRole('billing'), change?: Parameters<typeof api>[0]) => {
  const app = change ? (await api(change)).app : shared
  return app.inject({ url: `/api/v1/billing/${path}`, headers })
}
const keep = (id: string, payload: object, role: Parameters<typeof asRole>[0] = 'billing') =>
  shared.inject({ method: 'POST', url: `/api/v1/billing/customers/${id}/reports`, headers: asRole(role), payload })

describe('a report of a customer', () => {
  it('is one answer: energy, coverage, tiers, grade, newest good readings, and what is not known', async () => {
    const answer = await get('customers/C-1/report?month=2026-10')
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({
      ...{ customer: 'C-1', name: 'mill of Li', from: '2026-09-30T16:00:00.000Z', to: '2026-10-31T16:00:00.000Z', complete: false },
      gaps: [{ topic: 'days', en: expect.stringContaining('1 of 31 days') }],
      sums: [{ register: '1.8.0', energy: '400.00', due: 1, known: 1, released: 1, state: 'released', estimatedPpm: 0 }],
      points: [{ sign: 1, energy: { point: 'P-001', registers: [{ energy: '400.00', segments: [{ ratio: '40' }] }] } }],
      days: [{ due: 31, known: 30, coveredPpm: 967_741, missing: [{ days: 1, reasons: ['missing'] }] }],
      tiers: { split: { year: 2026, inForce: 'registered' }, refused: null },
      account: { year: 2026, version: 1, entry: { grade: 'A', key: true } },
      check: { points: { checked: true, points: [{ point: 'P-001' }] } },
    })
  })
  it('names what is not for whoever asks', async () => {
    // Billing has no cases:read.
    expect((await get('customers/C-1/report')).json()).toMatchObject({ cases: null, withheld: ['cases'] })
    expect((await get('customers/C-1/report', asRole('customer'))).json()).toMatchObject({
      ...{ account: null, check: null, cases: null, withheld: ['account', 'check', 'cases'], name: 'mill of Li' },
    })
  })
  it('is a customer’s own, and nobody else’s', async () => {
    expect((await get('customers/C-2/report', asRole('customer'))).statusCode).toBe(404)
    expect((await get('customers/C-2/report')).statusCode).toBe(404)
    expect((await get('customers/C-1/report', asRole('billing'), { scopeOf: () => ({ all: false, sees: () => false }) })).statusCode).toBe(
      404,
    )
    for (const role of ['viewer', 'engineer', 'installer', 'auditor', 'secadm', 'analyst'] as const)
      expect((await get('customers/C-1/report', asRole(role))).statusCode).toBe(403)
    // What is kept is for those who keep it.
    expect((await get('reports', asRole('customer'))).statusCode).toBe(403)
    expect((await get('reports/1', asRole('customer'))).statusCode).toBe(403)
    expect((await keep('C-1', { why: 'mine' }, 'customer')).statusCode).toBe(403)
  })
  it.each([
    ['month=2026-13', 'month'],
    ['month=October', 'month'],
    ['month=2026-10&from=2026-10-01T00:00:00Z', 'month'],
    ['from=2026-10-01T00:00:00Z', 'to'],
    ['to=2026-10-01T00:00:00Z', 'from'],
    ['from=2026-10-02T00:00:00Z&to=2026-10-01T00:00:00Z', 'to'],
    ['from=yesterday&to=2026-10-01T00:00:00Z', 'from'],
    ['lang=fr', 'lang'],
  ])('refuses ?%s by name', async (query, name) => {
    const answer = await get(`customers/C-1/report?${query}`)
    expect(answer.statusCode).toBe(400)
    expect(answer.json()).toMatchObject({ code: 'API_VALUE', errors: [{ place: expect.stringContaining(name) }] })
  })
})

describe('a report to print', () => {
  it.each([
    ['customers/C-1/report.html?lang=en', {}, 'lang="en"'],
    ['customers/C-1/report.html', {}, 'lang="zh-CN"'],
    ['customers/C-1/report?lang=zh', { accept: 'text/html,*/*;q=0.8' }, 'lang="zh-CN"'],
    ['reports/1/page.html?lang=en', {}, 'lang="en"'],
    ['reports/1', { accept: 'text/html' }, 'lang="zh-CN"'],
  ])('%s', async (path, headers, language) => {
    const answer = await get(path, { ...asRole('billing'), ...headers })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-/)
    expect(answer.body).toContain(language)
    expect(answer.body).toContain('400.00 kWh')
    expect(answer.body).not.toMatch(/<script|<link|<img|href=|src=|url\(|@import|\son\w+=/i)
  })
  it('says what is not known, and escapes everything', async () => {
    const evil = `<script>alert("x")</script>&'\u202e`
    const answer = await get(
      'customers/C-1/report.html?lang=en',
      asRole('billing'),
      fakeReports({
        name: evil,
        sums: [
          {
            ...{ register: evil, unit: evil, energy: null, knownEnergy: '1.00', due: 2, known: 1, released: 0, state: 'held' },
            ...{ estimatedPpm: 0, reasons: [evil] },
          },
        ],
        gaps: [{ topic: 'energy', zh: evil, en: evil }],
        notBilled: [evil],
        tiers: { split: null, refused: { code: 'TARIFF_TABLE', message: evil } },
      }),
    )
    expect(answer.body).not.toContain('<script')
    expect(answer.body).not.toContain('\u202e')
    expect(answer.body).toContain('&lt;script&gt;')
    expect(answer.body).toContain('not known')
    expect(answer.body).toContain('1 / 2')
  })
})

describe('reports that are kept', () => {
  it('are made in one call, with who and why', async () => {
    const answer = await keep('C-1', { month: '2026-10', why: 'call-back of 3 November' })
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({
      kept: { id: 4, customer: 'C-1', by: expect.any(String), why: 'call-back of 3 November', complete: false },
      report: { customer: 'C-1', sums: [{ energy: '400.00' }] },
    })
    expect((await keep('C-2', { why: 'x' })).statusCode).toBe(404)
    expect((await keep('C-1', {})).json()).toMatchObject({ code: 'API_VALUE' })
    expect((await keep('C-1', { month: '2026-10', to: '2026-11-01T00:00:00Z', why: 'x' })).json()).toMatchObject({
      errors: [{ place: 'body/month' }],
    })
    expect((await keep('C-1', { why: 'x' }, 'viewer')).statusCode).toBe(403)
  })
  it('are listed page by page, newest first', async () => {
    const first = (await get('reports?limit=2')).json()
    expect(first.items.map(({ id }: { id: number }) => id)).toEqual([3, 2])
    const second = (await get(`reports?limit=2&cursor=${first.next}`)).json()
    expect(second).toMatchObject({ items: [{ id: 1 }], next: null })
    expect((await get('reports?cursor=x')).json()).toMatchObject({ code: 'API_CURSOR' })
  })
  it('are had again by number', async () => {
    expect((await get('reports/2')).json()).toMatchObject({ kept: { id: 2, why: 'call-back' }, report: { customer: 'C-1' } })
    expect((await get('reports/9')).statusCode).toBe(404)
    expect((await get('reports/nine')).statusCode).toBe(400)
  })
})
