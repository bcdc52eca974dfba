import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type MqttConfig, type NotifyConfig, type PublishConfig, Secret, SecretUrl, type WebhookConfig } from '../../src/config/index.ts'
import { type Clock, failWith, ok, type Result, systemClock } from '../../src/core/index.ts'
import { CaseBook } from '../../src/gateway/case-book.ts'
import { Notifier, type NotifyDeps } from '../../src/gateway/notify.ts'
import { notifyProblems } from '../../src/gateway/notify-topics.ts'
import { Publisher } from '../../src/gateway/publish.ts'
import { type Delivery, signatureOf } from '../../src/gateway/webhook.ts'
import { dayOf, finding, verdictOf } from '../anomaly/case-maker.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { scratch } from '../support/processes.ts'
import { plainClient, until } from '../transport/mqtt-listener.ts'

const fail = failWith({ NO: { recovery: 'retry', hint: 'wait' } })
const NOON = Date.parse('2026-03-02T12:00:00Z')
const HOUR = 3_600_000

const wanted = { about: ['cases'], events: ['opened', 'closed', 'reopened', 'escalated'], least: 'low', kinds: null, zones: null } as const
const hook: WebhookConfig = {
  id: 'ops',
  url: new SecretUrl('http://hooks.example/x?token=canary-7'),
  secret: null,
  allow: [],
  timeoutMs: 1000,
  ...wanted,
}
const config = (over: Partial<NotifyConfig> = {}): NotifyConfig => ({
  ...{ quiet: null, digestMs: 60_000, keepMs: 72 * HOUR, keepMost: 10_000, webhooks: [hook], mqtt: [], ...over },
})

/** A book and a notifier on a clock that stands still; what was sent, and how the next ones go. */
const site = (given: NotifyConfig, directory = scratch(), over: Partial<NotifyDeps> = {}) => {
  const time = { now: NOON, monotonic: 0 }
  const clock: Clock = { now: () => time.now, monotonic: () => time.monotonic, speed: 1 }
  const sent: { readonly id: string; readonly body: Body }[] = []
  const answers: Result<void>[] = []
  const said: string[] = []
  let notifier: Notifier | null = null
  const book = new CaseBook({
    directory,
    zoneOf: (area) => (area === 'A-none' ? null : area.startsWith('A-') ? `Z-${area}` : 'Z-1'),
    dueAt: () => null,
    listeners: () => notifier?.listeners() ?? [],
  })
  notifier = new Notifier(given, {
    ...{ gateway: 'site-1', zone: 'UTC', clock, file: book.file, log: (_, text) => said.push(text), publish: async () => ok(undefined) },
    webhook: async (_, { id, body }: Delivery) => {
      sent.push({ id, body: JSON.parse(body) })
      return answers.shift() ?? ok(undefined)
    },
    ...over,
  })
  return { book, notifier, time, sent, answers, said }
}
interface Body {
  readonly type: string
  readonly dropped: number
  readonly seq?: number
  readonly ready?: boolean
  readonly parts?: readonly { readonly part: string; readonly before: string; readonly state: string }[]
  readonly count: number
  readonly test: boolean
  readonly counts: readonly object[]
  readonly events: readonly { readonly what: string; readonly case: { readonly id: number; readonly severity: string } }[]
}
const found = (book: CaseBook, count: number, n = 0, over = {}) =>
  book.take(
    verdictOf(
      n,
      Array.from({ length: count }, (_, at) => finding({ target: `M-${n}-${at}`, ...over })),
    ),
    dayOf(n),
    NOON,
  )

it('gathers what comes within a minute into one message, and sends nothing twice', async () => {
  const { book, notifier, time, sent } = site(config())
  onTestFinished(() => book.close())
  found(book, 3)
  await notifier.tick()
  expect(sent).toEqual([])
  time.now += 60_000
  await notifier.tick()
  await notifier.tick()
  expect(sent).toMatchObject([
    { id: 'site-1-1-3', body: { count: 3, test: false, counts: [{ what: 'opened', kind: 'theft', severity: 'high', count: 3 }] } },
  ])
  expect(sent[0]?.body.events).toMatchObject([
    { what: 'opened', case: { id: 1, url: '/api/v1/cases/1', why: { zh: expect.any(String) } } },
    {},
    {},
  ])
})

