import type { OutboxView } from '../api/index.ts'
import type { Outbox } from '../outbox/index.ts'

/** Sinks that are no store: the latest values, the marks of interval energy, and brokers to which readings are sent. */
const isStore = (sink: string): boolean => sink !== 'latest' && sink !== 'energy' && !sink.startsWith('publish-')

/** Readings the store has taken since the start; the latest values and what was sent to brokers are counted apart. */
export const rowsStored = (outbox: Pick<Outbox, 'state'>): number =>
  outbox
    .state()
    .sinks.filter(({ id }) => isStore(id))
    .reduce((sum, { stored }) => sum + stored, 0)

const SINK_STATES = { running: 'storing', lagging: 'storing', waiting: 'waiting', stopped: 'stopped' } as const

/** How the outbox and its sinks are. */
export const outboxView = async (outbox: Pick<Outbox, 'state'>, dead: DeadLetterCounts, limitBytes: number): Promise<OutboxView> => {
  const deadLetters = await dead.bySink()
  const { ready, reason, depth, bytes, oldestAt, damaged, sinks } = outbox.state()
  return {
    depth,
    bytes,
    limitBytes,
    oldestAt,
    taking: ready,
    error: reason,
    damaged,
    sinks: sinks.map(({ id, state, depth: behind, stored, lastStoredAt, lastError }) => ({
      id,
      state: SINK_STATES[state],
      behind,
      stored,
      deadLetters: deadLetters.get(id) ?? 0,
      lastStoredAt,
      error: lastError,
    })),
  }
}

const PAGE = 1000
/** A disk that hangs must not take the figures with it: those of before are given then. */
const WAIT_MS = 500

/** Dead letters by sink. The outbox has only their sum: each letter is looked at once, later only the new ones. */
export class DeadLetterCounts {
  readonly #outbox: Pick<Outbox, 'state' | 'deadLetters'>
  #counts: ReadonlyMap<string, number> = new Map()
  #sum = 0
  #last = 0
  /** Changes when letters left the outbox: a count that was under way then is void. */
  #epoch = 0
  #running: Promise<void> | null = null

  constructor(outbox: Pick<Outbox, 'state' | 'deadLetters'>) {
    this.#outbox = outbox
  }

  /** To be called when letters have left the outbox. */
  forget(): void {
    this.#epoch++
    this.#counts = new Map()
    this.#sum = 0
    this.#last = 0
  }

  async bySink(): Promise<ReadonlyMap<string, number>> {
    const { deadLetters } = this.#outbox.state()
    if (deadLetters < this.#sum) this.forget()
    if (deadLetters !== this.#sum) {
      this.#running ??= this.#count().finally(() => {
        this.#running = null
      })
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, WAIT_MS)
      })
      await Promise.race([this.#running, late])
      clearTimeout(timer)
    }
    return this.#counts
  }

  async #count(): Promise<void> {
    const epoch = this.#epoch
    const counts = new Map(this.#counts)
    let sum = this.#sum
    let last = this.#last
    for (;;) {
      const page = await this.#outbox.deadLetters({ after: last, limit: PAGE })
      if (!page.ok || epoch !== this.#epoch) return
      for (const { id, sink } of page.value) {
        counts.set(sink, (counts.get(sink) ?? 0) + 1)
        sum++
        last = id
      }
      this.#counts = new Map(counts)
      this.#sum = sum
      this.#last = last
      if (page.value.length < PAGE) return
    }
  }
}
