import { type Drops, localise } from './localise.ts'
import { bestOnset, type Candidate, type Judged, squaresSince } from './scan.ts'
import { darkShape, type Shapes } from './shapes.ts'

/** A meter that the ledger puts into a neighbouring area, as seen in the rows of this one. */
export interface Foreign {
  readonly id: string
  readonly area: string
  readonly use: Float64Array
}

/** Hours in which lights may go on and off, from the shortest to the longest night between 35 and 50 degrees of latitude. */
const ON = [15, 16, 17, 18, 19, 20, 21]
const OFF = [4, 5, 6, 7, 8, 9]
const DARK_DAYS = 14

/**
 * The best light-and-dark shape: found from sums by hour, so that every pair of edges costs nothing, and since each of the last days. Hours from
 * before the lamps are so much surer than those in which they are still unexplained that edges sought over both would be edges of noise.
 */
const bestDark = (judged: Judged, squares: Float64Array): Candidate | null => {
  const { rows, residual, weights, clustered } = judged
  const [dot, own] = [new Float64Array(24), new Float64Array(24)]
  const [dots, owns] = [new Float64Array(25), new Float64Array(25)]
  let best = { evidence: 0, on: 0, off: 0 }
  for (let day = rows.days - 1; day >= Math.max(0, rows.days - DARK_DAYS); day--) {
    for (let row = rows.dayRows[day]!; row < rows.dayRows[day + 1]!; row++) {
      dot[rows.hour[row]!]! += weights[row]! * residual[row]!
      own[rows.hour[row]!]! += weights[row]!
    }
    for (let hour = 0; hour < 24; hour++) {
      dots[hour + 1] = dots[hour]! + dot[hour]!
      owns[hour + 1] = owns[hour]! + own[hour]!
    }
    const count = (rows.count - rows.dayRows[day]!) / clustered
    for (const on of ON)
      for (const off of OFF) {
        const sum = dots[24]! - dots[on]! + dots[off]!
        const weight = owns[24]! - owns[on]! + owns[off]!
        const explained = sum > 0 && weight > 0 && squares[day]! > 0 ? Math.min(0.9999, (sum * sum) / weight / squares[day]!) : 0
        const evidence = -0.5 * count * Math.log(1 - explained)
        if (evidence > best.evidence) best = { evidence, on, off }
      }
  }
  return best.evidence > 0 ? bestOnset(judged, squares, 'lighting', -1, darkShape(rows, best.on, best.off), 'positive') : null
}

const better = (best: Candidate | null, one: Candidate | null): Candidate | null =>
  one && (!best || one.evidence > best.evidence) ? one : best

export const bestOf = (candidates: readonly Candidate[]): Candidate | null => candidates.reduce(better, null)

/** The best form for one customer. */
export const bestOfMeter = (
  judged: Judged,
  squares: Float64Array,
  shapes: Shapes,
  meter: number,
  signs: 'positive' | 'both',
): Candidate | null => {
  const share = bestOnset(judged, squares, 'share', meter, judged.rows.use[meter]!, signs)
  if (judged.rows.channel === 'daily') return share
  const away = shapes.absent(meter)
  const active = shapes.active(meter)
  const appliance = active ? bestOnset(judged, squares, 'appliance', meter, active, 'positive') : null
  return better(better(share, appliance), away ? bestOnset(judged, squares, 'absent', meter, away, 'positive') : null)
}

/** Everything that could explain the residual: for each customer its best form, and what is no customer's. */
export interface Scanned {
  readonly ofMeters: readonly (Candidate | null)[]
  readonly others: readonly Candidate[]
}

/** The best form of each customer of the area. */
export const scanMeters = (judged: Judged, shapes: Shapes, squares = squaresSince(judged)): Scanned['ofMeters'] =>
  judged.rows.use.map((_, meter) => bestOfMeter(judged, squares, shapes, meter, 'both'))

export const scanAll = (judged: Judged, shapes: Shapes, foreign: readonly Foreign[]): Scanned => {
  const squares = squaresSince(judged)
  const ofMeters = scanMeters(judged, shapes, squares)
  const others = foreign.map(({ use }, at) => bestOnset(judged, squares, 'foreign', at, use, 'positive'))
  others.push(bestOnset(judged, squares, 'constant', -1, shapes.constant, 'positive'))
  if (judged.rows.channel !== 'daily') others.push(bestDark(judged, squares))
  return { ofMeters, others: others.flatMap((one) => one ?? []) }
}

/**
 * Least share of his own path that the unmetered current must take for a customer to be suspected by his voltage alone: somebody beside him at
 * the end of the same line, not his own service, shares less than that; a customer himself has 1, within the error of what his path is.
 */
const OWN_PATH = 0.7

/** What the voltages see of the residual, as candidates. */
export const byVoltage = (drops: Drops, judged: Judged, asked: readonly number[] = []): Candidate[] => {
  const squares = squaresSince(judged)
  const seen = new Map<number, Float64Array>()
  for (const { meter, drop, ownPath } of localise(drops, judged.residual, asked)) {
    if (asked.length === 0 && (ownPath === null || ownPath < OWN_PATH)) continue
    const known = seen.get(meter)
    // A three-phase customer may take it on any of its phases.
    seen.set(meter, known ? known.map((volt, row) => volt + drop[row]!) : drop)
  }
  return [...seen].flatMap(([meter, drop]) => {
    const one = bestOnset(judged, squares, 'drop', meter, drop, 'positive')
    return one && meanSince(judged.rows, one) > 0 ? [one] : []
  })
}

const meanSince = ({ dayRows, count }: Judged['rows'], { values, onset }: Candidate): number => {
  let sum = 0
  for (let row = dayRows[onset]!; row < count; row++) sum += values[row]!
  return sum
}
