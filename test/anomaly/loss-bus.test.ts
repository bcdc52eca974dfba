import { expect, it } from 'vitest'
import { busBalance, busFinding, NO_LAYERS } from '../../src/anomaly/index.ts'

const terms = (voltageKv: number | null) => ({ id: 'I', zone: null, voltageKv, thresholds: NO_LAYERS })
const flow = (kwh: number | null, id = 'P') => ({ id, kwh })

it.each([
  [220, 99, 'balanced'],
  [220, 98.99, 'unbalanced'],
  [110, 98, 'balanced'],
  [110, 97.99, 'unbalanced'],
  [null, 102, 'balanced'],
  [10, 102.01, 'unbalanced'],
])('a bus of %s kV with 100 in and %s out is %s', (kv, out, state) => {
  expect(busBalance([flow(100)], [flow(out)], terms(kv)).state).toBe(state)
})

it('sums both sides, and computes nothing while one meter is silent', () => {
  expect(busBalance([flow(60), flow(40)], [flow(97), flow(0)], terms(10))).toMatchObject({
    inKwh: 100,
    outKwh: 97,
    unbalanceKwh: 3,
    pct: 3,
    limitPct: 2,
  })
  expect(busBalance([flow(60), flow(null, 'X')], [flow(97)], terms(10))).toMatchObject({
    state: 'not-computable',
    pct: null,
    missing: ['X'],
  })
  expect(busBalance([], [flow(97)], terms(10)).state).toBe('not-computable')
})

it('claims an unbalance with its numbers, and nothing else', () => {
  const time = { from: 0, to: 1, points: ['P'] }
  const found = busFinding(busBalance([flow(100)], [flow(95)], terms(10)), terms(10), time)
  expect(found).toMatchObject({ kind: 'bus_unbalance', target: 'I', key: 'bus_unbalance:I', numbers: { unbalancePct: 5, limitPct: 2 } })
  expect(busFinding(busBalance([flow(100)], [flow(99)], terms(10)), terms(10), time)).toBeNull()
})
