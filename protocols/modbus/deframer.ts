import type { Deframer, Discarded } from '../../src/core/index.ts'
import { crc16 } from './crc.ts'
import { errorOf } from './errors.ts'
import { COLON, CR, decodeFrame, digitOf, type Framing, LF, LONGEST, type ModbusFrame } from './frame.ts'
import { type Direction, isKnownFunction, pduLength } from './functions.ts'

/** What differs between framings: where a frame ends, and whether it holds. */
interface Framer {
  readonly longest: number
  /** Length of the frame that starts at `at`; 0 = not yet known; -1 = none starts here. `lost` = bytes were dropped just before. */
  measure(bytes: Uint8Array, at: number, end: number, lost: boolean): number
  /** The frame in `bytes[at, to)`, null when its check fails. */
  open(bytes: Uint8Array, at: number, to: number): ModbusFrame | null
  /** Noise may pretend to be the head of a long frame: look for a whole frame behind it instead of waiting for its end. */
  readonly looksBehind: boolean
  readonly refused: 'MODBUS_CRC' | 'MODBUS_MBAP' | 'MODBUS_LRC'
}

const rtu = (direction: Direction): Framer => ({
  longest: LONGEST.rtu,
  measure: (bytes, at, end) => {
    // Unit 0 is a broadcast: it is asked, never answered. A stray 00 of the line's turn-around ends here.
    if (direction === 'response' && bytes[at] === 0) return -1
    const length = pduLength(direction, bytes, at + 1, end)
    return length <= 0 ? length : length + 3
  },
  open: (bytes, at, to) => {
    if ((bytes[to - 2]! | (bytes[to - 1]! << 8)) !== crc16(bytes, at, to - 2)) return null
    return { unit: bytes[at]!, function: bytes[at + 1]!, transactionId: 0, pdu: bytes.subarray(at + 1, to - 2) }
  },
  looksBehind: true,
  refused: 'MODBUS_CRC',
})

const tcp = (direction: Direction): Framer => ({
  longest: LONGEST.tcp,
  measure: (bytes, at, end, lost) => {
    if ((at + 2 < end && bytes[at + 2] !== 0) || (at + 3 < end && bytes[at + 3] !== 0)) return -1
    if (at + 5 >= end) return 0
    const length = (bytes[at + 4]! << 8) | bytes[at + 5]!
    if (length < 2 || length > 254) return -1
    if (at + 7 >= end) return 0
    // The header has no check: a length that contradicts the PDU is the only sign of a lost step.
    const pdu = pduLength(direction, bytes, at + 7, Math.min(end, at + 6 + length))
    if (isKnownFunction(bytes[at + 7]!)) {
      if (pdu === -1 || (pdu > 0 && pdu !== length - 1)) return -1
      if (pdu === 0 && end >= at + 6 + length) return -1
    } else if (lost) return -1
    return 6 + length
  },
  open: (bytes, at, to) => ({
    unit: bytes[at + 6]!,
    function: bytes[at + 7]!,
    transactionId: (bytes[at]! << 8) | bytes[at + 1]!,
    pdu: bytes.subarray(at + 7, to),
  }),
  looksBehind: false,
  refused: 'MODBUS_MBAP',
})

const ascii: Framer = {
  longest: LONGEST.ascii,
  measure: (bytes, at, end) => {
    if (bytes[at] !== COLON) return -1
    for (let next = at + 1; next < end; next++) {
      const byte = bytes[next]!
      if (byte === LF) return next + 1 - at
      if ((byte !== CR && digitOf(byte) < 0) || next - at >= LONGEST.ascii) return -1
    }
    return 0
  },
  open: (bytes, at, to) => {
    const frame = decodeFrame('ascii', bytes.subarray(at, to))
    return frame.ok ? frame.value : null
  },
  looksBehind: false,
  refused: 'MODBUS_LRC',
}

/**
 * Cuts a byte stream into Modbus frames. Lengths come from function code and byte count, never from silence or packet ends; a frame
 * whose check fails costs one byte, then the next byte is tried. Bytes thrown away in one go are reported as one.
 *
 * @param direction  what is heard: a master hears responses, a simulated meter requests
 */
export const modbusDeframer = (framing: Framing, direction: Direction = 'response'): Deframer<ModbusFrame> =>
  new StreamDeframer(framing === 'rtu' ? rtu(direction) : framing === 'tcp' ? tcp(direction) : ascii)

/**
 * Room for whole frames, shared by every stream: a thousand streams with a slab each would chase one another out of the processor's
 * cache. What was handed out is never written again.
 */
const POOL = 65_536
let pool = new Uint8Array(POOL)
let pooled = 0

