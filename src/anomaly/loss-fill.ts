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
  /** 1 = spread by guess under a measured total, 2 = made up, 0 = read; null = all was read. */
  readonly guess: Uint8Array | null
}

/** Sum of a day; NaN when a slot of it is not known. */
export const daySum = (column: Float64Array, from: number, to: number): number => {
  let sum = 0
  for (let slot = from; slot < to; slot++) sum += column[slot]!
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

/** Sums of one column by days. */
export interface DaySums {
  /** kWh of what is known, and of how many slots that is. */
  readonly known: Float64Array
  readonly count: Int32Array
  /** Slots that are known, in all. */
  readonly total: number
}

const sums = new WeakMap<Float64Array, { readonly starts: Int32Array; readonly of: DaySums }>()

/** Sums of a column that nobody writes to any more: a view of a frame, or a copy that is finished. Asked again it answers at once. */
export const daySums = (column: Float64Array, starts: Int32Array): DaySums => {
  const before = sums.get(column)
  if (before?.starts === starts) return before.of
  const days = starts.length - 1
  const known = new Float64Array(days)
  const count = new Int32Array(days)
  let total = 0
  for (let day = 0; day < days; day++) {
    let sum = 0
    let slots = 0
    for (let slot = starts[day]!; slot < starts[day + 1]!; slot++) {
      const value = column[slot]!
      if (Number.isNaN(value)) continue
      sum += value
      slots++
    }
    known[day] = sum
    count[day] = slots
    total += slots
  }
  const of = { known, count, total }
  sums.set(column, { starts, of })
  return of
}

/** As {@link daySum}, for every day. */
export const wholeDays = (column: Float64Array, starts: Int32Array): Float64Array => {
  const { known, count } = daySums(column, starts)
  return known.map((sum, day) => (count[day] === (starts[day + 1] ?? 0) - (starts[day] ?? 0) ? sum : Number.NaN))
}

/** What a column is filled from. */
export interface Fillable {
  readonly imp: Float64Array
  /** {@link Known}; absent = every energy was read. */
  readonly known?: Uint8Array
}

export type DayScale = (day: number, other: number) => number

/** What meters that were read on both days used on one, over what they used on the other. */
export const dayScale = ({ days, dayStarts }: AreaFrame, meters: readonly Fillable[]): DayScale => {
  let totals: readonly Float64Array[] | null = null
  const work = () =>
    meters.map(({ imp, known }) =>
      wholeDays(imp, dayStarts).map((sum, day) =>
        known?.subarray(dayStarts[day] ?? 0, dayStarts[day + 1] ?? 0).includes(1) ? Number.NaN : sum,
      ),
    )
  const seen = new Map<number, number>()
  return (day, other) => {
    const key = day * days.length + other
    const before = seen.get(key)
    if (before !== undefined) return before
    // Most areas have no gap and never ask.
    totals ??= work()
    let here = 0
    let there = 0
    for (const total of totals) {
      const [a, b] = [total[day] ?? Number.NaN, total[other] ?? Number.NaN]
      if (Number.isNaN(a) || Number.isNaN(b)) continue
      here += a
      there += b
    }
    const scale = there > 0 ? here / there : Number.NaN
    seen.set(key, scale)
    return scale
  }
}

/** Totals over longer gaps are spread along like days; shorter ones are a straight line, which they come as. */
const SHORT_GAP_MS = 2 * 3_600_000

/**
 * Energies of quarter hours that nobody knows: the mean of the same quarter hours of three like days (same kind of day), days before first, scaled
 * by what the rest of the area used on those days. The total of a gap between two registers is measured; over more than two hours it is spread
 * along the same days, scaled to that total.
 *
 * @param scale  what the rest of the area used on one day, over what it used on the other; NaN = not known
 * @param most   no day is scaled by more
 * @source       validation rules of metering: like days of the same day type, scaled to the register difference
 */
export const fillColumn = (frame: AreaFrame, of: Fillable, scale: DayScale, most = MOST_SCALE): Filled => {
  const before = whole.get(of.imp)
  if (before && before.known === of.known && before.starts === frame.dayStarts) return before.filled
  const filled = fill(frame, of, scale, most)
  if (filled.kwh === of.imp) whole.set(of.imp, { known: of.known, starts: frame.dayStarts, filled })
  return filled
}

/** Columns without holes: nothing else plays a part in what comes of them. */
const whole = new WeakMap<Float64Array, { readonly known: Uint8Array | undefined; readonly starts: Int32Array; readonly filled: Filled }>()

const fill = (frame: AreaFrame, { imp, known }: Fillable, scale: DayScale, most: number): Filled => {
  const { dayStarts, days } = frame
  const estimated = new Float64Array(days.length)
  const holes = new Int32Array(days.length)
  const read = known ? onlyRead(imp, known, Math.round(SHORT_GAP_MS / frame.stepMs)) : imp
  let kwh = imp
  let guess: Uint8Array | null = null
  const totals = wholeDays(read, dayStarts)
  for (let day = 0; day < days.length; day++) {
    const [from, to] = [dayStarts[day] ?? 0, dayStarts[day + 1] ?? 0]
    if (!Number.isNaN(totals[day] ?? Number.NaN)) continue
    if (kwh === imp) kwh = imp.slice()
    const order = likeDays(frame, day)
    for (let slot = from; slot < to; slot++) {
      if (!Number.isNaN(read[slot] ?? Number.NaN)) continue
      const like = likeSlot(frame, read, { scaleOf: scale, most }, order, day, slot - from)
      kwh[slot] = like
      guess ??= new Uint8Array(imp.length)
      guess[slot] = Number.isNaN(imp[slot] ?? Number.NaN) ? 2 : 1
      if (guess[slot] === 1) continue
      holes[day] = (holes[day] ?? 0) + 1
      estimated[day] = (estimated[day] ?? 0) + like
    }
  }
  if (read !== imp && kwh !== imp) keepTotals(imp, read, kwh)
  return { kwh, estimated, holes, spread: relativeSpread(totals), guess }
}

/** A column without the energies that were spread over gaps longer than so many slots. */
const onlyRead = (imp: Float64Array, known: Uint8Array, longest: number): Float64Array => {
  let read = imp
  for (let slot = 0; slot < imp.length; slot++) {
    if (known[slot] !== 1) continue
    let end = slot
    while (end < imp.length && known[end] === 1) end++
    if (end - slot > longest) {
      if (read === imp) read = imp.slice()
      read.fill(Number.NaN, slot, end)
    }
    slot = end
  }
  return read
}

/** Scales every gap whose total was measured back to that total; one whose like days say nothing stays as it came. */
const keepTotals = (imp: Float64Array, read: Float64Array, kwh: Float64Array): void => {
  const isSpread = (slot: number) => Number.isNaN(read[slot] ?? 0) && !Number.isNaN(imp[slot] ?? Number.NaN)
  for (let slot = 0; slot < imp.length; slot++) {
    if (!isSpread(slot)) continue
    let [end, total, guessed] = [slot, 0, 0]
    for (; end < imp.length && isSpread(end); end++) {
      total += imp[end] ?? 0
      guessed += kwh[end] ?? Number.NaN
    }
    for (let at = slot; at < end; at++) kwh[at] = guessed > 0 ? ((kwh[at] ?? 0) * total) / guessed : (imp[at] ?? Number.NaN)
    slot = end
  }
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
  { scaleOf, most }: { readonly scaleOf: DayScale; readonly most: number },
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
    const scale = scaleOf(day, other)
    sum += value * (scale > 0 ? Math.min(most, Math.max(1 / most, scale)) : 1)
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
