import { describe, expect, it } from 'vitest'
import type { TierView } from '../../src/api/index.ts'
import { type BillingConfig, billingOf } from '../../src/config/index.ts'
import { EVERYTHING, ok, type Scope } from '../../src/core/index.ts'
import { EnergyDays } from '../../src/gateway/energy-days.ts'
import { firstReadDay } from '../../src/gateway/tier-energy.ts'
import { type TierParts, tierViews } from '../../src/gateway/tier-views.ts'
import type { Patch } from '../../src/ledger/index.ts'
import { act, type EnergySite, energySite, PROFILE, rowOf, ZONE } from './energy-site.ts'

const days = new EnergyDays(ZONE)
const midnight = (day: string) => days.start(day)
const TIERS = billingOf({ tiers: { tables: [{ id: 'homes', versions: [{ from: '2020-01-01', upTo: ['180'] }] }] } }, () => {}).tiers

const partsOf = (site: EnergySite, rules: Partial<BillingConfig['tiers']> = {}, change: Partial<TierParts> = {}): TierParts => ({
  ...{ ledger: site.ledger, days: site.parts.days, book: site.book, runner: site.runner, models: site.parts.models, clock: site.clock },
  rules: () => ({ ...TIERS, ...rules }),
  firstSeen: (point) => firstReadDay(site.book, days, point),
  statement: async () => null,
  ...change,
})
const ask = (parts: TierParts, until: string | null = '2026-12-31', scope: Scope = EVERYTHING) =>
  tierViews(parts).tiersOfPoint('P-1', { year: null, until, scope, only: null })
const split = async (parts: TierParts, until?: string | null): Promise<TierView> => {
  const found = await ask(parts, until)
  if (!found.ok) expect.fail(`${found.error.error.code} ${found.error.error.message}`)
  return found.value
}
const countsOf = ({ counts }: TierView) =>
  counts.map(({ from, months, upTo, tiers }) => ({ from, months, upTo, tiers: tiers.map(({ kwh }) => kwh) }))

/** Midnight registers from one day on: 120 kWh in October, 150 in November, 160 in December, in primary kWh; `ratio` is that of the point. */
const MONTHS: readonly (readonly [month: string, days: number, kwh: number])[] = [
  ['2026-10', 31, 120],
  ['2026-11', 30, 150],
  ['2026-12', 31, 160],
]
const registers = (meter: string, from: string, to: string, start = 0, ratio = 1, point = 'P-1') =>
  days.between(from, to).map((day) => {
    const past = days.between('2026-10-01', day).length - 1
    const [before, into] = past <= 31 ? [0, past] : past <= 61 ? [1, past - 31] : [2, past - 61]
    const sum = MONTHS.slice(0, before).reduce((all, [, , kwh]) => all + kwh, 0) * 100
    const [, length, kwh] = MONTHS[before] ?? ['', 1, 0]
    const raw = start * 100 + Math.round((sum + Math.floor((into * kwh * 100) / length)) / ratio)
    const at = midnight(day)
    return rowOf({ at, receivedAt: at + 1000, value: { raw, scaler: -2 }, meter, source: 'day-freeze', quality: 0 }, String(ratio), point)
  })

const customer = (id: string, set: Patch['set'] = { category: 'residential' }): Patch => ({ kind: 'customer', id, from: null, set })
const meter = (id: string, address: string, set: Patch['set'], from: number | null = null): Patch => ({
  ...{ kind: 'meter', id, from, set: { line: 'bus', address, profile: PROFILE, ...set } },
})

/** The dispute: a meter that ran from October on, entered in December. */
const dispute = async (point: Patch['set'] = { energisedOn: '2026-10-01' }): Promise<EnergySite> => {
  const site = await energySite(midnight('2027-01-01') + 3_600_000)
  const apply = (patches: Patch[], at: number, what: 'edit' | 'adopt' = 'edit') =>
    expect(site.ledger.apply(patches, act(at, { what }))).toMatchObject({ ok: true })
  apply([{ kind: 'area', id: 'A-1', from: null, set: {} }, customer('C-1')], midnight('2026-08-01'))
  const first = midnight('2026-10-01')
  apply(
    [
      { kind: 'point', id: 'P-1', from: first, set: { area: 'A-1', customer: 'C-1', state: 'installed', ...point } },
      meter('M-1', '000000000001', { point: 'P-1' }, first),
    ],
    midnight('2026-12-08') + 9 * 3_600_000,
    'adopt',
  )
  await site.put(registers('M-1', '2026-10-01', '2027-01-01'))
  await site.settle()
  return site
}

