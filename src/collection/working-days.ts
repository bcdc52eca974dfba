import { Temporal } from 'temporal-polyfill'

/** Which days people work (工作日): weekends, holidays, and weekends that are worked in exchange (调休). */
export interface WorkingDays {
  /** IANA zone. */
  readonly zone: string
  /** Days of the week without work, 1 = Monday … 7 = Sunday. */
  readonly weekend: ReadonlySet<number>
  /** Dates without work: `2026-10-01`. */
  readonly holidays: ReadonlySet<string>
  /** Dates that are worked although they lie on a weekend or between holidays. */
  readonly worked: ReadonlySet<string>
}

/** A calendar without a working day would never end. */
const MOST_DAYS = 400

/**
 * The instant at which a number of working days has passed: the same time of day so many working days later. What begins on a day
 * without work begins when the next working day does.
 *
 * @returns milliseconds since 1970 UTC
 */
export const afterWorkingDays = (from: number, days: number, calendar: WorkingDays): number => {
  const start = Temporal.Instant.fromEpochMilliseconds(from).toZonedDateTimeISO(calendar.zone)
  let date = start.toPlainDate()
  const time = isWorked(date, calendar) ? start.toPlainTime() : new Temporal.PlainTime()
  date = workedFrom(date, calendar)
  for (let left = days; left > 0; left--) date = workedFrom(date.add({ days: 1 }), calendar)
  return date.toZonedDateTime({ timeZone: calendar.zone, plainTime: time }).epochMilliseconds
}

const isWorked = (date: Temporal.PlainDate, { weekend, holidays, worked }: WorkingDays): boolean => {
  const text = date.toString()
  return worked.has(text) || (!weekend.has(date.dayOfWeek) && !holidays.has(text))
}

/** This day, or the next that is worked. */
const workedFrom = (from: Temporal.PlainDate, calendar: WorkingDays): Temporal.PlainDate => {
  let date = from
  for (let day = 0; day < MOST_DAYS && !isWorked(date, calendar); day++) date = date.add({ days: 1 })
  return date
}
