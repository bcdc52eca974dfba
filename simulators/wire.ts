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

interface Lump {
  readonly when: number
  readonly bytes: Uint8Array
  /** Worth waiting for in short steps: a timer may come a millisecond late. */
  readonly exact: boolean
}

export const openWire = (write: Write, pace: Pace = {}): Wire => {
  const characterMs = pace.baud === undefined ? 0 : ((pace.bits ?? 10) * 1000) / pace.baud
  const lump = characterMs === 0 ? Infinity : Math.max(1, Math.floor(LUMP_MS / characterMs))
  const [least, most] = pace.reactionMs ?? [0, 0]
  /** By time; what is due leaves in this order, so that a late timer can never turn bytes round. */
  const queue: Lump[] = []
  let armed: { readonly when: number; cancel(): void } | null = null
  let freeAt = 0
  let sent = 0
  let closed = false

  const add = (entry: Lump): void => {
    let at = queue.length
    while (at > 0 && queue[at - 1]!.when > entry.when) at--
    queue.splice(at, 0, entry)
  }
  const flush = (): void => {
    armed = null
    const now = performance.now() + 0.05
    while (queue.length > 0 && queue[0]!.when <= now) write(queue.shift()!.bytes)
    arm()
  }
  const arm = (): void => {
    const head = queue[0]
    if (!head || closed || (armed && armed.when <= head.when)) return
    armed?.cancel()
    armed = { when: head.when, cancel: wake(head.when - performance.now(), head.exact, flush) }
  }

  return {
    previous: null,
    send(pieces, requestBytes, askedAt) {
      if (closed) return
      const reaction = least + ((most - least) * (mix(sent++) & 0xffff)) / 0x10000
      const whole = characterMs === 0 ? askedAt : Math.max(askedAt, freeAt) + requestBytes * characterMs
      for (const { bytes, delayMs } of pieces) {
        const from = whole + reaction + delayMs
        for (let first = 0; first < bytes.length; first += lump) {
          const last = Math.min(bytes.length, first + lump)
          add({ when: from + last * characterMs, bytes: bytes.subarray(first, last), exact: characterMs > 0 && last === bytes.length })
          if (lump === Infinity) break
        }
        freeAt = from + bytes.length * characterMs
      }
      if ((queue[0]?.when ?? Infinity) <= performance.now()) flush()
      else arm()
    },
    close() {
      closed = true
      queue.length = 0
      armed?.cancel()
    },
  }
}

/** Calls `work` after a while; when it must be exact, the last two milliseconds are short steps. */
const wake = (leftMs: number, exact: boolean, work: () => void): (() => void) => {
  if (!exact || leftMs > 2) {
    const timer = setTimeout(work, Math.max(0, exact ? leftMs - 1.5 : leftMs))
    return () => clearTimeout(timer)
  }
  const step = setImmediate(work)
  return () => clearImmediate(step)
}
