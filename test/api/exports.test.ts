import { createHash } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { asOperator, asReader, asRole, NOW, api as opened, pointOf } from './fake.ts'

/** An API of the test's own: what makes files is known to it from the start. */
const api = async (gateway: Parameters<typeof opened>[0] = {}) => (await opened(gateway, {})).app
const at = (hours: number) => encodeURIComponent(new Date(NOW + hours * 3_600_000).toISOString())
const DAY = `from=${at(-24)}&to=${at(0)}`
const get = async (app: Awaited<ReturnType<typeof api>>, url: string, headers = asRole('analyst')) =>
  app.inject({ url: `/api/v1${url}`, headers })
const linesOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('a result as a file', () => {
  it('has every value of every reading, the ratio applied and not, and no value where none was read', async () => {
    const app = await api()
    const answer = await get(app, `/results/readings?${DAY}&point=P-001&point=P-002&format=ndjson`)
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/x-ndjson'])
    expect(answer.headers['content-disposition']).toMatch(/^attachment; filename="readings-20260815-120000\.ndjson"$/)
    const rows = linesOf(answer.payload)
    expect(rows).toHaveLength(2 * 96 * 12)
    expect(rows[0]).toEqual({
      ...{
        point: 'P-001',
        meter: 'M-P-001',
        area: 'A-1',
        measured_at: '2026-08-14T20:00:00.000+08:00',
        received_at: '2026-08-14T20:00:01.500+08:00',
      },
      ...{
        measurement: 'register',
        source: 'live',
        quality: 'good',
        obis: '1-0:1.8.0',
        name: 'active import energy',
        direction: 'import',
        unit: 'kWh',
      },
      ...{ value: rows[0].value, primary: String((Number(rows[0].value) * 40).toFixed(2)), ratio: '40', absent: null },
    })
    expect(rows.find(({ absent }) => absent !== null)).toMatchObject({
      obis: '1-0:1.8.0',
      value: null,
      primary: null,
      absent: 'DLT645_BCD',
    })
    expect(answer.trailers['repr-digest']).toBe(`sha-256=:${createHash('sha256').update(answer.payload).digest('base64')}:`)
    expect(answer.trailers['x-rows']).toBe(String(rows.length))
  })
  it('is CSV unless said, with heads that name unit, direction and ratio', async () => {
    const answer = await get(await api(), `/results/readings?${DAY}&point=P-001&registers=2.8.0`)
    expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8')
    expect(answer.payload.split('\r\n')[0]).toContain('"value (registers as displayed, ratio not applied)","primary value (ratio applied)"')
    expect(answer.payload.trimEnd().split('\r\n')).toHaveLength(1 + 96)
  })
  it('can be any list, with the filters of the list and page after page', async () => {
    const app = await api()
    const rows = linesOf((await get(app, '/results/points?area=A-2&format=ndjson')).payload)
    expect(rows).toHaveLength(12)
    expect(rows[0]).toMatchObject({ id: 'P-002', area: 'A-2', role: 'customer' })
    const csv = (await get(app, '/results/points?language=zh')).payload
    expect(csv).toContain('"编号","名称"')
    expect(csv.trimEnd().split('\r\n')).toHaveLength(26)
    const areas = linesOf((await get(app, '/results/areas?format=ndjson')).payload)
    expect(areas[0]).toHaveProperty(['latest.loss'])
  })
  it('has the pages after the first of a long list, with its filters', async () => {
    const many = Array.from({ length: 2500 }, (_, index) => pointOf(`P-${String(index).padStart(4, '0')}`, index % 2 ? 'A-2' : 'A-1'))
    const app = await api({
      points: ({ area }, after, limit) =>
        many.filter((one) => (area === undefined || one.area === area) && (after === null || one.id > after)).slice(0, limit),
    })
    for (const [query, ids] of [
      ['', many.map(({ id }) => id)],
      ['&area=A-2&text=P-', many.filter(({ area }) => area === 'A-2').map(({ id }) => id)],
    ] as const)
      expect(linesOf((await get(app, `/results/points?format=ndjson${query}`)).payload).map(({ id }) => id)).toEqual(ids)
  })
  it('lists what there is, with what each takes, for who may see it', async () => {
    const app = await api()
    const { items } = (await get(app, '/results')).json()
    const names = items.map(({ name }: { name: string }) => name)
    expect(names).toEqual(
      expect.arrayContaining([
        'readings',
        'energy',
        'loss',
        'latest',
        'points',
        'cases',
        'gaps',
        'areas',
        'energy-findings',
        'energy-corrections',
      ]),
    )
    expect(names).not.toContain('audit')
    expect(items[0]).toMatchObject({
      name: 'readings',
      permission: 'readings:read',
      query: { properties: { from: { format: 'date-time' } } },
    })
  })
  it.each([
    ['/results/nothing', 404, 'EXPORT_RESULT'],
    [`/results/readings?${DAY}&point=P-999`, 404, 'API_POINT'],
    [`/results/readings?from=${at(0)}&to=${at(-1)}`, 400, 'API_VALUE'],
    ['/results/readings', 400, 'API_VALUE'],
    [`/results/readings?${DAY}&registers=x`, 400, 'API_VALUE'],
    [`/results/readings?${DAY}&colour=red`, 400, 'API_VALUE'],
    [`/results/energy?${DAY}&area=A-9`, 400, 'API_VALUE'],
    ['/results/points?colour=red', 400, 'API_VALUE'],
    ['/results/cases?state=lost', 400, 'API_VALUE'],
    ['/results/points?format=pdf', 400, 'API_VALUE'],
  ])('%s is refused', async (url, status, code) => {
    const answer = await get(await api(), url)
    expect([answer.statusCode, answer.json().code]).toEqual([status, code])
    expect(answer.json().hint).toMatch(/.{10}/)
  })
  it('is for who may take rows away and may see them', async () => {
    const app = await api()
    for (const role of ['viewer', 'operator', 'customer', 'secadm', 'auditor', 'installer'] as const)
      expect([role, (await get(app, `/results/readings?${DAY}`, asRole(role))).statusCode]).toEqual([role, 403])
    // Billing may export, but sees no cases.
    expect((await get(app, '/results/cases', asRole('billing'))).json().code).toBe('API_PERMISSION')
    expect((await get(app, `/results/readings?${DAY}&point=P-001`, asRole('billing'))).statusCode).toBe(200)
  })
  it('answers HEAD without making a file, and writes none down', async () => {
    const app = await api()
    const head = (url: string, headers = asRole('analyst')) => app.inject({ method: 'HEAD', url: `/api/v1${url}`, headers })
    const answer = await head('/results/points?format=xlsx')
    expect([answer.statusCode, answer.payload, answer.headers['content-type']]).toEqual([200, '', expect.stringContaining('spreadsheetml')])
    expect(answer.headers).not.toHaveProperty('content-length')
    expect((await head('/results/points?colour=red')).statusCode).toBe(400)
    expect((await head('/results/points', asRole('viewer'))).statusCode).toBe(403)
    expect((await get(app, '/exports/log', asRole('auditor'))).json().items).toEqual([])
    const list = await get(app, '/points?limit=3')
    expect((await head('/points?limit=3')).headers).toMatchObject({
      etag: list.headers.etag,
      'content-length': list.headers['content-length'],
    })
    expect((await head('/exports/9/file')).statusCode).toBe(404)
    // A stream of events says that it is there, and keeps no place.
    for (let turn = 0; turn < 20; turn++) {
      const { statusCode, payload, headers } = await head('/readings/stream')
      expect([statusCode, payload, headers['content-type']]).toEqual([200, '', 'text/event-stream; charset=utf-8'])
    }
  })
  it('holds nothing of what somebody does not see', async () => {
    const scope = { all: false, sees: (_kind: string, id: string) => id === 'P-001' }
    const app = await api({ scopeOf: () => scope })
    const rows = linesOf((await get(app, `/results/readings?${DAY}&format=ndjson`)).payload)
    expect(new Set(rows.map(({ point }) => point))).toEqual(new Set(['P-001']))
    expect((await get(app, `/results/readings?${DAY}&point=P-002`)).statusCode).toBe(404)
    expect(linesOf((await get(app, '/results/latest?format=ndjson')).payload).every(({ point }) => point === 'P-001')).toBe(true)
  })
})

