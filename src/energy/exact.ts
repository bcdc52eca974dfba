import { type Decimal, tidy } from '../core/index.ts'

/** Digits an interpolated register has beyond those of the face. */
export const EXTRA_DIGITS = 3

/** The integer of a decimal at a scale; digits below the scale are cut off. */
export const atScale = ({ raw, scaler }: Decimal, scale: number): bigint =>
  scaler >= scale ? BigInt(raw) * 10n ** BigInt(scaler - scale) : BigInt(raw) / 10n ** BigInt(scale - scaler)

/** A decimal again, without zeros below `shown`. */
export const decimalOf = (value: bigint, scale: number, shown: number): Decimal => {
  let raw = value
  let scaler = scale
  while (scaler < shown && raw % 10n === 0n) {
    raw /= 10n
    scaler++
  }
  return { raw: tidy(raw), scaler }
}

/** Sum of exact decimals; 0 of none. */
export const sumOf = (values: readonly Decimal[]): Decimal => {
  const scale = Math.min(0, ...values.map(({ scaler }) => scaler))
  const shown = values.length === 0 ? 0 : Math.min(...values.map(({ scaler }) => scaler))
  return decimalOf(
    values.reduce((sum, value) => sum + atScale(value, scale), 0n),
    scale,
    shown,
  )
}

/** `part` of `whole` in millionths, rounded; 0 of nothing. */
export const ppmOf = (part: bigint, whole: bigint): number => (whole === 0n ? 0 : Number((part * 2_000_000n + whole) / (2n * whole)))
