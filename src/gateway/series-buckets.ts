import type { SeriesBucket, SeriesCompare, SeriesSpan } from '../api/index.ts'
import type { EnergyDays } from './energy-days.ts'
import { localInstants, wallClock } from './local-time.ts'

/**
 * Whole buckets that [from, to) touches, by the calendar of the zone: a day has 23 to 25 hours. What has not begun is no bucket.
 */
export const spansOf = (days: EnergyDays, bucket: SeriesBucket, from: number, to: number, now: number): SeriesSpan[] => {
  const dates = days.between(days.of(from), days.of(to - 1))
  const all: SeriesSpan[] =
    bucket === 'day'
      ? dates.map((day) => ({ from: days.start(day), to: days.end(day) }))
      : bucket === 'month'
        ? [...new Set(dates.map((day) => day.slice(0, 7)))].map((month) => monthOf(days, month))
        : dates.flatMap((day) => {
            const marks = days.marks(day, bucket)
            return marks.slice(0, -1).map((mark, at) => ({ from: mark, to: marks[at + 1] ?? mark }))
          })
  return all.filter((span) => span.to > from && span.from < to && span.from < now)
}

const monthOf = (days: EnergyDays, month: string): SeriesSpan => {
  const dates = days.ofMonth(month)
  return { from: days.start(dates[0] ?? `${month}-01`), to: days.end(dates.at(-1) ?? `${month}-28`) }
}

type Shift = { readonly months: number } | { readonly days: number } | { readonly ms: number }

/** How far back the period before lies: whole months go back by months, whole days by days, else by their own length. */
const shiftOf = (days: EnergyDays, compare: Exclude<SeriesCompare, 'none'>, from: number, to: number): Shift => {
  if (compare === 'yoy') return { months: 12 }
  const [first, last] = [days.of(from), days.of(to - 1)]
  const isWholeDays = days.start(first) === from && days.end(last) === to
  if (isWholeDays && first.endsWith('-01') && days.add(last, 1).endsWith('-01'))
    return { months: monthNumber(last) - monthNumber(first) + 1 }
  return isWholeDays ? { days: days.between(first, last).length } : { ms: to - from }
}

const monthNumber = (day: string): number => Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7)) - 1

/** The same day so many months before; null when that month has none: 31 November, 29 February. */
const monthsBefore = (day: string, months: number): string | null => {
  const number = monthNumber(day) - months
  const found = `${String(Math.floor(number / 12)).padStart(4, '0')}-${String((number % 12) + 1).padStart(2, '0')}-${day.slice(8)}`
  const date = new Date(`${found}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(found) ? found : null
}

const dayBefore = (days: EnergyDays, day: string, shift: Shift): string | null =>
  'months' in shift ? monthsBefore(day, shift.months) : 'days' in shift ? days.add(day, -shift.days) : day

/**
 * The buckets compared with: the same place in the calendar of the year before (同比), or of the period before (环比).
 *
 * @param to  end of the last bucket that was asked for, begun or not: a month is one before it is over
 */
export const spansBefore = (
  days: EnergyDays,
  bucket: SeriesBucket,
  compare: SeriesCompare,
  spans: readonly SeriesSpan[],
  to: number,
): (SeriesSpan | null)[] => {
  const [first] = spans
  if (compare === 'none' || !first) return []
  const shift = shiftOf(days, compare, first.from, to)
  return spans.map((span): SeriesSpan | null => {
    if ('ms' in shift) return { from: span.from - shift.ms, to: span.to - shift.ms }
    const day = dayBefore(days, days.of(span.from), shift)
    if (day === null) return null
    if (bucket === 'month') return monthOf(days, day.slice(0, 7))
    if (bucket === 'day') return { from: days.start(day), to: days.end(day) }
    // The wall clock of that day: an hour that it skips, or has twice, is the first there is.
    const { hour, minute, second } = wallClock(span.from, days.zone)
    const [year = 1970, month = 1, date = 1] = day.split('-').map(Number)
    const at = localInstants({ year, month, day: date, hour, minute, second }, days.zone)?.first
    return at === undefined ? null : { from: at, to: at + span.to - span.from }
  })
}
