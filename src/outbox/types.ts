import type { Clock, GatewayError, Reading, Result, Sink } from '../core/index.ts'

/** What the outbox says to a log; pino's own shape. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Time that can be driven by hand: runs something later, gives back how to call it off. */
export type After = (ms: number, run: () => void) => () => void

export type WhenFull = 'stop-taking' | 'drop-oldest'

export interface OutboxOptions {
  /** Made when missing; belongs to one gateway at a time. */
  readonly directory: string
  /** Most bytes of entries and dead letters kept. */
  readonly maxBytes: number
  readonly whenFull: WhenFull
  /** Whoever wants every reading. With none, everything is kept until one is configured. */
  readonly sinks: readonly Sink[]
  readonly clock?: Clock
  readonly log?: Log
  /** Shortest time between the starts of two commits; the first after a pause goes at once. Default 4, at most 50. */
  readonly groupMs?: number
  /** The same for a sink's batches that are not full. Default 50, at most 100. */
  readonly lingerMs?: number
  /** Bytes of the disk that are never used, so that everybody else can go on. Default 16 MiB. */
  readonly reserveBytes?: number
  /** Called when readiness, a sink's state, or the count of dead letters or damaged entries has changed. */
  readonly onState?: (state: OutboxState) => void
  readonly after?: After
  /** A number from 0 to 1; spreads retries. */
  readonly random?: () => number
}

/** `lagging`: works through entries from disk; `waiting`: pauses after a refusal; `stopped`: only a person can help. */
export type SinkState = 'running' | 'lagging' | 'waiting' | 'stopped'

export interface SinkReport {
  readonly id: string
  /** Position of the first entry it has not taken. */
  readonly cursor: number
  readonly depth: number
  readonly state: SinkState
  readonly lastError: GatewayError | null
  /** Milliseconds since 1970 UTC, null before the first. */
  readonly lastStoredAt: number | null
  /** Readings stored since the start. */
  readonly stored: number
}

export interface OutboxState {
  /** Takes readings. */
  readonly ready: boolean
  /** Why not. */
  readonly reason: GatewayError | null
  /** Entries that at least one sink has not taken. */
  readonly depth: number
  /** Bytes of entries and dead letters on disk. */
  readonly bytes: number
  /** When the oldest kept entry came, milliseconds since 1970 UTC; null when there is none. */
  readonly oldestAt: number | null
  /** Entries found unreadable, ever. */
  readonly damaged: number
  /** Entries thrown away by `drop-oldest`, ever. */
  readonly dropped: number
  readonly deadLetters: number
  readonly sinks: readonly SinkReport[]
}

/** A reading a sink will never take, and why. */
export interface DeadLetter {
  readonly id: number
  readonly sink: string
  /** Key of the series. */
  readonly series: string
  readonly measuredAt: number
  /** Null when its packed bytes can no longer be read. */
  readonly reading: Reading | null
  readonly raw: Uint8Array
  readonly reason: GatewayError
  readonly firstTry: number
  readonly lastTry: number
}

export interface Outbox {
  /**
   * Takes readings. Resolves when they are on disk, synced: only then may anybody be told. Never rejects.
   *
   * @errors  OUTBOX_FULL, OUTBOX_DISK: nothing was promised, try again later; OUTBOX_CLOSED; OUTBOX_READING, OUTBOX_TOO_LARGE: one of
   *          them can never be kept, and none of this call was taken
   */
  put(readings: readonly Reading[]): Promise<Result<void>>
  state(): OutboxState
  /** Dead letters by rising id. `after`: the last id of the page before. */
  deadLetters(page?: { readonly after?: number; readonly limit?: number }): Promise<Result<readonly DeadLetter[]>>
  /** Puts dead letters back in the queue, for every sink, in one transaction. @returns how many there were */
  replayDeadLetters(ids: readonly number[]): Promise<Result<number>>
  /** Whether every sink has taken everything; waits up to `timeoutMs`. */
  drained(timeoutMs: number): Promise<boolean>
  /** Takes nothing more, lets the sinks work for up to `drainMs`, leaves the file whole. The sinks stay open. */
  close(options?: { readonly drainMs?: number }): Promise<void>
}

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} }

export const realAfter: After = (ms, run) => {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}
