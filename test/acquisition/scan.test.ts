import { describe, expect, it, onTestFinished } from 'vitest'
import { startModbusTcpMeter } from '../../simulators/meters.ts'
import {
  openScanWire,
  type ScanEvent,
  type ScanOptions,
  type ScanResult,
  scanLine,
  settingsOf,
  settingText,
} from '../../src/acquisition/index.ts'
import { openProfiles } from '../../src/gateway/profiles.ts'
import { everyProfile } from '../../src/gateway/scan-start.ts'
import { memoryTransport, tcpTransport } from '../../src/transport/index.ts'
import { startPymodbus } from '../support/pymodbus.ts'
import { type MixedBus, serialLine, serveMixed } from '../support/scan-bus.ts'
import { standStill } from '../support/stall.ts'

const profiles = everyProfile(openProfiles(null))
const units = (to: number) => Array.from({ length: to }, (_, at) => at + 1)
const PROTOCOLS = ['modbus-tcp', 'modbus-rtu', 'modbus-ascii', 'dlt645-2007', 'dlt645-1997'] as const

interface Scanned extends ScanResult {
  readonly events: readonly ScanEvent[]
}

const scanned = async (options: Partial<ScanOptions> & Pick<ScanOptions, 'open'>): Promise<Scanned> => {
  const events: ScanEvent[] = []
  const result = await scanLine({
    line: 'test',
    mode: 'normal',
    settings: [{ baud: null, format: null }],
    protocols: PROTOCOLS,
    units: units(60),
    profiles,
    growthMs: 0,
    reactionMs: 60,
    known: () => null,
    signal: new AbortController().signal,
    onEvent: (event) => void events.push(event),
    now: Date.now,
    ...options,
  })
  if (!result.ok) throw new Error(result.error.message)
  return { ...result.value, events }
}

const overTcp = (port: number) => () => openScanWire(tcpTransport({ host: '127.0.0.1', port }))
const served = async (bus: MixedBus) => {
  const server = await serveMixed(bus)
  onTestFinished(() => server.close())
  return server
}
const brief = ({ meters }: ScanResult) =>
  Object.fromEntries(meters.map(({ protocol, address, profile }) => [`${protocol} ${address}`, profile]))

const MIXED: MixedBus = {
  units: { 3: 'eastron-sdm630', 17: 'address', 57: 'chint-dtsu666' },
  dlt645: [
    { address: '202608150042', phases: 3 },
    { address: '202608150043' },
    { address: '202608150142' },
    { address: '000000001997', variant: '1997' },
  ],
}

it('finds a mixed bus without hints, and writes nothing', async () => {
  const bus = await served(MIXED)
  const result = await scanned({ open: overTcp(bus.port) })
  expect(brief(result)).toEqual({
    'dlt645-2007 202608150042': 'dlt645-2007/three-phase',
    'dlt645-2007 202608150043': 'dlt645-2007/single-phase',
    'dlt645-2007 202608150142': 'dlt645-2007/single-phase',
    'dlt645-1997 000000001997': 'dlt645-1997/single-phase',
    'modbus-rtu 3': 'eastron-sdm630',
    'modbus-rtu 17': null,
    'modbus-rtu 57': 'chint-dtsu666',
  })
  const sdm630 = result.meters.find(({ address }) => address === '3')
  const texts = sdm630?.candidates[0]?.reasons.map(({ text }) => text) ?? []
  expect(texts).toContainEqual(expect.stringMatching(/^frequency \d\d\.?\d* Hz in byte order ABCD \(CDAB .*\): within 45 to 65$/))
  expect(texts).toContainEqual(expect.stringMatching(/^power L1 .* W, U·I·PF gives .* W$/))
  expect(sdm630?.candidates.map(({ profile }) => profile)).toContain('eastron-sdm72d-m-v2')
  expect(result.meters.find(({ address }) => address === '17')?.notes.join()).toContain('function 3: answers at 0')
  for (const { proofs } of result.meters) expect(proofs.length).toBeGreaterThan(0)
  // Everything that left us, cut at its function or control code.
  for (const bytes of bus.requests) {
    const start = bytes.indexOf(0x68)
    if (bytes[0] === 0xfe) expect([0x11, 0x13, 0x01]).toContain(bytes[start + 8])
    else if (bytes[2] === 0 && bytes[3] === 0 && bytes[4] === 0 && bytes[5] === 6 && bytes.length === 12) expect([3, 4]).toContain(bytes[7])
    else if (bytes[0] === 0x3a && bytes.at(-1) === 0x0a) expect(['03', '04']).toContain(Buffer.from(bytes.subarray(3, 5)).toString())
    else expect([3, 4]).toContain(bytes[1])
  }
  const shares = result.events.flatMap((event) => (event.kind === 'progress' ? [event.share] : []))
  expect(shares).toEqual([...shares].sort((a, b) => a - b))
  expect(shares.at(-1)).toBe(1)
})

