import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { expect, it, onTestFinished } from 'vitest'
import { parse, stringify } from 'yaml'
import { freePort } from '../../simulators/free-port.ts'
import { loadGatewayConfig } from '../../src/config/index.ts'
import { QUALITY } from '../../src/core/index.ts'
import { type Gateway, startGateway } from '../../src/main.ts'
import { type Asked, bytesOf, dialIn, frameOf, type HandTerminal, identifier } from '../support/hand-terminal.ts'
import { patient, runGateway, scratch, TOKEN } from '../support/processes.ts'

/** Terminal 3301-1001 of the captured frames. */
const C1 = bytesOf('01 33 E9 03') as [number, number, number, number]
/** Terminal 0200-1234H. */
const C2 = bytesOf('00 02 34 12') as [number, number, number, number]
/** The gateway lives in the first hour of 2024-07-21: the day that ended is that of the captured answer. */
const NOW = '2024-07-21T00:20:00+08:00'
const MIDNIGHT = Date.parse('2024-07-21T00:00:00+08:00')

/** Td_d 2024-07-20, read at 00:05, four tariffs, as captured (daily frozen F161 of point 9). */
const FREEZE = bytesOf('20 07 24 05 00 21 07 24 04 00 07 81 21 00 00 50 00 03 00 00 00 00 09 00 00 57 80 05 00 00 00 00 04 00')
/** The same with nothing read yet. */
const UNREAD = [...FREEZE.slice(0, 3), ...new Array<number>(5).fill(0xee), 4, ...new Array<number>(25).fill(0xee)]

const PROFILE = {
  id: 'test/daily',
  protocol: 'gw3761',
  source: 'test',
  registers: [{ obis: '1-0:1.8.0', fn: 'F129', index: 0, scaler: -4, unit: 'kWh', sample: { hex: '00 07 81 21 00', value: 2181.07 } }],
  dayFreeze: {
    registers: ['00 07 81 21 00', '00 50 00 03 00', '00 00 00 09 00', '00 57 80 05 00', '00 00 00 04 00'].map((hex, index) => ({
      ...{ obis: `1-0:1.8.${index}`, fn: 'F161', index, scaler: -4, unit: 'kWh' },
      sample: { hex, value: [2181.07, 300.5, 900, 580.57, 400][index] ?? 0 },
    })),
  },
}

interface SiteMeter {
  readonly id: string
  readonly line: string
  readonly pn?: number
  readonly address: string
  readonly profile?: string
}

/** Three meters of one concentrator read out of its memory, one of another byte by byte. */
const METERS: readonly SiteMeter[] = [
  { id: 'M9', line: 'C-1', pn: 9, address: '240720000009' },
  { id: 'M10', line: 'C-1', pn: 10, address: '240720000010' },
  { id: 'M11', line: 'C-1', pn: 11, address: '240720000011' },
  { id: 'M20', line: 'C-2', address: '151230011061', profile: 'dlt645-2007/single-phase' },
]

const filesOf = (directory: string, more: Record<string, unknown> = {}) => {
  mkdirSync(join(directory, 'profiles'), { recursive: true })
  writeFileSync(join(directory, 'profiles', 'daily.json'), JSON.stringify(PROFILE))
  writeFileSync(join(directory, 'profiles', 'live.json'), JSON.stringify({ ...PROFILE, id: 'test/live', live: 'dlt645-2007/single-phase' }))
  const config = {
    version: 1,
    gateway: { id: 'g', timezone: 'Asia/Shanghai', data: './data' },
    clock: { start: NOW, realStart: new Date().toISOString(), speed: 1 },
    http: { port: 0 },
    ledger: 'ledger.yaml',
    profiles: 'profiles',
    lines: [],
    concentrators: { listeners: [{ id: 'gprs', port: 0 }], answer: '2s', fieldAnswer: '4s' },
    tasks: [],
    ...more,
  }
  writeFileSync(join(directory, 'gateway.yaml'), stringify(config))
  const ledger = {
    version: 1,
    areas: [{ id: 'A-1' }],
    concentrators: [
      { id: 'C-1', address: '3301-1001', protocol: 'gw3761', area: 'A-1' },
      { id: 'C-2', address: '0200-1234H', protocol: 'gw3761' },
    ],
    points: METERS.map(({ id }) => ({ id: `P-${id}`, area: 'A-1' })),
    meters: METERS.map(({ id, line, pn, address, profile = PROFILE.id }) => ({
      ...{ id, point: `P-${id}`, line, address, profile },
      ...(pn === undefined ? {} : { measuringPoint: pn }),
    })),
  }
  writeFileSync(join(directory, 'ledger.yaml'), stringify(ledger))
  return join(directory, 'gateway.yaml')
}

