import { expect, it } from 'vitest'
import { api, asReader, asRole } from './fake.ts'

const get = async (url: string) => {
  const { app } = await api()
  const answer = await app.inject({ url, headers: asReader })
  return { status: answer.statusCode, body: answer.json() }
}
const post = async (url: string, payload: object) => {
  const { app } = await api()
  const answer = await app.inject({ method: 'POST', url, headers: asRole('engineer'), payload })
  return { status: answer.statusCode, body: answer.json() }
}

it('lists the meter models by id, page by page, and shows one whole', async () => {
  const { body } = await get('/api/v1/profiles?limit=1000')
  const ids: string[] = body.items.map(({ id }: { id: string }) => id)
  expect(ids).toEqual([...ids].sort())
  expect(ids.length).toBeGreaterThan(30)
  const paged: string[] = []
  for (let next = ''; ; ) {
    const page = (await get(`/api/v1/profiles?limit=7${next}`)).body
    paged.push(...page.items.map(({ id }: { id: string }) => id))
    if (page.next === null) break
    next = `&cursor=${encodeURIComponent(page.next)}`
  }
  expect(paged).toEqual(ids)
  const [first] = body.items
  const one = await get(`/api/v1/profiles/${encodeURIComponent(first.id)}`)
  expect(one.body).toMatchObject({ id: first.id, protocol: first.protocol })
  expect(one.body.registers).toHaveLength(first.registers)
})

it.each([
  ['/api/v1/profiles/no-such', 'API_PROFILE'],
  ['/api/v1/profiles/..%2F..%2Fpackage', 'API_PROFILE'],
])('%s is not there', async (url, code) => {
  expect(await get(url)).toMatchObject({ status: 404, body: { code } })
})

it('lists the mappings with the brokers that use them', async () => {
  const { body } = await get('/api/v1/mappings')
  expect(body.items).toContainEqual({ id: 'tasmota', title: expect.any(String), topics: expect.any(Array), brokers: ['site'] })
})

const SENSOR = '{"Time":"2026-11-21T12:00:00","ENERGY":{"Total":3.112,"Power":182}}'
it.each([
  ['text', { payload: SENSOR }],
  ['base64', { base64: Buffer.from(SENSOR).toString('base64') }],
])('says what a message becomes, sent as %s', async (_, message) => {
  const { status, body } = await post('/api/v1/mappings/tasmota/try', { topic: 'tele/plug-7/SENSOR', ...message })
  expect([status, body.refused]).toEqual([200, null])
  expect(body.records[0].values).toContainEqual(expect.objectContaining({ value: '3.112', obis: '1-0:1.8.0' }))
})

it('says why a message cannot be used, and takes it for a good question', async () => {
  const { status, body } = await post('/api/v1/mappings/tasmota/try', { topic: 'tele/plug-7/SENSOR', payload: '{"Time":' })
  expect(status).toBe(200)
  expect(body.refused).toMatchObject({ code: expect.any(String), hint: expect.any(String) })
})

it.each([
  ['/api/v1/mappings/no-such/try', { topic: 'a', payload: '1' }, 404, 'API_MAPPING'],
  ['/api/v1/mappings/tasmota/try', { topic: 'a' }, 400, 'API_VALUE'],
  ['/api/v1/mappings/tasmota/try', { topic: 'a', payload: '1', base64: 'MQ==' }, 400, 'API_VALUE'],
  ['/api/v1/mappings/tasmota/try', { topic: 'a', base64: 'M' }, 400, 'API_VALUE'],
  ['/api/v1/decode', { protocol: 'dlt645', hex: '6' + '8x' }, 400, 'API_VALUE'],
  ['/api/v1/decode', { protocol: 'dlt', hex: '68' }, 400, 'API_VALUE'],
])('%s refuses %j', async (url, body, status, code) => {
  expect(await post(url, body)).toMatchObject({ status, body: { code } })
})

it('explains a frame, and where a broken one is broken', async () => {
  const hex = '68 11 11 11 11 11 11 68 11 04 33 33 34 33 18 16'
  const whole = await post('/api/v1/decode', { protocol: 'dlt645', hex })
  expect(whole.body).toMatchObject({ ok: true, explanation: { fields: expect.any(Array) } })
  const broken = await post('/api/v1/decode', { protocol: 'dlt645', hex: hex.replace('18 16', '19 16') })
  expect(broken).toMatchObject({ status: 200, body: { ok: false, explanation: { error: { offset: 14 } } } })
})

it('is nothing for a customer', async () => {
  const { app } = await api()
  const answer = await app.inject({ url: '/api/v1/profiles', headers: asRole('customer') })
  expect(answer.statusCode).toBe(403)
})
