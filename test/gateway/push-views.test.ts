import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { TracedFrame } from '../../src/api/index.ts'
import type { MqttConfig, PublishConfig } from '../../src/config/index.ts'
import { type GatewayError, ok } from '../../src/core/index.ts'
import { DeadLetterCounts, outboxView, rowsStored } from '../../src/gateway/outbox-views.ts'
import type { SourceCounts, Watched } from '../../src/gateway/push-source.ts'
import { type PushViewDeps, pushViews } from '../../src/gateway/push-views.ts'
import type { MeterFact } from '../../src/ledger/index.ts'
import type { DeadLetter, Outbox, OutboxState } from '../../src/outbox/index.ts'
import { type Heard, openDevices, openLetters } from '../../src/push/index.ts'
import type { MqttConnectionState, MqttState } from '../../src/transport/index.ts'
import { scratch } from '../support/processes.ts'

const HOUR = 3_600_000
const NOW = Date.parse('2026-08-15T12:00:00Z')
const ADDRESS = 'mqtt://10.9.8.7:1883'

const broker = { url: ADDRESS, version: '5' as const, clientId: 'g', username: null, password: null, tls: null, keepaliveS: 30 }
const config = (id: string): MqttConfig => ({
  ...broker,
  id,
  mappings: [],
  ...{ connections: 1, share: 'gridtally', sessionExpiryS: 1, maxPayloadBytes: 1, maxInFlight: 1 },
  ...{ unregistered: 'keep', maxUnregistered: 10, rebirth: true },
})
const target = (id: string): PublishConfig => ({ ...broker, id, readings: 'r', findings: null, health: null, qos: 1, retain: false })

const error = (code: string): GatewayError => ({ code, message: `plant ${ADDRESS} went`, recovery: 'wait', hint: 'look', context: {} })
const connection = (state: MqttConnectionState['state'], code: string | null = null): MqttConnectionState => ({
  ...{ clientId: 'g', state, since: NOW - 1, error: code === null ? null : error(code), reconnects: 0, inFlight: 0 },
})
const stateOf = (connections: readonly MqttConnectionState[], more: Partial<MqttState> = {}): MqttState => ({
  ...{ id: 'plant', connections, received: 9, acknowledged: 8, oversize: 1 },
  subscriptions: [{ filter: 'site/#', granted: true, refused: false, reason: null }],
  ...more,
})
const UP = stateOf([connection('up')])

const factOf = (meter: string, address: string, line = 'plant'): MeterFact => ({
  ...{
    meter,
    point: `P-${meter}`,
    line,
    address,
    profile: 'mqtt/x',
    ct: '1',
    pt: '1',
    timeoutMs: null,
    from: 0,
    to: null,
    state: 'in-service',
    concentrator: '',
  },
})
const heard = (at: number, isRegistered: boolean): Heard => ({ at, topic: 't', rule: 'x/y', retained: false, isRegistered })

/** Real devices and letters behind one source whose state is what a test says. */
const site = async (
  state: MqttState | null = UP,
  { lastMessageAt = NOW - 1000, startedAt = NOW - 10 * HOUR }: { lastMessageAt?: number | null; startedAt?: number } = {},
) => {
  const directory = scratch()
  const devices = await openDevices({ path: join(directory, 'd.json'), after: () => () => {}, say: () => {} })
  const letters = await openLetters({ path: join(directory, 'letters.log') })
  if (!letters.ok) throw new Error(letters.error.message)
  onTestFinished(() => letters.value.close())
  const watchers = new Set<(watched: Watched) => void>()
  const counts: SourceCounts = {
    ...{ used: 1, asides: { 'no-rule': 2 }, refused: 3, readings: 4, values: 5, duplicates: 6, conflicts: 7, late: 8, unmapped: 9 },
    ...{ answers: 10, lastMessageAt },
  }
  const replayed: number[][] = []
  const usable = new Set<number>()
  const publishers: PushViewDeps['publishers'][number][] = []
  const facts = [factOf('M1', 'one'), factOf('M2', 'two/2')]
  const views = pushViews({
    push: {
      sources: [
        {
          ...{ config: config('plant'), devices, filters: ['site/#'], state: () => state, counts: () => counts },
          unmatched: () => [{ topic: 'a/b', count: 4 }],
          facts: () => facts,
          factAt: (address) => facts.find((fact) => fact.address === address) ?? null,
          factOf: (point) => facts.find((fact) => fact.point === point) ?? null,
          watch: (watcher) => {
            watchers.add(watcher)
            return () => watchers.delete(watcher)
          },
        },
      ],
      letters: letters.value,
      replay: async (ids) => {
        replayed.push([...ids])
        const used = ids.filter((id) => usable.has(id))
        await letters.value.discard(used)
        return ok({ replayed: used.length, left: ids.length - used.length })
      },
    },
    publishers,
    clock: { now: () => NOW },
    startedAt,
  })
  const refuse = (at: number, source = 'plant', bytes = 2) =>
    letters.value.add({ source, topic: 'site/x', payload: Buffer.from('{}'), bytes, at, error: error('MAPPING_JSON'), retained: false })
  return { views, devices, letters: letters.value, watchers, publishers, refuse, replayed, usable }
}

