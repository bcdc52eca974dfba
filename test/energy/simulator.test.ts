import { describe, expect, it } from 'vitest'
import { compare, type Decimal, decimalText, QUALITY } from '../../src/core/index.ts'
import { deriveEnergy, type EnergyInput, type EnergyInterval, energyFlagNames, type RegisterRead, sumOf } from '../../src/energy/index.ts'
import {
  between,
  CORRECT_CT,
  CORRECTED,
  CT,
  counted,
  curve,
  DAYS,
  END,
  EXCHANGED,
  FACE,
  FALSE_ZEROS,
  face,
  first,
  freezes,
  isSilent,
  QUARTER,
  quarters,
  ROLLS,
  SILENT,
  START,
  truth,
} from './site.ts'

const site = (reads: readonly RegisterRead[], isCorrected: boolean): EnergyInput => ({
  reads,
  meters: [
    { meter: 'OLD', from: 0, to: EXCHANGED, capacity: { raw: 1_000_000, scaler: 0 } },
    { meter: 'NEW', from: EXCHANGED, to: null, capacity: { raw: 1_000_000, scaler: 0 } },
  ],
  ratios: isCorrected
    ? [
        { from: 0, to: CORRECTED, ratio: { raw: CT, scaler: 0 } },
        { from: CORRECTED, to: null, ratio: { raw: CORRECT_CT, scaler: 0 } },
      ]
    : [{ from: 0, to: null, ratio: { raw: CT, scaler: 0 } }],
  exchanges: [{ at: EXCHANGED, oldMeter: 'OLD', newMeter: 'NEW', end: face(first, EXCHANGED), start: { raw: 0, scaler: -2 } }],
  outages: [],
  plausibility: { maxKw: { raw: 40, scaler: 0 }, source: 'the contract capacity' },
})

const text = (interval: EnergyInterval | undefined) =>
  interval?.kwh ? decimalText(interval.kwh.raw, interval.kwh.scaler) : (interval?.kwh ?? null)
const asHundredths = (interval: EnergyInterval) =>
  interval.kwh ? Number(decimalText(interval.kwh.raw, interval.kwh.scaler)).toFixed(2) : null
const sum = (intervals: readonly EnergyInterval[]) => sumOf(intervals.flatMap(({ kwh }) => kwh ?? []))
const expectSame = (found: Decimal, from: number, to: number) =>
  expect(compare(found, { raw: truth(to) - truth(from), scaler: -2 })).toBe(0)

describe('a month with everything in it', () => {
  const input = site([...curve, ...freezes], true)
  const { intervals, findings } = deriveEnergy(input, quarters(START, END))
  const days = deriveEnergy(input, DAYS).intervals

  it('rolls over, as was ordered', () => {
    expect(counted(first, ROLLS - QUARTER) < FACE && counted(first, ROLLS + QUARTER) >= FACE).toBe(true)
  })

  it('equals the truth to the last digit wherever both registers were read', () => {
    const good = (at: number) => !isSilent(at) && !FALSE_ZEROS.includes(at)
    let compared = 0
    for (const interval of intervals) {
      if (!good(interval.from) || !good(interval.to)) continue
      expect(text(interval)).toBe(between(interval.from, interval.to))
      expect(interval.estimatedPpm).toBe(0)
      compared++
    }
    // 28 days and the hour that summer time gives back, less the silent day and four intervals at false zeros.
    expect(intervals).toHaveLength(28 * 96 + 4)
    expect(compared).toBe(28 * 96 + 4 - 98 - 5)
  })

  it('equals the truth for every day and in sum everywhere', () => {
    for (const day of days)
      if (!FALSE_ZEROS.includes(day.from) && !FALSE_ZEROS.includes(day.to)) expect(text(day)).toBe(between(day.from, day.to))
    expectSame(sum(days), START, END)
    expectSame(sum(intervals), START, END)
    for (const [index, day] of days.entries()) {
      const inside = intervals.filter(({ from, to }) => from >= day.from && to <= day.to)
      expect(inside).toHaveLength(index === 14 ? 100 : 96)
      expect(compare(sum(inside), sum([day]))).toBe(0)
    }
  })

  it('knows the total of the silent day and says that its split is a guess', () => {
    const day = days[11]!
    expect(day.from).toBe(SILENT[0])
    expect(day).toMatchObject({ quality: 0, flags: 0, estimatedPpm: 0, coveredPpm: 1_000_000 })
    const inside = intervals.filter(({ from, to }) => from >= SILENT[0] && to <= SILENT[1])
    expect(inside).toHaveLength(96)
    for (const interval of inside) {
      expect(energyFlagNames(interval.flags)).toEqual(['split'])
      expect(interval).toMatchObject({ estimatedPpm: 1_000_000, quality: QUALITY.estimated })
    }
  })

  it('sets the false zeros aside and nothing else', () => {
    expect(findings.map(({ code, at }) => [code, at])).toEqual(FALSE_ZEROS.map((at) => ['read-dip', at]))
  })

  it('marks exchange and rollover where they happened', () => {
    const at = (instant: number) => intervals.find(({ from, to }) => from <= instant && to > instant)
    expect(energyFlagNames(at(EXCHANGED)!.flags)).toEqual(['exchange'])
    expect(energyFlagNames(at(ROLLS)!.flags)).toEqual(['rollover'])
    expect(intervals.filter(({ flags }) => energyFlagNames(flags).includes('rollover'))).toHaveLength(1)
  })
})

describe('before everything was known', () => {
  it('spreads the silent day over its neighbours, and corrects itself when the freezes come', () => {
    const early = deriveEnergy(site(curve, true), DAYS).intervals
    expect(energyFlagNames(early[11]!.flags)).toEqual(['split'])
    expectSame(sum(early.slice(10, 13)), DAYS[10]!, DAYS[13]!)
    const late = deriveEnergy(site([...freezes, ...curve], true), DAYS).intervals
    expect(text(late[11])).toBe(between(DAYS[11]!, DAYS[12]!))
  })

  it('changes with a ratio that is corrected back, from that instant on', () => {
    const wrong = deriveEnergy(site([...curve, ...freezes], false), DAYS).intervals
    const right = deriveEnergy(site([...curve, ...freezes], true), DAYS).intervals
    expect(wrong.slice(0, 17).map(text)).toEqual(right.slice(0, 17).map(text))
    for (const index of [18, 20, 27])
      expect(Number(asHundredths(right[index]!))).toBeCloseTo((Number(asHundredths(wrong[index]!)) * CORRECT_CT) / CT, 6)
    expect(text(right[17])).toBe(between(DAYS[17]!, DAYS[18]!))
  })
})
