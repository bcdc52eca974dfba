import { expect, it } from 'vitest'
import { BCD_PAIRS, pair } from '../../src/core/bcd.ts'
import { daysIn, instantOf, ordinalOf, shiftMinutes, timeOfOrdinal } from '../../src/core/wall-time.ts'

it('knows the days of every month of the century as the calendar of the language does', () => {
  for (let year = 2000; year <= 2100; year++)
    for (let month = 1; month <= 12; month++) expect(daysIn(year, month)).toBe(new Date(Date.UTC(year, month, 0)).getUTCDate())
})

it('takes 24:00 for the beginning of the next day, and no instant without a whole date', () => {
  const time = { year: 2026, month: 12, day: 31 }
  expect(instantOf({ ...time, hour: 24 })).toEqual({ year: 2027, month: 1, day: 1, hour: 0, minute: 0, second: 0 })
  expect(instantOf(time)).toEqual({ ...time, hour: 0, minute: 0, second: 0 })
  expect([instantOf({ month: 12, day: 31, hour: 1 }), instantOf(null)]).toEqual([null, null])
})

it('counts wall-clock times without a zone, and back', () => {
  const time = { year: 2028, month: 2, day: 28, hour: 23, minute: 59, second: 7 }
  expect(timeOfOrdinal(ordinalOf(time))).toEqual(time)
  expect(shiftMinutes(time, 1)).toEqual({ ...time, day: 29, hour: 0, minute: 0 })
})

it('reads two digits of a byte, and nothing out of what is none', () => {
  for (let byte = 0; byte < 256; byte++) {
    const text = byte.toString(16).padStart(2, '0')
    expect(pair(byte)).toBe(/^\d\d$/.test(text) ? Number(text) : Number.NaN)
  }
  expect([pair(undefined), BCD_PAIRS.length]).toEqual([Number.NaN, 256])
})