describe('a file that is made in the background', () => {
  const begin = async (app: Awaited<ReturnType<typeof api>>, payload: object, headers = asRole('analyst')) =>
    app.inject({ method: 'POST', url: '/api/v1/exports', headers, payload })
  it('is asked for, looked at, fetched whole and in parts, and deleted', async () => {
    const app = await api()
    const begun = await begin(app, { result: 'points', query: { area: 'A-1' }, format: 'csv' })
    expect(begun.json()).toMatchObject({
      id: 1,
      result: 'points',
      query: { area: 'A-1' },
      format: 'csv',
      state: 'waiting',
      percent: null,
      file: null,
    })
    const done = await vi.waitFor(
      async () => {
        const found = (await get(app, '/exports/1')).json()
        expect(found.state).toBe('done')
        return found
      },
      { timeout: 60_000 },
    )
    expect(done).toMatchObject({ rows: 13, percent: 100, file: { url: '/api/v1/exports/1/file' } })
    const whole = await get(app, '/exports/1/file')
    expect(createHash('sha256').update(whole.rawPayload).digest('hex')).toBe(done.file.sha256)
    expect(whole.headers).toMatchObject({ etag: `"${done.file.sha256}"`, 'accept-ranges': 'bytes', 'content-length': String(done.bytes) })
    const part = (range: string, more = {}) =>
      app.inject({ url: '/api/v1/exports/1/file', headers: { ...asRole('analyst'), range, ...more } })
    const half = await part('bytes=100-')
    expect([half.statusCode, half.headers['content-range']]).toEqual([206, `bytes 100-${done.bytes - 1}/${done.bytes}`])
    expect(half.rawPayload).toEqual(whole.rawPayload.subarray(100))
    expect((await part('bytes=-10')).rawPayload).toEqual(whole.rawPayload.subarray(-10))
    expect((await part('bytes=0-0')).rawPayload).toHaveLength(1)
    expect((await part(`bytes=${done.bytes}-`)).statusCode).toBe(416)
    expect((await part('bytes=5-2')).statusCode).toBe(200)
    expect((await part('lines=1-2')).statusCode).toBe(200)
    expect((await part('bytes=100-', { 'if-range': '"another"' })).statusCode).toBe(200)
    expect(
      (await app.inject({ url: '/api/v1/exports/1/file', headers: { ...asRole('analyst'), 'if-none-match': `"${done.file.sha256}"` } }))
        .statusCode,
    ).toBe(304)
    const head = (more = {}) => app.inject({ method: 'HEAD', url: '/api/v1/exports/1/file', headers: { ...asRole('analyst'), ...more } })
    const { etag, 'content-length': length, 'content-type': type, 'repr-digest': digest, 'accept-ranges': ranges } = whole.headers
    expect(await head({ range: 'bytes=5-9' })).toMatchObject({
      ...{ statusCode: 200, payload: '' },
      headers: { etag, 'content-length': length, 'content-type': type, 'repr-digest': digest, 'accept-ranges': ranges },
    })
    expect((await head({ 'if-none-match': etag })).statusCode).toBe(304)
    expect((await part('bytes=100-', { 'if-range': etag })).rawPayload).toEqual(whole.rawPayload.subarray(100))
    const over = await part(`bytes=${done.bytes}-`)
    expect([over.statusCode, over.headers['content-range'], over.json().code]).toEqual([416, `bytes */${done.bytes}`, 'API_RANGE'])
    expect((await app.inject({ method: 'DELETE', url: '/api/v1/exports/1', headers: asRole('analyst') })).statusCode).toBe(200)
    expect((await get(app, '/exports/1')).statusCode).toBe(404)
  })
  it('is there for who asked and for nobody else', async () => {
    const app = await api()
    await begin(app, { result: 'points' })
    expect((await get(app, '/exports')).json().items).toHaveLength(1)
    expect((await get(app, '/exports', asOperator)).json().items).toHaveLength(0)
    for (const url of ['/exports/1', '/exports/1/file']) expect((await get(app, url, asOperator)).statusCode).toBe(404)
    expect((await app.inject({ method: 'DELETE', url: '/api/v1/exports/1', headers: asOperator })).statusCode).toBe(404)
  })
  it.each([
    [{ result: 'nothing' }, 404],
    [{ result: 'points', query: { colour: 'red' } }, 400],
    [{ result: 'readings', query: {} }, 400],
    [{ result: 'readings', query: { from: 'yesterday', to: 'now' } }, 400],
    [{ result: 'points', format: 'exe' }, 400],
    [{}, 400],
  ])('%j is refused at once', async (payload, status) => {
    expect((await begin(await api(), payload)).statusCode).toBe(status)
  })
  it('every file stands in the log, which auditors read', async () => {
    const app = await api()
    await get(app, '/results/points?area=A-1')
    await get(app, '/results/areas?format=ndjson')
    const { items } = (await get(app, '/exports/log?limit=1', asRole('auditor'))).json()
    expect(items).toMatchObject([
      { result: 'areas', who: 'as-analyst', kind: 'token', job: null, outcome: 'done', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ])
    const { next } = (await get(app, '/exports/log?limit=1', asRole('auditor'))).json()
    expect((await get(app, `/exports/log?limit=1&cursor=${next}`, asRole('auditor'))).json()).toMatchObject({
      items: [{ result: 'points', query: { area: 'A-1' }, rows: 13 }],
      next: null,
    })
    expect((await get(app, '/exports/log', asReader)).statusCode).toBe(403)
    expect((await get(app, '/exports/log?cursor=zz', asRole('auditor'))).json().code).toBe('API_CURSOR')
  })
})
