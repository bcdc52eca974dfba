import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type MqttDelivery, openMqtt } from '../../src/transport/index.ts'
import { type MosquittoOptions, startMosquitto } from '../support/mosquitto.ts'
import { deferred, openEnd, plainClient, ready, textOf, until } from './mqtt-listener.ts'

const broker = async (options: MosquittoOptions = {}) => {
  const mosquitto = await startMosquitto(options)
  onTestFinished(() => mosquitto.destroy())
  return mosquitto
}
const VERSIONS = ['3.1.1', '5'] as const

it.each(VERSIONS)('delivers a message with all that is known of it, MQTT %s', async (version) => {
  const { url, publish } = await broker()
  await publish('meter/7', 'kept', { retain: true })
  const { end, messages } = openEnd({ url, version, now: () => 1_790_000_000_000 })
  end.subscribe(['meter/+'])
  await ready(end)
  await publish('meter/8', 'live')
  await publish('meter/9', 'fleeting', { qos: 0 })
  await publish('meter/10', 'twice', { qos: 2 })
  await until(() => messages.length === 4)
  const common = { duplicate: false, arrivedAt: 1_790_000_000_000, connection: 0 }
  expect(messages.map((message) => ({ ...message, payload: textOf(message) }))).toEqual([
    { ...common, topic: 'meter/7', payload: 'kept', retained: true, qos: 1, packetKey: 'gridtally-test 1' },
    { ...common, topic: 'meter/8', payload: 'live', retained: false, qos: 1, packetKey: 'gridtally-test 2' },
    { ...common, topic: 'meter/9', payload: 'fleeting', retained: false, qos: 0, packetKey: null },
    { ...common, topic: 'meter/10', payload: 'twice', retained: false, qos: 1, packetKey: 'gridtally-test 3' },
  ])
  await until(() => end.state().acknowledged === 3)
  expect(end.state()).toMatchObject({
    id: 'plant',
    connections: [{ clientId: 'gridtally-test', state: 'up', error: null, reconnects: 0, inFlight: 0 }],
    received: 4,
    oversize: 0,
    subscriptions: [{ filter: 'meter/+', granted: true, refused: false, reason: null }],
  })
})

it.each(VERSIONS)('acknowledges nothing before it is safe: what was in hand comes again, MQTT %s', async (version) => {
  const { url, publish } = await broker()
  const first = openEnd({ url, version }, () => new Promise(() => {}))
  first.end.subscribe(['m'])
  await ready(first.end)
  for (const n of [1, 2, 3]) await publish('m', `${n}`)
  await until(() => first.messages.length === 3)
  expect(first.end.state()).toMatchObject({ acknowledged: 0, connections: [{ inFlight: 3 }] })
  await first.end.close(0)

  const second = openEnd({ url, version })
  second.end.subscribe(['m'])
  await until(() => second.end.state().acknowledged === 3)
  expect(second.messages.map(textOf)).toEqual(['1', '2', '3'])
  expect(second.messages.every(({ duplicate }) => duplicate)).toBe(true)
  expect(second.messages.map(({ packetKey }) => packetKey)).toEqual(first.messages.map(({ packetKey }) => packetKey))
  await second.end.close()

  const third = openEnd({ url, version })
  third.end.subscribe(['m'])
  await ready(third.end)
  await publish('m', 'last')
  await until(() => third.messages.length > 0)
  expect(third.messages.map(textOf)).toEqual(['last'])
})

it('stores a QoS 2 message of an old session before it confirms it', async () => {
  const { url, port, publish } = await broker()
  const old = plainClient(port, { clientId: 'gridtally-test', clean: false, reconnectPeriod: 0 })
  await old.subscribeAsync('m', { qos: 2 })
  await old.endAsync()
  await publish('m', 'exact', { qos: 2 })
  const first = openEnd({ url }, () => new Promise(() => {}))
  await until(() => first.messages.length === 1)
  await first.end.close(0)
  const second = openEnd({ url })
  await until(() => second.end.state().acknowledged === 1)
  expect(second.messages.map((message) => [textOf(message), message.qos, message.duplicate])).toEqual([['exact', 2, true]])
  expect(second.messages[0]?.packetKey).toBe(first.messages[0]?.packetKey)
  await second.end.close()
  const third = openEnd({ url })
  third.end.subscribe(['m'])
  await ready(third.end)
  await publish('m', 'next')
  await until(() => third.messages.length > 0)
  expect(third.messages.map(textOf)).toEqual(['next'])
})

