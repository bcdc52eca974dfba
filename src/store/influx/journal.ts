/**
 * What a 1.x server has acknowledged and may still forget.
 *
 * A torn write-ahead log (the server was killed inside a write) is cut to its last whole entry at the next start, but 1.6 goes on
 * writing at the old end: behind a hole of zeros. The start after that stops reading at the hole, and everything acknowledged between
 * the two starts is gone. It is safe only once the server's cache has been written out as a snapshot, at 25 MB of cache by default;
 * so the newest rows of about that size are kept here, and sent again when the server turns out to have been restarted.
 *
 * @source reproduced with Debian's influxd 1.6.7, test/store/influx-crash.test.ts; tsdb/engine/tsm1/wal.go (Open) and cache.go (CacheLoader)
 */
export class Journal {
  readonly #limit: number
  readonly #chunks: { readonly bytes: Uint8Array; used: number }[] = []
  #size = 0

  /** @param limit  bytes kept, 0 = none */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes held. */
  get size(): number {
    return this.#size
  }

  /** Notes rows of line protocol that were acknowledged; the bytes are copied. */
  add(rows: Uint8Array): void {
    if (this.#limit === 0) return
    let chunk = this.#chunks.at(-1)
    if (!chunk || chunk.used + rows.length > chunk.bytes.length) {
      chunk = { bytes: new Uint8Array(Math.max(CHUNK, rows.length)), used: 0 }
      this.#chunks.push(chunk)
      while (this.#chunks.length > 1 && this.#chunks.reduce((sum, { bytes }) => sum + bytes.length, 0) > this.#limit)
        this.#size -= this.#chunks.shift()!.used
    }
    chunk.bytes.set(rows, chunk.used)
    chunk.used += rows.length
    this.#size += rows.length
  }

  /** All that is kept, oldest first, in requests of a bearable size. */
  chunks(): readonly Uint8Array[] {
    return this.#chunks.map(({ bytes, used }) => bytes.subarray(0, used))
  }
}

const CHUNK = 1 << 20
