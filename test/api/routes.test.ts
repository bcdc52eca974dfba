import { describe, expect, it } from 'vitest'
import type { TracedFrame } from '../../src/api/index.ts'
import { api, asOperator, asReader, errorOf, fail, NOW, readingOf, refusal } from './fake.ts'

const json = { ...asOperator, 'content-type': 'application/json' }

describe('health', () => {
  it('is live with version and age', async () => {
    const { app } = await api()
    const answer = await app.inject('/health/live')
    expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'live', version: '1.2.3', uptimeS: 90 }])
  })

  it('is ready while the outbox takes readings, and says how it is', async () => {
    const { app } = await api()
    const answer = await app.inject('/health/ready')
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toEqual({ status: 'ready', parts: [{ part: 'outbox', state: 'ok', sentence: '4 entries wait.', cure: null }] })
  })

  it('is 503 when it is not, naming the part and the cure', async () => {
    const part = { part: 'outbox', state: 'failed' as const, sentence: 'The disk is full.', cure: 'Free some space.' }
    const { app } = await api({ health: () => ({ ready: false, parts: [part] }) })
    const answer = await app.inject('/health/ready')
    expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'not-ready', parts: [part] }])
  })

  it('answers HEAD, as supervisors ask', async () => {
    const { app } = await api()
    expect((await app.inject({ method: 'HEAD', url: '/health/live' })).statusCode).toBe(200)
  })
})

describe('metrics', () => {
  it('gives what the rooms counted, in Prometheus text', async () => {
    const { app } = await api({}, {})
    await app.inject('/health/live')
    const { headers, payload } = await app.inject({ url: '/metrics', headers: asReader })
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    for (const line of [
      'gridtally_reads_due_total{line="line-1"} 10',
      'gridtally_reads_done_total{line="line-1"} 8',
      'gridtally_reads_first_try_total{line="line-1"} 7',
      'gridtally_reads_missed_total{line="line-1"} 2',
      'gridtally_reads_late_total{line="line-1"} 1',
      'gridtally_exchange_failures_total{line="line-1",reason="LINE_NOISE"} 5',
      'gridtally_line_up{line="line-1"} 1',
      'gridtally_line_busy_ratio{line="line-1"} 0.25',
      'gridtally_line_queue{line="line-1"} 3',
      'gridtally_exchange_seconds_bucket{le="0.05",line="line-1"} 3',
      'gridtally_exchange_seconds_bucket{le="0.5",line="line-1"} 7',
      'gridtally_exchange_seconds_bucket{le="+Inf",line="line-1"} 8',
      'gridtally_exchange_seconds_sum{line="line-1"} 2.5',
      'gridtally_exchange_seconds_count{line="line-1"} 8',
      '# TYPE gridtally_exchange_seconds histogram',
      'gridtally_rows_stored_total 900',
      'gridtally_outbox_entries 4',
      'gridtally_outbox_bytes 8192',
      `gridtally_outbox_oldest_timestamp_seconds ${(NOW - 3_000) / 1000}`,
      'gridtally_sink_state{sink="influx",state="waiting"} 1',
      'gridtally_sink_state{sink="influx",state="stopped"} 0',
      'gridtally_dead_letters{sink="influx"} 1',
      'gridtally_info{version="1.2.3"} 1',
      'gridtally_http_request_seconds_count{method="GET",route="/health/live",status="200"} 1',
    ])
      expect(payload.split('\n')).toContain(line)
    expect(payload).toMatch(/^process_resident_memory_bytes \d+$/m)
  })

  it('never counts twice what is counted elsewhere', async () => {
    const { app } = await api()
    await app.inject({ url: '/metrics', headers: asReader })
    const { payload } = await app.inject({ url: '/metrics', headers: asReader })
    expect(payload).toContain('gridtally_reads_due_total{line="line-1"} 10\n')
  })

  it('is public only where the configuration says so', async () => {
    const closed = await api()
    expect((await closed.app.inject('/metrics')).statusCode).toBe(401)
    const open = await api({}, { publicMetrics: true })
    expect((await open.app.inject('/metrics')).statusCode).toBe(200)
  })
})

