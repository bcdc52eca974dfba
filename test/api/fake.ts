import { afterAll, onTestFinished } from 'vitest'
import {
  type ApiDeps,
  type ApiOptions,
  type BrokerView,
  buildApi,
  EventRing,
  hashToken,
  makeToken,
  type PointView,
  type PushDeviceView,
  type RefusedMessageView,
  type StoredToken,
  type TracedFrame,
  tokensOnly,
} from '../../src/api/index.ts'
import { NO_TERMINALS } from '../../src/api/terminal-metrics.ts'
import {
  EVERYTHING,
  err,
  failWith,
  type GatewayError,
  ok,
  QUALITY,
  type RangePage,
  type Raw,
  type Reading,
  seriesOf,
  shapeOf,
} from '../../src/core/index.ts'
import { ACCESS_COUNTS, fakeAccounts } from './fake-accounts.ts'
import { fakeBillingBook } from './fake-billing-book.ts'
import { fakeBillingReads } from './fake-billing-reads.ts'
import { CASE_COUNTS, fakeCases } from './fake-cases.ts'
import { CLOCK_COUNTS, fakeClocks } from './fake-clocks.ts'
import { fakeCodecs } from './fake-codecs.ts'
import { fakeCollection } from './fake-collection.ts'
import { fakeConcentrators } from './fake-concentrators.ts'
import { fakeConfig } from './fake-config.ts'
import { fakeEnergy } from './fake-energy.ts'
import { fakeEvidence } from './fake-evidence.ts'
import { fakeExports } from './fake-exports.ts'
import { fakeImports } from './fake-imports.ts'
import { fakeInterchange } from './fake-interchange.ts'
import { fakeKeyAccounts } from './fake-key-accounts.ts'
import { fakeLedger } from './fake-ledger.ts'
import { fakeLoss } from './fake-loss.ts'
import { fakeOutages } from './fake-outages.ts'
import { fakeRepeats } from './fake-repeats.ts'
import { fakeReports } from './fake-reports.ts'
import { fakeRules } from './fake-rules.ts'
import { fakeScans } from './fake-scans.ts'
import { fakeSeries } from './fake-series.ts'
import { fakeSignal } from './fake-signal.ts'
import { fakeTiers } from './fake-tiers.ts'
import { fakeUnregistered, UNREGISTERED_COUNTS } from './fake-unregistered.ts'

export const NOW = Date.parse('2026-08-15T12:00:00Z')
const QUARTER = 900_000

/** Twelve columns of an ordinary three-phase meter: the size an anchor is measured with. */
export const shape = shapeOf(
  ['1.8.0', '1.8.1', '1.8.2', '1.8.3', '1.8.4', '2.8.0', '3.8.0', '4.8.0', '5.8.0', '6.8.0', '7.8.0', '8.8.0'].map((code, at) => ({
    field: code,
    obis: `1-0:${code}`,
    unit: at < 6 ? ('kWh' as const) : ('kvarh' as const),
    scaler: -2,
  })),
)

export const readingOf = (point: string, measuredAt: number, change: Partial<Reading> = {}): Reading => ({
  series: seriesOf('register', { meter: `M-${point}`, point, area: 'A-1', source: 'live' }),
  shape,
  raws: shape.columns.map((_, column): Raw => 12_345_678 + measuredAt / QUARTER + column),
  scalers: null,
  absent: null,
  ratio: '40',
  measuredAt,
  receivedAt: measuredAt + 1_500,
  quality: 0,
  ...change,
})

/** A day of quarter-hours before {@link NOW}, the third of them with a hole. */
export const dayOf = (point: string): Reading[] =>
  Array.from({ length: 96 }, (_, at) => {
    const whole = readingOf(point, NOW - (96 - at) * QUARTER)
    if (at !== 2) return whole
    return { ...whole, raws: [null, ...whole.raws.slice(1)], absent: new Map([[0, 'DLT645_BCD']]), quality: QUALITY.partial }
  })

export const pointOf = (id: string, area = 'A-1', line = 'line-1'): PointView => ({
  id,
  name: `House ${id}`,
  area,
  areaName: `Area ${area}`,
  role: 'customer',
  phase: 'L1',
  meters: [
    { id: `M-${id}`, line, address: '000000000012', profile: 'dlt645/x', ct: '40', pt: '1', ratio: '40', from: NOW - 1e10, to: null },
  ],
})

