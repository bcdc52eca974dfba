import { finished, Readable } from 'node:stream'
import type { TraceLimits } from './deps.ts'
import type { Holder } from './guard.ts'
import { watchRight } from './right-watch.ts'

export const SSE = 'text/event-stream; charset=utf-8'

/** One server-sent event. @source WHATWG HTML, 9.2.5: an id without line breaks, data on one line */
export const sseEvent = (id: string | number, event: string, data: object): string =>
  `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`

export const STREAM_LIMITS: TraceLimits = { perToken: 4, perAddress: 32, total: 64, longestMs: 30 * 60_000, heartbeatMs: 10_000 }

/** What may wait in memory for one slow client, bytes. */
const MOST_WAITING = 262_144
const FLUSH_MS = 500

/** How one kind of stream is written. */
export interface StreamForm {
  /** Headers leave with the first bytes: without them a client would not know that it is connected. */
  readonly opening: string | Uint8Array
  /** Keeps an idle connection open; null where there is no room for it. */
  beat(): string | null
  /** The last words; null: there are none. */
  last(reason: string): string | Uint8Array | null
  /** The client takes more: where what comes next is kept elsewhere, it is pushed now. */
  wanted?(): void
}

/** A live stream to one client. */
export interface LiveStream {
  readonly readable: Readable
  readonly isOver: boolean
  /** More waits than a client may leave lying: what is not kept elsewhere has to be dropped. */
  readonly isFull: boolean
  /** @returns  whether the client takes more at once */
  push(piece: string | Uint8Array | null): boolean
  /** Says why, then ends. Twice is once. */
  end(reason: string): void
  /** Calls back once when the stream is over, whoever ended it. */
  onEnd(done: () => void): void
}

/** All live streams of one kind. */
export interface LiveStreams {
  /** Null when the person, his address, or everybody together has as many as allowed. @param longestMs  it ends by itself */
  open(holder: Holder, form: StreamForm, longestMs?: number): LiveStream | null
  /** Ends every stream; resolves when all are flushed, or after half a second. */
  endAll(reason: string): Promise<void>
}

/**
 * Keeps count of live streams. Each has a heartbeat, ends within a second when the right to it is taken away, and all end when the gateway
 * stops. Nothing waits for a slow client and nothing grows because of one.
 */
export const liveStreams = (given: Partial<TraceLimits> = {}): LiveStreams => {
  const limits = { ...STREAM_LIMITS, ...given }
  const live = new Map<LiveStream, Pick<Holder, 'id' | 'address'>>()

  const open = ({ id, address, again }: Holder, form: StreamForm, longestMs?: number): LiveStream | null => {
    const holders = [...live.values()]
    const own = holders.filter((other) => other.id === id).length
    const beside = holders.filter((other) => other.address === address).length
    if (own >= limits.perToken || beside >= limits.perAddress || holders.length >= limits.total) return null
    let isOver = false
    const readable = new Readable({ read: () => form.wanted?.() })
    const stream: LiveStream = {
      readable,
      get isOver() {
        return isOver
      },
      get isFull() {
        return readable.readableLength > MOST_WAITING
      },
      push: (piece) => (piece === null || piece.length === 0 || isOver ? true : readable.push(piece)),
      end(reason) {
        if (isOver) return
        stream.push(form.last(reason))
        isOver = true
        readable.push(null)
      },
      onEnd: (done) => void finished(readable, { writable: false }, () => done()),
    }
    const beat = setInterval(() => {
      if (!isOver && !stream.isFull) stream.push(form.beat())
    }, limits.heartbeatMs)
    const stopAsking = watchRight({ again }, (reason) => stream.end(reason))
    const longest = longestMs === undefined ? null : setTimeout(() => stream.end('the longest time of a trace is over'), longestMs)
    live.set(stream, { id, address })
    stream.onEnd(() => {
      isOver = true
      clearInterval(beat)
      stopAsking()
      if (longest) clearTimeout(longest)
      live.delete(stream)
    })
    stream.push(form.opening)
    return stream
  }

  const endAll = async (reason: string): Promise<void> => {
    const streams = [...live.keys()]
    if (streams.length === 0) return
    const all = Promise.all(streams.map((stream) => new Promise<void>((resolve) => stream.onEnd(resolve))))
    for (const stream of streams) stream.end(reason)
    await Promise.race([all, new Promise<void>((resolve) => setTimeout(resolve, FLUSH_MS).unref())])
    for (const { readable } of live.keys()) readable.destroy()
  }

  return { open, endAll }
}

