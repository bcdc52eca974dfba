import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, it } from 'vitest'
import { loadGatewayConfig, loadLedgerFile, problemText } from '../../src/config/index.ts'
import { parseRatio } from '../../src/normalise/index.ts'
import { scratch } from '../support/processes.ts'

const GOOD = `version: 1
gateway: { id: site-1, timezone: Asia/Shanghai }
lines:
  - id: rs485-1
    transport: { kind: serial, path: /dev/ttyUSB0, baud: 2400 }
  - id: hall
    transport: { kind: tcp, host: 192.0.2.7, port: 502 }
    modbus: tcp
tasks:
  - { id: current, read: current, every: 15m }
`

const load = (text: string, environment: NodeJS.ProcessEnv = {}) => {
  const file = join(scratch(), 'gateway.yaml')
  writeFileSync(file, text)
  const loaded = loadGatewayConfig(file, environment)
  return { loaded, problems: loaded.ok ? [] : loaded.problems.map((problem) => problemText(problem).replace(file, 'gateway.yaml')) }
}

it('fills in what was left out', () => {
  const { loaded } = load(GOOD)
  expect(loaded).toMatchObject({
    ok: true,
    value: {
      http: { host: '127.0.0.1', port: 8645 },
      store: { kind: 'embedded' },
      outbox: { whenFull: 'stop-taking' },
      lines: [
        {
          id: 'rs485-1',
          transport: { kind: 'serial', baud: 2400, dataBits: 8, parity: 'even', stopBits: 1 },
          modbus: 'rtu',
          timeoutMs: 1000,
          allowWrites: false,
        },
        { id: 'hall', modbus: 'tcp', pipeline: 1 },
      ],
      tasks: [{ period: { unit: 'ms', ms: 900_000 }, offsetMs: 0 }],
    },
  })
})

it.each([
  [
    'a misspelt member',
    GOOD.replace('gateway:', 'gatway:'),
    /gateway\.yaml:2:1 \/gatway unknown; allowed: version, gateway, .*did you mean "gateway"\?/,
  ],
  [
    'a misspelt value',
    GOOD.replace('read: current', 'read: curent'),
    /gateway\.yaml:10:26 \/tasks\/0\/read is "curent"; allowed: current, curve, .*; did you mean "current"\?/,
  ],
  [
    'a wrong kind of line',
    GOOD.replace('kind: tcp', 'kind: tpc'),
    /gateway\.yaml:7:16 \/lines\/1\/transport kind is "tpc"; allowed: tcp, serial; did you mean "tcp"\?/,
  ],
  ['a missing member', GOOD.replace(', port: 502', ''), /\/lines\/1\/transport "port" is missing/],
  ['a port that is none', GOOD.replace('502', '70000'), /\/lines\/1\/transport\/port is 70000; must be <= 65535/],
  ['a text where a number belongs', GOOD.replace('2400', 'fast'), /\/lines\/0\/transport\/baud is "fast"; must be integer/],
  [
    'a number where a text belongs',
    GOOD.replace('id: hall', 'id: 0012'),
    /gateway\.yaml:6:9 \/lines\/1\/id is 0012; must be string, put it in quotes/,
  ],
  [
    'a time zone that is none',
    GOOD.replace('Asia/Shanghai', 'Asia/Shanghi'),
    /\/gateway\/timezone is "Asia\/Shanghi".*did you mean "Asia\/Shanghai"\?/,
  ],
  ['a period that does not divide a day', GOOD.replace('15m', '7m'), /\/tasks\/0\/every is "7m"; must divide a day/],
  [
    'an offset beyond the period',
    GOOD.replace('every: 15m', 'every: 15m, offset: 20m'),
    /\/tasks\/0\/offset is "20m"; must be less than every/,
  ],
  ['two lines of one name', GOOD.replace('id: hall', 'id: rs485-1'), /\/lines\/1\/id is "rs485-1", as lines\/0 is/],
  [
    'a line that is not there',
    GOOD.replace('every: 15m', 'every: 15m, meters: { lines: [hal] }'),
    /is "hal", which is no line; allowed: rs485-1, hall; did you mean "hall"\?/,
  ],
  [
    'one serial port twice',
    GOOD.replace('{ kind: tcp, host: 192.0.2.7, port: 502 }', '{ kind: serial, path: /dev/ttyUSB0 }').replace('modbus: tcp', 'modbus: rtu'),
    /leads to \/dev\/ttyUSB0, as line rs485-1 does/,
  ],
  ['InfluxDB without its address', `${GOOD}store: { kind: influxdb }\n`, /\/store "influxdb" is missing/],
  [
    'a secret that is not set',
    `${GOOD}store: { kind: influxdb, influxdb: { url: http://x, token: '\${NO_SUCH}' } }\n`,
    /\/store\/influxdb\/token takes its value from the environment, but NO_SUCH is not set/,
  ],
  [
    'client certificates without their CA',
    `${GOOD}http: { tls: { cert: a, key: b, clientAuth: require } }\n`,
    /\/http\/tls "ca" is missing: clientAuth require needs/,
  ],
  [
    'a log-in without end',
    `${GOOD}access: { session: { longest: 48h } }\n`,
    /\/access\/session idle is 15m and longest 48h; .*at most 24h/,
  ],
  ['a head of the audit log nowhere', `${GOOD}access: { auditHead: nowhere }\n`, /\/access\/auditHead is "nowhere", which is no directory/],
  ['a member twice', `${GOOD}version: 1\n`, /gateway\.yaml:11:1 .*unique/i],
  ['YAML that is none', 'lines: [', /gateway\.yaml:1:\d+/],
  ['nothing', '', /gateway\.yaml:1:1 \/ is empty/],
])('names place, value and cure of %s', (_, text, expected) => {
  const { loaded, problems } = load(text)
  expect(loaded.ok).toBe(false)
  expect(problems.join('\n')).toMatch(expected)
})