describe('points', () => {
  it('lists them with their meters', async () => {
    const { app } = await api()
    const { items } = (await app.inject({ url: '/api/v1/points?limit=1', headers: asReader })).json()
    const meter = { id: 'M-P-001', line: 'line-1', address: '000000000012', profile: 'dlt645/x', ct: '40', pt: '1', ratio: '40' }
    expect(items).toEqual([
      {
        id: 'P-001',
        name: 'House P-001',
        area: 'A-1',
        areaName: 'Area A-1',
        role: 'customer',
        phase: 'L1',
        meters: [{ ...meter, from: new Date(NOW - 1e10).toISOString(), to: null }],
      },
    ])
  })

  it.each([
    ['area=A-2', 12],
    ['line=line-1', 25],
    ['line=line-9', 0],
    ['text=p-00', 9],
    ['area=A-1&text=p-00', 5],
  ])('filters by %s', async (query, count) => {
    const { app } = await api()
    expect((await app.inject({ url: `/api/v1/points?${query}`, headers: asReader })).json().items).toHaveLength(count)
  })

  it.each([
    ['points', 1],
    ['points', 7],
    ['points', 25],
    ['latest', 4],
  ])('walks all of /%s once in pages of %i', async (list, limit) => {
    const { app, points } = await api()
    const seen: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query = { limit: String(limit), ...(cursor ? { cursor } : {}) }
      const page: { items: { id?: string; point?: string }[]; next: string | null } = (
        await app.inject({ url: `/api/v1/${list}`, query, headers: asReader })
      ).json()
      seen.push(...page.items.map(({ id, point }) => id ?? point ?? ''))
      cursor = page.next
    }
    expect(seen).toEqual(points.map(({ id }) => id))
  })

  it.each(['points', 'latest', 'dead-letters'])('refuses a foreign cursor for /%s', async (list) => {
    const { app } = await api()
    const answer = await app.inject({ url: `/api/v1/${list}?cursor=nonsense`, headers: asReader })
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'API_CURSOR'])
  })

  it('gives one, with ids of any characters', async () => {
    const { app, points } = await api()
    points.push({ ...points[0]!, id: '台区 7/3 #1?' })
    const answer = await app.inject({ url: `/api/v1/points/${encodeURIComponent('台区 7/3 #1?')}`, headers: asReader })
    expect([answer.statusCode, answer.json().id]).toEqual([200, '台区 7/3 #1?'])
  })

  it('gives the newest reading and the time to compare it with', async () => {
    const { app } = await api()
    const answer = (await app.inject({ url: '/api/v1/points/P-003/latest', headers: asReader })).json()
    expect(answer).toMatchObject({ asOf: new Date(NOW).toISOString(), point: 'P-003', area: 'A-1', name: 'House P-003' })
    expect(answer.readings).toHaveLength(1)
    expect(answer.readings[0].values).toHaveLength(12)
  })

  it.each(['', '/latest', '/readings'])('knows no point P-999%s', async (rest) => {
    const { app } = await api()
    const answer = await app.inject({ url: `/api/v1/points/P-999${rest}`, headers: asReader })
    expect(answer.statusCode).toBe(404)
    expect(answer.json()).toMatchObject({
      code: 'API_POINT',
      detail: 'there is no metering point "P-999"',
      hint: expect.stringMatching(/points/),
    })
  })
})

describe('lines and tasks', () => {
  const reasons = [
    { code: 'LINE_NOISE', count: 5, hint: '' },
    { code: 'LINE_TIMEOUT', count: 2, hint: '' },
  ]
  const line = {
    id: 'line-1',
    state: 'up',
    busyShare: 0.25,
    queue: 3,
    due: 10,
    read: 8,
    firstTry: 7,
    late: 1,
    missed: 1,
    reasons,
    error: null,
  }

  it('lists lines with their reasons, most frequent first', async () => {
    const { app } = await api()
    expect((await app.inject({ url: '/api/v1/lines', headers: asReader })).json()).toMatchObject({ items: [line] })
  })

  it('gives the health of each device', async () => {
    const { app } = await api()
    const answer = (await app.inject({ url: '/api/v1/lines/line-1', headers: asReader })).json()
    expect(answer).toMatchObject(line)
    expect(answer.health).toEqual([
      {
        address: '12',
        meter: 'M-P-001',
        point: 'P-001',
        lastAnswerAt: new Date(NOW - 5_000).toISOString(),
        consecutiveFailures: 2,
        backedOff: true,
        reasons: [{ code: 'LINE_TIMEOUT', count: 2, hint: '' }],
      },
    ])
  })

  it.each(['', '/trace'])('knows no line-9%s', async (rest) => {
    const { app } = await api()
    const answer = await app.inject({ url: `/api/v1/lines/line-9${rest}`, headers: asReader })
    expect([answer.statusCode, answer.json().code]).toEqual([404, 'API_LINE'])
  })

  it('lists tasks with the next run', async () => {
    const { app } = await api()
    const { items } = (await app.inject({ url: '/api/v1/tasks', headers: asReader })).json()
    expect(items).toMatchObject([{ id: 'houses', everyS: 900, due: 10, read: 8, nextRunAt: new Date(NOW + 1).toISOString() }])
  })
})

