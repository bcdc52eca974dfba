import type { Stretch } from '../anomaly/index.ts'
import type { AnalysisBook, AreaState } from './analysis-book.ts'
import { stretchesOf } from './analysis-build.ts'
import { type Surroundings, slotsOf } from './analysis-frames.ts'
import type { AnalysisMarks } from './analysis-marks.ts'
import type { AnalysisOptions } from './analysis-options.ts'
import type { AnalysisPlaces } from './analysis-places.ts'
import { isRestDay, temperatureOf, WeatherFile } from './analysis-weather.ts'

/** Days that are judged again at most, the newest of them last. */
const AGAIN_DAYS = 7
const MOST_NEIGHBOURS = 12

/** Which day of an area comes next, what keeps it from being judged, and what it is judged with. */
export class AnalysisPlan {
  readonly #options: Omit<AnalysisOptions, 'book'> & { readonly book: Pick<AnalysisBook, 'days'> }
  readonly #places: AnalysisPlaces
  readonly #marks: AnalysisMarks
  readonly #weather: WeatherFile
  #feeders: ReadonlyMap<string, string> = new Map()
  #feedersMark = ''

  constructor(options: AnalysisOptions, places: AnalysisPlaces, marks: AnalysisMarks) {
    this.#options = options
    this.#places = places
    this.#marks = marks
    this.#weather = new WeatherFile((message) => options.log('warn', `analysis: ${message}`))
  }

  firstOf(day: string): string {
    return this.#options.energy.runner.days.add(day, 1 - this.#options.config().windowDays)
  }

  /** The first day registers of an area are known of; null: none. */
  firstSeen(area: string, first: string, yesterday: string): string | null {
    const { energy } = this.#options
    let found: string | null = null
    for (const point of this.#places.of(area, energy.runner.days.end(yesterday) - 1)) {
      const seen = energy.book.seen(point)
      if (seen && seen.first <= yesterday && (found === null || seen.first < found)) found = seen.first
    }
    return found !== null && found < first ? first : found
  }

  /** What surrounds a window of an area. */
  around(area: string, first: string, day: string): Surroundings {
    const { config, energy, outages, ledger } = this.#options
    const { days } = energy.runner
    const { holidays, worked, weatherFile } = config()
    const dates = days.between(first, day)
    const [from, to] = [days.start(first), days.end(day)]
    const slots = dates.reduce((sum, date) => sum + slotsOf(days, date), 0)
    const off = outages(from, to)
    const stretches: readonly Stretch[] = off.length === 0 ? [] : stretchesOf(ledger, off, this.#places.of(area, to - 1), from, to)
    return {
      restDays: Uint8Array.from(dates, (date) => (isRestDay(date, holidays, worked) ? 1 : 0)),
      temperature: temperatureOf(this.#weather.read(weatherFile), from, slots),
      outages: stretches,
    }
  }

  /** The day that is to be judged next; null: none. */
  nextDay({ area, day, again }: Pick<AreaState, 'area' | 'day' | 'again'>): string | null {
    const { energy, clock, book } = this.#options
    const { days } = energy.runner
    const yesterday = days.add(days.of(clock.now()), -1)
    if (again !== null && day !== null) {
      const from = later(again, days.add(day, 1 - AGAIN_DAYS))
      return book.days(area).find((kept) => kept.day >= from && kept.day <= day)?.day ?? day
    }
    if (day === null) {
      // What lies before the first look is history: the newest day says what is to be said of it.
      if (this.#marks.hasBetween(area, '', yesterday)) return null
      return book.days(area).at(-1)?.day ?? null
    }
    const oldest = this.firstOf(yesterday)
    const next = days.add(day, 1)
    return next > yesterday ? null : later(next, oldest)
  }

  /** What keeps a day of an area from being judged; null: nothing. */
  hindrance(area: string, day: string): string | null {
    const { book, clock, energy } = this.#options
    const { days } = energy.runner
    const now = clock.now()
    if (this.#marks.hasBetween(area, this.firstOf(day), day)) return `its data of ${day} or before are being put together`
    const kept = book.days(area).find((one) => one.day === day)
    if (!kept) return 'it has no readings yet'
    if (now >= this.judgeAt(day)) return null
    if (kept.complete < kept.members)
      return `readings of ${kept.members - kept.complete} of ${kept.members} metering points are missing; it is judged without them later`
    const waiting = this.neighbours(area, days.end(day) - 1).filter((other) => this.#marks.has(other, day)).length
    return waiting > 0 ? `data of ${waiting} areas of its feeder are being put together` : null
  }

  judgeAt(day: string): number {
    return this.#options.energy.runner.days.end(day) + this.#options.config().atMinute * 60_000
  }

  feeder(area: string, at: number): string | null {
    return this.#feedersOf(at).get(area) ?? null
  }

  /** Areas of the same feeder, nearest by name. */
  neighbours(area: string, at: number): readonly string[] {
    const feeder = this.feeder(area, at)
    if (feeder === null) return []
    const beside = this.#places.areas().filter((other) => this.feeder(other, at) === feeder)
    const own = beside.indexOf(area)
    const first = Math.max(0, Math.min(own - MOST_NEIGHBOURS / 2, beside.length - 1 - MOST_NEIGHBOURS))
    return beside.slice(first, first + MOST_NEIGHBOURS + 1).filter((other) => other !== area)
  }

  /** Asked for hundreds of areas of the same day: looked up once. */
  #feedersOf(at: number): ReadonlyMap<string, string> {
    const { ledger } = this.#options
    const mark = `${ledger.seq} ${at}`
    if (mark !== this.#feedersMark) {
      this.#feedersMark = mark
      this.#feeders = new Map(
        this.#places.areas().flatMap((area) => {
          const value = ledger.get('area', area, at)?.attributes.feeder
          return typeof value === 'string' && value !== '' ? [[area, value]] : []
        }),
      )
    }
    return this.#feeders
  }
}

/** Of two days, as the texts they are. */
export const later = (a: string, b: string): string => (a > b ? a : b)