it('fetches again what could not be stored, with the next connection, and goes on meanwhile', async () => {
  const { url, publish } = await broker()
  const answers = [false, true]
  const { end, messages } = openEnd({ url }, () => Promise.resolve(answers.shift() ?? true))
  end.subscribe(['m'])
  await ready(end)
  await publish('m', 'unsafe')
  await publish('m', 'safe')
  await until(() => end.state().acknowledged === 1)
  await end.close()
  const next = openEnd({ url })
  await until(() => next.end.state().acknowledged === 1)
  expect(next.messages.map(textOf)).toEqual(['unsafe'])
  expect(next.messages[0]?.packetKey).toBe(messages[0]?.packetKey)
})

it('connects anew by itself 30 s after a message that could not be stored', async () => {
  const { url, publish } = await broker()
  const answers = [false]
  const { end, messages } = openEnd({ url }, () => Promise.resolve(answers.shift() ?? true))
  end.subscribe(['m'])
  await ready(end)
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  await publish('m', 'unsafe')
  await until(() => messages.length === 1)
  vi.advanceTimersByTime(29_000)
  expect(end.state().connections[0]).toMatchObject({ state: 'up', reconnects: 0 })
  vi.advanceTimersByTime(1000)
  await until(() => end.state().acknowledged === 1)
  expect(messages.map((message) => [textOf(message), message.duplicate])).toEqual([
    ['unsafe', false],
    ['unsafe', true],
  ])
  expect(end.state().connections[0]?.reconnects).toBe(1)
  vi.useRealTimers()
})

it('gives no more than maxInFlight into hand, and the next when one is answered', async () => {
  const { url, publish, port } = await broker({ config: ['allow_anonymous true', 'max_inflight_messages 0'] })
  const answers: ((isSafe: boolean) => void)[] = []
  const { end } = openEnd({ url, maxInFlight: 5, keepaliveS: 1 }, () => new Promise((resolve) => void answers.push(resolve)))
  end.subscribe(['m'])
  await ready(end)
  const publisher = plainClient(port)
  await Promise.all(Array.from({ length: 50 }, (_, n) => publisher.publishAsync('m', `${n}`.padEnd(100_000), { qos: 1 })))
  await until(() => answers.length === 5)
  // Longer than the keep-alive: the broker's PINGRESP waits behind 5 MB that nobody reads, and nobody takes that for death.
  const since = Date.now()
  await until(() => Date.now() - since > 2500)
  await publish('other', 'x')
  expect(answers.length).toBe(5)
  expect(end.state()).toMatchObject({ connections: [{ inFlight: 5, reconnects: 0, state: 'up' }] })
  answers[3]?.(true)
  await until(() => answers.length === 6)
  expect(end.state()).toMatchObject({ acknowledged: 0, connections: [{ inFlight: 5 }] })
  for (let n = 0; n < 50; n++) {
    await until(() => answers.length > n)
    answers[n]?.(true)
  }
  await until(() => end.state().acknowledged === 50)
})

it('closes when the answers under way are there, and acknowledges them', async () => {
  const { url, publish } = await broker()
  const answer = deferred<boolean>()
  const first = openEnd({ url }, () => answer.promise)
  first.end.subscribe(['m'])
  await ready(first.end)
  await publish('m', 'in hand')
  await until(() => first.messages.length === 1)
  const closing = first.end.close(10_000)
  answer.resolve(true)
  await closing
  expect(first.end.state()).toMatchObject({ acknowledged: 1, connections: [{ state: 'down', error: { code: 'MQTT_CLOSED' } }] })
  const second = openEnd({ url })
  second.end.subscribe(['m'])
  await ready(second.end)
  await publish('m', 'new')
  await until(() => second.messages.length === 1)
  expect(second.messages.map(textOf)).toEqual(['new'])
  expect(await first.end.publish('m', 'late', { qos: 1 })).toMatchObject({ ok: false, error: { code: 'MQTT_OFFLINE' } })
})

