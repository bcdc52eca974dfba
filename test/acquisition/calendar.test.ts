import fc from 'fast-check'
import { Temporal } from 'temporal-polyfill'
import { expect, it } from 'vitest'
import { Calendar } from '../../src/acquisition/index.ts'

const ZONES = ['Asia/Shanghai', 'Europe/Berlin', 'America/Santiago', 'Australia/Lord_Howe', 'Asia/Kathmandu'] as const
const calendars = new Map(ZONES.map((zone) => [zone, new Calendar(zone)]))
const instant = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2035, 0, 1) })

/** What is remembered must be what Temporal says, in whatever order it is asked. */
const say = (zone: (typeof ZONES)[number], at: number): void => {
  const calendar = calendars.get(zone) ?? new Calendar(zone)
  const zoned = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone)
  const { year, month, day, hour, minute, second } = zoned
  expect(calendar.meterTime(at)).toEqual({ year, month, day, hour, minute, second })
  expect(calendar.dayStart(at)).toBe(zoned.startOfDay().epochMilliseconds)
  expect(calendar.dayAfter(calendar.dayStart(at))).toBe(zoned.startOfDay().add({ days: 1 }).startOfDay().epochMilliseconds)
  const plain = Temporal.PlainDateTime.from({ year, month, day, hour, minute, second })
  expect(calendar.instantOf({ year, month, day, hour, minute, second })).toBe(plain.toZonedDateTime(zone).epochMilliseconds)
  const first = zoned.toPlainDate().with({ day: 1 })
  expect(calendar.periodStart({ unit: 'month', count: 1 }, at)).toBe(first.toZonedDateTime(zone).epochMilliseconds)
}

it('says what Temporal says', () => fc.assert(fc.property(fc.constantFrom(...ZONES), instant, say), { numRuns: 2000 }))

const impossible = (zone: (typeof ZONES)[number], month: number, day: number, hour: number): void => {
  let expected: number | null = null
  try {
    const plain = Temporal.PlainDateTime.from({ year: 2026, month, day, hour, minute: 30 }, { overflow: 'reject' })
    expected = plain.toZonedDateTime(zone).epochMilliseconds
  } catch {
    expected = null
  }
  expect(calendars.get(zone)?.instantOf({ year: 2026, month, day, hour, minute: 30, second: 0 })).toBe(expected)
}

it('knows no instant of an impossible time', () =>
  fc.assert(
    fc.property(
      fc.constantFrom(...ZONES),
      fc.integer({ min: 0, max: 14 }),
      fc.integer({ min: 0, max: 33 }),
      fc.integer({ min: 0, max: 25 }),
      impossible,
    ),
    { numRuns: 1000 },
  ))
