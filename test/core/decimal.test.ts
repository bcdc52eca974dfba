import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  compare,
  decimalNumber,
  decimalOfFloat32,
  decimalOfFloat64,
  decimalText,
  multiply,
  parseDecimal,
  rescale,
  subtract,
} from '../../src/core/index.ts'

it.each([
  [12345678, -2, '123456.78'],
  [5, -2, '0.05'],
  [-5, -3, '-0.005'],
  [100, -2, '1.00'],
  [7, 3, '7000'],
  [0, 5, '0'],
  [0, -2, '0.00'],
  [18446744073709551615n, -2, '184467440737095516.15'],
])('writes %s × 10^%s as %s', (raw, scaler, text) => expect(decimalText(raw, scaler)).toBe(text))

it('writes a number digit for digit as it writes a long one', () =>
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -2000, max: 2000 })), fc.integer({ min: -8, max: 4 }), (raw, scaler) => {
      expect(decimalText(raw, scaler)).toBe(decimalText(BigInt(raw), scaler))
    }),
  ))

it.each(['', '.', '1e', 'NaN', 'Infinity', '0x10', '1_000', '--1', '1e99999'])('refuses %j', (text) =>
  expect(parseDecimal(text)).toBeNull(),
)

it('reads back every number it writes', () =>
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.integer({ min: -12, max: 6 }), (raw, scaler) => {
      const read = parseDecimal(decimalText(raw, scaler))
      expect(read && compare(read, { raw, scaler })).toBe(0)
    }),
  ))

it('names every single-precision number exactly, with the fewest digits', () => {
  expect(decimalOfFloat32(Math.fround(230.2))).toEqual({ raw: 2302, scaler: -1 })
  expect(decimalOfFloat32(Math.fround(0.005389))).toEqual({ raw: 5389, scaler: -6 })
  expect(decimalOfFloat32(Math.fround(16777217))).toEqual({ raw: 16777216, scaler: 0 })
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const { raw, scaler } = decimalOfFloat32(value)
      expect(Math.fround(Number(`${raw}e${scaler}`))).toBe(value === 0 ? 0 : value)
    }),
    { numRuns: 2000 },
  )
})

it('names every double exactly', () =>
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const { raw, scaler } = decimalOfFloat64(value)
      expect(Number(`${raw}e${scaler}`)).toBe(value === 0 ? 0 : value)
    }),
  ))

it('never adds up to 0.30000000000000004', () => {
  expect(decimalText(...pair(subtract({ raw: 3, scaler: -1 }, { raw: 1, scaler: -1 })))).toBe('0.2')
  expect(decimalText(...pair(multiply({ raw: 12345678, scaler: -2 }, { raw: 80, scaler: 0 })))).toBe('9876542.40')
  expect(decimalNumber(12345678, -2)).toBe(123456.78)
  expect(rescale({ raw: 5, scaler: 0 }, -3)).toEqual({ raw: 5000, scaler: -3 })
})

const pair = ({ raw, scaler }: { raw: number | bigint; scaler: number }) => [raw, scaler] as const
