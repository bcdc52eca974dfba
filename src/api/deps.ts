import type { TlsOptions } from 'node:tls'
import type { GatewayError, RangePage, RangeQuery, Reading, Result, ScanQuery } from '../core/index.ts'
import type { AccessDeps } from './access-deps.ts'
import type { AccessCounts } from './access-metrics.ts'
import type { AccountDeps } from './account-deps.ts'
import type { KeyAccountDeps } from './account-list-deps.ts'
import type { BillingBookDeps } from './billing-book-deps.ts'
import type { BillingReadDeps } from './billing-read-deps.ts'
import type { BrokerDeps, BrokerView } from './broker-deps.ts'
import type { CaseCounts, CaseDeps } from './case-deps.ts'
import type { ClockCounts, ClockDeps } from './clock-deps.ts'
import type { CodecDeps } from './codec-deps.ts'
import type { CollectionDeps, EstimateDeps } from './collection-deps.ts'
import type { CompileWhen } from './compilers.ts'
import type { ConcentratorPort } from './concentrator-deps.ts'
import type { ConfigDeps } from './config-deps.ts'
import type { EnergyDeps } from './energy-deps.ts'
import type { EvidenceDeps } from './evidence-deps.ts'
import type { ExportPort } from './export-deps.ts'
import type { ImportDeps } from './import-deps.ts'
import type { InterchangeDeps } from './interchange-deps.ts'
import type { LedgerDeps } from './ledger-deps.ts'
import type { LossDeps } from './loss-deps.ts'
import type { OutageDeps } from './outage-deps.ts'
import type { RepeatDeps } from './repeat-deps.ts'
import type { ReportDeps } from './report-deps.ts'
import type { RulesDeps } from './rules-deps.ts'
import type { ScanDeps } from './scan-deps.ts'
import type { SeriesPort } from './series-deps.ts'
import type { SignalDeps } from './signal-deps.ts'
import type { StreamDeps } from './stream-deps.ts'
import type { TerminalCounts } from './terminal-metrics.ts'
import type { TierDeps } from './tier-deps.ts'
import type { TraceDeps, TracedFrame } from './trace-deps.ts'
import type { UnregisteredCounts, UnregisteredDeps } from './unregistered-deps.ts'

/** A value now or soon: what lies in memory need not pretend to wait. */
export type Soon<T> = T | Promise<T>

/** One meter at a point, valid in [from, to). Times are milliseconds since 1970 UTC; `to` null = still there. */
export interface MeterView {
  readonly id: string
  readonly line: string
  readonly address: string
  readonly profile: string
  /** Ratios as decimal text; `ratio` (综合倍率) is their product. */
  readonly ct: string
  readonly pt: string
  readonly ratio: string
  readonly from: number
  readonly to: number | null
}

/** A metering point (计量点): the place that is billed; meters come and go. */
export interface PointView {
  readonly id: string
  readonly name: string
  /** Its name tells who the customer is: nothing for those who may not see that. */
  readonly namesPerson?: boolean
  readonly area: string
  readonly areaName: string
  /** What the point is in its area: the meter that feeds it, a customer, generation. */
  readonly role: string
  readonly phase: string
  /** Newest last. */
  readonly meters: readonly MeterView[]
}

export interface PointFilter {
  readonly area?: string
  readonly line?: string
  /** Part of id, name or meter address; upper and lower case alike. */
  readonly text?: string
  /** Only these. */
  readonly sees?: (id: string) => boolean
  /** `text` is not looked for in names that tell who the customer is. */
  readonly hidesPersonal?: boolean
}

/** How reads went since the process started. read + late + missed = due, once nothing is under way. */
export interface ReadCounts {
  readonly due: number
  readonly read: number
  /** Read without a second try. */
  readonly firstTry: number
  /** Not read in time, and had since. */
  readonly late: number
  /** Not read in time, and not had since. */
  readonly missed: number
  /** Error code → how many exchanges ended so. */
  readonly reasons: Readonly<Record<string, number>>
}

export type LineState = 'up' | 'opening' | 'down'

