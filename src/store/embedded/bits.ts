import { RowDamaged } from '../../core/row.ts'
import type { ByteWriter } from './bytes.ts'

/** Unary counts from here on mean: the number follows as it is. */
const ESCAPE = 24
/** Widest number that is written as it is. */
export const WIDEST = 53

const CHUNK = 24
const CHUNK_SIZE = 2 ** CHUNK

/** Single bits into a {@link ByteWriter}, highest first; {@link end} fills the last byte up. */
export class BitWriter {
  readonly #bytes: ByteWriter
  #held = 0
  #count = 0

  constructor(bytes: ByteWriter) {
    this.#bytes = bytes
  }

  /** @param value  0 ≤ value < 2^width @param width  at most 53 */
  fixed(value: number, width: number): void {
    if (width <= CHUNK) {
      this.#few(value, width)
      return
    }
    let left = width
    while (left > CHUNK) {
      left -= CHUNK
      this.#few(Math.floor(value / 2 ** left) % CHUNK_SIZE, CHUNK)
    }
    this.#few(value % 2 ** left, left)
  }

  /** Rice code: the quotient by 2^k in ones and a nought, the rest in k bits. */
  rice(value: number, k: number): void {
    const quotient = quotientOf(value, k)
    if (quotient >= ESCAPE) {
      this.#few(CHUNK_SIZE - 1, ESCAPE)
      this.fixed(value, WIDEST)
      return
    }
    this.#few(2 ** (quotient + 1) - 2, quotient + 1)
    this.fixed(k < 31 && value < 0x80000000 ? value & ((1 << k) - 1) : value % 2 ** k, k)
  }

  end(): void {
    if (this.#count > 0) this.#bytes.byte((this.#held << (8 - this.#count)) & 0xff)
    this.#held = 0
    this.#count = 0
  }

  /** At most 24 bits: with the seven that may wait they fit into an integer of 31. */
  #few(value: number, width: number): void {
    let held = (this.#held << width) | value
    let count = this.#count + width
    while (count >= 8) {
      count -= 8
      this.#bytes.byte((held >>> count) & 0xff)
    }
    held &= (1 << count) - 1
    this.#held = held
    this.#count = count
  }
}

const quotientOf = (value: number, k: number): number => (k < 31 && value < 0x80000000 ? value >>> k : Math.floor(value / 2 ** k))

/** Bits that {@link BitWriter.rice} takes. */
export const riceBits = (value: number, k: number): number => {
  const quotient = quotientOf(value, k)
  return quotient >= ESCAPE ? ESCAPE + WIDEST : quotient + 1 + k
}

/** Reads what a {@link BitWriter} wrote; `cursor` stands behind the bytes touched so far. */
export class BitReader {
  readonly #bytes: Uint8Array
  readonly #cursor: { at: number }
  #held = 0
  #count = 0

  constructor(bytes: Uint8Array, cursor: { at: number }) {
    this.#bytes = bytes
    this.#cursor = cursor
  }

  fixed(width: number): number {
    if (width <= CHUNK) return this.#few(width)
    let value = 0
    let left = width
    while (left > CHUNK) {
      value = value * CHUNK_SIZE + this.#few(CHUNK)
      left -= CHUNK
    }
    return value * 2 ** left + this.#few(left)
  }

  rice(k: number): number {
    let quotient = 0
    while (this.#few(1) === 1) if (++quotient === ESCAPE) return this.fixed(WIDEST)
    return quotient * 2 ** k + this.fixed(k)
  }

  #few(width: number): number {
    while (this.#count < width) {
      const byte = this.#bytes[this.#cursor.at++]
      if (byte === undefined) throw new RowDamaged('packed column ends inside a number')
      this.#held = (this.#held << 8) | byte
      this.#count += 8
    }
    this.#count -= width
    const value = this.#held >>> this.#count
    this.#held &= (1 << this.#count) - 1
    return value
  }
}