export const fail = failWith({
  STORE_CURSOR: { recovery: 'stop', hint: 'start again' },
  STORE_CLOSED: { recovery: 'wait', hint: 'free the disk' },
  LINE_DOWN: { recovery: 'wait', hint: 'plug the adapter in' },
  LINE_TIMEOUT: { recovery: 'retry', hint: 'check the wiring' },
  LINE_BUSY: { recovery: 'wait', hint: 'ask later' },
  PROFILE_LACKS: { recovery: 'stop', hint: 'choose another register' },
})
export const errorOf = (result: { readonly error: GatewayError }) => result.error

const token = (id: string, permission: StoredToken['permission'], more: Partial<StoredToken> = {}) => {
  const { text, hash } = makeToken()
  return { text, stored: { id, name: id, hash, permission, expiresAt: null, revokedAt: null, ...more } satisfies StoredToken }
}
export const TOKENS = {
  read: token('reader', 'read'),
  operate: token('operator', 'operate'),
  revoked: token('gone', 'operate', { revokedAt: NOW - 1 }),
  expired: token('old', 'operate', { expiresAt: NOW - 1 }),
}
/** A token of each role; {@link field} knows them. */
export const ROLE_TOKENS = {
  viewer: token('as-viewer', 'read', { roles: ['viewer'] }),
  operator: token('as-operator', 'read', { roles: ['operator'] }),
  engineer: token('as-engineer', 'read', { roles: ['engineer'] }),
  installer: token('as-installer', 'read', { roles: ['installer'] }),
  secadm: token('as-secadm', 'read', { roles: ['secadm'] }),
  auditor: token('as-auditor', 'read', { roles: ['auditor'] }),
  analyst: token('as-analyst', 'read', { roles: ['analyst'] }),
  billing: token('as-billing', 'read', { roles: ['billing'] }),
  customer: token('as-customer', 'read', { roles: ['customer'], customer: 'C-1' }),
}
export const asRole = (role: keyof typeof ROLE_TOKENS) => bearer(ROLE_TOKENS[role].text)
export const extraToken = (id: string) => token(id, 'read')
export const bearer = (text: string) => ({ authorization: `Bearer ${text}` })
export const asReader = bearer(TOKENS.read.text)
export const asOperator = bearer(TOKENS.operate.text)
export { hashToken }

export interface Field {
  readonly deps: ApiDeps
  readonly readings: Map<string, Reading[]>
  readonly points: PointView[]
  readonly tokens: StoredToken[]
  readonly devices: PushDeviceView[]
  readonly refused: RefusedMessageView[]
  readonly listeners: Set<(frame: TracedFrame) => void>
}

const counts = { due: 10, read: 8, firstTry: 7, late: 1, missed: 1, reasons: { LINE_TIMEOUT: 2, LINE_NOISE: 5 } }
const line = {
  id: 'line-1',
  address: 'tcp://10.0.0.7:502',
  state: 'up' as const,
  quarantined: false,
  since: NOW - 60_000,
  busyShare: 0.25,
  queue: 3,
  devices: 1,
  error: null,
  ...counts,
}
const device = {
  address: '12',
  meter: 'M-P-001',
  point: 'P-001',
  lastAnswerAt: NOW - 5_000,
  consecutiveFailures: 2,
  backedOff: true,
  reasons: { LINE_TIMEOUT: 2 },
}

const connection = { clientId: 'gridtally-plant', state: 'up' as const, since: NOW - 60_000, error: null, reconnects: 2, inFlight: 5 }

/** A broker we listen to and one we send to. */
export const brokersOf = (): BrokerView[] => [
  {
    id: 'plant',
    direction: 'in',
    address: 'mqtts://10.0.0.9:8883',
    state: 'partly',
    connections: [
      connection,
      {
        ...connection,
        clientId: 'gridtally-plant-1',
        state: 'down',
        error: errorOf(fail('LINE_DOWN', 'plant mqtts://10.0.0.9:8883 went')),
      },
    ],
    subscriptions: [
      { filter: 'tele/+/SENSOR', granted: true, reason: null },
      { filter: 'secret/#', granted: false, reason: 'not authorized' },
    ],
    counts: {
      ...{ received: 100, acknowledged: 99, oversize: 1, used: 80, refused: 7, readings: 160, values: 900, duplicates: 4, conflicts: 3 },
      ...{ late: 2, unmapped: 11, answers: 6, asides: { 'empty-payload': 1, 'no-rule': 9 } },
    },
    lastMessageAt: NOW - 2_000,
    meters: { registered: 12, unregistered: 3, inLedger: 20 },
    unmatched: [
      { topic: 'a/b', count: 1 },
      { topic: 'c/d', count: 8 },
    ],
    sink: null,
  },
  {
    ...{ id: 'cloud', direction: 'out', address: 'mqtt://10.0.0.8:1883', state: 'connecting', subscriptions: [], counts: null },
    ...{ lastMessageAt: null, meters: null, unmatched: [], sink: 'publish-cloud' },
    connections: [{ ...connection, clientId: 'gridtally-cloud', state: 'connecting' }],
  },
]

