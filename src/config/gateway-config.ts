import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type AnalysisConfig, analysisOf } from './analysis.ts'
import { type BillingConfig, billingOf } from './billing.ts'
import { type ClocksConfig, clocksOf } from './clocks.ts'
import { type CollectionConfig, collectionOf } from './collection.ts'
import { type ConcentratorsConfig, concentratorsOf, type TerminalRules, terminalRulesOf } from './concentrators.ts'
import { durationMs, type Period, periodOf } from './duration.ts'
import { type EvidenceConfig, evidenceOf } from './evidence.ts'
import { type ExportsConfig, exportsOf } from './exports.ts'
import { checkGateway, type Wrong } from './gateway-check.ts'
import { type AccessConfig, accessOf, type HttpConfig, httpOf } from './http.ts'
import { concentratorsOfFile } from './ledger-file.ts'
import { type CasesConfig, casesOf, type NotifyConfig, notifyOf } from './notify.ts'
import type { Problem } from './problems.ts'
import { type GatewayFile, GatewaySchema, type LineFile, type MqttFile, type PublishFile, type TaskFile } from './schema.ts'
import { resolveSecret, Secret } from './secret.ts'
import { type UnregisteredConfig, unregisteredOf } from './unregistered.ts'
import { loadYaml } from './yaml-file.ts'

/** Everything that was left out is filled in, durations are milliseconds, paths absolute, secrets resolved. */
export interface GatewayConfig {
  readonly file: string
  readonly id: string
  readonly timezone: string
  readonly dataDirectory: string
  readonly clock: { readonly start: number; readonly realStart: number; readonly speed: number } | null
  readonly http: HttpConfig
  readonly access: AccessConfig
  readonly store: StoreConfig
  readonly outbox: { readonly maxBytes: number; readonly whenFull: 'stop-taking' | 'drop-oldest' }
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly ledgerFile: string | null
  readonly profileDirectory: string | null
  readonly mappingDirectory: string | null
  readonly lines: readonly LineConfig[]
  readonly mqtt: readonly MqttConfig[]
  readonly publish: readonly PublishConfig[]
  readonly concentrators: ConcentratorsConfig
  readonly terminals: TerminalRules
  readonly tasks: readonly TaskConfig[]
  readonly clocks: ClocksConfig
  /** How far a register of an exchange may be from what was read, without a reason: kWh as on the face, percent; decimal text. */
  readonly exchange: { readonly kwh: string; readonly percent: string }
  readonly unregistered: UnregisteredConfig
  readonly collection: CollectionConfig
  readonly evidence: EvidenceConfig
  readonly exports: ExportsConfig
  readonly analysis: AnalysisConfig
  readonly billing: BillingConfig
  readonly cases: CasesConfig
  readonly notify: NotifyConfig
}

/** How to reach a broker and as whom. */
export interface BrokerConfig {
  readonly id: string
  readonly url: string
  readonly version: '3.1.1' | '5'
  readonly clientId: string
  readonly username: string | null
  readonly password: Secret | null
  /** PEM text, read from the files that were named. */
  readonly tls: {
    readonly ca: string | null
    readonly cert: string | null
    readonly key: Secret | null
    readonly servername: string | null
    readonly insecure: boolean
  } | null
  readonly keepaliveS: number
}

export interface MqttConfig extends BrokerConfig {
  readonly mappings: readonly { readonly id: string; readonly zone: string | null; readonly prefix: string | null }[]
  readonly connections: number
  readonly share: string
  readonly sessionExpiryS: number
  readonly maxPayloadBytes: number
  readonly maxInFlight: number
  readonly unregistered: 'keep' | 'refuse'
  readonly maxUnregistered: number
  readonly rebirth: boolean
}

