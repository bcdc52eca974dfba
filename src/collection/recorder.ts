import type { Clock } from '../core/index.ts'
import { fail } from './errors.ts'
import { isSilence } from './policy.ts'
import type { AskCollection } from './thread.ts'
import type { CollectionEvent, Days } from './types.ts'

export interface RecorderDeps {
  readonly ask: AskCollection
  readonly clock: Clock
  readonly days: Days
  readonly log: (level: 'info' | 'warn', message: string) => void
}

/** What happens is written down at most this long after, milliseconds. */
const FLUSH_MS = 250
/** One message to the thread. */
const BATCH = 2000
/** More than a whole night of a large site. Beyond that the disk has been away for too long. */
const MOST_WAITING = 500_000
const RETRY_MS = 5000

/** Gathers what happens to due readings and hands it to the gap ledger in batches. Telling costs the caller next to nothing. */
export class Recorder {
  readonly #deps: RecorderDeps
  readonly #waiting: CollectionEvent[] = []
  /** Meters whose gaps wait for them to answer. */
  readonly #silent = new Set<string>()
  readonly #heard = new Set<string>()
  readonly #asked = new Set<string>()
  #day = Number.NaN
  #timer: NodeJS.Timeout | null = null
  #sending: Promise<void> | null = null
  #lost = 0
  #isFailing = false

  constructor(deps: RecorderDeps) {
    this.#deps = deps
  }

  /** Meters known from before to have gaps. */
  waitFor(meters: readonly string[]): void {
    for (const meter of meters) this.#silent.add(meter)
  }

  tell(event: CollectionEvent): void {
    if (this.#waiting.length >= MOST_WAITING) {
      // The oldest go: at the next start they are worked out again from the tasks and the store.
      this.#waiting.splice(0, BATCH)
      if (this.#lost === 0)
        this.#deps.log(
          'warn',
          fail('COLLECTION_LOST', `${MOST_WAITING} happenings wait for collection.db; the oldest are forgotten`).error.message,
        )
      this.#lost += BATCH
    }
    this.#waiting.push(event)
    if ((event.what === 'missed' && isSilence(event.code)) || (event.what === 'tried' && event.nextTry !== null)) this.#mayWake(event)
    this.#later(FLUSH_MS)
  }

  /** A meter gave something: it counts as heard today, and what waited for it is read now. */
  heard(meter: string): void {
    const now = this.#deps.clock.now()
    const day = this.#today(now)
    if (!this.#heard.has(meter)) {
      this.#heard.add(meter)
      this.tell({ what: 'heard', at: now, day, meter })
    }
    if (this.#silent.delete(meter)) this.tell({ what: 'wake', at: now, meter })
  }

  /** A task reads a meter: whether it answers or not, it is one that should be heard of today. */
  asked(meter: string): void {
    const day = this.#today(this.#deps.clock.now())
    if (this.#asked.has(meter)) return
    this.#asked.add(meter)
    this.tell({ what: 'asked', day, meter })
  }

  hasHeard(meter: string): boolean {
    return this.#deps.days.dayStart(this.#deps.clock.now()) === this.#day && this.#heard.has(meter)
  }

  /** Meter of a re-read that failed by silence. */
  silent(meter: string): void {
    this.#silent.add(meter)
  }

  /** Resolves when everything told until now is written, or could not be. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#isFailing) await this.#send()
    await this.#sending
  }

  /** Writes what is left, once. */
  async close(): Promise<void> {
    this.#isFailing = false
    await this.flush()
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }

  #today(now: number): number {
    const day = this.#deps.days.dayStart(now)
    if (day !== this.#day) {
      this.#day = day
      this.#heard.clear()
      this.#asked.clear()
    }
    return day
  }

  #mayWake(event: CollectionEvent): void {
    if (event.what === 'missed') this.#silent.add(event.meter)
  }

  #later(ms: number): void {
    if (this.#timer || this.#sending) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#isFailing = false
      void this.flush()
    }, ms)
  }

  #send(): Promise<void> {
    this.#sending ??= this.#sendBatch().finally(() => {
      this.#sending = null
      if (this.#waiting.length > 0) this.#later(this.#isFailing ? RETRY_MS : FLUSH_MS)
    })
    return this.#sending
  }

  async #sendBatch(): Promise<void> {
    const batch = this.#waiting.splice(0, BATCH)
    const done = await this.#deps.ask('take', batch)
    if (done.ok) {
      this.#isFailing = false
      return
    }
    // In order, and told twice is told once: it goes again.
    this.#waiting.unshift(...batch)
    if (!this.#isFailing) this.#deps.log('warn', `${done.error.message}; ${this.#waiting.length} happenings wait and are tried again`)
    this.#isFailing = true
  }
}