export const pushDeviceOf = (name: string, change: Partial<PushDeviceView> = {}): PushDeviceView => ({
  ...{ name, registered: false, meter: null, point: null, firstSeen: NOW - 1e8, lastSeen: NOW - 3_000, lastTopic: `tele/${name}/SENSOR` },
  ...{ rule: 'tasmota/sensor', presence: 'online', presenceSince: NOW - 1e7, signal: { at: NOW - 3_000, figures: { rssi: -71.5 } } },
  ...{ messages: 50, values: 300, duplicates: 1, conflicts: 2, late: 3 },
  skipped: [
    { code: 'MAPPING_TYPE', count: 2 },
    { code: 'DLT645_BCD', count: 4 },
  ],
  failures: [{ item: 'Ua', code: '3007', count: 5 }],
  unmapped: [{ path: '$.ENERGY.Factor', text: '0.97' }],
  finding: { code: 'PUSH_CONFLICT', message: 'a second value', at: NOW - 4_000 },
  ...change,
})

export const refusedOf = (id: number, change: Partial<RefusedMessageView> = {}): RefusedMessageView => ({
  ...{ id, broker: 'plant', topic: 'tele/boiler/SENSOR', payload: Buffer.from('{"a":'), bytes: 5, at: NOW - id, retained: false },
  ...{ replayable: true, error: errorOf(fail('PROFILE_LACKS', 'no JSON')) },
  ...change,
})

