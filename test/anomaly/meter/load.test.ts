import { describe, expect, it } from 'vitest'
import type { AreaFrame, MeterFact } from '../../../src/anomaly/frame.ts'
import { capacityExceeded, loadStep, overload } from '../../../src/anomaly/meter/load.ts'
import { lowPowerFactor } from '../../../src/anomaly/meter/power-factor.ts'
import { unbalance } from '../../../src/anomaly/meter/unbalance.ts'
import type { Detector } from '../../../src/anomaly/view.ts'
import { viewOf } from './labelled.ts'
import { at, frame, type Made, meter, noise } from './made.ts'

const AREA: Partial<MeterFact> = { type: '3P-CT', phase: 'ABC', multiplier: 120, contractKw: null, category: 'gateway' }
const gateway = (kw: (slot: number) => number, shares: readonly [number, number, number] = [0.34, 0.33, 0.33]) =>
  meter({ id: 'G', days: 16, kw, fact: AREA, shares })
const ofArea = (detector: Detector, of: Made, more: Partial<AreaFrame> = {}) =>
  detector.detect(viewOf(frame([meter({ id: 'M', days: 16 })], { gateways: [of], ...more }))).findings
const ofMeter = (detector: Detector, of: Made) => detector.detect(viewOf(frame([of]))).findings
const TODAY = 15 * 96
const evening = (slots: number, high: number, low: number) => (slot: number) =>
  slot >= TODAY + 70 && slot < TODAY + 70 + slots ? high : low
/** A load whose samples are steady, so that hours can be counted. */
const steady = (of: Made): Made => {
  for (let slot = 0; slot < of.imp.length; slot++) {
    const kw = of.imp[slot]! * 4
    of.p![slot] = kw
    for (const [phase, i] of of.i.entries()) i?.fill((kw * 1000 * (phase === 0 ? 0.34 : 0.33)) / 230 / 0.96, slot, slot + 1)
  }
  return of
}

describe('the transformer', () => {
  it('is overloaded from 100 % for two hours on, and heavily loaded from 80 %', () => {
    expect(ofArea(overload, steady(gateway(evening(8, 255, 100))))).toMatchObject([
      { kind: 'overload', target: 'T-1', level: 'area', cause: 'overload', from: at(TODAY + 70) },
    ])
    expect(ofArea(overload, steady(gateway(evening(8, 205, 100))))).toMatchObject([{ cause: 'heavy_load', severity: 'info' }])
    expect(ofArea(overload, steady(gateway(evening(8, 205, 100))))[0]!.score).toBeLessThan(0.5)
  })
  it.each([
    ['a peak of an hour and three quarters', 7, 255],
    ['load below 80 %', 20, 180],
  ])('is not, at %s', (_, slots, high) => expect(ofArea(overload, steady(gateway(evening(slots, high, 100))))).toEqual([]))
  it('of unknown rating cannot be judged', () => {
    const fact = { ...frame([]).fact, transformerKva: null }
    expect(ofArea(overload, steady(gateway(() => 900)), { fact })).toEqual([])
  })
})

describe('a contract', () => {
  const commercial = { category: 'commercial', contractKw: 20 }
  it('is exceeded by hours on several days, not by minutes', () => {
    const days = (from: number, slots: number) =>
      meter({ id: 'M', days: 16, fact: commercial, kw: (slot) => (slot >= from * 96 && slot % 96 < slots ? 25 : 5) })
    expect(ofMeter(capacityExceeded, days(12, 10))).toMatchObject([{ kind: 'capacity_exceeded', score: 0.6, from: at(12 * 96) }])
    expect(ofMeter(capacityExceeded, days(15, 10))[0]?.score).toBeLessThan(0.5)
    expect(ofMeter(capacityExceeded, days(12, 7))).toEqual([])
  })
  it('has a closed end: 1.05 times is not beyond it', () => {
    const of = meter({ id: 'M', days: 16, fact: commercial, kw: () => 20 })
    of.imp.fill((1.05 * 20) / 4)
    expect(ofMeter(capacityExceeded, of)).toEqual([])
    of.imp.fill((1.06 * 20) / 4)
    expect(ofMeter(capacityExceeded, of)).toHaveLength(1)
  })
  it('of a home is no alarm', () =>
    expect(ofMeter(capacityExceeded, meter({ id: 'M', days: 16, kw: () => 14 }))[0]?.score).toBeLessThan(0.5))
  it('nobody knows cannot be exceeded', () =>
    expect(ofMeter(capacityExceeded, meter({ id: 'M', days: 16, kw: () => 99, fact: { contractKw: null } }))).toEqual([]))
})

