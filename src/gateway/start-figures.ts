import { adapterOf } from '../../protocols/index.ts'
import type { AskCollection } from '../collection/index.ts'
import type { GatewayConfig } from '../config/index.ts'
import type { Clock, ReadingStore, Sink } from '../core/index.ts'
import type { EvidenceBook } from '../evidence/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Outbox } from '../outbox/index.ts'
import type { LiveProfiles } from './hot-profiles.ts'
import type { NotifyDeps } from './notify.ts'
import type { Publisher } from './publish.ts'
import { openAnalysis } from './start-analysis.ts'
import { openBilling } from './start-billing.ts'
import { openCases } from './start-cases.ts'
import { openEnergy } from './start-energy.ts'
import { openExports } from './start-exports.ts'
import { openLoss } from './start-loss.ts'
import { openOutages } from './start-outages.ts'

export interface FigureParts {
  readonly config: GatewayConfig
  readonly clock: Clock
  readonly ledger: Ledger
  readonly profiles: LiveProfiles
  readonly store: ReadingStore & Sink
  readonly publishers: readonly Publisher[]
  /** What is opened later, and asked only when the gateway runs. */
  readonly evidence: () => EvidenceBook
  readonly collection: () => AskCollection
  readonly health: NotifyDeps['health']
  readonly log: (level: 'debug' | 'info' | 'warn' | 'error', message: string) => void
}

type Closer = () => Promise<unknown> | unknown

/**
 * What is worked out of stored readings: interval energy, and of it line loss, analysis with its cases, what is billed, and exports. Each of
 * them hears of a day of energy before it changes.
 *
 * @param closers  takes what closes each part, in the order in which they were opened
 * @throws         when a file of theirs is of a newer version
 */
export const openFigures = (parts: FigureParts, closers: Closer[]) => {
  const { config, clock, ledger, profiles, store, publishers, log } = parts
  const directory = config.dataDirectory
  const outages = openOutages(config, ledger, clock, log)
  closers.push(() => outages.close())
  const listeners: ((point: string, day: string) => void)[] = []
  const energy = openEnergy({ directory, zone: config.timezone, clock, ledger, profiles, adapterOf, store, log, outages, listeners })
  closers.push(() => energy.close())
  const { days } = energy.runner
  const thresholds = () => analysis.book.layers()
  const phases = (area: string, day: string) => analysis.phases(area, day)
  const loss = openLoss({ directory, clock, ledger, days, energy, thresholds, phases, log })
  closers.push(() => loss.close())
  listeners.push(loss.runner.take)
  const cases = openCases({
    ...{ config, clock, ledger, publishers: () => publishers, log, health: parts.health },
    billing: () => billing.newest(),
  })
  closers.push(() => cases.close())
  const analysis = openAnalysis({ config, clock, ledger, store, energy, outages, cases: cases.book, log })
  closers.push(() => analysis.close())
  listeners.push(analysis.runner.energyChanged)
  const billing = openBilling({
    ...{ directory, settings: config.billing, clock, ledger, store, models: energy.models, days, log },
    evidence: parts.evidence,
    collection: parts.collection,
  })
  closers.push(() => billing.close())
  listeners.push(billing.energyChanged)
  const files = openExports({ dataDirectory: directory, settings: config.exports, zone: config.timezone, clock, log })
  closers.push(() => files.close())
  listeners.push(files.energyChanged)
  return {
    ...{ outages, energy, loss, cases, analysis, billing, files, days, thresholds },
    /** What hears readings when they are safe. */
    sinks: [energy.runner.sink, analysis.sink, billing.sink],
    start: (outbox: Outbox): void => {
      energy.runner.start(outbox)
      loss.runner.start(outbox)
      analysis.start(outbox)
      billing.start(outbox)
    },
    /** Each ends with the step it is at. In the order of closers: the last one first. */
    stops: [() => energy.runner.stop(), () => billing.stop(), () => loss.runner.stop(), () => analysis.stop()],
  }
}