const mqtt = (more: string) => `{ mappings: [tasmota], ${more} }`
const brokers = (sources: readonly string[], targets: readonly string[] = []) =>
  `${GOOD}mqtt: [${sources.map(mqtt).join(', ')}]\npublish: [${targets.map((more) => `{ health: h, ${more} }`).join(', ')}]\n`

it.each([
  [
    'a connection that has the client id of another broker',
    brokers(['id: a, url: mqtt://h, clientId: a, connections: 2', 'id: b, url: mqtt://h, clientId: a-1']),
  ],
  ['the same the other way round', brokers(['id: b, url: mqtt://h, clientId: a-1', 'id: a, url: mqtt://h, clientId: a, connections: 2'])],
  [
    'a connection that has the id of a target',
    brokers(['id: a, url: mqtt://h, clientId: a, connections: 3'], ['id: p, url: mqtt://h, clientId: a-2']),
  ],
  ['connections of ids that nobody gave', brokers(['id: a, url: mqtt://h, connections: 2', 'id: a-1, url: mqtt://h'])],
  ['one client id, the port given and not', brokers(['id: a, url: mqtt://h, clientId: x', 'id: b, url: mqtt://h:1883, clientId: x'])],
  ['one client id, a stroke at the end', brokers(['id: a, url: mqtt://h, clientId: x'], ['id: b, url: mqtt://h/, clientId: x'])],
  [
    'one client id, capitals',
    brokers(['id: a, url: mqtt://broker.example, clientId: x', 'id: b, url: mqtt://Broker.Example, clientId: x']),
  ],
  ['one client id, with TLS', brokers(['id: a, url: mqtts://h, clientId: x', 'id: b, url: mqtts://h:8883/, clientId: x'])],
  [
    'one client id, an address of six',
    brokers(["id: a, url: 'mqtt://[::1]', clientId: x", "id: b, url: 'mqtt://[::1]:1883', clientId: x"]),
  ],
])('refuses two sessions of one client id: %s', (_, text) => {
  expect(load(text).problems.join('\n')).toMatch(
    /\/(mqtt\/1|publish\/0)\/clientId makes ".+" at .+:(1883|8883), which is the same as that of mqtt\/0, connection \d: give each its own$/,
  )
})

it.each([
  ['other ports', brokers(['id: a, url: mqtt://h, clientId: x', 'id: b, url: mqtt://h:1884, clientId: x'])],
  ['other hosts', brokers(['id: a, url: mqtt://h, clientId: x', 'id: b, url: mqtt://i, clientId: x'])],
  ['fewer connections', brokers(['id: a, url: mqtt://h, clientId: a, connections: 1', 'id: b, url: mqtt://h, clientId: a-1'])],
  ['a number no connection has', brokers(['id: a, url: mqtt://h, clientId: a, connections: 2', 'id: b, url: mqtt://h, clientId: a-2'])],
  ['ids that nobody gave', brokers(['id: a, url: mqtt://h'], ['id: b, url: mqtt://h'])],
])('takes client ids that do not meet: %s', (_, text) => expect(load(text).problems).toEqual([]))

