import { describe, expect, it } from 'vitest'
import { urlOf } from '../../src/api/case-json.ts'
import { type ApiDeps, type ApiOptions, listenApi } from '../../src/api/index.ts'
import { api, asOperator, asReader, OPTIONS } from './fake.ts'
import { fakeCases } from './fake-cases.ts'

const LIST = '/api/v1/cases'
const json = { ...asOperator, 'content-type': 'application/json' }

it('walks all of them once in pages, and takes no cursor of another order', async () => {
  const { app } = await api()
  const seen: number[] = []
  let first = ''
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = { limit: '3', ...(cursor ? { cursor } : {}) }
    const page: { items: { id: number }[]; next: string | null } = (await app.inject({ url: LIST, query, headers: asReader })).json()
    seen.push(...page.items.map(({ id }) => id))
    cursor = page.next
    first ||= cursor ?? ''
  }
  expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1])
  const other = await app.inject({ url: LIST, query: { cursor: first, sort: 'kwh' }, headers: asReader })
  expect(other.json()).toMatchObject({ status: 400, code: 'API_CURSOR' })
})

it('shows one with its figures, its history and its version as ETag; 404 for others', async () => {
  const { app } = await api()
  const answer = await app.inject({ url: `${LIST}/2`, headers: asReader })
  expect(answer.headers.etag).toBe('"7"')
  expect(answer.json()).toMatchObject({
    ...{ id: 2, kind: 'theft', target: 'P-1', detectedAt: '2026-03-01', to: null, kwh: { value: 30, low: 24, high: 36 }, overdue: true },
    ...{ why: { zh: '=疑似窃电' }, rule: 'balance', ruleVersion: 3, history: [{ what: 'opened', who: 'gridtally' }] },
  })
  expect((await app.inject({ url: `${LIST}/99`, headers: asReader })).json()).toMatchObject({ status: 404, code: 'API_CASE' })
})

it('shows what it rests on, with the readings as addresses of this API', async () => {
  const { app } = await api()
  const evidence = (await app.inject({ url: `${LIST}/2/evidence`, headers: asReader })).json()
  expect(evidence).toMatchObject({
    newest: { rule: 'balance', ruleVersion: 3, thresholds: { 'balance.sigma': 3 }, numbers: { beta: 1.6 }, ruledOut: [{ zh: '时钟正常' }] },
    grown: [{ day: '2026-03-01', score: 0.8, kwh: 30 }],
  })
  const answer = await app.inject({ url: evidence.newest.series[0].url, headers: asReader })
  // The route is there and takes its parameters; this point has no energy.
  expect([answer.json().code, evidence.newest.series[0].url]).toEqual([
    'ENERGY_POINT',
    '/api/v1/points/P-1/energy?from=2026-03-01T00%3A00%3A00.000Z&to=2026-03-03T00%3A00%3A00.000Z&period=15m',
  ])
})

const ref = { id: 'a b/c', fields: ['1.8.0'], from: 0, to: 40 * 86_400_000 }
it.each([
  ['register', '/api/v1/points/a%20b%2Fc/readings?', 'measurement=register&registers=1.8.0'],
  ['instant', '/api/v1/points/a%20b%2Fc/readings?', 'measurement=instant&registers=1.8.0'],
  ['interval', '/api/v1/points/a%20b%2Fc/energy?', 'period=day'],
  ['area', '/api/v1/areas/a%20b%2Fc/loss?', 'step=day'],
  ['comm', '/api/v1/signal/a%20b%2Fc?', 'level=meter'],
] as const)('an address of %s', (measurement, start, end) => {
  const url = urlOf({ measurement, ...ref }) ?? ''
  expect([url.startsWith(start), url.endsWith(end)]).toEqual([true, true])
})
it.each([
  ['an event', { measurement: 'event', ...ref }, '/api/v1/points/a%20b%2Fc/readings?'],
  ['a clock', { measurement: 'comm', ...ref, fields: ['clock_drift'] }, '/api/v1/clocks/a%20b%2Fc'],
  ['a meter in no ledger', { measurement: 'register', ...ref, id: 'unregistered/7' }, '/api/v1/unregistered/7'],
] as const)('an address of %s', (_, series, start) => expect(urlOf(series)?.startsWith(start)).toBe(true))
it('no address where time has no end', () => expect(urlOf({ measurement: 'event', ...ref, to: Number.POSITIVE_INFINITY })).toBeNull())

