import { localTime } from '../calendar.ts'

/** Writes bytes one after another into a buffer that grows. Made once a terminal answers, thrown away with the answer. */
export class Pen {
  #bytes: Uint8Array
  #length = 0

  constructor(size = 256) {
    this.#bytes = new Uint8Array(size)
  }

  get length(): number {
    return this.#length
  }

  byte(value: number): this {
    if (this.#length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#length++] = value
    return this
  }

  /** Two bytes, low first. */
  word(value: number): this {
    return this.byte(value & 0xff).byte((value >> 8) & 0xff)
  }

  /** Two bytes, high first. */
  wordHighFirst(value: number): this {
    return this.byte((value >> 8) & 0xff).byte(value & 0xff)
  }

  put(bytes: ArrayLike<number>): this {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
    return this
  }

  fill(count: number, value: number): this {
    for (let at = 0; at < count; at++) this.byte(value)
    return this
  }

  /** BCD pairs, low first; `signed` puts the sign into the top bit of the last one. */
  bcd(raw: number, bytes: number, signed = false): this {
    let rest = Math.abs(raw)
    for (let left = bytes; left > 0; left--) {
      let pair = pairOf(rest % 100)
      rest = Math.floor(rest / 100)
      if (signed && left === 1 && raw < 0) pair |= 0x80
      this.byte(pair)
    }
    return this
  }

  /** What was written since a place. */
  since(place: number): Uint8Array {
    return this.#bytes.subarray(place, this.#length)
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** Writes over a byte that stands already. */
  amend(place: number, value: number): void {
    this.#bytes[place] = value
  }

  /** Forgets what was written after a place. */
  cut(place: number): void {
    this.#length = place
  }

  #grow(by: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + by))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

/** A number below 100 as one BCD byte. */
export const pairOf = (number: number): number => Math.floor(number / 10) * 16 + (number % 10)

/** Parts of a local time as BCD pairs: s m h D M Y; W = month with the weekday above it, 1 = Monday. */
export const stampInto = (pen: Pen, at: number, order: string): Pen => {
  const time = localTime(at)
  for (const letter of order) {
    if (letter === 's') pen.byte(pairOf(time.second))
    else if (letter === 'm') pen.byte(pairOf(time.minute))
    else if (letter === 'h') pen.byte(pairOf(time.hour))
    else if (letter === 'D') pen.byte(pairOf(time.day))
    else if (letter === 'M') pen.byte(pairOf(time.month))
    else if (letter === 'Y') pen.byte(pairOf(time.year % 100))
    else if (letter === 'W')
      pen.byte(pairOf(time.month) | ((((Date.UTC(time.year, time.month - 1, time.day) / 86_400_000 + 3) % 7) + 1) << 5))
  }
  return pen
}

/** Value of a BCD byte; NaN for none. */
export const numberOfPair = (byte: number | undefined): number =>
  byte === undefined || byte >> 4 > 9 || (byte & 15) > 9 ? Number.NaN : (byte >> 4) * 10 + (byte & 15)

export const hex = (bytes: ArrayLike<number>): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase()

export const bytesOfHex = (text: string): Uint8Array =>
  Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(at * 2, at * 2 + 2), 16))
