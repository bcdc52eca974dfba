import type { CommDay, JudgedDay, Standing, Verdict } from '../anomaly/index.ts'
import type { Outage } from '../collection/index.ts'
import type { AnalysisConfig } from '../config/index.ts'
import type { Clock, ReadingStore, Result } from '../core/index.ts'
import type { AnalysisBook } from './analysis-book.ts'
import type { FactsLedger } from './analysis-facts.ts'
import type { PlacesLedger } from './analysis-places.ts'
import type { Judges } from './analysis-pool.ts'
import type { EnergyBook } from './energy-book.ts'
import type { RegisterModels } from './energy-facts.ts'
import type { EnergyRunner } from './energy-runner.ts'
import type { PlaceLedger } from './outage-places.ts'

export interface AnalysisOptions {
  readonly book: AnalysisBook
  readonly energy: { readonly book: Pick<EnergyBook, 'figures' | 'seen'>; readonly runner: Pick<EnergyRunner, 'isDirty' | 'days'> }
  readonly ledger: PlacesLedger & FactsLedger & PlaceLedger
  readonly models: Pick<RegisterModels, 'of'>
  readonly store: Pick<ReadingStore, 'range'> & { readonly id: string }
  readonly clock: Clock
  readonly config: () => AnalysisConfig
  readonly judges: Judges
  /** Outages that touch a time. */
  readonly outages: (from: number, to: number) => readonly Outage[]
  readonly comm: (area: string, points: readonly string[], day: string) => Promise<Result<CommDay | null>>
  readonly standing: (area: string) => readonly Standing[]
  /** Keeps what came of a day; the same verdict may come again after a crash. */
  readonly take: (verdict: Verdict, day: JudgedDay) => void
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
  readonly settleMs?: number
}