/** A gateway that exists only as answers; tests change what it says. */
export const field = (change: Partial<ApiDeps> = {}): Field => {
  const points = Array.from({ length: 25 }, (_, at) => pointOf(`P-${String(at + 1).padStart(3, '0')}`, at % 2 ? 'A-2' : 'A-1'))
  const readings = new Map(points.map(({ id }) => [id, dayOf(id)]))
  const tokens: StoredToken[] = [...Object.values(TOKENS), ...Object.values(ROLE_TOKENS)].map(({ stored }) => stored)
  const listeners = new Set<(frame: TracedFrame) => void>()
  const devices = [
    pushDeviceOf('boiler house/meter 3', { registered: true, meter: 'M-P-003', point: 'P-003' }),
    pushDeviceOf('gone', { presence: 'offline', lastSeen: NOW - 7_200_000 }),
    pushDeviceOf('stranger', { presence: 'unknown', presenceSince: null, signal: null, finding: null, lastSeen: null, rule: null }),
  ]
  const refused = Array.from({ length: 7 }, (_, at) => refusedOf(at + 1, at === 6 ? { broker: 'other' } : {}))
  const outbox = {
    depth: 4,
    bytes: 8_192,
    limitBytes: 1e9,
    oldestAt: NOW - 3_000,
    taking: true,
    error: null,
    damaged: 0,
    sinks: [{ id: 'influx', state: 'waiting' as const, behind: 4, stored: 900, deadLetters: 1, lastStoredAt: NOW - 9_000, error: null }],
  }
  const deps: ApiDeps = {
    concentrators: fakeConcentrators(),
    exports: fakeExports(),
    series: fakeSeries(() => deps),
    version: '1.2.3',
    startedAt: NOW - 90_000,
    now: () => NOW,
    authenticate: tokensOnly(
      () => tokens,
      () => NOW,
    ),
    standing: (who) => who,
    repeats: fakeRepeats(),
    audit: { begin: () => ok(() => undefined), refused: () => undefined, problem: () => null },
    scopeOf: () => EVERYTHING,
    isEntry: (_kind, id) => !/^(nobody|nope)/.test(id),
    hintOf: (code) => (code === 'DLT645_BCD' ? 'remove it from the profile' : null),
    points: ({ area, line: over, text, sees }, after, limit) =>
      points
        .filter(({ id }) => sees?.(id) !== false)
        .filter((one) => area === undefined || one.area === area)
        .filter((one) => over === undefined || one.meters.some((meter) => meter.line === over))
        .filter((one) => text === undefined || one.name.toLowerCase().includes(text.toLowerCase()))
        .filter(({ id }) => after === null || id > after)
        .slice(0, limit),
    point: (id) => points.find((one) => one.id === id) ?? null,
    latest: (id) => readings.get(id)?.slice(-1) ?? [],
    range: async ({ tags, from, to, limit, cursor = '0', source, measurement }) => {
      if (!/^\d+$/.test(cursor)) return fail('STORE_CURSOR', 'no cursor')
      const found = (readings.get(tags.point ?? '') ?? [])
        .filter(({ measuredAt }) => measuredAt >= from && measuredAt < to)
        .filter(({ series }) => series.measurement === measurement && (source === undefined || series.tags.source === source))
      const end = Number(cursor) + limit
      return ok<RangePage>({ readings: found.slice(Number(cursor), end), next: end < found.length ? String(end) : null })
    },
    scanReadings: async ({ points: chosen, from, to, limit, cursor = '0', sources, measurement }) => {
      const found = [...readings.values()]
        .flat()
        .filter(({ measuredAt }) => measuredAt >= from && measuredAt < to)
        .filter(({ series }) => series.measurement === measurement && (chosen === undefined || chosen.has(series.tags.point ?? '')))
        .filter(({ series }) => sources === undefined || sources.some((source) => source === series.tags.source))
      const end = Number(cursor) + limit
      return ok<RangePage>({ readings: found.slice(Number(cursor), end), next: end < found.length ? String(end) : null })
    },
    lines: () => [line],
    line: (id) => (id === line.id ? { ...line, health: [device] } : null),
    trace: (_line, listener) => {
      listeners.add(listener)
      return ok(() => listeners.delete(listener))
    },
    isTerminal: (id) => id === 'C-1',
    captureHead: (id) =>
      id === 'line-1' || id === 'plant'
        ? {
            ...{ capture: 'gridtally', version: 1, startedAt: new Date(NOW).toISOString(), timezone: 'Asia/Shanghai', meters: [] },
            line: {
              ...{ id, kind: id === 'plant' ? 'broker' : 'tcp', address: 'tcp://10.0.0.7:502', host: '10.0.0.7', port: 502 },
              ...{ baud: null, format: null, framing: 'tcp' },
            },
          }
        : null,
    tracedMeter: (meter) => (meter === 'M-P-001' ? { line: 'line-1', device: 'M-P-001' } : null),
    readNow: async (point, { trace }) =>
      ok({
        readings: [readingOf(point, NOW)],
        frames: trace
          ? [{ at: NOW, direction: 'tx', bytes: new Uint8Array([0x68, 0x16]), description: 'read 00010000', device: '12' }]
          : [],
        tookMs: 42,
      }),
    brokers: brokersOf,
    isSource: (id) => id === 'plant',
    pushDevices: (id, { registered, presence, text, silentForMs }, after, limit) =>
      id !== 'plant'
        ? null
        : devices
            .toSorted((a, b) => (a.name < b.name ? -1 : 1))
            .filter((one) => registered === undefined || one.registered === registered)
            .filter((one) => presence === undefined || one.presence === presence)
            .filter((one) => text === undefined || one.name.includes(text))
            .filter(({ lastSeen }) => silentForMs === undefined || (lastSeen ?? 0) < NOW - silentForMs)
            .filter(({ name }) => after === null || name > after)
            .slice(0, limit),
    pushDevice: (_id, name) => devices.find((one) => one.name === name) ?? null,
    refusedMessages: (source, after, limit) =>
      refused.filter(({ id, broker }) => id > after && (source === null || broker === source)).slice(0, limit),
    replayRefused: async (ids) => ok(ids === 'all' ? { replayed: 5, left: 2 } : { replayed: ids.length, left: 0 }),
    discardRefused: async (ids) => ok(ids === 'all' ? 7 : ids.length),
    outbox: () => outbox,
    deadLetters: (after, limit) =>
      Array.from({ length: 7 }, (_, at) => ({
        id: at + 1,
        sink: 'influx',
        at: NOW,
        error: errorOf(fail('STORE_CLOSED', 'field type conflict')),
        reading: at === 0 ? null : readingOf('P-001', NOW - at),
      }))
        .filter(({ id }) => id > after)
        .slice(0, limit),
    replay: async (ids) => ok(ids === 'all' ? 7 : ids.length),
    tasks: () => [{ id: 'houses', group: 'houses', kind: 'current', everyS: 900, lastRunAt: NOW - 1, nextRunAt: NOW + 1, ...counts }],
    health: () => ({ ready: true, parts: [{ part: 'outbox', state: 'ok', sentence: '4 entries wait.', cure: null }] }),
    ...fakeAccounts(),
    ...fakeClocks(),
    ...fakeScans(),
    ...fakeUnregistered(),
    ...fakeCollection(),
    ...fakeCodecs(),
    ...fakeConfig(),
    ...fakeEnergy(),
    ...fakeBillingBook(),
    ...fakeBillingReads(),
    ...fakeTiers(),
    ...fakeKeyAccounts(),
    ...fakeReports(),
    ...fakeEvidence(),
    liveReadings: new EventRing(100, NOW),
    ...fakeInterchange(),
    ...fakeLoss(),
    ...fakeRules(),
    ...fakeSignal(),
    ...fakeOutages(),
    ...fakeCases(),
    estimateGap: async (id) => (id <= 7 ? ok(null) : refusal('unknown', errorOf(fail('PROFILE_LACKS', 'no such gap')))),
    ...fakeLedger(),
    ...fakeImports(),
    metrics: () => ({
      clocks: CLOCK_COUNTS,
      unregistered: UNREGISTERED_COUNTS,
      terminals: NO_TERMINALS,
      cases: CASE_COUNTS,
      access: ACCESS_COUNTS,
      rowsStored: 900,
      brokers: brokersOf(),
      refusedMessages: 7,
      outbox,
      lines: [{ ...line, exchanges: { boundsS: [0.05, 0.5], counts: [3, 4, 1], sumS: 2.5 } }],
    }),
    ...change,
  }
  return { deps, readings, points, tokens, devices, refused, listeners }
}

