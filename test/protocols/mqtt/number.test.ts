import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decimalOf } from '../../../protocols/mqtt/number.ts'
import { compare, decimalText, parseDecimal } from '../../../src/core/index.ts'

const written = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    fc.stringMatching(/^\d{0,22}$/),
    fc.constantFrom('', '.'),
    fc.stringMatching(/^\d{0,12}$/),
    fc.constantFrom('', 'e3', 'E-2', 'e+05'),
  )
  .map((parts) => parts.join(''))

describe('a number', () => {
  it('is what core makes of it', () =>
    fc.assert(
      fc.property(written, (text) => {
        const [mine, core] = [decimalOf(text), parseDecimal(text)]
        if (core === null || mine === null) expect(mine).toBe(core)
        else {
          expect(compare(mine, core)).toBe(0)
          expect(mine.scaler).toBe(core.scaler)
        }
      }),
      { numRuns: 3000 },
    ))
  it('keeps the digits behind the point', () =>
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 25n }), fc.nat(10), (raw, places) => {
        const text = decimalText(raw, -places)
        const value = decimalOf(text)
        expect(value && decimalText(value.raw, value.scaler)).toBe(text)
      }),
    ))
  it.each([
    ['12345678.90', '12345678.90'],
    ['9007199254740993', '9007199254740993'],
    ['-0', '0'],
    ['-0.00', '0.00'],
    ['999999999999999', '999999999999999'],
    ['-99999999999999', '-99999999999999'],
    ['1E3', '1000'],
  ])('%s', (text, digits) => {
    const value = decimalOf(text)
    expect(value && decimalText(value.raw, value.scaler)).toBe(digits)
  })
  it.each([
    '',
    '-',
    '.',
    '-.',
    '1,5',
    '1.2.3',
    '0x10',
    'NaN',
    'Infinity',
    '1e999',
    '1e61',
    '1'.repeat(41),
    '1'.repeat(5000),
    '１２',
    '1 000',
    '--1',
  ])('is none of %j', (text) => expect(decimalOf(text)).toBe(null))
})
