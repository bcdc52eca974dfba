import { describe, expect, it } from 'vitest'
import { api, asOperator, asReader } from './fake.ts'

const ENERGY = '/api/v1/points/P-001/energy'
const range = 'from=2026-08-15T00:00:00%2B08:00&to=2026-08-17T00:00:00%2B08:00'
const get = async (url: string, headers = asReader) => {
  const { app } = await api()
  const answer = await app.inject({ url, headers })
  return { status: answer.statusCode, body: answer.json() }
}
const post = async (url: string, payload: object, headers = asOperator) => {
  const { app } = await api()
  const answer = await app.inject({ method: 'POST', url, headers, payload })
  return { status: answer.statusCode, body: answer.json() }
}

describe('energy of a point', () => {
  it('gives exact text, what is missing as null, and days unless told otherwise', async () => {
    const { status, body } = await get(`${ENERGY}?${range}`)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      ...{ point: 'P-001', period: 'day', from: '2026-08-14T16:00:00.000Z', to: '2026-08-16T16:00:00.000Z', zone: 'Asia/Shanghai' },
      pending: true,
    })
    expect(body.registers).toEqual([
      {
        ...{ register: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', total: '40.00', known: 1, due: 2, estimatedPpm: 0, findings: [] },
        items: [
          {
            ...{ from: '2026-08-14T16:00:00.000Z', to: '2026-08-15T16:00:00.000Z', value: '40.00', quality: ['good'], reasons: [] },
            ...{ estimatedPpm: 0, coveredPpm: 1_000_000, version: 1, evidence: null },
          },
          {
            ...{ from: '2026-08-15T16:00:00.000Z', to: '2026-08-16T16:00:00.000Z', value: null, quality: [], reasons: ['missing'] },
            ...{ estimatedPpm: 0, coveredPpm: 0, version: 0, evidence: null },
          },
        ],
      },
    ])
  })

  it('shows the last month of days, and the last day of quarter hours, unless told otherwise', async () => {
    expect((await get(ENERGY)).body).toMatchObject({ from: '2026-07-15T12:00:00.000Z', to: '2026-08-15T12:00:00.000Z' })
    expect((await get(`${ENERGY}?period=15m`)).body).toMatchObject({ from: '2026-08-14T12:00:00.000Z' })
  })

  it('shows the registers behind a figure and what was set aside', async () => {
    const { body } = await get(`${ENERGY}?${range}&period=15m&detail=true`)
    const [register] = body.registers
    expect(body.period).toBe('15m')
    expect(register.items[0].evidence).toEqual({
      start: { register: '100.00', meter: 'M-1', read: true },
      end: { register: '101.00', meter: 'M-1', read: true },
      segments: [{ from: '2026-08-14T16:00:00.000Z', to: '2026-08-15T16:00:00.000Z', meter: 'M-1', ratio: '40', delta: '1.00' }],
    })
    expect(register.findings).toMatchObject([{ code: 'read-dip', would: '-4000.00', after: { register: '0.00', source: 'curve' } }])
  })

  it.each([
    ['a period of no such length', `${ENERGY}?${range}&period=week`, 400, 'API_VALUE'],
    ['a time that is none', `${ENERGY}?from=yesterday`, 400, 'API_VALUE'],
    ['a time that ends before it begins', `${ENERGY}?from=2026-08-15T00:00:00Z&to=2026-08-14T00:00:00Z`, 400, 'API_VALUE'],
    ['a point nobody knows', `/api/v1/points/P-999/energy?${range}`, 404, 'ENERGY_POINT'],
  ])('refuses %s', async (_, url, status, code) => {
    const answer = await get(url)
    expect(answer).toMatchObject({ status, body: { code } })
    expect(answer.body.hint).not.toBe('')
  })
})

describe('figures that were taken away', () => {
  it('is written down by who may operate', async () => {
    const wanted = { who: 'billing', from: '2026-08-15T00:00:00+08:00', to: '2026-08-16T00:00:00+08:00' }
    expect(await post('/api/v1/energy/exports', wanted)).toMatchObject({
      status: 200,
      body: { id: 3, who: 'billing', point: null, note: '' },
    })
    expect(await post('/api/v1/energy/exports', wanted, asReader)).toMatchObject({ status: 403 })
    expect(await post('/api/v1/energy/exports', { ...wanted, who: '' })).toMatchObject({ status: 400 })
    expect(await post('/api/v1/energy/exports', { ...wanted, to: wanted.from })).toMatchObject({ status: 400 })
    expect(await post('/api/v1/energy/exports', { ...wanted, point: 'P-9' })).toMatchObject({ status: 404 })
  })

  it('lists who took what, page by page', async () => {
    const { body } = await get('/api/v1/energy/exports?limit=1')
    expect(body).toMatchObject({ items: [{ id: 1, point: null, from: '2026-08-14T16:00:00.000Z' }] })
    const next = await get(`/api/v1/energy/exports?limit=1&cursor=${body.next}`)
    expect(next.body).toMatchObject({ items: [{ id: 2, point: 'P-001' }], next: null })
  })

  it('tells what changed since, by rising numbers', async () => {
    const { body } = await get('/api/v1/energy/corrections?since=1&limit=1')
    expect(body).toMatchObject({
      items: [{ seq: 2, before: '40.00', after: null, version: 2, reason: 'ledger change 17', export: 1 }],
      next: 2,
    })
    expect((await get('/api/v1/energy/corrections?since=3')).body).toMatchObject({ items: [], next: null })
    expect((await get('/api/v1/energy/corrections?since=4')).body).toMatchObject({ status: 422, code: 'BILLING_SEQ' })
    expect((await get('/api/v1/energy/corrections?since=2')).body).toMatchObject({ items: [{ seq: 3 }], next: null })
  })
})

it('lists what cannot be true, by rising numbers', async () => {
  const { body } = await get('/api/v1/energy/findings?limit=1')
  expect(body).toMatchObject({
    items: [{ seq: 1, point: 'P-001', code: 'increment-quarantined', would: '90000.00', after: null }],
    next: 1,
  })
  expect((await get('/api/v1/energy/findings?since=3')).body).toMatchObject({
    ...{ status: 422, code: 'BILLING_SEQ', detail: '3 is beyond 2, the newest number of this book' },
  })
  expect((await get('/api/v1/energy/findings?point=P-002&since=1')).body).toMatchObject({ items: [{ seq: 2 }], next: null })
})

it('says how far it is, and works out again what it is told to', async () => {
  expect(await get('/api/v1/energy/state')).toMatchObject({
    status: 200,
    body: { dirty: 4, oldest: '2026-08-14', waitingForStore: 1, points: 2, worked: 9, corrections: 3 },
  })
  const order = { from: '2026-08-01T00:00:00Z', to: '2026-08-15T00:00:00Z', why: 'history from before' }
  expect(await post('/api/v1/energy/again', order)).toEqual({ status: 200, body: { points: 12 } })
  expect(await post('/api/v1/energy/again', { ...order, point: 'P-001' })).toEqual({ status: 200, body: { points: 1 } })
  for (const change of [
    { from: '0026-08-01T00:00:00Z' },
    { from: '0026-08-01T00:00:00Z', to: '0026-08-02T00:00:00Z' },
    { to: '9999-01-01T00:00:00Z' },
  ])
    expect(await post('/api/v1/energy/again', { ...order, ...change })).toMatchObject({ status: 400, body: { code: 'API_VALUE' } })
})
