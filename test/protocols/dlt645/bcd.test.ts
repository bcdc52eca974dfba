import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { instantOf, isFill, readBcd, readTime, timeText, writeBcd, writeTime } from '../../../protocols/dlt645/bcd.ts'
import { bytes } from './help.ts'

describe('numbers', () => {
  it.each([
    ['78 56 34 12', false, 12345678],
    ['87 26 80', true, -2687],
    ['87 26 80', false, 802687],
    ['45 23 81', true, -12345],
    ['00 00 80', true, 0],
    ['99 99 99 99 99 99', false, 999999999999],
  ])('%s, signed %s, is %d', (hex, signed, value) => expect(readBcd(bytes(hex), 0, bytes(hex).length, signed)).toBe(value))

  it.each([
    ['FF FF FF FF', false],
    ['FF FF FF', true],
    ['EE EE', true],
    ['0A 00', false],
    ['A0 00', false],
  ])('%s, signed %s, is no number', (hex, signed) => expect(readBcd(bytes(hex), 0, bytes(hex).length, signed)).toBeNaN())

  it('tells fill from damage', () => {
    expect(['FF FF', 'EE EE', 'FF EE', 'FF 00', 'AA AA'].map((hex) => isFill(bytes(hex), 0, 2))).toEqual([true, true, false, false, false])
  })

  it('reads back what it writes', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), (size, share, negative) => {
        const largest = (negative ? 8 : 100) * 10 ** (2 * (size - 1)) - 1
        const value = Math.floor(share * Math.min(largest, negative ? 79 * 100 ** (size - 1) : largest))
        const written = negative && value !== 0 ? -value : value
        if (negative && String(value).padStart(size * 2, '0')[0]! > '7') return
        expect(readBcd(writeBcd(written, size, negative), 0, size, negative)).toBe(written)
      }),
    ))

  it('agrees with the digits written out', () =>
    fc.assert(
      fc.property(fc.stringMatching(/^(\d\d){1,6}$/), (digits) => {
        const wire = Uint8Array.from((digits.match(/../g) ?? []).reverse(), (pair) => Number.parseInt(pair, 16))
        expect(readBcd(wire, 0, wire.length, false)).toBe(Number(digits))
      }),
    ))
})

describe('times', () => {
  it.each([
    ['00 00 09 10 15', 'mhDMY', '2015-10-09 00:00'],
    ['55 53 21', 'smh', '21:53:55'],
    ['01 11 01 16', 'WDMY', '2016-01-11'],
    ['00 01', 'hD', 'day 01 00:00'],
    ['30 12 25 08', 'mhDM', '08-25 12:30'],
  ] as const)('%s as %s is %s', (hex, order, text) => expect(timeText(readTime(bytes(hex), 0, order)!)).toBe(text))

  it.each([
    ['00 00 00 00 00'],
    ['60 00 01 01 24'],
    ['00 25 01 01 24'],
    ['00 00 30 02 24'],
    ['00 00 31 04 24'],
    ['0A 00 01 01 24'],
    ['00 00 01'],
  ])('%s is no time', (hex) => expect(readTime(bytes(hex), 0, 'mhDMY')).toBe(null))

  it('24:00 is midnight of the next day', () =>
    expect(instantOf(readTime(bytes('00 24 31 12 24'), 0, 'mhDMY')!)).toEqual({
      year: 2025,
      month: 1,
      day: 1,
      hour: 0,
      minute: 0,
      second: 0,
    }))

  it('writes what it reads', () => {
    const time = { year: 2024, month: 11, day: 21, hour: 18, minute: 7, second: 59 }
    expect(writeTime(time, 'smhDMY')).toEqual(bytes('59 07 18 21 11 24'))
    expect(instantOf(readTime(writeTime(time, 'smhDMY'), 0, 'smhDMY')!)).toEqual(time)
    expect(writeTime(time, 'WDMY')[0]).toBe(4)
  })
})
