import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { EnergyBook } from '../../src/gateway/energy-book.ts'
import { EnergyDays } from '../../src/gateway/energy-days.ts'
import { energyTidy } from '../../src/gateway/energy-tidy.ts'
import { openDatabase } from '../../src/sqlite/index.ts'
import { act, energySite, PROFILE, rowOf, ZONE } from './energy-site.ts'

const days = new EnergyDays(ZONE)
const NOW = days.start('2026-11-22')

/** A book of a program that could be asked for any time. */
const openFormer = (directory: string): EnergyBook => {
  new EnergyBook(directory).close()
  const database = openDatabase(join(directory, 'energy.db'))
  database.exec("DELETE FROM place WHERE name = 'tidied'")
  database.close()
  return new EnergyBook(directory)
}
const open = () => {
  const directory = mkdtempSync(join(tmpdir(), 'gridtally-tidy-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const book = openFormer(directory)
  let isOpen = true
  const close = () => {
    if (isOpen) book.close()
    isOpen = false
  }
  onTestFinished(close)
  const said: string[] = []
  const first: Readonly<Record<string, number>> = { 'P-new': days.start('2026-03-10'), 'P-old': 0 }
  const tidy = (now = NOW) =>
    energyTidy({
      ...{ book, days, now: () => now, log: (_, text) => said.push(text) },
      ledger: { history: (point) => (first[point] === undefined ? [] : [{ from: first[point] ?? 0 }]) },
    })
  const mark = (point: string, dates: readonly string[], why: string) =>
    book.together(() => {
      for (const day of dates) book.markDirty(point, day, NOW, why)
    })
  const marks = (point: string) => book.dirty(null, 100_000).flatMap((one) => (one.point === point ? [one.day] : []))
  return { directory, book, close, said, tidy, mark, marks }
}
it('drops marks of days before the first meter and of centuries ago, a piece at a time, and says so once', () => {
  const { book, said, tidy, mark, marks } = open()
  const centuries = days.between('1188-01-01', '1199-12-31')
  expect(centuries.length).toBeGreaterThan(4_000)
  mark('P-new', [...centuries, '2026-02-28', '2026-02', '2026-03', '2026-03-01', '2026-03-10', '2026-11-21'], 'asked for')
  // It is there since always: what was read stands as far as anything can have been read, what was asked for ten years.
  mark('P-old', [...centuries.slice(0, 10), '1989-12-31', '2010-01-01', '2016-10-31', '2016-11-01'], 'asked for')
  mark('P-old', ['1988-01-01', '1999-01-01'], 'a reading')
  book.together(() => {
    book.markOnward('P-old', '1188-01-01', 'asked for')
    book.see('P-old', '1188-01-01')
    book.see('P-old', '2026-11-21')
    book.keep('P-new', '1188-01-01', [])
    book.keep('P-new', '1188-01-02', [])
    book.keep('P-new', '2026-03-10', [])
    book.setFindings('P-new', '1188-01-01', [{ key: 'k', body: '{}' }], NOW)
  })
  // Somebody took a figure of then away: it stays.
  book.addExport({ who: 'x', point: 'P-new', from: 0, to: 1, note: '', at: NOW }, { first: '1188-01-02', last: '1188-01-02' })
  const one = tidy()
  expect(one.isPossible('P-new', '1188-05-05', false)).toBe(false)
  expect(one.isPossible('P-new', '2026-03-01', false)).toBe(true)
  expect([one.isPossible('P-old', '2010-01-01', true), one.isPossible('P-old', '2010-01-01', false)]).toEqual([true, false])
  let steps = 1
  while (one.step()) steps++
  expect(steps).toBeGreaterThan(2)
  expect(marks('P-new')).toEqual(['2026-03', '2026-03-01', '2026-03-10', '2026-11-21'])
  expect(marks('P-old')).toEqual(['1999-01-01', '2016-11-01'])
  expect(book.figuresOf('P-new', '1000-01-01', '2026-12-31').map(({ day }) => day)).toEqual(['1188-01-02', '2026-03-10'])
  expect(book.findings(null, 0, 10)).toEqual([])
  expect([book.seen('P-old'), book.onward()]).toEqual([
    { first: '1990-01-01', last: '2026-11-21' },
    { point: 'P-old', day: '2016-11-01', why: 'asked for' },
  ])
  expect(said).toEqual([
    expect.stringMatching(/^interval energy: \d{4} rows of days that cannot be were taken out of energy\.db; 2 points/),
  ])
  // Once is enough, over restarts.
  mark('P-new', ['1188-01-01'], 'asked for')
  const again = tidy()
  expect([again.step(), again.isPossible('P-new', '1188-01-01', false), said.length]).toEqual([false, true, 1])
})

it('a clock that stands wrong drops nothing that was read', () => {
  const { tidy, mark, marks } = open()
  mark('P-old', ['2026-11-21'], 'asked for')
  mark('P-old', ['2026-11-20'], 'a reading')
  const one = tidy(Date.parse('1970-01-02T00:00:00Z'))
  while (one.step());
  expect(marks('P-old')).toEqual(['2026-11-20', '2026-11-21'])
  const other = open()
  other.mark('P-old', ['2026-11-20'], 'a reading')
  const ahead = other.tidy(Date.parse('2199-01-01T00:00:00Z'))
  while (ahead.step());
  expect(other.marks('P-old')).toEqual(['2026-11-20'])
})

it('a gateway that finds such marks works out the days that can be', async () => {
  const { directory, book, close } = open()
  // As the fault left it, in a file of before.
  book.together(() => {
    for (const day of days.between('1188-01-01', '1190-12-31')) book.markDirty('P-1', day, 0, 'asked for')
    book.see('P-1', '1188-01-01')
  })
  close()
  const site = await energySite(days.start('2026-11-03') + 3_600_000, directory)
  expect(
    site.ledger.apply(
      [
        { kind: 'area', id: 'A-1', from: null, set: {} },
        { kind: 'point', id: 'P-1', from: null, set: { area: 'A-1' } },
        { kind: 'meter', id: 'M-1', from: null, set: { point: 'P-1', line: 'bus', address: '000000000001', profile: PROFILE } },
      ],
      act(days.start('2026-11-01')),
    ),
  ).toMatchObject({ ok: true })
  const at = (day: string, raw: number) =>
    rowOf(
      { at: days.start(day), receivedAt: days.start(day), value: { raw, scaler: -2 }, meter: 'M-1', source: 'day-freeze', quality: 0 },
      '1',
    )
  await site.put([at('2026-11-01', 100), at('2026-11-02', 300)])
  await site.settle()
  expect(site.book.dirty(null, 10).filter(({ day }) => day < '2026')).toEqual([])
  expect(site.runner.worked).toBeLessThan(20)
  expect(site.book.figures('P-1', '2026-11-01')?.[0]?.periods.day).toMatchObject([{ value: '2.00' }])
})
