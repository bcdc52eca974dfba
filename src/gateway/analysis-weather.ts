import { readFileSync, statSync } from 'node:fs'
import { STEP_MS } from './analysis-columns.ts'

/** Temperatures by time, oldest first. */
export interface Weather {
  readonly at: Float64Array
  readonly celsius: Float32Array
  /** What could not be read, each with its line. */
  readonly problems: readonly string[]
}

/** Between two values further apart nobody knows how warm it was. */
const FURTHEST_MS = 3 * 3_600_000
/** What has been measured outdoors anywhere, and a little. */
const [COLDEST, HOTTEST] = [-90, 60] as const
const MOST_PROBLEMS = 20

/** Reads `time,celsius`: an instant with offset and a temperature a line, in any order. Bad lines are named and left out. */
export const weatherOf = (text: string): Weather => {
  const problems: string[] = []
  const rows: [at: number, celsius: number][] = []
  let bad = 0
  const wrong = (line: number, message: string) => {
    bad++
    if (problems.length < MOST_PROBLEMS) problems.push(`line ${line}: ${message}`)
  }
  for (const [index, whole] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = whole.trim()
    if (line === '' || (index === 0 && /^time\s*,\s*celsius$/i.test(line))) continue
    const [time = '', degrees = '', ...more] = line.split(',').map((cell) => cell.trim())
    const at = /(?:Z|[+-]\d\d:?\d\d)$/.test(time) ? Date.parse(time) : Number.NaN
    const celsius = degrees === '' ? Number.NaN : Number(degrees)
    if (more.length > 0) wrong(index + 1, `has ${more.length + 2} cells; it must be time,celsius`)
    else if (!Number.isFinite(at)) wrong(index + 1, `time is "${time}"; it must be an instant with offset: 2026-11-21T07:00:00+08:00`)
    else if (!(celsius >= COLDEST && celsius <= HOTTEST))
      wrong(index + 1, `celsius is "${degrees}"; it must be a number from ${COLDEST} to ${HOTTEST}`)
    else rows.push([at, celsius])
  }
  if (bad > problems.length) problems.push(`${bad - problems.length} more lines`)
  rows.sort((a, b) => a[0] - b[0])
  return { at: Float64Array.from(rows, ([at]) => at), celsius: Float32Array.from(rows, ([, celsius]) => celsius), problems }
}

/** °C in the middle of each slot, straight between the neighbouring values; null when none of it is known. */
export const temperatureOf = ({ at, celsius }: Weather, from: number, slots: number): Float32Array | null => {
  const values = new Float32Array(slots).fill(Number.NaN)
  let next = at.findIndex((one) => one >= from - FURTHEST_MS)
  if (next < 0) return null
  let isKnown = false
  for (let slot = 0; slot < slots; slot++) {
    const middle = from + (slot + 0.5) * STEP_MS
    while (next < at.length && (at[next] ?? 0) < middle) next++
    const [before, after] = [at[next - 1], at[next]]
    const [low, high] = [celsius[next - 1], celsius[next]]
    if (before === undefined || after === undefined || low === undefined || high === undefined || after - before > FURTHEST_MS) continue
    values[slot] = low + ((high - low) * (middle - before)) / (after - before)
    isKnown = true
  }
  return isKnown ? values : null
}

const NO_WEATHER: Weather = { at: new Float64Array(0), celsius: new Float32Array(0), problems: [] }

/** The weather file as it is now: read again when it has changed. */
export class WeatherFile {
  readonly #log: (message: string) => void
  #path: string | null = null
  #mark = ''
  #weather = NO_WEATHER

  constructor(log: (message: string) => void) {
    this.#log = log
  }

  read(path: string | null): Weather {
    if (path === null) return NO_WEATHER
    const found = statSync(path, { throwIfNoEntry: false })
    const mark = found ? `${found.mtimeMs} ${found.size}` : 'gone'
    if (path === this.#path && mark === this.#mark) return this.#weather
    this.#path = path
    this.#mark = mark
    try {
      this.#weather = weatherOf(readFileSync(path, 'utf8'))
      for (const problem of this.#weather.problems) this.#log(`${path}: ${problem}; this line is left out`)
    } catch (error) {
      this.#weather = NO_WEATHER
      this.#log(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}; days are judged without temperatures`)
    }
    return this.#weather
  }
}

/** Days on which people use energy as on a Sunday. */
export const isRestDay = (day: string, holidays: readonly string[], worked: readonly string[]): boolean =>
  holidays.includes(day) || ([0, 6].includes(new Date(`${day}T00:00:00Z`).getUTCDay()) && !worked.includes(day))
