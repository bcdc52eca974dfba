import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { MqttOversize } from '../../src/transport/index.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { deferred, openEnd, ready, textOf, until } from './mqtt-listener.ts'

const MB = 1_000_000

it.each(['3.1.1', '5'] as const)(
  'reports messages of 300 kB, 20 MB and 200 MB, acknowledges them and holds none, MQTT %s',
  async (version) => {
    const mosquitto = await startMosquitto()
    onTestFinished(() => mosquitto.destroy())
    const { end, messages, large } = openEnd({ url: mosquitto.url, version })
    end.subscribe(['m/#'])
    await ready(end)
    const before = process.memoryUsage().rss
    let most = 0
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss)
    }, 5)
    onTestFinished(() => clearInterval(watch))
    const sizes = [300_000, 20 * MB, 200 * MB]
    for (const [n, size] of sizes.entries()) {
      const file = join(mosquitto.folder, `payload-${n}`)
      writeFileSync(file, `{"start":${n}}`)
      truncateSync(file, size)
      await mosquitto.publish('m/small', `before ${n}`)
      await mosquitto.publishFile(`m/large/${n}`, file)
      await mosquitto.publish('m/small', `after ${n}`)
    }
    await until(() => end.state().acknowledged === 9, 30_000)
    expect(large.map(({ topic, bytes, qos, connection, retained }) => ({ topic, bytes, qos, connection, retained }))).toEqual(
      sizes.map((bytes, n) => ({ topic: `m/large/${n}`, bytes, qos: 1, connection: 0, retained: false })),
    )
    expect(large.map(({ head }) => Buffer.from(head).toString('latin1').replace(/\0+$/, ''))).toEqual(
      [0, 1, 2].map((n) => `{"start":${n}}`),
    )
    expect(large.every(({ head }) => head.length === 200)).toBe(true)
    expect(messages.map(textOf)).toEqual([0, 1, 2].flatMap((n) => [`before ${n}`, `after ${n}`]))
    expect(end.state()).toMatchObject({ received: 9, oversize: 3, connections: [{ reconnects: 0, state: 'up' }] })
    expect((most - before) / MB).toBeLessThan(90)
  },
  60_000,
)

it('acknowledges a large message only when it was put aside, in its turn, and never one of QoS 0', async () => {
  const mosquitto = await startMosquitto()
  onTestFinished(() => mosquitto.destroy())
  const aside = deferred<boolean>()
  const heard: MqttOversize[] = []
  const { end, messages } = openEnd({ url: mosquitto.url, maxPayloadBytes: 1000 }, undefined, {
    oversize: (message) => {
      heard.push(message)
      return aside.promise
    },
  })
  end.subscribe(['m'])
  await ready(end)
  await mosquitto.publish('m', 'x'.repeat(1001), { qos: 0 })
  await mosquitto.publish('m', 'y'.repeat(1001))
  await mosquitto.publish('m', 'z'.repeat(1000))
  await until(() => messages.length === 1)
  expect(heard.map(({ qos, bytes }) => [qos, bytes])).toEqual([
    [0, 1001],
    [1, 1001],
  ])
  expect(end.state()).toMatchObject({ acknowledged: 0, oversize: 2, received: 3, connections: [{ inFlight: 2 }] })
  aside.resolve(true)
  await until(() => end.state().acknowledged === 2)
})
