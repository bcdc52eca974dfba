import { get } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type ApiDeps, type ApiOptions, EventRing, type HealthView, listenApi } from '../../src/api/index.ts'
import { liveStreams, ringStream } from '../../src/api/sse.ts'
import type { Reading } from '../../src/core/index.ts'
import { api, asReader, asRole, NOW, OPTIONS, readingOf } from './fake.ts'

const listening = async (change: Partial<ApiDeps> = {}, options: Partial<ApiOptions> = {}) => {
  const ring = new EventRing<Reading>(100, NOW)
  const world = await api({ liveReadings: ring, ...change }, options)
  return { ...world, ring, address: await listenApi(world.app, OPTIONS) }
}

interface Event {
  readonly id: string | null
  readonly event: string | null
  readonly data: unknown
}

/** Reads events of a stream as they come; comments and lone ids are passed over. */
const eventsOf = (answer: Response) => {
  const reader = answer.body!.getReader()
  onTestFinished(() => reader.cancel().catch(() => undefined))
  let text = ''
  let lastId: string | null = null
  const next = async (): Promise<Event | null> => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end >= 0) {
        const lines = text.slice(0, end).split('\n')
        text = text.slice(end + 2)
        const of = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? null
        lastId = of('id') ?? lastId
        const data = of('data')
        if (data !== null) return { id: of('id'), event: of('event'), data: JSON.parse(data) }
        continue
      }
      const { done, value } = await reader.read()
      if (done) return null
      text += Buffer.from(value).toString()
    }
  }
  return { next, lastId: () => lastId, cancel: () => reader.cancel() }
}

const PATH = '/api/v1/readings/stream'
const readings = (count: number, from = 0, point = 'P-001') => Array.from({ length: count }, (_, at) => readingOf(point, NOW + from + at))
const instantOf = (event: Event | null): number => {
  const { data } = event ?? {}
  return typeof data === 'object' && data !== null && 'measuredAt' in data ? Date.parse(String(data.measuredAt)) - NOW : Number.NaN
}

