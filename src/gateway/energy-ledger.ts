import type { Kind } from '../ledger/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'
import type { EnergyLedger } from './energy-facts.ts'

const PLACE = 'ledger'
/** Entities looked at in one step. */
const AT_ONCE = 200
/** Of a larger change it is not looked up from when each entity differs: all its days count. */
const MOST_ENTRIES = 2000

/** Follows the ledger: whatever changes a figure has the days of its point worked out again, from the day it holds. */
export class LedgerFollower {
  readonly #ledger: EnergyLedger
  readonly #book: EnergyBook
  readonly #days: EnergyDays
  #queue: { readonly kind: Kind; readonly id: string }[] = []
  #from = new Map<string, number>()
  #why = ''
  #until: number | null = null

  constructor(ledger: EnergyLedger, book: EnergyBook, days: EnergyDays) {
    this.#ledger = ledger
    this.#book = book
    this.#days = days
  }

  /** Looks at a few of the entities that have changed. The place in the ledger moves on when all are marked. */
  step(mark: (point: string, day: string, why: string) => void): void {
    if (this.#until === null && !this.#begin()) return
    this.#book.together(() => {
      for (const { kind, id } of this.#queue.splice(0, AT_ONCE))
        for (const point of kind === 'point' ? [id] : kind === 'meter' ? this.#pointsOf(id) : []) {
          const seen = this.#book.seen(point)
          if (!seen) continue
          const from = this.#from.get(`${kind} ${id}`)
          // A day earlier: at midnight the register belongs to both.
          const day = from === undefined || from <= 0 ? seen.first : this.#days.of(from - 1)
          mark(point, day, this.#why)
        }
      if (this.#queue.length > 0 || this.#until === null) return
      this.#book.setPlace(PLACE, this.#until)
      this.#until = null
    })
  }

  #begin(): boolean {
    const { seq } = this.#ledger
    const since = this.#book.place(PLACE)
    if (since === null) this.#book.setPlace(PLACE, seq)
    if (since === null || seq <= since) return false
    const touched = this.#ledger.touchedSince(since)
    this.#until = touched.seq
    this.#queue = touched.entities.filter(({ kind }) => kind === 'point' || kind === 'meter')
    this.#from = new Map()
    this.#why = touched.seq === since + 1 ? `ledger change ${touched.seq}` : `ledger changes ${since + 1} to ${touched.seq}`
    for (let change = since + 1; change <= touched.seq && this.#queue.length <= MOST_ENTRIES; change++) this.#read(change)
    return true
  }

  #read(seq: number): void {
    for (const { kind, id, from } of this.#ledger.change(seq, MOST_ENTRIES)?.entries ?? []) {
      const key = `${kind} ${id}`
      this.#from.set(key, Math.min(from, this.#from.get(key) ?? Number.POSITIVE_INFINITY))
    }
  }

  #pointsOf(meter: string): readonly string[] {
    const points = this.#ledger
      .facts('meter', meter)
      .flatMap(({ name, value }) => (name === 'point' && typeof value === 'string' ? [value] : []))
    return [...new Set(points)]
  }
}
