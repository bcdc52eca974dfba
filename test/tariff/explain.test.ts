import { describe, expect, it } from 'vitest'
import { parseDecimal } from '../../src/core/index.ts'
import { type Explainable, explainTiers, type MonthUse, splitTiers, type TierQuestion } from '../../src/tariff/index.ts'

const decimal = (text: string) => parseDecimal(text) ?? expect.fail(`${text} is no number`)
const use = (month: string, kwh: string | null): MonthUse => ({
  ...{ month, lastMonth: month, kwh: kwh === null ? null : decimal(kwh), estimatedPpm: 0, source: 'energy' },
  notes: kwh === null ? [{ zh: '没有示数', en: 'no register was read' }] : [],
})
const explained = (months: readonly MonthUse[], change: Partial<TierQuestion> = {}, about: Partial<Explainable> = {}) => {
  const rules = { countFrom: 'registered', begunMonth: 'whole', allowance: 'to-date', ...change.rules } as const
  const versions = [{ from: '2020-01-01', upTo: [decimal('180')] }]
  const split = splitTiers({
    ...{ year: 2026, until: '2026-12-31', ended: null, versions, months },
    beginnings: { registered: '2026-12-08', energised: '2026-10-02', firstSeen: null },
    ...change,
    rules,
  })
  if (!split.ok) expect.fail(split.error.message)
  return explainTiers({
    ...{ customer: 'C-1', points: ['P-12'], year: 2026, from: '2026-10-02', until: '2026-12-31', rules, months, split: split.value },
    table: { zh: '居民阶梯', en: 'residential', source: 'example', versions },
    registers: [
      {
        ...{ point: 'P-12', meter: 'M-12', multiplier: '1', difference: '430.00', kwh: '430.00' },
        ...{ from: { day: '2026-10-02', register: '0.00', read: true }, to: { day: '2026-12-31', register: '430.00', read: true } },
      },
    ],
    ...about,
  })
}
const of = (lines: ReturnType<typeof explainTiers>, topic: string, language: 'zh' | 'en') =>
  lines.filter((line) => line.topic === topic).map((line) => line[language])

const MONTHS = [use('2026-10', '120.00'), use('2026-11', '150.00'), use('2026-12', '160.00')]

describe('the worked example, read out', () => {
  const lines = explained(MONTHS)
  it('in English', () => {
    expect(lines.map(({ en }) => en)).toEqual([
      'Customer C-1, metering point P-12: tiers of 2026, energy from 2 October 2026 to 31 December 2026.',
      'Point P-12, meter M-12: register on 2 October 2026 0.00, on 31 December 2026 430.00; difference 430.00, times multiplier 1, is 430.00 kWh.',
      'Used by month: October 2026 120.00 kWh, November 2026 150.00 kWh, December 2026 160.00 kWh; in total 430.00 kWh, none of it estimated.',
      'Standard (residential): since 1 January 2020 tier one up to 180 kWh a month, tier two above. Source: example.',
      'Months are counted from the registration in the ledger (8 December 2026): this is the rule of this utility; a month that is only begun counts as a whole one. That makes 1 month (December 2026).',
      'Allowance of 1 month: tier one reaches up to 180 kWh. The result: 180 kWh in tier one, 250.00 kWh in tier two.',
      'Counted from the energising (2 October 2026) it is 3 months, tier one reaches up to 540 kWh; 430.00 kWh in tier one, none in tier two.',
      'The last tier is reached.',
    ])
  })
  it('in Chinese', () => {
    expect(lines.map(({ zh }) => zh)).toEqual([
      '户号C-1，计量点P-12，2026年阶梯电量，电量统计自2026年10月2日至2026年12月31日。',
      '计量点P-12，电能表M-12：起2026年10月2日示数0.00，止2026年12月31日示数430.00，差值430.00，乘以倍率1，电量430.00千瓦时。',
      '各月电量：2026年10月120.00千瓦时、2026年11月150.00千瓦时、2026年12月160.00千瓦时；合计430.00千瓦时，无估算。',
      '执行标准（居民阶梯）：自2020年1月1日起，第一档每月180千瓦时及以下、超过部分为第二档。依据：example。',
      '使用月数自建档之日（2026年12月8日）起计算：这是本供电单位规定的计算方式；不足一个月的按一个月计算。共1个月（2026年12月）。',
      '1个月的分档电量：第一档上限180千瓦时。结果：第一档180千瓦时、第二档250.00千瓦时。',
      '若自送电之日（2026年10月2日）起计算，为3个月，第一档上限540千瓦时；第一档430.00千瓦时、第二档无电量。',
      '已进入最高一档。',
    ])
  })
})

describe('what is not known', () => {
  it('is named and nothing is split', () => {
    const lines = explained([use('2026-10', '120.00'), use('2026-11', null), use('2026-12', '160.00')])
    expect(of(lines, 'missing', 'en')).toEqual([
      'The energy of November 2026 is not known, which is not zero, so nothing is split; the other months have 280.00 kWh (no register was read).',
    ])
    expect(of(lines, 'missing', 'zh')).toEqual(['2026年11月的电量未知，未知不等于零，因此不能分档；其余月份合计280.00千瓦时（没有示数）。'])
    expect(of(lines, 'split', 'en')[0]).toMatch(/how much lies in each tier is not known/)
    expect(of(lines, 'next', 'zh')).toEqual(['距下一档还有多少电量，目前无法得出。'])
  })
  it('of every month is told in one breath, and no sum of nothing', () => {
    const noted = (month: string) => ({ ...use(month, null), notes: [{ zh: `${month}没有示数`, en: `${month} was not read` }] })
    const lines = explained(['2026-08', '2026-10', '2026-11', '2026-12'].map(noted))
    expect(of(lines, 'missing', 'zh')).toEqual([
      '2026年8月、2026年10月至2026年12月的电量未知，未知不等于零，因此不能分档（2026-08没有示数、2026-10没有示数、2026-11没有示数等，详见各月电量）。',
    ])
    expect(of(lines, 'missing', 'en')[0]).not.toContain(' 0 kWh')
  })
  it('of the whole time is not zero', () => {
    expect(of(explained([]), 'missing', 'en')).toEqual(['No energy is known of that time; not known is not zero.'])
  })
})

it('says why another day stands in, and that a count without months splits nothing', () => {
  const beginnings = { registered: '2027-01-05', energised: null, firstSeen: null }
  const lines = explained(MONTHS, { beginnings, rules: { countFrom: 'energised', begunMonth: 'by-day', allowance: 'year' } })
  expect(of(lines, 'rule', 'en')[0]).toMatch(/never written down.*counts by its days. That makes 0 months\.$/)
  expect(of(lines, 'split', 'zh')[0]).toMatch(/没有使用月份/)
})
