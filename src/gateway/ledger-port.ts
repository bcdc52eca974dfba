import type { LedgerPort } from '../api/index.ts'
import type { GatewayConfig } from '../config/index.ts'
import type { Clock, ReadingStore } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Latest } from '../store/latest.ts'
import type { ClockViews } from './clock-views.ts'
import type { Field } from './field.ts'
import { LedgerThread } from './ledger-thread.ts'
import { ledgerPort } from './ledger-views.ts'
import { worldData } from './ledger-world.ts'

interface PortDeps {
  readonly config: Pick<GatewayConfig, 'dataDirectory' | 'lines' | 'mqtt' | 'profileDirectory' | 'exchange'>
  readonly ledger: Ledger
  readonly field: Pick<Field, 'at'>
  readonly latest: Pick<Latest, 'latestOf'>
  readonly store: Pick<ReadingStore, 'range'>
  readonly clock: Clock
  readonly clocks: Pick<ClockViews, 'clockOf'>
}

/** The ledger of a running gateway for its API, with a thread for what takes long. */
export const openLedgerPort = ({ config, ledger, field, latest, store, clock, clocks }: PortDeps) => {
  const thread = new LedgerThread({ directory: config.dataDirectory, world: worldData(config) })
  const port: LedgerPort = ledgerPort({
    ...{ ledger, thread, clock, store },
    tolerance: () => config.exchange,
    evidence: {
      answeredAt: (point) => field.at(point)?.device.health.lastAnswerAt ?? null,
      latest: (point) => latest.latestOf({ point }),
      clockOf: (meter) => clockEvidence(clocks, meter),
    },
  })
  return { port, thread, close: () => thread.close() }
}

const clockEvidence = (clocks: Pick<ClockViews, 'clockOf'>, meter: string) => {
  const found = clocks.clockOf(meter)
  if (!found) return null
  const good = found.state === 'good' || found.state === 'fair'
  const aside = found.driftS < 0 ? `${-found.driftS} s behind` : `${found.driftS} s ahead of`
  return { good, text: `${aside} ours at ${new Date(found.at).toISOString()}` }
}