describe('a broker', () => {
  it.each([
    ['up', [connection('up'), connection('up')]],
    ['partly', [connection('up'), connection('down', 'MQTT_CLOSED')]],
    ['connecting', [connection('connecting')]],
    ['connecting', []],
    // An attempt under way after one that failed is no news.
    ['down', [connection('connecting', 'MQTT_UNREACHABLE')]],
    ['down', [connection('down', 'MQTT_UNREACHABLE')]],
  ])('is %s', async (state, connections) => {
    const { views } = await site(stateOf(connections))
    expect(views.brokers()[0]?.state).toBe(state)
  })

  it('names its filters before it is started', async () => {
    const { views } = await site(null)
    expect(views.brokers()[0]).toMatchObject({ state: 'connecting', subscriptions: [{ filter: 'site/#', granted: false, reason: null }] })
  })

  it('tells the meters of its ledger from other names', async () => {
    const { views, devices } = await site()
    devices.hear('one', heard(NOW, true))
    devices.hear('stranger', heard(NOW, false))
    // Heard when the ledger still had it.
    devices.hear('former', heard(NOW, true))
    const [found] = views.brokers()
    expect(found?.meters).toEqual({ registered: 1, unregistered: 2, inLedger: 2 })
    expect(found?.counts).toMatchObject({
      received: 9,
      acknowledged: 8,
      oversize: 1,
      used: 1,
      refused: 3,
      late: 8,
      asides: { 'no-rule': 2 },
    })
  })

  it('stands beside a target of the same id', async () => {
    const { views, publishers } = await site()
    publishers.push({ config: target('plant'), sink: null, state: () => null })
    expect(views.brokers().map(({ id, direction, state }) => [id, direction, state])).toEqual([
      ['plant', 'in', 'up'],
      ['plant', 'out', 'connecting'],
    ])
    expect([views.isSource('plant'), views.isSource('nowhere')]).toEqual([true, false])
  })
})

describe('a device', () => {
  it('brings meter and point of the ledger, whatever its name', async () => {
    const { views, devices } = await site()
    devices.hear('two/2', heard(NOW, true))
    devices.hear('stranger', heard(NOW, false))
    expect(views.pushDevice('plant', 'two/2')).toMatchObject({ registered: true, meter: 'M2', point: 'P-M2' })
    expect(views.pushDevice('plant', 'stranger')).toMatchObject({ registered: false, meter: null, point: null })
    expect([views.pushDevice('plant', 'x'), views.pushDevice('x', 'two/2'), views.pushDevices('x', {}, null, 9)]).toEqual([
      null,
      null,
      null,
    ])
  })

  it('is silent when nothing came for so long', async () => {
    const { views, devices } = await site()
    devices.hear('one', heard(NOW - 1000, true))
    devices.hear('two/2', heard(NOW - 2 * HOUR, true))
    const names = (silentForMs: number) => views.pushDevices('plant', { silentForMs }, null, 9)?.map(({ name }) => name)
    expect([names(HOUR), names(0), names(3 * HOUR)]).toEqual([['two/2'], ['one', 'two/2'], []])
  })
})

