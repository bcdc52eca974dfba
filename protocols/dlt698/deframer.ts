import { type Deframer, type Discarded, isDiscarded } from '../../src/core/adapter.ts'
import { type Dlt698Error, errorOf } from './errors.ts'
import { decodeFrame, type Frame, LONGEST_FRAME, readHeader, START, WAKE_UP } from './frame.ts'

/** Noise is reported in pieces of at most this many bytes. */
const RUN = 512
const SMALLEST = 256
/** Noise, one whole frame and room to read on: nothing else is ever kept. */
const LARGEST = 2 * RUN + LONGEST_FRAME
/**
 * Work allowed on damaged frames: so many bytes may be checked in vain for each byte that came, so many are saved up at most. Line noise
 * never gets there: its header check fails first. Made-up headers, one inside the other, would cost a frame length of work each.
 */
const PATIENCE_PER_BYTE = 32
const PATIENCE = 4 * LONGEST_FRAME

/**
 * Cuts a DL/T 698.45 byte stream into frames. A candidate that fails costs one byte: the search goes on behind its first 68H. The header
 * check is looked at as soon as it is there, so that noise is not waited for. Frames that stood behind half a frame come with the push after
 * `flush()`, of nothing if need be. Wake-up bytes before a frame are part of the protocol; every
 * other byte that is no frame is given back as discarded, neighbours in one piece.
 */
export const createDeframer = (): Deframer<Frame> => {
  let buffer: Uint8Array | null = null
  let from = 0 // first byte not yet reported
  let at = 0 //   candidate
  let end = 0
  let patience = PATIENCE
  let reason: Dlt698Error | null = null

  /** Found when half a frame was given up: goes out with the next push. */
  let pending: (Frame | Discarded)[] = []

  const report = (bytes: Uint8Array, to: number): Discarded | null => {
    let [first, last] = [from, to]
    from = to
    const why = reason
    reason = null
    while (first < last && bytes[first] === WAKE_UP) first++
    while (last > first && bytes[last - 1] === WAKE_UP) last--
    if (first === last) return null
    return { discarded: bytes.slice(first, last), error: why ?? errorOf('DLT698_DELIMITER', `${last - first} bytes that are no frame`) }
  }

  const scan = (bytes: Uint8Array, out: (Frame | Discarded)[]): void => {
    while (at < end) {
      if (bytes[at] !== START) {
        at++
      } else {
        const result = decodeFrame(bytes, at, end)
        if (result.ok) {
          const noise = report(bytes, at)
          if (noise) out.push(noise)
          out.push(result.value)
          at += result.value.raw.length
          from = at
          patience = PATIENCE
          continue
        }
        const { code } = result.error
        if (code === 'DLT698_TRUNCATED') return
        if (reason === null || code === 'DLT698_FCS') reason = result.error
        let step = 1
        if (code === 'DLT698_FCS') {
          const header = readHeader(bytes, at, end)
          const size = header.ok ? header.value.end : 1
          patience -= size
          if (patience < 0) step = size
        }
        at += step
      }
      if (at - from >= RUN) {
        const noise = report(bytes, at)
        if (noise) out.push(noise)
      }
    }
  }

  /** Room for `more` bytes; the buffer grows only for a stream that needs it. */
  const room = (more: number): Uint8Array => {
    if (buffer !== null && from > 0) {
      buffer.copyWithin(0, from, end)
      at -= from
      end -= from
      from = 0
    }
    if (buffer !== null && end + Math.min(more, SMALLEST) <= buffer.length) return buffer
    const size = Math.min(LARGEST, Math.max(SMALLEST, 2 * (end + more)))
    if (buffer !== null && size <= buffer.length) return buffer
    const grown = new Uint8Array(size)
    if (buffer !== null) grown.set(buffer.subarray(0, end))
    buffer = grown
    return grown
  }

  return {
    push(bytes) {
      const out = pending
      pending = []
      // Mostly whole frames come: they are cut out of what came, and only a rest is kept.
      if (buffer === null) {
        end = bytes.length
        patience = Math.min(PATIENCE, patience + end * PATIENCE_PER_BYTE)
        scan(bytes, out)
        if (from < end) {
          const rest = bytes.subarray(from, end)
          buffer = new Uint8Array(Math.max(SMALLEST, rest.length))
          buffer.set(rest)
        }
        at -= from
        end -= from
        from = 0
        return out
      }
      for (let taken = 0; taken < bytes.length; ) {
        const into = room(bytes.length - taken)
        const piece = Math.min(into.length - end, bytes.length - taken)
        into.set(bytes.subarray(taken, taken + piece), end)
        end += piece
        taken += piece
        patience = Math.min(PATIENCE, patience + piece * PATIENCE_PER_BYTE)
        scan(into, out)
      }
      // An idle session keeps no buffer.
      if (from === end) {
        buffer = null
        from = at = end = 0
      }
      return out
    },
    flush() {
      if (buffer === null) return null
      const out: (Frame | Discarded)[] = []
      // Silence: what waits for more is no frame, but one may stand behind its first byte.
      while (at < end) {
        scan(buffer, out)
        if (at === end) break
        reason ??= errorOf('DLT698_TRUNCATED', `${end - at} bytes of a frame, then silence`)
        at++
      }
      const rest = report(buffer, end)
      if (rest) out.push(rest)
      buffer = null
      from = at = end = 0
      const [first] = out
      pending = first && isDiscarded(first) ? out.slice(1) : out
      return first && isDiscarded(first) ? first : null
    },
  }
}
