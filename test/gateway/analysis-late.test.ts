import { expect, it } from 'vitest'
import { CaseBook } from '../../src/gateway/case-book.ts'
import { DAY, dayName, START, syntheticArea } from './analysis-area.ts'
import { analysisSite, scratch } from './analysis-site.ts'
import { act } from './energy-site.ts'

const SEVEN = 7 * 3_600_000

it('withdraws a case when readings that come late take its evidence away, once, and says so in the case book', async () => {
  const days = 19
  const area = syntheticArea({ days })
  const book = new CaseBook({ directory: scratch(), zoneOf: () => null, dueAt: () => null, listeners: () => [] })
  const site = await analysisSite(START, {
    onVerdict: (verdict) => {
      const start = Date.parse(`${verdict.day}T00:00:00+08:00`)
      book.take(verdict, { day: verdict.day, start, end: start + DAY }, site.clock.at)
    },
  })
  expect(site.ledger.apply(area.patches, act(START))).toMatchObject({ ok: true })
  const late = new Set([area.point(5), area.point(6)])
  const isLate = (point: string | undefined) => late.has(point ?? '')
  for (let day = 0; day < days; day++) {
    await site.put(area.rows(day).filter(({ series }) => day < 15 || !isLate(series.tags.point)))
    if (day < 13) continue
    site.clock.at = START + (day + 1) * DAY + SEVEN
    await site.settle()
  }
  const cases = () => [...book.file.book('A-1').cases.values()].map(({ key, state, detectedAt }) => ({ key, state, detectedAt }))
  const said = () => book.file.history(1).map(({ what }) => what)
  expect(cases()).toEqual([{ key: 'not_computable:A-1', state: 'open', detectedAt: dayName(15) }])
  const guessed = () => site.book.losses('A-1', dayName(17), dayName(17))[0]?.estimatedShare
  expect(guessed()).toBeGreaterThan(0.1)
  site.verdicts.length = 0
  for (let day = 15; day < days; day++) await site.put(area.rows(day).filter(({ series }) => isLate(series.tags.point)))
  await site.settle()
  expect(site.verdicts.map(({ day }) => day)).toEqual([15, 16, 17, 18].map(dayName))
  expect(cases()).toEqual([{ key: 'not_computable:A-1', state: 'withdrawn', detectedAt: dayName(15) }])
  expect(said()).toEqual(['opened', 'withdrawn'])
  expect(guessed()).toBe(0)
  // The same readings once more change nothing.
  site.verdicts.length = 0
  for (let day = 15; day < days; day++) await site.put(area.rows(day).filter(({ series }) => isLate(series.tags.point)))
  await site.settle()
  expect(said()).toEqual(['opened', 'withdrawn'])
  expect(site.warnings).toEqual([])
  book.close()
})
