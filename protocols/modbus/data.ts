import { type Decimal, decimalOfFloat32, decimalOfFloat64, type Raw } from '../../src/core/index.ts'

/** Types of a value in registers. `bit` is one bit of a register, `bcd…` are decimal digits in nibbles. */
export const REGISTER_TYPES = ['u16', 'i16', 'u32', 'i32', 'u64', 'i64', 'f32', 'f64', 'string', 'bit', 'bcd16', 'bcd32'] as const
export type RegisterType = (typeof REGISTER_TYPES)[number]

/** Registers a type takes; 0 = as many as the profile says. */
export const TYPE_LENGTH: Readonly<Record<RegisterType, number>> = {
  u16: 1,
  i16: 1,
  bit: 1,
  bcd16: 1,
  u32: 2,
  i32: 2,
  f32: 2,
  bcd32: 2,
  u64: 4,
  i64: 4,
  f64: 4,
  string: 0,
}

/**
 * Order in which the bytes of a value come, A = most significant: ABCD nearly all meters, CDAB low word first (Carlo Gavazzi, PZEM),
 * BADC and DCBA low byte first inside a register (gateways, PLCs). For four registers the same rule: CDAB = GHEFCDAB.
 */
export const BYTE_ORDERS = ['ABCD', 'CDAB', 'BADC', 'DCBA'] as const
export type ByteOrder = (typeof BYTE_ORDERS)[number]

/** Why a register holds no number. */
export type NoValue = 'not-finite' | 'bcd'

const isLowWordFirst = (order: ByteOrder): boolean => order === 'CDAB' || order === 'DCBA'
const isLowByteFirst = (order: ByteOrder): boolean => order === 'BADC' || order === 'DCBA'

/** Where the bytes of a value lie, most significant first, for a value of `words` registers. */
export const byteOffsets = (words: number, order: ByteOrder): number[] =>
  Array.from({ length: words }, (_, at) => (isLowWordFirst(order) ? words - 1 - at : at)).flatMap((word) =>
    isLowByteFirst(order) ? [2 * word + 1, 2 * word] : [2 * word, 2 * word + 1],
  )

const SINGLE = new Float32Array(1)
const SINGLE_BITS = new Uint32Array(SINGLE.buffer)
const DOUBLE = new DataView(new ArrayBuffer(8))

/** The float32 of these 32 bits. */
export const floatOfBits = (bits: number): number => {
  SINGLE_BITS[0] = bits
  return SINGLE[0]!
}

/** The float64 of these two halves. */
export const doubleOfBits = (high: number, low: number): number => {
  DOUBLE.setUint32(0, high)
  DOUBLE.setUint32(4, low)
  return DOUBLE.getFloat64(0)
}

/** An unsigned 64-bit integer; a bigint only where a double would not be exact. */
export const unsigned64 = (high: number, low: number): Raw =>
  high < 0x200000 ? high * 0x100000000 + low : (BigInt(high) << 32n) | BigInt(low)

/** A signed 64-bit integer out of two unsigned halves. */
export const signed64 = (high: number, low: number): Raw => {
  const top = high | 0
  if (top < 0x200000 && top >= -0x1fffff) return top * 0x100000000 + low
  return (BigInt(top) << 32n) | BigInt(low)
}

/** Decimal digits of `digits` nibbles, null when a nibble is above 9. */
export const bcdOf = (bits: number, digits: number): number | null => {
  let value = 0
  for (let shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    const digit = (bits >>> shift) & 15
    if (digit > 9) return null
    value = value * 10 + digit
  }
  return value
}

/** Shortest exact decimal of a float as the meter sends it, null for NaN and infinity; minus zero is zero. */
export const decimalOf32 = (value: number): Decimal | null => {
  if (!Number.isFinite(value)) return null
  return value === 0 ? ZERO : decimalOfFloat32(value)
}
export const decimalOf64 = (value: number): Decimal | null => {
  if (!Number.isFinite(value)) return null
  return value === 0 ? ZERO : decimalOfFloat64(value)
}
const ZERO: Decimal = { raw: 0, scaler: 0 }

