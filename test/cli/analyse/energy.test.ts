import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MeterFact } from '../../../src/anomaly/index.ts'
import { limitKw, meterEnergy, type Registers, STEP_MS } from '../../../src/cli/analyse/energy.ts'
import { parseDecimal } from '../../../src/core/index.ts'
import { deriveEnergy, ENERGY_FLAGS } from '../../../src/energy/index.ts'

const T0 = Date.parse('2026-03-01T16:00:00Z')
const DAY = 86_400_000
const SLOTS = 96

const factOf = (change: Partial<MeterFact> = {}): MeterFact => ({
  ...{ id: 'M1', meter: 'M1', area: 'A1', type: '1P', multiplier: 1, phase: 'A', contractKw: 10, ratedA: null, category: '', link: '' },
  ...{ keyAccount: false, pfStandard: null, bus: null, concentrator: null, solar: null, exchanges: [], since: null, node: null },
  serviceOhm: null,
  ...change,
})

/** Registers at rows of the grid; NaN = not read. */
const registersOf = (rows: readonly number[]): Registers => {
  const kept = rows.flatMap((value, row) => (Number.isNaN(value) ? [] : [{ at: T0 + row * STEP_MS, value }]))
  return {
    count: kept.length,
    times: Float64Array.from(kept, ({ at }) => at),
    imp: Float64Array.from(kept, ({ value }) => value),
    exp: Float64Array.from(kept, () => Number.NaN),
  }
}

/** Import slot by slot as it is known after so many days, worked out day by day. */
const dayByDay = (fact: MeterFact, registers: Registers, days: number) => {
  const energy = meterEnergy(fact, registers)
  const imp = new Float64Array(days * SLOTS).fill(Number.NaN)
  const known = new Uint8Array(days * SLOTS)
  for (let day = 0; day < days; day++) {
    const closed = energy.close(T0 + day * DAY, T0 + (day + 1) * DAY)
    const first = (closed.from - T0) / STEP_MS
    for (const [slot, kwh] of closed.imp.entries())
      if (first + slot >= 0) {
        imp[first + slot] = kwh
        known[first + slot] = closed.known[slot] ?? 0
      }
  }
  return { imp, known }
}

/** The same from all registers at once, by the exact rules. */
const atOnce = (fact: MeterFact, { times, imp, count }: Registers, days: number) => {
  const boundaries = Array.from({ length: days * SLOTS + 1 }, (_, slot) => T0 + slot * STEP_MS)
  const { intervals } = deriveEnergy(
    {
      reads: Array.from({ length: count }, (_, row) => ({
        at: times[row]!,
        receivedAt: times[row]!,
        value: parseDecimal(String(imp[row]))!,
        meter: 'M1',
        source: 'curve' as const,
        quality: 0,
      })),
      meters: [{ meter: 'M1', from: Number.NEGATIVE_INFINITY, to: null, capacity: null }],
      ratios: [{ from: Number.NEGATIVE_INFINITY, to: null, ratio: parseDecimal(String(fact.multiplier))! }],
      exchanges: [],
      outages: [],
      plausibility: { maxKw: parseDecimal(String(limitKw(fact)))!, source: '' },
    },
    boundaries,
  )
  return intervals.map(({ kwh, flags }) => ({
    kwh: kwh === null ? Number.NaN : Number(`${kwh.raw}e${kwh.scaler}`),
    known: kwh === null ? 0 : flags & (ENERGY_FLAGS.split | ENERGY_FLAGS.estimated) ? 1 : 2,
  }))
}

const expectSame = (fact: MeterFact, registers: Registers, days: number) => {
  const mine = dayByDay(fact, registers, days)
  for (const [slot, { kwh, known }] of atOnce(fact, registers, days).entries()) {
    const own = mine.imp[slot]!
    if (Number.isNaN(kwh) !== Number.isNaN(own) || Math.abs(kwh - own) > 2e-5 * fact.multiplier || known !== mine.known[slot])
      expect({ slot, kwh: own, known: mine.known[slot] }).toEqual({ slot, kwh, known })
  }
}

