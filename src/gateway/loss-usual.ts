import type { Usual } from '../anomaly/index.ts'
import type { LossBook } from './loss-book.ts'
import type { AreaLoss } from './loss-types.ts'

/** More of an energy than this is spread by guess: its ends were not read. */
export const SPLIT_PPM = 50_000
/** Days whose energies say what a meter usually uses; of them, those that weigh it. */
export const USUAL_DAYS = 14
const WEEK = 7
const LEAST_DAYS = 3
const SIGMAS = 3
const MAD_SIGMA = 1.4826
/** Points whose habits are remembered: about 10 MB. */
const MOST_POINTS = 60_000

type PastDay = Pick<AreaLoss, 'members'>

/** What the days before say of the points of an area. */
export interface Habits {
  /** By point. */
  readonly usual: ReadonlyMap<string, Usual>
  /** Points that had a register of energy given back. */
  readonly exporting: ReadonlySet<string>
}

/** @param past  days of the area before, newest last */
export const habitsOf = (past: readonly PastDay[]): Habits => ({
  usual: usualOf(past.slice(-USUAL_DAYS)),
  exporting: new Set(past.flatMap(({ members }) => members.flatMap(({ id, exp }) => (exp === undefined ? [] : [id])))),
})

/** Habits as they were worked out last, while no day they rest on has another version: two weeks of an area take longer to read than its day. */
export class RememberedHabits {
  readonly #book: Pick<LossBook, 'wholes' | 'versions'>
  readonly #known = new Map<string, { readonly versions: string; readonly habits: Habits }>()
  #points = 0

  constructor(book: Pick<LossBook, 'wholes' | 'versions'>) {
    this.#book = book
  }

  /** @param first,last  days that say it */
  of(area: string, first: string, last: string): Habits {
    const key = `${area}\n${last}`
    const versions = this.#book.versions(area, first, last)
    const found = this.#known.get(key)
    if (found?.versions === versions) return found.habits
    if (found) this.#forget(key, found.habits)
    const habits = habitsOf(this.#book.wholes(area, first, last))
    this.#known.set(key, { versions, habits })
    this.#points += habits.usual.size
    for (const [oldest, { habits: old }] of this.#known) {
      if (this.#points <= MOST_POINTS) break
      this.#forget(oldest, old)
    }
    return habits
  }

  #forget(key: string, habits: Habits): void {
    this.#known.delete(key)
    this.#points -= habits.usual.size
  }
}

/** Middle of the last week's known days, and what a day has been at least and at most in two weeks, three robust deviations on. */
const usualOf = (past: readonly PastDay[]): ReadonlyMap<string, Usual> => {
  const values = new Map<string, number[]>()
  for (const { members } of past)
    for (const { id, imp, estimatedPpm } of members) {
      if (imp === null || estimatedPpm > SPLIT_PPM) continue
      const known = values.get(id)
      if (known) known.push(Number(imp))
      else values.set(id, [Number(imp)])
    }
  const usual = new Map<string, Usual>()
  for (const [id, kwh] of values) {
    if (kwh.length < LEAST_DAYS) continue
    const week = kwh.slice(-WEEK)
    const value = week.reduce((sum, one) => sum + one, 0) / week.length
    const middle = medianOf(kwh)
    const spread = SIGMAS * MAD_SIGMA * medianOf(kwh.map((one) => Math.abs(one - middle)))
    const [low, high] = [Math.min(...kwh, middle - spread), Math.max(...kwh, middle + spread)]
    usual.set(id, { value: round2(value), low: round2(Math.max(0, low)), high: round2(high) })
  }
  return usual
}

const round2 = (value: number): number => Math.round(value * 100) / 100
const medianOf = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const at = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[at] ?? 0) : ((sorted[at - 1] ?? 0) + (sorted[at] ?? 0)) / 2
}
