import { describe, expect, it } from 'vitest'
import { hiddenExportKwh, unregisteredPv } from '../../../src/anomaly/meter/solar.ts'
import { viewOf } from './labelled.ts'
import { at, frame, household, type Made, meter, noise, START } from './made.ts'

const FROM = 6 * 96
/** A sky all plants see; cloudy days yield little. */
const sun = (slot: number) => {
  const hour = (slot % 96) / 4
  const day = Math.floor(slot / 96)
  return Math.max(0, Math.sin(((hour - 7) / 11) * Math.PI)) * (hour > 7 && hour < 18 ? 1 : 0) * (0.3 + 0.6 * noise(9, day))
}
const plant = (kwp: number, from = FROM, more: Partial<Made['fact']> = {}, hasExport = false, id = 'M') =>
  meter({ id, days: 16, kw: (slot) => household(3)(slot) - (slot >= from ? kwp * sun(slot) : 0), fact: more, hasExport })
const judge = (...meters: readonly Made[]) => unregisteredPv.detect(viewOf(frame(meters))).findings
const fedIn = (of: Made, kwp: number) => {
  let sum = 0
  for (let slot = FROM; slot < of.imp.length; slot++) sum += Math.max(0, kwp * sun(slot) - household(3)(slot)) / 4
  return sum
}

describe('a plant nobody registered', () => {
  it('is found by negative power, with its beginning and what it fed in', () => {
    const of = plant(5)
    const [found, ...others] = judge(of)
    expect(others).toEqual([])
    expect(found).toMatchObject({ kind: 'unregistered_pv', target: 'M', to: null, cause: 'negative_power' })
    expect(found!.from - at(FROM)).toBeLessThan(11 * 3_600_000)
    expect(found!.from).toBeGreaterThanOrEqual(at(FROM))
    expect(Math.abs(found!.kwh!.value / -fedIn(of, 5) - 1)).toBeLessThan(0.05)
  })
  it('is found by its export register alone', () => {
    const of = plant(5, FROM, {}, true)
    of.p = null
    expect(judge(of)).toMatchObject([{ kind: 'unregistered_pv', cause: 'export_register_moves' }])
  })
  it('has its size from registered plants under the same sky', () => {
    const registered = plant(4, 0, { solar: { kwp: 4, since: START } }, true, 'R')
    const [found] = judge(plant(6), registered)
    expect(Number(found!.numbers.estimatedKwp)).toBeGreaterThan(5)
    expect(Number(found!.numbers.estimatedKwp)).toBeLessThan(7.5)
  })
  it('stays while clouds let nothing out, two weeks', () => {
    const of = plant(5)
    of.p!.fill(0.4, 8 * 96)
    expect(judge(of)).toHaveLength(1)
    const long = meter({
      id: 'M',
      days: 30,
      kw: (slot) => (slot < 10 * 96 && slot % 96 === 48 ? 0.2 : 0.4 - (slot < 10 * 96 ? 3 * sun(slot) : 0)),
    })
    expect(judge(long)).toEqual([])
  })
  it('whose register turns back is said so', () => {
    const of = plant(5)
    for (let slot = FROM; slot < of.faceImp.length; slot++) of.faceImp[slot] = of.faceImp[slot - 1]! + of.p![slot]! / 4
    expect(judge(of)).toMatchObject([{ cause: 'register_counts_backwards' }])
  })
})

describe('what is no unregistered plant', () => {
  it('a registered one', () => expect(judge(plant(5, FROM, { solar: { kwp: 5, since: at(FROM) } }, true))).toEqual([]))
  it('one registered after a week had a week without', () =>
    expect(judge(plant(5, FROM, { solar: { kwp: 5, since: at(FROM + 5 * 96) } }, true))).toHaveLength(1))
  it('a house', () => expect(judge(meter({ id: 'M', days: 16 }))).toEqual([]))
  it('one wild sample', () => {
    const of = meter({ id: 'M', days: 16 })
    of.p![15 * 96 + 50] = -8
    expect(judge(of)).toEqual([])
  })
  it('the meter of the area, through which others feed back', () =>
    expect(unregisteredPv.detect(viewOf(frame([], { gateways: [plant(5)], slots: 16 * 96 }))).findings).toEqual([]))
  it('power that flows back at night too: that is wiring or a battery', () => {
    const of = meter({ id: 'M', days: 16 })
    for (let slot = FROM; slot < of.p!.length; slot++) of.p![slot] = -of.p![slot]!
    expect(judge(of)).toMatchObject([{ kind: 'reverse_energy' }])
  })
})

it('what a plant feeds in unseen can be asked slot by slot, and never twice', () => {
  const of = plant(5)
  const area = frame([of])
  const noon = 10 * 96 + 50
  expect(hiddenExportKwh(area, of, noon)).toBeCloseTo(-of.p![noon]! / 4)
  expect(hiddenExportKwh(area, of, 10 * 96)).toBe(0)
  const counted = plant(5, FROM, {}, true)
  expect(hiddenExportKwh(frame([counted]), counted, noon)).toBe(0)
})
