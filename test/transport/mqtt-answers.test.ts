import { expect, it, onTestFinished } from 'vitest'
import { startMosquitto } from '../support/mosquitto.ts'
import { openEnd, ready, textOf, until } from './mqtt-listener.ts'

it('acknowledges nothing for a listener that throws, promises nothing, or promises anything but true', async () => {
  const mosquitto = await startMosquitto()
  onTestFinished(() => mosquitto.destroy())
  const { url, publish } = mosquitto
  const answers: (() => Promise<boolean>)[] = [
    () => {
      throw new Error('a bug')
    },
    () => JSON.parse('true'),
    () => Promise.resolve(JSON.parse('1')),
    () => Promise.reject(new Error('a bug')),
  ]
  const first = openEnd({ url }, () => answers.shift()?.() ?? Promise.resolve(true))
  first.end.subscribe(['m'])
  await ready(first.end)
  const unsafe = ['throws', 'no promise', 'not true', 'rejects']
  for (const text of [...unsafe, 'safe']) await publish('m', text)
  await until(() => first.end.state().acknowledged === 1)
  expect(first.end.state().connections).toMatchObject([{ state: 'up', inFlight: 0, reconnects: 0 }])
  await first.end.close()

  const second = openEnd({ url })
  second.end.subscribe(['m'])
  await until(() => second.end.state().acknowledged === unsafe.length)
  expect(second.messages.map(textOf)).toEqual(unsafe)
})

it('the same for messages that are too large', async () => {
  const mosquitto = await startMosquitto()
  onTestFinished(() => mosquitto.destroy())
  const { url, publish } = mosquitto
  const oversize = () => {
    throw new Error('a bug')
  }
  const first = openEnd({ url, maxPayloadBytes: 10 }, undefined, { oversize })
  first.end.subscribe(['m'])
  await ready(first.end)
  await publish('m', 'longer than ten bytes')
  await publish('m', 'short')
  await until(() => first.end.state().acknowledged === 1)
  await first.end.close()
  const second = openEnd({ url })
  await until(() => second.end.state().acknowledged === 1)
  expect(second.messages.map(textOf)).toEqual(['longer than ten bytes'])
})
