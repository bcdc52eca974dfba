import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { GatewayConfig } from '../config/index.ts'
import { explain } from '../core/index.ts'
import { lockDirectory } from '../sqlite/lock.ts'
import { type Latest, openLatest } from '../store/latest.ts'
import { openStore, type Store } from './open-store.ts'
import { refused, type StartFailure } from './running.ts'

export interface Storage {
  /** The newest readings of every series. */
  readonly latest: Latest
  readonly store: Store
}

type Closer = () => Promise<unknown> | unknown

/**
 * Takes the data directory for this process alone, and opens what holds readings.
 *
 * @param closers  takes what closes each part, in the order in which they were opened; on a failure what is open is the caller's to close
 */
export const openStorage = async (
  config: GatewayConfig,
  log: Logger,
  closers: Closer[],
): Promise<{ readonly ok: true; readonly value: Storage } | StartFailure> => {
  try {
    mkdirSync(config.dataDirectory, { recursive: true, mode: 0o750 })
  } catch (error) {
    return refused(`the data directory cannot be made: ${error instanceof Error ? error.message : String(error)}`)
  }
  const locked = lockDirectory(config.dataDirectory, 'gateway')
  if (!locked.ok)
    return refused(
      `${config.dataDirectory} is in use by process ${locked.pid ?? 'unknown'}: stop that gateway, or give this one a data directory of its own`,
    )
  closers.push(() => locked.lock.release())
  const latest = await openLatest({ directory: join(config.dataDirectory, 'latest'), log: (error) => log.warn(explain(error)) })
  if (!latest.ok) return refused(explain(latest.error))
  closers.push(() => latest.value.close())
  const store = await openStore(config, log)
  if (!store.ok) return refused(explain(store.error))
  closers.push(() => store.value.close())
  return { ok: true, value: { latest: latest.value, store: store.value } }
}