export interface PublishConfig extends BrokerConfig {
  readonly readings: string | null
  readonly findings: string | null
  readonly health: string | null
  readonly qos: 0 | 1
  readonly retain: boolean
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

/**
 * Reads and checks `gateway.yaml`. Nothing is started on a problem; all problems are named at once.
 *
 * @param environment  where `${NAME}` secrets come from
 * @param ledgerLines  lines that the ledger of a data directory has; tasks may name them as well
 */
export const loadGatewayConfig = (
  file: string,
  environment: NodeJS.ProcessEnv = process.env,
  ledgerLines: (dataDirectory: string) => readonly string[] = () => [],
): ConfigResult => {
  const loaded = loadYaml(file, GatewaySchema, file)
  if (!loaded.ok) return loaded
  const problems: Problem[] = []
  const wrong = (path: readonly (string | number)[], message: string) => void problems.push(loaded.problemAt(path, message))
  const { value } = loaded
  const base = dirname(resolve(file))
  const dataDirectory = resolve(base, value.gateway.data ?? './data')
  checkGateway(value, wrong, () => [
    ...ledgerLines(dataDirectory),
    ...(value.ledger === undefined ? [] : concentratorsOfFile(resolve(base, value.ledger))),
  ])
  if (value.profiles !== undefined && !isDirectory(resolve(base, value.profiles)))
    wrong(['profiles'], `is "${value.profiles}", which is no directory`)
  if (value.mappings !== undefined && !isDirectory(resolve(base, value.mappings)))
    wrong(['mappings'], `is "${value.mappings}", which is no directory`)
  const weather = value.analysis?.weatherFile
  if (weather !== undefined && !isFile(resolve(base, weather))) wrong(['analysis', 'weatherFile'], `is "${weather}", which is no file`)
  const influxdb = value.store?.influxdb ? influxOf(value.store.influxdb, environment, wrong) : null
  const brokers = { base, gateway: value.gateway.id, environment, wrong }
  const mqtt = (value.mqtt ?? []).map((source, at) => mqttOf(source, ['mqtt', at], brokers))
  const tells = new Set((value.notify?.mqtt ?? []).map(({ broker }) => broker))
  const publish = (value.publish ?? []).map((target, at) => publishOf(target, ['publish', at], brokers, tells.has(target.id)))
  const clocks = clocksOf(value.clocks, environment, wrong)
  const notify = notifyOf(
    value.notify,
    publish.map(({ id }) => id),
    environment,
    wrong,
  )
  const billing = billingOf(value.billing, wrong)
  const http = httpOf(value.http, base, wrong)
  const access = accessOf(value.access, base, wrong)
  if (problems.length > 0) return { ok: false, problems }
  const config: GatewayConfig = {
    file: resolve(file),
    id: value.gateway.id,
    timezone: value.gateway.timezone,
    dataDirectory,
    clock: value.clock
      ? { start: Date.parse(value.clock.start), realStart: Date.parse(value.clock.realStart), speed: value.clock.speed }
      : null,
    http,
    access,
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
    mappingDirectory: value.mappings === undefined ? null : resolve(base, value.mappings),
    lines: value.lines.map(lineOf),
    mqtt,
    publish,
    concentrators: concentratorsOf(value.concentrators),
    terminals: terminalRulesOf(value.concentrators),
    tasks: value.tasks.map(taskOf),
    clocks,
    exchange: { kwh: value.exchange?.toleranceKwh ?? '1', percent: value.exchange?.tolerancePercent ?? '0.5' },
    unregistered: unregisteredOf(value.unregistered),
    collection: collectionOf(value.collection),
    evidence: evidenceOf(value.evidence),
    exports: exportsOf(value.exports, base, dataDirectory),
    analysis: analysisOf(value.analysis, (path) => resolve(base, path)),
    billing,
    cases: casesOf(value.cases),
    notify,
  }
  return { ok: true, value: config }
}

/** A line with everything filled in that was left out. */
export const lineOf = ({ id, transport, modbus, timeoutMs, quietMs, pipeline, allowWrites }: LineFile): LineConfig => ({
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

interface Brokers {
  readonly base: string
  readonly gateway: string
  readonly environment: NodeJS.ProcessEnv
  readonly wrong: Wrong
}

const brokerOf = (
  file: MqttFile | PublishFile,
  at: readonly (string | number)[],
  { base, gateway, environment, wrong }: Brokers,
): BrokerConfig => {
  let password: Secret | null = null
  if (file.password !== undefined) {
    const found = resolveSecret(file.password, environment)
    if (typeof found === 'string') wrong([...at, 'password'], found)
    else password = found
  }
  if (file.password !== undefined && file.username === undefined) wrong(at, '"username" is missing: a password alone is refused by brokers')
  if (file.tls && !file.url.startsWith('mqtts:')) wrong([...at, 'url'], `is "${file.url}"; tls needs mqtts://`)
  const pem = (name: 'ca' | 'cert' | 'key'): string | null => {
    const path = file.tls?.[name]
    if (path === undefined) return null
    try {
      const content = readFileSync(resolve(base, path), 'utf8')
      if (content.includes('-----BEGIN ')) return content
      wrong([...at, 'tls', name], `is "${path}", which is no PEM file`)
    } catch (error) {
      wrong([...at, 'tls', name], `is "${path}", which cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    }
    return null
  }
  const [ca, cert, key] = [pem('ca'), pem('cert'), pem('key')]
  if (file.tls && (file.tls.cert === undefined) !== (file.tls.key === undefined)) wrong([...at, 'tls'], 'cert and key belong together')
  return {
    id: file.id,
    url: file.url,
    version: file.version ?? '3.1.1',
    clientId: file.clientId ?? `gridtally-${gateway}-${file.id}`,
    username: file.username ?? null,
    password,
    tls: file.tls
      ? {
          ca,
          cert,
          key: key === null ? null : new Secret(key),
          servername: file.tls.servername ?? null,
          insecure: file.tls.insecure ?? false,
        }
      : null,
    keepaliveS: file.keepaliveS ?? 30,
  }
}

const mqttOf = (file: MqttFile, at: readonly (string | number)[], brokers: Brokers): MqttConfig => {
  const mappings = file.mappings.map((use) =>
    typeof use === 'string' ? { id: use, zone: null, prefix: null } : { id: use.use, zone: use.zone ?? null, prefix: use.prefix ?? null },
  )
  for (const [nth, { prefix }] of mappings.entries())
    if (prefix !== null && /[+#{}\p{Cc}]/u.test(prefix))
      brokers.wrong([...at, 'mappings', nth, 'prefix'], `is "${prefix}"; + # { } and control characters cannot stand in it`)
  return {
    ...brokerOf(file, at, brokers),
    mappings,
    connections: file.connections ?? 1,
    share: file.share ?? 'gridtally',
    sessionExpiryS: file.sessionExpiryS ?? 604_800,
    maxPayloadBytes: (file.maxPayloadKb ?? 256) * 1024,
    maxInFlight: file.maxInFlight ?? 64,
    unregistered: file.unregistered ?? 'keep',
    maxUnregistered: file.maxUnregistered ?? 1000,
    rebirth: file.rebirth ?? true,
  }
}

/** @param tells  people are told of cases through it, so that it need not send anything else */
const publishOf = (file: PublishFile, at: readonly (string | number)[], brokers: Brokers, tells: boolean): PublishConfig => {
  if (!tells && file.readings === undefined && file.findings === undefined && file.health === undefined)
    brokers.wrong(at, 'sends nothing: one of readings, findings, health is missing, or a target under notify.mqtt that names it')
  return {
    ...brokerOf(file, at, brokers),
    readings: file.readings ?? null,
    findings: file.findings ?? null,
    health: file.health ?? null,
    qos: file.qos ?? 1,
    retain: file.retain ?? false,
  }
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

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