const DAILY = { tasks: [{ id: 'daily', read: 'day-freeze', every: '1d', offset: '10m' }] }

const startSite = async (more: Record<string, unknown> = {}, directory = scratch()) => {
  const loaded = loadGatewayConfig(filesOf(directory, more))
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const said: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void said.push(line) })
  const started = await startGateway(loaded.value, log, { ...process.env, GRIDTALLY_TOKEN: TOKEN })
  if (!started.ok) throw new Error(`${started.message} ${JSON.stringify(started.problems)}`)
  const gateway = started.value
  onTestFinished(() => gateway.close())
  const api = async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }
    const answer = await patient(`${gateway.address}${path}`, { ...init, headers })
    return { status: answer.status, body: JSON.parse(await answer.text()) }
  }
  const listener = gateway.listening[0]
  if (!listener) throw new Error('nothing listens')
  return { directory, gateway, api, said, port: listener.port }
}

const rows = async (gateway: Gateway, measurement: 'register' | 'event', tags: Record<string, string>) => {
  const found = await gateway.store.range({ measurement, tags, from: 0, to: Date.parse('2030-01-01T00:00:00Z'), limit: 1000 })
  if (!found.ok) throw new Error(found.error.message)
  return found.value.readings
}

/** What every terminal answers: its counters (F7), no events, nothing else. */
const nothingElse = ({ afn, items }: Asked): readonly number[] | null => {
  const [first] = items
  return afn === 0x0c && first?.fn === 7 ? [...identifier(0, 7), 0, 0] : null
}

const answerFreezes =
  (ready: ReadonlySet<number>) =>
  (asked: Asked): readonly number[] | null =>
    asked.afn === 0x0d
      ? asked.items.flatMap(({ pn, fn }) => [...identifier(pn, fn), ...(ready.has(pn) ? FREEZE : UNREAD)])
      : nothingElse(asked)

const freezesAsked = (terminal: HandTerminal): number[][] =>
  terminal.asked.flatMap(({ afn, items }) => (afn === 0x0d ? [items.map(({ pn }) => pn)] : []))

it('reads the daily freezes of several meters together, stores them at the end of their day, and asks again only for what was missing', async () => {
  const { gateway, port } = await startSite(DAILY)
  const ready = new Set([9, 11])
  const terminal = await dialIn({ port, address: C1, answer: answerFreezes(ready) })
  onTestFinished(terminal.hangUp)
  terminal.login()
  // Login is confirmed at once: AFN00 F1, its number.
  await expect.poll(() => terminal.heard[0]?.afn, { timeout: 60_000 }).toBe(0x00)
  expect(terminal.heard[0]).toMatchObject({ control: 0x0b, seq: 0x61 })
  await expect.poll(async () => (await rows(gateway, 'register', { meter: 'M9' })).length, { timeout: 60_000 }).toBe(1)
  const [row] = await rows(gateway, 'register', { meter: 'M9' })
  expect(row).toMatchObject({ measuredAt: MIDNIGHT, raws: [21810700, 3005000, 9000000, 5805700, 4000000] })
  expect(row?.series.tags).toMatchObject({ source: 'day-freeze', point: 'P-M9', area: 'A-1' })
  expect(await rows(gateway, 'register', { meter: 'M10' })).toEqual([])
  expect(freezesAsked(terminal)[0]).toEqual([9, 10, 11])
  ready.add(10)
  await expect.poll(async () => (await rows(gateway, 'register', { meter: 'M10' })).length, { timeout: 60_000 }).toBe(1)
  for (const points of freezesAsked(terminal).slice(1)) expect(points).toEqual([10])
})

