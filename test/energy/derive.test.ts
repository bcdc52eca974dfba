import { describe, expect, it } from 'vitest'
import { type Decimal, decimalText, parseDecimal, QUALITY, type Source } from '../../src/core/index.ts'
import {
  deriveEnergy,
  type EnergyInput,
  type EnergyInterval,
  energyFlagNames,
  type MeterPeriod,
  type RegisterRead,
} from '../../src/energy/index.ts'

const T0 = Date.parse('2026-03-01T00:00:00Z')
const HOUR = 3_600_000
const DAY = 24 * HOUR
const at = (hours: number) => T0 + hours * HOUR
const decimal = (text: string): Decimal => parseDecimal(text)!

const read = (hours: number, value: string, change: Partial<RegisterRead> & { source?: Source } = {}): RegisterRead => ({
  at: at(hours),
  receivedAt: at(hours) + 1000,
  value: decimal(value),
  meter: 'M1',
  source: 'curve',
  quality: 0,
  ...change,
})
const meter = (change: Partial<MeterPeriod> = {}): MeterPeriod => ({
  meter: 'M1',
  from: T0 - 100 * DAY,
  to: null,
  capacity: decimal('1000000'),
  ...change,
})
const site = (reads: readonly RegisterRead[], change: Partial<EnergyInput> = {}): EnergyInput => ({
  reads,
  meters: [meter()],
  ratios: [{ from: 0, to: null, ratio: decimal('1') }],
  exchanges: [],
  outages: [],
  plausibility: { maxKw: decimal('20'), source: 'the contract' },
  ...change,
})
const text = (value: Decimal | null) => (value === null ? null : decimalText(value.raw, value.scaler))
const figures = (intervals: readonly EnergyInterval[]) => intervals.map(({ kwh }) => text(kwh))
const flags = (interval: EnergyInterval | undefined) => energyFlagNames(interval?.flags ?? 0)
const derive = (input: EnergyInput, hours: readonly number[], evidence = false) => deriveEnergy(input, hours.map(at), { evidence })

