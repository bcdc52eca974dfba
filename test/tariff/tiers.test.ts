import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compare, type Decimal, decimalText, parseDecimal, subtract } from '../../src/core/index.ts'
import { type Beginnings, daysIn, type MonthUse, splitTiers, type TierQuestion, type TierRules } from '../../src/tariff/index.ts'

const decimal = (text: string) => parseDecimal(text) ?? expect.fail(`${text} is no number`)
const text = (value: { raw: number | bigint; scaler: number } | null) => value && decimalText(value.raw, value.scaler)
const use = (month: string, kwh: string | null, estimatedPpm = 0): MonthUse => ({
  ...{ month, lastMonth: month, kwh: kwh === null ? null : decimal(kwh), estimatedPpm, source: 'energy', notes: [] },
})
const version = (from: string, ...upTo: string[]) => ({ from, upTo: upTo.map(decimal) })
const NOBODY: Beginnings = { registered: null, energised: null, firstSeen: null }
const RULES: TierRules = { countFrom: 'registered', begunMonth: 'whole', allowance: 'to-date' }

const question = (change: Partial<TierQuestion> = {}): TierQuestion => ({
  ...{
    year: 2026,
    until: '2026-12-31',
    ended: null,
    beginnings: NOBODY,
    rules: RULES,
    versions: [version('2020-01-01', '180')],
    months: [],
  },
  ...change,
})
const split = (change: Partial<TierQuestion>) => {
  const done = splitTiers(question(change))
  if (!done.ok) expect.fail(done.error.message)
  const { counts, ...whole } = done.value
  return {
    ...whole,
    counts: counts.map(({ from, monthCount, upTo, tiers, next }) => ({
      ...{ from, months: text(monthCount), upTo: upTo.map(text), tiers: tiers.map(({ kwh }) => text(kwh)) },
      next: next && { tier: next.tier, left: text(next.left) },
    })),
  }
}

/** The published dispute: installed in October, registered in December, 430 kWh settled at once. */
const DISPUTE = {
  beginnings: { registered: '2026-12-08', energised: '2026-10-02', firstSeen: '2026-10-02' },
  months: [use('2026-10', '120'), use('2026-11', '150'), use('2026-12', '160')],
}

describe('the worked example', () => {
  it('gives both counts and says which rule is in force', () => {
    expect(split(DISPUTE)).toMatchObject({
      ...{ inForce: 'registered', why: 'configured', differ: true, missing: [] },
      counts: [
        { from: 'registered', months: '1', upTo: ['180'], tiers: ['180', '250'], next: null },
        { from: 'energised', months: '3', upTo: ['540'], tiers: ['430', '0'], next: { tier: 2, left: '110' } },
      ],
    })
    expect(text(split(DISPUTE).kwh)).toBe('430')
  })
  it('takes the other count where the rule is another one', () => {
    expect(split({ ...DISPUTE, rules: { ...RULES, countFrom: 'energised' } })).toMatchObject({ inForce: 'energised', why: 'configured' })
  })
  it('counts from the first reading where nobody wrote down the energising', () => {
    const beginnings = { ...DISPUTE.beginnings, energised: null }
    expect(split({ ...DISPUTE, beginnings })).toMatchObject({
      inForce: 'registered',
      counts: [{ months: '1' }, { from: 'first-seen', months: '3' }],
    })
    expect(split({ ...DISPUTE, beginnings, rules: { ...RULES, countFrom: 'first-seen' } })).toMatchObject({ inForce: 'first-seen' })
    expect(split({ ...DISPUTE, beginnings, rules: { ...RULES, countFrom: 'energised' } })).toMatchObject({
      inForce: 'registered',
      why: 'not-known',
    })
  })
  it('takes no first reading that came after the registration: it says when the gateway began to look', () => {
    const beginnings = { registered: null, energised: null, firstSeen: '2026-08-01' }
    expect(split({ beginnings, rules: { ...RULES, countFrom: 'first-seen' } })).toMatchObject({
      ...{ inForce: 'registered', why: 'earliest', differ: false },
      counts: [{ from: 'registered', months: '12' }],
    })
  })
})

describe('three tiers', () => {
  const versions = [version('2020-01-01', '180', '280')]
  it('fills one after the other', () => {
    expect(split({ ...DISPUTE, versions }).counts[0]).toMatchObject({ upTo: ['180', '280'], tiers: ['180', '100', '150'], next: null })
  })
  it('says what is left until the next one, at the limit itself nothing of the next', () => {
    const at = (kwh: string) => split({ versions, until: '2026-01-31', months: [use('2026-01', kwh)] }).counts[0]
    expect(at('179.99')).toMatchObject({ tiers: ['179.99', '0', '0'], next: { tier: 2, left: '0.01' } })
    expect(at('180.00')).toMatchObject({ tiers: ['180.00', '0', '0'], next: { tier: 3, left: '100.00' } })
    expect(at('180.01')).toMatchObject({ tiers: ['180', '0.01', '0'], next: { tier: 3, left: '99.99' } })
  })
  it('adds up to the energy, whatever it is', () => {
    fc.assert(
      fc.property(fc.nat(9_000_000), fc.integer({ min: 1, max: 12 }), (raw, months) => {
        const done = splitTiers(
          question({
            versions,
            until: `2026-${String(months).padStart(2, '0')}-15`,
            months: [{ ...use('2026-01', '0'), kwh: { raw, scaler: -2 } }],
          }),
        )
        if (!done.ok) return false
        const left = (done.value.counts[0]?.tiers ?? []).reduce<Decimal>((all, { kwh }) => subtract(all, kwh ?? { raw: 0, scaler: 0 }), {
          raw,
          scaler: -2,
        })
        return compare(left, { raw: 0, scaler: 0 }) === 0
      }),
    )
  })
})