it.each([
  ['a port above', 'mqtt://h:99999', /\/mqtt\/0\/url is "mqtt:\/\/h:99999"; must be mqtt:\/\/HOST:PORT .* with a port from 1 to 65535/],
  ['a port of 65536', 'mqtt://h:65536', /with a port from 1 to 65535/],
  ['a port of 0', 'mqtt://h:0', /with a port from 1 to 65535/],
  ['a port that is none', 'mqtt://h:abc', /with a port from 1 to 65535/],
  ['a query', 'mqtt://h?clientId=x', /\/mqtt\/0\/url is "mqtt:\/\/h\?clientId=x"/],
  ['a query behind the stroke', 'mqtt://h/?x', /\/mqtt\/0\/url/],
  ['a fragment', 'mqtt://h#x', /\/mqtt\/0\/url/],
  ['a path', 'mqtt://h/x', /\/mqtt\/0\/url/],
  ['a password', 'mqtt://u:p@h', /\/mqtt\/0\/url/],
  ['no host', 'mqtt://:1883', /\/mqtt\/0\/url/],
])('refuses the url of a broker with %s', (_, url, words) => {
  expect(load(brokers([`id: a, url: '${url}'`])).problems.join('\n')).toMatch(words)
})

it.each(['mqtt://h', 'mqtt://h/', 'mqtt://h:1', 'mqtts://h:65535', 'mqtt://192.0.2.7:1883', 'mqtt://[2001:db8::1]:1883'])(
  'takes %s',
  (url) => expect(load(brokers([`id: a, url: '${url}'`])).problems).toEqual([]),
)

it('names every problem at once', () => {
  expect(load(GOOD.replace('read: current', 'read: x').replace('502', '0')).problems).toHaveLength(2)
})

it('survives 20,000 nested brackets, alias bombs and __proto__', () => {
  expect(load('['.repeat(20_000)).loaded.ok).toBe(false)
  const bomb = ['a0: &a0 [x]', ...Array.from({ length: 20 }, (_, at) => `a${at + 1}: &a${at + 1} [${`*a${at},`.repeat(9)}]`)].join('\n')
  expect(load(bomb).loaded.ok).toBe(false)
  expect(load(`${GOOD}__proto__: { polluted: true }\n`).loaded.ok).toBe(false)
  expect({}).not.toHaveProperty('polluted')
})

it('shows a secret nowhere', () => {
  const { loaded } = load(`${GOOD}store: { kind: influxdb, influxdb: { url: http://x, password: '\${PW}' } }\n`, { PW: 'canary-7731' })
  if (!loaded.ok) throw new Error('refused')
  expect(loaded.value.store.influxdb?.password?.reveal()).toBe('canary-7731')
  expect(JSON.stringify(loaded.value)).not.toContain('canary')
  expect(inspect(loaded.value, { depth: 9 })).not.toContain('canary')
  expect(`${loaded.value.store.influxdb?.password}`).toBe('***')
})

const LEDGER = `version: 1
areas: [{ id: A01, name: 东村 }]
points:
  - { id: P1, area: A01, role: area-supply }
  - { id: P2, area: A01 }
meters:
  - { id: M1, point: P1, line: hall, address: '000000000012', profile: dlt645-2007/three-phase, ct: 400/5 }
  - { id: M2, point: P2, line: hall, address: '000000000013', profile: dlt645-2007/single-phase }
`

const ledger = (text: string): string[] => {
  const file = join(scratch(), 'ledger.yaml')
  writeFileSync(file, text)
  const loaded = loadLedgerFile(file, {
    lines: ['hall'],
    profiles: ['dlt645-2007/three-phase', 'dlt645-2007/single-phase'],
    addressOf: (address) => (/^\d{12}$/.test(address) ? { ok: true, value: address } : { ok: false, problem: 'must be 12 digits' }),
    addressBehind: (address, profile) =>
      !profile.startsWith('dlt645') && !profile.startsWith('gw3761')
        ? { ok: false, problem: `its profile ${profile} cannot be read through a concentrator` }
        : /^\d{12}$/.test(address)
          ? { ok: true, value: address }
          : { ok: false, problem: 'must be 12 digits, leading zeros and all' },
    terminalAddress: (address) =>
      /^\d{4}-\d+$/.test(address) ? { ok: true, value: address } : { ok: false, problem: 'must be such as 4510-21' },
    concentratorOf: (id) => (id === 'C-old' ? 'gw3761' : null),
    isRatio: (text) => parseRatio(text) !== null,
    now: Date.parse('2026-11-21T00:00:00Z'),
  })
  return loaded.ok ? [] : loaded.problems.map((problem) => problemText(problem).replace(file, 'ledger.yaml'))
}

const BEHIND =
  `${LEDGER.replace('meters:', "concentrators: [{ id: C-1, address: '4510-21', protocol: gw3761 }, { id: C-2 }]\nmeters:")}  - { id: M3, point: P3, line: C-1, address: '000000000014', profile: dlt645-2007/three-phase, measuringPoint: 7 }
  - { id: M4, point: P4, line: C-1, address: '000000000015', profile: dlt645-2007/three-phase, measuringPoint: 8, port: 31 }
`.replace('points:', 'points:\n  - { id: P3 }\n  - { id: P4 }')

