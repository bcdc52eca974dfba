import { createHash } from 'node:crypto'
import { ok, type Result } from '../core/index.ts'
import { type AppendLog, type Found, type OpenFile, openAppendLog } from './append-log.ts'
import type { PushError } from './errors.ts'

export interface ArrivalsOptions {
  readonly path: string
  /** Messages in one of the two generations in memory. */
  readonly generation?: number
  readonly maxBytes?: number
  readonly openFile?: OpenFile
}

const GENERATION = 65_536
/** One generation on disk holds more than both in memory: 24 bytes and their head each. */
const MAX_BYTES = 8 << 20
const HASH_BYTES = 16
const RECORD_BYTES = HASH_BYTES + 8

/**
 * Opens the arrival journal.
 *
 * @errors PUSH_DISK
 */
export const openArrivals = async (options: ArrivalsOptions): Promise<Result<Arrivals, PushError>> => {
  const known = new Generations(options.generation ?? GENERATION)
  const replay = (record: Buffer): void => {
    if (record.length === RECORD_BYTES) known.put(record.toString('latin1', 0, HASH_BYTES), record.readDoubleLE(HASH_BYTES))
  }
  const { path, maxBytes = MAX_BYTES, openFile } = options
  const log = await openAppendLog({ path, maxBytes, replay, ...(openFile && { openFile }) })
  return log.ok ? ok(new Arrivals(log.value, known)) : log
}

/**
 * Remembers under which instant a message without a time of its own was stored, so that the broker's repeat of it after a crash
 * is stored under the same one and not twice.
 */
export class Arrivals {
  readonly #log: AppendLog
  readonly #known: Generations
  /** Entries on their way to the disk; a repeat waits for its first. */
  readonly #underway = new Map<string, Promise<Result<number, PushError>>>()

  constructor(log: AppendLog, known: Generations) {
    this.#log = log
    this.#known = known
  }

  get found(): Found {
    return this.#log.found
  }

  /** Messages known. */
  get size(): number {
    return this.#known.size
  }

  /**
   * The instant under which a message is to be stored: the one given then when it is a known repeat, else `arrivedAt`, which is on
   * the disk before this resolves. It is final: whatever moves a message away from its arrival is decided before.
   *
   * @param packetKey  tells packets of one session apart: source and packet identifier
   * @param arrivedAt  the instant that is wanted for it: that of its arrival, or a free one behind it
   * @param duplicate  the broker says that it sent the message before
   * @returns          milliseconds since 1970 UTC
   * @errors           PUSH_DISK, PUSH_BUSY, PUSH_CLOSED
   */
  async assign(
    packetKey: string,
    topic: string,
    payload: Uint8Array,
    arrivedAt: number,
    duplicate: boolean,
  ): Promise<Result<number, PushError>> {
    const hash = hashOf(packetKey, topic, payload)
    if (duplicate) {
      // Nothing is waited for in between: of two repeats in one turn the second finds the first.
      const first = this.#underway.get(hash)
      if (first) return first
      const instant = this.#known.get(hash)
      if (instant !== undefined) return ok(instant)
    }
    const writing = this.#write(hash, arrivedAt)
    this.#underway.set(hash, writing)
    const written = await writing
    if (this.#underway.get(hash) === writing) this.#underway.delete(hash)
    return written
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  async #write(hash: string, arrivedAt: number): Promise<Result<number, PushError>> {
    const record = Buffer.allocUnsafe(RECORD_BYTES)
    record.write(hash, 'latin1')
    record.writeDoubleLE(arrivedAt, HASH_BYTES)
    const written = await this.#log.append(record)
    if (!written.ok) return written
    this.#known.put(hash, arrivedAt)
    return ok(arrivedAt)
  }
}

/** Half a SHA-256 over all three, each with its length before it, so that no text moves from one into the next. */
const hashOf = (packetKey: string, topic: string, payload: Uint8Array): string =>
  createHash('sha256')
    .update(`${packetKey.length} ${packetKey} ${topic.length} ${topic} `)
    .update(payload)
    .digest()
    .toString('latin1', 0, HASH_BYTES)

/** A bounded map: two generations, of which the older goes as a whole. The newest entry of a hash wins. */
export class Generations {
  readonly #limit: number
  #young = new Map<string, number>()
  #old = new Map<string, number>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(hash: string): number | undefined {
    return this.#young.get(hash) ?? this.#old.get(hash)
  }

  put(hash: string, instant: number): void {
    if (this.#young.size >= this.#limit && !this.#young.has(hash)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#old.delete(hash)
    this.#young.set(hash, instant)
  }
}
