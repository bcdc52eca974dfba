import { describe, expect, it } from 'vitest'
import type { StoredToken } from '../../src/api/index.ts'
import { ok } from '../../src/core/index.ts'
import { api, asReader, asRole, NOW } from './fake.ts'
import { OUT, OUT_LATER } from './fake-interchange.ts'

const CIM = '/api/v1/interchange/cim/meter-readings'
const POINTS = '/api/v1/interchange/espi/usage-points'
const FROM = '2026-08-01T00:00:00+08:00'
const TO = '2026-08-02T00:00:00+08:00'
const query = (more: Record<string, string> = {}) => `${CIM}?${new URLSearchParams({ from: FROM, to: TO, ...more })}`

describe('GET /interchange/cim/meter-readings', () => {
  it('hands the message out as it is made', async () => {
    const { app } = await api()
    const answer = await app.inject({
      url: query({ point: 'P-001', content: 'registers, intervals', side: 'displayed' }),
      headers: asReader,
    })
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/xml; charset=utf-8'])
    expect(answer.headers['content-disposition']).toBe('attachment; filename="meter-readings.xml"')
    const asked = JSON.parse(answer.body.replace(/<[^>]+>/g, ''))
    expect(asked).toEqual({
      ...{
        from: Date.parse(FROM),
        to: Date.parse(TO),
        contents: ['registers', 'intervals'],
        period: 'day',
        side: 'displayed',
        format: 'xml',
      },
      points: ['P-001'],
    })
    const json = await app.inject({ url: query({ format: 'json' }), headers: asReader })
    expect(json.headers['content-type']).toBe('application/json; charset=utf-8')
  })

  it.each([
    [{ content: 'registers,tariffs' }, 'querystring/content'],
    [{ content: '' }, 'querystring/content'],
    [{ to: FROM }, 'querystring/to'],
    [{ from: '2016-12-31T23:59:60Z' }, 'querystring/from'],
    [{ point: ',,' }, 'querystring/point'],
    [{ format: 'csv' }, 'querystring/format'],
    [{ period: 'week' }, 'querystring/period'],
  ])('refuses %j', async (more, place) => {
    const { app } = await api()
    const answer = await app.inject({ url: query(more), headers: asReader })
    expect(answer.statusCode).toBe(400)
    expect(answer.json().errors[0].place).toBe(place)
  })

  it('says what it cannot do before the first byte, and breaks off after it', async () => {
    const { app } = await api()
    const unknown = await app.inject({ url: query({ point: 'P-001,P-999' }), headers: asReader })
    expect([unknown.statusCode, unknown.json().code]).toEqual([404, 'INTERCHANGE_POINT'])
    const out = await app.inject({ url: query({ area: OUT }), headers: asReader })
    expect([out.statusCode, out.json().code]).toEqual([503, 'STORE_CLOSED'])
    await expect(app.inject({ url: query({ area: OUT_LATER }), headers: asReader })).rejects.toThrow()
  })

  it('ends when the right to read it does', async () => {
    const world: { tokens: StoredToken[] } = { tokens: [] }
    const { app, tokens } = await api({
      meterReadings: () =>
        ok(
          (async function* () {
            yield ok('<MeterReadings>')
            world.tokens.length = 0
            yield ok('</MeterReadings>')
          })(),
        ),
    })
    world.tokens = tokens
    await expect(app.inject({ url: query(), headers: asReader })).rejects.toThrow()
  })

  it.each(['viewer', 'customer'] as const)('is not for a %s', async (role) => {
    const { app } = await api()
    expect((await app.inject({ url: query(), headers: asRole(role) })).statusCode).toBe(403)
  })
})

describe('Green Button', () => {
  it('lists the points whoever asks may see, page by page', async () => {
    const { app } = await api()
    const first = (await app.inject({ url: `${POINTS}?limit=2`, headers: asReader })).json()
    expect(first.items.map(({ id }: { id: string }) => id)).toEqual(['P-001', 'P-002'])
    expect(first.items[0].feed).toBe(`${POINTS}/P-001/feed.xml`)
    const second = (await app.inject({ url: `${POINTS}?limit=2&cursor=${first.next}`, headers: asReader })).json()
    expect([second.items.length, second.next]).toEqual([1, null])
    expect((await app.inject({ url: `${POINTS}?cursor=AAAA`, headers: asReader })).json().code).toBe('API_CURSOR')
  })

  it('gives a customer his own and nothing else', async () => {
    const { app } = await api({
      scopeOf: (who) => (who?.customer ? { all: false, sees: (_, id) => id === 'P-002' } : { all: true, sees: () => true }),
    })
    const list = await app.inject({ url: POINTS, headers: asRole('customer') })
    expect(list.json().items.map(({ id }: { id: string }) => id)).toEqual(['P-002'])
    const other = await app.inject({ url: `${POINTS}/P-001/feed.xml`, headers: asRole('customer') })
    expect([other.statusCode, other.json().code]).toEqual([404, 'INTERCHANGE_POINT'])
  })

  it('writes the feed of a point, the last 31 days by hours unless told otherwise', async () => {
    const { app } = await api()
    const answer = await app.inject({ url: `${POINTS}/P-001/feed.xml`, headers: asRole('analyst') })
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/atom+xml; charset=utf-8'])
    expect(JSON.parse(answer.body.replace(/<[^>]+>/g, ''))).toEqual({
      ...{ from: NOW - 31 * 86_400_000, to: NOW, period: '1h', path: `${POINTS}/P-001` },
    })
    expect(
      (
        await app.inject({
          url: `${POINTS}/P-001/feed.xml?from=${encodeURIComponent(TO)}&to=${encodeURIComponent(FROM)}`,
          headers: asReader,
        })
      ).statusCode,
    ).toBe(400)
  })
})