export interface LineView extends ReadCounts {
  readonly id: string
  /** Where it leads: `tcp://host:port`, `/dev/serial/by-id/…`. */
  readonly address: string
  readonly state: LineState
  /** Held after a time-out until no late answer can come any more. */
  readonly quarantined: boolean
  /** Milliseconds since 1970 UTC when it came into this state. */
  readonly since: number
  /** Share of the last minute in which the wire was in use, 0 to 1. */
  readonly busyShare: number
  /** Jobs that wait. */
  readonly queue: number
  readonly devices: number
  /** Why it is not up. */
  readonly error: GatewayError | null
}

export interface DeviceView {
  readonly address: string
  readonly meter: string
  readonly point: string
  readonly lastAnswerAt: number | null
  readonly consecutiveFailures: number
  /** Not asked, but for a cheap probe, until it answers. */
  readonly backedOff: boolean
  readonly reasons: Readonly<Record<string, number>>
}

export interface LineDetail extends LineView {
  readonly health: readonly DeviceView[]
}

/** Why a question cannot be answered, in words HTTP has a status for. */
export type Because =
  | 'unknown' //       no such thing: 404
  | 'line-down' //     the line is not open: 409
  | 'not-possible' //  understood, but this meter cannot: 422
  | 'busy' //          too much already waits: 503, try again
  | 'unavailable' //   a part of the gateway is out: 503
  | 'no-answer' //     the meter did not answer: 504
export interface Refusal {
  readonly because: Because
  readonly error: GatewayError
}

export interface ReadNowRequest {
  /** Full OBIS codes; absent = everything the profile gives. */
  readonly registers?: readonly string[]
  readonly timeoutMs: number
  readonly trace: boolean
  /** Who asks, for the record of what the reading rests on. */
  readonly by?: string
}

export interface ReadNowAnswer {
  readonly readings: readonly Reading[]
  /** Only when asked for. */
  readonly frames: readonly TracedFrame[]
  readonly tookMs: number
}

export interface SinkView {
  readonly id: string
  readonly state: 'storing' | 'waiting' | 'stopped'
  /** Entries it has not taken yet. */
  readonly behind: number
  readonly stored: number
  readonly deadLetters: number
  readonly lastStoredAt: number | null
  readonly error: GatewayError | null
}

export interface OutboxView {
  /** Entries at least one sink has not taken yet. */
  readonly depth: number
  readonly bytes: number
  readonly limitBytes: number
  readonly oldestAt: number | null
  /** False while the outbox refuses new entries (full, disk). */
  readonly taking: boolean
  /** Why it refuses. */
  readonly error: GatewayError | null
  readonly damaged: number
  readonly sinks: readonly SinkView[]
}

export interface DeadLetterView {
  /** Grows; never used twice. */
  readonly id: number
  readonly sink: string
  readonly at: number
  readonly error: GatewayError
  /** Null when the entry itself could not be read. */
  readonly reading: Reading | null
}

export interface TaskView extends ReadCounts {
  readonly id: string
  readonly group: string
  readonly kind: string
  readonly everyS: number
  readonly lastRunAt: number | null
  readonly nextRunAt: number | null
}

export type PartState = 'ok' | 'degraded' | 'failed'

export interface HealthView {
  /** False when readings would be lost or cannot be taken: the outbox cannot write, no line is open, the store is closed. */
  readonly ready: boolean
  readonly parts: readonly { readonly part: string; readonly state: PartState; readonly sentence: string; readonly cure: string | null }[]
}

/** Counts and a histogram that grow while the process lives; read when somebody scrapes. */
export interface MetricsSnapshot {
  readonly lines: readonly LineMetrics[]
  readonly outbox: OutboxView
  readonly rowsStored: number
  readonly brokers: readonly BrokerView[]
  /** Messages that could not be used and are kept. */
  readonly refusedMessages: number
  readonly clocks: ClockCounts
  readonly unregistered: UnregisteredCounts
  readonly terminals: TerminalCounts
  readonly cases: CaseCounts
  readonly access: AccessCounts
}

export interface LineMetrics extends ReadCounts {
  readonly id: string
  readonly state: LineState
  readonly busyShare: number
  readonly queue: number
  /** Exchanges by duration: `counts[i]` took at most `boundsS[i]` seconds and more than the bound before; the last count is the rest. */
  readonly exchanges: { readonly boundsS: readonly number[]; readonly counts: readonly number[]; readonly sumS: number }
}

