import type { AskBilling, BillingReads, Heard } from '../billing/index.ts'
import type { Clock, Reading, Sink } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Outbox } from '../outbox/index.ts'
import { askOrThrow } from './billing-book.ts'
import { Steps } from './steps.ts'

export interface LookParts {
  readonly ask: AskBilling
  /** Whether there is a book at all: nothing can differ from what was never released. */
  readonly isBegun: () => boolean
  readonly reads: BillingReads
  readonly ledger: Pick<Ledger, 'seq' | 'touchedPages' | 'facts'>
  readonly clock: Clock
  /** Id of the store's sink: nothing is compared before it has what made the mark. */
  readonly storeSink: string
  /** A reading further from an instant than this is not of it, milliseconds. */
  readonly windowMs: () => number
  readonly log: (level: 'info' | 'warn', message: string) => void
}

const SETTLE_MS = 10_000
/** A day that goes on changes every quarter of an hour; what was released of its midnight is not compared that often. */
const ENERGY_SETTLE_MS = 30 * 60_000
const IDLE_MS = 500
const RETRY_MS = 10_000
const AT_ONCE = 200
const SWEEP_EVERY_MS = 24 * 3_600_000
/** Readings a call. */
const BATCH = 2_000
const LATEST = Number.MAX_SAFE_INTEGER
const LEDGER = 'ledger'
const SWEPT = 'swept'

/**
 * Finds out what has changed since it was released. Readings that come late, changes of the ledger and of energy mark what is to be compared; once a
 * day everything that was released is compared, whatever was said.
 */
export class BillingLooks {
  readonly sink: Sink
  readonly #parts: LookParts
  #outbox: Pick<Outbox, 'state'> | null = null
  readonly #steps: Steps
  #trouble = ''
  /** Instants of which something was released; null: not asked yet. */
  #instants: Set<number> | null = null
  /** Days of points whose energy differs: [point, first instant, last]. */
  #energy: Heard[] = []
  #sweep: { readonly instants: readonly number[]; readonly cause: string; readonly isDaily: boolean; index: number; after: string } | null =
    null
  /** Instants of which figures were released just now. */
  #released: { readonly at: number; readonly due: number; readonly place: number }[] = []
  #isSweepDue = false
  /** What the ledger was followed to; null: not looked up yet. */
  #ledgerAt: number | null = null
  /** When everything was compared last; null: not looked up yet. */
  #sweptAt: number | null = null