describe('readings as they come', () => {
  const open = (address: string, query = '', headers: Record<string, string> = {}) =>
    fetch(`${address}${PATH}${query}`, { headers: { ...asReader, ...headers } })

  it('shows what comes from now on, and only what was asked for', async () => {
    const { address, ring } = await listening()
    ring.add(readings(3))
    const answer = await open(address, '?point=P-001,P-002&register=1.8.0')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
    const stream = eventsOf(answer)
    ring.add([...readings(1, 10, 'P-003'), ...readings(1, 11, 'P-002')])
    const event = await stream.next()
    expect(event).toMatchObject({ event: 'reading', data: { point: 'P-002' } })
    expect(instantOf(event)).toBe(11)
    expect((await open(address, '?register=x')).status).toBe(400)
    expect((await open(address, '?after=x')).status).toBe(400)
  })

  it('tells a customer nothing of the time before, late readings of it neither', async () => {
    const { address, ring } = await listening({
      scopeOf: () => ({ all: false, sees: (kind, id) => kind === 'point' && id === 'P-001', since: () => NOW + 5 }),
    })
    const place = ring.idOf(0)
    ring.add([...readings(2, 3), ...readings(1, 20, 'P-002'), ...readings(1, 5), ...readings(1, 4)])
    const stream = eventsOf(await open(address, `?after=${place}`))
    expect(instantOf(await stream.next())).toBe(5)
    ring.add([...readings(1, 4), ...readings(1, 6)])
    expect(instantOf(await stream.next())).toBe(6)
  })

  it('goes on where a client was, without loss and without double, as often as it is cut off', async () => {
    const { address, ring } = await listening()
    const seen: number[] = []
    let last: string | null = null
    for (let round = 0; round < 5; round++) {
      const stream = eventsOf(await open(address, '', last === null ? {} : { 'last-event-id': last }))
      ring.add(readings(10, round * 10))
      for (let count = 0; count < 7; count++) {
        const event = await stream.next()
        seen.push(instantOf(event))
        last = event?.id ?? last
      }
      await stream.cancel()
    }
    expect(seen).toEqual(Array.from({ length: 35 }, (_, at) => at))
  })

  it('says so when more came than is remembered, or another run of the gateway gave the id', async () => {
    const { address, ring } = await listening()
    ring.add(readings(250))
    const stream = eventsOf(await open(address, `?after=${ring.idOf(50)}`))
    expect(await stream.next()).toMatchObject({ event: 'lost', data: { events: 100 }, id: ring.idOf(150) })
    expect(instantOf(await stream.next())).toBe(150)
    const other = eventsOf(await open(address, '', { 'last-event-id': 'abc-7' }))
    expect(await other.next()).toMatchObject({ event: 'lost', data: { events: null } })
    const empty = await listening()
    expect(await eventsOf(await open(empty.address, '', { 'last-event-id': 'abc-7' })).next()).toMatchObject({ event: 'lost' })
  })

  it('a reader that does not read costs neither memory nor the others, and is told what it missed', async () => {
    const { address, ring } = await listening()
    const slow = get(`${address}${PATH}`, { headers: asReader })
    onTestFinished(() => void slow.destroy())
    // Nobody listens to its data: it is not read.
    await new Promise((resolve) => slow.once('response', resolve))
    const quick = eventsOf(await open(address))
    let last = -1
    for (let lot = 0; lot < 20; lot++) {
      ring.add(readings(100, lot * 100))
      while (last < lot * 100 + 99) last = instantOf(await quick.next())
    }
    // A connection takes some megabytes before it is full: the same without one.
    const who = { roles: ['viewer' as const], former: null, zones: null, customer: null, expiresAt: null }
    const holder = { id: 'x', address: '::1', again: () => ({ ...who, kind: 'user' as const, id: 'x', name: 'x' }) }
    const streams = liveStreams()
    const before = ring.newest
    const stream = ringStream(streams, holder, ring, before, {
      event: 'reading',
      data: (reading) => ({ at: reading.measuredAt, fill: 'x'.repeat(500) }),
    })
    if (!stream) throw new Error('refused')
    stream.readable.read(0)
    for (let lot = 0; lot < 50; lot++) {
      ring.add(readings(100, 100_000 + lot * 100))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(stream.readable.readableLength).toBeLessThan(200_000)
    let text = ''
    stream.readable.on('data', (bytes: Buffer) => {
      text += bytes.toString()
    })
    await expect.poll(() => text.includes(`id: ${ring.idOf(before + 5000)}\n`), { timeout: 60_000 }).toBe(true)
    stream.end('enough')
    const ids = [...text.matchAll(/id: \w+-(\d+)\nevent: reading/g)].map(([, id]) => Number(id))
    expect(new Set(ids).size).toBe(ids.length)
    const missed = [...text.matchAll(/"events":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0)
    expect(missed).toBeGreaterThan(1000)
    expect(ids.length + missed).toBe(5000)
  })

  it('what somebody does not see does not come, from the moment on when he no longer sees it', async () => {
    let zone = 'P-001'
    const scopeOf = () => ({ all: false, sees: (_: string, id: string) => id === zone })
    const { address, ring } = await listening({ scopeOf })
    const stream = eventsOf(await open(address))
    ring.add([...readings(1, 1, 'P-002'), ...readings(1, 2, 'P-001')])
    expect(instantOf(await stream.next())).toBe(2)
    zone = 'P-002'
    ring.add([...readings(1, 3, 'P-001'), ...readings(1, 4, 'P-002')])
    expect(instantOf(await stream.next())).toBe(4)
  })

  it('of two hundred streams of one person a few are open, the others are refused at once', async () => {
    const { address } = await listening()
    const answers = await Promise.all(Array.from({ length: 200 }, () => open(address)))
    const count = (status: number) => answers.filter((answer) => answer.status === status).length
    expect([count(200), count(429)]).toEqual([4, 196])
    expect(answers.find(({ status }) => status === 429)?.headers.get('retry-after')).toMatch(/^\d+$/)
    await Promise.all(answers.map((answer) => answer.body?.cancel()))
    await expect.poll(async () => (await open(address)).status, { timeout: 60_000 }).toBe(200)
  })

  it('of one address there are not more than its share, whoever asks', async () => {
    const { address } = await listening({}, { trace: { perToken: 4, perAddress: 5 } })
    const statuses: number[] = []
    for (const role of ['viewer', 'billing'] as const)
      for (let at = 0; at < 4; at++) statuses.push((await fetch(`${address}${PATH}`, { headers: asRole(role) })).status)
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429])
  })

  it('shows that it lives, with its place, and ends at once with the gateway', async () => {
    const { address, app, ring } = await listening({}, { trace: { heartbeatMs: 5 } })
    const stream = eventsOf(await open(address, '?point=P-999'))
    ring.add(readings(5))
    const next = stream.next()
    await expect.poll(() => stream.lastId(), { timeout: 60_000 }).toBe(ring.idOf(5))
    await app.close()
    expect(await next).toMatchObject({ event: 'end', data: { reason: 'the gateway is stopping' } })
    expect(await stream.next()).toBeNull()
  })

  it('ends when the token is no longer accepted', async () => {
    let isKnown = true
    const { deps } = await api()
    const authenticate: ApiDeps['authenticate'] = (shown, isUse) => (isKnown ? deps.authenticate(shown, isUse) : null)
    const { address } = await listening({ authenticate })
    const stream = eventsOf(await open(address))
    isKnown = false
    expect(await stream.next()).toMatchObject({ event: 'end', data: { reason: expect.stringMatching(/no longer accepted/) } })
    expect(await stream.next()).toBeNull()
  })
})

