import { type GatewayError, ok, type Result } from '../core/index.ts'
import { type AppendLog, type Found, type OpenFile, openAppendLog } from './append-log.ts'
import type { PushError } from './errors.ts'
import { decodeEntry, encodeGone, encodeLetter, type Letter, letterOf } from './letter.ts'

export interface LettersOptions {
  readonly path: string
  /** Most letters kept, and most bytes of them. */
  readonly maxLetters?: number
  readonly maxBytes?: number
  readonly openFile?: OpenFile
}

/** A message that could not be used, as it came. */
export interface LetterDraft {
  readonly source: string
  readonly topic: string
  readonly payload: Uint8Array
  /** Length of the whole payload, of which `payload` may be the beginning. */
  readonly bytes: number
  /** Arrival, milliseconds since 1970 UTC. */
  readonly at: number
  readonly error: GatewayError
  readonly retained: boolean
}

export interface LetterQuery {
  /** Ids above it. */
  readonly after: number
  readonly limit: number
  readonly source?: string
}

/** Letters taken for a replay, to be ended by `done` or `release`. They stay where they are until `done` names them. */
export interface Taken {
  readonly letters: readonly Letter[]
  /** Ids that cannot be replayed: gone, in another replay, or not kept whole. */
  readonly left: readonly { readonly id: number; readonly why: 'gone' | 'busy' | 'cut' }[]
  /** Ends the replay: these are gone, the others of it can be taken again. @returns how many went */
  done(ids: readonly number[]): Promise<Result<number, PushError>>
  /** Ends the replay without a loss: all of them can be taken again. Nothing happens when it has ended already. */
  release(): void
}

const MAX_LETTERS = 10_000
const MAX_BYTES = 16 << 20

/**
 * Opens the dead letters of a gateway.
 *
 * @errors PUSH_DISK
 */
export const openLetters = async (options: LettersOptions): Promise<Result<Letters, PushError>> => {
  const { path, maxLetters = MAX_LETTERS, maxBytes = MAX_BYTES, openFile } = options
  const shelf = new Shelf(maxLetters, maxBytes)
  const log = await openAppendLog({ path, maxBytes, replay: (record) => shelf.replay(record), ...(openFile && { openFile }) })
  return log.ok ? ok(new Letters(log.value, shelf)) : log
}

/** Dead letters (死信) of push: messages that could not be used, on the disk before they are acknowledged, the newest of them kept. */
export class Letters {
  readonly #log: AppendLog
  readonly #shelf: Shelf
  readonly #busy = new Set<number>()
  #next: number

  constructor(log: AppendLog, shelf: Shelf) {
    this.#log = log
    this.#shelf = shelf
    this.#next = shelf.last + 1
  }

  get found(): Found {
    return this.#log.found
  }

  /** Letters that made room for newer ones. */
  get dropped(): number {
    return this.#shelf.dropped
  }

  /**
   * Keeps a message.
   *
   * @returns  its id, once it is on the disk
   * @errors   PUSH_DISK, PUSH_BUSY, PUSH_CLOSED
   */
  async add(draft: LetterDraft): Promise<Result<number, PushError>> {
    const letter = letterOf(this.#next++, draft)
    const record = encodeLetter(letter, this.#shelf.dropped)
    const written = await this.#log.append(record)
    if (!written.ok) return written
    this.#shelf.put(letter, record.length)
    return ok(letter.id)
  }

  count(): number {
    return this.#shelf.letters.size
  }

  /** Oldest first. */
  list({ after, limit, source }: LetterQuery): readonly Letter[] {
    const page: Letter[] = []
    for (const { letter } of this.#shelf.letters.values()) {
      if (page.length >= limit) break
      if (letter.id > after && (source === undefined || letter.source === source)) page.push(letter)
    }
    return page
  }

  /** @returns how many went */
  async discard(ids: readonly number[] | 'all'): Promise<Result<number, PushError>> {
    const there = ids === 'all' ? [...this.#shelf.letters.keys()] : [...new Set(ids)].filter((id) => this.#shelf.letters.has(id))
    if (there.length === 0) return ok(0)
    const record = encodeGone(there, this.#next - 1, this.#shelf.dropped)
    const written = await this.#log.append(record)
    if (!written.ok) return written
    return ok(this.#shelf.remove(there, record.length))
  }

  take(ids: readonly number[]): Taken {
    const letters: Letter[] = []
    const left: { id: number; why: 'gone' | 'busy' | 'cut' }[] = []
    for (const id of new Set(ids)) {
      const letter = this.#shelf.letters.get(id)?.letter
      const why = letter === undefined ? 'gone' : this.#busy.has(id) ? 'busy' : letter.isWhole ? null : 'cut'
      if (why !== null) left.push({ id, why })
      else if (letter) {
        letters.push(letter)
        this.#busy.add(id)
      }
    }
    const mine = new Set(letters.map(({ id }) => id))
    const release = () => {
      for (const id of mine) this.#busy.delete(id)
      // Somebody else may have taken them by the next call.
      mine.clear()
    }
    const done = async (replayed: readonly number[]): Promise<Result<number, PushError>> => {
      const gone = await this.discard(replayed.filter((id) => mine.has(id)))
      release()
      return gone
    }
    return { letters, left, done, release }
  }

  close(): Promise<void> {
    return this.#log.close()
  }
}

/**
 * The letters in memory. Which of them are kept follows from the records of the log alone: the newest `maxLetters`, and none that
 * lies `maxBytes` or more behind the end, so that its generation may be gone from the disk.
 */
class Shelf {
  readonly letters = new Map<number, { readonly letter: Letter; readonly at: number }>()
  dropped = 0
  /** Highest id ever given out. */
  last = 0
  readonly #maxLetters: number
  readonly #maxBytes: number
  #written = 0

  constructor(maxLetters: number, maxBytes: number) {
    this.#maxLetters = maxLetters
    this.#maxBytes = maxBytes
  }

  replay(record: Buffer): void {
    const entry = decodeEntry(record)
    if (entry === null) return
    this.dropped = Math.max(this.dropped, entry.dropped)
    this.last = Math.max(this.last, entry.last)
    if ('letter' in entry) this.put(entry.letter, record.length)
    else this.remove(entry.gone, record.length)
  }

  put(letter: Letter, bytes: number): void {
    this.letters.set(letter.id, { letter, at: this.#written })
    this.last = Math.max(this.last, letter.id)
    this.#wrote(bytes)
  }

  remove(ids: readonly number[], bytes: number): number {
    let removed = 0
    for (const id of ids) if (this.letters.delete(id)) removed++
    this.#wrote(bytes)
    return removed
  }

  #wrote(bytes: number): void {
    this.#written += bytes
    for (const [id, { at }] of this.letters) {
      if (this.letters.size <= this.#maxLetters && this.#written - at <= this.#maxBytes) break
      this.letters.delete(id)
      this.dropped++
    }
  }
}