/** Without load shedding: tests share their machine. */
export const OPTIONS: ApiOptions = { host: '127.0.0.1', port: 0, maxEventLoopDelayMs: false }

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** What looks like one thing and asks whatever `now` gives at the time. */
const through = <Whole extends object>(now: () => Whole): Whole =>
  new Proxy(now(), {
    get: (_, key) => {
      const value: unknown = Reflect.get(now(), key)
      if (typeof value === 'function')
        return (...given: unknown[]): unknown => {
          const owner = now()
          const method: unknown = Reflect.get(owner, key)
          return typeof method === 'function' ? Reflect.apply(method, owner, given) : undefined
        }
      if (!isObject(value)) return value
      return through(() => {
        const newest: unknown = Reflect.get(now(), key)
        return isObject(newest) ? newest : value
      })
    },
  })

type Built = Awaited<ReturnType<typeof buildApi>>
const shared: { app: Promise<Built> | null; deps: ApiDeps | null; isTaken: boolean } = { app: null, deps: null, isTaken: false }

/** One API for the tests of a file, one after the other: making it takes longer than most of them. */
const sharedApi = (deps: ApiDeps): Promise<Built> => {
  shared.deps = deps
  shared.app ??= buildApi(
    through(() => shared.deps ?? deps),
    OPTIONS,
    (app) =>
      app.addHook('preClose', async () => {
        shared.app = null
      }),
  )
  return shared.app
}
afterAll(async () => (await shared.app)?.close())

/**
 * The API over {@link field}. Tests that say nothing of its options share it, each with a field of its own; with options it is the test's
 * alone and closed when that is over, and so is one that has listened.
 */
export const api = async (change: Partial<ApiDeps> = {}, options?: Partial<ApiOptions>) => {
  const world = field(change)
  const isShared = options === undefined && !shared.isTaken
  const app = isShared ? await sharedApi(world.deps) : await buildApi(world.deps, { ...OPTIONS, ...options })
  if (isShared) shared.isTaken = true
  onTestFinished(async () => {
    if (isShared) shared.isTaken = false
    if (!isShared || app.server.listening) await app.close()
  })
  return { app, ...world }
}

export const refusal = (because: 'unknown' | 'line-down' | 'not-possible' | 'busy' | 'unavailable' | 'no-answer', error: GatewayError) =>
  err({ because, error })
