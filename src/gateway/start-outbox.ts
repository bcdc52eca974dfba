import { join } from 'node:path'
import type { Logger } from 'pino'
import type { EventRing } from '../api/index.ts'
import type { GatewayConfig } from '../config/index.ts'
import type { Clock, Reading, Result, Sink } from '../core/index.ts'
import { type Outbox, openOutbox } from '../outbox/index.ts'
import { heardSink } from './heard-sink.ts'
import type { Storage } from './start-storage.ts'

export interface OutboxParts extends Storage {
  readonly config: Pick<GatewayConfig, 'dataDirectory' | 'outbox'>
  readonly clock: Clock
  /** Readings that whoever watches is shown. */
  readonly liveReadings: EventRing<Reading>
  /** The store as exports hear of it. */
  readonly watched: (store: Sink) => Sink
  /** What else hears readings that are safe. */
  readonly sinks: readonly Sink[]
  readonly log: Logger
}

/** The queue on disk, and everything that readings go to when they are safe in it. */
export const openGatewayOutbox = (parts: OutboxParts): Promise<Result<Outbox>> => {
  const { config, clock, latest, store, liveReadings, watched, sinks, log } = parts
  return openOutbox({
    directory: join(config.dataDirectory, 'outbox'),
    maxBytes: config.outbox.maxBytes,
    whenFull: config.outbox.whenFull,
    clock,
    sinks: [heardSink(latest, liveReadings), watched(store), ...sinks],
    log: {
      info: (fields, text) => log.info(fields, text),
      warn: (fields, text) => log.warn(fields, text),
      error: (fields, text) => log.error(fields, text),
    },
  })
}
