import type { AreaFrame } from './frame.ts'
import { medianOf } from './loss-fill.ts'

/** Sums of a day, kWh; NaN = not known. */
export interface DayRest {
  /** What went in less what went back. */
  readonly net: number
  /** Loss of the wires. */
  readonly technical: number
}

/** One column whose gaps were filled. */
export interface GappedColumn {
  readonly kwh: Float64Array
  /** 1 = the total over the gap around it is measured, its spread is a guess; null = no gap. */
  readonly guess: Uint8Array | null
}

/** Rounds of fitting; each halves what is left. */
const ROUNDS = 8
const USUAL_DAYS = 14
const LEAST_DAYS = 5
/** Nobody's evening is so unlike the like days. */
const MOST_FACTOR = 3

/**
 * Which day a gap's energy belongs to. Between two registers its total is measured and stays; how much of it lies before midnight is told by the
 * balance: what went in less wires, less meters that were read, less what usually is lost besides. Only gaps across a midnight are moved.
 *
 * @source  validation rules of metering: where the balance of an area is good it may estimate what is missing
 */
export const fitGaps = (frame: AreaFrame, columns: readonly GappedColumn[], rest: readonly DayRest[]): void => {
  const { days, dayStarts } = frame
  const bounds = (day: number): readonly [number, number] => [dayStarts[day] ?? 0, dayStarts[day + 1] ?? 0]
  const gaps = columns.flatMap((column) => gapsOf(column, dayStarts))
  if (gaps.length === 0) return
  const touched = [...new Set(gaps.flatMap(({ from, to }) => days.flatMap((_, day) => (overlaps(bounds(day), from, to) ? [day] : []))))]
  const sold = Float64Array.from(days, (_, day) => columns.reduce((sum, { kwh }) => sum + sumOf(kwh, ...bounds(day)), 0))
  const isGapped = new Set(touched)
  const besides = days.map((_, day) => (rest[day]?.net ?? Number.NaN) - (rest[day]?.technical ?? Number.NaN) - (sold[day] ?? Number.NaN))
  const usualAt = (day: number): number => {
    const near = besides
      .map((value, other) => ({ value, far: Math.abs(other - day), other }))
      .filter(({ value, other }) => !isGapped.has(other) && Number.isFinite(value))
      .sort((a, b) => a.far - b.far)
      .slice(0, USUAL_DAYS / 2)
    return near.length < LEAST_DAYS ? Number.NaN : medianOf(near.map(({ value }) => value))
  }
  const wanted = new Map(touched.map((day) => [day, (rest[day]?.net ?? Number.NaN) - (rest[day]?.technical ?? Number.NaN) - usualAt(day)]))
  for (let round = 0; round < ROUNDS; round++)
    for (const day of touched) {
      const target = wanted.get(day) ?? Number.NaN
      if (!Number.isFinite(target)) continue
      const [from, to] = bounds(day)
      const here = gaps.filter((gap) => overlaps([from, to], gap.from, gap.to))
      const now = columns.reduce((sum, { kwh }) => sum + sumOf(kwh, from, to), 0)
      const movable = here.reduce((sum, gap) => sum + sumOf(gap.kwh, Math.max(from, gap.from), Math.min(to, gap.to)), 0)
      if (!(movable > 0)) continue
      const factor = Math.min(MOST_FACTOR, Math.max(1 / MOST_FACTOR, (movable + target - now) / movable))
      for (const gap of here) scale(gap, Math.max(from, gap.from), Math.min(to, gap.to), factor)
    }
}

interface Gap {
  readonly kwh: Float64Array
  readonly from: number
  readonly to: number
  readonly total: number
}

const overlaps = ([from, to]: readonly [number, number], first: number, end: number): boolean => first < to && end > from

const sumOf = (column: Float64Array, from: number, to: number): number => {
  let sum = 0
  for (let slot = from; slot < to; slot++) sum += column[slot] || 0
  return sum
}

/** Gaps of measured total that reach over a midnight. */
const gapsOf = ({ kwh, guess }: GappedColumn, dayStarts: Int32Array): Gap[] => {
  const gaps: Gap[] = []
  if (guess === null) return gaps
  for (let slot = 0; slot < kwh.length; slot++) {
    if (guess[slot] !== 1) continue
    let end = slot
    while (end < kwh.length && guess[end] === 1) end++
    if (dayStarts.some((start) => start > slot && start < end)) gaps.push({ kwh, from: slot, to: end, total: sumOf(kwh, slot, end) })
    slot = end
  }
  return gaps
}

/** Some slots of a gap by a factor, the whole gap back to its total. */
const scale = ({ kwh, from, to, total }: Gap, first: number, end: number, factor: number): void => {
  for (let slot = first; slot < end; slot++) kwh[slot] = (kwh[slot] ?? 0) * factor
  const now = sumOf(kwh, from, to)
  if (!(now > 0)) return
  for (let slot = from; slot < to; slot++) kwh[slot] = ((kwh[slot] ?? 0) * total) / now
}
