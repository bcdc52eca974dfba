import { describe, expect, it } from 'vitest'
import { textCell } from '../../src/api/csv.ts'
import { ok, seriesOf, shapeOf } from '../../src/core/index.ts'
import { api, asReader, fail, NOW, readingOf } from './fake.ts'

const get = async (path: string, change: Parameters<typeof api>[0] = {}, headers: Record<string, string> = {}) => {
  const { app } = await api(change)
  return app.inject({ url: `/api/v1${path}`, headers: { ...asReader, ...headers } })
}
const at = (quarter: number) => new Date(NOW - (96 - quarter) * 900_000).toISOString()

describe('readings of a point', () => {
  it('gives a day, oldest first, as the meter displayed it and with the ratio applied', async () => {
    const answer = await get('/points/P-001/readings')
    expect(answer.statusCode).toBe(200)
    const { items, next } = answer.json()
    expect([items.length, next]).toEqual([96, null])
    expect(items[0]).toMatchObject({
      point: 'P-001',
      meter: 'M-P-001',
      measurement: 'register',
      source: 'live',
      measuredAt: at(0),
      receivedAt: new Date(Date.parse(at(0)) + 1_500).toISOString(),
      ratio: '40',
      quality: ['good'],
      absent: [],
    })
    const raw = 12_345_678 + (NOW - 96 * 900_000) / 900_000
    expect(items[0].values[0]).toEqual({
      obis: '1-0:1.8.0',
      name: 'active import energy',
      unit: 'kWh',
      value: `${String(raw).slice(0, -2)}.${String(raw).slice(-2)}`,
      primary: `${String(raw * 40).slice(0, -2)}.${String(raw * 40).slice(-2)}`,
    })
  })

  it('gives what meters said that happened, by its name', async () => {
    const event = readingOf('P-001', NOW - 1, {
      series: seriesOf('event', { meter: 'M-P-001', point: 'P-001', area: 'A-1', code: 'COVER_OPEN' }),
      shape: shapeOf([{ field: 'event', obis: null, unit: '', scaler: 0 }]),
      raws: [1],
    })
    const { items } = (
      await get('/points/P-001/readings?measurement=event', { range: async () => ok({ readings: [event], next: null }) })
    ).json()
    expect(items).toMatchObject([{ measurement: 'event', values: [{ name: 'COVER_OPEN', value: '1' }] }])
  })

  it('says what is absent, why and what to do, and never zero', async () => {
    const { items } = (await get(`/points/P-001/readings?from=${at(2)}&to=${at(3)}`)).json()
    expect(items).toHaveLength(1)
    expect(items[0].absent).toEqual([
      { obis: '1-0:1.8.0', name: 'active import energy', code: 'DLT645_BCD', hint: 'remove it from the profile' },
    ])
    expect(items[0].quality).toEqual(['partial'])
    expect(items[0].values.map(({ obis }: { obis: string }) => obis)).not.toContain('1-0:1.8.0')
  })

  it.each([
    ['beyond 2^53', 123_456_789_012_345_678_901n, -3, '4000', '123456789012345678.901', '493827156049382715604.000'],
    ['twelve digits', 999_999_999_999, -4, '1', '99999999.9999', '99999999.9999'],
    ['a fraction as ratio', 12_345, -2, '0.50', '123.45', '61.725'],
    ['negative', -1, -2, '20', '-0.01', '-0.20'],
    ['zero', 0, -2, '40', '0.00', '0.00'],
    ['ten as ratio', 5, 0, '10.0', '5', '50'],
    ['an unknown ratio', 5, 0, '-', '5', null],
  ])('keeps every digit: %s', async (_, raw, scaler, ratio, value, primary) => {
    const odd = readingOf('P-001', NOW - 1, {
      shape: shapeOf([{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', scaler }]),
      raws: [raw],
      ratio,
    })
    const { items } = (
      await get('/points/P-001/readings', { range: async () => ({ ok: true, value: { readings: [odd], next: null } }) })
    ).json()
    expect(items[0].values[0]).toMatchObject({ value, primary })
  })

  it('leaves instantaneous values and what is no energy as they are: they are primary', async () => {
    const instant = readingOf('P-001', NOW - 1, {
      series: seriesOf('instant', { meter: 'M', point: 'P-001', area: 'A-1', source: 'live' }),
      shape: shapeOf([{ field: '1.7.0', obis: '1-0:1.7.0', unit: 'kW', scaler: null }]),
      raws: [1250],
      scalers: [-3],
    })
    const { items } = (
      await get('/points/P-001/readings?measurement=instant', {
        range: async () => ({ ok: true, value: { readings: [instant], next: null } }),
      })
    ).json()
    expect(items[0].values).toEqual([{ obis: '1-0:1.7.0', name: 'active import power', unit: 'kW', value: '1.250', primary: '1.250' }])
  })

  it.each([['1.8.0,2.8.0'], ['1-0:1.8.0,2.8.0']])('gives only the registers asked for: %s', async (registers) => {
    const { items } = (await get(`/points/P-001/readings?registers=${registers}`)).json()
    expect(items[0].values.map(({ obis }: { obis: string }) => obis)).toEqual(['1-0:1.8.0', '1-0:2.8.0'])
    expect(items).toHaveLength(96)
  })

  it('leaves out readings that have none of the registers', async () => {
    expect((await get('/points/P-001/readings?registers=13.7.0')).json()).toEqual({ items: [], next: null })
  })

  it('hands range, source and measurement to the store', async () => {
    const asked: unknown[] = []
    const from = '2026-08-01T00:00:00+08:00'
    await get(`/points/P-001/readings?from=${encodeURIComponent(from)}&to=2026-08-02T00:00:00Z&source=day-freeze&limit=7`, {
      range: async (query) => {
        asked.push(query)
        return { ok: true, value: { readings: [], next: null } }
      },
    })
    expect(asked).toEqual([
      {
        measurement: 'register',
        tags: { point: 'P-001' },
        source: 'day-freeze',
        from: Date.parse(from),
        to: Date.parse('2026-08-02T00:00:00Z'),
        limit: 7,
      },
    ])
  })

  it.each([1, 7, 32, 95, 96])('walks everything once in pages of %i, however late the next one is asked', async (limit) => {
    let now = NOW
    const { app } = await api({ now: () => now })
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const answer = await app.inject({
        url: '/api/v1/points/P-001/readings',
        query: { limit: String(limit), ...(cursor === null ? {} : { cursor }) },
        headers: asReader,
      })
      const page: { items: { measuredAt: string }[]; next: string | null } = answer.json()
      seen.push(...page.items.map(({ measuredAt }) => measuredAt))
      cursor = page.next
      now += 3_600_000
    } while (cursor !== null)
    expect(seen).toEqual(Array.from({ length: 96 }, (_, quarter) => at(quarter)))
  })
})

describe('readings as CSV', () => {
  it.each([
    ['?format=csv', {}],
    ['', { accept: 'text/csv' }],
  ])('gives the whole range with %s %o', async (query, headers) => {
    const answer = await get(`/points/P-001/readings${query}`, {}, headers)
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8')
    expect([...answer.rawPayload.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf])
    const lines = answer.payload.slice(1).split('\r\n')
    expect(lines[0]).toBe('measuredAt,receivedAt,point,meter,measurement,source,quality,ratio,obis,name,unit,value,primary,absent')
    expect(lines).toHaveLength(1 + 96 * 12 + 1)
    const raw = 12_345_678 + (NOW - 96 * 900_000) / 900_000
    expect(lines[1]).toBe(
      `${at(0)},${new Date(Date.parse(at(0)) + 1_500).toISOString()},"P-001","M-P-001","register","live","good",40,` +
        `"1-0:1.8.0","active import energy","kWh",${(raw / 100).toFixed(2)},${((raw * 40) / 100).toFixed(2)},`,
    )
  })

  it('leaves the cell of an absent value empty and names the reason', async () => {
    const { payload } = await get(`/points/P-001/readings?format=csv&registers=1.8.0&from=${at(2)}&to=${at(3)}`)
    expect(payload.split('\r\n')[1]).toMatch(/,"1-0:1\.8\.0","active import energy","",,,"DLT645_BCD"$/)
  })

  it('follows every page of the store', async () => {
    const pages: (string | undefined)[] = []
    const { payload } = await get('/points/P-001/readings?format=csv&registers=1.8.0&limit=3', {
      range: async ({ cursor }) => {
        pages.push(cursor)
        const page = Number(cursor ?? 0)
        return { ok: true, value: { readings: [readingOf('P-001', NOW + page)], next: page < 4 ? String(page + 1) : null } }
      },
    })
    expect(pages).toEqual([undefined, '1', '2', '3', '4'])
    expect(payload.trim().split('\r\n')).toHaveLength(6)
  })

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '＝1', '＋1', '－1', '＠x', '\u0000=1'])(
    'guards a text cell that starts as %j',
    async (name) => {
      expect(textCell(name)).toBe(`"'${name}"`)
      const series = seriesOf('register', { meter: name, point: 'P-001', area: 'A', source: 'live' })
      const odd = readingOf('P-001', NOW - 1, { series, raws: [-5] })
      const { payload } = await get('/points/P-001/readings?format=csv&registers=1.8.0', {
        range: async () => ({ ok: true, value: { readings: [odd], next: null } }),
      })
      expect(payload).toContain(`,"'${name}",`)
      expect(payload).toContain(',-0.05,-2.00,')
    },
  )

  it.each(['Müller & Söhne', '3=4', 'a-b', '中文', ''])('leaves %j alone', (name) => expect(textCell(name)).toBe(`"${name}"`))
  it('doubles quotes', () => expect(textCell('say "x", y')).toBe('"say ""x"", y"'))
})

