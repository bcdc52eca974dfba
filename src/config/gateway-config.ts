import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Problem } from './problems.ts'
import { didYouMean } from './problems.ts'
import { type GatewayFile, GatewaySchema, type LineFile, type TaskFile } from './schema.ts'
import { resolveSecret, type Secret } from './secret.ts'
import { loadYaml } from './yaml-file.ts'

/** Everything that was left out is filled in, durations are milliseconds, paths absolute, secrets resolved. */
export interface GatewayConfig {
  readonly file: string
  readonly id: string
  readonly timezone: string
  readonly dataDirectory: string
  readonly clock: { readonly start: number; readonly realStart: number; readonly speed: number } | null
  readonly http: {
    readonly host: string
    readonly port: number
    readonly publicMetrics: boolean
    readonly trustProxy: readonly string[] | null
    readonly tokens: readonly { readonly name: string; readonly sha256: string; readonly permission: 'read' | 'operate' }[]
  }
  readonly store: StoreConfig
  readonly outbox: { readonly maxBytes: number; readonly whenFull: 'stop-taking' | 'drop-oldest' }
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly ledgerFile: string | null
  readonly profileDirectory: string | null
  readonly lines: readonly LineConfig[]
  readonly tasks: readonly TaskConfig[]
}

export interface StoreConfig {
  readonly kind: 'embedded' | 'influxdb'
  readonly influxdb: InfluxConfig | null
  readonly retentionMonths: number | null
  readonly hotDays: number
}

export interface InfluxConfig {
  readonly url: string
  readonly version: 'v1' | 'v2' | 'v3'
  readonly database: string
  readonly retentionPolicy: string | null
  readonly org: string | null
  readonly bucket: string | null
  readonly token: Secret | null
  readonly username: string | null
  readonly password: Secret | null
  readonly batch: number
  readonly gzip: boolean
  readonly timeoutMs: number
  readonly createDatabase: boolean
}

export interface LineConfig {
  readonly id: string
  readonly transport:
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly baud: number | null }
    | {
        readonly kind: 'serial'
        readonly path: string
        readonly baud: number
        readonly dataBits: 7 | 8
        readonly parity: 'none' | 'even' | 'odd'
        readonly stopBits: 1 | 2
      }
  readonly modbus: 'tcp' | 'rtu' | 'ascii'
  readonly timeoutMs: number
  readonly quietMs: number | null
  readonly pipeline: number
  readonly allowWrites: boolean
}

export type Period = { readonly unit: 'ms'; readonly ms: number } | { readonly unit: 'day' | 'month'; readonly count: 1 }

export interface TaskConfig {
  readonly id: string
  readonly read: TaskFile['read']
  readonly period: Period
  readonly offsetMs: number
  readonly spreadMs: number
  readonly filter: {
    readonly lines: readonly string[] | null
    readonly areas: readonly string[] | null
    readonly ids: readonly string[] | null
  }
  readonly registers: readonly string[] | null
}

export type ConfigResult =
  | { readonly ok: true; readonly value: GatewayConfig }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `15m` in milliseconds. The text has passed the schema. */
export const durationMs = (text: string): number => {
  const [, count = '0', unit = 'ms'] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []
  return Number(count) * (UNIT_MS[unit] ?? 1)
}

const periodOf = (text: string): Period =>
  text === '1d' ? { unit: 'day', count: 1 } : text === '1mo' ? { unit: 'month', count: 1 } : { unit: 'ms', ms: durationMs(text) }

/**
 * Reads and checks `gateway.yaml`. Nothing is started on a problem; all problems are named at once.
 *
 * @param environment  where `${NAME}` secrets come from
 */
export const loadGatewayConfig = (file: string, environment: NodeJS.ProcessEnv = process.env): ConfigResult => {
  const loaded = loadYaml(file, GatewaySchema, file)
  if (!loaded.ok) return loaded
  const problems: Problem[] = []
  const wrong = (path: readonly (string | number)[], message: string) => void problems.push(loaded.problemAt(path, message))
  const { value } = loaded
  const base = dirname(resolve(file))
  checkGateway(value, wrong)
  if (value.profiles !== undefined && !isDirectory(resolve(base, value.profiles)))
    wrong(['profiles'], `is "${value.profiles}", which is no directory`)
  const influxdb = value.store?.influxdb ? influxOf(value.store.influxdb, environment, wrong) : null
  if (problems.length > 0) return { ok: false, problems }
  const config: GatewayConfig = {
    file: resolve(file),
    id: value.gateway.id,
    timezone: value.gateway.timezone,
    dataDirectory: resolve(base, value.gateway.data ?? './data'),
    clock: value.clock
      ? { start: Date.parse(value.clock.start), realStart: Date.parse(value.clock.realStart), speed: value.clock.speed }
      : null,
    http: {
      host: value.http?.host ?? '127.0.0.1',
      port: value.http?.port ?? 8645,
      publicMetrics: value.http?.publicMetrics ?? false,
      trustProxy: value.http?.trustProxy ?? null,
      tokens: value.http?.tokens ?? [],
    },
    store: {
      kind: value.store?.kind ?? 'embedded',
      influxdb,
      retentionMonths: value.store?.retentionMonths ?? null,
      hotDays: value.store?.hotDays ?? 7,
    },
    outbox: { maxBytes: (value.outbox?.maxMb ?? 1024) * 1024 * 1024, whenFull: value.outbox?.whenFull ?? 'stop-taking' },
    logLevel: value.log?.level ?? 'info',
    ledgerFile: value.ledger === undefined ? null : resolve(base, value.ledger),
    profileDirectory: value.profiles === undefined ? null : resolve(base, value.profiles),
    lines: value.lines.map(lineOf),
    tasks: value.tasks.map(taskOf),
  }
  return { ok: true, value: config }
}

