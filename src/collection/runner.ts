import { setMaxListeners } from 'node:events'
import type { Clock } from '../core/index.ts'
import { afterLineDown, isNotAsked, isSilence, LineBudget, nextTry } from './policy.ts'
import type { AskCollection } from './thread.ts'
import type { CollectionEvent, CollectionSettings, Days, DueKind, DueRecord, Fill } from './types.ts'

/** What a source made of a gap. `silent`: nobody answered, the other sources would fare no better now. */
export type Outcome =
  | { readonly what: 'filled'; readonly instant: number; readonly note?: string }
  | { readonly what: 'partly'; readonly code: string }
  /** `isFinal`: it never can, this meter has nothing of the kind. */
  | { readonly what: 'not-here'; readonly code: string; readonly isFinal: boolean }
  | { readonly what: 'silent'; readonly code: string }

export interface FillContext {
  readonly signal: AbortSignal
  /** Told of the line time each exchange cost, milliseconds. */
  readonly spent: (ms: number) => void
}

/** One way to fill a gap. `fill` null: this gateway does not have it. */
export interface GapSource {
  readonly id: Fill
  readonly kinds: readonly DueKind[]
  /** Uses a value of another instant: only when the better ones never can, or after so many re-reads. */
  readonly afterRereads: number
  readonly fill: ((gap: DueRecord, context: FillContext) => Promise<Outcome>) | null
}

/** A line, how long it was in use, milliseconds, and how many gaps of it may be asked for at once; one unless said. */
export interface LineUse {
  readonly id: string
  readonly busyMs: number
  readonly atOnce?: number
}

export interface RunnerDeps {
  readonly ask: AskCollection
  readonly tell: (event: CollectionEvent) => void
  /** A re-read failed by silence: its gaps wait until the meter is heard. */
  readonly silent: (meter: string) => void
  /** A re-read brought what was due. */
  readonly had?: (gap: DueRecord) => void
  readonly flush: () => Promise<void>
  readonly clock: Clock
  readonly days: Days
  /** As they are at each question. */
  readonly settings: () => CollectionSettings
  readonly random: () => number
  /** In the order in which they are tried. */
  readonly sources: readonly GapSource[]
  /** Whether the value is in the store already: it came, and the gateway ended before that was written down. */
  readonly isStored: (gap: DueRecord) => Promise<boolean>
  /** The line a meter hangs on now and how long it was in use; null: it hangs on none. */
  readonly lineOf: (meter: string) => LineUse | null
  /** Whether the meter has no power by the outage calendar: nothing is asked then, and no try is used up. */
  readonly isOff?: (gap: DueRecord) => boolean
  readonly log: (level: 'debug' | 'warn', message: string) => void
}

const TICK_MS = 1000
const PER_LINE = 20
const SWEEP_MS = 60_000

/**
 * Fills gaps (补抄): takes what is due out of the gap ledger, one meter of each line at a time, tries its sources in order, and writes
 * down what came of it. Reads wait behind everything fresh; a line gives them a small share of its time.
 */
export class GapRunner {
  readonly #deps: RunnerDeps
  readonly #queue: DueRecord[] = []
  readonly #lines = new Map<string, LineBudget>()
  readonly #busy = new Map<string, Set<Promise<void>>>()
  /** Meters of the gaps under way: one that has moved may stand in the ledger of gaps under another line. */
  readonly #atWork = new Set<string>()
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | null = null
  #nextAt: number | null = 0
  #sweptAt = Number.NEGATIVE_INFINITY
  #isAsking = false