it('finds 32 meters with neighbouring addresses', async () => {
  const addresses = Array.from({ length: 32 }, (_, at) => String(202608150001 + at))
  const bus = await served({ dlt645: addresses.map((address) => ({ address })) })
  const result = await scanned({ open: overTcp(bus.port), protocols: ['dlt645-2007'] })
  expect(result.meters.map(({ address }) => address).sort()).toEqual(addresses)
  expect(new Set(result.meters.map(({ profile }) => profile))).toEqual(new Set(['dlt645-2007/single-phase']))
})

it('tells speeds and formats of a serial line, with meters at two of them', async () => {
  const line = serialLine({
    '9600 8N1': { units: { 4: 'eastron-sdm120', 33: 'eastron-sdm630' } },
    '2400 8E1': { dlt645: [{ address: '000000000042' }, { address: '000000000142' }] },
  })
  const result = await scanned({
    open: (setting) => openScanWire(line.transport(settingText(setting))),
    settings: settingsOf('normal', {}),
    reactionMs: 6,
  })
  expect(result.meters.map(({ protocol, address, setting, profile }) => [protocol, address, settingText(setting), profile])).toEqual([
    ['modbus-rtu', '4', '9600 8N1', 'eastron-sdm120'],
    ['modbus-rtu', '33', '9600 8N1', 'eastron-sdm630'],
    ['dlt645-2007', '000000000042', '2400 8E1', 'dlt645-2007/single-phase'],
    ['dlt645-2007', '000000000142', '2400 8E1', 'dlt645-2007/single-phase'],
  ])
  expect(new Set(line.requests.map(({ setting }) => setting)).size).toBe(32)
})

it('sweeps every unit where none of the likely ones answered', async () => {
  const line = serialLine({ '19200 8E1': { units: { 77: 'eastron-sdm120' } } })
  const result = await scanned({
    open: (setting) => openScanWire(line.transport(settingText(setting))),
    settings: settingsOf('normal', {}),
    protocols: ['modbus-rtu'],
    units: units(90),
    reactionMs: 3,
  })
  expect(result.meters).toMatchObject([{ address: '77', setting: { baud: 19_200, format: '8E1' }, profile: 'eastron-sdm120' }])
})

it('does not try further speeds on a port that does not mind its speed', async () => {
  const bus: MixedBus = { units: { 1: 'eastron-sdm120' } }
  const line = serialLine(Object.fromEntries(settingsOf('normal', {}).map((setting) => [settingText(setting), bus])))
  const result = await scanned({
    open: (setting) => openScanWire(line.transport(settingText(setting))),
    settings: settingsOf('normal', {}),
    protocols: ['modbus-rtu'],
    reactionMs: 3,
  })
  expect(result.meters).toHaveLength(1)
  expect(result.notes.join()).toContain('does not mind its speed')
  expect(new Set(line.requests.map(({ setting }) => setting)).size).toBeLessThan(4)
})

describe('foreign servers', () => {
  it.each([
    ['tcp', 'modbus-tcp'],
    ['rtu', 'modbus-rtu'],
    ['ascii', 'modbus-ascii'],
  ] as const)('finds pymodbus over %s', async (framing, protocol) => {
    const port = await startPymodbus({ 0: [2300, 5000, 7, 8], 40: [1, 2] }, framing)
    const result = await scanned({ open: overTcp(port), units: units(20), reactionMs: 250 })
    expect(result.meters.length).toBeGreaterThan(0)
    expect(result.meters[0]).toMatchObject({ protocol, profile: null })
    expect(result.meters[0]?.notes.join()).toContain('function 3: answers at 0')
  })

  it('lists a device that answers every unit alike once', async () => {
    const server = await startModbusTcpMeter({ profile: 'eastron-sdm630', units: units(255) })
    onTestFinished(() => server.close())
    const result = await scanned({ open: overTcp(server.port), units: units(247), reactionMs: 250 })
    expect(brief(result)).toEqual({ 'modbus-tcp 1': 'eastron-sdm630' })
    expect(result.notes.join()).toContain('does not look at units')
    expect(result.events.filter(({ kind }) => kind === 'found')).toHaveLength(1)
  })

  it('finds the units of a modbus-serial server, and recognises them', async () => {
    const server = await startModbusTcpMeter({ profile: 'eastron-sdm630', units: [2, 40] })
    onTestFinished(() => server.close())
    expect(brief(await scanned({ open: overTcp(server.port) }))).toEqual({
      'modbus-tcp 2': 'eastron-sdm630',
      'modbus-tcp 40': 'eastron-sdm630',
    })
  })
})