/** AFN0E F1 with EC1 = 1: ERC 1 of 2014-01-16 10:35, as captured. */
const VERSION_CHANGE = bytesOf('00 00 01 00 01 01 00 01 01 0E 35 10 16 01 14 02 32 2E 30 31 32 2E 30 32')

const isConfirmOf = (sequence: number) => (heard: Asked) =>
  heard.afn === 0 && (heard.control & 0x40) === 0 && (heard.seq & 0x0f) === sequence && heard.data[2] === 1

it('stores an event before it confirms the report, and a repeat of it once', async () => {
  const { gateway, port } = await startSite()
  const terminal = await dialIn({ port, address: C1, answer: nothingElse })
  onTestFinished(terminal.hangUp)
  terminal.login()
  await expect.poll(() => terminal.heard.length, { timeout: 60_000 }).toBeGreaterThan(0)
  terminal.send(terminal.frame(0xc4, 0x0e, 0x75, VERSION_CHANGE))
  await expect.poll(() => terminal.heard.some(isConfirmOf(5)), { timeout: 60_000 }).toBe(true)
  terminal.send(terminal.frame(0xc4, 0x0e, 0x76, VERSION_CHANGE))
  await expect.poll(() => terminal.heard.some(isConfirmOf(6)), { timeout: 60_000 }).toBe(true)
  await expect.poll(async () => (await rows(gateway, 'event', { meter: 'C-1' })).length, { timeout: 60_000 }).toBe(1)
  const [event] = await rows(gateway, 'event', { meter: 'C-1' })
  expect(event?.measuredAt).toBe(Date.parse('2014-01-16T10:35:00+08:00'))
  expect(event?.series.tags).toMatchObject({ code: 'erc-1', area: 'A-1' })
})

it('asks for the events its counters show, once, and never skips one when the answer is lost', async () => {
  const { gateway, port } = await startSite()
  let counter = 0
  let isMute = true
  const asked: number[][] = []
  const terminal = await dialIn({
    port,
    address: C1,
    counters: () => [counter, 0],
    answer: (request) => {
      if (request.afn === 0x0c && request.items[0]?.fn === 7) return [...identifier(0, 7), counter, 0]
      if (request.afn !== 0x0e) return null
      asked.push([...request.data.slice(4, 6)])
      return isMute ? undefined : VERSION_CHANGE
    },
  })
  onTestFinished(terminal.hangUp)
  counter = 1
  terminal.login()
  await expect.poll(() => asked.length, { timeout: 60_000 }).toBeGreaterThan(0)
  expect(asked[0]).toEqual([0, 1])
  isMute = false
  // It comes again with the next counters that are shown: a heartbeat brings nothing, a new login asks.
  terminal.hangUp()
  const again = await dialIn({
    port,
    address: C1,
    counters: () => [1, 0],
    answer: (request) => (request.afn === 0x0e ? VERSION_CHANGE : request.items[0]?.fn === 7 ? [...identifier(0, 7), 1, 0] : null),
  })
  onTestFinished(again.hangUp)
  again.login()
  await expect.poll(async () => (await rows(gateway, 'event', { meter: 'C-1' })).length, { timeout: 60_000 }).toBe(1)
  const requests = () => again.asked.filter(({ afn }) => afn === 0x0e).length
  const before = requests()
  again.send(again.frame(0xc9, 0x02, 0x72, bytesOf('00 00 04 00')))
  again.login()
  await expect.poll(() => again.heard.filter(({ afn }) => afn === 0).length, { timeout: 60_000 }).toBeGreaterThan(2)
  expect(requests()).toBe(before)
})