describe('the worked example in a gateway', () => {
  it('gives both counts, from the ledger and the readings alone', async () => {
    const site = await dispute()
    const found = await split(partsOf(site))
    expect(found).toMatchObject({
      ...{
        customer: 'C-1',
        points: ['P-1'],
        from: '2026-10-01',
        until: '2026-12-31',
        inForce: 'registered',
        differ: true,
        kwh: '430.00',
        missing: [],
      },
      beginnings: { registered: '2026-12-08', energised: '2026-10-01', firstSeen: '2026-10-01' },
      months: [{ kwh: '120.00' }, { kwh: '150.00' }, { kwh: '160.00' }],
      registers: [
        {
          meter: 'M-1',
          from: { day: '2026-10-01', register: '0.00', read: true },
          to: { day: '2026-12-31', register: '430.00', read: true },
          multiplier: '1',
          kwh: '430.00',
        },
      ],
    })
    expect(countsOf(found)).toEqual([
      { from: 'registered', months: '1', upTo: ['180'], tiers: ['180', '250.00'] },
      { from: 'energised', months: '3', upTo: ['540'], tiers: ['430.00', '0'] },
    ])
    expect(found.explanation.map(({ zh }) => zh).join('')).toContain('若自送电之日（2026年10月1日）起计算，为3个月')
    expect(await split(partsOf(site, { countFrom: 'energised' }))).toMatchObject({ inForce: 'energised' })
    expect(countsOf(await split(partsOf(site), '2026-11-30'))[0]).toMatchObject({ months: '0', tiers: [] })
    // The first days of January belong to another year.
    expect((await ask(partsOf(site), '2027-01-01')).ok).toBe(false)
  })
  it('takes a word of a person about the registration before what it can tell itself', async () => {
    const site = await dispute({ energisedOn: '2026-10-01', registeredOn: '2026-11-20' })
    expect((await split(partsOf(site))).beginnings.registered).toBe('2026-11-20')
  })
  it('counts from the first reading where nobody wrote the energising down', async () => {
    const found = await split(partsOf(await dispute({}), { countFrom: 'first-seen' }))
    expect(found).toMatchObject({ inForce: 'first-seen', beginnings: { energised: null, firstSeen: '2026-10-01' } })
  })
})

/** A household that was there when the ledger was filled. */
const household = async (patches: readonly Patch[] = [], until = '2027-01-01') => {
  const site = await energySite(midnight(until) + 3_600_000)
  const apply = (more: readonly Patch[], at: number) => expect(site.ledger.apply(more, act(at))).toMatchObject({ ok: true })
  apply(
    [
      ...[customer('C-1'), customer('C-2'), { kind: 'zone', id: 'Z', from: null, set: {} } as const],
      { kind: 'area', id: 'A-1', from: null, set: { zone: 'Z' } },
      { kind: 'point', id: 'P-1', from: null, set: { area: 'A-1', customer: 'C-1' } },
      meter('M-1', '000000000001', { point: 'P-1' }),
      ...patches,
    ],
    midnight('2026-08-01'),
  )
  return { site, apply }
}

