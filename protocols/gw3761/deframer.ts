import type { Deframer, Discarded } from '../../src/core/adapter.ts'
import { errorOf, type Gw3761Code, type Gw3761Error } from './errors.ts'
import { type Frame, frameAt, hexByte, MAX_USER, OVERHEAD, readHead } from './frame.ts'

/** Noise is reported in pieces of at most this many bytes. */
const RUN = 256
/** What an idle connection keeps. */
const SMALL = 256

/** How near a candidate came to being a frame: of several reasons in one piece of noise the nearest is told. */
const NEARNESS: Readonly<Partial<Record<Gw3761Code, number>>> = {
  GW3761_LENGTHS: 1,
  GW3761_PROTOCOL: 2,
  GW3761_LENGTH: 2,
  GW3761_END: 3,
  GW3761_CHECKSUM: 4,
}
const nearer = (one: Gw3761Error, other: Gw3761Error | null): boolean =>
  other === null || (NEARNESS[one.code] ?? 0) > (NEARNESS[other.code] ?? 0)

/**
 * Cuts a byte stream of Q/GDW 376.1 into frames. A candidate that fails costs one byte: the search goes on behind its first 68H, so a frame
 * inside or behind damaged bytes is found. Sums of all bytes so far are kept beside them, so that a checksum costs one subtraction however
 * many overlapping candidates a hostile stream holds. Memory grows with the frame that is waited for, and goes back when it is done.
 *
 * Bytes behind a false beginning are not lost when {@link Deframer.flush} gives it up: frames among them come with the next `push`, which
 * may be empty.
 *
 * @param maxUser  user bytes of the longest frame that is waited for
 */
export const createDeframer = (maxUser = MAX_USER): Deframer<Frame> => {
  let buffer = new Uint8Array(SMALL)
  /** sums[i] = sum of all bytes before i, modulo 256, give or take a constant. */
  let sums = new Uint8Array(SMALL + 1)
  let from = 0 // first byte not yet reported
  let at = 0 //   candidate
  let end = 0
  let reason: Gw3761Error | null = null
  let rescued: (Frame | Discarded)[] = []

  const report = (to: number): Discarded | null => {
    const [first, why] = [from, reason]
    from = to
    reason = null
    if (first === to) return null
    return { discarded: buffer.slice(first, to), error: why ?? errorOf('GW3761_DELIMITER', `${to - first} bytes that are no frame`) }
  }

  /** The frame's size; 0 = wait for more; else why the candidate is none. */
  const candidate = (): number | Gw3761Error => {
    const head = readHead(buffer, at, end, maxUser)
    if (!head.ok) return head.error
    const { size } = head
    if (size === 0 || end - at < size) return 0
    const last = at + size - 1
    if (buffer[last] !== 0x16)
      return errorOf('GW3761_END', `length says ${size - OVERHEAD} user bytes, but no end byte 16H follows them`, { at: size - 1 })
    const expected = (sums[last - 1]! - sums[at + 6]!) & 0xff
    if (buffer[last - 1] !== expected)
      return errorOf('GW3761_CHECKSUM', `checksum ${hexByte(buffer[last - 1]!)}H, expected ${hexByte(expected)}H`, { at: size - 2 })
    return size
  }

  const scan = (out: (Frame | Discarded)[]) => {
    while (at < end) {
      if (buffer[at] !== 0x68) {
        at++
      } else {
        const found = candidate()
        if (found === 0) return
        if (typeof found === 'number') {
          const noise = report(at)
          if (noise) out.push(noise)
          out.push(frameAt(buffer, at, found))
          at += found
          from = at
          continue
        }
        if (nearer(found, reason)) reason = found
        at++
      }
      if (at - from >= RUN) {
        const noise = report(at)
        if (noise) out.push(noise)
      }
    }
  }

  /** Room for so many bytes more: what was reported is dropped, then the buffer is doubled, or shrunk when little is left in it. */
  const makeRoom = (more: number) => {
    const kept = end - from
    const fits = buffer.length - kept >= more
    const wasteful = buffer.length > 16 * SMALL && (kept + more) * 4 < buffer.length
    if (!fits || wasteful) {
      let size = SMALL
      while (size < kept + more) size *= 2
      const [oldBytes, oldSums] = [buffer, sums]
      buffer = new Uint8Array(size)
      sums = new Uint8Array(size + 1)
      buffer.set(oldBytes.subarray(from, end))
      sums.set(oldSums.subarray(from, end + 1))
    } else if (buffer.length - end < more) {
      buffer.copyWithin(0, from, end)
      sums.copyWithin(0, from, end + 1)
    } else return
    at -= from
    end -= from
    from = 0
  }

  const append = (bytes: Uint8Array, first: number, size: number) => {
    makeRoom(size)
    let sum = sums[end]!
    for (let index = 0; index < size; index++) {
      const byte = bytes[first + index]!
      buffer[end] = byte
      sum += byte
      sums[++end] = sum
    }
  }

  return {
    push(bytes) {
      const out = rescued
      rescued = []
      for (let taken = 0; taken < bytes.length; ) {
        const piece = Math.min(4096, bytes.length - taken)
        append(bytes, taken, piece)
        taken += piece
        scan(out)
      }
      if (from === end && buffer.length > SMALL) {
        buffer = new Uint8Array(SMALL)
        sums = new Uint8Array(SMALL + 1)
        from = at = end = 0
      }
      return out
    },
    flush() {
      if (at === end && from === end) return null
      const rest = end - at
      // The false beginning is given up byte by byte: each may hide the beginning of another, which then will not become whole either.
      const found: (Frame | Discarded)[] = []
      const why = rest > 0 ? errorOf('GW3761_TRUNCATED', `${rest} bytes of a frame, then silence`) : null
      while (at < end) {
        at++
        scan(found)
      }
      const tail = report(end)
      from = at = end = 0
      const frames = found.filter((item) => !('discarded' in item))
      if (frames.length === 0) {
        const pieces = [...found.flatMap((item) => ('discarded' in item ? [item.discarded] : [])), ...(tail ? [tail.discarded] : [])]
        const all = joined(pieces)
        return { discarded: all, error: why ?? tail?.error ?? errorOf('GW3761_DELIMITER', `${all.length} bytes that are no frame`) }
      }
      const [first, ...others] = [...found, ...(tail ? [tail] : [])]
      if (first && 'discarded' in first) {
        rescued = others
        return why ? { discarded: first.discarded, error: why } : first
      }
      rescued = [...found, ...(tail ? [tail] : [])]
      return null
    },
  }
}

const joined = (pieces: readonly Uint8Array[]): Uint8Array => {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}
