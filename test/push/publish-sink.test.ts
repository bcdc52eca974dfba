import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ok, QUALITY, type Reading, type Result, type Sink, seriesOf } from '../../src/core/index.ts'
import { fail } from '../../src/push/errors.ts'
import { healthPayload, type PublishSinkOptions, publishSink, readingPayload } from '../../src/push/publish-sink.ts'
import { topicLevel, topicTemplate } from '../../src/push/topic-template.ts'
import { reading, START } from './support.ts'

const sinkOf = (options: Partial<PublishSinkOptions>): Sink => {
  const sink = publishSink({
    id: 'broker',
    gateway: 'gt-1',
    topic: '{gateway}/readings/{meter}',
    qos: 1,
    retain: false,
    publish: async () => ok(undefined),
    after: () => () => {},
    ...options,
  })
  if (!sink.ok) throw new Error(sink.error.message)
  return sink.value
}
const readings = (count: number): Reading[] =>
  Array.from({ length: count }, (_, at) => reading(at, { '1.8.0': '1.50' }, { meter: `m ${at}` }))
const event: Reading = { ...reading(0, { value: '1' }), series: seriesOf('event', { meter: '10001', code: 'COVER_OPEN' }) }

describe('a topic', () => {
  it('is made of the template and the tags of the reading', () => {
    const topicOf = topicTemplate('site/{gateway}/{measurement}/{meter}/{point}/{area}/{source}', 'gt-1')
    expect(topicOf.ok && topicOf.value(reading(0, { '1.8.0': '1' }))).toEqual(ok('site/gt-1/register/10001/p 10001/-/push'))
  })
  it.each([
    ['a placeholder nobody knows', '{gateway}/{serial}', '{serial}'],
    ['a wildcard', 'readings/+/x', '+'],
    ['the other wildcard', 'readings/#', '#'],
    ['an open brace', 'readings/{meter', 'brace'],
    ['a topic of the broker', '$SYS/{meter}', '$'],
    ['nothing', '', 'empty'],
  ])('refuses %s', (_, template, why) =>
    expect(topicTemplate(template, 'gt-1')).toMatchObject({
      ok: false,
      error: { code: 'PUSH_TEMPLATE', message: expect.stringContaining(why) },
    }),
  )
  it.each([
    ['a name with what MQTT gives a meaning', 'a/b+c#d%e', 'a%2Fb%2Bc%23d%25e'],
    ['control characters', 'a\u0000b\nc\u0085', 'a%00b%0Ac%C2%85'],
    ['a dollar sign in front', '$SYS$', '%24SYS$'],
    ['an empty name', '', '-'],
    ['half a pair', 'a\ud800b', 'a\uFFFDb'],
    ['Chinese', '电表 1', '电表 1'],
  ])('encodes %s', (_, name, level) => expect(topicLevel(name)).toBe(level))
  it('never has more levels than its template, and two names never share one', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(topicLevel(a)).not.toMatch(/[/+#\p{Cc}]/u)
        if (a !== b && a !== '' && b !== '') expect(topicLevel(a)).not.toBe(topicLevel(b))
      }),
    ))
})

