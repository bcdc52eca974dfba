import { many } from '../core/index.ts'
import { type EnergyBook, TIDIED } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'

export interface TidyParts {
  readonly book: Pick<EnergyBook, 'together' | 'place' | 'setPlace' | 'pointAfter' | 'dropBefore' | 'seen'>
  readonly ledger: { history(point: string): readonly { readonly from: number }[] }
  readonly days: Pick<EnergyDays, 'of' | 'add'>
  readonly now: () => number
  readonly log: (level: 'info', message: string) => void
}

/** Before it no meter had a register that anybody could read from afar. */
const FIRST_MONTH = '1990-01'
const FIRST_AT = Date.parse('1990-02-01T00:00:00Z')
/** What is asked for is worked out for so long back, not what was read. */
const ASKED_DAYS = 3660
const ROWS_AT_ONCE = 2_000
const POINTS_AT_ONCE = 200

/** Months before which a point has no energy: of what was read, and of what somebody asked for. */
export interface Earliest {
  readonly read: string
  readonly asked: string
}

const earlier = (a: string, b: string): string => (a <= b ? a : b)

/**
 * Takes days out of `energy.db` that cannot be. Energy could once be asked for of any time, and then each day since was marked, for centuries before
 * there was a meter. Marks and figures go that lie before the month in which the ledger has the first meter at the point, or before 1990, and marks of
 * what was asked for that lie more than ten years back; what somebody has taken away stays.
 */
export const energyTidy = ({ book, ledger, days, now, log }: TidyParts) => {
  let isDone = book.place(TIDIED) !== null
  let after = ''
  let dropped = 0
  let points = 0
  const known = new Map<string, Earliest>()
  const earliestOf = (point: string): Earliest => {
    const found = known.get(point)
    if (found) return found
    const first = ledger.history(point).reduce((least, { from }) => Math.min(least, from), Number.POSITIVE_INFINITY)
    const read = first > FIRST_AT && Number.isFinite(first) ? days.of(first).slice(0, 7) : FIRST_MONTH
    // A clock that has stepped ahead makes nothing too old.
    const today = days.of(now())
    const last = book.seen(point)?.last ?? today
    const asked = days.add(earlier(last, today), -ASKED_DAYS).slice(0, 7)
    const made = { read, asked: earlier(read, asked) === read ? asked : read }
    known.set(point, made)
    return made
  }
  return {
    /** Whether a day that is marked can be worked out. @param isRead  a reading marked it */
    isPossible: (point: string, day: string, isRead: boolean): boolean =>
      isDone || day >= (isRead ? earliestOf(point).read : earliestOf(point).asked),
    /** Drops some rows. @returns whether there may be more */
    step: (): boolean => {
      if (isDone) return false
      book.together(() => {
        let left = ROWS_AT_ONCE
        for (let looked = 0; looked < POINTS_AT_ONCE && left > 0; looked++) {
          const point = book.pointAfter(after)
          if (point === null) {
            book.setPlace(TIDIED, 1)
            isDone = true
            break
          }
          const gone = book.dropBefore(point, earliestOf(point), left)
          left -= gone
          dropped += gone
          // What is left of this point is dropped in the next step.
          if (left <= 0) break
          after = point
          points++
        }
      })
      if (!isDone) return true
      known.clear()
      if (dropped > 0)
        log(
          'info',
          `interval energy: ${many(dropped, 'row')} of days that cannot be were taken out of energy.db; ${many(points, 'point')} looked at`,
        )
      return false
    },
  }
}