describe('read-now', () => {
  const url = '/api/v1/points/P-001/read-now'

  it.each([
    ['no body', undefined],
    ['an empty one', {}],
  ])('reads everything with %s', async (_, body) => {
    const asked: unknown[] = []
    const { app } = await api({
      readNow: async (point, request) => {
        asked.push([point, request])
        return { ok: true, value: { readings: [readingOf(point, NOW)], frames: [], tookMs: 42 } }
      },
    })
    const answer = await app.inject({ method: 'POST', url, headers: asOperator, ...(body ? { payload: body } : {}) })
    expect(answer.statusCode).toBe(200)
    expect(asked).toEqual([['P-001', { by: 'operator', timeoutMs: 10_000, trace: false }]])
    expect(answer.json()).toMatchObject({ point: 'P-001', tookMs: 42, readings: [{ measuredAt: new Date(NOW).toISOString() }] })
    expect(answer.json()).not.toHaveProperty('frames')
  })

  it('gives the frames when asked, and passes registers in full form', async () => {
    const asked: unknown[] = []
    const frame: TracedFrame = { at: NOW, direction: 'rx', bytes: new Uint8Array([0x68, 0xab]), description: 'reply', device: '12' }
    const { app } = await api({
      readNow: async (_point, request) => {
        asked.push(request)
        return { ok: true, value: { readings: [], frames: [frame], tookMs: 1 } }
      },
    })
    const payload = { registers: ['1.8.0', '1-0:2.8.0'], timeoutMs: 500, trace: true }
    const answer = await app.inject({ method: 'POST', url, headers: json, payload })
    expect(asked).toEqual([{ by: 'operator', registers: ['1-0:1.8.0', '1-0:2.8.0'], timeoutMs: 500, trace: true }])
    expect(answer.json().frames).toEqual([
      { at: new Date(NOW).toISOString(), direction: 'rx', hex: '68 AB', description: 'reply', device: '12' },
    ])
  })

  it.each([
    ['line-down', 'LINE_DOWN', 409],
    ['no-answer', 'LINE_TIMEOUT', 504],
    ['not-possible', 'PROFILE_LACKS', 422],
    ['busy', 'LINE_BUSY', 503],
    ['unavailable', 'STORE_CLOSED', 503],
    ['unknown', 'LINE_DOWN', 404],
  ] as const)('says %s as %s with status %i', async (because, code, status) => {
    const error = errorOf(fail(code, 'in so many words'))
    const { app } = await api({ readNow: async () => refusal(because, error) })
    const answer = await app.inject({ method: 'POST', url, headers: asOperator })
    expect(answer.statusCode).toBe(status)
    expect(answer.json()).toMatchObject({ status, code, detail: 'in so many words', hint: error.hint, recovery: error.recovery })
  })

  it.each([
    [{ timeoutMs: '500' }, 'body/timeoutMs'],
    [{ timeoutMs: 60_001 }, 'body/timeoutMs'],
    [{ registers: [] }, 'body/registers'],
    [{ registers: '1.8.0' }, 'body/registers'],
    [{ registers: ['x'] }, 'body/registers'],
    [{ Trace: true }, 'body'],
    [[], 'body'],
  ])('refuses %j', async (payload, place) => {
    const { app } = await api()
    const answer = await app.inject({ method: 'POST', url, headers: json, payload: JSON.stringify(payload) })
    expect([answer.statusCode, answer.json().code, answer.json().errors[0].place]).toEqual([400, 'API_VALUE', place])
  })

  it('knows no point P-999', async () => {
    const { app } = await api()
    expect((await app.inject({ method: 'POST', url: url.replace('001', '999'), headers: asOperator })).statusCode).toBe(404)
  })
})

describe('outbox and dead letters', () => {
  it('shows the outbox and its sinks', async () => {
    const { app } = await api()
    expect((await app.inject({ url: '/api/v1/outbox', headers: asReader })).json()).toEqual({
      depth: 4,
      bytes: 8192,
      limitBytes: 1e9,
      oldestAt: new Date(NOW - 3_000).toISOString(),
      taking: true,
      error: null,
      damaged: 0,
      sinks: [
        {
          id: 'influx',
          state: 'waiting',
          behind: 4,
          stored: 900,
          deadLetters: 1,
          lastStoredAt: new Date(NOW - 9_000).toISOString(),
          error: null,
        },
      ],
    })
  })

  it("lists dead letters once each, with the server's words", async () => {
    const { app } = await api()
    const seen: number[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: { items: { id: number; message: string }[]; next: string | null } = (
        await app.inject({ url: `/api/v1/dead-letters?limit=3${cursor ? `&cursor=${cursor}` : ''}`, headers: asReader })
      ).json()
      seen.push(...page.items.map(({ id }) => id))
      expect(page.items[0]?.message).toBe('field type conflict')
      cursor = page.next
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  it.each([
    [{ ids: [3, 5] }, 2],
    [{ all: true }, 7],
  ])('replays %j', async (payload, replayed) => {
    const { app } = await api()
    const answer = await app.inject({ method: 'POST', url: '/api/v1/dead-letters/replay', headers: json, payload })
    expect([answer.statusCode, answer.json()]).toEqual([200, { replayed }])
  })

  it.each([{}, { all: false }, { ids: [] }, { ids: ['3'] }, { ids: [1], all: true }])('refuses to replay %j', async (payload) => {
    const { app } = await api()
    const answer = await app.inject({ method: 'POST', url: '/api/v1/dead-letters/replay', headers: json, payload })
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'API_VALUE'])
  })
})