describe('refuses', () => {
  it.each([
    ['from=yesterday', 'querystring/from', 'yesterday'],
    ['from=2026-08-15', 'querystring/from', '2026-08-15'],
    ['from=2026-08-15T00:00:00', 'querystring/from', '2026-08-15T00:00:00'],
    ['to=2026-02-30T00:00:00Z', 'querystring/to', '2026-02-30T00:00:00Z'],
    ['to=2026-06-30T23:59:60Z', 'querystring/to', '2026-06-30T23:59:60Z'],
    ['from=2026-08-15T00:00:00+08:00', 'querystring/from', '2026-08-15T00:00:00 08:00'],
    ['from=2026-08-15T00:00:00Z&to=2026-08-14T00:00:00Z', 'querystring/from', '2026-08-15T00:00:00Z'],
    ['registers=1.8.0,abc', 'querystring/registers', 'abc'],
    ['registers=1.8.300', 'querystring/registers', '1.8.300'],
    ['registers=', 'querystring/registers', ''],
    ['source=guess', 'querystring/source', 'guess'],
    ['measurement=comm', 'querystring/measurement', 'comm'],
    ['limit=0', 'querystring/limit', '0'],
    ['limit=5001', 'querystring/limit', '5001'],
    ['limit=x', 'querystring/limit', 'x'],
    ['limit=1&limit=2', 'querystring/limit', '["1","2"]'],
    ['form=csv', 'querystring', 'form'],
  ])('%s, naming place, value and what is allowed', async (query, place, value) => {
    const answer = await get(`/points/P-001/readings?${query}`)
    expect(answer.statusCode).toBe(400)
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    expect(answer.json()).toMatchObject({ status: 400, code: 'API_VALUE', title: 'Bad Request', instance: '/api/v1/points/P-001/readings' })
    expect(answer.json().errors[0]).toMatchObject({ place, value, allowed: expect.stringMatching(/./) })
  })

  it.each(['x', 'bnVsbA', Buffer.from('[1,2]').toString('base64url'), Buffer.from('[1,2,"!"]').toString('base64url')])(
    'the cursor %s',
    async (cursor) => {
      const answer = await get(`/points/P-001/readings?cursor=${cursor}`)
      expect([answer.statusCode, answer.json().code]).toEqual([400, 'API_CURSOR'])
    },
  )

  it('an unknown point', async () => {
    const answer = await get('/points/P-999/readings')
    expect([answer.statusCode, answer.json().code]).toEqual([404, 'API_POINT'])
  })

  it('with the words of the store when it is out', async () => {
    const answer = await get('/points/P-001/readings', { range: async () => fail('STORE_CLOSED', 'disk full') })
    expect(answer.statusCode).toBe(503)
    expect(answer.headers['retry-after']).toBe('5')
    expect(answer.json()).toMatchObject({ code: 'STORE_CLOSED', detail: 'disk full', hint: 'free the disk', recovery: 'wait' })
  })
})
