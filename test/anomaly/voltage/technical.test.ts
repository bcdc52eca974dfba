import { expect, it } from 'vitest'
import type { AreaFrame } from '../../../src/anomaly/frame.ts'
import { voltagePhases } from '../../../src/anomaly/voltage/phase-rule.ts'
import { technicalLoss } from '../../../src/anomaly/voltage/technical-rule.ts'
import { type Made, makeArea, viewOf, withMeter } from './made.ts'

const lossOf = (frame: AreaFrame) => {
  const view = viewOf(frame)
  return technicalLoss.detect({ ...view, phases: voltagePhases.detect(view).phases ?? {} }).technical
}
const sum = (values: ArrayLike<number>) => Array.from(values).reduce((total, value) => total + value, 0)
/** Percentage points that the loss is off by. */
const points = ({ lost, supplied }: Made, kwh: ArrayLike<number>) => (100 * (sum(kwh) - sum(lost))) / sum(supplied)

it('gives the loss of the wires to 0.05 points, though no line is known', () => {
  const made = makeArea({ days: 21 })
  const technical = lossOf(made.frame)
  expect(technical?.method).toBe('voltage')
  expect((100 * sum(made.lost)) / sum(made.supplied)).toBeGreaterThan(0.5)
  expect(Math.abs(points(made, technical?.kwh ?? []))).toBeLessThan(0.05)
})

it('voltmeters that are 0.4 % off do not spoil it', () => {
  const made = makeArea({ days: 21 })
  for (const [at, { u }] of made.frame.meters.entries()) u[0]?.set(u[0].map((volt) => volt * (1 + (at % 2 === 0 ? 0.004 : 0.002))))
  expect(Math.abs(points(made, lossOf(made.frame)?.kwh ?? []))).toBeLessThan(0.06)
})

it('energy that a thief takes loses in the wires too', () => {
  const made = makeArea({ days: 21, hidden: (id, slot) => (id === 'T1-04' && slot > 10 * 96 ? 3 : 0) })
  expect(Math.abs(points(made, lossOf(made.frame)?.kwh ?? []))).toBeLessThan(0.08)
})

it('a meter without data is filled by its share, and slots nobody tells by the supply', () => {
  const made = makeArea({ days: 21 })
  for (const { imp, u, i, p } of made.frame.meters) {
    for (const column of [imp, u[0], i[0], p]) column?.fill(Number.NaN, 3 * 96, 4 * 96)
  }
  const silent = withMeter(made.frame, 'T1-09', (meter) => ({
    ...meter,
    imp: meter.imp.map((kwh, slot) => (slot > 15 * 96 ? Number.NaN : kwh)),
    p: null,
  }))
  const kwh = lossOf(silent)?.kwh ?? []
  expect(Array.from(kwh).filter(Number.isNaN)).toEqual([])
  expect(Math.abs(points(made, kwh))).toBeLessThan(0.08)
})

it('nothing without currents of the gateway', () => {
  const { frame } = makeArea({ days: 7 })
  expect(lossOf({ ...frame, gateways: frame.gateways.map((gateway) => ({ ...gateway, i: [null, null, null] })) })).toBeUndefined()
  expect(lossOf({ ...frame, gateways: [] })).toBeUndefined()
})
