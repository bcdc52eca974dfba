import type { Outage, OutageAct } from '../collection/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'
import { isUnder, type PlaceLedger } from './outage-places.ts'

/** What energy asks of the outage calendar. */
export interface OutageRecords {
  acts(after: number, limit: number): readonly OutageAct[]
  get(id: number): Outage | null
}

const PLACE = 'outages'
/** Points looked at in one step. */
const AT_ONCE = 100

/** Follows the outage calendar: what changes an outage has the days of the points under it worked out again, from its start. */
export class OutageFollower {
  readonly #outages: OutageRecords
  readonly #ledger: PlaceLedger
  readonly #book: EnergyBook
  readonly #days: EnergyDays
  /** The act that is being carried through, and the last point that was looked at for it. */
  #present: { readonly seq: number; readonly outage: Outage } | null = null
  #last = ''

  constructor(outages: OutageRecords, ledger: PlaceLedger, book: EnergyBook, days: EnergyDays) {
    this.#outages = outages
    this.#ledger = ledger
    this.#book = book
    this.#days = days
  }

  /** Looks at some of the points. The place in the calendar moves on when all are marked. @returns whether there is more */
  step(mark: (point: string, day: string, why: string) => void): boolean {
    this.#present ??= this.#begin()
    if (this.#present === null) return false
    const { seq, outage } = this.#present
    this.#book.together(() => {
      const points = outage.scope === 'point' ? (this.#last === '' ? [outage.target] : []) : this.#book.seenAfter(this.#last, AT_ONCE)
      for (const point of points) {
        const seen = this.#book.seen(point)
        if (seen && isUnder(this.#ledger, point, outage)) {
          let day = this.#days.of(outage.from)
          if (day < seen.first) day = seen.first
          mark(point, day, `outage ${outage.id}`)
        }
      }
      const last = points.at(-1)
      if (last !== undefined) this.#last = last
      else {
        this.#book.setPlace(PLACE, seq)
        this.#present = null
      }
    })
    return true
  }

  #begin(): { readonly seq: number; readonly outage: Outage } | null {
    for (;;) {
      const [act] = this.#outages.acts(this.#book.place(PLACE) ?? 0, 1)
      if (!act) return null
      const outage = this.#outages.get(act.outage)
      this.#last = ''
      // When it is expected to end, and who was told, changes no figure.
      if (outage && act.what !== 'extended' && act.what !== 'noticed') return { seq: act.seq, outage }
      this.#book.setPlace(PLACE, act.seq)
    }
  }
}
