/**
 * Exact decimal numbers: an integer `raw` and a power of ten `scaler`, value = raw × 10^scaler.
 * A register stays in this form from the wire to the bill; floating point appears only where a person looks at it.
 */
export type Raw = number | bigint

export interface Decimal {
  readonly raw: Raw
  readonly scaler: number
}

const POWERS = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent)
const SAFE = Number.MAX_SAFE_INTEGER

/** 10^n for 0 ≤ n ≤ 22, where a double holds it exactly. */
export const powerOfTen = (exponent: number): number => POWERS[exponent] ?? 10 ** exponent

/** An integer in the cheapest exact form: a number while it is safe, a bigint beyond. */
export const tidy = (raw: bigint): Raw => (raw >= -9007199254740991n && raw <= 9007199254740991n ? Number(raw) : raw)

/**
 * The number as text, digit for digit: (12345678, -2) is `123456.78`, (5, 3) is `5000`.
 * The digits after the point are kept as the meter shows them: (100, -2) is `1.00`.
 */
export const decimalText = (raw: Raw, scaler: number): string => {
  if (typeof raw === 'number' && raw >= 0 && raw < QUICK && scaler < 0 && scaler > -FRACTIONS.length) {
    const power = POWERS[-scaler]!
    const whole = Math.floor(raw / power)
    const fraction = FRACTIONS[-scaler]?.[raw - whole * power]
    if (fraction !== undefined) return whole + fraction
  }
  const text = String(raw)
  const sign = raw < 0 ? '-' : ''
  const digits = raw < 0 ? text.slice(1) : text
  if (scaler >= 0) return digits === '0' ? '0' : text + '0'.repeat(scaler)
  const padded = digits.length > -scaler ? digits : digits.padStart(1 - scaler, '0')
  return `${sign}${padded.slice(0, scaler)}.${padded.slice(scaler)}`
}

/** Nearly every register: below it the quotient by a power of ten is never rounded up to a whole. */
const QUICK = 1e12
/** What stands behind the whole, from one digit to three: `.00` to `.99`. */
const FRACTIONS: readonly (readonly string[])[] = [0, 1, 2, 3].map((places) =>
  Array.from({ length: 10 ** places }, (_, digits) => `.${String(digits).padStart(places, '0')}`),
)

/** The nearest double. A division by a power of ten is correctly rounded, a multiplication by 0.01 is not. */
export const decimalNumber = (raw: Raw, scaler: number): number => {
  if (typeof raw === 'number' && scaler <= 0 && scaler >= -22) return raw / POWERS[-scaler]!
  if (typeof raw === 'number' && scaler > 0 && scaler <= 22 && Math.abs(raw) * POWERS[scaler]! <= SAFE) return raw * POWERS[scaler]!
  return Number(`${raw}e${scaler}`)
}

/**
 * Reads decimal text, exponent form included, without passing through floating point.
 *
 * @returns  null when the text is not a finite decimal number
 */
export const parseDecimal = (text: string): Decimal | null => {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text.trim())
  if (!match) return null
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  if (whole === '' && fraction === '') return null
  const raw = BigInt(`${whole}${fraction}`)
  return { raw: tidy(sign === '-' ? -raw : raw), scaler: Number(exponent) - fraction.length }
}

/** Product of two exact decimals. */
export const multiply = (a: Decimal, b: Decimal): Decimal => {
  if (typeof a.raw === 'number' && typeof b.raw === 'number') {
    const product = a.raw * b.raw
    if (product <= SAFE && product >= -SAFE) return { raw: product, scaler: a.scaler + b.scaler }
  }
  return { raw: tidy(BigInt(a.raw) * BigInt(b.raw)), scaler: a.scaler + b.scaler }
}

/** The same number with another scaler that is not larger; digits are only ever added. */
export const rescale = ({ raw, scaler }: Decimal, wanted: number): Decimal => {
  if (wanted >= scaler) return { raw, scaler }
  return multiply({ raw, scaler }, { raw: tidy(10n ** BigInt(scaler - wanted)), scaler: wanted - scaler })
}

export const subtract = (a: Decimal, b: Decimal): Decimal => {
  if (a.scaler === b.scaler && typeof a.raw === 'number' && typeof b.raw === 'number') {
    const raw = a.raw - b.raw
    if (raw <= SAFE && raw >= -SAFE) return { raw, scaler: a.scaler }
  }
  const scaler = Math.min(a.scaler, b.scaler)
  return { raw: tidy(BigInt(rescale(a, scaler).raw) - BigInt(rescale(b, scaler).raw)), scaler }
}

export const compare = (a: Decimal, b: Decimal): number => {
  const { raw } = subtract(a, b)
  return raw < 0 ? -1 : raw > 0 ? 1 : 0
}

/**
 * The shortest decimal that names exactly this single-precision number: what the meter's face would show.
 * `Math.fround(raw × 10^scaler)` gives the same bits back, so nothing of the wire is lost.
 *
 * @param value  a finite number that is already a float32
 */
export const decimalOfFloat32 = (value: number): Decimal => {
  if (Number.isInteger(value) && Math.abs(value) <= 16_777_216) return { raw: value, scaler: 0 }
  const size = Math.abs(value)
  if (size < 1e7 && size >= 1e-4) {
    for (let places = 1; places <= 10; places++) {
      const power = POWERS[places]!
      const raw = Math.round(value * power)
      if (Math.abs(raw) < 1e9 && Math.fround(raw / power) === value) return { raw, scaler: -places }
    }
  }
  for (let digits = 1; digits <= 9; digits++) {
    const text = value.toPrecision(digits)
    if (Math.fround(Number(text)) === value) return trimmed(text)
  }
  return trimmed(String(value))
}

/** The shortest decimal that names exactly this double. @param value finite */
export const decimalOfFloat64 = (value: number): Decimal =>
  Number.isSafeInteger(value) ? { raw: value, scaler: 0 } : trimmed(String(value))

/** Parsed text without trailing zeros, so that equal floats have equal raws. */
const trimmed = (text: string): Decimal => {
  let { raw, scaler } = parseDecimal(text)!
  while (raw !== 0 && raw !== 0n && BigInt(raw) % 10n === 0n) {
    raw = tidy(BigInt(raw) / 10n)
    scaler++
  }
  return { raw, scaler: raw === 0 ? 0 : scaler }
}