/** As captured: 6.78 kWh of meter 151230011061 behind port 31. */
const PASSED = bytesOf('00 00 01 00 1F 14 00 68 61 10 01 30 12 15 68 91 08 33 33 34 33 AB 39 33 33 49 16')

it('reads a DL/T 645 meter through the concentrator by the code of the bus', async () => {
  const { gateway, api, port, directory } = await startSite()
  const terminal = await dialIn({ port, address: C2, answer: (asked) => (asked.afn === 0x10 ? PASSED : nothingElse(asked)) })
  onTestFinished(terminal.hangUp)
  terminal.login()
  await expect.poll(() => terminal.heard.length, { timeout: 60_000 }).toBeGreaterThan(0)
  const readNow = () => api('/api/v1/points/P-M20/read-now', { method: 'POST', body: JSON.stringify({ registers: ['1.8.0'] }) })
  const read = await readNow()
  expect(read).toMatchObject({ status: 200 })
  expect(JSON.stringify(read.body)).toContain('6.78')
  const passed = () => terminal.asked.filter(({ afn }) => afn === 0x10)
  // Port 31, 2400 8E1, the frame as a bus would carry it.
  expect([...(passed()[0]?.data ?? [])].slice(4, 6)).toEqual([0x1f, 0x6b])
  expect(Buffer.from(passed()[0]?.data ?? []).toString('hex')).toContain('6861100130121568110433333433')
  // A profile of the concentrator that names this one for what is read now: the same way.
  const file = join(directory, 'ledger.yaml')
  const ledger = parse(readFileSync(file, 'utf8'))
  Object.assign(ledger.meters.at(-1), { profile: 'test/live', measuringPoint: 1 })
  writeFileSync(file, stringify(ledger))
  expect(await gateway.reload('test')).toMatchObject({ ok: true })
  expect(JSON.stringify((await readNow()).body)).toContain('6.78')
  expect(passed()).toHaveLength(2)
})

it('takes a terminal that dials again, and answers nobody whose address is in no ledger', async () => {
  const { api, port, gateway } = await startSite(DAILY)
  const answer = answerFreezes(new Set([9, 10, 11]))
  const first = await dialIn({ port, address: C1, answer })
  onTestFinished(first.hangUp)
  first.login()
  await expect.poll(async () => (await rows(gateway, 'register', { meter: 'M9' })).length, { timeout: 60_000 }).toBe(1)
  first.hangUp()
  const state = async () => (await api('/api/v1/lines/C-1')).body.state
  await expect.poll(state, { timeout: 60_000 }).toBe('down')
  const second = await dialIn({ port, address: C1, answer })
  onTestFinished(second.hangUp)
  second.login()
  await expect.poll(state, { timeout: 60_000 }).toBe('up')
  const stranger = await dialIn({ port, address: [0x77, 0x77, 1, 0], answer })
  onTestFinished(stranger.hangUp)
  stranger.login()
  await expect.poll(() => stranger.isConnected(), { timeout: 60_000 }).toBe(false)
  expect(stranger.heard).toEqual([])
  // Values it would report are nobody's.
  expect(frameOf([0x77, 0x77, 1, 0], 0, 0xc4, 0x0d, 0x70, []).length).toBeGreaterThan(0)
})

