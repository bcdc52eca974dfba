import type { AnalysisBook } from './analysis-book.ts'
import type { EnergyDays } from './energy-days.ts'

/** A day of an area whose block is to be made. */
export interface WaitingDay {
  readonly area: string
  readonly day: string
  readonly why: string
  /** Grows when something new comes for the day. */
  readonly stamp: number
}

interface Waiting {
  readonly area: string
  readonly day: string
  readonly end: number
  readonly why: string
  stamp: number
  due: number
  /** Something came after the end of the day for the first time; the block is made so long after that at the latest. */
  firstLate: number | null
  needs: number
}

export interface AnalysisMarksDeps {
  readonly book: Pick<AnalysisBook, 'together' | 'mark' | 'unmark' | 'marks'>
  readonly days: EnergyDays
  readonly now: () => number
  /** End of the outbox: the store must have come so far before a block is made. */
  readonly end: () => number
  /** A block is made when so long nothing else came for it, and at the latest after so long. */
  readonly settleMs: number
  readonly latestMs: number
}

/**
 * Days of areas whose blocks are to be made. Each is a row on disk from the first sign until it is done; more signs of a day that is marked cost no write.
 * A day that goes on waits for its end.
 */
export class AnalysisMarks {
  readonly #deps: AnalysisMarksDeps
  readonly #areas = new Map<string, Map<string, Waiting>>()

  constructor(deps: AnalysisMarksDeps) {
    this.#deps = deps
    for (const { area, day, why } of deps.book.marks()) this.#add(area, day, why, deps.now())
  }

  /** @param isPromise  on disk before this returns: whoever says so forgets it then */
  mark(marks: readonly { readonly area: string; readonly day: string }[], why: string, isPromise: boolean, atOnce = false): void {
    const { book, now, settleMs, latestMs, end } = this.#deps
    const fresh = marks.filter(({ area, day }) => !this.#areas.get(area)?.has(day))
    if (fresh.length > 0)
      book.together(() => {
        for (const { area, day } of fresh) book.mark({ area, day, why })
      }, isPromise)
    const at = now()
    for (const { area, day } of marks) {
      const known = this.#areas.get(area)?.get(day) ?? this.#add(area, day, why, at)
      known.stamp++
      known.needs = end()
      if (at < known.end) continue
      known.firstLate ??= at
      known.due = atOnce ? at : Math.min(at + settleMs, known.firstLate + latestMs)
    }
  }

  /** Days that are due and whose readings the store has, oldest first. */
  due(now: number, storeAt: number): readonly WaitingDay[] {
    const found: Waiting[] = []
    for (const days of this.#areas.values())
      for (const one of days.values()) if (one.end <= now && one.due <= now && one.needs <= storeAt) found.push(one)
    return found.sort((a, b) => (a.day < b.day ? -1 : a.day > b.day ? 1 : a.area < b.area ? -1 : 1)).map((one) => ({ ...one }))
  }

  /** Made; stays when something came meanwhile. @returns whether it is done */
  done({ area, day, stamp }: WaitingDay): boolean {
    const known = this.#areas.get(area)?.get(day)
    if (!known || known.stamp !== stamp) return false
    this.#areas.get(area)?.delete(day)
    this.#deps.book.unmark(area, day)
    return true
  }

  later({ area, day }: WaitingDay, due: number): void {
    const known = this.#areas.get(area)?.get(day)
    if (known) known.due = Math.max(known.due, due)
  }

  has(area: string, day: string): boolean {
    return this.#areas.get(area)?.has(day) ?? false
  }

  /** Whether a day from `first` to `last` waits. */
  hasBetween(area: string, first: string, last: string): boolean {
    for (const day of this.#areas.get(area)?.keys() ?? []) if (day >= first && day <= last) return true
    return false
  }

  /** Days that are over and wait. */
  count(now: number): number {
    let count = 0
    for (const days of this.#areas.values()) for (const { end } of days.values()) if (end <= now) count++
    return count
  }

  #add(area: string, day: string, why: string, now: number): Waiting {
    const end = this.#deps.days.end(day)
    const due = Math.max(now, end) + (now >= end ? 0 : this.#deps.settleMs)
    const made: Waiting = { area, day, end, why, stamp: 0, due, firstLate: null, needs: this.#deps.end() }
    const days = this.#areas.get(area)
    if (days) days.set(day, made)
    else this.#areas.set(area, new Map([[day, made]]))
    return made
  }
}
