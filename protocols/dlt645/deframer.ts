import type { Deframer, Discarded } from '../../src/core/adapter.ts'
import { type Dlt645Error, errorOf } from './errors.ts'
import { decodeFrame, type Frame, MAX_DATA, OVERHEAD, WAKE_UP } from './frame.ts'

/** Noise is reported in pieces of at most this many bytes. */
const RUN = 256
/** Noise, one whole frame and room to read on: nothing else is ever kept. */
const CAPACITY = 2 * RUN + MAX_DATA + OVERHEAD

/**
 * Cuts a DL/T 645 byte stream into frames. A candidate that fails costs one byte: the search goes on behind its first 68H, so that a frame
 * behind noise that looked like a beginning is found. Wake-up bytes in front of a frame and the one FFH that some meters send behind 16H are
 * part of the protocol; every other byte that is no frame is given back as discarded, neighbours in one piece.
 */
export const createDeframer = (): Deframer<Frame> => {
  const buffer = new Uint8Array(CAPACITY)
  let from = 0 // first byte not yet reported
  let at = 0 //   candidate
  let end = 0
  let afterFrame = false
  let reason: Dlt645Error | null = null

  const report = (to: number): Discarded | null => {
    let [first, last] = [from, to]
    from = to
    const why = reason
    reason = null
    if (first === last) return null
    if (afterFrame && buffer[first] === 0xff) first++
    afterFrame = false
    while (first < last && buffer[first] === WAKE_UP) first++
    while (last > first && buffer[last - 1] === WAKE_UP) last--
    if (first === last) return null
    return { discarded: buffer.slice(first, last), error: why ?? errorOf('DLT645_DELIMITER', `${last - first} bytes that are no frame`) }
  }

  const scan = (out: (Frame | Discarded)[]) => {
    while (at < end) {
      if (buffer[at] !== 0x68) {
        at++
      } else {
        const result = decodeFrame(buffer, at, end)
        if (result.ok) {
          const noise = report(at)
          if (noise) out.push(noise)
          out.push(result.value)
          at += OVERHEAD + result.value.data.length
          from = at
          afterFrame = true
          continue
        }
        if (result.error.code === 'DLT645_TRUNCATED') return
        if (reason === null || (result.error.code === 'DLT645_CHECKSUM' && reason.code !== 'DLT645_CHECKSUM')) reason = result.error
        at++
      }
      if (at - from >= RUN) {
        const noise = report(at)
        if (noise) out.push(noise)
      }
    }
  }

  return {
    push(bytes) {
      const out: (Frame | Discarded)[] = []
      for (let taken = 0; taken < bytes.length; ) {
        if (from > 0) {
          buffer.copyWithin(0, from, end)
          at -= from
          end -= from
          from = 0
        }
        const piece = Math.min(CAPACITY - end, bytes.length - taken)
        buffer.set(bytes.subarray(taken, taken + piece), end)
        end += piece
        taken += piece
        scan(out)
      }
      return out
    },
    flush() {
      if (at < end) reason = errorOf('DLT645_TRUNCATED', `${end - at} bytes of a frame, then silence`)
      const rest = report(end)
      from = at = end = 0
      afterFrame = false
      return rest
    },
  }
}
