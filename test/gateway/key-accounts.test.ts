import { describe, expect, it, vi } from 'vitest'
import type { KeyAccountPort, KeyListQuestion } from '../../src/api/index.ts'
import { billingOf } from '../../src/config/index.ts'
import { EVERYTHING, type Reading, type Scope } from '../../src/core/index.ts'
import { AccountFile } from '../../src/gateway/account-file.ts'
import { EnergyDays } from '../../src/gateway/energy-days.ts'
import { type OpenAccounts, openAccounts } from '../../src/gateway/start-accounts.ts'
import { firstReadDay } from '../../src/gateway/tier-energy.ts'
import type { Patch } from '../../src/ledger/index.ts'
import { act, type EnergySite, energySite, PROFILE, rowOf, ZONE } from './energy-site.ts'

const days = new EnergyDays(ZONE)
const settings = billingOf(undefined, () => {})
const ALL: KeyListQuestion = { year: null, version: null, grade: null, state: null, all: true }

/** Registers at the begin and end of some months: what a customer used in them. */
const use = (point: string, months: readonly (readonly [month: string, kwh: number])[], end: string) => {
  let register = 0
  const at = (day: string) => {
    const instant = days.start(day)
    const read = {
      at: instant,
      receivedAt: instant,
      value: { raw: register * 100, scaler: -2 },
      meter: `M-${point}`,
      source: 'day-freeze' as const,
      quality: 0,
    }
    return rowOf(read, '1', point)
  }
  const rows: Reading[] = []
  for (const [month, kwh] of months) {
    rows.push(at(`${month}-01`))
    register += kwh
  }
  return [...rows, at(end)]
}
const person = (id: string, set: Patch['set'], from: number | null = null): Patch[] => [
  { kind: 'customer', id, from: null, set },
  { kind: 'point', id: `P-${id}`, from, set: { area: 'A-1', customer: id, contractKva: '10000' } },
  { kind: 'meter', id: `M-P-${id}`, from, set: { point: `P-${id}`, line: 'bus', address: `00000000000${id.slice(-1)}`, profile: PROFILE } },
]

/** Last quarter of 2026: the year is short so that the test is. */
const site = async () => {
  const made = await energySite(days.start('2027-01-04') + 3_600_000)
  const apply = (patches: readonly Patch[], at = days.start('2026-11-02')) =>
    expect(made.ledger.apply(patches, act(at))).toMatchObject({ ok: true })
  const [begin, december] = [days.start('2026-11-01'), days.start('2026-12-01')]
  apply([
    { kind: 'area', id: 'A-1', from: null, set: {} },
    // 4,000 a month in the mean of the two months it was there: the limit counts.
    ...person('C-1', { name: 'mill', category: 'industrial' }, begin),
    // Nothing is known of it before December.
    ...person('C-4', { category: 'commercial' }),
    { kind: 'customer', id: 'C-5', from: null, set: { keyAccount: true } },
  ])
  apply(
    [...person('C-2', { name: 'shop', category: 'commercial' }, december), ...person('C-3', { category: 'hospital' }, december)],
    days.start('2026-12-02'),
  )
  const end = '2027-01-01'
  await made.put([
    ...use(
      'P-C-1',
      [
        ['2026-11', 3000],
        ['2026-12', 5000],
      ],
      end,
    ),
    ...use('P-C-2', [['2026-12', 3999]], end),
    ...use('P-C-3', [['2026-12', 20]], end),
    ...use('P-C-4', [['2026-12', 900]], end),
  ])
  await made.settle()
  return { ...made, apply }
}
const open = (made: EnergySite, latest: readonly Reading[] = [], log: string[] = []): OpenAccounts => {
  const { ledger, book, clock, directory, store } = made
  return openAccounts({
    ...{ directory, ledger, book, store, config: { billing: settings }, clock },
    tiers: { book, days: made.runner.days, firstSeen: (point) => firstReadDay(book, days, point) },
    latest: { latestOf: (whose) => latest.filter(({ series }) => 'point' in whose && series.tags.point === whose.point) },
    log: (_, message) => log.push(message),
  })
}
const listOf = async (port: KeyAccountPort, question: Partial<KeyListQuestion> = {}, scope: Scope = EVERYTHING) => {
  const found = await port.list({ ...ALL, ...question }, scope, '', 100)
  return found.ok ? found.value.items : found.error.error.code
}