describe('health', () => {
  const partOf = async (state: MqttState | null, more: Parameters<typeof site>[1] = {}) => (await site(state, more)).views.health()[0]

  it('counts what is well', async () => {
    const { views, devices } = await site()
    devices.hear('one', heard(NOW, true))
    expect(views.health()).toEqual([{ part: 'broker plant', state: 'ok', sentence: '1 connection, 1 meter heard', cure: null }])
  })

  it.each([
    ['nothing is up', stateOf([connection('down', 'MQTT_REFUSED_LOGIN')]), {}, 'failed', 'is down: MQTT_REFUSED_LOGIN'],
    ['it was not started', null, {}, 'failed', 'is connecting'],
    [
      'one of two is down',
      stateOf([connection('up'), connection('down', 'MQTT_CLOSED')]),
      {},
      'degraded',
      '1 of 2 connections is down: MQTT_CLOSED',
    ],
    [
      'a subscription is refused',
      stateOf([connection('up')], { subscriptions: [{ filter: 'secret/#', granted: false, refused: true, reason: 'not authorized' }] }),
      {},
      'degraded',
      '1 of 1 subscription is refused',
    ],
    ['nothing came for long', UP, { lastMessageAt: NOW - 2.5 * HOUR }, 'degraded', 'nothing was heard for 2 hours'],
    ['nothing ever came', UP, { lastMessageAt: null }, 'ok', '1 connection, 0 meters heard'],
    ['it was an hour ago', UP, { lastMessageAt: NOW - HOUR }, 'ok', '1 connection, 0 meters heard'],
  ] as const)('when %s', async (_, state, more, health, sentence) => {
    const part = await partOf(state, more)
    expect(part).toMatchObject({ part: 'broker plant', state: health, sentence })
    expect(part?.cure).toBe(health === 'ok' ? null : 'see GET /api/v1/brokers')
  })

  it('says what is silent since before the start, but not at once', async () => {
    const long = await site(UP, { lastMessageAt: null, startedAt: NOW - 3 * HOUR })
    long.devices.hear('one', heard(NOW - 99 * HOUR, true))
    expect(long.views.health()[0]?.sentence).toBe('nothing was heard for 3 hours')
    const fresh = await site(UP, { lastMessageAt: null, startedAt: NOW - 60_000 })
    fresh.devices.hear('one', heard(NOW - 99 * HOUR, true))
    expect(fresh.views.health()[0]?.state).toBe('ok')
  })

  it('counts refused messages of the last hour that still lie there', async () => {
    const { views, refuse, letters } = await site()
    await refuse(NOW - 2 * HOUR)
    await refuse(NOW - 1000, 'other')
    expect(views.health()[0]?.state).toBe('ok')
    await refuse(NOW - 1000)
    await refuse(NOW - 500)
    expect(views.health()[0]).toMatchObject({
      state: 'degraded',
      sentence: '2 messages of the last hour were refused',
      cure: 'see GET /api/v1/brokers and GET /api/v1/refused-messages',
    })
    await letters.discard('all')
    expect(views.health()[0]?.state).toBe('ok')
  })

  it.each([
    [UP, 'ok', 'is connected'],
    [stateOf([connection('down', 'MQTT_UNREACHABLE')]), 'degraded', 'is not connected: MQTT_UNREACHABLE'],
    [null, 'degraded', 'is connecting'],
  ] as const)('of a target %#', async (state, health, sentence) => {
    const { views, publishers } = await site()
    publishers.push({ config: target('cloud'), sink: null, state: () => state })
    expect(views.health()[1]).toMatchObject({ part: 'publish cloud', state: health, sentence })
  })

  it('names neither an address nor a topic: anybody may ask', async () => {
    const state = stateOf([connection('up'), connection('down', 'MQTT_CLOSED')], {
      subscriptions: [{ filter: 'secret/#', granted: false, refused: true, reason: 'secret not authorized' }],
    })
    const { views, publishers, refuse } = await site(state, { lastMessageAt: NOW - 5 * HOUR })
    publishers.push({ config: target('cloud'), sink: null, state: () => stateOf([connection('down', 'MQTT_CLOSED')]) })
    await refuse(NOW)
    expect(JSON.stringify(views.health())).not.toMatch(/10\.9\.8\.7|mqtt:|secret|site\/|1883/)
  })
})

describe('refused messages', () => {
  it('are put through again, each once, and what is left is counted', async () => {
    const { views, refuse, replayed, usable } = await site()
    for (let at = 0; at < 450; at++) await refuse(NOW + at)
    usable.add(2).add(449)
    expect(await views.replayRefused([2, 2, 3, 999])).toEqual(ok({ replayed: 1, left: 2 }))
    expect(await views.replayRefused('all')).toEqual(ok({ replayed: 1, left: 448 }))
    expect(replayed.slice(1).map((ids) => ids.length)).toEqual([200, 200, 49])
  })

  it('are shown by broker, and those cut cannot be replayed', async () => {
    const { views, refuse } = await site()
    await refuse(NOW)
    await refuse(NOW, 'plant', 5000)
    await refuse(NOW, 'other')
    const shown = await views.refusedMessages('plant', 0, 9)
    expect(shown.map(({ id, broker: from, replayable, bytes }) => [id, from, replayable, bytes])).toEqual([
      [1, 'plant', true, 2],
      [2, 'plant', false, 5000],
    ])
    expect((await views.refusedMessages(null, 2, 9)).map(({ id }) => id)).toEqual([3])
    expect(await views.discardRefused([1, 9])).toEqual(ok(1))
    expect(await views.discardRefused('all')).toEqual(ok(2))
  })
})

