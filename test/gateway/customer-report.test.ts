import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { CustomerReportView, EnergyAnswer, ReportQuestion } from '../../src/api/index.ts'
import { EVERYTHING, err, failWith, ok, type Scope } from '../../src/core/index.ts'
import { EnergyDays } from '../../src/gateway/energy-days.ts'
import { openReports } from '../../src/gateway/start-reports.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { caseViewOf } from '../api/fake-cases.ts'
import { type BillingSite, billingSite, DAY, meter, NOVEMBER, OCTOBER, point } from './billing-read-site.ts'

const days = new EnergyDays('Asia/Shanghai')
const fail = failWith({
  TARIFF_TABLE: { recovery: 'skip', hint: 'name a table' },
  TARIFF_SCOPE: { recovery: 'skip', hint: 'ask somebody' },
})

/** Days of October; so many at the end are not known. */
const october = (unknown: number): EnergyAnswer => ({
  ...{ zone: 'Asia/Shanghai', pending: false },
  registers: [
    {
      ...{ register: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', total: '10.00', known: 31 - unknown, due: 31, estimatedPpm: 0, findings: [] },
      items: Array.from({ length: 31 }, (_, at) => ({
        ...{
          from: OCTOBER + at * DAY,
          to: OCTOBER + (at + 1) * DAY,
          value: at < 31 - unknown ? '1.00' : null,
          quality: [],
          evidence: null,
        },
        ...{ reasons: at < 31 - unknown ? [] : ['missing'], estimatedPpm: 0, coveredPpm: at < 31 - unknown ? 1_000_000 : 0, version: 1 },
      })),
    },
  ],
})

const open = async (change: { unknownDays?: number; tiers?: 'TARIFF_TABLE' | 'TARIFF_SCOPE' } = {}) => {
  const site = await billingSite()
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-reports-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  site.change(
    { kind: 'customer', id: 'C-1', from: null, set: { name: 'mill of Li' } },
    { kind: 'customer', id: 'C-2', from: null, set: {} },
    point('P-1', { customer: 'C-1' }),
    point('P-2', { customer: 'C-1' }),
    meter('M-1', 'P-1'),
    meter('M-2', 'P-2'),
  )
  const clock = { now: NOVEMBER + 3_600_000 }
  const openFile = () => {
    const no = async () =>
      err({ because: 'not-possible' as const, error: fail(change.tiers ?? 'TARIFF_TABLE', 'no tier table fits').error })
    const opened = openReports({
      ...{ directory, ledger: site.ledger, days, clock: { now: () => clock.now }, billing: site.views, keepYears: 2 },
      energy: { energy: async () => ok(october(change.unknownDays ?? 0)) },
      tiers: { tiersOfPoint: no, tiersOfCustomer: no },
      accountOf: async () => null,
      cases: {
        cases: ({ target }) => {
          const view = caseViewOf()
          const { one } = view
          return target === 'M-1'
            ? [
                { ...view, id: 1, one: { ...one, from: OCTOBER - 9 * DAY, to: OCTOBER - DAY } },
                { ...view, id: 2, one: { ...one, from: OCTOBER - DAY, to: null } },
                { ...view, id: 3, one: { ...one, from: NOVEMBER + DAY, to: null } },
              ]
            : []
        },
        casePlace: (id) => [-id, id],
      },
    })
    onTestFinished(() => opened.close())
    return opened
  }
  const opened = openFile()
  return { site, directory, clock, openFile, reports: opened.port, use: opened.use }
}

const read = (site: BillingSite, ...reads: readonly (readonly [meter: string, at: number, value: string])[]) =>
  site.write(...reads.map(([name, at, value]) => ({ meter: name, at, values: { '1.8.0': value }, point: name.replace('M', 'P') })))
const asked = (change: Partial<ReportQuestion> = {}): ReportQuestion => ({
  time: { month: '2026-10' },
  scope: EVERYTHING,
  only: null,
  ...change,
})
const topics = ({ gaps }: CustomerReportView) => gaps.map(({ topic, en }) => [topic, en])

describe('a report of a customer', () => {
  it('never gives a sum that lacks a point: it is null, beside what is known of it', async () => {
    const { site, reports } = await open()
    await read(site, ['M-1', OCTOBER, '100.00'], ['M-1', NOVEMBER, '130.50'], ['M-2', OCTOBER, '5.00'])
    const found = await reports.of('C-1', asked())
    if (!found.ok) return expect.fail(found.error.error.message)
    expect(found.value).toMatchObject({ from: OCTOBER, to: NOVEMBER, complete: false, state: 'held', name: 'mill of Li' })
    expect(found.value.sums).toEqual([
      expect.objectContaining({ register: '1.8.0', energy: null, knownEnergy: '30.50', due: 2, known: 1, released: 0, state: 'held' }),
    ])
    expect(found.value.ends).toMatchObject({ from: { due: 2, held: 0 }, to: { due: 2, held: 1, reasons: { 'no-read': 1 } } })
    expect(topics(found.value)).toEqual([
      ['energy', expect.stringContaining('energy of 1 of 2 points is not known')],
      ['state', expect.stringContaining('2 of 2 points are not released')],
    ])
  })
  it('names days that are not known, and tiers that cannot be split', async () => {
    const { site, reports } = await open({ unknownDays: 3, tiers: 'TARIFF_SCOPE' })
    await read(site, ['M-1', OCTOBER, '1'], ['M-1', NOVEMBER, '2'], ['M-2', OCTOBER, '1'], ['M-2', NOVEMBER, '2'])
    const found = await reports.of('C-1', asked())
    if (!found.ok) return expect.fail(found.error.error.message)
    expect(found.value.sums).toMatchObject([{ energy: '2.00', known: 2, state: 'provisional' }])
    expect(found.value.days[0]).toMatchObject({ due: 31, known: 28, coveredPpm: 903_225, missing: [{ days: 3, reasons: ['missing'] }] })
    expect(found.value.gaps.map(({ topic }) => topic)).toEqual(['state', 'days', 'days', 'tiers'])
    expect(found.value.tiers).toMatchObject({ split: null, refused: { code: 'TARIFF_SCOPE' } })
  })
  it('has the cases whose fault falls into the time', async () => {
    const { reports } = await open()
    const found = await reports.of('C-1', asked())
    expect(found.ok && found.value.cases?.map(({ id }) => id)).toEqual([2])
  })
  it('is of the last month that is over, if nothing is said, and of no time that is not over', async () => {
    const { reports } = await open()
    expect(await reports.of('C-1', asked({ time: null }))).toMatchObject({ ok: true, value: { from: OCTOBER, to: NOVEMBER } })
    for (const time of [{ month: '2026-11' }, { from: OCTOBER, to: NOVEMBER + DAY }, { from: OCTOBER - 500 * DAY, to: NOVEMBER }])
      expect(await reports.of('C-1', asked({ time }))).toMatchObject({ ok: false, error: { error: { code: 'REPORT_TIME' } } })
  })
  it('is of nobody else, and of what somebody sees', async () => {
    const { site, reports } = await open()
    await read(site, ['M-1', OCTOBER, '1'], ['M-1', NOVEMBER, '2'], ['M-2', OCTOBER, '1'], ['M-2', NOVEMBER, '2'])
    const unknown = { ok: false, error: { because: 'unknown', error: { code: 'REPORT_CUSTOMER' } } }
    expect(await reports.of('C-9', asked())).toMatchObject(unknown)
    expect(await reports.of('C-2', asked({ only: 'C-1' }))).toMatchObject(unknown)
    expect(await reports.of('C-1', asked({ scope: { all: false, sees: () => false } }))).toMatchObject(unknown)
    // Half of a customer is no customer: the sum is not known to whoever sees half.
    const half: Scope = { all: false, sees: (kind, id) => kind === 'customer' || id === 'P-1' }
    const found = await reports.of('C-1', asked({ scope: half }))
    expect(found).toMatchObject({
      ok: true,
      value: { complete: false, points: [{ point: 'P-1' }], sums: [{ energy: null, knownEnergy: '1.00' }] },
    })
    const own = await reports.of('C-1', asked({ only: 'C-1' }))
    expect(own).toMatchObject({ ok: true, value: { cases: null, account: null, check: null, withheld: ['account', 'check', 'cases'] } })
  })
})

describe('a report that is kept', () => {
  it('stays as it was, through later readings and a new start, and without the name', async () => {
    const { site, directory, reports, openFile } = await open()
    expect(await reports.kept(null, EVERYTHING, null, 10)).toEqual([])
    // Who only looks makes no file.
    expect(existsSync(join(directory, 'reports.db'))).toBe(false)
    await read(site, ['M-1', OCTOBER, '100.00'], ['M-1', NOVEMBER, '130.50'])
    const made = await reports.keep('C-1', asked(), 'wang', 'call-back')
    if (!made.ok) return expect.fail(made.error.error.message)
    await read(site, ['M-2', OCTOBER, '1'], ['M-2', NOVEMBER, '2'])
    site.change({ kind: 'customer', id: 'C-1', from: null, set: { name: 'mill of Zhang' } })
    const again = openFile().port
    const found = again.keptOne(made.value.kept.id, EVERYTHING)
    expect(found).toMatchObject({ ok: true, value: { kept: made.value.kept, report: { name: 'mill of Zhang', sums: [{ known: 1 }] } } })
    expect(await again.of('C-1', asked())).toMatchObject({ ok: true, value: { sums: [{ known: 2 }] } })
    const file = openDatabase(join(directory, 'reports.db'))
    expect(JSON.stringify(file.prepare('SELECT body FROM report').all())).not.toContain('mill')
    // Somebody writes into the file: what comes out is not what was kept.
    file.exec(`UPDATE report SET body = replace(body, '30.50', '20.50')`)
    file.close()
    expect(again.keptOne(made.value.kept.id, EVERYTHING)).toMatchObject({ ok: false, error: { error: { code: 'REPORT_DAMAGED' } } })
  })
  it('is there for as long as the configuration says, and its number is not given twice', async () => {
    const { directory, clock, openFile, reports, use } = await open()
    const first = await reports.keep('C-1', asked(), 'wang', 'call-back')
    clock.now += 2 * 366 * DAY
    const ids = async (port = reports) => (await port.kept(null, EVERYTHING, null, 10)).map(({ id }) => id)
    expect(await ids()).toEqual([1])
    clock.now += 1
    expect([await ids(), reports.keptOne(1, EVERYTHING).ok]).toEqual([[], false])
    use({ keepYears: 3 })
    expect(await ids()).toEqual([1])
    expect(first).toMatchObject({ ok: true, value: { kept: { id: 1 } } })
    // The next start has two years again: then it is gone from the file.
    const again = openFile()
    const file = openDatabase(join(directory, 'reports.db'))
    expect(file.prepare('SELECT count(*) AS count FROM report').get()).toEqual({ count: 0 })
    file.close()
    expect(await again.port.keep('C-1', asked(), 'wang', 'another')).toMatchObject({ ok: true, value: { kept: { id: 2 } } })
  })
  it('is listed newest first for whoever sees the customer and every point in it', async () => {
    const { reports } = await open()
    for (const why of ['one', 'two', 'three']) await reports.keep('C-1', asked(), 'wang', why)
    await reports.keep('C-2', asked(), 'wang', 'four')
    const whys = async (...[customer, scope, before, limit]: Parameters<typeof reports.kept>) =>
      (await reports.kept(customer, scope, before, limit)).map(({ why }) => why)
    expect(await whys(null, EVERYTHING, null, 3)).toEqual(['four', 'three', 'two'])
    expect(await whys('C-1', EVERYTHING, 3, 3)).toEqual(['two', 'one'])
    const half: Scope = { all: false, sees: (kind, id) => kind === 'customer' || id === 'P-1' }
    expect(await whys(null, half, null, 9)).toEqual(['four'])
    expect(reports.keptOne(1, half)).toMatchObject({ ok: false, error: { because: 'unknown' } })
  })
})
