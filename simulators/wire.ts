import type { Piece } from './answering.ts'
import { mix } from './random.ts'

/** How fast a simulated line is. Real milliseconds, whatever the village clock does. */
export interface Pace {
  /** Bytes take as long as on a serial line of this speed; absent = at once. */
  readonly baud?: number
  /** Bits of one character with start, parity and stop: 11 for 8E1, 10 for 8N1. */
  readonly bits?: number
  /** Shortest and longest time between the end of a request and the first byte of its answer. */
  readonly reactionMs?: readonly [least: number, most: number]
}

/** Where bytes go: a socket, a serial port. */
export type Write = (bytes: Uint8Array) => void

/** One end of a line, answers in order, at their time. */
export interface Wire {
  /** Last undisturbed answer, for the fault `glued`. */
  previous: Uint8Array | null
  /**
   * Puts pieces on the wire. On a paced line the request first takes its own time, then comes the reaction, then byte after byte.
   *
   * @param requestBytes  length of the request
   * @param askedAt       monotonic time when it was whole
   */
  send(pieces: readonly Piece[], requestBytes: number, askedAt: number): void
  close(): void
}

/** Bits of one character for a parity and a number of stop bits. */
export const characterBits = (parity: 'none' | 'even' | 'odd', stopBits = 1): number => 1 + 8 + (parity === 'none' ? 0 : 1) + stopBits

/** Bytes on a paced line leave in lumps of about so many milliseconds, the last one at its exact time. */
const LUMP_MS = 4

export const openWire = (write: Write, pace: Pace = {}): Wire => {
  const characterMs = pace.baud === undefined ? 0 : ((pace.bits ?? 10) * 1000) / pace.baud
  const [least, most] = pace.reactionMs ?? [0, 0]
  let freeAt = 0
  let sent = 0
  let closed = false
  const put = (bytes: Uint8Array): void => {
    if (!closed) write(bytes)
  }
  return {
    previous: null,
    send(pieces, requestBytes, askedAt) {
      const reaction = least + ((most - least) * (mix(sent++) & 0xffff)) / 0x10000
      const whole = characterMs === 0 ? askedAt : Math.max(askedAt, freeAt) + requestBytes * characterMs
      const start = whole + reaction
      for (const { bytes, delayMs } of pieces) {
        const from = start + delayMs
        if (characterMs === 0) {
          at(from, () => put(bytes))
          continue
        }
        const lump = Math.max(1, Math.floor(LUMP_MS / characterMs))
        for (let first = 0; first < bytes.length; first += lump) {
          const last = Math.min(bytes.length, first + lump)
          at(from + last * characterMs, () => put(bytes.subarray(first, last)), last === bytes.length)
        }
        freeAt = from + bytes.length * characterMs
      }
    },
    close() {
      closed = true
    },
  }
}

/** Runs `work` at a monotonic time; `exact` turns the last two milliseconds into short waits, because a timer may come a millisecond late. */
export const at = (when: number, work: () => void, exact = false): void => {
  const left = when - performance.now()
  if (left <= 0.05) work()
  else if (!exact) setTimeout(work, left)
  else if (left > 2) setTimeout(() => at(when, work, true), left - 1.5)
  else setImmediate(() => at(when, work, true))
}
