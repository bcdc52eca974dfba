import { finished, Readable } from 'node:stream'
import type { TraceLimits } from './deps.ts'
import type { Holder } from './guard.ts'
import { watchRight } from './right-watch.ts'
import type { TracedFrame } from './trace-deps.ts'
import type { TraceForm } from './trace-forms.ts'

/** A live stream to one client. */
export interface TraceStream {
  readonly readable: Readable
  /** Sends a frame, or counts it as dropped while the client does not keep up. */
  frame(frame: TracedFrame): void
  /** Says why, then ends. Twice is once. */
  end(reason: string): void
  /** Calls back once when the stream is over, whoever ended it. */
  onEnd(done: () => void): void
}

/** All live streams: each ends by itself, and all of them when the gateway stops. */
export interface TraceStreams {
  /** Null when whoever asks, or everybody together, has as many as allowed. */
  open(holder: Holder, form: TraceForm): TraceStream | null
  /** Ends every stream; resolves when all are flushed, or after half a second. */
  endAll(reason: string): Promise<void>
}

export const TRACE_LIMITS: TraceLimits = { perToken: 4, total: 64, longestMs: 30 * 60_000, heartbeatMs: 10_000 }

/** What may wait in memory for one slow client. */
const MOST_WAITING = 262_144
const FLUSH_MS = 500

/** Keeps count of live streams. Heartbeats keep idle connections open and look whether the right still holds. */
export const traceStreams = (given: Partial<TraceLimits> = {}): TraceStreams => {
  const limits = { ...TRACE_LIMITS, ...given }
  const live = new Map<TraceStream, string>()

  const open = ({ id: owner, again }: Holder, form: TraceForm): TraceStream | null => {
    const own = [...live.values()].filter((each) => each === owner).length
    if (own >= limits.perToken || live.size >= limits.total) return null
    const readable = new Readable({ read() {} })
    let id = 0
    let dropped = 0
    let ended = false
    const push = (piece: string | Uint8Array | null) => {
      if (piece !== null && piece.length > 0) readable.push(piece)
    }
    const say = (event: 'dropped' | 'end', data: object) => push(form.say(++id, event, data))
    const stream: TraceStream = {
      readable,
      frame(frame) {
        if (ended) return
        if (readable.readableLength > MOST_WAITING) {
          dropped++
          return
        }
        if (dropped > 0) {
          const missed = form.say(++id, 'dropped', { frames: dropped })
          if (missed === null) return stream.end(`${dropped} frames were dropped`)
          push(missed)
        }
        dropped = 0
        push(form.frame(++id, frame))
      },
      end(reason) {
        if (ended) return
        ended = true
        say('end', { reason })
        readable.push(null)
      },
      onEnd: (done) => finished(readable, { writable: false }, () => done()),
    }
    const beat = setInterval(() => {
      if (!ended && readable.readableLength <= MOST_WAITING) push(form.beat)
    }, limits.heartbeatMs)
    const stopAsking = watchRight({ again }, (reason) => stream.end(reason))
    const longest = setTimeout(() => stream.end('the longest time of a trace is over'), limits.longestMs)
    live.set(stream, owner)
    stream.onEnd(() => {
      ended = true
      clearInterval(beat)
      stopAsking()
      clearTimeout(longest)
      live.delete(stream)
    })
    push(form.opening)
    return stream
  }

  const endAll = async (reason: string): Promise<void> => {
    const open = [...live.keys()]
    if (open.length === 0) return
    const all = Promise.all(open.map((stream) => new Promise<void>((resolve) => stream.onEnd(resolve))))
    for (const stream of open) stream.end(reason)
    const late = new Promise<void>((resolve) => setTimeout(resolve, FLUSH_MS).unref())
    await Promise.race([all, late])
    for (const { readable } of live.keys()) readable.destroy()
  }

  return { open, endAll }
}