describe('between reads', () => {
  it('multiplies the register difference by the ratio, digit for digit', () => {
    const { intervals, findings } = derive(
      site([read(0, '100.10'), read(1, '100.30'), read(2, '100.60')], {
        ratios: [{ from: 0, to: null, ratio: decimal('80') }],
        plausibility: { maxKw: decimal('100'), source: 'the contract' },
      }),
      [0, 1, 2],
    )
    expect(figures(intervals)).toEqual(['16.00', '24.00'])
    expect(intervals.map(({ quality, flags, estimatedPpm, coveredPpm }) => [quality, flags, estimatedPpm, coveredPpm])).toEqual([
      [0, 0, 0, 1_000_000],
      [0, 0, 0, 1_000_000],
    ])
    expect(findings).toEqual([])
  })

  it('splits evenly between two registers and keeps the sum', () => {
    const { intervals } = derive(site([read(0, '10.00'), read(1, '11.00')]), [0, 1 / 3, 2 / 3, 1])
    expect(figures(intervals)).toEqual(['0.33333', '0.33333', '0.33334'])
    expect(intervals.map((interval) => [flags(interval), interval.estimatedPpm])).toEqual(Array(3).fill([['split'], 1_000_000]))
  })

  it('says which share was split', () => {
    const { intervals } = derive(site([read(0, '10.00'), read(3, '13.00'), read(5, '15.00')]), [0, 4])
    expect(figures(intervals)).toEqual(['4.00'])
    expect(intervals[0]).toMatchObject({ estimatedPpm: 250_000, quality: QUALITY.estimated, coveredPpm: 1_000_000 })
  })

  it('needs no guess where nothing was used', () => {
    const { intervals } = derive(site([read(0, '10.00'), read(10, '10.00')]), [0, 3, 10])
    expect(figures(intervals)).toEqual(['0.00', '0.00'])
    expect(intervals.map(({ quality, flags }) => quality | flags)).toEqual([0, 0])
  })

  it('follows the shape of other days in a longer gap', () => {
    const shape = [
      { from: at(0), to: at(6), rate: 1 },
      { from: at(6), to: at(12), rate: 3 },
    ]
    expect(figures(derive(site([read(0, '10.00'), read(12, '18.00')], { shape }), [0, 6, 12]).intervals)).toEqual(['2.00', '6.00'])
    // A short one is spread evenly.
    const short = [{ from: at(0), to: at(2), rate: 9 }]
    expect(figures(derive(site([read(0, '10.00'), read(2, '12.00')], { shape: short }), [0, 1, 2]).intervals)).toEqual(['1.00', '1.00'])
  })

  it('uses nothing while the power was off', () => {
    const { intervals } = derive(site([read(0, '10.00'), read(4, '12.00')], { outages: [{ from: at(1), to: at(3) }] }), [0, 1, 3, 4])
    expect(figures(intervals)).toEqual(['1.00', '0.00', '1.00'])
    expect(flags(intervals[1])).toContain('power-off')
    expect(flags(intervals[0])).not.toContain('power-off')
  })

  it('measures what lies between two reads, whatever was made up between them', () => {
    const made = read(24, '30.00', { source: 'estimated', quality: QUALITY.estimated })
    const given = site([read(0, '10.00'), made, read(48, '70.00'), read(72, '80.00')])
    // The made-up register cancels out: what counts is read at both ends.
    const { intervals } = derive(given, [0, 72])
    expect(intervals[0]).toMatchObject({ kwh: decimal('70.00'), estimatedPpm: 0, quality: 0, flags: 0 })
    // It does not where one asks up to it, or where the ratio changed beside it.
    expect(derive(given, [0, 24, 72]).intervals.map(({ estimatedPpm }) => estimatedPpm)).toEqual([1_000_000, 800_000])
    const ratios = [
      { from: 0, to: at(24), ratio: decimal('1') },
      { from: at(24), to: null, ratio: decimal('2') },
    ]
    expect(derive({ ...given, ratios }, [0, 72]).intervals[0]).toMatchObject({ estimatedPpm: 833_333, quality: QUALITY.estimated })
  })
})

describe('two reads of one instant', () => {
  it('takes the better source and names both', () => {
    const reads = [
      read(0, '100.00', { source: 'day-freeze' }),
      read(24, '110.00', { source: 'live' }),
      read(24, '112.00', { source: 'day-freeze' }),
      read(24, '111.00', { source: 'manual' }),
    ]
    const { intervals, findings } = derive(site(reads), [0, 24])
    expect(figures(intervals)).toEqual(['12.00'])
    expect(findings.map(({ code, before, after }) => [code, before?.source, text(after!.value)])).toEqual([
      ['read-conflict', 'day-freeze', '110.00'],
      ['read-conflict', 'day-freeze', '111.00'],
    ])
  })

  it('finds no conflict between four digits and two', () => {
    const reads = [read(0, '0.00'), read(24, '12.3456', { source: 'day-freeze' }), read(24, '12.34', { source: 'curve' })]
    const { intervals, findings } = derive(site(reads), [0, 24])
    expect(findings).toEqual([])
    expect(figures(intervals)).toEqual(['12.3456'])
  })

  it('uses a doubtful clock only where no other read is near, and says so', () => {
    const doubtful = read(0.5, '99.00', { quality: QUALITY.clockDoubtful })
    expect(derive(site([read(0, '1.00'), doubtful, read(1, '2.00')]), [0, 1]).findings).toEqual([])
    const { intervals } = derive(site([read(0, '1.00'), read(24, '5.00', { quality: QUALITY.clockDoubtful })]), [0, 24])
    expect(intervals[0]).toMatchObject({ quality: QUALITY.clockDoubtful })
    expect(figures(intervals)).toEqual(['4.00'])
  })

  it('never uses what was quarantined when it came', () => {
    const { intervals } = derive(site([read(0, '1.00'), read(1, '3.00', { quality: QUALITY.quarantined }), read(2, '3.00')]), [0, 1, 2])
    expect(figures(intervals)).toEqual(['1.00', '1.00'])
  })
})

