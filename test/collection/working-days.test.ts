import fc from 'fast-check'
import { expect, it } from 'vitest'
import { afterWorkingDays, type WorkingDays } from '../../src/collection/index.ts'

const china: WorkingDays = {
  zone: 'Asia/Shanghai',
  weekend: new Set([6, 7]),
  holidays: new Set(['2026-10-01', '2026-10-02']),
  worked: new Set(['2026-10-10']),
}
const at = (text: string) => Date.parse(text)

it.each([
  ['a Tuesday morning', '2026-08-11T09:30:00+08:00', 1, '2026-08-12T09:30:00+08:00'],
  ['a Friday evening: Monday', '2026-08-14T18:00:00+08:00', 1, '2026-08-17T18:00:00+08:00'],
  ['a Saturday: it begins on Monday', '2026-08-15T10:00:00+08:00', 1, '2026-08-18T00:00:00+08:00'],
  ['the eve of a holiday: behind it and the weekend', '2026-09-30T09:00:00+08:00', 1, '2026-10-05T09:00:00+08:00'],
  ['a Friday before a Saturday that is worked', '2026-10-09T09:00:00+08:00', 1, '2026-10-10T09:00:00+08:00'],
  ['three of them', '2026-08-13T09:00:00+08:00', 3, '2026-08-18T09:00:00+08:00'],
])('counts from %s', (_, from, days, due) => {
  expect(new Date(afterWorkingDays(at(from), days, china)).toISOString()).toBe(new Date(at(due)).toISOString())
})

it('keeps the time of day where the clocks change', () => {
  const berlin: WorkingDays = { ...china, zone: 'Europe/Berlin', holidays: new Set(), worked: new Set() }
  // Friday in winter, Monday in summer: 71 hours.
  expect(afterWorkingDays(at('2026-03-27T09:00:00+01:00'), 1, berlin)).toBe(at('2026-03-30T09:00:00+02:00'))
})

it('is never before a whole day less an hour, and grows with its beginning', () =>
  fc.assert(
    fc.property(
      fc.integer({ min: at('2026-01-01T00:00:00Z'), max: at('2027-01-01T00:00:00Z') }),
      fc.integer({ min: 1, max: 5 }),
      (from, days) => {
        const due = afterWorkingDays(from, days, china)
        expect(due - from).toBeGreaterThanOrEqual(days * 86_400_000 - 3_600_000)
        expect(afterWorkingDays(from + 60_000, days, china)).toBeGreaterThanOrEqual(due)
      },
    ),
  ))

it('ends even when nobody ever works', () => {
  const never: WorkingDays = { ...china, weekend: new Set([1, 2, 3, 4, 5, 6, 7]), worked: new Set() }
  expect(afterWorkingDays(at('2026-08-11T09:30:00+08:00'), 1, never)).toBeGreaterThan(at('2026-08-11T09:30:00+08:00'))
})