it('of very many says how many and tells the worst', async () => {
  const { book, notifier, time, sent } = site(config())
  onTestFinished(() => book.close())
  for (let n = 0; n < 10; n++) found(book, 4, n)
  found(book, 1, 11, { severity: 'critical' })
  time.now += 60_000
  await notifier.tick()
  expect(sent[0]?.body.count).toBe(41)
  expect(sent[0]?.body.events).toHaveLength(20)
  expect(sent[0]?.body.events[0]?.case.severity).toBe('critical')
})

it('tries again with growing pauses, says so once, and tells later what waited', async () => {
  const { book, notifier, time, sent, answers, said } = site(config())
  onTestFinished(() => book.close())
  found(book, 1)
  time.now += 60_000
  answers.push(fail('NO', 'down'), fail('NO', 'down'), fail('NO', 'down'))
  for (const at of [0, 4_999, 5_000, 14_999, 15_000, 34_999, 35_000]) {
    time.monotonic = at
    await notifier.tick()
  }
  expect(sent.map(({ id }) => id)).toEqual(Array.from({ length: 4 }, () => 'site-1-1-1'))
  expect(said).toEqual([expect.stringContaining('cannot be told'), expect.stringContaining('again')])
  expect(notifier.targets()).toMatchObject([{ id: 'ops', to: 'http://hooks.example', sent: 1, failed: 3, waiting: 0, error: null }])
})

it('keeps what was not told over a restart, and gives it up when it is too old', async () => {
  const directory = scratch()
  const first = site(config(), directory)
  first.answers.push(fail('NO', 'down'))
  found(first.book, 2)
  first.time.now += 60_000
  await first.notifier.tick()
  first.book.close()
  const second = site(config(), directory)
  onTestFinished(() => second.book.close())
  second.time.now += 60_000
  await second.notifier.tick()
  expect(second.sent).toMatchObject([{ id: first.sent[0]?.id, body: { count: 2 } }])
  found(second.book, 1, 1)
  second.time.now += 73 * HOUR
  second.notifier.tidy()
  expect(second.notifier.targets()).toMatchObject([{ waiting: 0, dropped: 1 }])
  // That something was given up is told, once, when somebody is there again.
  second.answers.push(fail('NO', 'still down'))
  for (const at of [0, 5_000, 5_001]) {
    second.time.monotonic = at
    await second.notifier.tick()
  }
  expect(second.sent.slice(1)).toMatchObject([
    { id: second.sent[2]?.id, body: { count: 0, dropped: 1, events: [] } },
    { body: { count: 0, dropped: 1 } },
  ])
  expect(second.sent).toHaveLength(3)
})

it('sends what somebody may have taken by the same id after a crash, whatever came meanwhile', async () => {
  const directory = scratch()
  const first = site(config(), directory)
  found(first.book, 2)
  first.time.now += 60_000
  // The server has it, and the power goes before anybody knows.
  first.answers.push(fail('NO', 'cut off'))
  await first.notifier.tick()
  found(first.book, 1, 1)
  first.book.close()
  const second = site(config(), directory)
  onTestFinished(() => second.book.close())
  found(second.book, 1, 2)
  second.time.now += 120_000
  await second.notifier.tick()
  await second.notifier.tick()
  await second.notifier.tick()
  expect(first.sent.map(({ id }) => id)).toEqual(['site-1-1-2'])
  expect(second.sent.map(({ id, body }) => [id, body.count])).toEqual([
    ['site-1-1-2', 2],
    ['site-1-3-4', 2],
  ])
})

