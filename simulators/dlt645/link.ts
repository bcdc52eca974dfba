import type { Craft } from '../answering.ts'

/**
 * Frames of DL/T 645 as a meter sees them: requests in, answers out. Written from the public description of the frame, on purpose
 * without any code of the gateway's codec, so that a mistake there meets somebody who does not share it.
 */

/** A request that was whole and right. Address pairs in wire order, lowest first; data without the 33H offset. */
export interface Asked {
  readonly whole: Uint8Array
  readonly to: readonly number[]
  readonly control: number
  readonly data: readonly number[]
}

const OFFSET = 0x33
const LONGEST_REQUEST = 200
/** A pause this long inside a frame means that the rest will not come. */
const GAP_MS = 500

/**
 * Listens to a line: gives bytes one at a time to a small machine that knows how far into a frame it is. A byte that does not
 * fit sends it back to the byte after the last frame start it believed in.
 */
export const listen = (heard: (asked: Asked) => void): { take(bytes: Uint8Array, now: number): void } => {
  let held: number[] = []
  let lastAt = -Infinity
  const step = (): boolean => {
    const start = held.indexOf(0x68)
    if (start < 0) {
      held = []
      return false
    }
    if (start > 0) held.splice(0, start)
    if (held.length >= 8 && held[7] !== 0x68) return drop()
    if (held.length < 10) return false
    const length = held[9]!
    if (length > LONGEST_REQUEST) return drop()
    const size = length + 12
    if (held.length < size) return false
    let sum = 0
    for (let at = 0; at < size - 2; at++) sum += held[at]!
    if (held[size - 2] !== sum % 256 || held[size - 1] !== 0x16) return drop()
    const whole = held.splice(0, size)
    heard({
      whole: Uint8Array.from(whole),
      to: whole.slice(1, 7),
      control: whole[8]!,
      data: whole.slice(10, 10 + length).map((byte) => (byte + 256 - OFFSET) % 256),
    })
    return true
  }
  const drop = (): boolean => {
    held.shift()
    return true
  }
  return {
    take(bytes, now) {
      if (now - lastAt > GAP_MS) held = []
      lastAt = now
      for (const byte of bytes) held.push(byte)
      while (held.length > 0 && step());
    },
  }
}

/** Puts an answer together: wake-up bytes, frame, data with 33H on every byte. */
export const speak = (from: readonly number[], control: number, data: readonly number[], wakeUps = 0): Uint8Array => {
  const inner = [0x68, ...from, 0x68, control, data.length, ...data.map((byte) => (byte + OFFSET) % 256)]
  let sum = 0
  for (const byte of inner) sum += byte
  return Uint8Array.from([...Array.from({ length: wakeUps }, () => 0xfe), ...inner, sum % 256, 0x16])
}

/** Address pairs in wire order of twelve digits. */
export const pairsOf = (digits: string): number[] => {
  const padded = digits.padStart(12, '0')
  return [10, 8, 6, 4, 2, 0].map((at) => Number.parseInt(padded.slice(at, at + 2), 16))
}

/** Twelve digits of address pairs in wire order. */
export const digitsOf = (pairs: readonly number[]): string =>
  [...pairs]
    .reverse()
    .map((pair) => pair.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase()

const WILD = 0xaa
const EVERYBODY = 0x99

/** Whether a meter is meant: its own address, or AA where any pair will do (缩位寻址). */
export const isMeant = (to: readonly number[], own: readonly number[]): boolean => to.every((pair, at) => pair === WILD || pair === own[at])
export const isBroadcast = (to: readonly number[]): boolean => to.every((pair) => pair === EVERYBODY)

/** Changes one byte of an answer and makes its checksum right again. */
const altered = (frame: Uint8Array, at: (start: number) => number, change: (byte: number) => number): Uint8Array => {
  const copy = Uint8Array.from(frame)
  const start = copy.findIndex((byte) => byte !== 0xfe)
  const place = at(start)
  copy[place] = change(copy[place]!)
  let sum = 0
  for (let index = start; index < copy.length - 2; index++) sum += copy[index]!
  copy[copy.length - 2] = sum % 256
  return copy
}

export const dlt645Craft: Craft = {
  readdress: (frame) =>
    altered(
      frame,
      (start) => start + 1,
      (pair) => (pair % 16 === 9 ? pair - 9 : pair + 1),
    ),
  refunction: (frame) =>
    altered(
      frame,
      (start) => start + 8,
      (control) => (control & 0xe0) | ((control & 0x1f) === 0x11 ? 0x12 : 0x11),
    ),
  refuse: (request, code) => {
    const start = request.indexOf(0x68)
    const from = Array.from(request.subarray(start + 1, start + 7))
    return speak(from, 0xc0 | (request[start + 8]! & 0x1f), [code === 'busy' ? 1 : (code ?? 2)])
  },
}
