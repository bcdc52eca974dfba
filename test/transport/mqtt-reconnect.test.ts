import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { type MosquittoOptions, startMosquitto, writeCertificates, writePassword } from '../support/mosquitto.ts'
import { openEnd, plainClient, ready, textOf, until } from './mqtt-listener.ts'

const broker = async (options: MosquittoOptions = {}) => {
  const mosquitto = await startMosquitto(options)
  onTestFinished(() => mosquitto.destroy())
  return mosquitto
}

it('loses nothing in 15 restarts of the broker, and tries about once a second', async () => {
  const mosquitto = await broker()
  const attempts: number[] = []
  const { end, messages } = openEnd({ url: mosquitto.url }, undefined, {
    state: ({ connections }) => {
      if (connections[0]?.state === 'connecting') attempts.push(performance.now())
    },
  })
  end.subscribe(['m'])
  await ready(end)
  const publisher = plainClient(mosquitto.port, { clean: false, reconnectPeriod: 100 })
  let sent = 0
  let isOver = false
  const publishing = (async () => {
    while (!isOver) {
      await publisher.publishAsync('m', `${sent + 1}`, { qos: 1 })
      sent++
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })()
  const started = performance.now()
  for (let round = 0; round < 15; round++) {
    const before = messages.length
    await mosquitto.stop()
    await mosquitto.start()
    await until(() => end.state().connections[0]?.state === 'up' && messages.length > before, 60_000)
  }
  const seconds = (performance.now() - started) / 1000
  isOver = true
  await publishing
  await until(() => new Set(messages.map(textOf)).size >= sent)
  expect(new Set(messages.map(textOf))).toEqual(new Set(Array.from({ length: sent }, (_, n) => `${n + 1}`)))
  expect(end.state()).toMatchObject({ connections: [{ state: 'up', reconnects: 15 }], subscriptions: [{ granted: true }] })
  expect(attempts.length).toBeLessThan(seconds + 5)
  for (const [n, at] of attempts.entries()) if (n > 0) expect(at - attempts[n - 1]!).toBeGreaterThan(950)
})

it('tries once a second in all while 6 connections find no broker, and has each at its next try when it comes', async () => {
  const mosquitto = await broker()
  await mosquitto.stop()
  const { end, states } = openEnd({ url: mosquitto.url, connections: 6 })
  const attempts = () => states.filter((state, n) => state.includes('connecting') && !states[n - 1]?.includes('connecting')).length
  const since = performance.now()
  await until(() => attempts() >= 3)
  expect(performance.now() - since).toBeGreaterThan(1900)
  expect(states.every((state) => state.filter((one) => one === 'connecting').length <= 1)).toBe(true)
  expect(end.state().connections.find(({ error }) => error)?.error).toMatchObject({
    code: 'MQTT_UNREACHABLE',
    message: `plant mqtt://127.0.0.1:${mosquitto.port}: nothing listens there`,
    recovery: 'wait',
  })
  const before = attempts()
  await mosquitto.start()
  await ready(end)
  // One attempt each, beside one that was under way when the broker came.
  expect(attempts() - before).toBeLessThanOrEqual(7)
})

it('gives up a broker that does not answer', async () => {
  const mosquitto = await broker()
  mosquitto.signal('SIGSTOP')
  const { end } = openEnd({ url: mosquitto.url, connectTimeoutMs: 100 })
  await until(() => end.state().connections[0]?.error?.code === 'MQTT_UNREACHABLE')
  mosquitto.signal('SIGCONT')
  await ready(end)
})

it('notices by keep-alive that a broker has gone dumb', async () => {
  const mosquitto = await broker()
  const { end } = openEnd({ url: mosquitto.url, keepaliveS: 1 })
  await ready(end)
  mosquitto.signal('SIGSTOP')
  await until(() => end.state().connections[0]?.error?.message.includes('said nothing') === true)
  mosquitto.signal('SIGCONT')
})

it.each(['3.1.1', '5'] as const)('names a refused login, and does not hammer, MQTT %s', async (version) => {
  const { url } = await broker({
    config: ['allow_anonymous false', 'password_file {folder}/passwords'],
    prepare: (folder) => writePassword(folder, 'plant', 'right'),
  })
  const wrong = openEnd({ url, version, username: 'plant', password: 'wrong', connections: 3 })
  await until(() => wrong.end.state().connections.some(({ error }) => error !== null))
  expect(wrong.end.state().connections[0]?.error).toMatchObject({
    code: 'MQTT_REFUSED_LOGIN',
    recovery: 'wait',
    message: expect.stringMatching(/refuses gridtally-test: (not authorized|bad user ?name or password)/),
    hint: expect.stringContaining('password'),
  })
  expect(JSON.stringify(wrong.end.state())).not.toContain('wrong')
  const since = Date.now()
  await until(() => Date.now() - since > 2500)
  expect(wrong.states.filter((state) => state.includes('connecting')).length).toBe(1)
  const right = openEnd({ url, version, username: 'plant', password: 'right' })
  await ready(right.end)
})

it('tries once in all, not once for each connection, when the password was changed', async () => {
  const mosquitto = await broker({
    config: ['allow_anonymous false', 'password_file {folder}/passwords'],
    prepare: (folder) => writePassword(folder, 'plant', 'right'),
  })
  const { end, states } = openEnd({ url: mosquitto.url, username: 'plant', password: 'right', connections: 3 })
  await ready(end)
  await mosquitto.stop()
  writePassword(mosquitto.folder, 'plant', 'changed')
  await mosquitto.start()
  await until(() => end.state().connections.some(({ error }) => error?.code === 'MQTT_REFUSED_LOGIN'))
  const before = states.length
  const since = Date.now()
  await until(() => Date.now() - since > 2500)
  expect(states.slice(before).filter((state) => state.includes('connecting'))).toEqual([])
})

it('speaks TLS with a CA and a client certificate, and says what is wrong with others', async () => {
  const mosquitto = await broker({
    config: [
      ...['cafile {folder}/ca.pem', 'certfile {folder}/broker.pem', 'keyfile {folder}/broker.key'],
      ...['require_certificate true', 'use_identity_as_username true', 'allow_anonymous false'],
    ],
    prepare: writeCertificates,
  })
  const url = `mqtts://127.0.0.1:${mosquitto.port}`
  const file = (name: string): string => readFileSync(join(mosquitto.folder, name), 'utf8')
  const ca = file('ca.pem')
  const ours = { ca, cert: file('client.pem'), key: readFileSync(join(mosquitto.folder, 'client.key')) }
  const good = openEnd({ url, tls: ours })
  good.end.subscribe(['m'])
  await ready(good.end)
  const named = openEnd({ url: `mqtts://localhost:${mosquitto.port}`, clientId: 'named', tls: { ...ours, minVersion: 'TLSv1.3' } })
  await ready(named.end)
  expect(await named.end.publish('m', 'sealed', { qos: 1 })).toMatchObject({ ok: true })
  await until(() => good.messages.length === 1)
  const anyCa = openEnd({ url, clientId: 'bench', tls: { ...ours, ca: file('stranger.pem'), insecure: true } })
  await ready(anyCa.end)

  const faults: [string, Parameters<typeof openEnd>[0], string, RegExp][] = [
    ['wrong CA', { url, tls: { ...ours, ca: file('stranger.pem') } }, 'MQTT_TLS', /unable to|self.signed/],
    ['no CA', { url }, 'MQTT_TLS', /unable to|self.signed/],
    ['another name', { url, tls: { ...ours, servername: 'elsewhere' } }, 'MQTT_TLS', /elsewhere/],
    ['no client certificate', { url, tls: { ca } }, 'MQTT_TLS', /certificate required|alert/],
    ['a key that is none', { url, tls: { ...ours, key: 'key' } }, 'MQTT_TLS', /cannot be read/],
    ['plain MQTT at a TLS port', { url: mosquitto.url }, 'MQTT_CLOSED', /hung up|broke/],
  ]
  for (const [what, settings, code, message] of faults) {
    const { end } = openEnd({ clientId: 'faulty', ...settings })
    await until(() => end.state().connections[0]?.error !== null)
    expect([what, end.state().connections[0]?.error]).toMatchObject([what, { code, message: expect.stringMatching(message) }])
  }
  const plain = await broker()
  const { end } = openEnd({ url: `mqtts://127.0.0.1:${plain.port}`, tls: { ca } })
  await until(() => end.state().connections[0]?.error !== null)
  expect(end.state().connections[0]?.error?.code).toBe('MQTT_TLS')
})
