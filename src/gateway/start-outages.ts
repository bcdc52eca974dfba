import type { GatewayConfig } from '../config/index.ts'
import type { Clock } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { Outages } from './outages.ts'

/** Opens the outage calendar. A communication line is one of the configuration, of the ledger, or a broker. */
export const openOutages = (
  config: GatewayConfig,
  ledger: Ledger,
  clock: Clock,
  log: (level: 'info' | 'warn', message: string) => void,
): Outages =>
  new Outages({
    ...{ directory: config.dataDirectory, ledger, clock, log },
    isLine: (id) => [...config.lines, ...config.mqtt].some((line) => line.id === id) || ledger.get('channel', id, null) !== null,
  })
