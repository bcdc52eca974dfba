import type { GatewayError, ProtocolAdapter, Request, Result } from '../core/index.ts'
import type { LineStats } from './stats.ts'
import type { TraceListener } from './trace.ts'

/** Who is asked, and how long may it think. */
export interface Asking {
  /** Ledger id, for errors and traces. */
  readonly device: string
  /** Longest time between the end of the request and the first byte of the answer, milliseconds. The wire time comes on top. */
  readonly reactionMs: number
  /**
   * A question to a device that is probably dead. When it stays silent the others need not wait for its late answer: that carries
   * another address than theirs. The device itself is not asked again before it could have come.
   */
  readonly isProbe?: boolean
  /** Told when the answer to a `timed` request has come. */
  readonly onTimed?: (timing: ExchangeTiming) => void
}

/** Between these two instants, monotonic milliseconds, a meter looked at its clock: our last byte was there, its first was not yet. */
export interface ExchangeTiming {
  readonly askedAt: number
  readonly beganAt: number
}

/** One protocol's end of a line. */
export interface Channel<Frame extends object> {
  /** One request, one answer. Requests on a half-duplex line are made one after another: the job queue sees to that. */
  exchange(request: Request<Frame>, asking: Asking): Promise<Result<Frame>>
}

export interface LineOptions {
  readonly id: string
  /** Silence between two frames, milliseconds; absent: 3.5 characters on a serial port, 5 ms over TCP. */
  readonly quietMs?: number
  /** Silence before a request whose answer could be taken for a repetition of the last one, milliseconds. */
  readonly twinQuietMs?: number
  /** Milliseconds of one character on the wire behind a transparent serial server. */
  readonly characterMs?: number
  /** A line never writes unless this is on. */
  readonly allowWrites?: boolean
  /** Wall clock of the site, for `since`; the system's unless said. */
  readonly now?: () => number
  /** Told once when the connection is there and once when it is gone. */
  readonly onState?: (state: 'up' | 'down', why: GatewayError | null) => void
  /** Told of whole frames that answer nothing that was asked: a meter nobody registered, a second master. */
  readonly onStranger?: (protocol: string, frame: object) => void
  /** Requests under way at once, on protocols that tell answers apart. */
  readonly pipeline?: number
}

/** A line (通信线路): the physical bus, and the unit of locking. */
export interface Line {
  readonly id: string
  readonly name: string
  readonly stats: LineStats
  readonly state: 'idle' | 'opening' | 'up' | 'down' | 'closed'
  readonly why: GatewayError | null
  /** Held after a time-out until no late answer can come any more. */
  readonly isQuarantined: boolean
  /** Wall clock when it came into its state, milliseconds since 1970 UTC. */
  readonly since: number
  /** Requests that may be under way at once. */
  readonly width: number
  /** Longest reply time learnt for a device beyond what was asked for, milliseconds. */
  latenessOf(device: string): number
  attach<Frame extends object>(adapter: ProtocolAdapter<Frame>): Channel<Frame>
  /** Opens the connection; false when that failed this time (it goes on by itself). */
  ready(): Promise<boolean>
  trace(listener: TraceListener): () => void
  close(): void
}