describe('the list of a year', () => {
  it('is made in January out of the calendar year before, by exact figures, with whoever cannot be reckoned', async () => {
    const made = await site()
    const log: string[] = []
    const accounts = open(made, [], log)
    // Too early: what was read last is still coming in.
    expect(await accounts.look()).toBeNull()
    expect(accounts.health()).toEqual([])
    made.clock.at = days.start('2027-01-05') + 3_600_000
    expect(await accounts.look()).toMatchObject({
      year: 2027,
      version: 1,
      by: 'gridtally',
      counts: { customers: 5, key: 3, notComputable: 2, A: 1, D: 2 },
    })
    expect(log).toEqual([expect.stringContaining('3 of 5 customers, 2 whose year')])
    expect(await listOf(accounts.views.keyAccounts)).toMatchObject([
      {
        customer: 'C-1',
        name: 'mill',
        key: true,
        reasons: ['use'],
        months: 2,
        kwh: '8000.00',
        meanKwh: '4000.00',
        grade: 'A',
        state: 'computed',
      },
      { customer: 'C-2', key: false, reasons: [], kwh: '3999.00', meanKwh: '3999.00', grade: 'D' },
      { customer: 'C-3', key: true, reasons: ['category'], kwh: '20.00' },
      {
        customer: 'C-4',
        key: null,
        kwh: null,
        knownKwh: '900.00',
        grade: null,
        state: 'not-computable',
        notes: expect.arrayContaining([expect.objectContaining({ en: expect.stringContaining('P-C-4') })]),
      },
      { customer: 'C-5', key: true, reasons: ['named'], months: 0, state: 'not-computable' },
    ])
    expect(await listOf(accounts.views.keyAccounts, { all: false })).toMatchObject([
      { customer: 'C-1' },
      { customer: 'C-3' },
      { customer: 'C-4' },
      { customer: 'C-5' },
    ])
    expect(
      await listOf(accounts.views.keyAccounts, {}, { all: false, sees: (kind, id) => kind === 'customer' && id === 'C-3' }),
    ).toMatchObject([{ customer: 'C-3' }])
    expect(await listOf(accounts.views.keyAccounts, { year: 2026 })).toBe('TARIFF_LIST')
    // It is there: nothing is made twice.
    expect(await accounts.look()).toBeNull()
    expect(accounts.health()).toMatchObject([{ state: 'ok', sentence: expect.stringContaining('list of 2027, version 1') }])
    // Not so in a year whose list cannot be made: that is said, and at the end of January it is a failure.
    const broken = vi.spyOn(made.ledger, 'points').mockImplementation(() => {
      throw new Error('disk is full')
    })
    for (const [today, state, sentence] of [
      ['2028-01-06', 'degraded', 'the list of 2028 could not be made'],
      ['2028-01-31', 'failed', 'the list of 2028 could not be made'],
      ['2028-02-05', 'failed', 'the list of 2028 could not be made; figures of 2027 that nobody took away are gone since 2028-02-05'],
    ] as const) {
      made.clock.at = days.start(today) + 3_600_000
      await expect(accounts.look()).rejects.toThrow('disk is full')
      expect(accounts.health()).toMatchObject([{ state, sentence, cure: expect.stringContaining('gridtally key-accounts run 2028') }])
    }
    broken.mockRestore()
    expect(await accounts.look()).toMatchObject({ year: 2028 })
    expect(accounts.health()).toMatchObject([{ state: 'ok' }])
    await accounts.stop()
    accounts.close()
  })
})

describe('grades and movers', () => {
  it('a grade that a person gave stays over the years, and who moved is named with the reason', async () => {
    const made = await site()
    const accounts = open(made)
    const { keyAccounts } = accounts.views
    await keyAccounts.run(2027, 'x', '')
    expect(keyAccounts.give('C-3', 'A', 'the only hospital', 'wang', EVERYTHING)).toMatchObject({
      value: { grade: 'A', rankGrade: 'D', given: { by: 'wang' } },
    })
    expect(keyAccounts.give('C-9', 'A', 'x', 'wang', EVERYTHING)).toMatchObject({ error: { because: 'unknown' } })
    expect(keyAccounts.give('C-3', 'A', 'x', 'wang', { all: false, sees: () => false })).toMatchObject({ error: { because: 'unknown' } })
    expect(await listOf(keyAccounts, { grade: 'A' })).toMatchObject([{ customer: 'C-1' }, { customer: 'C-3' }])
    expect(await keyAccounts.movers(2027, EVERYTHING, '', 10)).toMatchObject({ value: { against: null, items: [] } })
    // A year later the mill stands still, the shop is a hotel, and nobody names C-5 any more.
    made.clock.at = days.start('2028-01-06')
    made.apply(
      [
        { kind: 'customer', id: 'C-2', from: null, set: { category: 'hotel' } },
        { kind: 'customer', id: 'C-5', from: null, set: { keyAccount: false } },
      ],
      made.clock.at - 1000,
    )
    await keyAccounts.run(2028, 'x', '')
    const movers = await keyAccounts.movers(2028, EVERYTHING, '', 10)
    if (!movers.ok) expect.fail('no movers')
    expect(movers.value.against).toMatchObject({ year: 2027 })
    const byCustomer = Object.fromEntries(movers.value.items.map((one) => [one.customer, one]))
    expect(byCustomer['C-1']).toMatchObject({
      moves: ['no-longer-known'],
      reasons: ['not-computable'],
      before: { key: true },
      after: { key: null },
    })
    expect(byCustomer['C-2']).toMatchObject({ moves: ['joined'], reasons: ['category-added'] })
    expect(byCustomer['C-5']).toMatchObject({ moves: ['no-longer-known'] })
    expect(await listOf(keyAccounts, { grade: 'A' })).toMatchObject([
      { customer: 'C-3', rankGrade: null, given: { why: 'the only hospital' } },
    ])
    expect(keyAccounts.give('C-3', null, 'moved away', 'wang', EVERYTHING)).toMatchObject({ value: { grade: null, given: null } })
    await accounts.stop()
    accounts.close()
  })
})

