import type { AreaFrame } from './frame.ts'

/** Like days (相似日) an estimate is the mean of. */
const LIKE_DAYS = 3
/** Weather moves all customers together, but nobody by more than this from one day to the next. */
const MOST_SCALE = 2

/** A column without holes, and how much of each day is made up. */
export interface Filled {
  /** kWh; NaN only where nothing at all is known of the meter. */
  readonly kwh: Float64Array
  /** Made-up kWh of each day. */
  readonly estimated: Float64Array
  /** Slots of each day that were made up. */
  readonly holes: Int32Array
  /** Share of a made-up day that it may be off by, 68 %: the spread of the days it is the mean of. */
  readonly spread: number
}

/** Sum of a day; NaN when a slot of it is not known. */
export const daySum = (column: Float64Array, from: number, to: number): number => {
  let sum = 0
  for (let slot = from; slot < to; slot++) sum += column[slot] ?? Number.NaN
  return sum
}

/** Sum of what is known of a day, and how many slots are. */
export const knownSum = (column: Float64Array, from: number, to: number): readonly [kwh: number, slots: number] => {
  let sum = 0
  let count = 0
  for (let slot = from; slot < to; slot++) {
    const value = column[slot]
    if (value === undefined || Number.isNaN(value)) continue
    sum += value
    count++
  }
  return [sum, count]
}

/**
 * Energies of quarter hours that nobody knows: the mean of the same quarter hours of three like days (same kind of day), days before first, scaled
 * by what the rest of the area used on those days. A total between two registers is measured and comes here already spread.
 *
 * @param use  energy of the rest of the area, kWh a day, NaN = not known
 * @source     validation rules of metering: like days of the same day type
 */
export const fillColumn = (frame: AreaFrame, column: Float64Array, use: Float64Array): Filled => {
  const { dayStarts, days } = frame
  const estimated = new Float64Array(days.length)
  const holes = new Int32Array(days.length)
  let kwh = column
  const totals = Float64Array.from(days, (_, day) => daySum(column, dayStarts[day] ?? 0, dayStarts[day + 1] ?? 0))
  for (let day = 0; day < days.length; day++) {
    const [from, to] = [dayStarts[day] ?? 0, dayStarts[day + 1] ?? 0]
    const [, known] = knownSum(column, from, to)
    holes[day] = to - from - known
    if (known === to - from) continue
    if (kwh === column) kwh = column.slice()
    const order = likeDays(frame, day)
    for (let slot = from; slot < to; slot++) {
      if (!Number.isNaN(column[slot] ?? Number.NaN)) continue
      const guess = likeSlot(frame, column, use, order, day, slot - from)
      kwh[slot] = guess
      estimated[day] = (estimated[day] ?? 0) + guess
    }
  }
  return { kwh, estimated, holes, spread: relativeSpread(totals) }
}

/** Days to look at for one that is not known: of its kind before it, of its kind after it, then the others; nearest first. */
const likeDays = ({ days, restDays }: AreaFrame, day: number): readonly number[] => {
  const rank = (other: number) => (restDays[other] === restDays[day] ? 0 : 2) + (other < day ? 0 : 1)
  return days
    .map((_, other) => other)
    .filter((other) => other !== day)
    .sort((a, b) => rank(a) - rank(b) || Math.abs(a - day) - Math.abs(b - day))
}

const likeSlot = (
  { dayStarts }: AreaFrame,
  column: Float64Array,
  use: Float64Array,
  order: readonly number[],
  day: number,
  offset: number,
): number => {
  let sum = 0
  let count = 0
  for (const other of order) {
    const start = dayStarts[other] ?? 0
    const value = start + offset < (dayStarts[other + 1] ?? 0) ? column[start + offset] : undefined
    if (value === undefined || Number.isNaN(value)) continue
    const scale = (use[day] ?? Number.NaN) / (use[other] ?? Number.NaN)
    sum += value * (scale > 0 ? Math.min(MOST_SCALE, Math.max(1 / MOST_SCALE, scale)) : 1)
    if (++count === LIKE_DAYS) break
  }
  return count === 0 ? Number.NaN : sum / count
}

/** Robust spread of daily sums relative to their median: 1.4826 × MAD / median; 1 when too little is known. */
const relativeSpread = (totals: Float64Array): number => {
  const known = [...totals].filter((value) => !Number.isNaN(value))
  if (known.length < 4) return 1
  const middle = medianOf(known)
  return middle > 0 ? Math.min(1, (1.4826 * medianOf(known.map((value) => Math.abs(value - middle)))) / middle) : 1
}

/** Median; NaN of nothing. */
export const medianOf = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2
}