describe('what cannot be true', () => {
  it('sets a false zero aside', () => {
    const { intervals, findings } = derive(site([read(0, '100.00'), read(1, '0.00'), read(2, '102.00')]), [0, 1, 2])
    expect(figures(intervals)).toEqual(['1.00', '1.00'])
    expect(findings).toMatchObject([{ code: 'read-dip', at: at(1) }])
    expect(flags(intervals[1])).toContain('read-quarantined')
  })

  it('sets a row of false zeros aside once the register is back', () => {
    const zeros = Array.from({ length: 20 }, (_, index) => read(1 + index, '0.00'))
    const { intervals, findings } = derive(site([read(0, '100.00'), ...zeros, read(21, '121.00')]), [0, 21])
    expect(figures(intervals)).toEqual(['21.00'])
    expect(findings).toHaveLength(20)
  })

  it('never takes a false zero of a full register for a rollover', () => {
    const { intervals, findings } = derive(site([read(0, '999999.00'), read(1, '0.00'), read(2, '999999.90')]), [0, 2])
    expect(figures(intervals)).toEqual(['0.90'])
    expect(findings).toMatchObject([{ code: 'read-dip' }])
  })

  it('sets a jump aside that comes back, also at the end', () => {
    const { findings } = derive(site([read(0, '100.00'), read(1, '800.00'), read(2, '101.00')]), [0, 2])
    expect(findings.map(({ code, would, note }) => [code, text(would), note])).toEqual([
      ['read-jump', '700.00', 'more than 20 kW, which is the contract'],
    ])
    expect(figures(derive(site([read(0, '100.00'), read(1, '101.00'), read(2, '800.00')]), [0, 1, 2]).intervals)).toEqual(['1.00', null])
  })

  it('never books a jump that stays', () => {
    const { intervals, findings } = derive(site([read(0, '100.00'), read(1, '101.00'), read(2, '800.00'), read(3, '801.00')]), [0, 1, 2, 3])
    expect(figures(intervals)).toEqual(['1.00', null, '1.00'])
    expect(flags(intervals[1])).toEqual(['increment-quarantined'])
    expect(findings).toMatchObject([{ code: 'increment-quarantined', at: at(2) }])
    expect(text(findings[0]!.would)).toBe('699.00')
  })

  it('does not bridge a register that fell and stays low', () => {
    const { intervals, findings } = derive(site([read(0, '500.00'), read(1, '501.00'), read(2, '3.00'), read(3, '4.50')]), [0, 1, 2, 3])
    expect(figures(intervals)).toEqual(['1.00', null, '1.50'])
    expect(flags(intervals[1])).toEqual(['register-reset'])
    expect(findings).toMatchObject([{ code: 'register-reset', at: at(2) }])
  })

  it('refuses a register that no face can show', () => {
    const { intervals, findings } = derive(site([read(0, '1.00'), read(1, '1000000'), read(2, '3.00')]), [0, 2])
    expect(figures(intervals)).toEqual(['2.00'])
    expect(findings).toMatchObject([{ code: 'read-impossible' }])
  })
})

