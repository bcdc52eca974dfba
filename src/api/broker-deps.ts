import type { GatewayError, Result } from '../core/index.ts'
import type { Refusal, Soon } from './deps.ts'

/** `partly`: some connections are up; `connecting`: none was tried to the end yet. */
export type BrokerState = 'up' | 'partly' | 'connecting' | 'down'

export interface BrokerConnectionView {
  readonly clientId: string
  readonly state: 'connecting' | 'up' | 'down'
  /** When it came up; when it is not up, since when. Milliseconds since 1970 UTC. */
  readonly since: number
  /** Why it is not up. */
  readonly error: GatewayError | null
  /** How often it came up again. */
  readonly reconnects: number
  /** Messages that came and are not safe yet. */
  readonly inFlight: number
}

/** What came of a broker's messages since the process started. */
export interface BrokerCounts {
  /** Messages that came, the too large ones included. */
  readonly received: number
  readonly acknowledged: number
  readonly oversize: number
  /** Messages that brought at least one value. */
  readonly used: number
  readonly refused: number
  readonly readings: number
  readonly values: number
  readonly duplicates: number
  readonly conflicts: number
  readonly late: number
  readonly unmapped: number
  readonly answers: number
  /** Reason → messages that were put aside without being wrong. */
  readonly asides: Readonly<Record<string, number>>
}

/** A broker (消息代理): one whose messages become readings (`in`), or one to which the gateway sends (`out`). */
export interface BrokerView {
  readonly id: string
  readonly direction: 'in' | 'out'
  /** Its url, which has no user and no password. */
  readonly address: string
  readonly state: BrokerState
  readonly connections: readonly BrokerConnectionView[]
  readonly subscriptions: readonly { readonly filter: string; readonly granted: boolean; readonly reason: string | null }[]
  /** Null for `out`, as are the two below. */
  readonly counts: BrokerCounts | null
  readonly lastMessageAt: number | null
  /** Meters of the ledger that were heard of, other names, and how many meters the ledger has there. */
  readonly meters: { readonly registered: number; readonly unregistered: number; readonly inLedger: number } | null
  /** Topics that came and that no rule took. */
  readonly unmatched: readonly { readonly topic: string; readonly count: number }[]
  /** For `out`: its place in the outbox; null when only health is sent. */
  readonly sink: string | null
}

/** What is known of one device that pushes. Times are milliseconds since 1970 UTC. */
export interface PushDeviceView {
  readonly name: string
  /** The ledger had a meter behind it when it was last heard. */
  readonly registered: boolean
  /** Of the ledger; null when it has none there. */
  readonly meter: string | null
  readonly point: string | null
  readonly firstSeen: number
  /** Last sign of life; null: only stored messages and wills so far. */
  readonly lastSeen: number | null
  readonly lastTopic: string
  readonly rule: string | null
  readonly presence: 'online' | 'offline' | 'unknown'
  readonly presenceSince: number | null
  readonly signal: { readonly at: number; readonly figures: Readonly<Record<string, number>> } | null
  readonly messages: number
  readonly values: number
  readonly duplicates: number
  readonly conflicts: number
  readonly late: number
  readonly skipped: readonly { readonly code: string; readonly count: number }[]
  readonly failures: readonly { readonly item: string; readonly code: string; readonly count: number }[]
  readonly unmapped: readonly { readonly path: string; readonly text: string }[]
  readonly finding: { readonly code: string; readonly message: string; readonly at: number } | null
}

export interface PushDeviceFilter {
  readonly registered?: boolean
  readonly presence?: PushDeviceView['presence']
  /** Part of the name. */
  readonly text?: string
  /** Without a sign of life for at least so long. */
  readonly silentForMs?: number
}

/** A message that could not be used. */
export interface RefusedMessageView {
  /** Grows; never used twice. */
  readonly id: number
  readonly broker: string
  readonly topic: string
  /** The payload, or its beginning. */
  readonly payload: Uint8Array
  /** Length of the whole payload. */
  readonly bytes: number
  readonly at: number
  readonly retained: boolean
  /** It was kept whole. */
  readonly replayable: boolean
  readonly error: GatewayError
}

/** What the API needs of the brokers. */
export interface BrokerDeps {
  /** Those whose messages become readings first. */
  brokers(): readonly BrokerView[]
  /** Whether there is a broker of this id whose messages become readings. */
  isSource(id: string): boolean
  /** Devices with a name greater than `after`, by name ascending (in code units), at most `limit`; null: no such source. */
  pushDevices(source: string, filter: PushDeviceFilter, after: string | null, limit: number): readonly PushDeviceView[] | null
  pushDevice(source: string, name: string): PushDeviceView | null
  /** Refused messages with an id greater than `after`, ascending, at most `limit`; `source` null: of all. */
  refusedMessages(source: string | null, after: number, limit: number): Soon<readonly RefusedMessageView[]>
  /** Puts refused messages through again; those that could be used are gone from the list. */
  replayRefused(ids: readonly number[] | 'all'): Promise<Result<{ readonly replayed: number; readonly left: number }, Refusal>>
  /** Forgets refused messages; returns how many. */
  discardRefused(ids: readonly number[] | 'all'): Promise<Result<number, Refusal>>
}
