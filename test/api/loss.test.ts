import { expect, it } from 'vitest'
import { api, asReader } from './fake.ts'

const get = async (url: string, headers: Readonly<Record<string, string>> = asReader) => {
  const { app } = await api()
  const answer = await app.inject({ url, headers })
  return { status: answer.statusCode, body: answer.json() }
}
const LOSS = '/api/v1/areas/A-1/loss'

it('lists areas page by page, and by the state of their newest day', async () => {
  const first = await get('/api/v1/areas?limit=2')
  expect(first.status).toBe(200)
  expect(first.body.items.map(({ id }: { id: string }) => id)).toEqual(['A-1', 'A-2'])
  const next = await get(`/api/v1/areas?limit=2&cursor=${first.body.next}`)
  expect(next.body).toMatchObject({ items: [{ id: 'A-3', day: null, latest: null }], next: null })
  expect((await get('/api/v1/areas?state=not-computable')).body.items).toMatchObject([
    { id: 'A-2', latest: { state: 'not-computable', loss: null } },
  ])
  expect((await get('/api/v1/areas?cursor=x')).body).toMatchObject({ code: 'API_CURSOR' })
})

it('gives both rates by name, and of what is not computable what is missing and what that bounds', async () => {
  const { status, body } = await get(LOSS)
  expect(status).toBe(200)
  expect(body).toMatchObject({ area: 'A-1', step: 'day', zone: 'Asia/Shanghai', from: '2026-07-15T12:00:00.000Z' })
  expect(body.thresholds).toMatchObject({
    version: 4,
    inForce: [{ rule: 'high_loss', name: 'high_pct', value: 7, op: '>', layer: 'zone' }],
  })
  expect(body.items[0]).toMatchObject({
    loss: '15.00',
    rates: { ofInput: 2.6786, ofNet: 2.7778 },
    state: 'qualified',
    watches: ['generation'],
  })
  expect(body.items[1]).toMatchObject({
    ...{ sold: null, loss: null, rates: { ofInput: null, ofNet: null }, state: 'not-computable', missing: ['P-002'] },
    ...{ bound: { low: -3, likely: 15, high: 70 }, coverage: { meters: 3, good: 2, energyPpm: 900_000 }, version: 2 },
  })
})

it('gives the loss of each phase when asked, of days alone', async () => {
  const { app } = await api()
  const ask = async (query: string) => (await app.inject({ url: `${LOSS}?${query}`, headers: asReader })).json()
  const { items } = await ask('phases=true')
  expect(items[0].phases).toMatchObject([
    { phase: 'A', state: 'computed', supplyKwh: 24, soldKwh: 22, lossKwh: 2, errorKwh: 0.7 },
    { phase: 'B', state: 'not-computable', faults: ['phase-unknown'], because: ['P-2'], lossKwh: null },
  ])
  expect(items[1].phases).toBeNull()
  expect((await ask('step=day')).items[0]).not.toHaveProperty('phases')
  expect(await ask('phases=true&step=15m')).toMatchObject({ status: 400, code: 'API_VALUE' })
})

it('gives months by both methods', async () => {
  expect((await get(`${LOSS}?step=month`)).body.items[0]).toMatchObject({
    ...{ loss: '15.00', sumOfDays: { loss: '14.00', days: 30, of: 31, notComputable: ['2026-08-15'] } },
  })
})

it('leads from the sum to its members and from each to its readings', async () => {
  const { body } = await get('/api/v1/areas/A-1/balance?from=2026-08-14T00:00:00%2B08:00&to=2026-08-15T00:00:00%2B08:00')
  expect(body.members[0]).toMatchObject({
    ...{ point: 'P 1', ratio: '80', start: { register: '100.00', read: true }, usual: null },
    evidence: '/api/v1/points/P%201/energy?from=2026-08-13T16%3A00%3A00.000Z&to=2026-08-14T16%3A00%3A00.000Z&period=day&detail=true',
  })
  const bare = await get('/api/v1/areas/A-1/balance?registers=false')
  expect(bare.body.members[0].start).toBeNull()
})

it('balances a bus', async () => {
  expect((await get('/api/v1/buses/I/balance')).body).toMatchObject({
    id: 'I',
    voltageKv: 10,
    items: [{ state: 'unbalanced', pct: 3, limitPct: 2 }],
  })
})

it.each([
  ['an unknown area', '/api/v1/areas/A-9/loss', 404, 'LOSS_AREA'],
  ['the members of an unknown area', '/api/v1/areas/A-9/balance', 404, 'LOSS_AREA'],
  ['an unknown line', '/api/v1/feeders/F-9/loss', 404, 'LOSS_AREA'],
  ['an unknown bus', '/api/v1/buses/II/balance', 404, 'LOSS_BUS'],
  ['a step of no such length', `${LOSS}?step=week`, 400, 'API_VALUE'],
  ['an end before its start', `${LOSS}?from=2026-08-15T00:00:00Z&to=2026-08-14T00:00:00Z`, 400, 'API_VALUE'],
  ['a state that is none', '/api/v1/areas?state=good', 400, 'API_VALUE'],
])('refuses %s', async (_, url, status, code) => {
  const answer = await get(url)
  expect(answer.status).toBe(status)
  expect(answer.body.code).toBe(code)
})

it('wants a token', async () => {
  expect((await get(LOSS, {})).status).toBe(401)
})
