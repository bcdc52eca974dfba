import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Calendar } from '../../src/acquisition/calendar.ts'
import * as rules from '../../src/collection/clock-rules.ts'
import type { MeterTime } from '../../src/core/index.ts'

const MINUTE = 60_000
const DAY = 86_400_000
const NOW = Date.parse('2026-11-22T03:00:00Z')
const point = (driftMs: number, uncertaintyMs = 500, at = NOW): rules.ClockPoint => ({ at, driftMs, uncertaintyMs })
const time = (text: string): MeterTime => {
  const [hour = 0, minute = 0, second = 0] = text.split(':').map(Number)
  return { year: 2026, month: 11, day: 22, hour, minute, second }
}
const limits = rules.CLOCK_LIMITS

describe('what a drift means', () => {
  it.each([
    ['never read', 'meter', null, [], 'unknown'],
    ['on the second', 'meter', point(0), [], 'good'],
    ['a meter 10 s ahead', 'meter', point(10_000), [], 'good'],
    ['a meter 10 s behind', 'meter', point(-10_000), [], 'good'],
    ['a meter 11 s off', 'meter', point(11_000), [], 'fair'],
    ['a terminal 5 s off', 'concentrator', point(-5_000), [], 'good'],
    ['a terminal 6 s off', 'concentrator', point(6_000), [], 'fair'],
    ['a minute, but not for sure', 'meter', point(60_400), [], 'fair'],
    ['more than a minute for sure', 'meter', point(60_501), [], 'off'],
    ['a quarter of an hour, not for sure', 'meter', point(-15 * MINUTE - 400), [], 'off'],
    ['more than a quarter of an hour', 'meter', point(-15 * MINUTE - 501), [], 'far-off'],
    ['right, but over a channel so slow that nobody knows', 'meter', point(0, 30_000), [], 'fair'],
    ['set twice in a month, more than 5 min off', 'meter', point(5 * MINUTE + 501), [NOW - 30 * DAY, NOW - DAY], 'faulty'],
    ['set twice in a month, 5 min off', 'meter', point(5 * MINUTE), [NOW - 30 * DAY, NOW - DAY], 'off'],
    ['set once in a month', 'meter', point(6 * MINUTE), [NOW - 32 * DAY, NOW - DAY], 'off'],
    ['set twice and far off', 'meter', point(-3 * 60 * MINUTE), [NOW - 2 * DAY, NOW - DAY], 'faulty'],
    ['settings behind the reading do not count', 'meter', point(6 * MINUTE), [NOW + 1, NOW + 2], 'off'],
  ] as const)('%s', (_, kind, seen, settings, state) => expect(rules.clockState(kind, seen, settings)).toBe(state))

  it.each([
    ['one reading', [point(0)], [], null],
    ['two days', [point(0, 500, NOW - 2 * DAY), point(4000)], [], null],
    ['ten days, 7 s', [point(0, 500, NOW - 10 * DAY), point(7000)], [], { msPerDay: 700, uncertaintyMs: 100, isOver: true }],
    ['ten days, 5 s', [point(0, 500, NOW - 10 * DAY), point(-5000)], [], { msPerDay: -500, uncertaintyMs: 100, isOver: false }],
    [
      'set in between',
      [point(90_000, 500, NOW - 10 * DAY), point(0, 500, NOW - 5 * DAY), point(1000)],
      [NOW - 6 * DAY],
      { msPerDay: 200, isOver: false },
    ],
    ['too near to the setting', [point(90_000, 500, NOW - 10 * DAY), point(1000)], [NOW - 6 * DAY], null],
  ])('daily rate: %s', (_, history, settings, rate) => {
    const found = rules.clockRate(history, settings)
    if (rate === null) expect(found).toBeNull()
    else expect(found).toMatchObject(rate)
  })

  it.each([
    ['two witnesses are too few', [90_000, 90_000], false],
    ['three that agree', [90_000, 95_000, 88_000], true],
    ['most agree', [90_000, 0, 91_000, 92_000, -1_200_000], true],
    ['each is off in its own way', [90_000, -90_000, 400_000, 3000, 0], false],
    ['all of them right', [3000, -2000, 0, 1000], false],
  ])('doubts our own clock: %s', (_, drifts, doubtful) => expect(rules.isOwnDoubtful(drifts.map((drift) => point(drift)))).toBe(doubtful))
})

