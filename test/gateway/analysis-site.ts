import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { adapterOf } from '../../protocols/index.ts'
import { type AreaBook, alarmsOf, type Case, emptyBook, standingOf, takeVerdict, type Verdict } from '../../src/anomaly/index.ts'
import type { AnalysisConfig } from '../../src/config/index.ts'
import type { Clock, Reading } from '../../src/core/index.ts'
import { AnalysisBook } from '../../src/gateway/analysis-book.ts'
import { type AnalysisCalls, analysisHandlers } from '../../src/gateway/analysis-calls.ts'
import type { FrameParts } from '../../src/gateway/analysis-frames.ts'
import type { Judges } from '../../src/gateway/analysis-pool.ts'
import { AnalysisRunner } from '../../src/gateway/analysis-runner.ts'
import { EnergyBook } from '../../src/gateway/energy-book.ts'
import { RegisterModels } from '../../src/gateway/energy-facts.ts'
import { EnergyRunner } from '../../src/gateway/energy-runner.ts'
import { Outages } from '../../src/gateway/outages.ts'
import { openProfiles } from '../../src/gateway/profiles.ts'
import { Ledger } from '../../src/ledger/index.ts'
import { openOutbox } from '../../src/outbox/index.ts'
import { openEmbeddedStore } from '../../src/store/embedded.ts'
import { ZONE } from './analysis-area.ts'

export const CONFIG: AnalysisConfig = {
  ...{ enabled: true, atMinute: 7 * 60, windowDays: 30, holidays: [], worked: [], weatherFile: null, workers: 1 },
}

export interface SiteOptions {
  readonly directory?: string
  readonly config?: Partial<AnalysisConfig>
  /** Instead of detectors in this thread. */
  readonly judges?: (parts: FrameParts) => Judges
  /** Verdicts as they come, before anything keeps them; what it throws is a crash there. */
  readonly onVerdict?: (verdict: Verdict) => void
}

/** Judges in this thread, the same functions as in the others. */
export const inlineJudges = (parts: FrameParts): Judges => {
  const handlers = analysisHandlers(parts)
  return {
    width: 1,
    call: async <Kind extends keyof AnalysisCalls>(kind: Kind, request: AnalysisCalls[Kind]['request']) => {
      const handler: (request: AnalysisCalls[Kind]['request']) => AnalysisCalls[Kind]['answer'] = handlers[kind]
      return handler(structuredClone(request))
    },
    close: async () => {},
  }
}

/** Ledger, outbox, embedded store, energy and analysis as they work together, on a clock of their own. */
export const analysisSite = async (now: number, options: SiteOptions = {}) => {
  const directory = options.directory ?? scratch()
  const clock: Clock & { at: number } = { at: now, now: () => clock.at, monotonic: () => performance.now(), speed: 1 }
  const store = await openEmbeddedStore({ directory: join(directory, 'store'), zone: ZONE })
  if (!store.ok) throw new Error(store.error.message)
  const ledger = new Ledger(directory)
  const energyBook = new EnergyBook(directory)
  const models = new RegisterModels(openProfiles(null), adapterOf)
  const outages = new Outages({ directory, ledger, clock, isLine: () => true, log: () => {} })
  const warnings: string[] = []
  const log = (level: string, message: string) => void (level === 'warn' && warnings.push(message))
  const energy = new EnergyRunner({
    ...{
      book: energyBook,
      ledger,
      models,
      store: store.value,
      storeSink: store.value.id,
      zone: ZONE,
      clock,
      settleMs: 0,
      openEveryMs: 0,
      log,
    },
    outages: (point, from, to) => outages.spans(point, from, to),
    outageRecords: outages.file,
    listeners: [(point, day) => runner.energyChanged(point, day)],
  })
  const book = new AnalysisBook(directory)
  const parts: FrameParts = { reader: book.reader, ledger, models, days: energy.days, pushes: () => false }
  const books = new Map<string, AreaBook>()
  const bookOf = (area: string) => books.get(area) ?? emptyBook(area)
  const verdicts: Verdict[] = []
  const runner: AnalysisRunner = new AnalysisRunner({
    ...{ book, ledger, models, store: store.value, clock, log, settleMs: 0 },
    energy: { book: energyBook, runner: energy },
    config: () => ({ ...CONFIG, ...options.config }),
    judges: (options.judges ?? inlineJudges)(parts),
    outages: (from, to) => outages.file.over(from, to),
    comm: async () => ({ ok: true, value: null }),
    standing: (area) => standingOf(bookOf(area)),
    take: (verdict, day) => {
      options.onVerdict?.(verdict)
      verdicts.push(verdict)
      books.set(verdict.area, takeVerdict(bookOf(verdict.area), verdict, day).book)
    },
  })
  const sinks = [store.value, energy.sink, runner.sink]
  const opened = await openOutbox({
    directory: join(directory, 'outbox'),
    maxBytes: 256 << 20,
    whenFull: 'stop-taking',
    sinks,
    lingerMs: 1,
  })
  if (!opened.ok) throw new Error(opened.error.message)
  const outbox = opened.value
  let isOpen = true
  const close = async () => {
    if (!isOpen) return
    isOpen = false
    await runner.stop()
    await energy.stop()
    await outbox.close()
    await store.value.close()
    for (const each of [book, energyBook, outages, ledger]) each.close()
  }
  onTestFinished(close)
  // Nothing runs by itself: each test says when.
  energy.start({ state: () => outbox.state(), put: (readings) => outbox.put(readings) })
  runner.start({ state: () => outbox.state() })
  const settle = async () => {
    for (let round = 0; round < 30; round++) {
      if (!(await outbox.drained(60_000))) throw new Error('the outbox does not drain')
      const before = [energy.worked, runner.counts.judged, runner.counts.built].join()
      await energy.settle()
      if (!(await outbox.drained(60_000))) throw new Error('the outbox does not drain')
      await runner.settle()
      if ([energy.worked, runner.counts.judged, runner.counts.built].join() === before) break
    }
  }
  return {
    ...{ directory, clock, ledger, outages, book, runner, energy, energyBook, outbox, verdicts, warnings, parts, settle, close },
    cases: (area: string): readonly Case[] => alarmsOf(bookOf(area)),
    allCases: (area: string): readonly Case[] => [...bookOf(area).cases.values()],
    put: async (readings: readonly Reading[]) => {
      for (let at = 0; at < readings.length; at += 5000) {
        const put = await outbox.put(readings.slice(at, at + 5000))
        if (!put.ok) throw new Error(put.error.message)
      }
    },
  }
}

export type AnalysisSite = Awaited<ReturnType<typeof analysisSite>>

export const scratch = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'gridtally-analysis-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}