describe('energy that is not known', () => {
  it('is never zero: the split is null and the month is named', () => {
    const found = split({ ...DISPUTE, months: [use('2026-10', '120'), use('2026-11', null), use('2026-12', '160')] })
    expect(found).toMatchObject({ kwh: null, missing: ['2026-11'], counts: [{ tiers: [null, null], next: null, upTo: ['180'] }, {}] })
    expect(text(found.knownKwh)).toBe('280')
  })
  it('of no month at all is not zero either', () => {
    expect(split({ months: [] })).toMatchObject({ kwh: null })
  })
  it('says how much of it is estimated', () => {
    expect(split({ months: [use('2026-01', '100', 500_000), use('2026-02', '300')] }).estimatedPpm).toBe(125_000)
  })
  it('knows a sum over several months', () => {
    const months: MonthUse[] = [{ ...use('2026-10', '270'), lastMonth: '2026-11', source: 'start-register' }, use('2026-12', '160')]
    expect(split({ ...DISPUTE, months }).counts[1]).toMatchObject({ tiers: ['430', '0'] })
    expect(split({ months: [{ ...use('2026-10', null), lastMonth: '2026-11' }] }).missing).toEqual(['2026-10', '2026-11'])
  })
})

describe('months', () => {
  const months = (change: Partial<TierQuestion>) => split(change).counts[0]
  it('begin again on 1 January', () => {
    expect(months({ beginnings: { ...NOBODY, registered: '2024-05-17' } })).toMatchObject({ months: '12', upTo: ['2160'] })
    expect(months({ beginnings: { ...NOBODY, registered: '2025-12-31' }, until: '2026-01-31' })).toMatchObject({ months: '1' })
  })
  it('that are begun count as whole ones, at both ends', () => {
    expect(months({ beginnings: { ...NOBODY, registered: '2026-05-31' }, until: '2026-07-01' })).toMatchObject({
      months: '3',
      upTo: ['540'],
    })
    expect(months({ beginnings: { ...NOBODY, registered: '2026-05-31' }, ended: '2026-07-01' })).toMatchObject({ months: '3' })
  })
  it('count by their days where that is the rule, rounded once', () => {
    const rules: TierRules = { ...RULES, begunMonth: 'by-day' }
    // 180 × (10 ÷ 31 + 1 + 15 ÷ 31) = 325.161…
    expect(months({ rules, beginnings: { ...NOBODY, registered: '2026-05-22' }, until: '2026-07-15' })).toMatchObject({
      months: '1.81',
      upTo: ['325.16'],
    })
    expect(months({ rules, until: '2026-03-31' })).toMatchObject({ months: '3', upTo: ['540'] })
    expect(months({ rules, beginnings: { ...NOBODY, registered: '2028-02-15' }, year: 2028, until: '2028-02-29' })).toMatchObject({
      upTo: ['93.10'],
    })
  })
  it('of the whole year give the allowance at once where that is the rule', () => {
    const rules: TierRules = { ...RULES, allowance: 'year' }
    expect(months({ rules, until: '2026-03-31' })).toMatchObject({ months: '12' })
    expect(months({ rules, until: '2026-03-31', ended: '2026-05-10' })).toMatchObject({ months: '5' })
  })
  it('take the standard of their own time', () => {
    const versions = [version('2026-07-01', '200'), version('2025-01-01', '180')]
    expect(months({ versions })).toMatchObject({ upTo: [String(6 * 180 + 6 * 200)] })
  })
  it('without a standard are refused, not guessed', () => {
    expect(splitTiers(question({ versions: [version('2026-03-01', '180')] }))).toMatchObject({
      ok: false,
      error: { code: 'TARIFF_VERSION' },
    })
  })
  it('there are none of before the registration: then there is no split by it', () => {
    expect(split({ ...DISPUTE, beginnings: { ...DISPUTE.beginnings, registered: '2027-01-05' } }).counts).toMatchObject([
      { from: 'registered', months: '0', tiers: [], next: null },
      { from: 'energised', months: '3', tiers: ['430', '0'] },
    ])
  })
  it.each([
    ['2026-02', 28],
    ['2028-02', 29],
    ['2100-02', 28],
    ['2026-12', 31],
  ])('%s has %i days', (month, days) => {
    expect(daysIn(month)).toBe(days)
  })
})