it('sees the register grow with the power', async () => {
  // A site a thousand times as fast as the clock on the wall: the register moves, and more than the power explains.
  const now = Date.now()
  const clock = { now: () => now + 1000 * (Date.now() - now), monotonic: () => performance.now() }
  const bus = await served({ units: { 1: 'eastron-sdm630' }, clock: { ...clock, speed: 1000 } })
  const result = await scanned({ open: overTcp(bus.port), protocols: ['modbus-rtu'], units: [1], growthMs: 1500 })
  const reasons = result.meters[0]?.candidates.find(({ profile }) => profile === 'eastron-sdm630')?.reasons ?? []
  expect(reasons.at(-1)).toMatchObject({ what: 'energy grows with power', verdict: 'against' })
  expect(reasons.at(-1)?.text).toMatch(/^register 1\.8\.0 grew .* kWh in \d s at .* kW: expected .* kWh/)
})

it('stops when it is told to and gives what was found so far', async () => {
  const bus = await served({ dlt645: [{ address: '202608150001' }, { address: '202608150002' }] })
  const stop = new AbortController()
  let isStopped = false
  const result = await scanned({
    open: overTcp(bus.port),
    reactionMs: 900,
    protocols: ['dlt645-2007', 'modbus-rtu'],
    signal: stop.signal,
    onEvent: (event) => {
      if (event.kind !== 'found' || isStopped) return
      isStopped = true
      stop.abort()
    },
  })
  expect(result).toMatchObject({ complete: false, meters: [{ protocol: 'dlt645-2007', profile: null }] })
})

it('lists what the ledger knows without asking it', async () => {
  const bus = await served({ units: { 3: 'eastron-sdm120', 4: 'eastron-sdm120' } })
  const result = await scanned({
    open: overTcp(bus.port),
    protocols: ['modbus-rtu'],
    units: units(5),
    known: (_, address) => (address === '3' ? 'M3' : null),
  })
  expect(result.meters.map(({ address, known }) => [address, known])).toEqual([
    ['3', 'M3'],
    ['4', null],
  ])
  expect(bus.requests.every((bytes) => bytes[0] !== 3)).toBe(true)
})

it('says why nothing can be opened', async () => {
  const result = await scanLine({
    line: 'x',
    mode: 'quick',
    settings: [{ baud: null, format: null }],
    protocols: ['modbus-tcp'],
    units: [1],
    profiles: [],
    growthMs: 0,
    open: overTcp(1),
    known: () => null,
    signal: new AbortController().signal,
    onEvent: () => undefined,
    now: Date.now,
  })
  expect(result).toMatchObject({ ok: false, error: { code: 'TRANSPORT_REFUSED' } })
})

it('asks every unit beside those of the ledger', async () => {
  const bus = await served({ units: { 1: 'eastron-sdm120', 2: 'eastron-sdm120', 37: 'eastron-sdm120' } })
  const result = await scanned({
    open: overTcp(bus.port),
    protocols: ['modbus-rtu'],
    units: units(40),
    known: (_, address) => (['1', '2'].includes(address) ? `M${address}` : null),
  })
  expect(result.meters.map(({ address, known }) => [address, known])).toEqual([
    ['1', 'M1'],
    ['2', 'M2'],
    ['37', null],
  ])
})

it('does not take a machine that stood still for a line that was silent', async () => {
  const { transport, far } = memoryTransport()
  const wire = await openScanWire(transport)
  if (!wire.ok) throw new Error(wire.error.message)
  onTestFinished(() => wire.value.close())
  // The bytes are there in time; whoever reads them comes after the timers that are due.
  far.onBytes = () =>
    void setImmediate(() => {
      standStill(120)
      setImmediate(() => far.send(Uint8Array.of(7)))
    })
  const question = { bytes: Uint8Array.of(1), what: 'anybody', replyBytes: 1, isWhole: (bytes: Uint8Array) => bytes.length === 1 }
  const window = await wire.value.ask(question, 40, new AbortController().signal)
  expect([...window.bytes]).toEqual([7])
})

it('is not complete when the line goes away in the middle', async () => {
  const bus = await serveMixed({ units: { 1: 'eastron-sdm120', 2: 'eastron-sdm120' } })
  const result = await scanned({
    open: overTcp(bus.port),
    protocols: ['modbus-rtu'],
    onEvent: (event) => {
      if (event.kind === 'found') void bus.close()
    },
  })
  expect(result).toMatchObject({ complete: false, stopped: expect.stringContaining('the line went away') })
  expect(result.meters.map(({ address }) => address)).toEqual(['1'])
})

it('does not search DL/T 645 meters again at every speed of a port that does not mind', async () => {
  const bus: MixedBus = { dlt645: [{ address: '000000000017' }, { address: '202608150042' }] }
  const line = serialLine(Object.fromEntries(settingsOf('normal', {}).map((setting) => [settingText(setting), bus])))
  const result = await scanned({
    open: (setting) => openScanWire(line.transport(settingText(setting))),
    settings: settingsOf('normal', {}),
    protocols: ['dlt645-2007'],
    reactionMs: 3,
  })
  expect(result.meters).toHaveLength(2)
  expect(result.notes.join()).toContain('does not mind its speed')
  expect(new Set(line.requests.map(({ setting }) => setting)).size).toBeLessThan(4)
})
