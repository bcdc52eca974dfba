/** A gap in the counter of an edge node. */
export interface Gap {
  /** Last number that was delivered. */
  readonly after: number
  readonly seq: number
  /** Numbers between them that did not come. */
  readonly missing: number
}

export interface Delivered<T> {
  readonly item: T
  /** It came after others that never came. */
  readonly gap: Gap | null
  /** It is one of those: older than what was delivered before it, or the same once more. */
  readonly late: boolean
}

interface Held<T> {
  readonly seq: number
  readonly item: T
  /** When it came, milliseconds. */
  readonly at: number
}

/** Most messages that one edge node may have waiting. */
const MAX_HELD = 64
const ROUND = 256

/**
 * Puts the messages of one edge node back into the order of their counter (序号), 0 to 255 over the node and all its devices. A message
 * that is ahead waits `reorderMs` for those before it; then it is delivered with the gap it leaves.
 */
export class SequenceWindow<T> {
  readonly #reorderMs: number
  #last: number | null = null
  #held: Held<T>[] = []
  /** Numbers given up, and so still welcome. */
  readonly #missing = new Set<number>()

  constructor(reorderMs: number) {
    this.#reorderMs = reorderMs
  }

  /** Last number delivered in order; null: the next one tells. */
  get last(): number | null {
    return this.#last
  }

  get waiting(): readonly T[] {
    return this.#held.map(({ item }) => item)
  }

  /** The counter begins anew, or is not known. What waits keeps waiting for its turn. */
  begin(last: number | null): void {
    this.#last = last
    this.#missing.clear()
  }

  /** Takes one message and gives those whose turn it is. */
  offer(seq: number, item: T, now: number): Delivered<T>[] {
    const ahead = this.#last === null ? 0 : distance(this.#last, seq)
    if (ahead === 0) return [this.#deliver(seq, item, null), ...this.drain()]
    if (this.#missing.delete(seq) || this.#held.some((held) => held.seq === seq)) return [{ item, gap: null, late: true }]
    this.hold(seq, item, now)
    return this.expire(now)
  }

  /** Puts a message aside without asking whose turn it is. */
  hold(seq: number, item: T, now: number): void {
    this.#held.push({ seq, item, at: now })
  }

  /** Delivers what has waited long enough, nearest number first, and what follows it without a gap. */
  expire(now: number): Delivered<T>[] {
    const delivered: Delivered<T>[] = []
    // A clock set back must not lengthen the wait.
    const due = () => this.#held.length > MAX_HELD || this.#held.some(({ at }) => now - at >= this.#reorderMs || now < at)
    while (due()) delivered.push(...this.#giveUp())
    return delivered
  }

  /** Delivers everything that waits. */
  flush(): Delivered<T>[] {
    const delivered: Delivered<T>[] = []
    while (this.#held.length > 0) delivered.push(...this.#giveUp())
    return delivered
  }

  /** Takes out of the window what the caller wants to treat by itself, in order of arrival. */
  remove(which: (item: T) => boolean): T[] {
    const removed = this.#held.filter(({ item }) => which(item))
    this.#held = this.#held.filter((held) => !removed.includes(held))
    return removed.map(({ item }) => item)
  }

  /** Those that follow the last one without a gap. */
  drain(): Delivered<T>[] {
    const delivered: Delivered<T>[] = []
    for (let next = this.#next(); next && this.#last !== null && distance(this.#last, next.seq) === 0; next = this.#next()) {
      this.#held.splice(this.#held.indexOf(next), 1)
      delivered.push(this.#deliver(next.seq, next.item, null))
    }
    return delivered
  }

  #giveUp(): Delivered<T>[] {
    const next = this.#next()
    if (!next) return []
    this.#held.splice(this.#held.indexOf(next), 1)
    const after = this.#last
    const missing = after === null ? 0 : distance(after, next.seq)
    if (after === null || missing === 0) return [this.#deliver(next.seq, next.item, null), ...this.drain()]
    for (let step = 1; step <= missing; step++) this.#missing.add((after + step) % ROUND)
    return [this.#deliver(next.seq, next.item, { after, seq: next.seq, missing }), ...this.drain()]
  }

  #next(): Held<T> | undefined {
    const last = this.#last
    if (last === null) return this.#held[0]
    return this.#held.reduce<Held<T> | undefined>(
      (best, held) => (best === undefined || distance(last, held.seq) < distance(last, best.seq) ? held : best),
      undefined,
    )
  }

  #deliver(seq: number, item: T, gap: Gap | null): Delivered<T> {
    this.#last = seq
    this.#missing.delete(seq)
    // Half a round later the number belongs to the future again.
    this.#missing.delete((seq + ROUND / 2) % ROUND)
    return { item, gap, late: false }
  }
}

/** How many numbers lie between a number and the one after `last`. */
const distance = (last: number, seq: number): number => (seq - last - 1 + 2 * ROUND) % ROUND
