import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { type AccountEntry, AccountFile } from '../../src/gateway/account-file.ts'
import { keyAccountReader } from '../../src/gateway/account-keys.ts'
import { AnalysisPool } from '../../src/gateway/analysis-pool.ts'
import { DAY, dayName, START, syntheticArea, ZONE } from './analysis-area.ts'
import { analysisSite, scratch } from './analysis-site.ts'
import { act } from './energy-site.ts'

const entry = (customer: string, change: Partial<AccountEntry> = {}): AccountEntry => ({
  ...{ customer, category: null, months: 12, knownKwh: '60000', isWhole: true, meanKwh: '5000', isKey: true, state: 'computed' },
  ...{ reasons: ['use'], grade: 'A', given: null, notes: [] },
  ...change,
})
/** A list that was made at an instant. */
const list = (file: AccountFile, year: number, at: number, entries: readonly AccountEntry[], isDone = true) => {
  const run = file.begin({ year, at, by: 'gridtally', why: 'January', monthlyKwh: '4000', inclusive: true, categories: [] })
  file.add(run, entries)
  if (isDone) file.finish(run, { customers: entries.length, key: 1, notComputable: 0, A: 1, B: 0, C: 0, D: 0 })
}

it('a key account is who was on the newest list that had been made by then', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-keys-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const reader = keyAccountReader(directory)
  onTestFinished(() => reader.close())
  // No list has ever been made.
  expect(reader.isKey('C-1', START)).toBe(false)
  const file = new AccountFile(directory)
  onTestFinished(() => file.close())
  list(file, 2026, START, [
    ...[entry('C-1'), entry('C-2', { isKey: false, reasons: [] }), entry('C-3', { isKey: null, state: 'not-computable', reasons: [] })],
    ...[entry('C-4', { reasons: ['named'] }), entry('C-5', { reasons: ['category', 'named'] })],
  ])
  const key = (at: number) => ['C-1', 'C-2', 'C-3', 'C-4', 'C-5', 'C-9'].filter((customer) => reader.isKey(customer, at))
  expect(key(START - 1)).toEqual([])
  // Who is named in the ledger alone is one as long as the ledger says so.
  expect(key(START)).toEqual(['C-1', 'C-5'])
  // The next version, and one that is being made.
  list(file, 2026, START + DAY, [entry('C-2')])
  list(file, 2027, START + 2 * DAY, [entry('C-9')], false)
  expect(key(START + DAY - 1)).toEqual(['C-1', 'C-5'])
  expect(key(START + 3 * DAY)).toEqual(['C-2'])
  // A list of a year before that is made anew is none of now.
  list(file, 2025, START + 4 * DAY, [entry('C-9')])
  expect(key(START + 5 * DAY)).toEqual(['C-2'])
})

it('the analysis watches who is on the list by itself, from the day it was made', async () => {
  const area = syntheticArea({ days: 12, times: 2, theft: { meter: 0, day: 5, share: 0.3 } })
  const directory = scratch()
  const pool = new AnalysisPool({ directory, zone: ZONE, profileDirectory: null, brokers: [] }, 1)
  onTestFinished(() => pool.close())
  const site = await analysisSite(START, { directory, judges: () => pool })
  const customers = [0, 1].flatMap((meter) => [
    { kind: 'customer' as const, id: `C-${meter}`, from: null, set: {} },
    { kind: 'point' as const, id: area.point(meter), from: null, set: { customer: `C-${meter}` } },
  ])
  expect(site.ledger.apply([...area.patches, ...customers], act(START - 1))).toMatchObject({ ok: true })
  const file = new AccountFile(directory)
  onTestFinished(() => file.close())
  for (let day = 0; day < 12; day++) await site.put(area.rows(day))
  const judged = async (days: number) => {
    site.clock.at = START + days * DAY + 8 * 3_600_000
    await site.settle()
    return site.allCases('A-1').filter(({ kind }) => kind === 'use_deviation')
  }
  expect(await judged(11)).toEqual([])
  list(file, 2026, START + 11 * DAY + 3_600_000, [entry('C-0'), entry('C-1', { isKey: false, reasons: [] })])
  expect(await judged(12)).toMatchObject([{ target: area.point(0), key: expect.stringContaining('/fall'), detectedAt: dayName(11) }])
})
