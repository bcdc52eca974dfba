import type { Kind } from '../ledger/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'
import type { EnergyLedger } from './energy-facts.ts'
import { entityKey, startsOf } from './ledger-starts.ts'

const PLACE = 'ledger'
/** Entities looked at in one step. */
const AT_ONCE = 200

/** Changes that are being carried through. */
interface Run {
  readonly until: number
  readonly why: string
  readonly pages: Iterator<readonly { readonly kind: Kind; readonly id: string }[]>
  isRead: boolean
  readonly queue: { readonly kind: Kind; readonly id: string }[]
  readonly seen: Set<string>
  readonly from: ReadonlyMap<string, number>
}

/** Follows the ledger: whatever changes a figure has the days of its point worked out again, from the day it holds. */
export class LedgerFollower {
  readonly #ledger: EnergyLedger
  readonly #book: EnergyBook
  readonly #days: EnergyDays
  /** What is left of the changes that are being carried through; null: none are. */
  #run: Run | null = null

  constructor(ledger: EnergyLedger, book: EnergyBook, days: EnergyDays) {
    this.#ledger = ledger
    this.#book = book
    this.#days = days
  }

  /** Looks at a few of the entities that have changed. The place in the ledger moves on when all are marked. @returns whether there is more */
  step(mark: (point: string, day: string, why: string) => void): boolean {
    this.#run ??= this.#begin()
    const run = this.#run
    if (run === null) return false
    if (run.queue.length === 0) this.#fill(run)
    this.#book.together(() => {
      for (const { kind, id } of run.queue.splice(0, AT_ONCE))
        for (const point of kind === 'point' ? [id] : this.#pointsOf(id)) {
          const seen = this.#book.seen(point)
          if (!seen) continue
          const from = run.from.get(entityKey(kind, id))
          // A day earlier: at midnight the register belongs to both.
          const day = from === undefined || from <= 0 ? seen.first : this.#days.of(from - 1)
          mark(point, day, run.why)
        }
      if (run.queue.length > 0 || !run.isRead) return
      this.#book.setPlace(PLACE, run.until)
      this.#run = null
    })
    return true
  }

  #begin(): Run | null {
    const { seq } = this.#ledger
    const since = this.#book.place(PLACE)
    if (since === null) this.#book.setPlace(PLACE, seq)
    if (since === null || seq <= since) return null
    const why = seq === since + 1 ? `ledger change ${seq}` : `ledger changes ${since + 1} to ${seq}`
    const pages = this.#ledger.touchedPages(since)[Symbol.iterator]()
    return { until: seq, why, pages, isRead: false, queue: [], seen: new Set(), from: startsOf(this.#ledger, since, seq) }
  }

  /** One page of what was touched; what several facts changed comes several times. */
  #fill(run: Run): void {
    const page = run.pages.next()
    if (page.done) {
      run.isRead = true
      return
    }
    for (const { kind, id } of page.value) {
      const key = entityKey(kind, id)
      if ((kind !== 'point' && kind !== 'meter') || run.seen.has(key)) continue
      run.seen.add(key)
      run.queue.push({ kind, id })
    }
  }

  #pointsOf(meter: string): readonly string[] {
    const points = this.#ledger
      .facts('meter', meter)
      .flatMap(({ name, value }) => (name === 'point' && typeof value === 'string' ? [value] : []))
    return [...new Set(points)]
  }
}