describe('topics by zone', () => {
  const byZone = { id: 'zones', broker: 'scada', topic: 'grid/{gateway}/zone/{zone}/cases', secret: null, ...wanted }
  const zoned = () => {
    const heard: { readonly topic: string; readonly body: Body & { readonly delivery: string } }[] = []
    const answers: Result<void>[] = []
    const made = site(config({ webhooks: [], mqtt: [byZone], keepMost: 3 }), scratch(), {
      publish: async (_, topic, body) => {
        heard.push({ topic, body: JSON.parse(body) })
        return answers.shift() ?? ok(undefined)
      },
    })
    onTestFinished(() => made.book.close())
    const take = (area: string, n: number) =>
      made.book.take({ ...verdictOf(n, [finding({ target: `M-${area}-${n}`, area })]), area }, dayOf(n), NOON)
    const later = async () => {
      made.time.now += 60_000
      made.time.monotonic += 60_000
      await made.notifier.tick()
      return heard.splice(0).map(({ topic, body }) => [topic, body.delivery, body.count, body.dropped])
    }
    return { ...made, heard, answers, take, later }
  }

  it('tell each zone its own cases alone, and who is in none apart', async () => {
    const { take, later, notifier } = zoned()
    take('A-1', 0)
    take('A-2/+', 1)
    take('A-none', 2)
    expect(await later()).toEqual([
      ['grid/site-1/zone/Z-A-1/cases', 'site-1-1-1', 1, 0],
      ['grid/site-1/zone/Z-A-2%2F%2B/cases', 'site-1-2-2', 1, 0],
      ['grid/site-1/zone/-/cases', 'site-1-3-3', 1, 0],
    ])
    expect(await later()).toEqual([])
    await notifier.test('zones')
    expect(notifier.targets()).toMatchObject([{ to: 'scada grid/site-1/zone/{zone}/cases', sent: 3 }])
  })
  it('are tried again as they were, and what was given up is of no zone', async () => {
    const { take, later, answers, notifier } = zoned()
    for (let n = 0; n < 4; n++) take(n % 2 === 0 ? 'A-1' : 'A-2', n)
    answers.push(fail('NO', 'down'))
    expect(await later()).toEqual([['grid/site-1/zone/Z-A-1/cases', 'site-1-1-3', 2, 0]])
    take('A-1', 4)
    expect(await later()).toEqual([
      ['grid/site-1/zone/Z-A-1/cases', 'site-1-1-3', 2, 0],
      ['grid/site-1/zone/Z-A-2/cases', 'site-1-2-4', 2, 0],
      ['grid/site-1/zone/Z-A-1/cases', 'site-1-5-5', 1, 0],
    ])
    for (let n = 5; n < 9; n++) take('A-2', n)
    notifier.tidy()
    expect((await later()).map(([topic, , count, dropped]) => [topic, count, dropped])).toEqual([
      ['grid/site-1/zone/-/cases', 0, 1],
      ['grid/site-1/zone/Z-A-2/cases', 3, 0],
    ])
  })
})

const BROKER = { version: '3.1.1', clientId: 'g', username: null, password: null, tls: null, keepaliveS: 30 } as const
const PUBLISHED: PublishConfig = {
  ...{ ...BROKER, id: 'scada', url: 'mqtt://Broker.Example:1883' },
  ...({ readings: null, findings: null, health: null, qos: 1, retain: false } as const),
}
const SOURCE: MqttConfig = {
  ...{ ...BROKER, id: 'plant', url: '', mappings: [], connections: 1, share: 'gridtally', sessionExpiryS: 1, maxPayloadBytes: 1 },
  ...({ maxInFlight: 1, unregistered: 'keep', maxUnregistered: 10, rebirth: true } as const),
}

describe('topics of notifications that would come back as readings', () => {
  const problems = (topic: string, url = 'mqtt://broker.example') =>
    notifyProblems(
      {
        ...{ file: 'g.yaml', id: 'site-1', mqtt: [{ ...SOURCE, url }], publish: [PUBLISHED] },
        notify: config({ webhooks: [], mqtt: [{ id: 'n', broker: 'scada', topic, secret: null, ...wanted }] }),
      },
      new Map([['plant', ['tele/+/SENSOR', 'grid/+/zone/+/cases', 'site-1/#']]]),
    ).map(({ path, message }) => `${path} ${message}`)
  it.each([
    ['tele/meter/SENSOR', 1],
    ['grid/{gateway}/zone/{zone}/cases', 1],
    ['{gateway}/cases', 1],
    ['tele/{zone}/STATE', 0],
    ['notices/{gateway}/zone/{zone}/cases', 0],
  ])('%s: %i', (topic, count) => expect(problems(topic)).toHaveLength(count))
  it('say where, and what to do; another broker is none', () => {
    expect(problems('{gateway}/cases')).toEqual([
      '/notify/mqtt/0/topic of n is "{gateway}/cases", and mqtt plant takes "site-1/#" in from the same broker: begin the topic with a word that no mapping there asks for',
    ])
    expect(problems('{gateway}/cases', 'mqtt://other.example')).toEqual([])
  })
})

it('keeps so many that wait and no more, and says how many were given up with the next message', async () => {
  const { book, notifier, time, sent, said } = site(config({ keepMost: 2 }))
  onTestFinished(() => book.close())
  found(book, 5)
  notifier.tidy()
  expect(notifier.targets()).toMatchObject([{ waiting: 2, dropped: 3 }])
  expect(said).toEqual([expect.stringContaining('3 changes')])
  time.now += 60_000
  await notifier.tick()
  found(book, 1, 1)
  time.now += 60_000
  await notifier.tick()
  expect(sent.map(({ body }) => [body.count, body.dropped])).toEqual([
    [2, 3],
    [1, 0],
  ])
})