describe('a payload', () => {
  it('says everything a reading says', () => {
    const one = reading(1500, { '1.8.0': '1234567.80', '2.8.0': null }, { ratio: '80', quality: QUALITY.partial | QUALITY.unregistered })
    const payload = readingPayload(one)
    expect(payload.ok && JSON.parse(Buffer.from(payload.value).toString())).toEqual({
      meter: '10001',
      point: 'p 10001',
      area: '-',
      measurement: 'register',
      source: 'push',
      measuredAt: '2025-10-09T08:53:21.500Z',
      receivedAt: '2025-10-09T08:53:21.800Z',
      ratio: '80',
      quality: ['partial', 'unregistered'],
      values: [{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', value: '1234567.80' }],
      absent: { '2.8.0': 'DLT645_REFUSED' },
    })
  })
  it('of health says the state, and the time when somebody knows it', () => {
    const parse = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString())
    const parts = { gateway: 'gt-1', version: '0.2.0' }
    expect(parse(healthPayload({ ...parts, state: 'online', at: START, figures: { 'outbox.depth': 7 } }))).toEqual({
      ...parts,
      state: 'online',
      at: '2025-10-09T08:53:20.000Z',
      figures: { 'outbox.depth': 7 },
    })
    expect(parse(healthPayload({ ...parts, state: 'offline', at: null }))).toEqual({ ...parts, state: 'offline', at: null, figures: {} })
  })
})

describe('a publishing sink', () => {
  it('sends each reading to its topic, events to theirs, and not what is filtered', async () => {
    const sent: unknown[] = []
    const sink = sinkOf({
      eventTopic: '{gateway}/events/{meter}',
      qos: 2,
      retain: true,
      filter: ({ series }) => series.tags.meter !== 'm 1',
      publish: async (topic, payload, terms) => {
        sent.push([topic, JSON.parse(Buffer.from(payload).toString()).measurement, terms])
        return ok(undefined)
      },
    })
    expect(await sink.write([...readings(3), event])).toEqual({ kind: 'stored', dead: [] })
    const terms = { qos: 2, retain: true }
    expect(sent).toEqual([
      ['gt-1/readings/m 0', 'register', terms],
      ['gt-1/readings/m 2', 'register', terms],
      ['gt-1/events/10001', 'event', terms],
    ])
  })

  it('has up to a hundred under way, and is done when all are acknowledged', async () => {
    const acknowledge: (() => void)[] = []
    const sink = sinkOf({ publish: () => new Promise((resolve) => acknowledge.push(() => resolve(ok(undefined)))) })
    let answer: unknown = null
    const writing = sink.write(readings(sink.batch)).then((given) => {
      answer = given
    })
    await expect.poll(() => acknowledge.length).toBe(100)
    for (const one of acknowledge.splice(0, 100)) one()
    await expect.poll(() => acknowledge.length).toBe(100)
    for (const one of acknowledge.splice(0, 99)) one()
    expect(answer).toBeNull()
    acknowledge[0]!()
    await writing
    expect(answer).toEqual({ kind: 'stored', dead: [] })
  })

  const broken = fail('PUSH_PUBLISH', 'not connected to mqtt://10.0.0.1')
  it.each<[string, (count: number) => Promise<Result<void>>, object]>([
    ['is not connected', async (count) => (count > 40 ? broken : ok(undefined)), { kind: 'later', waitMs: null, error: broken.error }],
    [
      'throws',
      async () => {
        throw new Error('client disconnecting')
      },
      { kind: 'later', error: { code: 'PUSH_PUBLISH', message: expect.stringContaining('client disconnecting') } },
    ],
    ['may not publish', async () => fail('PUSH_CLOSED', 'not authorised'), { kind: 'stop', error: { message: 'not authorised' } }],
  ])('puts off the whole batch when it %s', async (_, publish, answer) => {
    let count = 0
    const sink = sinkOf({ publish: () => publish(++count) })
    expect(await sink.write(readings(200))).toMatchObject(answer)
    expect(count).toBeLessThan(200)
  })

  it('gives up at its deadline, and sends no more of that batch', async () => {
    let ring = () => {}
    let count = 0
    const sink = sinkOf({
      publish: () => {
        count++
        return new Promise(() => {})
      },
      deadlineMs: 700,
      after: (ms, run) => {
        expect(ms).toBe(700)
        ring = run
        return () => {}
      },
    })
    const writing = sink.write(readings(200))
    await expect.poll(() => count).toBe(100)
    ring()
    expect(await writing).toMatchObject({ kind: 'later', error: { code: 'PUSH_PUBLISH', message: expect.stringContaining('700 ms') } })
    expect(count).toBe(100)
  })

  it('says which readings can never go out, and sends the others', async () => {
    const sent: string[] = []
    const sink = sinkOf({
      publish: async (topic) => {
        sent.push(topic)
        return topic.endsWith('m 3') ? fail('PUSH_TOO_LARGE', 'the broker takes 1 kB') : ok(undefined)
      },
    })
    const batch = readings(5)
    batch[1] = { ...batch[1]!, measuredAt: Number.NaN }
    batch[2] = reading(2, { '1.8.0': '1' }, { meter: 'x'.repeat(70_000) })
    expect(await sink.write(batch)).toMatchObject({
      kind: 'stored',
      dead: [
        { index: 1, error: { code: 'PUSH_READING' } },
        { index: 2, error: { code: 'PUSH_TOPIC' } },
        { index: 3, error: { code: 'PUSH_TOO_LARGE' } },
      ],
    })
    expect(sent).toEqual(['gt-1/readings/m 0', 'gt-1/readings/m 3', 'gt-1/readings/m 4'])
  })

  it('answers even when its filter throws, and after it was closed', async () => {
    const sink = sinkOf({
      filter: () => {
        throw new Error('no ledger')
      },
    })
    expect(await sink.write(readings(2))).toMatchObject({ kind: 'later', error: { message: 'broker: no ledger' } })
    await sink.close()
    expect(await sink.write(readings(2))).toMatchObject({ kind: 'later', error: { code: 'PUSH_CLOSED' } })
  })

  it('is not made from a template that is wrong', () =>
    expect(
      publishSink({
        ...{ id: 'b', gateway: 'g', qos: 1, retain: false, after: () => () => {} },
        publish: async () => ok(undefined),
        topic: 'a',
        eventTopic: '#',
      }),
    ).toMatchObject({
      ok: false,
      error: { code: 'PUSH_TEMPLATE' },
    }))
})
