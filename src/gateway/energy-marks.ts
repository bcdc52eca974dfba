import type { Reading } from '../core/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'

/** A day of a point that is to be worked out; `2026-11` stands for a month. */
export interface EnergyMark {
  readonly point: string
  readonly day: string
  readonly why: string
  /** Grows when something new comes for the day. */
  readonly stamp: number
}

interface Waiting {
  readonly point: string
  readonly day: string
  why: string
  stamp: number
  /** Not before, by the gateway's clock. */
  due: number
  /** Position of the outbox the store must have passed. */
  needs: number
  /** When it was last worked out. */
  doneAt: number
}

export interface MarksDeps {
  readonly book: Pick<EnergyBook, 'together' | 'markDirty' | 'clean' | 'dirty' | 'see' | 'seen'>
  readonly days: EnergyDays
  readonly settleMs: number
  readonly openEveryMs: number
  /** End of the outbox. */
  readonly end: () => number
  readonly now: () => number
}

/** Why a day is marked that a reading came for. */
const READ = 'a reading'
const LOADED_AT_ONCE = 10_000
const keyOf = (point: string, day: string) => `${point}\n${day}`
/** A day that has ended is worked out once more so long after midnight, when no freeze has come that would. */
const AFTER_MIDNIGHT_MS = 3_600_000

/**
 * Which days of which points are to be worked out. Each is a row on disk from the first sign until it is done; readings of a day that is already
 * marked cost no write. A day that goes on stays marked until it is over.
 */
export class EnergyMarks {
  readonly #deps: MarksDeps
  readonly #waiting = new Map<string, Waiting>()
  #ready: Waiting[] = []

  constructor(deps: MarksDeps) {
    this.#deps = deps
  }

  /** Takes over what a former process left. @param isPossible  a day that can be worked out; the others are left where they are */
  load(isPossible: (point: string, day: string, isRead: boolean) => boolean = () => true): void {
    const { book, now, end } = this.#deps
    const [due, needs] = [now(), end()]
    for (let after: { readonly point: string; readonly day: string } | null = null; ; ) {
      const page: readonly { readonly point: string; readonly day: string; readonly why: string }[] = book.dirty(after, LOADED_AT_ONCE)
      for (const { point, day, why } of page) {
        const key = keyOf(point, day)
        if (!this.#waiting.has(key) && isPossible(point, day, why === READ))
          this.#waiting.set(key, { point, day, why, stamp: 0, due, needs, doneAt: 0 })
      }
      after = page.at(-1) ?? null
      if (after === null || page.length < LOADED_AT_ONCE) return
    }
  }

  /** Registers that came: the day they are of, and at midnight the one before too. */
  takeReadings(readings: readonly Reading[], pointsOf: (meter: string) => readonly string[]): void {
    const { days, now } = this.#deps
    const fresh = new Map<string, { point: string; day: string }>()
    for (const { series, measuredAt } of readings) {
      const { point = '-', meter = '-' } = series.tags
      const day = days.of(measuredAt)
      const before = days.of(measuredAt - 1)
      for (const each of point === '-' ? pointsOf(meter) : [point])
        for (const date of before === day ? [day] : [before, day]) {
          const key = keyOf(each, date)
          if (fresh.has(key)) continue
          fresh.set(key, { point: each, day: date })
        }
    }
    // The outbox forgets them after this.
    this.#mark([...fresh.values()], READ, now() + this.#deps.settleMs, true)
  }

  add(point: string, days: readonly string[], why: string): void {
    this.#mark(
      days.map((day) => ({ point, day })),
      why,
      this.#deps.now(),
    )
  }

  /** The next that is due and whose readings the store has. */
  next(now: number, storeAt: number): EnergyMark | null {
    const isReady = ({ due, needs }: Waiting) => due <= now && needs <= storeAt
    if (this.#ready.length === 0) this.#ready = [...this.#waiting.values()].filter(isReady).sort(inOrder)
    for (let found = this.#ready.shift(); found; found = this.#ready.shift())
      if (isReady(found) && this.#waiting.get(keyOf(found.point, found.day)) === found)
        return { point: found.point, day: found.day, why: found.why, stamp: found.stamp }
    return null
  }

  /** Worked out; stays marked when something came meanwhile. */
  done({ point, day, stamp }: EnergyMark): void {
    const found = this.#waiting.get(keyOf(point, day))
    if (!found || found.stamp !== stamp) return
    this.#waiting.delete(keyOf(point, day))
    this.#deps.book.clean(point, day)
  }

  /** A day that goes on: again when something comes, at the latest after its end. */
  pause({ point, day, stamp }: EnergyMark, now: number, end: number): void {
    const found = this.#waiting.get(keyOf(point, day))
    if (!found) return
    found.doneAt = now
    found.due = found.stamp === stamp ? end + AFTER_MIDNIGHT_MS : Math.max(found.due, now + this.#deps.openEveryMs)
  }

  /** Not now. */
  later({ point, day }: EnergyMark, due: number): void {
    const found = this.#waiting.get(keyOf(point, day))
    if (found) found.due = Math.max(found.due, due)
  }

  has(point: string, first: string, last: string): boolean {
    const until = this.#deps.days.add(last, 1)
    for (let day = first; day < until; day = this.#deps.days.add(day, 1)) if (this.#waiting.has(keyOf(point, day))) return true
    return false
  }

  state(storeAt: number): { readonly dirty: number; readonly oldest: string | null; readonly waitingForStore: number } {
    let oldest: string | null = null
    let waitingForStore = 0
    for (const { day, needs } of this.#waiting.values()) {
      if (oldest === null || day < oldest) oldest = day
      if (needs > storeAt) waitingForStore++
    }
    return { dirty: this.#waiting.size, oldest, waitingForStore }
  }

  #mark(marks: readonly { readonly point: string; readonly day: string }[], why: string, due: number, isPromise = false): void {
    const { book, now, end, openEveryMs } = this.#deps
    const unknown = marks.filter(({ point, day }) => !this.#waiting.has(keyOf(point, day)))
    if (unknown.length > 0)
      book.together(() => {
        for (const { point, day } of unknown) {
          book.markDirty(point, day, now(), why)
          if (day.length > 7) book.see(point, day)
        }
      }, isPromise)
    const needs = end()
    for (const { point, day } of marks) {
      const key = keyOf(point, day)
      const found = this.#waiting.get(key)
      if (!found) {
        this.#waiting.set(key, { point, day, why, stamp: 0, due, needs, doneAt: 0 })
        continue
      }
      found.stamp++
      found.needs = needs
      if (why !== READ) found.why = why
      // A day that goes on is not worked out with every reading.
      found.due = found.doneAt > 0 ? Math.max(due, found.doneAt + openEveryMs) : due
    }
  }
}

/** Older days first: later ones take their shape from them. Months last. */
const inOrder = (a: Waiting, b: Waiting): number =>
  a.day.length !== b.day.length ? b.day.length - a.day.length : a.day < b.day ? -1 : a.day > b.day ? 1 : a.point < b.point ? -1 : 1