describe('health as it changes', () => {
  const part = (name: string, state: 'ok' | 'degraded' | 'failed', sentence = state as string) => ({
    part: name,
    state,
    sentence,
    cure: null,
  })
  const world = async () => {
    let now: HealthView = { ready: true, parts: [part('outbox', 'ok'), part('line l1', 'ok')] }
    const { address } = await listening({ health: () => now }, { healthLookMs: 5 })
    const open = (headers: Record<string, string> = {}) =>
      fetch(`${address}/api/v1/health/stream`, { headers: { ...asReader, ...headers } })
    return { address, open, become: (next: HealthView) => (now = next) }
  }

  it('says everything first, then what is otherwise', async () => {
    const { open, become } = await world()
    const stream = eventsOf(await open())
    expect(await stream.next()).toMatchObject({
      event: 'health',
      data: { status: 'ready', parts: [{ part: 'outbox' }, { part: 'line l1' }] },
    })
    become({ ready: false, parts: [part('outbox', 'failed')] })
    expect(await stream.next()).toMatchObject({ event: 'ready', data: { status: 'not-ready' } })
    expect(await stream.next()).toMatchObject({ event: 'part', data: { part: 'outbox', state: 'failed' } })
    expect(await stream.next()).toMatchObject({ event: 'part', data: { part: 'line l1', state: null } })
  })

  it('a client that comes back is told what changed, or everything', async () => {
    const { open, become } = await world()
    const watcher = eventsOf(await open())
    const first = await watcher.next()
    become({ ready: true, parts: [part('outbox', 'degraded'), part('line l1', 'ok')] })
    expect(await watcher.next()).toMatchObject({ event: 'part', data: { part: 'outbox', state: 'degraded' } })
    const back = eventsOf(await open({ 'last-event-id': first?.id ?? '' }))
    expect(await back.next()).toMatchObject({ event: 'part', data: { part: 'outbox', state: 'degraded' } })
    await Promise.all([watcher.cancel(), back.cancel()])
    const id = back.lastId()
    become({ ready: true, parts: [part('outbox', 'ok'), part('line l1', 'ok')] })
    const alone = eventsOf(await open({ 'last-event-id': id ?? '' }))
    expect(await alone.next()).toMatchObject({ event: 'part', data: { part: 'outbox', state: 'ok' } })
    const stranger = eventsOf(await open({ 'last-event-id': 'zz-1' }))
    expect(await stranger.next()).toMatchObject({ event: 'health' })
  })
})
