import type { SignalDeps } from '../api/index.ts'
import type { Clock, ReadingStore } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { AnalysisBook } from './analysis-book.ts'
import { commReader } from './comm-frame.ts'
import type { EnergyDays } from './energy-days.ts'
import { signalViews } from './signal-views.ts'

export interface SignalStart {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly store: Pick<ReadingStore, 'range'>
  readonly days: EnergyDays
  readonly book: Pick<AnalysisBook, 'reader' | 'layers'>
  readonly brokers: readonly string[]
}

/** Communication statistics for the API: closed days as the analysis keeps them, others out of the store. */
export const openSignal = ({ clock, ledger, store, days, book, brokers }: SignalStart): SignalDeps =>
  signalViews({
    ledger,
    days,
    now: () => clock.now(),
    kept: (area, first, last) => book.reader.comms(area, first, last),
    read: commReader(store, ledger, (day) => ({ start: days.start(day), end: days.end(day) })),
    thresholds: () => book.layers(),
    isBroker: (line) => brokers.includes(line),
  })
