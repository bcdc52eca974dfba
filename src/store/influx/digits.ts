import { decimalText, type Raw } from '../../core/index.ts'

/** Numbers to ASCII digits, straight into a buffer: a batch holds sixty thousand of them. The caller has made room. */

const TENS = Uint8Array.from({ length: 100 }, (_, n) => 48 + Math.floor(n / 10))
const ONES = Uint8Array.from({ length: 100 }, (_, n) => 48 + (n % 10))
const POWERS = Float64Array.from({ length: 10 }, (_, n) => 10 ** n)
const INT32 = 2 ** 31

/** Longest text {@link putDecimal} and {@link putInteger} write without help: sign, sixteen digits, point, nine zeros. */
export const ROOM = 32

const width = (n: number): number =>
  n < 100000
    ? n < 100
      ? n < 10
        ? 1
        : 2
      : n < 1000
        ? 3
        : n < 10000
          ? 4
          : 5
    : n < 10000000
      ? n < 1000000
        ? 6
        : 7
      : n < 100000000
        ? 8
        : n < 1000000000
          ? 9
          : 10

/** Writes `n` (0 ≤ n < 2^31) with exactly `digits` digits, zeros in front. */
const putFixed = (out: Uint8Array, at: number, n: number, digits: number): number => {
  const end = at + digits
  let place = end
  let left = n
  while (place - at >= 2) {
    const rest = (left / 100) | 0
    const pair = left - rest * 100
    place -= 2
    out[place] = TENS[pair]!
    out[place + 1] = ONES[pair]!
    left = rest
  }
  if (place > at) out[at] = 48 + left
  return end
}

/** Writes 0 ≤ n ≤ 2^53. */
export const putUnsigned = (out: Uint8Array, at: number, n: number): number => {
  if (n < 10) {
    out[at] = 48 + n
    return at + 1
  }
  if (n < INT32) return putFixed(out, at, n, width(n))
  const high = Math.floor(n / 1e9)
  return putFixed(out, putFixed(out, at, high, width(high)), n - high * 1e9, 9)
}

/** Writes a safe integer with its sign. */
export const putInteger = (out: Uint8Array, at: number, n: number): number => {
  if (n >= 0) return putUnsigned(out, at, n)
  out[at] = 45
  return putUnsigned(out, at + 1, -n)
}

/**
 * Writes raw × 10^scaler digit for digit: (12345678, -2) is `123456.78`.
 *
 * @param raw     a safe integer
 * @param scaler  -9 to 0
 */
export const putDecimal = (out: Uint8Array, at: number, raw: number, scaler: number): number => {
  if (scaler === 0) return putInteger(out, at, raw)
  let n = raw
  if (n < 0) {
    out[at++] = 45
    n = -n
  }
  const power = POWERS[-scaler]!
  // Exact: below 2^53 the quotient cannot round up to a whole number that it does not reach.
  const whole = n < INT32 ? (n / power) | 0 : Math.floor(n / power)
  const point = putUnsigned(out, at, whole)
  out[point] = 46
  return putFixed(out, point + 1, n - whole * power, -scaler)
}

/** The same for numbers that are rare: long integers, large exponents. Exponent form where plain digits would be mostly zeros. */
export const rareDecimal = (raw: Raw, scaler: number): string =>
  scaler < -24 || scaler > 12 ? `${raw}e${scaler}` : decimalText(raw, scaler)
