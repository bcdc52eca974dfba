import { describe, expect, it } from 'vitest'
import { ENERGY_FLAGS } from '../../src/energy/index.ts'
import { EnergyDays } from '../../src/gateway/energy-days.ts'
import type { Figure } from '../../src/gateway/energy-figures.ts'
import { figuresBy } from '../../src/gateway/energy-hours.ts'

const SHANGHAI = new EnergyDays('Asia/Shanghai')
const START = Date.parse('2026-11-20T00:00:00+08:00')
const QUARTER = 900_000
const quarter = (at: number, value: string | null, change: Partial<Figure> = {}): Figure => ({
  ...{ from: START + at * QUARTER, to: START + (at + 1) * QUARTER, value, quality: 0, flags: 0 },
  ...{ estimatedPpm: 0, coveredPpm: value === null ? 0 : 1_000_000, version: 1 },
  ...change,
})
const hours = (quarters: readonly Figure[], days = SHANGHAI) => figuresBy({ periods: { '15m': quarters } }, '1h', days)

describe('hours of a register that is read quarter by quarter', () => {
  it('are the exact sums of their quarters, with what is worst of them', () => {
    const split = { estimatedPpm: 1_000_000, flags: ENERGY_FLAGS.split, version: 3, quality: 2 }
    expect(hours([quarter(0, '0.10'), quarter(1, '0.20'), quarter(2, '0.3'), quarter(3, '0.2', split)])).toEqual([
      {
        ...{ from: START, to: START + 4 * QUARTER, value: '0.80', quality: 2, flags: ENERGY_FLAGS.split },
        ...{ estimatedPpm: 250_000, coveredPpm: 1_000_000, version: 3 },
      },
    ])
  })
  it('are not known where a quarter is not, and none yet while they go on', () => {
    const found = hours([quarter(0, '1'), quarter(1, null), quarter(2, '1'), quarter(3, '1'), quarter(4, '1'), quarter(5, '1')])
    expect(found).toMatchObject([{ value: null, estimatedPpm: 0, coveredPpm: 750_000, flags: ENERGY_FLAGS.missing }])
  })
  it('of its own are given as they are', () => {
    const own = [quarter(0, '9')]
    expect(figuresBy({ periods: { '1h': own, '15m': [quarter(0, '1')] } }, '1h', SHANGHAI)).toBe(own)
    expect(figuresBy({ periods: { '1h': own } }, '15m', SHANGHAI)).toEqual([])
  })
  it('share a day in which summer time begins or ends', () => {
    const zone = new EnergyDays('Europe/Berlin')
    for (const [day, count] of [
      ['2026-03-29', 23],
      ['2026-10-25', 25],
    ] as const) {
      const marks = zone.marks(day, '15m')
      const all = marks.slice(0, -1).map((from, at) => quarter(0, '0.25', { from, to: marks[at + 1] ?? from }))
      expect(hours(all, zone).map(({ value }) => value)).toEqual(Array(count).fill('1.00'))
    }
  })
})
