import type { MeterTime } from './adapter.ts'

/** Parts of a time; those the wire does not carry are absent. */
export interface TimeParts {
  readonly second?: number
  readonly minute?: number
  readonly hour?: number
  readonly day?: number
  readonly month?: number
  /** 2000 to 2099. */
  readonly year?: number
  /** As its protocol counts them. */
  readonly weekday?: number
}

/** Parts as two BCD digits carry them, by the letter that formats are written with; 24 is the hour that ends a day. */
export const TIME_PARTS = {
  s: { name: 'second', low: 0, high: 59 },
  m: { name: 'minute', low: 0, high: 59 },
  h: { name: 'hour', low: 0, high: 24 },
  D: { name: 'day', low: 1, high: 31 },
  M: { name: 'month', low: 1, high: 12 },
  Y: { name: 'year', low: 0, high: 99 },
} as const

/** Days of a month, 1 to 12. */
export const daysIn = (year: number, month: number): number =>
  month === 2
    ? year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
      ? 29
      : 28
    : month === 4 || month === 6 || month === 9 || month === 11
      ? 30
      : 31

/** The instant of a time that carries a whole date; null otherwise. 24:00 is 00:00 of the next day. */
export const instantOf = (time: TimeParts | null): MeterTime | null => {
  if (!time) return null
  const { year, month, day, hour = 0, minute = 0, second = 0 } = time
  if (year === undefined || month === undefined || day === undefined) return null
  return hour === 24 ? shiftMinutes({ year, month, day, hour: 0, minute, second }, 1440) : { year, month, day, hour, minute, second }
}

/** Milliseconds of a wall-clock time as if it were UTC: for comparing and adding, never for zones. */
export const ordinalOf = (time: MeterTime): number => Date.UTC(time.year, time.month - 1, time.day, time.hour, time.minute, time.second)

/** The wall-clock time of what {@link ordinalOf} made. */
export const timeOfOrdinal = (ordinal: number): MeterTime => {
  const date = new Date(ordinal)
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
  }
}

export const shiftMinutes = (time: MeterTime, minutes: number): MeterTime => timeOfOrdinal(ordinalOf(time) + minutes * 60_000)
