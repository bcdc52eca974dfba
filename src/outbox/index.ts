/**
 * The durable queue between reading and storing: a reading is on disk, synced, before anybody calls it read, and stays there
 * until every sink has it. See README.md beside this file.
 */
import { type GatewayError, ok, type Result, systemClock } from '../core/index.ts'
import { DEFAULT_RESERVE_BYTES, outboxOver } from './outbox.ts'
import { openVaultThread } from './port.ts'
import type { Outbox, OutboxOptions } from './types.ts'

export type { OutboxError } from './errors.ts'
export type { DeadLetter, Log, Outbox, OutboxOptions, OutboxState, SinkReport, SinkState, WhenFull } from './types.ts'

/**
 * Opens the outbox of a directory, whatever state the last process left it in.
 *
 * @errors OUTBOX_LOCKED (names the holder's process), OUTBOX_NEWER, OUTBOX_DISK
 */
export const openOutbox = async (options: OutboxOptions): Promise<Result<Outbox, GatewayError>> => {
  const { directory, maxBytes, whenFull, sinks, clock = systemClock, reserveBytes = DEFAULT_RESERVE_BYTES } = options
  const port = await openVaultThread({ directory, maxBytes, whenFull, reserveBytes, sinks: sinks.map(({ id }) => id), now: clock.now() })
  return port.ok ? ok(outboxOver(port.value, options)) : port
}
