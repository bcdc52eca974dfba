import type { DueRecord } from '../collection/index.ts'
import type { AnyAdapter, Clock, Profile, ReadingStore, Sink } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { EnergyBook } from './energy-book.ts'
import { type EstimateParts, estimateRegisters } from './energy-estimate.ts'
import { RegisterModels } from './energy-facts.ts'
import { EnergyRunner } from './energy-runner.ts'
import { energyViews } from './energy-views.ts'
import type { Outages } from './outages.ts'

export interface EnergyParts {
  readonly directory: string
  readonly zone: string
  readonly clock: Clock
  readonly ledger: Ledger
  readonly profiles: { get(id: string): Profile | undefined }
  readonly adapterOf: (protocol: string, framing: 'tcp' | 'rtu' | 'ascii') => AnyAdapter | null
  readonly store: ReadingStore & Sink
  readonly outages?: Pick<Outages, 'spans' | 'file'>
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
  /** See {@link EnergyOptions.listeners}. */
  readonly listeners?: readonly ((point: string, day: string) => void)[]
}

/** Puts interval energy together. Its sink goes into the outbox; work begins with `runner.start`. @throws EnergyBookTooNew */
export const openEnergy = ({ directory, zone, clock, ledger, profiles, adapterOf, store, outages, log, listeners = [] }: EnergyParts) => {
  const book = new EnergyBook(directory)
  const models = new RegisterModels(profiles, adapterOf)
  const runner = new EnergyRunner({
    ...{ book, ledger, models, store, storeSink: store.id, zone, clock, log, listeners },
    ...(outages
      ? { outages: (point: string, from: number, to: number) => outages.spans(point, from, to), outageRecords: outages.file }
      : {}),
  })
  const views = energyViews({
    runner,
    book,
    isPoint: (id) => ledger.get('point', id, null) !== null,
    points: () => ledger.points().map(({ id }) => id),
    now: () => clock.now(),
  })
  const parts: EstimateParts = {
    ...{ store, book, days: runner.days, ledger, models, clock },
    outages: (point, from, to) => outages?.spans(point, from, to) ?? [],
  }
  return {
    runner,
    views,
    models,
    book,
    /** Registers of a freeze that nobody read. */
    estimate: (gap: DueRecord) => estimateRegisters(parts, gap),
    close: () => book.close(),
  }
}
