import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { type MosquittoOptions, startMosquitto } from '../support/mosquitto.ts'
import { openEnd, ready, textOf, until } from './mqtt-listener.ts'

const broker = async (options: MosquittoOptions = {}) => {
  const mosquitto = await startMosquitto(options)
  onTestFinished(() => mosquitto.destroy())
  return mosquitto
}

it('drops a subscription that the configuration dropped, while it runs', async () => {
  const { url, publish } = await broker()
  const { end, messages } = openEnd({ url })
  end.subscribe(['old', 'stays'])
  await ready(end)
  end.subscribe(['stays', 'new'])
  await ready(end)
  for (const topic of ['old', 'stays', 'new']) await publish(topic, topic)
  await until(() => messages.length === 2)
  expect(messages.map(textOf)).toEqual(['stays', 'new'])
})

it('drops a subscription that only the kept session knows', async () => {
  const { url, publish } = await broker()
  const first = openEnd({ url })
  first.end.subscribe(['old', 'stays'])
  await ready(first.end)
  await first.end.close()
  const second = openEnd({ url })
  second.end.subscribe(['stays'], ['old', 'stays'])
  await ready(second.end)
  // UNSUBSCRIBE went after SUBSCRIBE: what a message from ourselves tells came after both.
  await second.end.publish('stays', 'behind it', { qos: 1 })
  await publish('old', 'unwanted')
  await publish('stays', 'wanted')
  await until(() => second.messages.length === 2)
  expect(second.messages.map(textOf)).toEqual(['behind it', 'wanted'])
})

it('gets each message once when one connection becomes three and they become one', async () => {
  const { url, publish, log } = await broker()
  for (const connections of [1, 3, 1]) {
    const { end, messages } = openEnd({ url, connections })
    end.subscribe(['m/#'])
    await ready(end)
    await end.publish('x', 'after the subscriptions', { qos: 1 })
    // mosquitto sends a message once though two subscriptions of a session fit; other brokers do not.
    const said = log()
    const other = connections > 1 ? 'm/#' : '$share/gridtally/m/#'
    if (said.includes('CONNACK to gridtally-test (1, 0)')) expect(said).toContain(`gridtally-test ${other}\n`)
    // The sessions of connections we no longer open are still members of the group: these messages are for the test alone.
    for (let n = 0; n < 9; n++) await publish('m/a', `${connections} ${n}`)
    await until(() => messages.length === 9)
    expect(new Set(messages.map(textOf)).size).toBe(9)
    await end.close()
  }
})

it('names the filter that the broker refuses, and has the others', async () => {
  const { url, publish } = await broker({
    config: ['allow_anonymous true', 'acl_file {folder}/acl'],
    prepare: (folder) => writeFileSync(join(folder, 'acl'), 'topic readwrite yes/#\ntopic deny no/secret\n'),
  })
  const { end, messages } = openEnd({ url, version: '5' })
  end.subscribe(['yes/a', 'no/secret', 'a+', 'yes/b'])
  const granted = () => end.state().subscriptions.map(({ filter, granted }) => [filter, granted])
  await until(() => granted().filter(([, isGranted]) => isGranted).length >= 2)
  expect(end.state().subscriptions[2]).toEqual({
    filter: 'a+',
    granted: false,
    refused: true,
    reason: expect.stringMatching(/^MQTT_SUBSCRIBE "a\+" is no filter: \+ stands for one whole level.*; check the filter/),
  })
  await publish('yes/a', '1')
  await publish('yes/b', '2')
  await until(() => messages.length === 2)
})

it('does not hear again what is retained when it only connects anew, MQTT 5', async () => {
  const mosquitto = await broker()
  await mosquitto.publish('m', 'retained', { retain: true })
  const { end, messages } = openEnd({ url: mosquitto.url, version: '5' })
  end.subscribe(['m'])
  await until(() => end.state().acknowledged === 1)
  await mosquitto.stop()
  await mosquitto.start()
  await until(() => end.state().connections[0]?.reconnects === 1)
  await ready(end)
  await mosquitto.publish('m', 'live')
  await until(() => messages.length === 2)
  expect(messages.map((message) => [textOf(message), message.retained])).toEqual([
    ['retained', true],
    ['live', false],
  ])
})

it('subscribes again at a broker that has forgotten us', async () => {
  const mosquitto = await broker({ persistence: false })
  const { end, messages } = openEnd({ url: mosquitto.url })
  end.subscribe(['m'])
  await ready(end)
  await mosquitto.stop()
  await until(() => end.state().connections[0]?.state !== 'up')
  expect(end.state().subscriptions).toEqual([{ filter: 'm', granted: false, refused: false, reason: 'the broker has not answered yet' }])
  await mosquitto.start()
  await ready(end)
  await mosquitto.publish('m', 'again')
  await until(() => messages.length === 1)
})