it.each([
  ['good', BEHIND, null],
  ['a concentrator that the ledger has beside the file', BEHIND.replaceAll('line: C-1', 'line: C-old'), null],
  ['a short address', BEHIND.replace("'000000000014'", "'14'"), /\/meters\/2\/address is "14"; must be 12 digits, leading zeros and all/],
  [
    'a number given twice',
    BEHIND.replace('measuringPoint: 8', 'measuringPoint: 7'),
    /\/meters\/3\/measuringPoint is 7, as that of meters\/2/,
  ],
  ['a number beyond the last', BEHIND.replace('measuringPoint: 8', 'measuringPoint: 2041'), /measuringPoint is 2041; .*2040/],
  [
    'a concentrator without protocol',
    BEHIND.replace('line: C-1', 'line: C-2'),
    /\/meters\/2\/line is "C-2", a concentrator without protocol/,
  ],
  [
    'a concentrator without address',
    BEHIND.replace("address: '4510-21', ", ''),
    /\/meters\/2\/line is "C-1", a concentrator without address: write there/,
  ],
  ['no such concentrator', BEHIND.replace('line: C-1', 'line: C-9'), /\/meters\/2\/line is "C-9", which is no line.*C-1/],
  ['an address of no terminal', BEHIND.replace("'4510-21'", "'21'"), /\/concentrators\/0\/address is "21"; must be such as 4510-21/],
  [
    'one address twice',
    BEHIND.replace('{ id: C-2 }', "{ id: C-2, address: '4510-21', protocol: gw3761 }"),
    /\/concentrators\/1\/address is "4510-21", as concentrators\/0 has/,
  ],
  [
    'a name that a line has',
    BEHIND.replace('{ id: C-1,', '{ id: hall,').replaceAll('line: C-1', 'line: hall'),
    /\/concentrators\/0\/id is "hall", as a line or broker is/,
  ],
])('meters behind concentrators: %s', (_, text, expected) => {
  const problems = ledger(text)
  if (expected === null) expect(problems).toEqual([])
  else expect(problems.join('\n')).toMatch(expected)
})

it.each([
  ['good', LEDGER, null],
  [
    'an address that lost its quotes',
    LEDGER.replace("'000000000012'", '000000000012'),
    /\/meters\/0\/address is 000000000012; must be string, put it in quotes/,
  ],
  [
    'an address of the wrong kind',
    LEDGER.replace("'000000000012'", "'12'"),
    /ledger\.yaml:7:47 \/meters\/0\/address is "12"; must be 12 digits/,
  ],
  ['a line that is not there', LEDGER.replaceAll('line: hall', 'line: hal'), /is "hal", which is no line; did you mean "hall"\?/],
  [
    'a profile that is not there',
    LEDGER.replace('three-phase', 'tree-phase'),
    /is "dlt645-2007\/tree-phase", which is no profile; did you mean "dlt645-2007\/three-phase"\?/,
  ],
  [
    'two meters at one address',
    LEDGER.replace('000000000013', '000000000012'),
    /as meters\/0 is: two meters cannot share an address on one line/,
  ],
  ['two meters at one point', LEDGER.replace('point: P2', 'point: P1'), /is "P1", where meters\/0 hangs already/],
  ['a point in no area', LEDGER.replace('{ id: P2, area: A01 }', '{ id: P2, area: A02 }'), /is "A02", which is no area/],
  ['a ratio that is none', LEDGER.replace('400/5', '400/0'), /\/meters\/0\/ct is "400\/0"; must be a ratio above 0/],
  [
    'a fact that is still to come',
    LEDGER.replace('ct: 400/5', 'from: 2027-01-01T00:00:00Z'),
    /\/meters\/0\/from is "2027-01-01T00:00:00Z", which is still to come/,
  ],
  ['a ratio with a colon', LEDGER.replace('400/5', '"5:1"'), /\/meters\/0\/ct is "5:1"; must be `400\/5` or `80`/],
])('ledger: %s', (_, text, expected) => {
  const problems = ledger(text)
  if (expected) expect(problems.join('\n')).toMatch(expected)
  else expect(problems).toEqual([])
})

it('takes a broker that sends nothing by itself when people are told of cases through it', () => {
  const publish = `${GOOD}publish: [{ id: scada, url: "mqtt://127.0.0.1" }]\n`
  expect(load(publish).problems).toEqual([expect.stringContaining('sends nothing')])
  expect(load(`${publish}notify: { mqtt: [{ id: cases, broker: scada }] }\n`).problems).toEqual([])
})