describe('rollover', () => {
  it('goes on past the capacity', () => {
    const { intervals, findings } = derive(site([read(0, '999998.50'), read(1, '999999.90'), read(2, '1.10')]), [0, 1, 1.5, 2], true)
    expect(figures(intervals)).toEqual(['1.40', '0.60', '0.60'])
    expect(flags(intervals[2])).toContain('rollover')
    expect(findings).toEqual([])
    expect(text(intervals[1]!.evidence!.end!.register)).toBe('0.50')
  })

  it('is none where the use would be impossible', () => {
    const { intervals, findings } = derive(site([read(0, '999899.00'), read(1, '999900.00'), read(2, '5.00'), read(3, '5.50')]), [1, 2, 3])
    expect(figures(intervals)).toEqual([null, '0.50'])
    expect(findings).toMatchObject([{ code: 'register-reset' }])
  })

  it('is none far from the last digit, whoever knows what is possible', () => {
    const reads = [read(0, '599999.00'), read(1, '600000.00'), read(2, '5.00'), read(3, '5.50')]
    const { intervals } = derive(site(reads, { plausibility: { maxKw: null, source: 'nobody' } }), [1, 2, 3])
    expect(figures(intervals)).toEqual([null, '0.50'])
  })

  it('is none of a register of unknown width', () => {
    const { intervals } = derive(
      site([read(-1, '999999.80'), read(0, '999999.90'), read(1, '1.10'), read(2, '2.00')], { meters: [meter({ capacity: null })] }),
      [0, 1, 2],
    )
    expect(figures(intervals)).toEqual([null, '0.90'])
  })

  it('goes past 2^32 of a binary counter', () => {
    const capacity = { raw: 4_294_967_296, scaler: -2 }
    const { intervals } = derive(site([read(0, '42949672.90'), read(1, '0.05')], { meters: [meter({ capacity })] }), [0, 1])
    expect(figures(intervals)).toEqual(['0.11'])
  })
})

describe('exchange and ratio', () => {
  const two = [meter({ to: at(1.5) }), meter({ meter: 'M2', from: at(1.5) })]
  const reads = [read(0, '500.00'), read(1, '501.00'), read(2, '10.30', { meter: 'M2' }), read(3, '11.30', { meter: 'M2' })]

  it('adds the rest of the old meter and the beginning of the new one', () => {
    const exchanges = [{ at: at(1.5), oldMeter: 'M1', newMeter: 'M2', end: decimal('501.40'), start: decimal('10.00') }]
    const { intervals } = derive(site(reads, { meters: two, exchanges }), [0, 1, 2, 3], true)
    expect(figures(intervals)).toEqual(['1.00', '0.70', '1.00'])
    expect(intervals[1]).toMatchObject({ estimatedPpm: 0, quality: 0 })
    expect(flags(intervals[1])).toEqual(['exchange'])
    expect(intervals[1]!.evidence!.segments.map(({ meter, delta }) => [meter, text(delta)])).toEqual([
      ['M1', '0.40'],
      ['M2', '0.30'],
    ])
  })

  it('is unknown without registers, and estimated when reads are near', () => {
    const exchanges = [{ at: at(1.5), oldMeter: 'M1', newMeter: 'M2', end: null, start: decimal('10.00') }]
    const input = site(reads, { meters: two, exchanges, bracketMs: 0.1 * HOUR })
    expect(figures(derive(input, [0, 1, 2, 3]).intervals)).toEqual(['1.00', null, '1.00'])
    expect(flags(derive(input, [1, 2]).intervals[0])).toEqual(['exchange', 'exchange-register-missing'])
    const near = derive(site(reads, { meters: two, exchanges }), [0, 1, 2, 3]).intervals
    expect(figures(near)).toEqual(['1.00', '0.80', '1.00'])
    expect(near[1]).toMatchObject({ quality: QUALITY.estimated, estimatedPpm: 625_000 })
  })

  it('applies each ratio to what flowed under it', () => {
    const ratios = [
      { from: 0, to: at(1), ratio: decimal('40') },
      { from: at(1), to: null, ratio: decimal('60') },
    ]
    const reads = [read(0, '1.00'), read(1, '1.50'), read(2, '2.00')]
    const limit = { plausibility: { maxKw: null, source: 'nobody' } }
    expect(figures(derive(site(reads, { ratios, ...limit }), [0, 2]).intervals)).toEqual(['50.00'])
    // Without a register at the change it is interpolated, and that is said.
    const [interval] = derive(site([reads[0]!, reads[2]!], { ratios, ...limit }), [0, 2]).intervals
    expect(text(interval!.kwh)).toBe('50.00')
    expect(flags(interval)).toEqual(['estimated', 'ratio-change'])
    expect(interval).toMatchObject({ estimatedPpm: 1_000_000 })
    expect(figures(derive(site([reads[0]!, reads[2]!], { ratios, ...limit }), [0, 0.5, 1.5, 2]).intervals)).toEqual([
      '10.00',
      '25.00',
      '15.00',
    ])
  })

  it('takes the registers of a CT exchange for both sides', () => {
    const ratios = [
      { from: 0, to: at(1.5), ratio: decimal('40') },
      { from: at(1.5), to: null, ratio: decimal('60') },
    ]
    const exchanges = [{ at: at(1.5), oldMeter: 'M1', newMeter: 'M1', end: decimal('1.60'), start: null }]
    const [interval] = derive(
      site([read(1, '1.50'), read(2, '2.00')], { ratios, exchanges, plausibility: { maxKw: null, source: '' } }),
      [1, 2],
    ).intervals
    expect(text(interval!.kwh)).toBe('28.00')
    expect(interval).toMatchObject({ estimatedPpm: 0, quality: 0 })
  })

  it('is unknown while the ledger has no ratio', () => {
    const { intervals } = derive(site([read(0, '1.00'), read(1, '2.00')], { ratios: [] }), [0, 1])
    expect(figures(intervals)).toEqual([null])
    expect(flags(intervals[0])).toEqual(['no-ratio'])
  })
})

