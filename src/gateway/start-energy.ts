import type { AnyAdapter, Clock, Profile, ReadingStore, Sink } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { EnergyBook } from './energy-book.ts'
import { RegisterModels } from './energy-facts.ts'
import { EnergyRunner } from './energy-runner.ts'
import { energyViews } from './energy-views.ts'

export interface EnergyParts {
  readonly directory: string
  readonly zone: string
  readonly clock: Clock
  readonly ledger: Ledger
  readonly profiles: { get(id: string): Profile | undefined }
  readonly adapterOf: (protocol: string, framing: 'tcp' | 'rtu' | 'ascii') => AnyAdapter | null
  readonly store: ReadingStore & Sink
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
}

/** Puts interval energy together. Its sink goes into the outbox; work begins with `runner.start`. @throws EnergyBookTooNew */
export const openEnergy = ({ directory, zone, clock, ledger, profiles, adapterOf, store, log }: EnergyParts) => {
  const book = new EnergyBook(directory)
  const models = new RegisterModels(profiles, adapterOf)
  const runner = new EnergyRunner({ book, ledger, models, store, storeSink: store.id, zone, clock, log })
  const views = energyViews({
    runner,
    book,
    isPoint: (id) => ledger.get('point', id, null) !== null,
    points: () => ledger.points().map(({ id }) => id),
    now: () => clock.now(),
  })
  return {
    runner,
    views,
    close: () => book.close(),
  }
}
