import type { Reading } from './reading.ts'
import type { GatewayError } from './result.ts'

/**
 * Where readings end up: InfluxDB, the embedded store, the latest values. A sink answers for a whole batch; writing the same
 * batch again changes nothing, because a reading's series and time are its key.
 */
export interface Sink {
  readonly id: string
  /** Most readings it wants in one call. */
  readonly batch: number
  /** Never rejects; never hangs past its own deadline. */
  write(readings: readonly Reading[]): Promise<SinkAnswer>
  close(): Promise<void>
}

export type SinkAnswer =
  /** Durable there; `dead` are the ones it will never take, with its own words: dead letters. */
  | { readonly kind: 'stored'; readonly dead: readonly { readonly index: number; readonly error: GatewayError }[] }
  /** Not now; `waitMs` as the server asked, null = the caller's own growing pause. */
  | { readonly kind: 'later'; readonly waitMs: number | null; readonly error: GatewayError }
  /** Not until a person has acted (401, unknown database): try rarely, raise an alarm. */
  | { readonly kind: 'stop'; readonly error: GatewayError }