const steps = (days: number) => fc.array(fc.integer({ min: 0, max: 120 }), { minLength: days * SLOTS, maxLength: days * SLOTS })
const grid = (cents: readonly number[]): number[] => {
  const rows = [1234_50]
  for (const step of cents) rows.push(rows.at(-1)! + step)
  return rows.map((value) => value / 100)
}

/** Changes the rows from one on. */
const from = (rows: number[], first: number, of: (value: number, row: number) => number) => {
  for (let row = first; row < rows.length; row++) rows[row] = of(rows[row]!, row)
}

describe('energy of a meter, day by day', () => {
  it('is what src/energy works out at once, gaps and all', () =>
    fc.assert(
      fc.property(steps(4), fc.array(fc.tuple(fc.nat(4 * SLOTS), fc.integer({ min: 1, max: 130 })), { maxLength: 4 }), (cents, gaps) => {
        const rows = grid(cents)
        for (const [first, count] of gaps) rows.fill(Number.NaN, first, first + count)
        expectSame(factOf({ multiplier: 40, type: '3P-CT' }), registersOf(rows), 4)
      }),
      { numRuns: 60 },
    ))

  it.each<[string, (rows: number[]) => void]>([
    ['a single false zero', (rows) => void rows.splice(150, 1, 0)],
    ['a single read far too high', (rows) => void rows.splice(150, 1, 999_999)],
    ['a false zero at the very end of a day', (rows) => void rows.splice(192, 1, 0)],
    ['a new register that nobody wrote down', (rows) => from(rows, 150, (value) => value - 1234)],
    ['a leap of ten thousand that stays', (rows) => from(rows, 150, (value) => value + 10_000)],
    ['a fall in the last quarter of a day', (rows) => from(rows, 191, (value) => value - 1234)],
    ['a fall after a gap over midnight', (rows) => from(rows, 180, (value, row) => (row < 200 ? Number.NaN : value - 1234))],
  ])('judges as src/energy does: %s', (_, spoil) => {
    const rows = grid(Array.from({ length: 5 * SLOTS }, (__, slot) => (slot * 7) % 40))
    spoil(rows)
    expectSame(factOf(), registersOf(rows), 5)
  })

  it('counts a recorded exchange to the last digit, from the day it is known', () => {
    const rows = grid(Array.from({ length: 2 * SLOTS }, () => 10)).map((value, row) => (row <= 40 ? value : 0.05 + (row - 40) * 0.1))
    const at = T0 + 40 * STEP_MS
    const fact = factOf({ exchanges: [{ at, oldFinal: 1234.5 + 4, newInitial: 0.05 }] })
    const { imp, known } = dayByDay(fact, registersOf(rows), 2)
    expect(imp.reduce((sum, kwh) => sum + kwh, 0)).toBeCloseTo(19.2, 6)
    expect(Math.min(...known)).toBe(2)
  })

  it('uses a register off the grid at its own instant', () => {
    const registers = registersOf(grid(Array.from({ length: 2 * SLOTS }, () => 15)))
    registers.times[50] = registers.times[50]! + 300_000
    expectSame(factOf(), registers, 2)
  })

  it('knows nothing of a meter without readings, and nothing where the ratio is wrong', () => {
    expect(dayByDay(factOf(), registersOf([]), 1).imp.every(Number.isNaN)).toBe(true)
    const rows = grid(Array.from({ length: SLOTS }, () => 15))
    expect(dayByDay(factOf({ multiplier: Number.NaN }), registersOf(rows), 1).imp.every(Number.isNaN)).toBe(true)
  })

  it('settles a gap on the day its end is read', () => {
    const rows = grid(Array.from({ length: 3 * SLOTS }, () => 10))
    rows.fill(Number.NaN, 80, 200)
    const energy = meterEnergy(factOf(), registersOf(rows))
    const first = energy.close(T0, T0 + DAY)
    expect([first.imp[79], first.known[78], first.known[79]]).toEqual([Number.NaN, 2, 0])
    const second = energy.close(T0 + DAY, T0 + 2 * DAY)
    expect(second.imp.every(Number.isNaN)).toBe(true)
    const third = energy.close(T0 + 2 * DAY, T0 + 3 * DAY)
    expect(third.from).toBe(T0 + 79 * STEP_MS)
    expect([third.known[0], third.imp[0]!.toFixed(4)]).toEqual([1, '0.1000'])
  })
})
