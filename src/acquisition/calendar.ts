import { Temporal } from 'temporal-polyfill'
import type { MeterTime } from '../core/index.ts'

/** A period of a task: so many milliseconds, or calendar days or months of the zone. */
export type Period = { readonly unit: 'ms'; readonly ms: number } | { readonly unit: 'day' | 'month'; readonly count: 1 }

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/**
 * Wall-clock arithmetic of one time zone. Days of 23 and 25 hours and offsets come from Temporal; what is asked thousands of
 * times a second is remembered per day.
 */
export class Calendar {
  readonly zone: string
  /** Days that were asked for last, newest first. */
  readonly #days: LocalDay[] = []
  /** Midnights by date, `20261121`; null = there is no such date. */
  readonly #dates = new Map<number, LocalDay | null>()
  /** Answers of what costs most and is asked again and again with the same question. */
  readonly #answers = new Map<string, number>()

  constructor(zone: string) {
    this.zone = zone
  }

  /** Midnight of the local day that holds the instant. */
  dayStart(instant: number): number {
    return this.#dayOf(instant).start
  }

  /** Start of the period that holds the instant. Shorter periods than a day count from local midnight. */
  periodStart(period: Period, instant: number): number {
    const day = this.dayStart(instant)
    if (period.unit === 'ms') return period.ms >= DAY_MS ? day : day + Math.floor((instant - day) / period.ms) * period.ms
    if (period.unit === 'day') return day
    return this.#remembered(`month ${day}`, () => {
      const date = this.#zoned(day).toPlainDate().with({ day: 1 })
      return date.toZonedDateTime(this.zone).epochMilliseconds
    })
  }

  /** Start of the period after the one that starts at `start`. */
  nextStart(period: Period, start: number): number {
    if (period.unit === 'ms' && period.ms < DAY_MS) {
      const day = this.dayStart(start)
      const next = start + period.ms
      // The last period of a day ends with the day, whatever its length.
      return Math.min(next, this.dayAfter(day))
    }
    if (period.unit !== 'month') return this.dayAfter(start)
    return this.#remembered(`next ${start}`, () => this.#zoned(start).add({ months: 1 }).startOfDay().epochMilliseconds)
  }

  /** The instant of a minute of the wall clock on the day that begins at `day`, a midnight. Of a day that changes its offset too. */
  minuteOf(day: number, minute: number): number {
    const even = day + minute * MINUTE_MS
    if (this.dayAfter(day) - day === DAY_MS) return even
    const { year, month, day: date } = this.meterTime(day)
    return this.instantOf({ year, month, day: date, hour: Math.floor(minute / 60), minute: minute % 60, second: 0 }) ?? even
  }

  dayAfter(day: number): number {
    return this.#dayOf(day).end
  }

  /** Local midnights from `from` (a midnight) to `to`, as a count of freezes between them. */
  daysBetween(from: number, to: number): number {
    return this.#remembered(`days ${from} ${to}`, () => this.#date(from).until(this.#date(to), { largestUnit: 'days' }).days)
  }

  monthsBetween(from: number, to: number): number {
    return this.#remembered(`months ${from} ${to}`, () => this.#date(from).until(this.#date(to), { largestUnit: 'months' }).months)
  }

  /**
   * The instant of a meter's wall-clock time. A time that happens twice is the earlier one, a time that never happens moves
   * forward, as meters do it.
   *
   * @returns  null for an impossible date
   */
  instantOf(time: MeterTime): number | null {
    const { year, month, day, hour, minute, second } = time
    const date = this.#dateOf(year, month, day)
    if (!date || !isWithin(hour, 24) || !isWithin(minute, 60) || !isWithin(second, 60)) return null
    if (date.isEven) return date.start + ((hour * 60 + minute) * 60 + second) * 1000
    const plain = Temporal.PlainDateTime.from({ year, month, day, hour, minute, second }, { overflow: 'reject' })
    return plain.toZonedDateTime(this.zone, { disambiguation: 'compatible' }).epochMilliseconds
  }

  meterTime(instant: number): MeterTime {
    const of = this.#dayOf(instant)
    if (of.isEven) {
      const seconds = Math.floor((instant - of.start) / 1000)
      return {
        ...{ year: of.year, month: of.month, day: of.day },
        ...{ hour: Math.floor(seconds / 3600), minute: Math.floor(seconds / 60) % 60, second: seconds % 60 },
      }
    }
    const { year, month, day, hour, minute, second } = this.#zoned(instant)
    return { year, month, day, hour, minute, second }
  }

  #zoned(instant: number) {
    return Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(this.zone)
  }

  #date(instant: number) {
    return this.#zoned(instant).toPlainDate()
  }

  #dayOf(instant: number): LocalDay {
    const first = this.#days[0]
    if (first && instant >= first.start && instant < first.end) return first
    const at = this.#days.findIndex(({ start, end }) => instant >= start && instant < end)
    const found = this.#days[at] ?? localDay(this.#zoned(instant))
    if (at >= 0) this.#days.splice(at, 1)
    this.#days.unshift(found)
    if (this.#days.length > MOST_DAYS) this.#days.pop()
    return found
  }

  #dateOf(year: number, month: number, day: number): LocalDay | null {
    // Impossible parts would give another date's key.
    if (!isWithin(month - 1, 12) || !isWithin(day - 1, 31) || !Number.isInteger(year)) return null
    const key = year * 10_000 + month * 100 + day
    const known = this.#dates.get(key)
    if (known !== undefined) return known
    if (this.#dates.size >= MOST_DATES) this.#dates.clear()
    const made = dateIn(this.zone, year, month, day)
    this.#dates.set(key, made)
    return made
  }

  #remembered(question: string, answer: () => number): number {
    const known = this.#answers.get(question)
    if (known !== undefined) return known
    if (this.#answers.size >= MOST_DATES) this.#answers.clear()
    const made = answer()
    this.#answers.set(question, made)
    return made
  }
}

/** A day of the zone. `isEven`: 24 hours long, so that its wall clock is a matter of adding. */
interface LocalDay {
  readonly start: number
  readonly end: number
  readonly isEven: boolean
  readonly year: number
  readonly month: number
  readonly day: number
}

const MOST_DAYS = 8
const MOST_DATES = 1000

const isWithin = (value: number, end: number): boolean => Number.isInteger(value) && value >= 0 && value < end

const localDay = (at: Temporal.ZonedDateTime): LocalDay => {
  const start = at.startOfDay()
  const next = start.add({ days: 1 }).startOfDay()
  const { year, month, day } = start
  const [from, to] = [start.epochMilliseconds, next.epochMilliseconds]
  // Twenty-four hours whose clock was moved twice are none to add in.
  const isEven = to - from === DAY_MS && start.offsetNanoseconds === next.offsetNanoseconds
  return { start: from, end: to, isEven, year, month, day }
}

const dateIn = (zone: string, year: number, month: number, day: number): LocalDay | null => {
  try {
    return localDay(Temporal.PlainDate.from({ year, month, day }, { overflow: 'reject' }).toZonedDateTime(zone))
  } catch {
    return null
  }
}
