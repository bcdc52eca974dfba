import { Calendar } from '../acquisition/calendar.ts'

/** Periods of interval energy, finest first. */
export const PERIODS = ['15m', '1h', 'day', 'month'] as const
export type EnergyPeriod = (typeof PERIODS)[number]
const QUARTER_MS = 900_000
const MOST_KNOWN = 20_000
const MOST_DAYS = 2_000
const STEP_MS: Readonly<Record<'15m' | '1h', number>> = { '15m': QUARTER_MS, '1h': 3_600_000 }

const two = (value: number) => String(value).padStart(2, '0')

/** Calendar days of one zone by their text, `2026-11-21`; days with a change of summer time have 92 or 100 quarter hours. */
export class EnergyDays {
  readonly zone: string
  readonly #calendar: Calendar
  /** Every zone in use changes its offset at a quarter of an hour. */
  readonly #ofQuarter = new Map<number, string>()
  readonly #bounds = new Map<string, readonly [start: number, end: number]>()

  constructor(zone: string) {
    this.zone = zone
    this.#calendar = new Calendar(zone)
  }

  of(at: number): string {
    const quarter = Math.floor(at / QUARTER_MS)
    const known = this.#ofQuarter.get(quarter)
    if (known !== undefined) return known
    const { year, month, day } = this.#calendar.meterTime(quarter * QUARTER_MS)
    const text = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`
    if (this.#ofQuarter.size >= MOST_KNOWN) this.#ofQuarter.clear()
    this.#ofQuarter.set(quarter, text)
    return text
  }

  start(day: string): number {
    return this.#boundsOf(day)[0]
  }

  end(day: string): number {
    return this.#boundsOf(day)[1]
  }

  /** A window of two months asks for the same days area by area. */
  #boundsOf(day: string): readonly [start: number, end: number] {
    const known = this.#bounds.get(day)
    if (known) return known
    const start = this.#startOf(day)
    const bounds = [start, this.#calendar.dayAfter(start)] as const
    if (this.#bounds.size >= MOST_DAYS) this.#bounds.clear()
    this.#bounds.set(day, bounds)
    return bounds
  }

  #startOf(day: string): number {
    const [year = 1970, month = 1, date = 1] = day.split('-').map(Number)
    // A zone that skips midnight begins its day at the first instant there is.
    return this.#calendar.dayStart(this.#calendar.instantOf({ year, month, day: date, hour: 12, minute: 0, second: 0 }) ?? 0)
  }

  /** So many days later. */
  add(day: string, days: number): string {
    const [year = 1970, month = 1, date = 1] = day.split('-').map(Number)
    return new Date(Date.UTC(year, month - 1, date + days)).toISOString().slice(0, 10)
  }

  /** Every day from `first` to `last`. */
  between(first: string, last: string): string[] {
    const days: string[] = []
    for (let day = first; day <= last; day = this.add(day, 1)) days.push(day)
    return days
  }

  /** `2026-11`: every day of it. */
  ofMonth(month: string): string[] {
    const [year = 1970, number = 1] = month.split('-').map(Number)
    const last = new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10)
    return this.between(`${month}-01`, last)
  }

  /** Marks of a period within a day, its start and its end included. */
  marks(day: string, period: '15m' | '1h'): number[] {
    const [start, end] = [this.start(day), this.end(day)]
    const marks: number[] = []
    for (let at = start; at < end; at += STEP_MS[period]) marks.push(at)
    return [...marks, end]
  }

  isWeekend(day: string): boolean {
    return [0, 6].includes(new Date(`${day}T00:00:00Z`).getUTCDay())
  }
}
