import type {
  AnyTerminalAdapter,
  Clock,
  FramePart,
  MeterTime,
  Result,
  TerminalAdapter,
  TerminalEvent,
  TerminalTalk,
  TerminalValues,
} from '../../core/index.ts'
import type { Priority } from '../jobs.ts'
import type { TraceEvent } from '../trace.ts'

/** A terminal (终端) the ledger knows, and how it is treated. */
export interface TerminalSettings {
  /** Ledger id. */
  readonly id: string
  /** In the form of the adapter. */
  readonly address: string
  readonly protocol: TerminalAdapter['id']
  readonly allowWrites: boolean
  /** Longest frame it takes and gives, bytes. */
  readonly frameLimit: number
  /** Heartbeat period; null = as the terminal says it, or the listener's. */
  readonly heartbeatMs: number | null
  /** Requests under way at once; 1 unless it shows it can do more. */
  readonly window: number
  readonly answerMs: number
  /** For requests that make it ask a meter first. */
  readonly fieldAnswerMs: number
}

/** Where terminals dial in, and what a stranger may cost. */
export interface ListenerSettings {
  readonly id: string
  readonly host: string
  readonly port: number
  /** Protocols spoken there; told apart by the first bytes. */
  readonly protocols: readonly TerminalAdapter['id'][]
  readonly maxSessions: number
  readonly maxPerPeer: number
  /** A connection without a valid frame is closed after this. */
  readonly firstFrameMs: number
  /** A frame that began must become whole within this. */
  readonly frameMs: number
  readonly heartbeatMs: number
  /** Whether terminals that are in no ledger are answered and kept (they are noted either way). */
  readonly admitUnknown: boolean
}

/** What a terminal said by itself. */
export interface TerminalReport {
  /** Null: it is in no ledger. */
  readonly terminal: TerminalSettings | null
  readonly address: string
  readonly protocol: TerminalAdapter['id']
  readonly values: readonly TerminalValues[]
  readonly events: readonly TerminalEvent[]
  readonly unknown: readonly { readonly what: string; readonly raw: Uint8Array }[]
  /** Wall clock of arrival. */
  readonly receivedAt: number
  /** The frame, for evidence; of a message in several, all of them one behind the other. */
  readonly raw: Uint8Array
}

/** Things people should know of. */
export type TerminalNotice =
  | { readonly kind: 'online' | 'offline'; readonly terminal: string; readonly peer: string; readonly why: string }
  /** Another connection claimed the address. `refused`: too soon after the last time. */
  | { readonly kind: 'takeover'; readonly terminal: string; readonly peer: string; readonly before: string; readonly refused: boolean }
  | { readonly kind: 'unknown'; readonly address: string; readonly protocol: TerminalAdapter['id']; readonly peer: string }
  | { readonly kind: 'clock'; readonly terminal: string; readonly shows: MeterTime; readonly receivedAt: number }
  | { readonly kind: 'counters'; readonly terminal: string; readonly important: number; readonly normal: number }
  | { readonly kind: 'events-wait'; readonly terminal: string }

export interface TerminalsDeps {
  readonly clock: Clock
  /** The gateway's wall clock in its zone. */
  readonly wallNow: () => MeterTime
  readonly adapterOf: (id: string) => AnyTerminalAdapter | null
  /** The terminal of an address; asked at every login, so that changes of the ledger count at once. */
  readonly find: (protocol: TerminalAdapter['id'], address: string) => TerminalSettings | null
  /** Makes a report safe on disk. Only when it succeeded is the report confirmed; else the terminal sends it again. */
  readonly take: (report: TerminalReport) => Promise<Result<void>>
  readonly notice: (notice: TerminalNotice) => void
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
}

/** How a connection of a terminal fares. */
export interface TerminalStatus {
  readonly address: string
  readonly protocol: TerminalAdapter['id']
  readonly id: string | null
  readonly peer: string
  readonly listener: string
  /** Milliseconds since 1970 UTC. */
  readonly since: number
  readonly lastFrameAt: number
  readonly heartbeatMs: number
  readonly queued: number
  readonly underWay: number
  readonly figures: TerminalFigures
}

/** Counted since the gateway started, by terminal: they outlive its connections. */
export interface TerminalFigures {
  readonly logins: number
  readonly heartbeats: number
  readonly reports: number
  readonly requests: number
  readonly answered: number
  readonly noReply: number
  readonly refused: number
  readonly damagedBytes: number
  readonly strangers: number
  readonly latencySumMs: number
  readonly bytesIn: number
  readonly bytesOut: number
}

export interface AskOptions {
  readonly priority: Priority
  readonly signal?: AbortSignal
  /** How often one request is sent before its silence is final; 2 unless said. What writes is sent once. */
  readonly tries?: number
  /** Told of each request that is sent again because nobody answered. */
  readonly repeated?: () => void
  /** Sees each request that was answered, then the frames of its answer. */
  readonly witness?: (part: FramePart) => void
}

/** A talk for a terminal of any protocol: the adapter's kind of frame stays its own business. */
export type TalkOf<T> = <Frame extends object>(adapter: TerminalAdapter<Frame>) => TerminalTalk<T, Frame>

/** The terminals that dial in: what the rest of the house sees of them. */
export interface TerminalsPort {
  /** Carries out a talk; waits its turn. Fails with TERMINAL_OFFLINE at once when nobody is connected. */
  ask<T>(terminal: string, talk: TalkOf<T>, options: AskOptions): Promise<Result<T>>
  /** By ledger id; null = not connected. */
  status(terminal: string): TerminalStatus | null
  /** Everybody who is connected. */
  sessions(): readonly TerminalStatus[]
  figures(terminal: string): TerminalFigures | null
  /** Settings of a terminal changed, or it is no more: its connection goes on under the new ones, or is closed. */
  changed(terminal: string): void
  trace(terminal: string, listener: (event: TraceEvent) => void): () => void
  /** Address and port of each listener, after {@link listen}. */
  readonly listening: readonly { readonly id: string; readonly host: string; readonly port: number }[]
}
