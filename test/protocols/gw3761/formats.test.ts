import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { timeOfText } from '../../../protocols/gw3761/content-write.ts'
import {
  absentTime,
  daysIn,
  densityCode,
  densityMinutes,
  instantOf,
  isFill,
  monthAfter,
  NUMBERS,
  readBcd,
  readNumber,
  readTime,
  readUint,
  TIMES,
  type TimeFormatId,
  timeSize,
  timeText,
  weekdayOf,
  writeBcd,
  writeNumber,
  writeTime,
  writeUint,
} from '../../../protocols/gw3761/formats.ts'
import { bytes } from './wire.ts'

describe('numbers', () => {
  it.each([
    ['A.4', '85', -5],
    ['A.5', '99 09', 99.9],
    ['A.5', '91 89', -99.1],
    ['A.6', '34 92', -12.34],
    ['A.7', '00 22', 220],
    ['A.8', '34 12', 1234],
    ['A.9', '47 11 01', 1.1147],
    ['A.9', '45 23 81', -1.2345],
    ['A.10', '56 34 12', 123456],
    ['A.11', '88 88 77 00', 7788.88],
    ['A.12', '12 90 78 56 34 12', 123456789012],
    ['A.13', '78 56 34 12', 1234.5678],
    ['A.14', '00 79 92 00 00', 92.79],
    ['A.14', '88 88 88 88 88', 888888.8888],
    ['A.22', '15', 1.5],
    ['A.23', '45 23 01', 1.2345],
    ['A.25', '50 17 80', -1.75],
    ['A.26', '34 12', 1.234],
    ['A.27', '78 56 34 12', 12345678],
  ] as const)('%s: %s is %d', (id, hex, value) => {
    const format = NUMBERS[id]
    expect(readNumber(bytes(hex), 0, format) / 10 ** -format.scaler).toBe(value)
  })

  it.each([
    ['000: ten thousands', '00 09', 9_000_000],
    ['011: tens', '23 61', 1230],
    ['100: ones', '23 81', 123],
    ['100 and minus', '23 91', -123],
    ['111: thousandths', '99 E9', 0.999],
  ])('A.2 %s', (_, hex, value) => expect(readNumber(bytes(hex), 0, NUMBERS['A.2']) / 1000).toBe(value))

  it.each([
    ['kWh', '67 45 23 01', 1234567],
    ['minus', '67 45 23 11', -1234567],
    ['MWh', '67 45 23 41', 1234567000],
    ['minus MWh', '67 45 23 51', -1234567000],
  ])('A.3 %s', (_, hex, value) => expect(readNumber(bytes(hex), 0, NUMBERS['A.3'])).toBe(value))

  it.each(Object.values(NUMBERS).map((format) => [format.id, format] as const))(
    '%s: fill is absent, never zero, and so is a digit above 9',
    (_, format) => {
      for (const fill of [0xee, 0xef, 0xff]) expect(readNumber(new Uint8Array(format.size).fill(fill), 0, format)).toBeNaN()
      expect(readNumber(new Uint8Array(format.size).fill(0).with(0, 0x0a), 0, format)).toBeNaN()
      expect(readNumber(new Uint8Array(format.size - 1), 0, format)).toBeNaN()
      expect(readNumber(new Uint8Array(format.size), 0, format)).toBe(0)
      expect(writeNumber(null, format)).toEqual(new Uint8Array(format.size).fill(0xee))
    },
  )

  it.each(Object.values(NUMBERS).map((format) => [format.id, format] as const))('%s: what is written comes back', (_, format) =>
    fc.assert(
      fc.property(fc.integer({ min: format.signed ? -format.max : 0, max: format.max }), (value) => {
        // Formats with an exponent hold three or seven digits.
        const excess = String(Math.abs(value)).length - (format.id === 'A.2' ? 3 : 7)
        const step = !format.floating || excess <= 0 ? 1 : format.id === 'A.3' ? 1000 : 10 ** excess
        const raw = Math.trunc(value / step) * step
        expect(readNumber(writeNumber(raw, format), 0, format)).toBe(raw === 0 ? 0 : raw)
      }),
    ),
  )

  it.each(Object.values(NUMBERS).map((format) => [format.id, format] as const))('%s: refuses what does not fit', (_, format) => {
    expect(() => writeNumber(format.max + 1, format)).toThrow(format.id)
    expect(() => writeNumber(0.5, format)).toThrow(format.id)
    if (!format.signed) expect(() => writeNumber(-1, format)).toThrow(format.id)
  })

  it('A.2 and A.3 refuse more digits than they have', () => {
    expect(() => writeNumber(1234, NUMBERS['A.2'])).toThrow('three digits')
    expect(() => writeNumber(10_000_001, NUMBERS['A.3'])).toThrow('seven digits')
  })

  it('plain BCD and binary numbers come back, and refuse what does not fit', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(99), fc.nat(255), (size, two, byte) => {
        expect(readBcd(writeBcd(two * 100 ** (size - 1), size), 0, size)).toBe(two * 100 ** (size - 1))
        expect(readUint(writeUint(byte * 256 ** (size - 1), size), 0, size)).toBe(byte * 256 ** (size - 1))
        expect(() => writeBcd(100 ** size, size)).toThrow('BCD')
        expect(() => writeUint(256 ** size, size)).toThrow('bytes')
        expect([readBcd(new Uint8Array(size - 1), 0, size), readUint(new Uint8Array(size - 1), 0, size)]).toEqual([Number.NaN, Number.NaN])
      }),
    ))

  it('fill is one byte all over', () => {
    expect(['EE EE', 'EF EF', 'FF FF', 'EE EF', '00 00', 'EE 00'].map((hex) => isFill(bytes(hex), 0, 2))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ])
  })
})

