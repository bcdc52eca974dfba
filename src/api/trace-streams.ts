import type { Readable } from 'node:stream'
import type { TraceLimits } from './deps.ts'
import type { Holder } from './guard.ts'
import { liveStreams, STREAM_LIMITS } from './sse.ts'
import type { TracedFrame } from './trace-deps.ts'
import type { TraceForm } from './trace-forms.ts'

/** A live trace to one client. */
export interface TraceStream {
  readonly readable: Readable
  /** Sends a frame, or counts it as dropped while the client does not keep up. */
  frame(frame: TracedFrame): void
  /** Says why, then ends. Twice is once. */
  end(reason: string): void
  /** Calls back once when the stream is over, whoever ended it. */
  onEnd(done: () => void): void
}

/** All live traces: each ends by itself, and all of them when the gateway stops. */
export interface TraceStreams {
  /** Null when whoever asks, or everybody together, has as many as allowed. */
  open(holder: Holder, form: TraceForm): TraceStream | null
  /** Ends every stream; resolves when all are flushed, or after half a second. */
  endAll(reason: string): Promise<void>
}

/** Frames are kept nowhere: what a slow client does not take is dropped, and it is told how many. */
export const traceStreams = (given: Partial<TraceLimits> = {}): TraceStreams => {
  const streams = liveStreams(given)
  const longestMs = given.longestMs ?? STREAM_LIMITS.longestMs

  const open = (holder: Holder, form: TraceForm): TraceStream | null => {
    let id = 0
    let dropped = 0
    const stream = streams.open(
      holder,
      { opening: form.opening, beat: () => form.beat, last: (reason) => form.say(++id, 'end', { reason }) },
      longestMs,
    )
    if (stream === null) return null
    return {
      readable: stream.readable,
      frame(frame) {
        if (stream.isOver) return
        if (stream.isFull) {
          dropped++
          return
        }
        if (dropped > 0) {
          const missed = form.say(++id, 'dropped', { frames: dropped })
          if (missed === null) return stream.end(`${dropped} frames were dropped`)
          stream.push(missed)
        }
        dropped = 0
        stream.push(form.frame(++id, frame))
      },
      end: (reason) => stream.end(reason),
      onEnd: (done) => stream.onEnd(done),
    }
  }

  return { open, endAll: (reason) => streams.endAll(reason) }
}
