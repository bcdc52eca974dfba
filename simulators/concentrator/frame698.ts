import { bytesOfHex, hex, Pen } from './pen.ts'

/**
 * Frames of DL/T 698.45 as a terminal sees them, written from the public description, without any code of the gateway's codec.
 */

/** A frame that was whole and right; a scrambled APDU is plain again. */
export interface Frame698 {
  readonly whole: Uint8Array
  readonly control: number
  /** SA: its first byte, and the address as digits, most significant first. */
  readonly kind: number
  readonly address: string
  readonly client: number
  readonly apdu: Uint8Array
}

export const FRAGMENT = 0x20
const SCRAMBLED = 0x08
const START = 0x68
const END = 0x16

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = (rest & 1) !== 0 ? (rest >> 1) ^ 0x8408 : rest >> 1
  return rest
})
/** CRC-16/X-25. */
export const check = (bytes: ArrayLike<number>, from = 0, to = bytes.length): number => {
  let rest = 0xffff
  for (let at = from; at < to; at++) rest = (rest >> 8) ^ TABLE[(rest ^ bytes[at]!) & 0xff]!
  return rest ^ 0xffff
}

/** Frames out of bytes; noise costs one byte at a time. */
export const listen698 = (heard: (frame: Frame698) => void): { take(bytes: Uint8Array): void } => {
  let held: Uint8Array | null = null
  return {
    take(bytes) {
      let all = bytes
      if (held) {
        all = new Uint8Array(held.length + bytes.length)
        all.set(held)
        all.set(bytes, held.length)
      }
      let from = 0
      while (from < all.length) {
        const frame = frameAt(all, from)
        if (frame === 'more') break
        if (frame === 'no') from++
        else {
          from += frame.whole.length
          heard(frame)
        }
      }
      held = from < all.length ? all.slice(from) : null
    },
  }
}

const frameAt = (bytes: Uint8Array, from: number): Frame698 | 'more' | 'no' => {
  if (bytes[from] !== START) return 'no'
  if (bytes.length - from < 5) return 'more'
  const length = (bytes[from + 1]! | (bytes[from + 2]! << 8)) & 0x3fff
  const digits = (bytes[from + 4]! & 15) + 1
  const head = 5 + digits + 1
  if (length + 2 < head + 2 + 2 + 1) return 'no'
  // What is wrong at its head is never waited for.
  if (bytes.length - from < head + 2) return 'more'
  if ((bytes[from + head]! | (bytes[from + head + 1]! << 8)) !== check(bytes, from + 1, from + head)) return 'no'
  if (bytes.length - from < length + 2) return 'more'
  const whole = bytes.slice(from, from + length + 2)
  const word = (at: number): number => whole[at]! | (whole[at + 1]! << 8)
  if (whole[length + 1] !== END || word(length - 1) !== check(whole, 1, length - 1)) return 'no'
  const control = whole[3]!
  const apdu = whole.slice(head + 2, length - 1)
  if ((control & SCRAMBLED) !== 0) for (let at = 0; at < apdu.length; at++) apdu[at] = (apdu[at]! - 0x33) & 0xff
  return { whole, control, kind: whole[4]! >> 6, address: hex(whole.subarray(5, 5 + digits).toReversed()), client: whole[head - 1]!, apdu }
}

/** Puts a frame together. `address` has an even number of digits. */
export const frame698 = (control: number, address: string, client: number, apdu: ArrayLike<number>): Uint8Array => {
  const wire = bytesOfHex(address).reverse()
  const length = 2 + 1 + 1 + wire.length + 1 + 2 + apdu.length + 2
  const pen = new Pen(length + 2)
    .byte(START)
    .word(length)
    .byte(control)
    .byte(wire.length - 1)
    .put(wire)
    .byte(client)
  pen.word(check(pen.since(1)))
  pen.put(apdu)
  return pen
    .word(check(pen.since(1)))
    .byte(END)
    .done()
}

/** Bytes a frame needs around its APDU. */
export const OVERHEAD_698 = 1 + 2 + 1 + 7 + 1 + 2 + 2 + 1

/** Where the APDU of a frame begins. */
export const apduPlace = (frame: Uint8Array): number => 5 + (frame[4]! & 15) + 1 + 1 + 2

/** The same from another address. */
export const readdress698 = (frame: Uint8Array): Uint8Array => {
  const copy = frame.slice()
  copy[5] = (copy[5]! + 1) % 10
  return sealed(copy)
}

/** The same under another number. */
export const refunction698 = (frame: Uint8Array): Uint8Array => {
  const copy = frame.slice()
  const place = apduPlace(copy) + 2
  copy[place] = (copy[place]! & 0xc0) | ((copy[place]! + 5) & 0x3f)
  return sealed(copy)
}

/** Makes both checks of a changed frame right again. */
const sealed = (frame: Uint8Array): Uint8Array => {
  const put = (at: number): void => {
    const sum = check(frame, 1, at)
    frame[at] = sum & 0xff
    frame[at + 1] = sum >> 8
  }
  put(apduPlace(frame) - 2)
  put(frame.length - 3)
  return frame
}
