import type { Rows } from './rows.ts'

/**
 * The forms in which energy gets lost past a meter, each a column that the balance can be asked for:
 * - `share`: in step with what the meter shows (shunt, tap, wrong ratio; with coefficient −1 the customer hangs elsewhere);
 * - `appliance`: a steady power whenever the customer is active (an appliance wired past the meter);
 * - `absent`: the customer's usual while the meter shows nothing (night or full bypass);
 * - `drop`: what the voltage at the customer shows to flow and the meter does not;
 * - `foreign`: in step with a meter that the ledger puts into another area;
 * - `lighting`, `constant`: of the area, of no customer.
 */
export type Shape = 'share' | 'appliance' | 'absent' | 'drop' | 'foreign' | 'lighting' | 'constant'

export interface Candidate {
  readonly shape: Shape
  /** Index of the customer; −1 = the area itself; of a `foreign` one its place in the list of neighbours' meters. */
  readonly meter: number
  readonly values: Float64Array
  /** First day of it, index into the days of the window. */
  readonly onset: number
  /** First estimate of the coefficient. */
  readonly size: number
  /** Share of what is unexplained since the onset that it explains. */
  readonly explained: number
  /** Log likelihood ratio against nothing. */
  readonly evidence: number
}

export interface Judged {
  readonly rows: Rows
  readonly residual: Float64Array
  readonly weights: Float64Array
  readonly clustered: number
}

/** Prior spread of the coefficient of each form: shares about half the use, powers a few kW. */
const SPREAD: Readonly<Record<Shape, number>> = { share: 1, appliance: 3, absent: 1, drop: 1, foreign: 1, lighting: 5, constant: 5 }

/** Weighted squares of the residual from each day to the end. */
export const squaresSince = ({ rows, residual, weights }: Judged): Float64Array => {
  const out = new Float64Array(rows.days + 1)
  for (let day = rows.days - 1; day >= 0; day--) {
    let sum = out[day + 1]!
    for (let row = rows.dayRows[day]!; row < rows.dayRows[day + 1]!; row++) sum += weights[row]! * residual[row]! ** 2
    out[day] = sum
  }
  return out
}

/**
 * The best onset for a column, and how much it then explains.
 *
 * The evidence is the log likelihood ratio `−n/2·ln(1 − R²)` of the rows since the onset, n counted in independent rows; it is what a Gaussian
 * noise of unknown size gives, so it does not take the residual's noise for known.
 *
 * @param signs  which signs the coefficient may have
 * @param onlyFrom  a fixed onset
 */
export const bestOnset = (
  judged: Judged,
  squares: Float64Array,
  shape: Shape,
  meter: number,
  values: Float64Array,
  signs: 'positive' | 'both',
  onlyFrom: number | null = null,
): Candidate | null => {
  const { rows, residual, weights, clustered } = judged
  const { dayRows, days } = rows
  const prior = 1 / SPREAD[shape] ** 2
  let [dot, own] = [0, 0]
  let best: Candidate | null = null
  for (let day = days - 1; day >= 0; day--) {
    for (let row = dayRows[day]!; row < dayRows[day + 1]!; row++) {
      const v = values[row]!
      if (v === 0) continue
      const weighted = weights[row]! * v
      dot += weighted * residual[row]!
      own += weighted * v
    }
    if (onlyFrom !== null && day !== onlyFrom) continue
    if (own <= 0 || (dot < 0 && signs === 'positive')) continue
    const size = dot / (own + prior * clustered)
    const total = squares[day]!
    const explained = total > 0 ? Math.min(0.9999, (2 * size * dot - size * size * own) / total) : 0
    const count = (rows.count - dayRows[day]!) / clustered
    const evidence = -0.5 * count * Math.log(1 - Math.max(0, explained))
    if (!best || evidence > best.evidence) best = { shape, meter, values, onset: day, size, explained, evidence }
  }
  return best
}

/** A column that begins on a day: nothing before. */
export const since = ({ dayRows }: Rows, values: Float64Array, onset: number): Float64Array => {
  if (onset === 0) return values
  const out = Float64Array.from(values)
  out.fill(0, 0, dayRows[onset]!)
  return out
}
