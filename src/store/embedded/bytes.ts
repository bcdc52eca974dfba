import { zigzag } from '../../core/row.ts'

/** Bytes that grow as they are written; integers as in {@link RowCodec}, seven bits a byte, lowest first. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>
  #at = 0

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#at
  }

  reset(): void {
    this.#at = 0
  }

  byte(value: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#at++] = value
  }

  /** @param value  an integer, 0 ≤ value ≤ 2^53 */
  varint(value: number): void {
    if (this.#at + 8 > this.#bytes.length) this.#grow(8)
    const bytes = this.#bytes
    let at = this.#at
    let left = value
    while (left >= 0x80000000) {
      bytes[at++] = (left % 128) | 0x80
      left = Math.floor(left / 128)
    }
    while (left >= 0x80) {
      bytes[at++] = (left & 0x7f) | 0x80
      left >>>= 7
    }
    bytes[at++] = left
    this.#at = at
  }

  /** An integer of either sign, |value| < 2^52. */
  signed(value: number): void {
    this.varint(zigzag(value))
  }

  bytes(source: Uint8Array): void {
    if (this.#at + source.length > this.#bytes.length) this.#grow(source.length)
    this.#bytes.set(source, this.#at)
    this.#at += source.length
  }

  /** What was written so far, still owned by the writer. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at)
  }

  #grow(need: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + need))
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}
