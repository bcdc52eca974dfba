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
  #dayStart = 0
  #dayEnd = 0

  constructor(zone: string) {
    this.zone = zone
  }

  /** Midnight of the local day that holds the instant. */
  dayStart(instant: number): number {
    if (instant >= this.#dayStart && instant < this.#dayEnd) return this.#dayStart
    const start = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(this.zone).startOfDay()
    this.#dayStart = start.epochMilliseconds
    this.#dayEnd = start.add({ days: 1 }).startOfDay().epochMilliseconds
    return this.#dayStart
  }

  /** Start of the period that holds the instant. Shorter periods than a day count from local midnight. */
  periodStart(period: Period, instant: number): number {
    const day = this.dayStart(instant)
    if (period.unit === 'ms') return period.ms >= DAY_MS ? day : day + Math.floor((instant - day) / period.ms) * period.ms
    if (period.unit === 'day') return day
    const date = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(this.zone).toPlainDate().with({ day: 1 })
    return date.toZonedDateTime(this.zone).epochMilliseconds
  }

  /** Start of the period after the one that starts at `start`. */
  nextStart(period: Period, start: number): number {
    if (period.unit === 'ms' && period.ms < DAY_MS) {
      const day = this.dayStart(start)
      const next = start + period.ms
      // The last period of a day ends with the day, whatever its length.
      return Math.min(next, this.dayAfter(day))
    }
    const at = Temporal.Instant.fromEpochMilliseconds(start).toZonedDateTimeISO(this.zone)
    const next = period.unit === 'month' ? at.add({ months: 1 }) : at.add({ days: 1 })
    return next.startOfDay().epochMilliseconds
  }

  /** The instant of a minute of the wall clock on the day that begins at `day`, a midnight. Of a day that changes its offset too. */
  minuteOf(day: number, minute: number): number {
    const even = day + minute * MINUTE_MS
    if (this.dayAfter(day) - day === DAY_MS) return even
    const { year, month, day: date } = this.meterTime(day)
    return this.instantOf({ year, month, day: date, hour: Math.floor(minute / 60), minute: minute % 60, second: 0 }) ?? even
  }

  dayAfter(day: number): number {
    return Temporal.Instant.fromEpochMilliseconds(day).toZonedDateTimeISO(this.zone).add({ days: 1 }).startOfDay().epochMilliseconds
  }

  /** Local midnights from `from` (a midnight) to `to`, as a count of freezes between them. */
  daysBetween(from: number, to: number): number {
    const zoned = (instant: number) => Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(this.zone).toPlainDate()
    return zoned(from).until(zoned(to), { largestUnit: 'days' }).days
  }

  monthsBetween(from: number, to: number): number {
    const zoned = (instant: number) => Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(this.zone).toPlainDate()
    return zoned(from).until(zoned(to), { largestUnit: 'months' }).months
  }

  /**
   * The instant of a meter's wall-clock time. A time that happens twice is the earlier one, a time that never happens moves
   * forward, as meters do it.
   *
   * @returns  null for an impossible date
   */
  instantOf({ year, month, day, hour, minute, second }: MeterTime): number | null {
    try {
      const plain = Temporal.PlainDateTime.from({ year, month, day, hour, minute, second }, { overflow: 'reject' })
      return plain.toZonedDateTime(this.zone, { disambiguation: 'compatible' }).epochMilliseconds
    } catch {
      return null
    }
  }

  meterTime(instant: number): MeterTime {
    const { year, month, day, hour, minute, second } = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(this.zone)
    return { year, month, day, hour, minute, second }
  }
}
