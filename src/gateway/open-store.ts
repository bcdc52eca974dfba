import { join } from 'node:path'
import type { Logger } from 'pino'
import type { GatewayConfig } from '../config/index.ts'
import { explain, type ReadingStore, type Result, type Sink } from '../core/index.ts'
import { openEmbeddedStore } from '../store/embedded.ts'

/** Where readings end up, and where questions are answered. */
export type Store = Sink & ReadingStore & { pack?: (now: number) => Promise<Result<number>> }

/** The store of the configuration. */
export const openStore = async (config: GatewayConfig, log: Logger): Promise<Result<Store>> => {
  const { kind, influxdb, hotDays } = config.store
  if (kind === 'embedded' || !influxdb)
    return openEmbeddedStore({
      directory: join(config.dataDirectory, 'store'),
      hotDays,
      zone: config.timezone,
      ...(config.store.retentionMonths === null ? {} : { retentionMonths: config.store.retentionMonths }),
      log: (error) => log.warn(explain(error)),
    })
  const {
    url,
    version: generation,
    database,
    retentionPolicy,
    org,
    bucket,
    token,
    username,
    password,
    batch,
    gzip,
    timeoutMs,
    createDatabase,
  } = influxdb
  // Only who has such a server pays for its client.
  const { openInfluxStore } = await import('../store/influx/index.ts')
  return openInfluxStore({
    url,
    version: generation,
    database,
    batch,
    gzip,
    timeoutMs,
    createDatabase,
    ...(retentionPolicy === null ? {} : { retentionPolicy }),
    ...(org === null ? {} : { org }),
    ...(bucket === null ? {} : { bucket }),
    ...(token === null ? {} : { token: token.reveal() }),
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password: password.reveal() }),
  })
}
