import { compare, type Decimal, decimalText, rescale, subtract, tidy } from '../core/index.ts'

export const ZERO: Decimal = { raw: 0, scaler: 0 }
export const add = (a: Decimal, b: Decimal): Decimal => {
  const scaler = Math.min(a.scaler, b.scaler)
  return { raw: tidy(BigInt(rescale(a, scaler).raw) + BigInt(rescale(b, scaler).raw)), scaler }
}
export const sum = (values: readonly Decimal[]): Decimal => values.reduce(add, ZERO)
export const least = (a: Decimal, b: Decimal): Decimal => (compare(a, b) <= 0 ? a : b)
/** What is left of `a` without `b`, never below zero. */
export const rest = (a: Decimal, b: Decimal): Decimal => (compare(a, b) > 0 ? subtract(a, b) : ZERO)
/** Decimal text; zeros beyond the second digit after the point, which come of splitting, are left out. */
export const text = ({ raw, scaler }: Decimal): string => decimalText(raw, scaler).replace(/(\.\d\d\d*?)0+$/, '$1')

/** `numerator / denominator` with two digits after the point, half up. Neither is below zero. */
export const quotient = (numerator: Decimal, denominator: bigint): Decimal => {
  const scaler = Math.min(-2, numerator.scaler)
  const hundredths = BigInt(rescale(numerator, scaler).raw)
  const unit = denominator * 10n ** BigInt(-2 - scaler)
  return { raw: tidy((2n * hundredths + unit) / (2n * unit)), scaler: -2 }
}