it('marks what is read through a concentrator whose clock is far off, as its own clock says', async () => {
  const { gateway, port } = await startSite(DAILY)
  const answer = answerFreezes(new Set([9, 10, 11]))
  const terminal = await dialIn({
    port,
    address: C1,
    // F2: 2024-07-20 22:00:00, two hours behind and more.
    answer: (asked) =>
      asked.afn === 0x0c && asked.items[0]?.fn === 2 ? [...identifier(0, 2), ...bytesOf('00 00 22 20 C7 24')] : answer(asked),
  })
  onTestFinished(terminal.hangUp)
  // A heartbeat of the 2013 edition shows the clock before anything is read.
  terminal.send(terminal.frame(0xc9, 0x02, 0x71, bytesOf('00 00 04 00 00 00 22 20 C7 24')))
  await expect.poll(async () => (await rows(gateway, 'register', { meter: 'M9' })).length, { timeout: 60_000 }).toBe(1)
  const [row] = await rows(gateway, 'register', { meter: 'M9' })
  expect((row?.quality ?? 0) & QUALITY.clockDoubtful).toBe(QUALITY.clockDoubtful)
  expect(row?.measuredAt).toBe(MIDNIGHT)
})

it('takes up a meter that the ledger gains while it runs, and lists one that is reported and is in no ledger', async () => {
  const { gateway, api, port, directory } = await startSite(DAILY)
  const terminal = await dialIn({ port, address: C1, answer: answerFreezes(new Set([9, 10, 11, 12])) })
  onTestFinished(terminal.hangUp)
  terminal.login()
  await expect.poll(async () => (await rows(gateway, 'register', { meter: 'M9' })).length, { timeout: 60_000 }).toBe(1)
  // Point 12 is nobody's yet.
  terminal.send(terminal.frame(0xc4, 0x0d, 0x74, report(12)))
  await expect.poll(() => terminal.heard.some(isConfirmOf(4)), { timeout: 60_000 }).toBe(true)
  // Confirmed is what the outbox holds; the store has it a moment later.
  const strangers = async () =>
    (await rows(gateway, 'register', { meter: 'C-1/pn-12' })).map(({ quality }) => quality & QUALITY.unregistered)
  await expect.poll(strangers, { timeout: 60_000 }).toEqual([QUALITY.unregistered])
  const list = async () => (await api('/api/v1/unregistered')).body.items
  await expect.poll(list, { timeout: 60_000 }).toMatchObject([{ channel: 'C-1', address: 'pn-12', by: 'concentrator', readings: 1 }])
  const file = join(directory, 'ledger.yaml')
  const ledger = parse(readFileSync(file, 'utf8'))
  ledger.points.push({ id: 'P-M12', area: 'A-1' })
  ledger.meters.push({ id: 'M12', point: 'P-M12', line: 'C-1', address: '240720000012', profile: PROFILE.id, measuringPoint: 12 })
  writeFileSync(file, stringify(ledger))
  expect(await gateway.reload('test')).toMatchObject({ ok: true })
  await expect.poll(async () => (await rows(gateway, 'register', { meter: 'M12' })).length, { timeout: 60_000 }).toBe(1)
  expect((await api('/api/v1/lines/C-1')).body).toMatchObject({ state: 'up', devices: 4, read: 4 })
  const health = (await api('/health/ready')).body
  expect(JSON.stringify(health)).toContain('1 of 2 concentrators connected')
})