const lineOf = ({ id, transport, modbus, timeoutMs, quietMs, pipeline, allowWrites }: LineFile): LineConfig => ({
  id,
  transport:
    transport.kind === 'tcp'
      ? { kind: 'tcp', host: transport.host, port: transport.port, baud: transport.baud ?? null }
      : {
          kind: 'serial',
          path: transport.path,
          baud: transport.baud ?? 9600,
          dataBits: transport.dataBits ?? 8,
          parity: transport.parity ?? 'even',
          stopBits: transport.stopBits ?? 1,
        },
  modbus: modbus ?? (transport.kind === 'serial' ? 'rtu' : 'tcp'),
  timeoutMs: timeoutMs ?? 1000,
  quietMs: quietMs ?? null,
  pipeline: pipeline ?? 1,
  allowWrites: allowWrites ?? false,
})

const taskOf = ({ id, read, every, offset, spread, meters, registers }: TaskFile): TaskConfig => ({
  id,
  read,
  period: periodOf(every),
  offsetMs: offset === undefined ? 0 : durationMs(offset),
  spreadMs: spread === undefined ? 0 : durationMs(spread),
  filter: { lines: meters?.lines ?? null, areas: meters?.areas ?? null, ids: meters?.ids ?? null },
  registers: registers ?? null,
})

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

type Wrong = (path: readonly (string | number)[], message: string) => void

const checkGateway = ({ gateway, lines, tasks, store, clock }: GatewayFile, wrong: Wrong): void => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: gateway.timezone })
  } catch {
    const near = didYouMean(gateway.timezone, Intl.supportedValuesOf('timeZone'))
    wrong(
      ['gateway', 'timezone'],
      `is "${gateway.timezone}"; must be an IANA time zone such as Asia/Shanghai${near ? `; did you mean "${near}"?` : ''}`,
    )
  }
  if (store?.kind === 'influxdb' && !store.influxdb) wrong(['store'], '"influxdb" is missing: kind influxdb needs its url')
  if (store?.influxdb?.version === 'v2' && !(store.influxdb.bucket && store.influxdb.org))
    wrong(['store', 'influxdb'], '"org" and "bucket" are missing: version v2 needs them')
  if (clock && Number.isNaN(Date.parse(clock.start))) wrong(['clock', 'start'], 'is no instant')
  unique(lines, 'lines', wrong)
  unique(tasks, 'tasks', wrong)
  const ways = new Map<string, string>()
  for (const [at, { id, transport, modbus }] of lines.entries()) {
    const way = transport.kind === 'tcp' ? `${transport.host}:${transport.port}` : transport.path
    const other = ways.get(way)
    if (other !== undefined)
      wrong(['lines', at, 'transport'], `leads to ${way}, as line ${other} does: one bus is one line, put its meters on that one`)
    ways.set(way, id)
    if (transport.kind === 'serial' && modbus === 'tcp') wrong(['lines', at, 'modbus'], 'is "tcp"; a serial port carries rtu or ascii')
  }
  const known = lines.map(({ id }) => id)
  for (const [at, { every, offset, spread, meters }] of tasks.entries()) {
    for (const [nth, line] of (meters?.lines ?? []).entries()) {
      if (known.includes(line)) continue
      const near = didYouMean(line, known)
      wrong(
        ['tasks', at, 'meters', 'lines', nth],
        `is "${line}", which is no line; allowed: ${known.join(', ')}${near ? `; did you mean "${near}"?` : ''}`,
      )
    }
    const period = periodOf(every)
    const ms = period.unit === 'ms' ? period.ms : period.unit === 'day' ? 86_400_000 : 28 * 86_400_000
    if (ms < 1000) wrong(['tasks', at, 'every'], `is "${every}"; must be 1s or more`)
    if (period.unit === 'ms' && ms > 1000 && 86_400_000 % ms !== 0)
      wrong(
        ['tasks', at, 'every'],
        `is "${every}"; must divide a day, so that it keeps its place on the clock: 1m, 5m, 10m, 15m, 30m, 1h, 6h, 1d`,
      )
    if (offset !== undefined && durationMs(offset) >= ms) wrong(['tasks', at, 'offset'], `is "${offset}"; must be less than every`)
    if (spread !== undefined && durationMs(spread) >= ms) wrong(['tasks', at, 'spread'], `is "${spread}"; must be less than every`)
  }
}

const unique = (items: readonly { readonly id: string }[], list: string, wrong: Wrong): void => {
  const first = new Map<string, number>()
  for (const [at, { id }] of items.entries()) {
    const before = first.get(id)
    if (before !== undefined) wrong([list, at, 'id'], `is "${id}", as ${list}/${before} is`)
    else first.set(id, at)
  }
}

const influxOf = (
  file: NonNullable<NonNullable<GatewayFile['store']>['influxdb']>,
  environment: NodeJS.ProcessEnv,
  wrong: Wrong,
): InfluxConfig => {
  const secret = (name: 'token' | 'password'): Secret | null => {
    const text = file[name]
    if (text === undefined) return null
    const found = resolveSecret(text, environment)
    if (typeof found !== 'string') return found
    wrong(['store', 'influxdb', name], found)
    return null
  }
  return {
    url: file.url,
    version: file.version ?? 'v1',
    database: file.database ?? 'gridtally',
    retentionPolicy: file.retentionPolicy ?? null,
    org: file.org ?? null,
    bucket: file.bucket ?? null,
    token: secret('token'),
    username: file.username ?? null,
    password: secret('password'),
    batch: file.batch ?? 5000,
    gzip: file.gzip ?? false,
    timeoutMs: file.timeoutMs ?? 10_000,
    createDatabase: file.createDatabase ?? false,
  }
}