/** A copy of bytes that are only lent. */
const keep = (bytes: Uint8Array): number => {
  if (pooled + bytes.length > POOL) {
    pool = new Uint8Array(POOL)
    pooled = 0
  }
  const at = pooled
  pool.set(bytes, at)
  pooled += bytes.length
  return at
}

/** Bytes of one slab, where the pieces of a frame are put together. Frames are views of it; a used slab is never written again, so a frame stays true as long as somebody keeps it. */
const SLAB = 1024

class StreamDeframer implements Deframer<ModbusFrame> {
  readonly #framer: Framer
  #slab = new Uint8Array(0)
  #start = 0
  #end = 0

  constructor(framer: Framer) {
    this.#framer = framer
  }

  push(bytes: Uint8Array): readonly (ModbusFrame | Discarded)[] {
    const out: (ModbusFrame | Discarded)[] = []
    if (this.#start === this.#end && bytes.length <= this.#framer.longest) {
      const at = keep(bytes)
      const rest = this.#cut(pool, at, at + bytes.length, out)
      if (rest < at + bytes.length) this.#put(pool.subarray(rest, at + bytes.length))
      return out
    }
    this.#gather(bytes, out)
    return out
  }

  /** Bytes that continue what is in hand, or more than one frame can have. */
  #gather(bytes: Uint8Array, out: (ModbusFrame | Discarded)[]): void {
    for (let from = 0; from < bytes.length; ) {
      const room = this.#room(bytes.length - from)
      const count = Math.min(room, bytes.length - from)
      this.#slab.set(count === bytes.length ? bytes : bytes.subarray(from, from + count), this.#end)
      this.#end += count
      from += count
      this.#start = this.#cut(this.#slab, this.#start, this.#end, out)
    }
  }

  /** Keeps the beginning of a frame. */
  #put(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#slab.set(bytes, this.#end)
    this.#end += bytes.length
  }

  flush(): Discarded | null {
    if (this.#start === this.#end) return null
    const discarded = this.#slab.subarray(this.#start, this.#end)
    this.#start = this.#end
    return {
      discarded,
      error: errorOf('MODBUS_TRUNCATED', `${discarded.length} bytes of a frame, then silence`, { bytes: discarded.length }),
    }
  }

  /** Room behind the bytes in hand; a new slab when a whole frame might not fit. */
  #room(wanted: number): number {
    const room = this.#slab.length - this.#end
    if (room >= wanted || room >= this.#framer.longest) return room
    const slab = new Uint8Array(SLAB)
    slab.set(this.#slab.subarray(this.#start, this.#end))
    this.#slab = slab
    this.#end -= this.#start
    this.#start = 0
    return SLAB - this.#end
  }

  /** Frames and discarded bytes of `slab[at, end)`. @returns where an unfinished frame begins */
  #cut(slab: Uint8Array, from: number, end: number, out: (ModbusFrame | Discarded)[]): number {
    const framer = this.#framer
    let at = from
    let dropped = at
    let refused = false
    while (at < end) {
      const length = framer.measure(slab, at, end, at > dropped)
      if (length > 0 && at + length <= end) {
        const frame = framer.open(slab, at, at + length)
        if (frame !== null) {
          if (at > dropped) out.push(this.#discard(slab, dropped, at, refused))
          out.push(frame)
          at += length
          dropped = at
          refused = false
          continue
        }
        refused = true
      } else if (length >= 0) {
        const behind = framer.looksBehind ? this.#behind(slab, at, end) : -1
        if (behind < 0) break
        at = behind
        continue
      }
      at++
    }
    if (at > dropped) out.push(this.#discard(slab, dropped, at, refused))
    return at
  }

  /** Where a whole, checked frame starts behind an unfinished one, or -1. */
  #behind(slab: Uint8Array, at: number, end: number): number {
    for (let next = at + 1; next + 5 <= end; next++) {
      if (!isKnownFunction(slab[next + 1]!)) continue
      const length = this.#framer.measure(slab, next, end, true)
      if (length > 0 && next + length <= end && this.#framer.open(slab, next, next + length) !== null) return next
    }
    return -1
  }

  #discard(slab: Uint8Array, from: number, to: number, refused: boolean): Discarded {
    const { refused: code } = this.#framer
    const bytes = to - from
    return {
      discarded: slab.subarray(from, to),
      error: refused
        ? errorOf(code, `${bytes} bytes dropped: the check of a frame failed`, { bytes })
        : errorOf(code === 'MODBUS_MBAP' ? code : 'MODBUS_NOISE', `${bytes} bytes dropped that start no frame`, { bytes }),
    }
  }
}
