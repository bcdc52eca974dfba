import { onTestFinished } from 'vitest'
import type { Decimal, Reading } from '../../src/core/index.ts'
import { openLoss } from '../../src/gateway/start-loss.ts'
import type { Patch } from '../../src/ledger/index.ts'
import { act, type EnergySite, energySite, PROFILE, rowOf } from './energy-site.ts'

export const DAY = 86_400_000
/** Midnight in Berlin, winter. */
export const START = Date.parse('2026-01-05T00:00:00+01:00')
export const midnight = (day: number) => START + day * DAY

/** A look that finds energy still coming comes again after so long. */
const PUT_OFF_MS = 5_000

export interface LossSite {
  readonly site: EnergySite
  readonly loss: ReturnType<typeof openLoss>
  /** Registers of one point at instants, hundredths of a kWh on the face. */
  read(point: string, registers: readonly (readonly [at: number, face: number])[], ratio?: string): Promise<void>
  settle(): Promise<void>
  rows(period: string, from: number, to: number, area?: string): Promise<readonly Reading[]>
}

const write = (site: EnergySite, patches: readonly Patch[]) => {
  const written = site.ledger.apply(patches, act(START - 1))
  if (!written.ok) throw new Error(JSON.stringify(written.error.problems))
}

/** A point and its meter `M-…`. */
export const pointOf = (id: string, set: Readonly<Record<string, string>>): Patch[] => [
  { kind: 'point', id, from: null, set: { area: 'A-1', ...set } },
  {
    ...{ kind: 'meter', id: `M-${id}`, from: null },
    set: {
      point: id,
      line: 'bus',
      profile: PROFILE,
      address: `${[...id].reduce((sum, sign) => sum * 7 + sign.charCodeAt(0), 0) % 1e9}`.padStart(12, '0'),
    },
  },
]

/** Ledger, energy and line loss as they work together, on a clock of their own. */
export const lossSite = async (now: number, patches: readonly Patch[]): Promise<LossSite> => {
  const heard: ((point: string, day: string) => void)[] = []
  const site = await energySite(now, undefined, undefined, heard)
  write(site, [{ kind: 'area', id: 'A-1', from: null, set: { name: 'one' } }, ...patches])
  const loss = openLoss({
    ...{ directory: site.directory, clock: site.clock, ledger: site.ledger, days: site.runner.days, settleMs: 0, openEveryMs: 0 },
    energy: { book: site.book, runner: site.runner },
    log: (level, message) => {
      if (level === 'warn') throw new Error(message)
    },
  })
  heard.push(loss.runner.take)
  loss.runner.start(site.outbox)
  onTestFinished(async () => {
    await loss.runner.stop()
    loss.close()
  })
  await loss.runner.settle()
  return {
    ...{ site, loss },
    read: (point, registers, ratio = '1') =>
      site.put(
        registers.map(([at, face]) => {
          const value: Decimal = { raw: face, scaler: -2 }
          return rowOf({ at, receivedAt: at, value, meter: `M-${point}`, source: 'day-freeze', quality: 0 }, ratio, point)
        }),
      ),
    settle: async () => {
      // The runner looks by itself too: a day whose energy was still coming then is put off by what the clock here never goes on.
      for (let turn = 0; turn < 4; turn++) {
        if (turn > 0) site.clock.at += PUT_OFF_MS
        for (let round = 0; round < 5; round++) {
          await site.settle()
          await loss.runner.settle()
        }
        if (loss.runner.state().dirty === 0) return
      }
    },
    rows: async (period, from, to, area = 'A-1') => {
      const page = await site.store.range({ measurement: 'area', tags: { area, period }, from, to, limit: 50_000 })
      if (!page.ok) throw new Error(page.error.message)
      return page.value.readings
    },
  }
}