  constructor(parts: LookParts) {
    this.#parts = parts
    this.#steps = new Steps({
      step: () => this.#step(),
      isOn: () => parts.isBegun(),
      ...{ idleMs: IDLE_MS, retryMs: RETRY_MS, pauseMs: () => 1 },
      failed: (thrown) => this.#say(thrown),
      went: () => {
        this.#trouble = ''
      },
    })
    this.sink = {
      id: 'billing',
      batch: BATCH,
      write: async (readings) => {
        await this.#takeReadings(readings)
        return { kind: 'stored', dead: [] }
      },
      close: async () => {},
    }
  }

  start(outbox: Pick<Outbox, 'state'>): void {
    this.#outbox = outbox
    this.#steps.start(1)
  }

  async stop(): Promise<void> {
    await this.#steps.stop()
  }

  /** From now on readings of that instant are heard, and what changes in the ledger is followed. @throws  when the book cannot be read */
  async willRelease(at: number): Promise<void> {
    const instants = await this.#known()
    instants.add(at)
    if (this.#ledgerAt === null) await this.#steps.alone()
  }

  /** Energy of a day of a point differs: what was released in it, or at its ends, is compared. */
  energyChanged(point: string, from: number, to: number): void {
    if (!this.#parts.isBegun() || this.#instants?.size === 0) return
    this.#energy.push({ point, from, to, cause: 'energy was worked out again' })
  }

  /** A release has ended: a reading that came after it had looked at a point, and before the figure was there, was heard by nobody. */
  released(at: number): void {
    this.#released.push({ at, due: this.#parts.clock.now() + SETTLE_MS, place: this.#end() })
  }

  /** Compares a point now. */
  async look(point: string, at: number, cause: string): Promise<void> {
    await this.#compare(at, new Map([[point, cause]]))
  }

  /** Works on until nothing is due, and goes once through everything; for tests. */
  async settle(isSweep = false): Promise<void> {
    if (isSweep) this.#isSweepDue = true
    await this.#steps.settle()
  }

  /** Said once, not every few seconds. */
  #say(thrown: unknown): void {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    if (message !== this.#trouble) this.#parts.log('warn', `released figures are not compared: ${message}`)
    this.#trouble = message
  }

  /** @returns whether there may be more at once */
  async #step(): Promise<boolean> {
    const { ask, clock } = this.#parts
    await this.#known()
    await this.#flushEnergy()
    const isFollowing = await this.#followLedger()
    const next = await askOrThrow(ask, 'nextLooks', { now: clock.now(), place: this.#storeAt(), limit: AT_ONCE })
    if (next) {
      try {
        await this.#compare(next.at, new Map(next.looks.map(({ point, cause }) => [point, cause])))
      } catch (thrown) {
        await ask('laterLooks', { looks: next.looks, due: clock.now() + RETRY_MS * clock.speed })
        throw thrown
      }
      await askOrThrow(ask, 'doneLooks', next.looks)
      return true
    }
    return (await this.#sweepStep()) || isFollowing
  }

  async #compare(at: number, causes: ReadonlyMap<string, string>): Promise<void> {
    const { ask, reads, clock, log } = this.#parts
    const wanted = [...causes.keys()].toSorted((a, b) => (a < b ? -1 : 1))
    for await (const points of reads.at(at, { points: wanted }, null)) {
      const found = await askOrThrow(ask, 'compare', { points, causes, now: clock.now() })
      if (found > 0) log('info', `${found} released figures of ${new Date(at).toISOString()} differ from what the data say now`)
    }
  }

  async #known(): Promise<Set<number>> {
    if (this.#instants) return this.#instants
    const instants = new Set(await askOrThrow(this.#parts.ask, 'instants', null))
    // Somebody else may have asked meanwhile, and added to what was answered.
    this.#instants ??= instants
    return this.#instants
  }

  /** Readings never wait for the book: when it cannot be written, everything released is compared as soon as it can. */
  async #takeReadings(readings: readonly Reading[]): Promise<void> {
    const { ask, ledger, clock } = this.#parts
    const windowMs = this.#parts.windowMs()
    if (!this.#parts.isBegun()) return
    try {
      const instants = await this.#known()
      if (instants.size === 0) return
      const heard = new Map<string, Heard>()
      for (const { series, measuredAt } of readings) {
        if (series.measurement !== 'register') continue
        const [from, to] = [measuredAt - windowMs, measuredAt + windowMs]
        if (![...instants].some((at) => at >= from && at <= to)) continue
        const { point = '-', meter = '-', source = '' } = series.tags
        for (const id of point === '-' ? pointsOf(ledger, meter) : [point]) {
          const known = heard.get(id)
          const cause = `a reading (${source}) came after the release`
          heard.set(id, { point: id, from: Math.min(from, known?.from ?? from), to: Math.max(to, known?.to ?? to), cause })
        }
      }
      if (heard.size === 0) return
      await askOrThrow(ask, 'mark', { heard: [...heard.values()], due: clock.now() + SETTLE_MS, place: this.#end() })
    } catch (thrown) {
      this.#isSweepDue = true
      this.#say(thrown)
    }
  }

  async #flushEnergy(): Promise<void> {
    const { ask, clock } = this.#parts
    while (this.#energy.length > 0) {
      const heard = this.#energy.slice(0, BATCH)
      await askOrThrow(ask, 'mark', { heard, due: clock.now() + ENERGY_SETTLE_MS, place: 0 })
      this.#energy = this.#energy.slice(heard.length)
    }
  }

  /** @returns whether the ledger had changed */
  async #followLedger(): Promise<boolean> {
    const { ask, ledger, clock } = this.#parts
    const { seq } = ledger
    if (seq === this.#ledgerAt) return false
    const place = await askOrThrow(ask, 'place', LEDGER)
    // Of the first time nothing needs to be followed: everything that was released is compared then.
    const since = place === null ? seq : Number(place)
    const cause = seq === since + 1 ? `ledger change ${seq}` : `ledger changes ${since + 1} to ${seq}`
    const mark = async (points: Iterable<string>) => {
      const heard = [...points].map((point): Heard => ({ point, from: 0, to: LATEST, cause }))
      if (heard.length > 0) await askOrThrow(ask, 'mark', { heard, due: clock.now(), place: 0 })
    }
    for (const page of ledger.touchedPages(since))
      await mark(new Set(page.flatMap(({ kind, id }) => (kind === 'point' ? [id] : kind === 'meter' ? pointsOf(ledger, id) : []))))
    // What changed no facts, an acknowledgement, may have cleared what waits.
    for (let after = 0; ; ) {
      const places = await askOrThrow(ask, 'openPlaces', { after, limit: BATCH })
      await mark(new Set(places.map(({ point }) => point)))
      const last = places.at(-1)
      if (!last) break
      after = last.id
    }
    if (place === null || seq > since) await askOrThrow(ask, 'setPlace', { name: LEDGER, value: String(seq) })
    this.#ledgerAt = seq
    return place !== null
  }

  async #sweepStep(): Promise<boolean> {
    const { ask, clock } = this.#parts
    if (this.#sweep === null) {
      this.#sweptAt ??= Number(await askOrThrow(ask, 'place', SWEPT))
      const isDaily = this.#isSweepDue || clock.now() - this.#sweptAt >= SWEEP_EVERY_MS
      const ready = this.#released.filter(({ due, place }) => due <= clock.now() && place <= this.#storeAt())
      if (!isDaily && ready.length === 0) return false
      this.#released = this.#released.filter((one) => !ready.includes(one))
      // The newest first: it is the one that is billed.
      const instants = isDaily ? (await askOrThrow(ask, 'instants', null)).toReversed() : [...new Set(ready.map(({ at }) => at))]
      const cause = isDaily ? 'found by a check of everything released' : 'found by a check after the release'
      this.#sweep = { instants, cause, isDaily, index: 0, after: '' }
    }
    const { instants, cause, isDaily, index, after } = this.#sweep
    const at = instants[index]
    if (at === undefined) {
      this.#sweep = null
      if (!isDaily) return true
      this.#isSweepDue = false
      this.#sweptAt = clock.now()
      await askOrThrow(ask, 'setPlace', { name: SWEPT, value: String(this.#sweptAt) })
      return false
    }
    const points = await askOrThrow(ask, 'pointsAt', { at, after, limit: AT_ONCE })
    const last = points.at(-1)
    if (last === undefined) {
      this.#sweep.index++
      this.#sweep.after = ''
      return true
    }
    await this.#compare(at, new Map(points.map((point) => [point, cause])))
    this.#sweep.after = last
    return true
  }

  #end(): number {
    return Math.max(0, ...(this.#outbox?.state().sinks.map(({ cursor, depth }) => cursor + depth) ?? []))
  }

  #storeAt(): number {
    return this.#outbox?.state().sinks.find(({ id }) => id === this.#parts.storeSink)?.cursor ?? LATEST
  }
}

/** Points a meter ever hung at. */
const pointsOf = (ledger: Pick<Ledger, 'facts'>, meter: string): readonly string[] => [
  ...new Set(ledger.facts('meter', meter).flatMap(({ name, value }) => (name === 'point' && typeof value === 'string' ? [value] : []))),
]
