import { type Decimal, parseDecimal, rescale } from '../core/index.ts'

/** Powers of ten a Green Button value may have. @source NAESB REQ.21, espi.xsd: UnitMultiplierKind */
const MULTIPLIERS = [9, 6, 3, 2, 1, 0, -1, -2, -3, -6, -9, -12] as const
/** @source NAESB REQ.21, espi.xsd: Int48 */
const LARGEST = 2n ** 47n - 1n

/** Values as integers of one power of ten. */
export interface EspiValues {
  readonly powerOfTenMultiplier: number
  /** Beside each value that was given. */
  readonly integers: readonly bigint[]
}

/** What remains when the zeros at the end go: fewer digits, the same number. */
const shortest = ({ raw, scaler }: Decimal): Decimal => {
  let [whole, power] = [BigInt(raw), scaler]
  if (whole === 0n) return { raw: 0, scaler: 99 }
  while (whole % 10n === 0n) {
    whole /= 10n
    power++
  }
  return { raw: whole, scaler: power }
}

/**
 * Exact integers of decimal numbers under one multiplier, as Green Button wants them.
 *
 * @param texts  decimal text
 * @param shift  power of ten of their unit: 3 for kWh, because Green Button counts Wh
 * @returns      null when a number cannot be told exactly: too fine, or beyond 48 bits
 */
export const espiValuesOf = (texts: readonly string[], shift: number): EspiValues | null => {
  const numbers: Decimal[] = []
  let finest = Number.POSITIVE_INFINITY
  for (const text of texts) {
    const number = parseDecimal(text)
    if (!number) return null
    const one = { raw: number.raw, scaler: number.scaler + shift }
    numbers.push(one)
    finest = Math.min(finest, shortest(one).scaler)
  }
  const powerOfTenMultiplier = MULTIPLIERS.find((power) => power <= Math.min(finest, 0)) ?? null
  if (powerOfTenMultiplier === null) return null
  const integers = numbers.map((number) => {
    const { raw, scaler } = number.scaler < powerOfTenMultiplier ? shortest(number) : number
    return raw === 0 || raw === 0n ? 0n : BigInt(rescale({ raw, scaler }, powerOfTenMultiplier).raw)
  })
  return integers.every((value) => value <= LARGEST && value >= -LARGEST) ? { powerOfTenMultiplier, integers } : null
}
