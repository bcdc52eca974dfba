import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { stringify } from 'yaml'
import {
  ConfigHistory,
  changesOf,
  changeText,
  type GatewayConfig,
  hotConfig,
  lineAddressOf,
  lineAddressText,
  loadGatewayConfig,
  plainConfig,
  readRunning,
  writeRunning,
} from '../../src/config/index.ts'
import { scratch } from '../support/processes.ts'

const BASE = {
  version: 1,
  gateway: { id: 'g', timezone: 'Asia/Shanghai' },
  http: { port: 8645, tokens: [{ name: 'a', sha256: 'a'.repeat(64), permission: 'read' }] },
  lines: [
    { id: 'one', transport: { kind: 'tcp', host: '10.0.0.1', port: 502 } },
    { id: 'two', transport: { kind: 'serial', path: '/dev/ttyUSB0' } },
  ],
  mqtt: [{ id: 'plant', url: 'mqtt://10.0.0.9:1883', username: 'u', password: '$' + '{SECRET}', mappings: ['tasmota'] }],
  tasks: [{ id: 'current', read: 'current', every: '15m' }],
}

const WINDOWS = [120, 180, 240, 300, 360, 720, 1080]

const load = (change: object = {}, secret = 'one secret'): GatewayConfig => {
  const file = join(scratch(), 'gateway.yaml')
  writeFileSync(file, stringify({ ...BASE, ...change, gateway: { ...BASE.gateway, data: '/var/lib/g' } }))
  const loaded = loadGatewayConfig(file, { SECRET: secret })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return loaded.value
}
const changes = (before: GatewayConfig, after: GatewayConfig) => changesOf(plainConfig(before, 'key'), plainConfig(after, 'key'))

it.each([
  ['a task', { tasks: [{ ...BASE.tasks[0], every: '5m' }] }, 'tasks/current/period/ms', 900_000, 300_000, 'at-once'],
  ['a time-out', { lines: [{ ...BASE.lines[0], timeoutMs: 3000 }, BASE.lines[1]] }, 'lines/one/timeoutMs', 1000, 3000, 'reopens'],
  ['a port', { http: { ...BASE.http, port: 8646 } }, 'http/port', 8645, 8646, 'restart'],
  ['the log', { log: { level: 'debug' } }, 'logLevel', 'info', 'debug', 'at-once'],
  ['a window of collection', { collection: { rereads: ['14:00'] } }, 'collection/rereads', [...WINDOWS], [840], 'at-once'],
  ['a switch of the clocks', { clocks: { set: true } }, 'clocks/set', false, true, 'at-once'],
  ['a broker', { mqtt: [{ ...BASE.mqtt[0], connections: 2 }] }, 'mqtt/plant/connections', 1, 2, 'restart'],
  ['the outbox', { outbox: { maxMb: 1 } }, 'outbox/maxBytes', 1024 ** 3, 1024 ** 2, 'restart'],
])('says what a change of %s needs', (_, change, path, before, after, effect) => {
  expect(changes(load(), load(change))).toEqual([{ path, before, after, effect, does: expect.any(String) }])
})

const TLS = { cert: '/a.pem', key: '/a.key', ca: '/ca.pem' }
it.each([
  ['other files', { ...TLS, cert: '/b.pem' }, 'http/tls/cert', 'at-once'],
  ['whom it asks for a certificate', { ...TLS, clientAuth: 'require' }, 'http/tls/clientAuth', 'restart'],
  ['no TLS at all', undefined, 'http/tls', 'restart'],
])('of TLS %s', (_, tls, path, effect) => {
  const [before, wanted] = [load({ http: { tls: TLS } }), load({ http: tls ? { tls } : {} })]
  expect(changes(before, wanted)).toMatchObject([{ path, effect }])
  expect(changes(hotConfig(before, wanted), wanted)).toHaveLength(effect === 'restart' ? 1 : 0)
})

it('takes lines that come and go for no disturbance', () => {
  const [one, two] = BASE.lines
  const three = { id: 'three', transport: { kind: 'tcp', host: '10.0.0.3', port: 502 } }
  expect(changes(load({ lines: [one, two] }), load({ lines: [three, two] })).map(({ path, effect }) => [path, effect])).toEqual([
    ['lines/one', 'at-once'],
    ['lines/three', 'at-once'],
  ])
  // The order of a list with ids says nothing.
  expect(changes(load(), load({ lines: [two, one] }))).toEqual([])
})

