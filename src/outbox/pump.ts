import type { Clock, GatewayError, Reading, RowCodec, Sink, SinkAnswer } from '../core/index.ts'
import { fail, textOf } from './errors.ts'
import { failpoint } from './failpoint.ts'
import type { VaultPort } from './port.ts'
import type { Tail } from './tail.ts'
import type { After, Log, SinkReport, SinkState } from './types.ts'
import type { DamagedEntry, DeadEntry, Page, Status } from './vault-types.ts'

export interface PumpDeps {
  readonly port: VaultPort
  readonly codec: RowCodec
  readonly tail: Tail
  readonly clock: Clock
  readonly after: After
  readonly random: () => number
  readonly lingerMs: number
  readonly log: Log
  /** Position after the last committed entry. */
  readonly end: () => number
  /** Entries before it were dropped. */
  readonly droppedTo: () => number
  readonly save: (sink: string, position: number, dead: readonly DeadEntry[]) => void
  readonly setAside: (entry: DamagedEntry) => void
  /** Takes over what the vault said with an answer. */
  readonly learn: (status: Status) => void
  readonly changed: () => void
}

/** Readings for one call of a sink; `through` is where its cursor stands afterwards. */
interface Batch {
  readonly readings: readonly Reading[]
  readonly through: number
}

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 30_000
const STOPPED_PAUSE_MS = 30_000
const DISK_PAUSE_MS = 1000

/**
 * Carries readings to one sink, batch after batch, and never lets its cursor pass one the sink has not answered for. A batch that
 * was put off comes again unchanged. Knows nothing of the other sinks.
 */
export class Pump {
  readonly #sink: Sink
  readonly #deps: PumpDeps
  #position: number
  #state: SinkState = 'running'
  #lastError: GatewayError | null = null
  #lastStoredAt: number | null = null
  #stored = 0
  /** Entries read from disk and not yet written: position and reading in step. */
  #rest: Reading[] = []
  #restPositions: number[] = []
  #restThrough = 0
  #ahead: { readonly from: number; readonly page: Promise<Page | GatewayError> } | null = null
  #startedAt = Number.NEGATIVE_INFINITY
  #hurry = false
  #stopped = false
  #sleeper: { readonly enough: () => boolean; readonly wake: () => void } | null = null
  #done: Promise<void> = Promise.resolve()

  constructor(sink: Sink, position: number, deps: PumpDeps) {
    this.#sink = sink
    this.#position = position
    this.#deps = deps
  }

