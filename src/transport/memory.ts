import { ok } from '../core/index.ts'
import type { Connection, ConnectionEvents, Transport } from './connection.ts'
import { fail } from './errors.ts'

/** The far end of a transport in memory. */
export interface FarEnd {
  /** What the gateway wrote; replaced by the test or the bench. */
  onBytes: (bytes: Uint8Array) => void
  send(bytes: Uint8Array): void
  hangUp(): void
  /** Connections opened so far. */
  readonly opened: number
}

/** A transport without a wire, for tests and benches. */
export const memoryTransport = (name = 'memory', characterMs = 0): { transport: Transport; far: FarEnd } => {
  let events: ConnectionEvents | null = null
  const far: FarEnd & { opened: number } = {
    opened: 0,
    onBytes: () => undefined,
    send: (bytes) => events?.bytes(bytes, performance.now()),
    hangUp: () => {
      const gone = events
      events = null
      gone?.closed(fail('TRANSPORT_CLOSED', `${name} hung up`).error)
    },
  }
  const transport: Transport = {
    name,
    characterMs,
    open: async (mine) => {
      events = mine
      far.opened++
      const connection: Connection = { write: (bytes) => far.onBytes(bytes), close: () => far.hangUp() }
      return ok(connection)
    },
  }
  return { transport, far }
}