it('gives values of a point to no meter of the ledger when the archive of the terminal has another one there', async () => {
  const { gateway, api, port } = await startSite({ tasks: [] })
  // Records 9 and 10: the meters of points 9 and 10, exchanged. @source Q/GDW 376.1, F10
  const record = (number: number, pn: number, last: number) => [
    ...[number, 0, pn, 0, 31, 30, last, ...bytesOf('00 00 20 07 24'), 0, 0, 0, 0, 0, 0, 4, 9, 0, 0, 0, 0, 0, 0, 0x50],
  ]
  const exchanged = new Map([
    [9, record(9, 9, 0x10)],
    [10, record(10, 10, 0x09)],
  ])
  const terminal = await dialIn({
    port,
    address: C1,
    answer: (asked) => {
      const { afn, data } = asked
      if (afn !== 0x0a) return answerFreezes(new Set([9, 10, 11]))(asked)
      const found = Array.from({ length: data[4] ?? 0 }, (_, at) => exchanged.get(data[6 + at * 2] ?? 0) ?? []).flat()
      return found.length === 0 ? null : [...identifier(0, 10), found.length / 27, 0, ...found]
    },
  })
  onTestFinished(terminal.hangUp)
  terminal.login()
  await expect.poll(async () => (await api('/api/v1/lines/C-1')).body.state, { timeout: 60_000 }).toBe('up')
  const read = await api('/api/v1/concentrators/C-1/archive/read', { method: 'POST', body: '{}' })
  await expect
    .poll(async () => (await api(`/api/v1/concentrators/C-1/jobs/${read.body.id}?waitS=2`)).body.state, { timeout: 60_000 })
    .toBe('done')
  for (const [pn, seq] of [
    [9, 0x73],
    [11, 0x74],
  ] as const)
    terminal.send(terminal.frame(0xc4, 0x0d, seq, report(pn)))
  await expect.poll(async () => (await rows(gateway, 'register', { meter: 'M11' })).length, { timeout: 60_000 }).toBe(1)
  expect(await rows(gateway, 'register', { meter: 'M9' })).toEqual([])
  expect(await rows(gateway, 'register', { meter: 'M10' })).toEqual([])
  expect(await rows(gateway, 'register', { meter: 'C-1/pn-9' })).toHaveLength(1)
})

/** Daily frozen F161 of point 9 as a report by task: AFN0D, CON = 1. */
const report = (pn: number): number[] => [...identifier(pn, 161), ...FREEZE]

it('loses nothing and doubles nothing when it is killed before a report is confirmed, and the terminal says it again', {
  timeout: 60_000,
}, async () => {
  const directory = scratch()
  const config = filesOf(directory)
  const port = await freePort()
  writeFileSync(config, stringify({ ...parse(readFileSync(config, 'utf8')), concentrators: { listeners: [{ id: 'gprs', port }] } }))
  const counts = { values: 0, events: 0 }
  for (let round = 0; round < 3; round++) {
    const running = await runGateway(config)
    const terminal = await dialIn({ port, address: C1, answer: nothingElse })
    terminal.login()
    await expect.poll(() => terminal.heard.length, { timeout: 60_000 }).toBeGreaterThan(0)
    terminal.send(terminal.frame(0xc4, 0x0d, 0x73, report(9)))
    terminal.send(terminal.frame(0xc4, 0x0e, 0x75, VERSION_CHANGE))
    if (round === 1) await expect.poll(() => terminal.heard.some(isConfirmOf(5)), { timeout: 60_000 }).toBe(true)
    if (round < 2) {
      // In the first round nobody knows how far it came; in the second everything was safe and nothing had reached the store for sure.
      await running.kill()
      terminal.hangUp()
      continue
    }
    await expect.poll(() => terminal.heard.some(isConfirmOf(5)) && terminal.heard.some(isConfirmOf(3)), { timeout: 60_000 }).toBe(true)
    const items = async (path: string) => ((await running.get(path)) as { items: unknown[] }).items
    const span = 'from=2014-01-01T00:00:00Z&to=2025-01-01T00:00:00Z'
    const read = () => items(`/api/v1/points/P-M9/readings?measurement=register&${span}`)
    await expect.poll(async () => (await read()).length, { timeout: 60_000 }).toBeGreaterThan(0)
    counts.values = (await read()).length
    counts.events = (await items(`/api/v1/concentrators/C-1/events?${span}`)).length
    terminal.hangUp()
    await running.stop()
  }
  expect(counts).toEqual({ values: 1, events: 1 })
})

it('says of concentrators that no listener takes that they cannot dial in', async () => {
  const { said } = await startSite({ concentrators: { listeners: [{ id: 'gprs', port: 0, protocols: ['dlt698'] }] } })
  expect(said.join('')).toContain('2 concentrators of the ledger cannot dial in, C-1 among them: no listener takes gw3761')
})
