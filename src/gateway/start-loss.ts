import { NO_LAYERS, type PhaseLoss, type ThresholdLayers } from '../anomaly/index.ts'
import type { Clock } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'
import type { EnergyRunner } from './energy-runner.ts'
import { LossBook } from './loss-book.ts'
import { AreaMembers } from './loss-members.ts'
import { LossRunner } from './loss-runner.ts'
import { lossViews } from './loss-views.ts'

export interface LossParts {
  readonly directory: string
  readonly clock: Clock
  readonly ledger: Ledger
  readonly days: EnergyDays
  readonly energy: { readonly book: EnergyBook; readonly runner: Pick<EnergyRunner, 'isDirty' | 'evidence'> }
  readonly thresholds?: () => ThresholdLayers
  /** Loss by phase of a closed day; null: nobody keeps what it takes. */
  readonly phases?: (area: string, day: string) => readonly PhaseLoss[] | null
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
  readonly settleMs?: number
  readonly openEveryMs?: number
}

/** Puts line loss together; work begins with `runner.start`. `runner.take` must hear of energy. @throws LossBookTooNew */
export const openLoss = (parts: LossParts) => {
  const { directory, clock, ledger, days, energy, thresholds = () => NO_LAYERS, phases = () => null, ...rest } = parts
  const book = new LossBook(directory)
  const members = new AreaMembers(ledger)
  const runner = new LossRunner({
    ...{ book, energy: energy.book, runner: energy.runner, days, ledger, members, clock, thresholds },
    ...rest,
  })
  const views = lossViews({
    book,
    members,
    runner,
    days,
    ledger,
    energy: energy.book,
    evidence: (...of) => energy.runner.evidence(...of),
    thresholds,
    phases,
    now: () => clock.now(),
  })
  return { book, runner, views, close: () => book.close() }
}