describe('the trace of a broker', () => {
  it('shows a message with its beginning, and nothing that would steer a terminal', async () => {
    const { views, watchers } = await site()
    const frames: TracedFrame[] = []
    const stop = views.trace('plant', (frame) => frames.push(frame))
    const text = `tele/\u001b[2J\u202e\ud800/x: ${'1'.repeat(2000)}`
    for (const watcher of watchers)
      watcher({ at: NOW, topic: 't', payload: new Uint8Array(5000).fill(7), retained: false, device: 'a\u0007b', text })
    expect(frames).toHaveLength(1)
    expect(frames[0]).toMatchObject({ at: NOW, direction: 'rx', bytes: new Uint8Array(1024).fill(7), device: 'a\\u0007b' })
    expect(frames[0]?.description).toMatch(/^tele\/\\u001b\[2J\\u202e\\ud800\/x: 1+$/)
    expect(frames[0]?.description.length).toBeLessThan(1100)
    stop?.()
    expect(watchers.size).toBe(0)
    expect(views.trace('nowhere', () => {})).toBeNull()
  })
})

it('knows which points push', async () => {
  const { views } = await site()
  expect([views.pushedAt('P-M1')?.meter, views.pushedAt('P-M3'), views.pushedAt('P-9')]).toEqual(['M1', null, null])
})

describe('dead letters of the outbox', () => {
  /** An outbox with as many letters of each sink, and a disk that can hang. */
  const outboxOf = (sinks: readonly string[]) => {
    const letters = sinks.map((sink, at) => ({ id: at + 1, sink }))
    const pages: number[] = []
    let held: Promise<void> = Promise.resolve()
    const state = (): OutboxState => ({
      ...{ ready: true, reason: null, depth: 0, bytes: 0, oldestAt: null, damaged: 0, dropped: 0, deadLetters: letters.length },
      sinks: ['latest', 'embedded', 'publish-cloud'].map((id) => ({
        ...{ id, cursor: 0, depth: 0, state: 'running', lastError: null, lastStoredAt: null, stored: 7 },
      })),
    })
    const deadLetters: Outbox['deadLetters'] = async ({ after = 0, limit = 100 } = {}) => {
      pages.push(after)
      await held
      const found = letters.filter(({ id }) => id > after).slice(0, limit)
      return ok(
        found.map(
          (letter): DeadLetter => ({
            ...letter,
            ...{ series: '', measuredAt: 0, reading: null, raw: new Uint8Array(), reason: error('X'), firstTry: 0, lastTry: 0 },
          }),
        ),
      )
    }
    const hang = () => {
      let free = () => {}
      held = new Promise((resolve) => {
        free = resolve
      })
      return () => free()
    }
    return { letters, pages, hang, outbox: { state, deadLetters } }
  }
  const refused = (count: number, sink: string) => Array.from({ length: count }, () => sink)

  it('are those of the sink that refused, counted once', async () => {
    const { letters, pages, outbox } = outboxOf([...refused(1500, 'embedded'), ...refused(3, 'publish-cloud')])
    const counts = new DeadLetterCounts(outbox)
    expect(Object.fromEntries(await counts.bySink())).toEqual({ embedded: 1500, 'publish-cloud': 3 })
    expect(Object.fromEntries(await counts.bySink())).toEqual({ embedded: 1500, 'publish-cloud': 3 })
    letters.push({ id: 1504, sink: 'embedded' })
    expect(Object.fromEntries(await counts.bySink())).toEqual({ embedded: 1501, 'publish-cloud': 3 })
    expect(pages).toEqual([0, 1000, 1503])
  })

  it('are counted anew when some went back', async () => {
    const { letters, outbox } = outboxOf([...refused(5, 'embedded'), ...refused(2, 'publish-cloud')])
    const counts = new DeadLetterCounts(outbox)
    await counts.bySink()
    letters.splice(5, 2)
    expect(Object.fromEntries(await counts.bySink())).toEqual({ embedded: 5 })
    // As many came as went: only whoever sent them back knows.
    letters.splice(0, 1)
    letters.push({ id: 8, sink: 'publish-cloud' })
    counts.forget()
    expect(Object.fromEntries(await counts.bySink())).toEqual({ embedded: 4, 'publish-cloud': 1 })
  })

  it('hold nobody up while the disk hangs', async () => {
    const { outbox, hang } = outboxOf(refused(2, 'embedded'))
    const counts = new DeadLetterCounts(outbox)
    const free = hang()
    expect((await counts.bySink()).size).toBe(0)
    free()
    await expect.poll(async () => Object.fromEntries(await counts.bySink())).toEqual({ embedded: 2 })
  })

  it('do not stand with a target when the store refused them', async () => {
    const { outbox } = outboxOf(refused(4, 'embedded'))
    const view = await outboxView(outbox, new DeadLetterCounts(outbox), 1e6)
    expect(view.sinks.map(({ id, deadLetters }) => [id, deadLetters])).toEqual([
      ['latest', 0],
      ['embedded', 4],
      ['publish-cloud', 0],
    ])
  })

  it('counts a reading as stored once, however many targets it goes to', () => {
    expect(rowsStored(outboxOf([]).outbox)).toBe(7)
  })
})
