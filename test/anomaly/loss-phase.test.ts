import { describe, expect, it } from 'vitest'
import { type MeterColumns, type Phase, phaseLosses } from '../../src/anomaly/index.ts'
import { meter } from './meter/made.ts'

const SLOTS = 4
const volts = () => new Float32Array(SLOTS).fill(200)
const amps = (...values: readonly number[]) => Float32Array.from(values)
/** Four quarter hours made by hand. */
const point = (id: string, imp: readonly number[], more: Partial<MeterColumns> & { phase?: Phase | null; type?: '1P' | '3P' } = {}) => {
  const { phase = null, type = '1P', ...columns } = more
  const made = meter({ id, days: 1, fact: { phase, type } })
  return {
    ...made,
    ...{ imp: Float64Array.from(imp), exp: new Float64Array(SLOTS), known: new Uint8Array(SLOTS).fill(2) },
    ...{ u: [volts(), volts(), volts()], i: [null, null, null], ...columns },
  }
}
/** 12 kWh in each quarter hour, half of it on A, a third on B, a sixth on C. */
const gateway = (more: Partial<MeterColumns> = {}) =>
  point('G', [12, 12, 12, 12], { type: '3P', i: [amps(30, 30, 30, 30), amps(20, 20, 20, 20), amps(10, 10, 10, 10)], ...more })
const [a, b, c] = [
  point('a', [5, 6, 6, 5], { phase: 'A' }),
  point('b', [4, 4, 3, 4], { phase: 'B' }),
  point('c', [2, 2, 2, 1], { phase: 'C' }),
]
const of = (meters: readonly MeterColumns[], gateways: readonly MeterColumns[] = [gateway()], phases: Record<string, Phase> = {}) =>
  phaseLosses({ gateways, meters, phases })

describe('loss by phase', () => {
  it('splits the supply by instants, as one does by hand', () => {
    const found = of([a, b, c])
    expect(found.map(({ phase, state, supplyKwh, soldKwh, lossKwh }) => [phase, state, supplyKwh, soldKwh, lossKwh])).toEqual([
      ['A', 'computed', 24, 22, 2],
      ['B', 'computed', expect.closeTo(16), 15, expect.closeTo(1)],
      ['C', 'computed', expect.closeTo(8), 7, expect.closeTo(1)],
    ])
    expect(found[0]?.lossPct).toBeCloseTo(8.333, 3)
    // The first quarter hour has one end (12/6 = 2 kWh), the power factors 24 × 1/2 × 0.02887 = 0.346 kWh.
    expect(found[0]?.errorKwh).toBeCloseTo(1.96 * Math.hypot(2, 24 * 0.5 * (0.1 / Math.sqrt(12))), 6)
    const whole = found.reduce((sum, { lossKwh }) => sum + (lossKwh ?? 0), 0)
    expect(whole).toBeCloseTo(48 - 44)
  })
  it('takes shares from both ends of a quarter hour, and says what their change may hide', () => {
    const i = [amps(30, 10, 10, 10), amps(20, 40, 40, 40), amps(10, 10, 10, 10)]
    const [first] = of([a, b, c], [gateway({ i })])
    // Halves 1/2, (1/2 + 1/6) / 2 = 1/3, 1/6, 1/6 of 12 kWh.
    expect(first?.supplyKwh).toBeCloseTo(6 + 4 + 2 + 2)
    const share = 14 / 48
    expect(first?.errorKwh).toBeCloseTo(1.96 * Math.hypot(2, 12 / 6, 14 * (1 - share) * (0.1 / Math.sqrt(12))), 6)
  })
  it('splits a three-phase customer by its own currents, and believes voltages before the ledger', () => {
    const mill = point('mill', [3, 3, 3, 3], { type: '3P', i: [amps(1, 1, 1, 1), amps(1, 1, 1, 1), amps(0, 0, 0, 0)] })
    expect(of([mill, c]).map(({ soldKwh }) => soldKwh)).toEqual([6, 6, 7])
    expect(of([a, b, c], [gateway()], { a: 'B' }).map(({ soldKwh }) => soldKwh)).toEqual([0, 37, 7])
  })
  it.each<[string, readonly MeterColumns[], readonly MeterColumns[], readonly (readonly string[])[], string]>([
    ['no gateway', [a], [], [['no-gateway'], ['no-gateway'], ['no-gateway']], ''],
    [
      'a gateway without currents',
      [a],
      [gateway({ i: [null, null, null] })],
      [['gateway-instants-missing'], ['gateway-instants-missing'], ['gateway-instants-missing']],
      'G',
    ],
    [
      'a hole in the gateway',
      [a],
      [point('G', [12, Number.NaN, 12, 12], { type: '3P' })],
      [['gateway-energy-missing'], ['gateway-energy-missing'], ['gateway-energy-missing']],
      'G',
    ],
    ['a meter of no known phase', [point('x', [1, 1, 1, 1])], [gateway()], [['phase-unknown'], ['phase-unknown'], ['phase-unknown']], 'x'],
    [
      'a silent meter of phase B',
      [point('x', [1, Number.NaN, 1, 1], { phase: 'B' })],
      [gateway()],
      [[], ['customer-energy-missing'], []],
      'x',
    ],
    [
      'a three-phase customer without currents',
      [point('x', [1, 1, 1, 1], { type: '3P' })],
      [gateway()],
      [['three-phase-split-missing'], ['three-phase-split-missing'], ['three-phase-split-missing']],
      'x',
    ],
    [
      'solar',
      [point('x', [1, 1, 1, 1], { phase: 'A', exp: Float64Array.of(0, 0.3, 0.3, 0) })],
      [gateway()],
      [['feed-in'], ['feed-in'], ['feed-in']],
      'x',
    ],
  ])('is not computable with %s, and says why by phase', (_, meters, gateways, faults, id) => {
    const found = of(meters, gateways)
    expect(found.map((one) => one.faults)).toEqual(faults)
    for (const { state, faults: own, because, lossKwh, supplyKwh } of found) {
      expect(state).toBe(own.length === 0 ? 'computed' : 'not-computable')
      if (own.length === 0) continue
      expect([lossKwh, supplyKwh, because]).toEqual([null, null, id === '' ? [] : [id]])
    }
  })
  it('spreads a little energy nobody saw the phases of, and no more', () => {
    const lost = (imp: readonly number[]) =>
      of([], [point('G', imp, { type: '3P', i: [amps(1, Number.NaN, Number.NaN, 1), amps(1, 1, 1, 1), amps(0, 0, 0, 0)] })])[0]
    expect(lost([10, 10, 0.5, 10])).toMatchObject({ state: 'computed', supplyKwh: 15.25 })
    expect(lost([10, 10, 3, 10])?.state).toBe('not-computable')
  })
})