describe('a sudden change of load', () => {
  const wavy = (slot: number) => 100 + 6 * noise(2, slot)
  it('that takes most away is an alarm, at its quarter hour', () => {
    const fall = gateway((slot) => (slot >= TODAY + 40 ? 10 : wavy(slot)))
    expect(ofArea(loadStep, fall)).toMatchObject([{ kind: 'load_step', cause: 'sudden_fall', from: at(TODAY + 40), score: 0.55 }])
  })
  it('that ends beyond the rating is one, below it a place in the list', () => {
    expect(
      ofArea(
        loadStep,
        gateway((slot) => (slot >= TODAY + 40 ? 260 : wavy(slot))),
      ),
    ).toMatchObject([{ cause: 'sudden_rise', score: 0.55 }])
    expect(
      ofArea(
        loadStep,
        gateway((slot) => (slot >= TODAY + 40 ? 190 : wavy(slot))),
      ),
    ).toMatchObject([{ score: 0.4 }])
  })
  it.each([
    [
      'one that comes every day',
      (slot: number) =>
        (slot % 96 >= 40 && slot % 96 < 60 ? 190 : wavy(slot)) + (slot % 96 >= 36 && slot % 96 < 45 ? 120 * noise(8, slot) : 0),
    ],
    ['one where load is always restless', (slot: number) => (slot >= TODAY + 40 ? 190 : 80) + 40 * noise(2, slot)],
    ['one quarter hour', (slot: number) => (slot === TODAY + 40 ? 260 : wavy(slot))],
    ['a small one', (slot: number) => (slot >= TODAY + 40 ? 140 : wavy(slot))],
  ])('is not %s', (_, kw) => expect(ofArea(loadStep, gateway(kw))).toEqual([]))
  it('is not one in a planned outage', () => {
    const fall = gateway((slot) => (slot >= TODAY + 40 ? 0 : wavy(slot)))
    const outage = { from: at(TODAY + 39), to: at(TODAY + 60), ids: null, what: 'planned' }
    expect(ofArea(loadStep, fall, { outages: [outage] })).toEqual([])
  })
})

describe('unbalance', () => {
  it('of a full phase is an alarm, of a light one information, of a house nothing', () => {
    expect(
      ofArea(
        unbalance,
        gateway(() => 240, [0.5, 0.25, 0.25]),
      ),
    ).toMatchObject([{ kind: 'current_unbalance', score: 0.55, numbers: { fullestPhase: 'A' } }])
    expect(
      ofArea(
        unbalance,
        gateway(() => 130, [0.25, 0.5, 0.25]),
      ),
    ).toMatchObject([{ severity: 'info', numbers: { fullestPhase: 'B' } }])
    expect(
      ofArea(
        unbalance,
        gateway(() => 40, [0.5, 0.25, 0.25]),
      ),
    ).toEqual([])
    const house = meter({ id: 'M', days: 16, kw: () => 20, fact: { type: '3P' }, shares: [0.8, 0.1, 0.1] })
    expect(ofMeter(unbalance, house)).toEqual([])
  })
  it('of a balanced area is none', () =>
    expect(
      ofArea(
        unbalance,
        gateway(() => 200),
      ),
    ).toEqual([]))
  it('of voltages is judged by the 95th percentile of the day, and leaves a lost phase to its own rule', () => {
    const of = gateway(() => 50)
    of.u[0]!.fill(222, TODAY)
    of.u[1]!.fill(234, TODAY)
    of.u[2]!.fill(234, TODAY)
    const found = ofArea(unbalance, of)
    expect(found).toMatchObject([{ kind: 'voltage_unbalance', score: 0.55 }])
    of.u[0]!.fill(234, TODAY + 8)
    expect(ofArea(unbalance, of)).toHaveLength(1)
    of.u[0]!.fill(234, TODAY + 4)
    expect(ofArea(unbalance, of)).toEqual([])
  })
})

describe('the power factor of a month', () => {
  const works = (pf: number, standard: number | null, days = 30) => {
    const of = meter({ id: 'M', days, kw: () => 50, fact: { pfStandard: standard, category: 'industry' } })
    of.pf!.fill(pf)
    return ofMeter(lowPowerFactor, of)
  }
  it('under its standard is found with the reactive energy that is too much', () => {
    const [found] = works(0.8, 0.9)
    expect(found).toMatchObject({ kind: 'low_power_factor', numbers: { standard: 0.9, monthMean: 0.8 } })
    const active = Number(found!.numbers.activeKwh)
    expect(Number(found!.numbers.kvarhTooMuch)).toBeCloseTo(active * (Math.tan(Math.acos(0.8)) - Math.tan(Math.acos(0.9))), -2)
  })
  it('is rounded to two decimals, and the standard itself meets it', () => {
    expect(works(0.8951, 0.9)).toEqual([])
    expect(works(0.8949, 0.9)).toHaveLength(1)
  })
  it('leading counts by its amount', () => expect(works(-0.8, 0.9)).toHaveLength(1))
  it('is not judged without a standard, nor in the first days of a month', () => {
    expect(works(0.5, null)).toEqual([])
    expect(works(0.5, 0.9, 9)).toEqual([])
  })
})