/**
 * One numeric value, any type, without scale: for explanations, profiles and vectors. The poll path runs a compiled list instead
 * (`compiled.ts`); a test holds both against each other.
 *
 * @param at   offset of the value's first register in bytes
 * @param bit  which bit, for type `bit`; 0 = least significant
 */
export const decodeNumber = (
  type: Exclude<RegisterType, 'string'>,
  order: ByteOrder,
  bytes: Uint8Array,
  at: number,
  bit = 0,
): Decimal | NoValue => {
  const offsets = byteOffsets(TYPE_LENGTH[type], order)
  let high = 0
  let low = 0
  for (const [index, offset] of offsets.entries()) {
    const byte = bytes[at + offset]!
    if (offsets.length === 8 && index < 4) high = (high << 8) | byte
    else low = (low << 8) | byte
  }
  high >>>= 0
  low >>>= 0
  switch (type) {
    case 'u16':
    case 'u32':
      return { raw: low, scaler: 0 }
    case 'i16':
      return { raw: (low << 16) >> 16, scaler: 0 }
    case 'i32':
      return { raw: low | 0, scaler: 0 }
    case 'u64':
      return { raw: unsigned64(high, low), scaler: 0 }
    case 'i64':
      return { raw: signed64(high, low), scaler: 0 }
    case 'f32':
      return decimalOf32(floatOfBits(low)) ?? 'not-finite'
    case 'f64':
      return decimalOf64(doubleOfBits(high, low)) ?? 'not-finite'
    case 'bit':
      return { raw: (low >>> bit) & 1, scaler: 0 }
    case 'bcd16':
    case 'bcd32': {
      const raw = bcdOf(low, type === 'bcd16' ? 4 : 8)
      return raw === null ? 'bcd' : { raw, scaler: 0 }
    }
  }
}

/**
 * Text in registers: two characters a register, high byte first, padded with 00 or blanks.
 *
 * @param order  BADC and DCBA swap the two characters of a register; the order of registers stays
 */
export const decodeText = (bytes: Uint8Array, at: number, words: number, order: ByteOrder = 'ABCD'): string => {
  let text = ''
  for (let word = 0; word < words; word++) {
    const first = bytes[at + 2 * word]!
    const second = bytes[at + 2 * word + 1]!
    text += isLowByteFirst(order) ? String.fromCharCode(second, first) : String.fromCharCode(first, second)
  }
  const end = text.indexOf('\0')
  // One character a register (Carlo Gavazzi): every other byte is 00, so 00 ends nothing.
  if (/^(?:\0[^\0])+\0*$/.test(text) && text.length > 2) return text.replaceAll('\0', '').trim()
  return (end < 0 ? text : text.slice(0, end)).trim()
}

/** Bytes of a value in registers: the way back, for simulated meters and tests. Floats take numbers, integers raws. */
export const encodeNumber = (type: Exclude<RegisterType, 'string' | 'bit'>, order: ByteOrder, value: Raw): Uint8Array => {
  const words = TYPE_LENGTH[type]
  const big = new DataView(new ArrayBuffer(words * 2))
  if (type === 'f32') big.setFloat32(0, Number(value))
  else if (type === 'f64') big.setFloat64(0, Number(value))
  else if (type === 'bcd16' || type === 'bcd32') for (const [at, pair] of digitPairs(Number(value), words)) big.setUint8(at, pair)
  else if (words === 4) big.setBigInt64(0, BigInt.asIntN(64, BigInt(value)))
  else if (words === 2) big.setUint32(0, Number(value) >>> 0)
  else big.setUint16(0, Number(value) & 0xffff)
  const bytes = new Uint8Array(words * 2)
  for (const [at, offset] of byteOffsets(words, order).entries()) bytes[offset] = big.getUint8(at)
  return bytes
}

const digitPairs = (value: number, words: number): [at: number, pair: number][] =>
  (
    String(value)
      .padStart(words * 4, '0')
      .match(/../g) ?? []
  ).map((pair, at) => [at, Number.parseInt(pair, 16)])