describe('energy that is not known', () => {
  it('leaves the split null, names the months and says what the others have', async () => {
    const { site } = await household()
    await site.put(registers('M-1', '2026-10-01', '2027-01-01'))
    await site.settle()
    const found = await split(partsOf(site))
    expect(found).toMatchObject({ from: '2026-01-01', kwh: null, knownKwh: '430.00', beginnings: { registered: null } })
    expect(found.missing).toEqual(['2026-01', '2026-02', '2026-03', '2026-04', '2026-05', '2026-06', '2026-07', '2026-08', '2026-09'])
    expect(countsOf(found)).toEqual([{ from: 'registered', months: '12', upTo: ['2160'], tiers: [null, null] }])
    expect(found.months[0]?.notes).toEqual([expect.objectContaining({ en: '31 days from 2026-01-01 to 2026-01-31: no register was read' })])
  })
  it('is taken from the start register where the first reading came days after the energising', async () => {
    const { site } = await household([
      { kind: 'point', id: 'P-1', from: null, set: { registeredOn: '2026-10-08', energisedOn: '2026-10-01', startRegister: '0.00' } },
    ])
    await site.put(registers('M-1', '2026-10-09', '2027-01-01'))
    await site.settle()
    const found = await split(partsOf(site))
    expect(found).toMatchObject({
      kwh: '430.00',
      months: [{ month: '2026-10', kwh: '120.00', source: 'start-register' }, { kwh: '150.00' }, { kwh: '160.00' }],
    })
    expect(found.registers[0]?.from).toEqual({ day: '2026-10-01', register: '0.00', read: true })
  })
  it('is taken from readings kept before the registration, times the ratio', async () => {
    const { site } = await household([{ kind: 'point', id: 'P-1', from: null, set: { registeredOn: '2026-12-01', ct: '10/5' } }])
    await site.put(registers('M-1', '2026-12-01', '2027-01-01', 0, 2))
    await site.settle()
    const month = (name: string, used: string, first: string) => ({
      month: name,
      first: { at: midnight(first), value: '0' },
      last: null,
      used,
      missing: [],
    })
    const statement = async () =>
      ok({
        obis: '1-0:1.8.0',
        unit: 'kWh',
        used: '135',
        readings: 3,
        months: [month('2026-10', '60', '2026-10-01'), month('2026-11', '75', '2026-11-01')],
      })
    const found = await split(partsOf(site, {}, { statement, firstSeen: () => '2026-10-01' }))
    expect(found).toMatchObject({
      kwh: '430.00',
      months: [
        { kwh: '120', source: 'statement' },
        { kwh: '150', source: 'statement' },
        { kwh: '160.00', source: 'energy' },
      ],
    })
    expect(countsOf(found)).toMatchObject([
      { from: 'registered', months: '1' },
      { from: 'first-seen', months: '3' },
    ])
  })
  it('of a day that is not over, or of a year to come, is not asked for', async () => {
    const { site } = await household()
    for (const until of ['2027-01-01', '2027-02-01'])
      expect(await ask(partsOf(site), until)).toMatchObject({ error: { error: { code: 'TARIFF_TIME' } } })
  })
  it('is looked for up to the last day that is known when nobody names one', async () => {
    const { site } = await household([{ kind: 'point', id: 'P-1', from: null, set: { registeredOn: '2026-10-01' } }], '2026-12-24')
    await site.put(registers('M-1', '2026-10-01', '2026-12-22'))
    await site.settle()
    expect(await split(partsOf(site), null)).toMatchObject({ until: '2026-12-21', missing: [] })
  })
})

