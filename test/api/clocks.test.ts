import { describe, expect, it } from 'vitest'
import { api, asOperator, asReader, errorOf, extraToken, fail, refusal, TOKENS } from './fake.ts'

const json = (headers: object) => ({ ...headers, 'content-type': 'application/json' })

describe('clocks', () => {
  it('lists them by pages, filtered by state', async () => {
    const { app } = await api()
    const first = await app.inject({ url: '/api/v1/clocks?limit=2', headers: asReader })
    expect(first.statusCode).toBe(200)
    const page = first.json()
    expect(page.items.map(({ meter }: { meter: string }) => meter)).toEqual(['M-1', 'M-2'])
    expect(page.items[0]).toMatchObject({
      ...{ state: 'off', newest: { at: '2026-08-15T03:10:00.000Z', driftMs: 90_500, uncertaintyMs: 512 }, isLocked: false },
      rate: { msPerDay: 700, isOver: true },
    })
    const second = (await app.inject({ url: `/api/v1/clocks?limit=2&cursor=${page.next}`, headers: asReader })).json()
    expect([second.items.length, second.next]).toEqual([1, null])
    expect((await app.inject({ url: '/api/v1/clocks?state=good', headers: asReader })).json().items).toHaveLength(1)
    expect((await app.inject({ url: '/api/v1/clocks?state=broken', headers: asReader })).statusCode).toBe(400)
    expect((await app.inject({ url: '/api/v1/clocks?cursor=zzz', headers: asReader })).json().code).toBe('API_CURSOR')
  })

  it('shows one with its history; 404 for others', async () => {
    const { app } = await api()
    expect((await app.inject({ url: '/api/v1/clocks/M-1', headers: asReader })).json().history).toHaveLength(1)
    const missing = await app.inject({ url: '/api/v1/clocks/nobody', headers: asReader })
    expect([missing.statusCode, missing.json().code]).toEqual([404, 'API_CLOCK'])
  })

  it.each([
    ['POST', '/api/v1/clocks/M-1/read', undefined],
    ['POST', '/api/v1/clocks/M-1/set', { why: 'new battery' }],
    ['POST', '/api/v1/clocks/M-1/clear', { why: 'looked up' }],
    ['POST', '/api/v1/lines/line-1/clock-sync', { why: 'after an outage' }],
  ] as const)('%s %s is for operators', async (method, url, payload) => {
    const { app } = await api()
    const ask = (headers: object) =>
      app.inject({ method, url, ...(payload ? { payload, headers: json(headers) } : { headers: { ...headers } }) })
    expect((await ask(asReader)).statusCode).toBe(403)
    const done = await ask(asOperator)
    expect(done.statusCode).toBe(200)
    if (payload) expect(done.json()).toMatchObject({ who: 'operator', why: payload.why })
  })

  it.each([{}, { why: 'x' }, { why: 'reason', force: true }])('wants a reason and nothing it does not know: %j', async (payload) => {
    const { app } = await api()
    expect((await app.inject({ method: 'POST', url: '/api/v1/clocks/M-1/set', payload, headers: json(asOperator) })).statusCode).toBe(400)
  })

  it('takes a second person only by a token that is valid, may operate and is another one', async () => {
    const { app, tokens } = await api()
    const other = { ...extraToken('wang') }
    tokens.push({ ...other.stored, permission: 'operate' })
    const set = async (secondToken: string) =>
      app.inject({ method: 'POST', url: '/api/v1/clocks/M-1/set', payload: { why: 'new battery', secondToken }, headers: json(asOperator) })
    for (const wrong of [TOKENS.operate.text, TOKENS.read.text, TOKENS.revoked.text, TOKENS.expired.text, 'wang']) {
      const answer = await set(wrong)
      expect(answer.statusCode).toBe(400)
      expect(answer.body).not.toContain(wrong === 'wang' ? '"wang"' : wrong)
    }
    expect((await set(other.text)).json()).toMatchObject({ who: 'operator', second: 'wang' })
  })

  it('says why not, in the status of the reason', async () => {
    const why = (because: Parameters<typeof refusal>[0]) => async () => refusal(because, errorOf(fail('LINE_BUSY', 'not now')))
    const { app } = await api({ setClock: why('not-possible'), readClock: why('no-answer'), syncClocks: why('line-down') })
    const post = async (path: string, payload: object) =>
      (await app.inject({ method: 'POST', url: `/api/v1${path}`, payload, headers: json(asOperator) })).statusCode
    expect(await post('/clocks/M-1/set', { why: 'reason' })).toBe(422)
    expect(await post('/lines/line-1/clock-sync', { why: 'reason' })).toBe(409)
    expect((await app.inject({ method: 'POST', url: '/api/v1/clocks/M-1/read', headers: asOperator })).statusCode).toBe(504)
  })

  it('answers in time while work on a clock goes on', async () => {
    const { app } = await api({ setClock: () => new Promise(() => undefined) }, { answerTimeoutMs: 30 })
    const late = await app.inject({ method: 'POST', url: '/api/v1/clocks/M-1/set', payload: { why: 'reason' }, headers: json(asOperator) })
    expect([late.statusCode, late.json().code]).toEqual([503, 'API_LATE'])
  })

  it('counts them for Prometheus', async () => {
    const { app } = await api()
    const { body } = await app.inject({ url: '/metrics', headers: asReader })
    expect(body).toContain('gridtally_clocks{state="faulty"} 1')
    expect(body).toContain('gridtally_clock_worst_seconds 1200.5')
    expect(body).toContain('gridtally_clock_acts_total{kind="set",result="refused"} 2')
  })
})