it.each([
  ['acknowledge', {}, { act: 'acknowledge', text: '' }],
  ['start', { workOrder: 'W-1' }, { act: 'start', text: '', workOrder: 'W-1' }],
  ['explain', { cause: 'vacation', text: 'away' }, { act: 'explain', cause: 'vacation', text: 'away' }],
  ['close', { cause: 'bypass', text: 'gone', analysis: 'x' }, { act: 'close', cause: 'bypass', text: 'gone', analysis: 'x' }],
  ['close', { cause: 'x', text: 'y', outcome: 'false-alarm' }, { act: 'close', cause: 'x', text: 'y', outcome: 'false-alarm' }],
  ['reopen', { text: 'again' }, { act: 'reopen', text: 'again' }],
  ['assign', { owner: 'wang' }, { act: 'assign', owner: 'wang', text: '' }],
  ['plan', { dueAt: '2026-08-20T00:00:00+08:00' }, { act: 'plan', text: '', dueAt: Date.parse('2026-08-19T16:00:00Z') }],
  ['silence', { until: null, text: 'x' }, { act: 'silence', until: null, text: 'x' }],
  ['comment', { text: 'nobody at home' }, { act: 'comment', text: 'nobody at home' }],
])('%s, under the name of the token', async (act, payload, expected) => {
  const cases = fakeCases()
  const { app } = await api(cases)
  const answer = await app.inject({ method: 'POST', url: `${LIST}/3/${act}`, headers: json, payload })
  expect(answer.json()).toMatchObject({ id: 3 })
  expect(cases.acts).toEqual([{ id: 3, act: expected, who: 'operator', version: null }])
})

it.each([
  ['the version that was seen', '"7"', 200],
  ['any version', '*', 200],
  ['an older version', '"6"', 412],
  ['no version', 'seven', 400],
])('does it for %s', async (_, match, status) => {
  const { app } = await api()
  const headers = { ...json, 'if-match': match }
  expect((await app.inject({ method: 'POST', url: `${LIST}/3/acknowledge`, headers, payload: {} })).statusCode).toBe(status)
})

it.each([
  ['/3/close', { cause: ' ', text: 'x' }],
  ['/3/close', { cause: 'x' }],
  ['/3/comment', { text: '' }],
  ['/3/assign', {}],
  ['/3/close', { cause: 'x', text: 'y', outcome: 'good' }],
  ['/3/assign', { owner: '  ' }],
  ['/3/start', { workOrder: ' ' }],
  ['/3/plan', { dueAt: 'soon' }],
  // Ajv takes leap seconds and years beyond those of RFC 3339.
  ['/3/plan', { dueAt: '2026-12-31T23:59:60Z' }],
  ['/3/plan', { dueAt: '9999-12-31T23:59:59-23:59' }],
  ['/3/plan', { dueAt: '0000-01-01T00:00:00Z' }],
  ['/3/silence', { until: '2026-12-31T23:59:60Z', text: 'x' }],
  ['/acknowledge', { ids: [] }],
])('refuses %s %j', async (path, payload) => {
  const { app } = await api()
  const answer = await app.inject({ method: 'POST', url: LIST + path, headers: json, payload })
  expect([answer.statusCode, answer.json().code]).toEqual([400, 'API_VALUE'])
})

it('says once what a value may be', async () => {
  const { app } = await api()
  const at = async (path: string, payload: object) =>
    (await app.inject({ method: 'POST', url: `${LIST}/3/${path}`, headers: json, payload })).json().errors
  expect(await at('comment', { text: ' ' })).toEqual([{ place: 'body/text', value: ' ', allowed: 'a text that is not blank' }])
  expect(await at('plan', { dueAt: 'soon' })).toEqual([
    { place: 'body/dueAt', value: 'soon', allowed: expect.stringContaining('an instant with offset') },
  ])
})

it('tells how often it was right', async () => {
  const { app } = await api()
  const ask = async (query = '') => (await app.inject({ url: `${LIST}/outcomes${query}`, headers: asReader })).json()
  expect(await ask('?since=2026-01-01T00:00:00Z')).toEqual({
    items: [{ kind: 'theft', confirmed: 19, otherCause: 0, falseAlarm: 1, notChecked: 2, notSaid: 3, precision: 0.95 }],
    next: null,
  })
  expect(await ask('?since=2026-12-31T23:59:60Z')).toMatchObject({ status: 400, code: 'API_VALUE' })
})

it('acknowledges many, each by itself', async () => {
  const { app } = await api()
  const answer = await app.inject({ method: 'POST', url: `${LIST}/acknowledge`, headers: json, payload: { ids: [1, 2, 2, 99] } })
  expect(answer.json()).toMatchObject({ done: [1, 2], refused: [{ id: 99 }] })
})