describe('times', () => {
  it.each([
    ['A.1', '49 48 11 15 52 15', '2015-12-15 11:48:49'],
    ['A.1', '55 30 10 12 83 15', '2015-03-12 10:30:55'],
    ['A.15', '20 15 15 01 14', '2014-01-15 15:20'],
    ['A.16', '27 52 13 07', 'day 07 13:52:27'],
    ['A.17', '45 12 16 04', '04-16 12:45'],
    ['A.18', '30 23 01', 'day 01 23:30'],
    ['A.19', '15 00', '00:15'],
    ['A.20', '20 07 24', '2024-07-20'],
    ['A.21', '01 14', '2014-01'],
    ['A.24', '07 20', 'day 20 07 h'],
  ] as const)('%s: %s is %s', (id, hex, text) => {
    const time = readTime(bytes(hex), 0, id)
    expect(time && timeText(time)).toBe(text)
    expect(time && writeTime(time, id)).toEqual(bytes(hex))
    if (id !== 'A.1') expect(timeOfText(text, id)).toEqual(time)
  })

  it('the day of the week: 1 = Monday, 7 = Sunday, 0 = not said', () => {
    expect(readTime(bytes('49 48 11 15 52 15'), 0, 'A.1')?.weekday).toBe(2)
    expect(readTime(bytes('51 20 23 07 10 18'), 0, 'A.1')?.weekday).toBe(0)
    expect(weekdayOf({ year: 2015, month: 12, day: 15 })).toBe(2)
    expect(weekdayOf({ year: 2026, month: 11, day: 22 })).toBe(7)
  })

  it.each([
    ['fill', 'A.15', 'EE EE EE EE EE'],
    ['minute 60', 'A.15', '60 15 15 01 14'],
    ['hour 24 with minutes', 'A.15', '01 24 15 01 14'],
    ['30 February', 'A.20', '30 02 24'],
    ['29 February of a common year', 'A.20', '29 02 23'],
    ['month 0', 'A.21', '00 14'],
    ['month 13', 'A.21', '13 14'],
    ['no BCD', 'A.19', '1A 00'],
    ['too short', 'A.20', '01 02'],
  ] as const)('%s is none', (_, id, hex) => expect(readTime(bytes(hex), 0, id)).toBe(null))

  it('24:00 is the beginning of the next day, over every edge of the calendar', () => {
    const at = (hex: string) => instantOf(readTime(bytes(hex), 0, 'A.15'))
    expect(at('00 24 31 12 23')).toEqual({ year: 2024, month: 1, day: 1, hour: 0, minute: 0, second: 0 })
    expect(at('00 24 28 02 24')).toEqual({ year: 2024, month: 2, day: 29, hour: 0, minute: 0, second: 0 })
    expect(instantOf(readTime(bytes('15 00'), 0, 'A.19'))).toBe(null)
    expect(monthAfter({ year: 2024, month: 12 })).toMatchObject({ year: 2025, month: 1, day: 1 })
    expect(monthAfter({ year: 2024, month: 2 })).toMatchObject({ year: 2024, month: 3 })
    for (let month = 1; month <= 12; month++) expect(daysIn(2023, month)).toBe(new Date(Date.UTC(2023, month, 0)).getUTCDate())
  })

  it.each(Object.keys(TIMES).map((id) => [id] as const))('%s: what is written comes back', (name) => {
    const id = (Object.keys(TIMES) as TimeFormatId[]).find((one) => one === name)!
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 99 }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(27),
        fc.nat(23),
        fc.nat(59),
        fc.nat(59),
        (year, month, day, hour, minute, second) => {
          const time = { year: 2000 + year, month, day: day + 1, hour, minute, second }
          const back = readTime(writeTime(time, id), 0, id)
          expect(back).not.toBe(null)
          expect({ ...time, ...back, weekday: undefined }).toEqual({ ...time, weekday: undefined })
          expect(timeOfText(timeText(back ?? {}), id)).toMatchObject({
            ...back,
            ...(back?.weekday !== undefined && { weekday: weekdayOf(back) }),
          })
        },
      ),
    )
    expect(readTime(absentTime(id), 0, id)).toBe(null)
    expect(absentTime(id)).toHaveLength(timeSize(id))
  })

  it('refuses to write what does not fit', () => {
    expect(() => writeTime({ year: 2100, month: 1, day: 1 }, 'A.20')).toThrow('year 100')
    expect(() => writeTime({ hour: 25, minute: 0 }, 'A.19')).toThrow('hour 25')
  })

  it('densities of curves', () => {
    expect([0, 1, 2, 3, 254, 255, 7].map(densityMinutes)).toEqual([null, 15, 30, 60, 5, 1, null])
    expect([15, 30, 60, 5, 1, 10].map(densityCode)).toEqual([1, 2, 3, 254, 255, null])
  })
})