describe('a household', () => {
  it('keeps its months over an exchange of the meter, which shows both', async () => {
    const { site, apply } = await household([{ kind: 'point', id: 'P-1', from: null, set: { registeredOn: '2026-10-01' } }])
    await site.put(registers('M-1', '2026-10-01', '2026-11-01'))
    const made = site.ledger.exchange(
      {
        ...{
          kind: 'meter',
          point: 'P-1',
          at: midnight('2026-11-01'),
          ratio: null,
          reason: 'rotation',
          deviation: null,
          by: ['one', 'other'],
        },
        ...{ meter: { id: 'M-2', set: { address: '000000000002' } }, end: { '1.8.0': '120.00' }, start: { '1.8.0': '5000.00' } },
        proposed: { end: null, start: null },
      },
      act(site.clock.at),
    )
    expect(made).toMatchObject({ ok: true })
    await site.put(registers('M-2', '2026-11-01', '2027-01-01', 5000 - 120))
    await site.settle()
    const found = await split(partsOf(site))
    expect(found).toMatchObject({ kwh: '430.00', counts: [{ months: '3' }] })
    expect(found.registers).toMatchObject([
      { meter: 'M-1', to: { register: '120.00' }, kwh: '120.00' },
      { meter: 'M-2', from: { register: '5000.00' }, kwh: '310.00' },
    ])
    apply([], site.clock.at)
  })
  it('shows another ratio as a stretch of its own, though nobody wrote an exchange down', async () => {
    const { site, apply } = await household([{ kind: 'point', id: 'P-1', from: null, set: { registeredOn: '2026-10-01', ct: '1' } }])
    await site.put(registers('M-1', '2026-10-01', '2027-01-01'))
    const [first, second] = [midnight('2026-11-01'), midnight('2026-12-01') + 12 * 3_600_000]
    apply([{ kind: 'point', id: 'P-1', from: first, set: { ct: '2' } }], second + 1)
    apply([{ kind: 'point', id: 'P-1', from: second, set: { ct: '1' } }], second + 2)
    await site.settle()
    const found = await split(partsOf(site))
    expect(
      found.registers.map(({ from, to, multiplier, kwh }) => [from?.register, from?.read, to?.register, to?.read, multiplier, kwh]),
    ).toEqual([
      ['0.00', true, '120.00', true, '1', '120.00'],
      ['120.00', true, '272.58', false, '2', '305.16'],
      ['272.58', false, '430.00', true, '1', '157.42'],
    ])
    expect(found.kwh).toBe('582.58')
    expect(found.explanation.filter(({ topic }) => topic === 'registers').map(({ zh }) => zh.includes('推算'))).toEqual([false, true, true])
  })
  it('takes no difference of two meters, though nobody wrote an exchange down', async () => {
    const { site, apply } = await household([{ kind: 'point', id: 'P-1', from: null, set: { registeredOn: '2026-10-01' } }])
    await site.put(registers('M-1', '2026-10-01', '2026-11-01'))
    const at = midnight('2026-11-01') + 3_600_000
    apply([{ kind: 'meter', id: 'M-1', from: at, set: { point: null } }, { ...meter('M-2', '000000000002', { point: 'P-1' }, at) }], at + 1)
    await site.put(registers('M-2', '2026-11-02', '2027-01-01', 1000))
    await site.settle()
    expect((await split(partsOf(site))).registers).toMatchObject([
      { meter: 'M-1', from: { register: '0.00' }, to: null, difference: null, kwh: null },
      { meter: 'M-2', from: null, to: { register: '1430.00' }, difference: null, kwh: null },
    ])
  })
  it('with a point that is subtracted is refused, not added up', async () => {
    const { site } = await household([{ kind: 'point', id: 'P-1', from: null, set: { registeredOn: '2026-10-01', billingSign: '-1' } }])
    expect(await ask(partsOf(site))).toMatchObject({ error: { because: 'not-possible', error: { code: 'TARIFF_SIGN' } } })
  })
  it('is counted with all its points together, and only by those who see all of them', async () => {
    const { site } = await household([
      { kind: 'point', id: 'P-1', from: null, set: { registeredOn: '2026-10-01' } },
      { kind: 'point', id: 'P-2', from: null, set: { area: 'A-1', customer: 'C-1', registeredOn: '2026-11-01' } },
      { kind: 'point', id: 'SOLAR', from: null, set: { area: 'A-1', customer: 'C-1', role: 'generation' } },
      meter('M-2', '000000000002', { point: 'P-2' }),
    ])
    await site.put([...registers('M-1', '2026-10-01', '2027-01-01'), ...registers('M-2', '2026-11-01', '2027-01-01', 0, 1, 'P-2')])
    await site.settle()
    const found = await split(partsOf(site))
    expect(found).toMatchObject({
      points: ['P-1', 'P-2'],
      kwh: '740.00',
      counts: [{ months: '3', upTo: ['540'], tiers: [{ kwh: '540' }, { kwh: '200.00' }] }],
    })
    const sees: Scope = { all: false, sees: (_, id) => id !== 'P-2' }
    expect(await ask(partsOf(site), undefined, sees)).toMatchObject({ error: { because: 'not-possible', error: { code: 'TARIFF_SCOPE' } } })
    expect(await ask(partsOf(site), undefined, { all: false, sees: () => false })).toMatchObject({ error: { because: 'unknown' } })
  })
  it('that moved in has its own months and energy, and none of whoever was there before', async () => {
    const { site, apply } = await household([{ kind: 'point', id: 'P-1', from: null, set: { registeredOn: '2026-10-01' } }])
    apply([{ kind: 'point', id: 'P-1', from: midnight('2026-12-01'), set: { customer: 'C-2' } }], midnight('2026-12-03'))
    await site.put(registers('M-1', '2026-10-01', '2027-01-01'))
    await site.settle()
    const parts = partsOf(site)
    expect(await split(parts)).toMatchObject({
      customer: 'C-2',
      from: '2026-12-01',
      kwh: '160.00',
      counts: [{ months: '1' }, { months: '1' }],
    })
    const before = await tierViews(parts).tiersOfCustomer('C-1', { year: 2026, until: null, scope: EVERYTHING, only: 'C-1' })
    expect(before).toMatchObject({ ok: true, value: { customer: 'C-1', kwh: '270.00', counts: [{ months: '2', upTo: ['360'] }] } })
    // What was before does not exist for whoever lives there now.
    const asked = { year: 2026, until: '2026-11-30', scope: EVERYTHING, only: 'C-2' }
    expect(await tierViews(parts).tiersOfPoint('P-1', asked)).toMatchObject({ error: { because: 'unknown' } })
    expect(await tierViews(parts).tiersOfCustomer('C-1', asked)).toMatchObject({ error: { because: 'unknown' } })
  })
  it('has the table of its kind and zone, or none', async () => {
    const { site } = await household([{ kind: 'point', id: 'P-1', from: null, set: { registeredOn: '2026-12-31' } }])
    const [homes] = TIERS.tables
    if (!homes) expect.fail('no table')
    const of = async (tables: readonly (typeof homes)[]) => {
      const found = await ask(partsOf(site, { tables }))
      return found.ok ? found.value.table.id : found.error.error.code
    }
    expect(
      await of([
        { ...homes, id: 'far', zones: ['Y'] },
        { ...homes, id: 'here', zones: ['Z'] },
      ]),
    ).toBe('here')
    expect(await of([{ ...homes, categories: ['commercial'] }])).toBe('TARIFF_TABLE')
    expect(await of([])).toBe('TARIFF_TABLE')
    expect(await of([{ ...homes, versions: [{ from: '2027-01-01', upTo: ['1'] }] }])).toBe('TARIFF_VERSION')
  })
})