  constructor(deps: RunnerDeps) {
    this.#deps = deps
    // Every read under way listens to it, and behind concentrators there are many.
    setMaxListeners(0, this.#abort.signal)
  }

  start(): void {
    this.#timer = setInterval(() => void this.tick(), Math.max(50, TICK_MS / this.#deps.clock.speed))
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    this.#abort.abort()
    await Promise.allSettled([...this.#busy.values()].flatMap((works) => [...works]))
  }

  /** Something may be due earlier than was known. */
  look(): void {
    this.#nextAt = 0
  }

  /** Gaps under way. */
  get running(): number {
    let running = 0
    for (const works of this.#busy.values()) running += works.size
    return running
  }

  /** Looks what is due and starts what its lines can pay for. */
  async tick(): Promise<void> {
    if (this.#isAsking || this.#abort.signal.aborted) return
    this.#isAsking = true
    try {
      await this.#sweep()
      await this.#refill()
    } finally {
      this.#isAsking = false
    }
    this.#launch()
  }

  async #sweep(): Promise<void> {
    const { clock, ask } = this.#deps
    const now = clock.now()
    if (Math.abs(now - this.#sweptAt) < SWEEP_MS) return
    this.#sweptAt = now
    // What is told is written before the time up to which everything is known.
    await this.#deps.flush()
    const found = await ask('sweep', now)
    if (found.ok && found.value > 0) this.#nextAt = 0
    // A person or a wake-up may have brought something forward.
    this.#nextAt = Math.min(this.#nextAt ?? now, now)
  }

  async #refill(): Promise<void> {
    const { clock, ask } = this.#deps
    const now = clock.now()
    if (this.#nextAt === null || now < this.#nextAt) return
    // A line that cannot pay for another read now must not keep the others waiting.
    const queued = this.#queue.flatMap(({ line, meter }) => [line, this.#deps.lineOf(meter)?.id ?? line])
    const lines = [...new Set([...this.#busy.keys(), ...queued])]
    await this.#deps.flush()
    const found = await ask('due', { now, perLine: PER_LINE, lines, meters: [...this.#atWork] })
    if (!found.ok) return
    this.#queue.push(...found.value.gaps)
    this.#nextAt = found.value.nextAt
  }

  #launch(): void {
    const { clock, lineOf, settings } = this.#deps
    const { lineShare } = settings()
    for (let at = 0; at < this.#queue.length; ) {
      const gap = this.#queue[at]!
      const line = lineOf(gap.meter)
      const id = line?.id ?? ''
      const works = this.#busy.get(id) ?? new Set()
      if (works.size >= (line?.atOnce ?? 1) || (works.size > 0 && this.#atWork.has(gap.meter))) {
        at++
        continue
      }
      let budget = this.#lines.get(id)
      if (!budget) {
        budget = new LineBudget(lineShare)
        this.#lines.set(id, budget)
      }
      budget.share = lineShare
      if (line && !budget.mayRead(clock.monotonic(), line.busyMs)) {
        at++
        continue
      }
      this.#queue.splice(at, 1)
      const paid = budget
      const work = this.#carryOut(gap, (ms) => paid.pay(ms))
        .catch((bug: unknown) =>
          this.#deps.log('warn', `gap ${gap.id} of ${gap.meter}: ${bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)}`),
        )
        .finally(() => {
          works.delete(work)
          if (works.size === 0) this.#busy.delete(id)
          this.#atWork.delete(gap.meter)
          this.#launch()
        })
      works.add(work)
      this.#busy.set(id, works)
      this.#atWork.add(gap.meter)
    }
  }

  async #carryOut(gap: DueRecord, pay: (ms: number) => void): Promise<void> {
    const { tell, isStored, sources, clock } = this.#deps
    if (this.#abort.signal.aborted) return
    if (await isStored(gap)) {
      tell({ what: 'filled', at: clock.now(), id: gap.id, fill: 'stored', instant: gap.label, spentMs: 0, by: null, note: null })
      this.#deps.had?.(gap)
      return
    }
    if (this.#deps.isOff?.(gap)) return this.#failed(gap, 'METER_WITHOUT_POWER', 0, 'outage calendar')
    let spentMs = 0
    const context: FillContext = {
      signal: this.#abort.signal,
      spent: (ms) => {
        spentMs += ms
        pay(ms)
      },
    }
    const said: string[] = []
    let code: string | null = null
    let isHopeless = true
    for (const source of sources) {
      if (!source.kinds.includes(gap.kind)) continue
      if (source.fill === null) {
        said.push(`${source.id}: not there`)
        continue
      }
      if (gap.rereads < source.afterRereads && !isHopeless) continue
      const outcome = await source.fill(gap, context)
      if (this.#abort.signal.aborted && outcome.what !== 'filled') return
      if (outcome.what === 'filled') {
        const note = [...said, outcome.note].filter((part) => part !== undefined).join('; ')
        tell({
          what: 'filled',
          at: clock.now(),
          id: gap.id,
          fill: source.id,
          instant: outcome.instant,
          spentMs,
          by: null,
          note: note || null,
        })
        // A value of another instant is not the one that was due.
        if (source.id !== 'later-live') this.#deps.had?.(gap)
        return
      }
      code = outcome.code
      said.push(`${source.id}: ${outcome.code}`)
      if (outcome.what !== 'not-here') break
      isHopeless &&= outcome.isFinal
    }
    this.#failed(gap, code === null || (isHopeless && code === 'GAP_NOT_KEPT') ? 'GAP_NO_SOURCE' : code, spentMs, said.join('; '))
  }

  #failed(gap: DueRecord, code: string, spentMs: number, note: string): void {
    const { tell, clock, days, settings, random, silent } = this.#deps
    const now = clock.now()
    const counts = !isNotAsked(code)
    const after = { ...gap, rereads: gap.rereads + (counts ? 1 : 0), spentMs: gap.spentMs + spentMs }
    const next =
      code === 'GAP_NO_SOURCE'
        ? null
        : counts
          ? nextTry(after, now, days, settings(), random())
          : afterLineDown(after, now, days, settings(), random())
    tell({ what: 'tried', at: now, id: gap.id, code, spentMs, nextTry: next, counts, note })
    if (next !== null) {
      if (isSilence(code)) silent(gap.meter)
      this.#nextAt = Math.min(this.#nextAt ?? next, next)
    }
  }
}