describe('when a clock may be touched', () => {
  it.each([
    ['in the middle of an hour', '02:30:00', 0, null],
    ['five minutes past', '03:05:00', 0, null],
    ['a second too early', '03:04:59', 0, 'near-hour'],
    ['five minutes to', '02:55:01', 0, 'near-hour'],
    ['on the hour', '02:00:00', 0, 'near-hour'],
    ['half past midnight', '00:30:00', 0, null],
    ['a second too early after midnight', '00:29:59', 0, 'near-midnight'],
    ['half an hour to midnight', '23:30:01', 0, 'near-midnight'],
    ['the meter is near its hour', '02:50:00', 6 * MINUTE, 'meter-near-hour'],
    ['the meter has passed the hour', '02:50:00', 16 * MINUTE, 'crosses-hour'],
    ['the meter is still in the hour before', '02:10:00', -20 * MINUTE, 'crosses-hour'],
    ['the meter is in the same hour', '02:40:00', -20 * MINUTE, null],
    ['the meter is near its midnight', '01:10:00', -60 * MINUTE, 'meter-near-midnight'],
    ['the meter is on the day before', '01:10:00', -2 * 60 * MINUTE, 'crosses-midnight'],
    ['the meter is an hour ahead', '01:10:00', 65 * MINUTE, 'crosses-hour'],
  ])('%s', (_, now, drift, why) => expect(rules.mayCorrect(time(now), drift, limits)?.why ?? null).toBe(why))

  it.each([
    ['20 min: some time of day spares every freeze', 20 * MINUTE, null],
    ['50 min: still', -50 * MINUTE, null],
    ['51 min: no time of day does', 51 * MINUTE, 'hour'],
    ['five hours', -5 * 60 * MINUTE, 'hour'],
    ['a day', DAY, 'midnight'],
    ['a year', -365 * DAY, 'midnight'],
  ])('what must be crossed: %s', (_, drift, crossing) => expect(rules.mustCross(drift, limits)).toBe(crossing))

  it('crosses only what was accepted', () => {
    const now = time('12:30:00')
    expect(rules.mayCorrect(now, 65 * MINUTE, limits)?.why).toBe('crosses-hour')
    expect(rules.mayCorrect(now, 65 * MINUTE, limits, 'hour')).toBeNull()
    expect(rules.mayCorrect(now, -2 * DAY, limits, 'hour')?.why).toBe('crosses-midnight')
    expect(rules.mayCorrect(now, -2 * DAY, limits, 'midnight')).toBeNull()
  })

  it.each([
    ['02:10:00', null],
    ['02:09:59', 'near-hour'],
    ['02:50:01', 'near-hour'],
    ['00:34:59', 'near-midnight'],
    ['00:35:00', null],
  ])('a broadcast at %s, which moves others by up to five minutes', (now, why) =>
    expect(rules.mayBroadcast(time(now), limits)?.why ?? null).toBe(why),
  )

  it.each([
    ['not read', null, 'not-known'],
    ['right', point(3000), 'no-need'],
    ['90 s', point(90_000), 'corrects'],
    ['11 s behind', point(-11_000), 'corrects'],
    ['5 min', point(5 * MINUTE), 'too-far'],
    ['20 min behind', point(-20 * MINUTE), 'too-far'],
  ])('what a broadcast does: %s', (_, seen, use) => expect(rules.broadcastUse(seen)).toBe(use))

  it('sweeps in the small hours, away from the full hours', () => {
    const may = (text: string) => rules.maySweep(time(text), rules.SWEEP, limits)
    expect(['02:29:59', '02:30:00', '02:54:59', '02:57:00', '03:02:00', '03:06:00', '05:29:59', '05:30:00', '14:30:00'].map(may)).toEqual([
      ...[false, true, true, false, false, true, true, false, false],
    ])
  })

  it('spreads the meters over the sweep, always alike', () => {
    const turns = Array.from({ length: 1000 }, (_, at) => rules.turnOf(`M${at}`, rules.SWEEP))
    expect(Math.min(...turns)).toBeGreaterThanOrEqual(150)
    expect(Math.max(...turns)).toBeLessThan(285)
    const busiest = Math.max(...[...new Set(turns)].map((turn) => turns.filter((one) => one === turn).length))
    expect(busiest).toBeLessThan(25)
    expect(rules.turnOf('M7', rules.SWEEP)).toBe(turns[7])
  })
})

const ZONES = [
  'Asia/Shanghai',
  'Europe/Berlin',
  'America/St_Johns',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'America/New_York',
  'Asia/Kathmandu',
]
const minutesOfDay = (at: number, zone: string): number => {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at)
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value)
  return of('hour') * 60 + of('minute') + of('second') / 60
}
/** 2026 has a change in both directions in all these zones that change. */
const INSTANT = fc.oneof(
  fc.integer({ min: Date.parse('2026-01-01T00:00:00Z'), max: Date.parse('2026-12-31T00:00:00Z') }),
  fc.integer({ min: Date.parse('2026-03-29T00:00:00Z'), max: Date.parse('2026-03-29T03:00:00Z') }),
  fc.integer({ min: Date.parse('2026-10-25T00:00:00Z'), max: Date.parse('2026-10-25T03:00:00Z') }),
)

describe('in every zone, days of 23 and 25 hours included', () => {
  it('nothing is ever allowed near a full hour or midnight, and no hour is crossed', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), INSTANT, fc.integer({ min: -50 * MINUTE, max: 50 * MINUTE }), (zone, at, drift) => {
        if (rules.mayCorrect(new Calendar(zone).meterTime(at), drift, limits) !== null) return
        for (const minutes of [minutesOfDay(at, zone), minutesOfDay(at, zone) + drift / MINUTE]) {
          const inHour = ((minutes % 60) + 60) % 60
          // The label has whole seconds.
          expect(Math.min(inHour, 60 - inHour)).toBeGreaterThanOrEqual(5 - 1 / 30)
          expect(Math.min(minutes, 1440 - minutes)).toBeGreaterThanOrEqual(30 - 1 / 30)
        }
        const [ours, theirs] = [minutesOfDay(at, zone), minutesOfDay(at, zone) + drift / MINUTE]
        expect(Math.floor(ours / 60)).toBe(Math.floor(theirs / 60))
      }),
      { numRuns: 2000 },
    )
  })

  it('the next allowed time is allowed, and comes within the day', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), INSTANT, fc.integer({ min: -45 * MINUTE, max: 45 * MINUTE }), (zone, from, drift) => {
        const calendar = new Calendar(zone)
        const rule = (now: MeterTime) => rules.mayCorrect(now, drift, limits)
        const next = rules.nextAllowed(from, (instant) => calendar.meterTime(instant), rule)
        expect(next).not.toBeNull()
        expect(rule(calendar.meterTime(next!))).toBeNull()
        expect(next!).toBeGreaterThanOrEqual(from)
      }),
      { numRuns: 300 },
    )
  })
})