it('tells secrets apart without showing them', () => {
  const all = changes(load(), load({}, 'another secret'))
  expect(all).toEqual([{ path: 'mqtt/plant/password', before: '***', after: '***', effect: 'restart', does: expect.any(String) }])
  expect(changes(load(), load())).toEqual([])
  expect(JSON.stringify(plainConfig(load(), 'key'))).not.toContain('secret')
  expect(plainConfig(load()).mqtt).toMatchObject([{ password: '***' }])
  // Webhooks carry their token in the address.
  const hook = (url: string) => load({ notify: { webhooks: [{ id: 'ops', url }] } })
  const [before, after] = [hook('https://hooks.example:8443/canary-1?key=canary-2'), hook('https://hooks.example:8443/canary-3')]
  expect(plainConfig(before).notify).toMatchObject({ webhooks: [{ id: 'ops', url: 'https://hooks.example:8443/***' }] })
  expect(changes(before, after)).toMatchObject([
    {
      path: 'notify/webhooks/ops/url',
      before: 'https://hooks.example:8443/***',
      after: 'https://hooks.example:8443/***',
      effect: 'at-once',
    },
  ])
  expect(JSON.stringify([plainConfig(before, 'key'), before, changes(before, after)]) + inspect(before, { depth: 9 })).not.toContain(
    'canary',
  )
})

it('gives a running gateway what is hot and leaves the rest as it was started', () => {
  const before = load()
  const wanted = load({ tasks: [], http: { port: 1, tokens: [] }, log: { level: 'warn' } })
  const next = hotConfig(before, wanted)
  expect(next).toMatchObject({ tasks: [], logLevel: 'warn', http: { port: 8645, tokens: [] } })
  expect(changes(next, wanted).map(({ path }) => path)).toEqual(['http/port'])
  expect(changes(next, wanted).map(changeText)).toEqual(['http/port: 8645 → 1 (NEEDS A RESTART)'])
})

it('keeps the last twenty states byte for byte, each once', () => {
  const directory = scratch()
  const history = new ConfigHistory(directory)
  const add = (text: string) => history.add(text, { at: 1, because: 'test', changes: '' }).version
  expect([add('a: 1\r\n'), add('a: 1\r\n'), add('b'), add('a: 1\r\n')]).toEqual([1, 1, 2, 3])
  expect(history.text(1)).toBe('a: 1\r\n')
  for (let n = 0; n < 25; n++) add(`n: ${n}`)
  expect(history.list().map(({ version }) => version)).toEqual(Array.from({ length: 20 }, (_, at) => 28 - at))
  expect([history.text(28), history.text(8)]).toEqual(['n: 24', null])
  // A state that somebody has edited is not what ran.
  writeFileSync(join(directory, 'config-history', '000028.yaml'), 'edited')
  expect(history.text(28)).toBeNull()
  writeFileSync(join(directory, 'config-history', 'index.json'), '[{"version":')
  expect(history.list()).toEqual([])
  expect(add('after')).toBe(29)
})

it('tells commands what runs, unless it runs no longer', () => {
  const directory = scratch()
  const running = { file: 'g', version: 1, loadedAt: 1, key: 'k', config: { id: 'g' }, pending: [] }
  expect(readRunning(directory)).toBeNull()
  writeRunning(directory, { ...running, pid: process.pid })
  expect(readRunning(directory)).toMatchObject({ version: 1, config: { id: 'g' } })
  writeRunning(directory, { ...running, pid: 2 ** 22 + 1 })
  expect(readRunning(directory)).toBeNull()
})

it.each([
  ['tcp://10.0.0.7:502', { kind: 'tcp', host: '10.0.0.7', port: 502, baud: null }],
  ['tcp://10.0.0.7:4001?baud=2400', { kind: 'tcp', host: '10.0.0.7', port: 4001, baud: 2400 }],
  ['tcp://[fe80::1]:502', { kind: 'tcp', host: 'fe80::1', port: 502, baud: null }],
  ['/dev/ttyUSB0:9600:7O2', { kind: 'serial', path: '/dev/ttyUSB0', baud: 9600, dataBits: 7, parity: 'odd', stopBits: 2 }],
])('reads the line %s and writes it again', (text, value) => {
  const parsed = lineAddressOf(text, 'even')
  expect(parsed).toEqual({ ok: true, value })
  expect(parsed.ok && lineAddressText(parsed.value)).toBe(text)
})

it.each([
  'tcp://10.0.0.7',
  'tcp://:502',
  'tcp://h:0',
  'tcp://h:65536',
  'tcp://h:1?baud=7',
  'udp://h:1',
  'ttyUSB0',
  '/dev/x:10',
  '/dev/x:9600:9N1',
  '',
])('refuses the line "%s"', (text) => {
  expect(lineAddressOf(text, 'none')).toMatchObject({ ok: false, allowed: expect.stringContaining('tcp://HOST:PORT') })
})