  /** First entry the sink has not taken and still can. */
  get position(): number {
    return Math.max(this.#position, this.#deps.droppedTo())
  }

  start(): void {
    this.#done = this.#run()
  }

  /** Something was committed, dropped, or time presses. */
  wake(): void {
    if (this.#sleeper?.enough()) this.#sleeper.wake()
  }

  /** No more waiting for batches to fill. */
  hurry(): void {
    this.#hurry = true
    this.wake()
  }

  /** Resolves when the sink has answered for what it was given. */
  stop(): Promise<void> {
    this.#stopped = true
    this.#sleeper?.wake()
    return this.#done
  }

  report(): SinkReport {
    return {
      id: this.#sink.id,
      cursor: this.position,
      depth: Math.max(0, this.#deps.end() - this.position),
      state: this.#state,
      lastError: this.#lastError,
      lastStoredAt: this.#lastStoredAt,
      stored: this.#stored,
    }
  }

  async #run(): Promise<void> {
    for (let batch = await this.#next(); batch; batch = await this.#next()) await this.#deliver(batch)
  }

  /** The next batch as soon as there is one; null when stopped. */
  async #next(): Promise<Batch | null> {
    const { tail, end, droppedTo, lingerMs, clock } = this.#deps
    while (!this.#stopped) {
      if (this.#position < droppedTo()) this.#skipTo(droppedTo())
      if (this.#rest.length > 0) return this.#fromRest()
      if (this.#position >= end()) {
        this.#become('running')
        await this.#sleep(null, () => end() > this.#position)
      } else if (tail.has(this.#position)) {
        this.#become('running')
        const wait = this.#hurry ? 0 : this.#startedAt + lingerMs - clock.monotonic()
        const full = () => this.#hurry || end() - this.#position >= this.#sink.batch
        if (wait > 0 && !full()) await this.#sleep(wait, full)
        if (!this.#stopped && tail.has(this.#position)) {
          const readings = tail.take(this.#position, this.#sink.batch)
          return { readings, through: this.#position + readings.length }
        }
      } else await this.#refill()
    }
    return null
  }

  #fromRest(): Batch {
    const readings = this.#rest.splice(0, this.#sink.batch)
    this.#restPositions.splice(0, readings.length)
    const through = this.#restPositions[0] ?? this.#restThrough
    // While the sink works on the last of them, the disk looks for the next.
    if (this.#rest.length === 0 && through < this.#deps.end() && !this.#deps.tail.has(through))
      this.#ahead = { from: through, page: this.#fetch(through) }
    return { readings, through }
  }

  #fetch(from: number): Promise<Page | GatewayError> {
    const at = this.#deps.clock.now()
    const asked = this.#deps.port.call('read', { from, entries: this.#sink.batch, at }, at)
    return asked.then((result) => (result.ok ? result.value : result.error))
  }

  async #refill(): Promise<void> {
    this.#become('lagging')
    const ahead = this.#ahead
    this.#ahead = null
    const page = await (ahead?.from === this.#position ? ahead.page : this.#fetch(this.#position))
    if ('code' in page) {
      this.#lastError = page
      return this.#sleep(DISK_PAUSE_MS)
    }
    for (const { first, bytes, entries } of page.chunks)
      for (let n = 0; n < entries.length; n += 3) {
        const position = first + entries[n]!
        const packed = bytes.subarray(entries[n + 1]!, entries[n + 2]!)
        try {
          this.#rest.push(this.#deps.codec.decode(packed))
          this.#restPositions.push(position)
        } catch (error) {
          this.#deps.setAside({ first: position, count: 1, reason: textOf(error), raw: packed.slice() })
        }
      }
    this.#restThrough = page.through
    this.#deps.learn(page)
    // Nothing readable up to there: it has been set aside, go on behind it.
    if (this.#rest.length === 0) this.#skipTo(page.through)
  }

  #skipTo(position: number): void {
    this.#rest = []
    this.#restPositions = []
    this.#position = position
    this.#deps.save(this.#sink.id, position, [])
    this.#deps.changed()
  }

  async #deliver({ readings, through }: Batch): Promise<void> {
    const { clock, droppedTo, log } = this.#deps
    const sink = this.#sink.id
    const firstTry = clock.now()
    for (let tries = 1; !this.#stopped && droppedTo() < through; tries++) {
      this.#startedAt = clock.monotonic()
      const answer = await this.#write(readings)
      if (answer.kind === 'stored') {
        failpoint('outbox.after-answer')
        const lastTry = clock.now()
        const dead = answer.dead.flatMap(({ index, error }) => this.#letter(readings[index], error, firstTry, lastTry))
        if (tries > 1) log.info({ sink, tries }, 'sink takes readings again')
        if (dead.length > 0)
          log.warn({ sink, count: dead.length, error: answer.dead[0]?.error }, 'sink refused readings; they are dead letters')
        this.#position = Math.max(this.#position, through)
        this.#stored += readings.length - dead.length
        this.#lastStoredAt = lastTry
        this.#lastError = null
        this.#become(this.#rest.length > 0 ? 'lagging' : 'running')
        this.#deps.save(sink, this.#position, dead)
        this.#deps.changed()
        return
      }
      this.#lastError = answer.error
      const state = answer.kind === 'stop' ? 'stopped' : 'waiting'
      if (this.#state !== state) {
        if (state === 'stopped') log.error({ sink, error: answer.error }, 'sink refuses everything until a person has acted')
        else log.warn({ sink, error: answer.error }, 'sink cannot take readings now')
      }
      this.#become(state)
      await this.#sleep(
        answer.kind === 'stop'
          ? STOPPED_PAUSE_MS * (1 + this.#deps.random())
          : answer.waitMs === null
            ? this.#pause(tries)
            : Math.max(answer.waitMs, FIRST_PAUSE_MS),
      )
    }
  }

  /** Growing pause with full jitter. */
  #pause(tries: number): number {
    const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 20))
    return FIRST_PAUSE_MS + this.#deps.random() * (most - FIRST_PAUSE_MS)
  }

  async #write(readings: readonly Reading[]): Promise<SinkAnswer> {
    try {
      return await this.#sink.write(readings)
    } catch (error) {
      return { kind: 'later', waitMs: null, error: fail('OUTBOX_SINK', `${this.#sink.id} threw: ${textOf(error)}`).error }
    }
  }

  #letter(reading: Reading | undefined, error: GatewayError, firstTry: number, lastTry: number): DeadEntry[] {
    if (!reading) return []
    const { series, measuredAt } = reading
    const raw = this.#deps.codec.encode(reading)
    return [{ sink: this.#sink.id, series: series.key, measuredAt, reason: JSON.stringify(error), firstTry, lastTry, raw }]
  }

  #become(state: SinkState): void {
    if (this.#state === state) return
    this.#state = state
    this.#deps.changed()
  }

  /** Ends after `ms` (null = never), when `enough` holds at a wake-up, or at once when stopped. */
  #sleep(ms: number | null, enough: () => boolean = () => false): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    return new Promise((done) => {
      const cancel = ms === null ? null : this.#deps.after(ms, () => this.#sleeper?.wake())
      this.#sleeper = {
        enough,
        wake: () => {
          this.#sleeper = null
          cancel?.()
          done()
        },
      }
    })
  }
}