it('a list is made again by name; the weekly check goes by the newest, wants a good reading of every point, and looks behind a bad one', async () => {
  const made = await site()
  const { clock } = made
  const read = (point: string, at: number, quality = 0): Reading =>
    rowOf({ at, receivedAt: at, value: { raw: 1, scaler: 0 }, meter: `M-${point}`, source: 'day-freeze', quality }, '1', point)
  const day = 86_400_000
  // C-3 has a doubtful newest reading and a good one four days before, in the store.
  const accounts = open(made, [read('P-C-1', clock.at - 8 * day), read('P-C-3', clock.at - 1000, 2)])
  const { keyAccounts } = accounts.views
  expect(await keyAccounts.checks({ days: null, open: false }, EVERYTHING, '', 10)).toMatchObject({
    error: { error: { code: 'TARIFF_LIST' } },
  })
  expect(await keyAccounts.run(2027, 'wang', 'first')).toMatchObject({ value: { version: 1, by: 'wang' } })
  expect(await keyAccounts.run(2027, 'wang', 'late readings')).toMatchObject({ value: { version: 2, why: 'late readings' } })
  expect(await keyAccounts.run(2028, 'wang', '')).toMatchObject({ error: { error: { code: 'TARIFF_TIME' } } })
  expect(keyAccounts.runs().map(({ version }) => version)).toEqual([2, 1])
  expect(await listOf(keyAccounts, { year: 2027, version: 1 })).toHaveLength(5)
  // A list that was broken off is none, and leaves nothing.
  const half = new AccountFile(made.directory)
  half.begin({ year: 2027, at: 1, by: 'x', why: '', monthlyKwh: '1', inclusive: true, categories: [] })
  half.close()
  const again = new AccountFile(made.directory)
  expect(again.run(2027)?.version).toBe(2)
  again.close()
  const checks = async (days: number | null, open: boolean) => {
    const found = await keyAccounts.checks({ days, open }, EVERYTHING, '', 10)
    return found.ok ? found.value.items.map(({ customer, checked }) => [customer, checked]) : found.error.error.code
  }
  expect(await checks(null, false)).toEqual([
    ['C-1', false],
    ['C-3', true],
    ['C-5', false],
  ])
  expect(await checks(9, true)).toEqual([['C-5', false]])
  // What the house makes a case of: the point of the mill. The hospital was read, C-5 has no point.
  expect(accounts.unread()).toEqual([])
  await accounts.check()
  expect(accounts.unread()).toEqual([
    { customer: 'C-1', point: 'P-C-1', meter: 'M-P-C-1', newestAt: clock.at - 8 * day, since: clock.at - 8 * day, days: 7 },
  ])
  expect(accounts.health()).toEqual([
    { part: 'key accounts', state: 'ok', sentence: 'list of 2027, version 2; 1 point of them not read in time', cure: null },
  ])
  // Of a customer with points in two zones, those of the zone are named and judged, and notes that name others are left out.
  made.apply([{ kind: 'point', id: 'P-C-3', from: null, set: { customer: 'C-1' } }], clock.at - 1000)
  const north: Scope = { all: false, sees: (_, id) => id === 'C-1' || id === 'P-C-3' }
  expect(await keyAccounts.checks({ days: null, open: false }, north, '', 10)).toMatchObject({
    value: { items: [{ customer: 'C-1', checked: true, points: [{ point: 'P-C-3' }] }] },
  })
  made.apply([{ kind: 'point', id: 'P-C-3', from: null, set: { customer: 'C-4' } }], clock.at - 1000)
  const notesOf = async (...seen: readonly string[]) => {
    const found = await listOf(keyAccounts, {}, { all: false, sees: (_, id) => id === 'C-4' || seen.includes(id) })
    return typeof found === 'string' ? found : found.map(({ notes }) => notes.length > 0)
  }
  expect([await notesOf('P-C-3'), await notesOf('P-C-3', 'P-C-4')]).toEqual([[false], [true]])
  await accounts.stop()
  accounts.close()
})
