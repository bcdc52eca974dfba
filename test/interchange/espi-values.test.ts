import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compare, parseDecimal } from '../../src/core/index.ts'
import { espiValuesOf } from '../../src/interchange/espi-values.ts'

describe('integers of a Green Button reading', () => {
  it.each([
    [['100.00'], 3, 0, [100_000n]],
    [['0.80', '12.5'], 3, 0, [800n, 12_500n]],
    [['1.2345'], 3, -1, [12_345n]],
    [['0.00001'], 3, -2, [1n]],
    // There is no power -4: the next finer one.
    [['0.0000001'], 3, -6, [100n]],
    [['0', '0.00'], 3, 0, [0n, 0n]],
    [['-3.5'], 0, -1, [-35n]],
    [['5e3'], 3, 0, [5_000_000n]],
    [[], 3, 0, []],
  ] as const)('%j with unit 10^%s has the power %s', (texts, shift, powerOfTenMultiplier, integers) =>
    expect(espiValuesOf(texts, shift)).toEqual({ powerOfTenMultiplier, integers }),
  )

  it.each([['200000000000'], ['1e-20'], ['x'], ['140737488355328.1']])('%s cannot be told', (text) =>
    expect(espiValuesOf([text], 3)).toBeNull(),
  )

  it('is exact for every number it tells', () => {
    const number = fc
      .tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.integer({ min: -6, max: 2 }))
      .map(([raw, scaler]) => `${raw}e${scaler}`)
    fc.assert(
      fc.property(fc.array(number, { minLength: 1 }), (texts) => {
        const made = espiValuesOf(texts, 3)
        expect(made).not.toBeNull()
        for (const [at, text] of texts.entries()) {
          const back = parseDecimal(`${made!.integers[at]}e${made!.powerOfTenMultiplier - 3}`)
          expect(compare(back!, parseDecimal(text)!)).toBe(0)
        }
      }),
    )
  })
})