/** Everything the API needs of the other rooms, as plain functions. The composition root provides them. */
export interface ApiDeps
  extends AccessDeps,
    AccountDeps,
    ScanDeps,
    TraceDeps,
    UnregisteredDeps,
    BrokerDeps,
    ClockDeps,
    CodecDeps,
    CollectionDeps,
    OutageDeps,
    EstimateDeps,
    ConfigDeps,
    LedgerDeps,
    ImportDeps,
    InterchangeDeps,
    LossDeps,
    SignalDeps,
    StreamDeps,
    EnergyDeps,
    BillingBookDeps,
    BillingReadDeps,
    TierDeps,
    KeyAccountDeps,
    ReportDeps,
    EvidenceDeps,
    RulesDeps,
    RepeatDeps,
    CaseDeps {
  readonly concentrators: ConcentratorPort
  readonly exports: ExportPort
  readonly series: SeriesPort
  readonly version: string
  /** Milliseconds since 1970 UTC when the process started. */
  readonly startedAt: number
  /** The gateway's clock, milliseconds since 1970 UTC. */
  now(): number
  /** What a person can do about an error code; null when nobody knows it. */
  hintOf(code: string): string | null

  /** Points with an id greater than `after`, by id ascending (in code units), at most `limit`. */
  points(filter: PointFilter, after: string | null, limit: number): Soon<readonly PointView[]>
  point(id: string): Soon<PointView | null>
  /** The newest reading of each series of a point: another list when one of them is another, so the same list says the same. */
  latest(pointId: string): Soon<readonly Reading[]>
  /** Stored readings; a code that ends in `_CURSOR` means the cursor is not one of ours, every other error that the store is out. */
  range(query: RangeQuery): Promise<Result<RangePage>>
  /** The same of all points, page by page. */
  scanReadings(query: ScanQuery): Promise<Result<RangePage>>

  lines(): readonly LineView[]
  line(id: string): LineDetail | null
  /** Reads a meter at once, before everything scheduled. Ends when `signal` aborts: nobody waits any more. */
  readNow(pointId: string, request: ReadNowRequest, signal: AbortSignal): Promise<Result<ReadNowAnswer, Refusal>>

  outbox(): Soon<OutboxView>
  /** Dead letters with an id greater than `after`, ascending, at most `limit`. */
  deadLetters(after: number, limit: number): Soon<readonly DeadLetterView[]>
  /** Puts dead letters back into the outbox; returns how many. */
  replay(ids: readonly number[] | 'all'): Promise<Result<number, Refusal>>

  tasks(): readonly TaskView[]
  health(): Soon<HealthView>
  metrics(): Soon<MetricsSnapshot>
}

/** How and within which limits the API listens. */
export interface ApiOptions {
  readonly host: string
  readonly port: number
  /** Certificate, key and whether clients show one; null or absent: plain HTTP. */
  readonly tls?: TlsOptions | null
  /** Addresses of reverse proxies whose X-Forwarded-For is believed. Absent: nobody's. */
  readonly trustProxy?: readonly string[]
  readonly maxConnections?: number
  /** Requests of one address in a window; false switches it off. */
  readonly rateLimit?: { readonly max: number; readonly windowMs: number } | false
  /** Mean delay of the event loop beyond which everything but health is answered with 503; false never. */
  readonly maxEventLoopDelayMs?: number | false
  /** `/metrics` without a token. */
  readonly publicMetrics?: boolean
  /** A request whole by then, or 408. */
  readonly requestTimeoutMs?: number
  /** An answer of another room by then, or 503. */
  readonly answerTimeoutMs?: number
  readonly trace?: Partial<TraceLimits>
  /** How often the health is looked at while somebody watches it, milliseconds. */
  readonly healthLookMs?: number
  /** When schemas become code; `first-use` unless said. At the start all of them are proved. */
  readonly compile?: CompileWhen
  readonly log?: ApiLog
}

export interface TraceLimits {
  /** Of one person, through whichever token or session. */
  readonly perToken: number
  readonly perAddress: number
  readonly total: number
  readonly longestMs: number
  readonly heartbeatMs: number
}

/** The little of a logger that the API needs. */
export interface ApiLog {
  error(context: object, message: string): void
}
