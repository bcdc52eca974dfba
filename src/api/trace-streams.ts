import { finished, Readable } from 'node:stream'
import type { ApiDeps, TraceLimits } from './deps.ts'
import { isValid } from './tokens.ts'

/** A live stream to one client. */
export interface TraceStream {
  readonly readable: Readable
  /** Sends an event, or counts it as dropped while the client does not keep up. */
  send(event: string, data: object): void
  /** Says why, then ends. Twice is once. */
  end(reason: string): void
  /** Calls back once when the stream is over, whoever ended it. */
  onEnd(done: () => void): void
}

/** All live streams: each ends by itself, and all of them when the gateway stops. */
export interface TraceStreams {
  /** Null when the token, or everybody together, has as many as allowed. */
  open(token: string, format: 'sse' | 'text'): TraceStream | null
  /** Ends every stream; resolves when all are flushed, or after half a second. */
  endAll(reason: string): Promise<void>
}

export const TRACE_LIMITS: TraceLimits = { perToken: 4, total: 64, longestMs: 30 * 60_000, heartbeatMs: 10_000 }

/** What may wait in memory for one slow client. */
const MOST_WAITING = 262_144
const FLUSH_MS = 500

/** Keeps count of live streams. Heartbeats keep idle connections open and look whether the token still holds. */
export const traceStreams = ({ tokens, now }: Pick<ApiDeps, 'tokens' | 'now'>, given: Partial<TraceLimits> = {}): TraceStreams => {
  const limits = { ...TRACE_LIMITS, ...given }
  const live = new Map<TraceStream, string>()

  const open = (token: string, format: 'sse' | 'text'): TraceStream | null => {
    const own = [...live.values()].filter((owner) => owner === token).length
    if (own >= limits.perToken || live.size >= limits.total) return null
    const write = FORMATS[format]
    const readable = new Readable({ read() {} })
    let id = 0
    let dropped = 0
    let ended = false
    const push = (event: string, data: object) => readable.push(write(++id, event, data))
    const stream: TraceStream = {
      readable,
      send(event, data) {
        if (ended) return
        if (readable.readableLength > MOST_WAITING) {
          dropped++
          return
        }
        if (dropped > 0) push('dropped', { frames: dropped })
        dropped = 0
        push(event, data)
      },
      end(reason) {
        if (ended) return
        ended = true
        push('end', { reason })
        readable.push(null)
      },
      onEnd: (done) => finished(readable, { writable: false }, () => done()),
    }
    const beat = setInterval(() => {
      const holder = tokens().find((one) => one.id === token)
      if (!holder || !isValid(holder, now())) stream.end('the token is no longer accepted')
      else if (!ended && readable.readableLength <= MOST_WAITING) readable.push(format === 'sse' ? ': still here\n\n' : '\n')
    }, limits.heartbeatMs)
    const longest = setTimeout(() => stream.end('the longest time of a trace is over'), limits.longestMs)
    live.set(stream, token)
    stream.onEnd(() => {
      ended = true
      clearInterval(beat)
      clearTimeout(longest)
      live.delete(stream)
    })
    // Headers leave with the first bytes: without them a client would not know that it is connected.
    readable.push(format === 'sse' ? ': trace\n\n' : '\n')
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

const FORMATS: Readonly<Record<'sse' | 'text', (id: number, event: string, data: object) => string>> = {
  sse: (id, event, data) => `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
  text: (_id, event, data) => `${JSON.stringify({ event, ...data })}\n`,
}
