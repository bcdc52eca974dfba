import { describe, expect, it } from 'vitest'
import { energyDisagrees } from '../../../src/anomaly/meter/energy-power.ts'
import { ratesDisagree } from '../../../src/anomaly/meter/rates.ts'
import { stuckValues } from '../../../src/anomaly/meter/values.ts'
import type { Detector } from '../../../src/anomaly/view.ts'
import { viewOf } from './labelled.ts'
import { at, frame, type Made, meter } from './made.ts'

const judge = (detector: Detector, of: Made) => detector.detect(viewOf(frame([of]))).findings

describe('power and register', () => {
  const scaled = (by: number, from = 0) => {
    const of = meter({ id: 'M', days: 12 })
    for (let slot = from; slot < of.p!.length; slot++) of.p![slot] = of.p![slot]! * by
    return of
  }
  it.each([1, 0.95, 1.05])('agree when one is %s of the other, samples being what they are', (by) =>
    expect(judge(energyDisagrees, scaled(by))).toEqual([]),
  )
  it.each([0.7, 1.3])('disagree when one is %s of the other', (by) => {
    const [found] = judge(energyDisagrees, scaled(by))
    expect(found).toMatchObject({ kind: 'energy_disagrees' })
    expect(Number(found!.numbers.ratio)).toBeCloseTo(by, 1)
    expect(found!.kwh!.low).toBeLessThan(found!.kwh!.high)
  })
  it('are not said to disagree when the days contradict each other', () => {
    const of = meter({ id: 'M', days: 12 })
    const factors = [1.5, 0.8, 1.4, 0.9, 1.2, 1.15, 1.3]
    for (let slot = 0; slot < of.p!.length; slot++) of.p![slot] = of.p![slot]! * (factors[(Math.floor(slot / 96) + 2) % 7] ?? 1)
    expect(judge(energyDisagrees, of)).toEqual([])
  })
  it('need most of a week before they are said to', () => {
    expect(judge(energyDisagrees, scaled(0.6, 9 * 96))).toEqual([])
    expect(judge(energyDisagrees, scaled(0.6, 6 * 96))).toHaveLength(1)
  })
  it('are not compared where energy flows back uncounted, nor over gaps', () => {
    const solar = meter({ id: 'M', days: 12, kw: (slot) => (slot % 96 > 36 && slot % 96 < 64 ? -2 : 0.5) })
    expect(judge(energyDisagrees, solar)).toEqual([])
    const little = meter({ id: 'M', days: 12, kw: (slot) => (slot % 96 > 40 && slot % 96 < 57 ? -1 : 0.8) })
    expect(judge(energyDisagrees, little)).toEqual([])
    const gaps = scaled(0.6)
    gaps.known.fill(1)
    expect(judge(energyDisagrees, gaps)).toEqual([])
  })
  it('where only one was multiplied by the ratio: said so', () => {
    const of = meter({ id: 'M', days: 12, fact: { multiplier: 20, type: '3P-CT' }, kw: () => 60 })
    for (let slot = 0; slot < of.p!.length; slot++) of.p![slot] = of.p![slot]! / 20
    expect(judge(energyDisagrees, of)).toMatchObject([{ cause: 'ratio_applied_once_only' }])
  })
})

describe('stuck values', () => {
  const freeze = (reads: number, from = 11 * 96 + 10) => {
    const of = meter({ id: 'M', days: 12 })
    for (const column of [of.p!, of.u[0]!, of.i[0]!]) column.fill(column[from]!, from, from + reads)
    return of
  }
  it('are a place in the list from four reads on, an alarm from sixteen', () => {
    expect(judge(stuckValues, freeze(3))).toEqual([])
    expect(judge(stuckValues, freeze(4))).toMatchObject([
      { score: 0.4, from: at(11 * 96 + 10), to: at(11 * 96 + 14), cause: 'samples_stuck' },
    ])
    expect(judge(stuckValues, freeze(16))).toMatchObject([{ score: 0.7, numbers: { reads: 16 } }])
  })
  it('are followed back over midnight', () =>
    expect(judge(stuckValues, freeze(11 * 96, 96))).toMatchObject([{ from: at(96), to: null, numbers: { reads: 1056 } }]))
  it('are not those of an idle meter', () => {
    const of = meter({ id: 'M', days: 12, kw: () => 0 })
    of.u[0]!.fill(230)
    expect(judge(stuckValues, of)).toEqual([])
  })
})

describe('values that cannot be', () => {
  it.each<[string, (of: Made) => Float32Array, (of: Made, slot: number) => number]>([
    ['a power factor of 1.2', (of) => of.pf!, () => 1.2],
    ['310 V', (of) => of.u[0]!, () => 310],
    ['active power above U × I', (of) => of.p!, (of, slot) => ((230 * of.i[0]![slot]!) / 1000) * 1.5 + 0.5],
    ['current above what the meter carries', (of) => of.i[0]!, () => 80],
  ])('%s: one is a frame, four are an alarm', (_, column, wrong) => {
    const spoilt = (count: number) => {
      const of = meter({ id: 'M', days: 12, kw: () => 2, fact: { ratedA: 60 } })
      for (let slot = 11 * 96 + 4; slot < 11 * 96 + 4 + count; slot++) column(of)[slot] = wrong(of, slot)
      return judge(stuckValues, of)
    }
    expect(spoilt(0)).toEqual([])
    expect(spoilt(1)[0]?.score).toBeLessThan(0.5)
    expect(spoilt(4)).toMatchObject([{ cause: 'impossible_values', score: 0.6 }])
  })
})

describe('tariff registers', () => {
  const rated = (error: (day: number) => number) => {
    const of = meter({ id: 'M', days: 12 })
    const total = Array.from({ length: 12 }, (_, day) => of.faceImp[day * 96 + 95]!)
    of.rates = [0.5, 0.3, 0.2].map((share, rate) => Float64Array.from(total, (face, day) => face * share - (rate === 0 ? error(day) : 0)))
    return judge(ratesDisagree, of)
  }
  it('may be off by a step each', () => {
    expect(rated(() => 0)).toEqual([])
    expect(rated(() => 0.04)).toEqual([])
    expect(rated(() => 0.05)).toHaveLength(1)
  })
  it('are an alarm when the difference grows, and not when it is an old one', () => {
    expect(rated((day) => (day < 5 ? 0 : 2 * (day - 4)))).toMatchObject([
      { cause: 'difference_grows', from: at(5 * 96), numbers: { totalMinusRatesKwh: 14 } },
    ])
    expect(rated(() => 30)).toMatchObject([{ cause: 'difference_stays', score: 0.4 }])
  })
  it('that nobody reads say nothing', () => expect(judge(ratesDisagree, meter({ id: 'M', days: 12 }))).toEqual([]))
})