it('exports all as CSV: no formula runs, numbers are numbers', async () => {
  const { app } = await api()
  const answer = await app.inject({ url: `${LIST}/export?language=zh`, headers: asReader })
  const [head, first, ...rest] = answer.body.split('\r\n')
  expect([answer.headers['content-type'], head?.startsWith('\uFEFFid,kind,state'), rest.length]).toEqual([
    'text/csv; charset=utf-8',
    true,
    7,
  ])
  expect(first).toContain('7,"theft","open","high","P-1","A-1","Z-1",2026-03-01,')
  expect(first).toContain(`,0.8,30,24,36,,"'=疑似窃电",`)
})

it('tells who is told, and tries it', async () => {
  const { app } = await api()
  expect((await app.inject({ url: '/api/v1/notify', headers: asReader })).json()).toMatchObject({ items: [{ id: 'ops', kind: 'webhook' }] })
  const test = async (id: string) =>
    (await app.inject({ method: 'POST', url: `/api/v1/notify/${id}/test`, headers: asOperator })).statusCode
  expect([await test('ops'), await test('nobody')]).toEqual([200, 404])
})

it('counts in the metrics', async () => {
  const { app } = await api()
  const text = (await app.inject({ url: '/metrics', headers: asReader })).body
  expect(text).toContain('gridtally_cases_open{kind="theft",severity="high"} 3')
  expect(text).toContain('gridtally_cases_overdue{kind="theft",severity="high"} 1')
})

describe('the stream of changes', () => {
  const listening = async (change: Partial<ApiDeps> = {}, options: Partial<ApiOptions> = {}) => {
    const world = await api(change, options)
    return { ...world, address: await listenApi(world.app, OPTIONS) }
  }
  const readUntil = async (reader: ReadableStreamDefaultReader<Uint8Array>, wanted: RegExp): Promise<string> => {
    let text = ''
    while (!wanted.test(text)) {
      const { done, value } = await reader.read()
      if (done) throw new Error(`stream ended: ${text}`)
      text += Buffer.from(value).toString()
    }
    return text
  }
  const openAt = async (address: string, headers: Record<string, string> = {}, query = '') => {
    const answer = await fetch(`${address}${LIST}/stream${query}`, { headers: { ...asReader, ...headers } })
    if (!answer.body) throw new Error('no body')
    return { answer, reader: answer.body.getReader() }
  }
  const idsOf = (text: string) => [...text.matchAll(/^id: (\d+)\nevent: case/gm)].map(([, id]) => Number(id))

  it('says what comes from now on, as it comes', async () => {
    const cases = fakeCases()
    const { address } = await listening(cases)
    const { answer, reader } = await openAt(address)
    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    expect(await readUntil(reader, /cases\n\n/)).toContain('id: 3\n')
    cases.grow()
    const text = await readUntil(reader, /\n\n$/)
    expect(idsOf(text)).toEqual([4])
    expect(JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '')).toMatchObject({
      seq: 4,
      what: 'commented',
      who: 'li',
      case: { id: 1, kind: 'theft' },
    })
    await reader.cancel()
  })
  it('goes on where a client was, and loses nothing in between', async () => {
    const cases = fakeCases()
    const { address } = await listening(cases)
    for (const given of [
      { headers: { 'last-event-id': '1' }, query: '' },
      { headers: {}, query: '?after=1' },
    ]) {
      const { reader } = await openAt(address, given.headers, given.query)
      expect(idsOf(await readUntil(reader, /id: 3\nevent: case\n.*\n\n/))).toEqual([2, 3])
      await reader.cancel()
    }
    for (let n = 0; n < 500; n++) cases.grow()
    const { reader } = await openAt(address, { 'last-event-id': '3' })
    expect(idsOf(await readUntil(reader, /id: 503\nevent: case\n.*\n\n/))).toEqual(Array.from({ length: 500 }, (_, at) => at + 4))
    await reader.cancel()
  })
  it('takes a number it never gave for "from now on", and no word for a number', async () => {
    const { address } = await listening()
    const { reader } = await openAt(address, { 'last-event-id': '900' })
    expect(await readUntil(reader, /cases\n\n/)).toContain('id: 3\n')
    await reader.cancel()
    expect((await openAt(address, { 'last-event-id': 'x' })).answer.status).toBe(400)
  })
  it('is open a few times for each token, shows that it lives, and ends with the gateway', async () => {
    const { app, address } = await listening({}, { trace: { perToken: 1, total: 9, heartbeatMs: 5 } })
    const { reader } = await openAt(address)
    expect((await openAt(address)).answer.status).toBe(429)
    await readUntil(reader, /still here/)
    const closed = app.close()
    expect(await readUntil(reader, /event: end/)).toContain('the gateway is stopping')
    await closed
  })
})
