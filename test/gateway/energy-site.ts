import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { adapterOf } from '../../protocols/index.ts'
import { type Clock, type Reading, type ReadingStore, type Sink, type Source, seriesOf, shapeOf } from '../../src/core/index.ts'
import type { RegisterRead } from '../../src/energy/index.ts'
import { EnergyBook } from '../../src/gateway/energy-book.ts'
import type { EstimateParts } from '../../src/gateway/energy-estimate.ts'
import { RegisterModels } from '../../src/gateway/energy-facts.ts'
import { EnergyRunner } from '../../src/gateway/energy-runner.ts'
import { energyViews } from '../../src/gateway/energy-views.ts'
import { Outages } from '../../src/gateway/outages.ts'
import { openProfiles } from '../../src/gateway/profiles.ts'
import { type Act, Ledger } from '../../src/ledger/index.ts'
import { type Outbox, openOutbox } from '../../src/outbox/index.ts'
import { openEmbeddedStore } from '../../src/store/embedded.ts'

export const ZONE = 'Europe/Berlin'
export const PROFILE = 'dlt645-2007/three-phase'

export const act = (at: number, change: Partial<Act> = {}): Act => ({
  what: 'edit',
  who: 'a tester',
  why: 'the test',
  workOrder: null,
  at,
  ...change,
})

const shape = shapeOf([{ field: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', scaler: -2 }])

/** A read as the gateway would have stored it then, with the ratio of that time beside it. */
export const rowOf = ({ at, receivedAt, value, meter, source, quality }: RegisterRead, ratio: string, point = 'P-1'): Reading => ({
  series: seriesOf('register', { meter, point, area: 'A-1', source: source satisfies Source }),
  shape,
  raws: [value.raw],
  scalers: null,
  absent: null,
  ratio,
  measuredAt: at,
  receivedAt,
  quality,
})

export interface EnergySite {
  readonly directory: string
  readonly ledger: Ledger
  readonly outages: Outages
  readonly book: EnergyBook
  readonly runner: EnergyRunner
  readonly outbox: Outbox
  readonly views: ReturnType<typeof energyViews>
  /** What an estimate of a gap rests on. */
  readonly parts: EstimateParts
  readonly store: ReadingStore
  readonly clock: Clock & { at: number }
  /** Stored `interval` rows. */
  rows(period: string, from: number, to: number, point?: string): Promise<readonly Reading[]>
  put(readings: readonly Reading[]): Promise<void>
  /** Until everything is stored and worked out. */
  settle(): Promise<void>
  /** Lets go of everything without finishing anything, and starts over on the same directory. */
  again(): Promise<EnergySite>
}

/**
 * Ledger, outbox, embedded store and energy as they work together, on a clock of their own.
 *
 * @param listeners  told of energy that changes
 * @param afterPut  runs when rows of energy are safe in the outbox and nothing else is; what it throws is a crash there
 */
export const energySite = async (
  now: number,
  directory = made(),
  afterPut: () => void = () => {},
  listeners: readonly ((point: string, day: string) => void)[] = [],
): Promise<EnergySite> => {
  const clock = { at: now, now: () => clock.at, monotonic: () => performance.now(), speed: 1 }
  const store = await openEmbeddedStore({ directory: join(directory, 'store'), zone: ZONE })
  if (!store.ok) throw new Error(store.error.message)
  const ledger = new Ledger(directory)
  const book = new EnergyBook(directory)
  const models = new RegisterModels(openProfiles(null), adapterOf)
  const warnings: string[] = []
  const outages = new Outages({ directory, ledger, clock, isLine: () => true, log: () => {} })
  const runner = new EnergyRunner({
    ...{ book, ledger, models, store: store.value, storeSink: store.value.id, zone: ZONE, clock, settleMs: 0, openEveryMs: 0, listeners },
    log: (level, message) => level === 'warn' && warnings.push(message),
    outages: (point, from, to) => outages.spans(point, from, to),
    outageRecords: outages.file,
  })
  const sinks: Sink[] = [store.value, runner.sink]
  const opened = await openOutbox({ directory: join(directory, 'outbox'), maxBytes: 64 << 20, whenFull: 'stop-taking', sinks, lingerMs: 1 })
  if (!opened.ok) throw new Error(opened.error.message)
  const outbox = opened.value
  let isOpen = true
  const close = async () => {
    if (!isOpen) return
    isOpen = false
    await runner.stop()
    await outbox.close()
    await store.value.close()
    book.close()
    outages.close()
    ledger.close()
  }
  onTestFinished(close)
  runner.start({
    state: () => outbox.state(),
    put: async (readings) => {
      const put = await outbox.put(readings)
      afterPut()
      return put
    },
  })
  const settle = async () => {
    // A day hands on to its neighbours once its own rows are stored: a gap of a month is some thirty rounds.
    for (let round = 0; round < 200; round++) {
      // Looked at first: what the runner does by itself while the outbox drains leaves rows that are to be waited for again.
      const before = runner.worked
      if (!(await outbox.drained(60_000))) throw new Error('the outbox does not drain')
      await runner.settle()
      if (runner.worked === before) break
    }
    if (warnings.length > 0) throw new Error(warnings.join('\n'))
  }
  const views = energyViews({
    ...{ runner, book, isPoint: (id: string) => ledger.get('point', id, null) !== null, points: () => ledger.points().map(({ id }) => id) },
    now: () => clock.at,
  })
  return {
    ...{ directory, ledger, outages, book, runner, outbox, views, clock, settle, store: store.value },
    parts: {
      ...{ store: store.value, book, days: runner.days, ledger, models, clock },
      outages: (point, from, to) => outages.spans(point, from, to),
    },
    rows: async (period, from, to, point = 'P-1') => {
      const page = await store.value.range({ measurement: 'interval', tags: { point, period }, from, to, limit: 50_000 })
      if (!page.ok) throw new Error(page.error.message)
      return page.value.readings
    },
    put: async (readings) => {
      const put = await outbox.put(readings)
      if (!put.ok) throw new Error(put.error.message)
    },
    again: async () => {
      await close()
      return energySite(clock.at, directory)
    },
  }
}

const made = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'gridtally-energy-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}