/**
 * The newest things of a kind, each with a number that names this run of the gateway too: a client that comes back goes on where it was,
 * and one that was away for longer than this reaches back is told so.
 */
export class EventRing<Item> {
  readonly #epoch: string
  readonly #most: number
  readonly #items: Item[] = []
  /** Number of the newest. */
  #newest = 0
  readonly #listeners = new Set<() => void>()

  /** @param startedAt  of this run, milliseconds since 1970 UTC */
  constructor(most: number, startedAt: number) {
    this.#most = most
    this.#epoch = Math.max(0, Math.round(startedAt)).toString(36)
  }

  get newest(): number {
    return this.#newest
  }

  /** Number of the oldest that is still here; one more than the newest when there is none. */
  get oldest(): number {
    return Math.max(1, this.#newest - this.#most + 1)
  }

  idOf(number: number): string {
    return `${this.#epoch}-${number}`
  }

  add(items: readonly Item[]): void {
    for (const item of items) this.#items[++this.#newest % this.#most] = item
    if (items.length > 0) for (const listener of this.#listeners) listener()
  }

  /** Null: it has gone, or is not there yet. */
  at(number: number): Item | null {
    return number < this.oldest || number > this.#newest ? null : (this.#items[number % this.#most] ?? null)
  }

  /** The number in an id; null: that is none of this form. One of another run, or of the future, is older than everything. */
  numberOf(id: string): number | null {
    const [, epoch, digits] = /^([0-9a-z]{1,13})-(\d{1,15})$/.exec(id) ?? []
    if (epoch === undefined || digits === undefined) return null
    const number = Number(digits)
    return epoch === this.#epoch && number <= this.#newest ? number : -1
  }

  onAdd(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** What a stream out of a ring does with each thing. */
export interface RingReader<Item> {
  /** Asked before each lot: what somebody may see changes. */
  begin?(): void
  /** The data of an event; null: it is not for this client. */
  data(item: Item): object | null
  /** Name of the events, or of this one. */
  readonly event: string
  nameOf?(item: Item): string
}

/**
 * A stream that reads a ring on from where its client is, as fast as that takes it. Who falls behind further than the ring reaches is told
 * with `lost`, and goes on with the oldest that is left.
 *
 * @param after  number of the last one the client has; -1: one of another time
 */
export const ringStream = <Item>(
  streams: LiveStreams,
  holder: Holder,
  ring: EventRing<Item>,
  after: number,
  reader: RingReader<Item>,
): LiveStream | null => {
  let last = after
  let isWanted = false
  let stream: LiveStream | null = null
  const pump = (): void => {
    const to = stream
    if (!to || !isWanted || to.isOver) return
    reader.begin?.()
    while (isWanted && !to.isOver && last < ring.newest) {
      if (last < ring.oldest - 1) {
        const missed = last < 0 ? null : ring.oldest - 1 - last
        last = ring.oldest - 1
        isWanted = to.push(sseEvent(ring.idOf(last), 'lost', { events: missed }))
        continue
      }
      const item = ring.at(++last)
      const data = item === null ? null : reader.data(item)
      if (data !== null) isWanted = to.push(sseEvent(ring.idOf(last), (item !== null && reader.nameOf?.(item)) || reader.event, data))
    }
  }
  const isOld = after < 0
  if (isOld && ring.newest === 0) last = 0
  stream = streams.open(holder, {
    // Whoever was here in another run of the gateway has missed what nobody knows any more.
    opening:
      isOld && ring.newest === 0
        ? sseEvent(ring.idOf(0), 'lost', { events: null })
        : `id: ${ring.idOf(Math.max(0, last))}\n: ${reader.event}\n\n`,
    beat: () => `id: ${ring.idOf(Math.max(0, last))}\n: still here\n\n`,
    last: (reason) => `event: end\ndata: ${JSON.stringify({ reason })}\n\n`,
    wanted: () => {
      isWanted = true
      pump()
    },
  })
  if (stream === null) return null
  const stop = ring.onAdd(pump)
  stream.onEnd(stop)
  return stream
}
