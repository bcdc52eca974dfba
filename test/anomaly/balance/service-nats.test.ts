import { expect, it } from 'vitest'
import type { Hidden } from '../../../src/anomaly/balance/hidden.ts'
import { rowsOf } from '../../../src/anomaly/balance/rows.ts'
import { MOST_NATS, REFUTED, serviceNats } from '../../../src/anomaly/balance/service-nats.ts'
import { makeArea, viewOf } from './area-maker.ts'

const rows = rowsOf(viewOf(makeArea({ seed: 3 }).frame))!
const ONSET = 12
/** Half a kilowatt from the onset on. */
const claimed = Float64Array.from({ length: rows.count }, (_, row) => (row >= rows.dayRows[ONSET]! ? 0.5 : 0))
const claim = { shape: 'constant', meter: 5, values: claimed, onset: ONSET, size: 1, explained: 0, evidence: 0 } as const
const cable = (kw: Float64Array, learntDays = 10) => {
  const seen: Hidden = { kw, calm: kw, variance: 0.01, learntDays }
  return serviceNats(rows, () => seen)
}

it('speaks for a claim when the cable shows the power that is claimed, no more than one kind of evidence may', () => {
  expect(cable(claimed)(claim, 1)).toBe(MOST_NATS)
})

it('refutes a claim when the cable shows nothing of it, or as little as before', () => {
  expect(cable(new Float64Array(rows.count))(claim, 1)).toBeLessThan(REFUTED)
  // A cable that always shows so much shows nothing new.
  expect(cable(new Float64Array(rows.count).fill(0.5))(claim, 1)).toBeLessThan(REFUTED)
})

it('says nothing where it has nothing to compare with', () => {
  const silent = serviceNats(rows, () => null)
  expect(silent(claim, 1)).toBe(0)
  const blind = cable(new Float64Array(rows.count))
  for (const one of [{ ...claim, meter: -1 }, { ...claim, shape: 'foreign' } as const, { ...claim, onset: 4 }])
    expect(blind(one, 1)).toBe(0)
  expect(blind(claim, -1)).toBe(0)
})