it('is quiet in quiet hours but for what may disturb, and tells the rest when they are over', async () => {
  const quiet = { fromMin: 22 * 60, toMin: 7 * 60, breakThrough: 'critical' } as const
  const { book, notifier, time, sent } = site(config({ quiet }))
  onTestFinished(() => book.close())
  time.now = Date.parse('2026-03-02T23:30:00Z')
  found(book, 1)
  found(book, 1, 1, { severity: 'critical' })
  await notifier.tick()
  expect(sent.map(({ body }) => body.events.map((one) => one.case.severity))).toEqual([['critical']])
  time.now = Date.parse('2026-03-03T06:59:00Z')
  await notifier.tick()
  expect(sent).toHaveLength(1)
  time.now = Date.parse('2026-03-03T07:00:00Z')
  await notifier.tick()
  expect(sent.map(({ body }) => body.events.map((one) => one.case.severity))).toEqual([['critical'], ['high']])
})

it('is not held up in quiet hours by very many that wait for their end', async () => {
  const quiet = { fromMin: 22 * 60, toMin: 7 * 60, breakThrough: 'critical' } as const
  const { book, notifier, time, sent } = site(config({ quiet }))
  onTestFinished(() => book.close())
  time.now = Date.parse('2026-03-02T23:30:00Z')
  found(book, 1)
  book.file.transaction(() => {
    for (let at = 0; at < 1000; at++) book.file.addNotice('ops', 1, NOON, false)
  })
  found(book, 1, 1, { severity: 'critical' })
  await notifier.tick()
  expect(sent.map(({ body }) => body.events.map((one) => one.case.severity))).toEqual([['critical']])
})

it('sends what was not taken again as it was, so that a repeat is known for one', async () => {
  const { book, notifier, time, sent, answers } = site(config())
  onTestFinished(() => book.close())
  found(book, 2)
  time.now += 60_000
  answers.push(fail('NO', 'taken, and the answer was lost'))
  await notifier.tick()
  found(book, 1, 1)
  time.now += 60_000
  for (const at of [5_000, 5_001]) {
    time.monotonic = at
    await notifier.tick()
  }
  expect(sent.map(({ id, body }) => [id, body.count])).toEqual([
    ['site-1-1-2', 2],
    ['site-1-1-2', 2],
    ['site-1-3-3', 1],
  ])
})

it('stops in time though a server never answers, and touches the book no more', async () => {
  let answer: (result: Result<void>) => void = () => {}
  const never = new Promise<Result<void>>((done) => {
    answer = done
  })
  const { book, notifier, time } = site(config(), scratch(), { webhook: () => never })
  found(book, 1)
  time.now += 60_000
  const telling = notifier.tick()
  // The next second looks again while that one is under way.
  await notifier.tick()
  await notifier.stop(1)
  await telling
  expect(book.file.noticeCount('ops')).toBe(1)
  book.close()
  answer(ok(undefined))
  await expect(notifier.tick()).resolves.toBeUndefined()
})

it.each([
  ['an event nobody asked for', { events: ['closed'] }, 0],
  ['a case below what they want', { least: 'critical' }, 0],
  ['another kind', { kinds: ['comm_fault'] }, 0],
  ['another zone', { zones: ['Z-2'] }, 0],
  ['their zone and kind', { kinds: ['theft'], zones: ['Z-1'] }, 1],
] as const)('%s', async (_, over, count) => {
  const { book, notifier } = site(config({ webhooks: [{ ...hook, ...over }] }))
  onTestFinished(() => book.close())
  found(book, 1)
  expect(notifier.targets()).toMatchObject([{ waiting: count }])
})

it('of a silenced case nothing is told', () => {
  const { book, notifier } = site(config({ webhooks: [{ ...hook, events: ['closed'] }] }))
  onTestFinished(() => book.close())
  found(book, 1)
  book.act(1, { act: 'silence', until: NOON + HOUR, text: 'crew is out' }, 'li', null, NOON)
  book.act(1, { act: 'close', cause: 'a', text: 'b' }, 'li', null, NOON + 1)
  expect(notifier.targets()).toMatchObject([{ waiting: 0 }])
})