it('says that the broker forbids a topic', async () => {
  const { url } = await broker({
    config: ['allow_anonymous true', 'acl_file {folder}/acl'],
    prepare: (folder) => writeFileSync(join(folder, 'acl'), 'topic read #\n'),
  })
  // A 3.1.1 broker cannot say that it threw a message away.
  const { end } = openEnd({ url, version: '5' })
  await ready(end)
  expect(await end.publish('no', 'x', { qos: 1 })).toMatchObject({ ok: false, error: { code: 'MQTT_PUBLISH', context: { topic: 'no' } } })
})

it.each(VERSIONS)('publishes: acknowledged, unanswered, without a broker, MQTT %s', async (version) => {
  const mosquitto = await broker()
  const { end, messages } = openEnd({ url: mosquitto.url, version })
  expect(await end.publish('yes/a', 'x', { qos: 1 })).toMatchObject({ ok: false, error: { code: 'MQTT_OFFLINE' } })
  end.subscribe(['yes/#'])
  await ready(end)
  expect(await end.publish('yes/a', 'one', { qos: 1 })).toEqual({ ok: true, value: undefined })
  expect(await end.publish('yes/b', Uint8Array.of(50), { qos: 0, retain: true })).toEqual({ ok: true, value: undefined })
  await until(() => messages.length === 2)
  expect(messages.map(textOf)).toEqual(['one', '2'])
  for (const topic of ['', 'a/+', 'a/#', 'a\0'])
    expect(await end.publish(topic, 'x', { qos: 1 })).toMatchObject({ ok: false, error: { code: 'MQTT_PUBLISH' } })
  mosquitto.signal('SIGSTOP')
  const unanswered = await end.publish('yes/a', 'x', { qos: 1, timeoutMs: 50 })
  expect(unanswered).toMatchObject({ ok: false, error: { code: 'MQTT_PUBLISH', message: expect.stringContaining('within 50 ms') } })
  const broken = end.publish('yes/a', 'x', { qos: 1 })
  await mosquitto.stop('SIGKILL')
  expect(await broken).toMatchObject({ ok: false, error: { code: 'MQTT_CLOSED' } })
})

it('leaves its will when it is gone without a word, and none when it says goodbye', async () => {
  const { url, port } = await broker()
  const { end: watcher, messages } = openEnd({ url, clientId: 'watcher' })
  watcher.subscribe(['state/#'])
  await ready(watcher)
  const will = { topic: 'state/host', payload: 'gone', qos: 1, retain: true } as const
  const polite = openEnd({ url, will })
  await ready(polite.end)
  await polite.end.close()
  const rude = openEnd({ url, will })
  await ready(rude.end)
  // The same client id elsewhere: the broker throws the first one out.
  const other = plainClient(port, { clientId: 'gridtally-test', reconnectPeriod: 0 })
  await until(() => messages.length === 1)
  expect(messages.map(textOf)).toEqual(['gone'])
  await other.endAsync()
})

it.each(['', 'http://broker', 'mqtt://', 'broker:1883', 'mqtt://me:secret@broker:1883', 'mqtt://broker/path'])(
  'refuses the url %j',
  async (url) => {
    const end = openMqtt('plant', { url, version: '5', clientId: 'x' }, { message: async () => true, oversize: async () => true })
    const [connection] = end.state().connections
    expect(connection).toMatchObject({ state: 'down', error: { code: 'MQTT_SETTINGS', recovery: 'stop' } })
    expect(connection?.error?.message).not.toContain('secret')
    await end.close()
  },
)

const keyOf = ({ topic, payload }: MqttDelivery): string => `${topic} ${Buffer.from(payload).toString()}`

it.each(VERSIONS)(
  'shares 5,000 messages among 8 connections, each acknowledged once, none lost, MQTT %s',
  async (version) => {
    const { url, port } = await broker()
    const { end, messages } = openEnd({ url, version, connections: 8 }, async () => {
      await new Promise((resolve) => setImmediate(resolve))
      return true
    })
    end.subscribe(['meter/#'])
    await ready(end)
    const publisher = plainClient(port)
    await Promise.all(Array.from({ length: 5000 }, (_, n) => publisher.publishAsync(`meter/${n % 40}`, `${n}`, { qos: 1 })))
    await until(() => end.state().acknowledged === 5000, 20_000)
    expect(new Set(messages.map(keyOf)).size).toBe(5000)
    expect(messages.length).toBe(5000)
    expect(new Set(messages.map(({ connection }) => connection)).size).toBe(8)
    expect(end.state().connections.map(({ clientId }) => clientId)).toContain('gridtally-test-7')
  },
  30_000,
)
