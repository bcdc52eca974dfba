import { describe, expect, it } from 'vitest'
import { absencesOf, residualShare } from '../../../src/anomaly/meter/absence.ts'
import { at, frame, household, meter, noise } from './made.ts'

const fridge = (slot: number) => 0.05 + (slot % 5 < 2 ? 0.03 : 0)
const during = (from: number, to: number, otherwise: (slot: number) => number, days = 30) =>
  meter({ id: 'M', days, kw: (slot) => (slot >= from * 96 && slot < to * 96 ? otherwise(slot) : household(4)(slot)) })
const judge = (of: ReturnType<typeof meter>) => absencesOf(frame([of]), of)

describe('an absence', () => {
  it('is a vacation when a fridge runs on and nothing else', () =>
    expect(judge(during(12, 20, fridge))).toMatchObject([{ what: 'absent', from: at(12 * 96), to: at(20 * 96), voltageShare: 1 }]))
  it('goes on while nobody is back', () =>
    expect(judge(during(20, 30, fridge))).toMatchObject([{ what: 'absent', from: at(20 * 96), to: null }]))
  it('is vacant when nothing runs', () => expect(judge(during(9, 30, () => 0))).toMatchObject([{ what: 'vacant', firstDay: 9, to: null }]))
  it('is only "reduced" when the shape stays', () =>
    expect(judge(during(12, 30, (slot) => 0.4 * household(4)(slot)))).toMatchObject([{ what: 'reduced', firstDay: 12 }]))
  it('says whether there was voltage', () => {
    const of = during(12, 20, () => 0)
    of.u[0]!.fill(0, 12 * 96, 20 * 96)
    expect(judge(of)).toMatchObject([{ what: 'vacant', voltageShare: 0 }])
  })
  it('does not end on days nobody read', () => {
    const of = during(12, 20, fridge)
    of.imp.fill(Number.NaN, 14 * 96, 16 * 96)
    expect(judge(of)).toMatchObject([{ firstDay: 12, lastDay: 19 }])
  })
  it.each([
    ['a household', household(4)],
    ['a small household that always uses little', (slot: number) => 0.05 + 0.05 * noise(3, slot)],
    ['a night that is bypassed', (slot: number) => (slot % 96 < 24 || slot % 96 > 88 ? 0 : household(4)(slot))],
    [
      'an hour of cooking a day',
      (slot: number) => (slot >= 12 * 96 && slot < 20 * 96 ? (slot % 96 >= 76 && slot % 96 < 80 ? 2.5 : 0.02) : household(4)(slot)),
    ],
    ['weekends away', (slot: number) => (Math.floor(slot / 96) % 7 === 6 ? fridge(slot) : household(4)(slot))],
  ])('is not %s', (_, kw) => expect(judge(meter({ id: 'M', days: 30, kw }))).toEqual([]))
})

it('what is no longer used and turns up as loss is no absence', () => {
  const [absence] = judge(during(12, 30, fridge))
  const drop = absence!.beforeKwhPerDay - absence!.kwhPerDay
  const residual = (rise: number) => Array.from({ length: 30 }, (_, day) => 5 + noise(1, day) + (day >= 12 ? rise : 0))
  expect(residualShare(absence!, residual(0))).toBeCloseTo(0, 1)
  expect(residualShare(absence!, residual(drop))).toBeCloseTo(1, 1)
  expect(residualShare(absence!, [])).toBeNull()
})