describe('no register', () => {
  it('is missing, not zero, before the first and after the last read', () => {
    const { intervals } = derive(site([read(1, '1.00'), read(2, '2.00')]), [0, 1, 2, 3])
    expect(figures(intervals)).toEqual([null, '1.00', null])
    expect([intervals[0], intervals[2]].map(flags)).toEqual([['missing'], ['missing']])
    expect(intervals[0]).toMatchObject({ coveredPpm: 0 })
  })

  it('is unknown where no meter hangs, and what a part of the interval used is not lost', () => {
    const exchanges = [{ at: at(1.5), oldMeter: 'M1', newMeter: null, end: decimal('3.00'), start: null }]
    const { intervals } = derive(site([read(0, '1.00'), read(1, '2.00')], { meters: [meter({ to: at(1.5) })], exchanges }), [0, 1, 2, 3])
    expect(figures(intervals)).toEqual(['1.00', '1.00', null])
    expect(flags(intervals[2])).toEqual(['no-meter'])
    expect(intervals[1]).toMatchObject({ quality: QUALITY.partial, coveredPpm: 500_000 })
  })

  it('averages similar days when asked, never below zero, and gives way to the read', () => {
    const estimateOpen = () => [decimal('4.00'), decimal('5.00'), decimal('4.00'), decimal('6.00')]
    const { intervals } = derive(site([read(0, '1.00'), read(24, '5.00')], { estimateOpen }), [0, 24, 48])
    expect(figures(intervals)).toEqual(['4.00', '4.75'])
    expect(intervals[1]).toMatchObject({ estimatedPpm: 1_000_000, quality: QUALITY.estimated, coveredPpm: 0 })
    expect(flags(intervals[1])).toEqual(['estimated'])
    const negative = derive(site([read(0, '1.00')], { estimateOpen: () => [decimal('-3')] }), [0, 24])
    expect(figures(negative.intervals)).toEqual(['0.00'])
    const later = derive(site([read(0, '1.00'), read(24, '5.00'), read(48, '8.00')], { estimateOpen }), [0, 24, 48])
    expect(figures(later.intervals)).toEqual(['4.00', '3.00'])
  })
})
