import type { TerminalAdapter } from '../../core/index.ts'
import type { Peer } from '../../transport/index.ts'
import type { Counting } from './figures.ts'
import type { ListenerSettings, TerminalSettings, TerminalsDeps } from './types.ts'

/** Why a connection was ended by us, or that it was not. */
export type EndedBy =
  | 'peer'
  | 'logout'
  | 'silent'
  | 'slow'
  | 'nobody'
  | 'stuck'
  | 'refused'
  | 'takeover'
  | 'unknown'
  | 'ledger'
  | 'fault'
  | 'closing'

/** What is known of a terminal across its connections. */
export interface TerminalRecord {
  readonly address: string
  readonly protocol: TerminalAdapter['id']
  settings: TerminalSettings | null
  readonly figures: Counting
  session: SessionPort | null
}

/** A connection that speaks a known protocol. */
export interface SessionPort {
  readonly protocol: TerminalAdapter['id']
  readonly peer: Peer
  readonly listener: ListenerSettings
  readonly record: TerminalRecord | null
  /** Wall clock of its beginning, and when the last frame of its own came. */
  readonly since: number
  readonly lastFrameAt: number
  readonly heartbeatMs: number
  feed(bytes: Uint8Array): void
  /** The terminal is in the ledger now, or under other settings. */
  settle(): void
  tick(now: number): void
  /** Takes bytes again that were held back for a tick. */
  release(): void
  /** Reports that are being made safe. Resolves when none is. */
  settled(): Promise<void>
  end(by: EndedBy, why: string): void
}

/** What a session needs of those around it. */
export interface SessionHost {
  readonly deps: TerminalsDeps
  /** Gives a connection the address it logged in as; null when it may not have it and was ended. */
  bind(session: SessionPort, address: string): TerminalRecord | null
  /** It has been answered and may be asked. */
  online(session: SessionPort): void
  ended(session: SessionPort, by: EndedBy, why: string): void
  /** Says what went wrong in many connections alike once a minute. */
  complain(text: (times: number) => string): void
  /** It was given as much as one may have in a tick. */
  flooded(session: SessionPort): void
  trace(record: TerminalRecord, what: 'tx' | 'rx' | 'stray' | 'late' | 'discarded' | 'note', bytes: Uint8Array, text: string): void
}
