import { expect, it } from 'vitest'
import type { AreaFrame } from '../../../src/anomaly/frame.ts'
import { voltagePhases } from '../../../src/anomaly/voltage/phase-rule.ts'
import { placeEnergy } from '../../../src/anomaly/voltage/places.ts'
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

it('where solar is fed back through a meter that does not count it, its power counts', () => {
  const { frame } = makeArea({ days: 1 })
  const [meter] = frame.meters
  const none = new Float64Array(frame.slots).fill(Number.NaN)
  const fed = { ...meter!, imp: new Float64Array(frame.slots), exp: none, p: new Float32Array(frame.slots).fill(-2) }
  expect(placeEnergy(frame, fed, 0)[5]).toBe(-0.5)
  expect(placeEnergy(frame, { ...fed, p: new Float32Array(frame.slots).fill(2) }, 0)[5]).toBe(0)
  expect(placeEnergy(frame, { ...fed, imp: none, p: null }, 0)[5]).toBeNaN()
})

const dark = (frame: AreaFrame): AreaFrame => ({ ...frame, meters: frame.meters.map((meter) => ({ ...meter, u: [null, null, null] })) })

it('without voltages of the customers the lines of a known network do: one phase, there and back', () => {
  const made = makeArea({ days: 7 })
  const frame = dark(made.frame)
  const ohm = 0.1
  const network = { root: 'busbar', lines: [{ from: 'pole', to: 'busbar', ohm }] }
  const meters = frame.meters.slice(0, 1).map((meter) => ({ ...meter, fact: { ...meter.fact, node: 'pole', serviceOhm: 0.05 } }))
  const { technical } = technicalLoss.detect(viewOf({ ...frame, meters, fact: { ...frame.fact, network } }))
  expect(technical?.method).toBe('resistance')
  const ampere = ((meters[0]?.imp[100] ?? 0) * 4000) / 220
  // Phase and neutral of the main, phase and neutral of the service cable: 2 × 0.15 ohm.
  expect(technical?.kwh[100]).toBeCloseTo((0.3 * ampere ** 2) / 4000, 6)
})

it('without voltages and network the balance of clean days does, and says how little it is worth', () => {
  const made = makeArea({ days: 21 })
  const technical = lossOf(dark(made.frame))
  expect(technical?.method).toBe('regression')
  expect(Math.abs(points(made, technical?.kwh ?? []))).toBeLessThan(0.1)
  expect(lossOf(dark(makeArea({ days: 5 }).frame))).toBeUndefined()
})

it('nothing without currents of the gateway', () => {
  const { frame } = makeArea({ days: 7 })
  expect(lossOf({ ...frame, gateways: frame.gateways.map((gateway) => ({ ...gateway, i: [null, null, null] })) })).toBeUndefined()
  expect(lossOf({ ...frame, gateways: [] })).toBeUndefined()
})
