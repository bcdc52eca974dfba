import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Calendar } from '../../src/acquisition/index.ts'
import { budgetOf, lastChance } from '../../src/collection/index.ts'
import { isSilence, LineBudget, nextTry } from '../../src/collection/policy.ts'
import { at, D0, DAY, days, HOUR, settingsOf } from './support.ts'

const settings = settingsOf()
const gap = (change = {}) => ({ kind: 'day-freeze' as const, label: D0, rereads: 0, spentMs: 0, ...change })
const next = (now: number, change = {}) => nextTry(gap(change), now, days, settings, 0)

describe('when a freeze is read again', () => {
  it.each([
    ['the end of its first pass', '2026-11-20T01:59:00', '2026-11-20T02:00:00'],
    ['the first window', '2026-11-20T02:00:00', '2026-11-20T03:00:00'],
    ['the morning', '2026-11-20T06:00:01', '2026-11-20T12:00:00'],
    ['the afternoon', '2026-11-20T12:30:00', '2026-11-20T18:00:00'],
    ['the evening', '2026-11-20T18:00:00', '2026-11-21T05:00:00'],
    ['the third day', '2026-11-22T10:00:00', '2026-11-23T05:00:00'],
    ['the seventh day', '2026-11-27T04:59:00', '2026-11-27T05:00:00'],
  ])('after %s', (_, now, then) => expect(next(at(now))).toBe(at(then)))

  it('is at the times of the wall clock on days of 23 and 25 hours too', () => {
    const berlin = new Calendar('Europe/Berlin')
    const clock = (text: string) => new Date(Date.parse(text)).toISOString()
    for (const [day, offset] of [
      ['2026-03-29', '+01:00'],
      ['2026-10-25', '+02:00'],
    ] as const) {
      const label = Date.parse(`${day}T00:00:00${offset}`)
      const after = day === '2026-03-29' ? '+02:00' : '+01:00'
      const tried = (now: number) => new Date(nextTry(gap({ label }), now, berlin, settings, 0) ?? Number.NaN).toISOString()
      expect(tried(Date.parse(`${day}T11:00:00${after}`))).toBe(clock(`${day}T12:00:00${after}`))
      expect(tried(Date.parse(`${day}T04:30:00${after}`))).toBe(clock(`${day}T05:00:00${after}`))
      // The day after has 24 hours again.
      const next = new Date(Date.parse(`${day}T12:00:00Z`) + DAY).toISOString().slice(0, 10)
      expect(tried(Date.parse(`${day}T19:00:00${after}`))).toBe(clock(`${next}T05:00:00${after}`))
    }
  })

  it('is never after the last window of the seventh day', () => expect(next(at('2026-11-27T05:00:00'))).toBeNull())

  it('is never again when its tries or its line time are used up', () => {
    expect(next(D0 + HOUR, { rereads: settings.maxTries })).toBeNull()
    expect(next(D0 + HOUR, { spentMs: settings.maxLineMs })).toBeNull()
    expect(budgetOf(gap({ rereads: 4, spentMs: 1000 }), settings)).toEqual({ tries: 20, lineMs: 119_000 })
  })

  it('is spread by chance, each gap by its own', () => {
    const spread = settingsOf({ jitterMs: 600_000 })
    expect(nextTry(gap(), D0, days, spread, 0.5)).toBe(D0 + 2 * HOUR + 300_000)
  })

  it('goes on for a curve until its whole day has had every window', () => {
    expect(next(at('2026-11-20T18:00:00'), { kind: 'curve' })).toBe(at('2026-11-21T02:00:00'))
    expect(next(at('2026-11-21T18:00:00'), { kind: 'curve' })).toBe(at('2026-11-22T05:00:00'))
    expect(lastChance({ kind: 'curve', label: D0 }, days, settings)).toBe(D0 + 9 * DAY)
  })

  it.each(['Europe/Berlin', 'Asia/Shanghai', 'America/Santiago'])('is always later, and before the last chance, in %s', (zone) => {
    const calendar = new Calendar(zone)
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 400 }),
        fc.integer({ min: 0, max: 12 * DAY }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (day, later, random) => {
          const label = calendar.dayStart(Date.UTC(2026, 0, 1, 12) + day * DAY)
          const found = nextTry({ ...gap(), label }, label + later, calendar, settingsOf({ jitterMs: 1 }), random)
          if (found === null) return
          expect(found).toBeGreaterThan(label + later)
          expect(found).toBeLessThan(lastChance({ kind: 'day-freeze', label }, calendar, settings))
        },
      ),
    )
  })
})

it('takes silence for what may end any minute, and a refusal for an answer', () => {
  expect([isSilence('LINE_NO_REPLY'), isSilence('GATEWAY_DOWN'), isSilence('DLT645_REFUSED'), isSilence(null)]).toEqual([
    true,
    true,
    false,
    false,
  ])
})

describe('line time of re-reads', () => {
  it('is a small share of a busy line', () => {
    const budget = new LineBudget(0.1)
    expect(budget.mayRead(0, 0)).toBe(true)
    budget.pay(6000)
    // A second of debt takes ten seconds of a line that is always in use.
    expect(budget.mayRead(9_900, 9_900)).toBe(false)
    expect(budget.mayRead(10_100, 10_100)).toBe(true)
  })

  it('is half of an idle one, saved up for a minute at most', () => {
    const budget = new LineBudget(0.1)
    budget.mayRead(0, 0)
    budget.mayRead(10 * HOUR, 0)
    budget.pay(60_001)
    expect(budget.mayRead(10 * HOUR, 0)).toBe(false)
    expect(budget.mayRead(10 * HOUR + 10, 0)).toBe(true)
  })
})