describe('the registration', () => {
  it('of what is older than the ledger is the day it holds from; of what was written late without a date it is said', async () => {
    const { site, apply } = await household()
    apply([{ kind: 'point', id: 'P-3', from: null, set: { area: 'A-1', customer: 'C-2' } }], midnight('2026-12-20'))
    const found = await tierViews(partsOf(site)).tiersOfPoint('P-3', { year: 2026, until: null, scope: EVERYTHING, only: null })
    expect(found).toMatchObject({
      value: { kwh: null, beginnings: { registered: null }, notes: [{ en: expect.stringContaining('write down registeredOn') }] },
    })
    apply([{ kind: 'point', id: 'P-4', from: midnight('2026-05-17'), set: { area: 'A-1' } }], midnight('2026-12-20'))
    apply([{ kind: 'point', id: 'P-4', from: midnight('2026-12-21'), set: { customer: 'C-2' } }], midnight('2026-12-21'))
    const older = await tierViews(partsOf(site)).tiersOfPoint('P-4', { year: 2026, until: null, scope: EVERYTHING, only: null })
    expect(older).toMatchObject({ ok: true, value: { points: ['P-3', 'P-4'] } })
  })
  it('of a planned point is the day on which it was more than a plan', async () => {
    const { site, apply } = await household()
    apply(
      [{ kind: 'point', id: 'P-5', from: midnight('2026-09-01'), set: { area: 'A-1', state: 'planned', customer: 'C-2' } }],
      midnight('2026-09-01'),
    )
    apply([{ kind: 'point', id: 'P-5', from: midnight('2026-11-10'), set: { state: 'installed' } }], midnight('2026-11-12'))
    const found = await tierViews(partsOf(site)).tiersOfPoint('P-5', { year: 2026, until: null, scope: EVERYTHING, only: null })
    expect(found).toMatchObject({ ok: true, value: { beginnings: { registered: '2026-11-12' } } })
  })
})