it('sends a test at once and drops what waits for somebody who is gone', async () => {
  const { book, notifier, sent } = site(config())
  onTestFinished(() => book.close())
  expect(await notifier.test('nobody')).toBeNull()
  expect(await notifier.test('ops')).toMatchObject({ id: 'ops', error: null })
  expect(sent).toMatchObject([{ body: { test: true, count: 0, events: [] } }])
  found(book, 1)
  notifier.use(config({ webhooks: [] }))
  notifier.tidy()
  expect(book.file.noticeCount('ops')).toBe(0)
})

it('reaches a real server over HTTP, signed', async () => {
  const seen: { signature: unknown; count: number }[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => {
      text += String(chunk)
    })
    request.on('end', () => {
      const body: Body = JSON.parse(text)
      seen.push({ signature: request.headers['x-gridtally-delivery'], count: body.count })
      response.end()
    })
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const { sendWebhook } = await import('../../src/gateway/webhook.ts')
  const given = config({ webhooks: [{ ...hook, url: new SecretUrl(url), allow: ['127.0.0.1'] }] })
  const { book, notifier, time } = site(given, scratch(), { webhook: sendWebhook })
  onTestFinished(() => book.close())
  found(book, 2)
  time.now += 60_000
  await notifier.tick()
  expect(seen).toEqual([{ signature: 'site-1-1-2', count: 2 }])
})

describe('what is told as it stands', () => {
  const part = (name: string, state: 'ok' | 'degraded' | 'failed', sentence = 'is so') => ({ part: name, state, sentence, cure: null })
  /** A target that wants billing and health; what they are now can be set. */
  const standing = (over: Partial<NotifyConfig> = {}, directory = scratch()) => {
    const now: { seq: number; ready: boolean; parts: ReturnType<typeof part>[] } = { seq: 0, ready: true, parts: [] }
    const asked = { billing: 0 }
    const webhooks = [{ ...hook, about: ['billing', 'health'] as const }]
    const made = site(config({ webhooks, ...over }), directory, {
      billing: async () => {
        asked.billing++
        if (now.seq < 0) throw new Error('billing.db is closed')
        return now.seq
      },
      health: () => ({ ready: now.ready, parts: now.parts }),
    })
    onTestFinished(() => made.book.close())
    /** Some seconds later. */
    const later = async (ms = 5_000) => {
      made.time.now += ms
      made.time.monotonic += ms
      await made.notifier.tick()
    }
    return { ...made, now, asked, later }
  }

  it('of billing the newest number alone, at most every few seconds', async () => {
    const { now, later, sent, asked } = standing()
    await later()
    expect(sent).toEqual([])
    now.seq = 4
    await later()
    now.seq = 5
    await later(1_000)
    now.seq = 90
    await later(1_000)
    await later(1_000)
    await later()
    expect(asked.billing).toBe(4)
    expect(sent.map(({ id, body }) => [id, body.type, body.seq])).toEqual([
      ['site-1-billing-4', 'billing.changed', 4],
      ['site-1-billing-90', 'billing.changed', 90],
    ])
  })

  it('again after a failure, as it then is, and once only over a restart', async () => {
    const directory = scratch()
    const first = standing({}, directory)
    first.now.seq = 7
    first.answers.push(fail('NO', 'down'))
    await first.later()
    first.now.seq = 8
    await first.later(4_999)
    expect(first.sent).toHaveLength(1)
    await first.later(1)
    expect(first.sent.map(({ body }) => body.seq)).toEqual([7, 8])
    expect(first.said).toEqual([expect.stringContaining('cannot be told of changed figures'), expect.stringContaining('again')])
    const second = standing({}, directory)
    second.now.seq = 8
    await second.later()
    expect(second.sent).toEqual([])
    // A book that was put back from a backup has other changes.
    second.now.seq = 6
    await second.later()
    expect(second.sent.map(({ body }) => body.seq)).toEqual([6])
  })

  it('a part that fails, and that it is well again, with what it was before; words alone are no change', async () => {
    const { now, later, sent } = standing()
    now.parts = [part('outbox', 'ok'), part('line a', 'degraded')]
    await later()
    now.parts = [part('outbox', 'ok', 'takes 9'), part('line a', 'degraded', '3 of 9')]
    await later()
    now.ready = false
    now.parts = [part('outbox', 'failed'), part('line a', 'ok')]
    await later()
    now.ready = true
    now.parts = [part('line a', 'ok')]
    await later()
    await later()
    expect(sent.map(({ body: { type, ready, parts } }) => [type, ready, parts?.map((one) => [one.part, one.before, one.state])])).toEqual([
      ['health.changed', true, [['line a', 'ok', 'degraded']]],
      [
        'health.changed',
        false,
        [
          ['outbox', 'ok', 'failed'],
          ['line a', 'degraded', 'ok'],
        ],
      ],
      ['health.changed', true, [['outbox', 'failed', 'gone']]],
    ])
    expect(new Set(sent.map(({ id }) => id)).size).toBe(3)
  })

  it('in quiet hours only what fails, and the rest afterwards', async () => {
    const quiet = { fromMin: 22 * 60, toMin: 7 * 60, breakThrough: 'critical' } as const
    const { now, later, sent, time } = standing({ quiet })
    time.now = Date.parse('2026-03-02T23:00:00Z')
    now.parts = [part('line a', 'degraded')]
    await later()
    expect(sent).toEqual([])
    now.parts = [part('line a', 'degraded'), part('line b', 'failed')]
    await later()
    expect(sent).toHaveLength(1)
    now.parts = []
    await later()
    expect(sent).toHaveLength(1)
    time.now = Date.parse('2026-03-03T07:00:00Z')
    await later()
    expect(sent).toHaveLength(2)
  })

  it('does not hold up the others when it cannot be looked at, which is said once', async () => {
    const { now, later, sent, said } = standing()
    now.seq = -1
    now.parts = [part('line a', 'failed')]
    await later()
    await later()
    expect(sent.map(({ body }) => body.type)).toEqual(['health.changed'])
    expect(said).toEqual(['nobody can be told of changed figures of billing: billing.db is closed'])
  })

  it('nobody who did not ask for it, and no cases to who asked for these alone', async () => {
    const { now, later, sent, book } = standing({ webhooks: [hook, { ...hook, id: 'health', about: ['health'] }] })
    found(book, 1)
    now.seq = 3
    now.parts = [part('line a', 'failed')]
    await later(60_000)
    expect(sent.map(({ body }) => body.type).sort()).toEqual(['cases.changed', 'health.changed'])
    expect(book.file.noticeCount('health')).toBe(0)
  })
})

