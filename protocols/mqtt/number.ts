import { type Decimal, parseDecimal } from '../../src/core/decimal.ts'

/** More digits than any register has. */
const MOST_DIGITS = 40
const LARGEST_SCALER = 60

/**
 * Decimal text as an exact number: digits behind the point are kept, `12345678.90` has scaler -2.
 *
 * @returns  null when it is no number, or one that no register holds
 */
export const decimalOf = (text: string): Decimal | null => {
  const { length } = text
  if (length > 0 && length <= 15) {
    let raw = 0
    let point = -1
    let at = text.charCodeAt(0) === 0x2d ? 1 : 0
    const start = at
    for (; at < length; at++) {
      const digit = text.charCodeAt(at) - 0x30
      if (digit >= 0 && digit <= 9) raw = raw * 10 + digit
      else if (digit === -2 && point < 0) point = at
      else break
    }
    if (at === length && length > start && point !== start && point !== length - 1)
      return { raw: start === 1 && raw !== 0 ? -raw : raw, scaler: point < 0 ? 0 : point - length + 1 }
  }
  if (length > 2 * MOST_DIGITS) return null
  const value = parseDecimal(text)
  if (value === null || Math.abs(value.scaler) > LARGEST_SCALER) return null
  return String(value.raw).length > MOST_DIGITS ? null : value
}
