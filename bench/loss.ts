import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NO_LAYERS } from '../src/anomaly/index.ts'
import { EnergyBook } from '../src/gateway/energy-book.ts'
import { EnergyDays } from '../src/gateway/energy-days.ts'
import type { Figure, RegisterFigures } from '../src/gateway/energy-figures.ts'
import { packFigures, type RegisterColumns, unpackColumns } from '../src/gateway/energy-pack.ts'
import { LossBook } from '../src/gateway/loss-book.ts'
import { AreaMembers } from '../src/gateway/loss-members.ts'
import { LossRunner } from '../src/gateway/loss-runner.ts'
import { Ledger } from '../src/ledger/index.ts'
import { areaId, ledgerOf, METERS, pointId } from './analysis.ts'
import { type Anchor, median } from './anchor.ts'

const ZONE = 'Asia/Shanghai'
const FIRST = '2026-01-05'
const SLOTS = 96
const QUARTER_MS = 900_000
const HOUR_MS = 3_600_000

/** Energy of one register on one day as the energy book has it: quarter hours and the day, hundredths of a kWh. */
const figuresOf = (start: number, hundredths: (slot: number) => number): readonly RegisterFigures[] => {
  const figure = (from: number, to: number, value: number): Figure => ({
    ...{ from, to, value: (value / 100).toFixed(2), quality: 0, flags: 0, estimatedPpm: 0, coveredPpm: 1_000_000, version: 1 },
  })
  let total = 0
  const quarters = Array.from({ length: SLOTS }, (_, slot) => {
    const value = hundredths(slot)
    total += value
    return figure(start + slot * QUARTER_MS, start + (slot + 1) * QUARTER_MS, value)
  })
  const periods = { '15m': quarters, day: [figure(start, start + SLOTS * QUARTER_MS, total)] }
  return [{ field: '1.8.0', obis: '1.8.0', unit: 'kWh', dense: '15m', across: ['', ''], periods }]
}

/** What a meter uses in a quarter hour; a gateway the sum of a hundred such and three per cent. */
const useOf = (meter: number, slot: number): number => 5 + ((meter * 7 + slot * 3) % 20)
const figuresOn = (start: number, meter: number, late = 0): readonly RegisterFigures[] =>
  figuresOf(start, (slot) => {
    if (meter >= 0) return useOf(meter, slot) + late
    let sum = 0
    for (let at = 0; at < METERS; at++) sum += useOf(at, slot)
    return Math.round(sum * 1.03)
  })

/**
 * A15: late energy of one meter in each of 200 areas, and the day's loss of all of them worked out again, by quarter hours and whole, from
 * the energy of 20,200 points on disk, and kept.
 */
export const lossDay: Anchor = {
  id: 'A15',
  title: "line loss: a day of 200 areas × 100 meters worked out again after late energy, from the points' quarter hours on disk",
  better: 'lower',
  must: 3,
  goal: 1.5,
  async run({ quick, rounds, onEnd, log }) {
    const [areas, days] = quick ? [4, 4] : [200, 15]
    const directory = mkdtempSync(join(tmpdir(), 'gridtally-bench-loss-'))
    onEnd(() => rmSync(directory, { recursive: true, force: true }))
    const ledger = new Ledger(directory)
    onEnd(() => ledger.close())
    const act = { what: 'import', who: 'bench', why: 'bench', workOrder: null, at: Date.parse(`${FIRST}T00:00:00Z`) } as const
    const applied = ledger.apply(ledgerOf(areas), act)
    if (!applied.ok) throw new Error(applied.error.error.message)
    const calendar = new EnergyDays(ZONE)
    const last = calendar.add(FIRST, days - 1)
    const energy = new EnergyBook(directory)
    onEnd(() => energy.close())
    const book = new LossBook(directory)
    onEnd(() => book.close())
    // Days before the one that is measured only say what meters usually use: they need not come from the disk.
    const meters = new Map(
      Array.from({ length: areas }, (_, area) =>
        Array.from({ length: METERS + 1 }, (_none, at) => [pointId(area, at - 1), at - 1] as const),
      ).flat(),
    )
    const inMemory = new Map<string, readonly RegisterColumns[]>()
    const remembered = (day: string, meter: number) => {
      const known = inMemory.get(`${day} ${meter}`) ?? unpackColumns(packFigures(figuresOn(calendar.start(day), meter)))
      inMemory.set(`${day} ${meter}`, known)
      return known
    }
    energy.together(() => {
      for (const [point, meter] of meters) {
        energy.keep(point, last, figuresOn(calendar.start(last), meter))
        energy.see(point, FIRST)
        energy.see(point, last)
      }
    })
    log(`energy of ${meters.size} points kept`)
    let rows = 0
    const clock = { now: () => calendar.end(last) + 3 * HOUR_MS, monotonic: () => performance.now(), speed: 1 }
    const runner = new LossRunner({
      ...{ book, ledger, days: calendar, clock, members: new AreaMembers(ledger), thresholds: () => NO_LAYERS, settleMs: 0 },
      energy: {
        figures: (point, day) => energy.figures(point, day),
        columns: (point, day) => (day === last ? energy.columns(point, day) : remembered(day, meters.get(point) ?? 0)),
        seen: (point) => energy.seen(point),
      },
      runner: { isDirty: () => false },
      log: (_level, message) => log(message),
    })
    runner.start({
      put: (readings) => {
        rows += readings.length
        return Promise.resolve({ ok: true, value: undefined })
      },
    })
    onEnd(() => runner.stop())
    await runner.settle()
    inMemory.clear()
    log(`${runner.worked} days of areas worked out before`)
    const seconds: number[] = []
    let worked = 0
    for (let round = 1; round <= rounds; round++) {
      for (let area = 0; area < areas; area++) {
        const point = pointId(area, round)
        energy.keep(point, last, figuresOn(calendar.start(last), round, round))
        runner.take(point, last)
      }
      rows = 0
      const [before, began] = [runner.worked, performance.now()]
      await runner.settle()
      seconds.push((performance.now() - began) / 1000)
      worked = runner.worked - before
    }
    const ours = median(seconds)
    const states = new Set(Array.from({ length: areas }, (_, area) => book.get(areaId(area), last)?.whole?.state ?? 'none'))
    return {
      ...{ ours, reference: null, ratio: ours, unit: 's' },
      detail: {
        over: `${areas * METERS} meters`,
        rounds,
        'days worked out': worked,
        'rows given out': rows,
        states: [...states].join(' '),
      },
    }
  },
}