it('reaches subscribers of a real broker, QoS 1', async () => {
  const mosquitto = await startMosquitto()
  onTestFinished(() => mosquitto.destroy())
  const target: PublishConfig = {
    ...({ url: mosquitto.url, version: '3.1.1', clientId: 'g', username: null, password: null, tls: null, keepaliveS: 30 } as const),
    ...({ id: 'scada', readings: null, findings: null, health: null, qos: 1, retain: false } as const),
  }
  const made = Publisher.of(target, { gateway: 'site-1', version: '0', clock: systemClock, log: () => {} })
  if (!made.ok) throw new Error(made.error.message)
  onTestFinished(() => made.value.stop(1000))
  const heard: string[] = []
  const signed: string[] = []
  const client = plainClient(mosquitto.port)
  await client.subscribeAsync('gridtally/#', { qos: 1 })
  client.on('message', (topic, payload, packet) => {
    if (topic.endsWith('/signed')) signed.push(String(payload))
    else heard.push(`${topic} ${packet.qos} ${(JSON.parse(String(payload)) as Body).count}`)
  })
  const plain = { id: 'cases', broker: 'scada', topic: 'gridtally/{gateway}/cases', secret: null, ...wanted }
  const withSecret = { ...plain, id: 'signed', topic: 'gridtally/{gateway}/signed', secret: new Secret('s3cret') }
  const given = config({ webhooks: [], mqtt: [plain, withSecret] })
  const { book, notifier, time } = site(given, scratch(), { publish: (_, topic, body) => made.value.send(topic, body) })
  onTestFinished(() => book.close())
  found(book, 3)
  time.now += 60_000
  await notifier.tick()
  expect(notifier.targets()).toMatchObject([{ waiting: 3, error: { code: 'PUBLISH_NOT_STARTED' } }, { waiting: 3 }])
  made.value.start()
  await until(() => made.value.state()?.connections[0]?.state === 'up')
  time.monotonic += 5_000
  await notifier.tick()
  await until(() => heard.length > 0 && signed.length > 0)
  expect(heard).toEqual(['gridtally/site-1/cases 1 3'])
  // MQTT 3.1.1: the signature stands in the payload, over the very bytes of the text beside it.
  const { delivery, signature, body } = JSON.parse(signed[0] ?? '') as Record<string, string>
  expect(JSON.parse(body ?? '')).toMatchObject({ count: 3, delivery })
  expect(signature).toBe(signatureOf('s3cret', Number(/t=(\d+)/.exec(signature ?? '')?.[1]), body ?? ''))
})
