import { Temporal } from 'temporal-polyfill'
import { describe, expect, it } from 'vitest'
import { Instrument } from '../../simulators/instrument.ts'
import { PERIOD_SLOTS } from '../../simulators/village/load.ts'
import { compare, type Decimal, decimalText, QUALITY } from '../../src/core/index.ts'
import { deriveEnergy, type EnergyInput, type EnergyInterval, energyFlagNames, type RegisterRead, sumOf } from '../../src/energy/index.ts'

/**
 * Four weeks of one three-phase meter in a zone with summer time, in which everything happens that makes energy wrong elsewhere. The
 * truth is the simulator's own integral in watt-seconds.
 */
const ZONE = 'Europe/Berlin'
const QUARTER = 900_000
const local = (text: string) => Temporal.PlainDateTime.from(text).toZonedDateTime(ZONE).epochMilliseconds
const midnights = (from: string, count: number) =>
  Array.from({ length: count + 1 }, (_, day) => Temporal.PlainDate.from(from).add({ days: day }).toZonedDateTime(ZONE).epochMilliseconds)

const START = local('2026-10-11T00:00')
const END = local('2026-11-08T00:00')
const DAYS = midnights('2026-10-11', 28)
const ROLLS = local('2026-10-14T10:07:30')
const EXCHANGED = local('2026-10-19T14:20:00')
const SILENT = [local('2026-10-22T00:00'), local('2026-10-23T00:00')] as const
const CORRECTED = local('2026-10-28T09:00')
const CT = 40
const CORRECT_CT = 60
/** Six digits and two decimals. */
const FACE = 100_000_000n

const trace = () => {
  const slots = (of: (slot: number) => number) => Int32Array.from({ length: PERIOD_SLOTS }, (_, slot) => of(slot))
  const watts = [0, 1, 2].map((phase) => slots((slot) => 400 + ((slot * 7919 + phase * 104_729) % 3_731) + (slot % 96 > 68 ? 2_900 : 0)))
  return {
    watts,
    vars: watts.map((phase) => phase.map((value) => value >> 2)),
    volts: [0, 1, 2].map(() => Int16Array.from({ length: PERIOD_SLOTS }, () => 2300)),
  }
}
const options = { id: '000000000042', seed: 7, trace: trace(), ct: CT }
/** The first meter for ever, and the one that took its place: it starts from zero. */
const first = new Instrument(options)
first.rollAt(ROLLS, 1_000_000 * 3_600_000 * CT)
const second = new Instrument(options)
second.exchange(EXCHANGED)

/** Hundredths of a kWh that have gone through a meter's face, never rolled over. */
const counted = (instrument: Instrument, at: number): bigint => BigInt(instrument.energy(1, 0, 0, at)) / BigInt(36_000 * CT)
const meterAt = (at: number) => (at < EXCHANGED ? first : second)
const face = (instrument: Instrument, at: number) => ({ raw: Number(counted(instrument, at) % FACE), scaler: -2 })

/** Primary hundredths of a kWh from the start, out of the registers a perfect observer would have seen. */
const truth = (at: number): bigint => {
  const secondary = (until: number): bigint =>
    until < EXCHANGED
      ? counted(first, until) - counted(first, START)
      : counted(first, EXCHANGED) - counted(first, START) + counted(second, until) - counted(second, EXCHANGED)
  return at <= CORRECTED
    ? secondary(at) * BigInt(CT)
    : secondary(CORRECTED) * BigInt(CT) + (secondary(at) - secondary(CORRECTED)) * BigInt(CORRECT_CT)
}
const between = (from: number, to: number) => decimalText(truth(to) - truth(from), -2)

const read = (at: number, change: Partial<RegisterRead> = {}): RegisterRead => {
  const instrument = meterAt(at)
  return {
    at,
    receivedAt: at + 2000,
    value: face(instrument, at),
    meter: instrument === first ? 'OLD' : 'NEW',
    source: 'curve',
    quality: 0,
    ...change,
  }
}
const isSilent = (at: number) => at >= SILENT[0] && at <= SILENT[1]
const quarters = (from: number, to: number) => Array.from({ length: (to - from) / QUARTER + 1 }, (_, index) => from + index * QUARTER)

const FALSE_ZEROS = [local('2026-10-16T08:15'), local('2026-10-17T23:45'), local('2026-10-18T00:00')]
const curve = quarters(START, END)
  .filter((at) => !isSilent(at))
  .map((at) => (FALSE_ZEROS.includes(at) ? read(at, { value: { raw: 0, scaler: -2 } }) : read(at)))
/** The freezes of the silent day come two days late. */
const freezes = SILENT.map((at) => read(at, { source: 'day-freeze', receivedAt: at + 2 * 86_400_000 }))

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
