import { Temporal } from 'temporal-polyfill'

const QUARTER = 900_000
const DAY = 86_400_000

/**
 * Calendar days of a zone, as days since 1970-01-01. Every zone in use changes its offset at a quarter of an hour, so the answer is
 * worked out once per quarter and remembered.
 */
export class LocalDays {
  readonly zone: string
  readonly #ofQuarter = new Map<number, number>()
  readonly #starts = new Map<number, number>()
  #lastQuarter = Number.NaN
  #lastDay = 0

  /** @param zone  an IANA name; throws RangeError for any other */
  constructor(zone: string) {
    this.zone = zone
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone)
  }

  /** The day an instant lies in. */
  of(at: number): number {
    const quarter = Math.floor(at / QUARTER)
    if (quarter === this.#lastQuarter) return this.#lastDay
    let day = this.#ofQuarter.get(quarter)
    if (day === undefined) {
      const date = Temporal.Instant.fromEpochMilliseconds(quarter * QUARTER)
        .toZonedDateTimeISO(this.zone)
        .toPlainDate()
      day = Date.UTC(date.year, date.month - 1, date.day) / DAY
      if (this.#ofQuarter.size > 100_000) this.#ofQuarter.clear()
      this.#ofQuarter.set(quarter, day)
    }
    this.#lastQuarter = quarter
    this.#lastDay = day
    return day
  }

  /** First instant of a day. */
  start(day: number): number {
    let start = this.#starts.get(day)
    if (start === undefined) {
      start = Temporal.PlainDate.from(dayText(day)).toZonedDateTime(this.zone).epochMilliseconds
      if (this.#starts.size > 10_000) this.#starts.clear()
      this.#starts.set(day, start)
    }
    return start
  }
}

/** `2026-11-02` */
export const dayText = (day: number): string => new Date(day * DAY).toISOString().slice(0, 10)
