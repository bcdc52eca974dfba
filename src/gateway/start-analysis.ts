import type { JudgedDay, Standing, Verdict } from '../anomaly/index.ts'
import type { GatewayConfig } from '../config/index.ts'
import type { Clock, ReadingStore } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Outbox } from '../outbox/index.ts'
import { AnalysisBook } from './analysis-book.ts'
import { AnalysisPool, threadsOf } from './analysis-pool.ts'
import { RuleBook } from './analysis-rules.ts'
import { AnalysisRunner } from './analysis-runner.ts'
import { Trials } from './analysis-trials.ts'
import { analysisViews } from './analysis-views.ts'
import { busesOf } from './bus-findings.ts'
import { commReader } from './comm-frame.ts'
import { dayPhases } from './loss-phases.ts'
import type { Outages } from './outages.ts'
import type { openEnergy } from './start-energy.ts'

export interface AnalysisParts {
  readonly config: Pick<GatewayConfig, 'dataDirectory' | 'timezone' | 'profileDirectory' | 'mqtt' | 'analysis'>
  readonly clock: Clock
  readonly ledger: Ledger
  readonly store: Pick<ReadingStore, 'range'> & { readonly id: string }
  readonly energy: Pick<ReturnType<typeof openEnergy>, 'book' | 'runner' | 'models'>
  readonly outages: Pick<Outages, 'file'>
  /** Where what is found becomes cases. */
  readonly cases: {
    standing(area: string, now: number): readonly Standing[]
    take(verdict: Verdict, day: JudgedDay, now: number): void
  }
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
}

/** Puts the daily analysis together. Its sink goes into the outbox, its listener to the energy; work begins with `start`. @throws AnalysisBookTooNew */
export const openAnalysis = ({ config, clock, ledger, store, energy, outages, cases, log }: AnalysisParts) => {
  let settings = config.analysis
  const { dataDirectory, timezone, profileDirectory, mqtt } = config
  const book = new AnalysisBook(dataDirectory)
  const data = { directory: dataDirectory, zone: timezone, profileDirectory, brokers: mqtt.map(({ id }) => id) }
  const judges = new AnalysisPool(data, threadsOf(settings.workers))
  const { days } = energy.runner
  const runner = new AnalysisRunner({
    ...{ book, energy, ledger, models: energy.models, store, clock, judges, log },
    comm: commReader(store, ledger, (day) => ({ start: days.start(day), end: days.end(day) })),
    config: () => settings,
    outages: (from, to) => outages.file.over(from, to),
    standing: (area) => cases.standing(area, clock.now()),
    take: (verdict, day) => cases.take(verdict, day, clock.now()),
  })
  const phaseParts = { reader: book.reader, ledger, models: energy.models, days, pushes: (line: string) => data.brokers.includes(line) }
  const trials = new Trials({ book, judges, runner, days, clock })
  const isKnown = (layer: 'zone' | 'point', target: string) =>
    (layer === 'zone' ? (['zone'] as const) : (['point', 'area', 'feeder'] as const)).some(
      (kind) => ledger.get(kind, target, null) !== null,
    ) ||
    (layer === 'point' && busesOf(ledger).includes(target))
  return {
    book,
    views: analysisViews({ book, runner, judges, trials, rules: new RuleBook(book, clock, isKnown), config: () => settings }),
    runner,
    judges,
    sink: runner.sink,
    /** Line loss by phase of a closed day. */
    phases: (area: string, day: string) => dayPhases({ ...phaseParts, phases: (of) => book.phases(of)?.phases ?? {} }, area, day),
    /** Other settings, from now on. */
    use: (next: GatewayConfig['analysis']) => {
      settings = next
      judges.use(threadsOf(next.workers))
    },
    start: (outbox: Pick<Outbox, 'state'>) => runner.start(outbox),
    stop: () => runner.stop(),
    close: () => book.close(),
  }
}
