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
  /** Variance that its values have of their own, kW²; none where they were counted. */
  readonly blur?: number
}

export interface Judged {
  readonly rows: Rows
  readonly residual: Float64Array
  readonly weights: Float64Array
  readonly clustered: number
  /** What every fit holds (the area's own columns), and the inverse of their weighted products: a candidate is judged by what they cannot say. */
  readonly held: readonly Float64Array[]
  readonly inverse: Float64Array
}

/** Prior spread of the coefficient of each form: shares about half the use, powers a few kW. */
const SPREAD: Readonly<Record<Shape, number>> = { share: 1, appliance: 3, absent: 1, drop: 1, foreign: 1, lighting: 5, constant: 5 }

/** Share of a column that the area's own columns leave it at least. */
const LEAST_FREE = 0.05

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
  const { rows, residual, weights, clustered, held, inverse } = judged
  const { dayRows, days } = rows
  const [first, second, third] = [held[0]!, held[1]!, held[2]!]
  let a = 0
  let b = 0
  let c = 0
  const prior = 1 / SPREAD[shape] ** 2
  let dot = 0
  let own = 0
  let onset = -1
  let bestSize = 0
  let bestExplained = 0
  let bestEvidence = 0
  for (let day = days - 1; day >= 0; day--) {
    for (let row = dayRows[day]!; row < dayRows[day + 1]!; row++) {
      const v = values[row]!
      if (v === 0) continue
      const weighted = weights[row]! * v
      dot += weighted * residual[row]!
      own += weighted * v
      a += weighted * first[row]!
      b += weighted * second[row]!
      c += weighted * third[row]!
    }
    if (onlyFrom !== null && day !== onlyFrom) continue
    if (own <= 0 || (dot < 0 && signs === 'positive')) continue
    const said =
      a * (inverse[0]! * a + inverse[1]! * b + inverse[2]! * c) +
      b * (inverse[3]! * a + inverse[4]! * b + inverse[5]! * c) +
      c * (inverse[6]! * a + inverse[7]! * b + inverse[8]! * c)
    // What is left of the column itself; never less than a twentieth, where it could not be told from the area's own.
    const free = Math.max(LEAST_FREE * own, own - said)
    const size = dot / (free + prior * clustered)
    const total = squares[day]!
    const explained = total > 0 ? Math.min(0.9999, (2 * size * dot - size * size * free) / total) : 0
    const count = (rows.count - dayRows[day]!) / clustered
    const evidence = explained > 0 ? -0.5 * count * Math.log(1 - explained) : 0
    if (onset >= 0 && !(evidence > bestEvidence)) continue
    onset = day
    bestSize = size
    bestExplained = explained
    bestEvidence = evidence
  }
  return onset < 0 ? null : { shape, meter, values, onset, size: bestSize, explained: bestExplained, evidence: bestEvidence }
}

/** A column that begins on a day: nothing before. */
export const since = ({ dayRows }: Rows, values: Float64Array, onset: number): Float64Array => {
  if (onset === 0) return values
  const out = Float64Array.from(values)
  out.fill(0, 0, dayRows[onset]!)
  return out
}

/** Degrees of freedom of the noise when candidates are held against each other: heavy tails, so that rows in which others act weigh little. */
const TAILS = 4

/**
 * By how much a candidate makes the rows likelier, in nats, when noise has the size it has where nothing is wrong, and heavy tails.
 *
 * R² asks how much of the movement is explained; this asks in how many hours nothing is left to explain. The one who truly takes the power
 * clears every hour in which he acts alone; who only resembles him clears none. The onset is the day from which that is so.
 *
 * @param noise  standard deviation of a row where nothing is wrong, kW
 * @param onlyFrom  a fixed onset
 */
export const gainOf = (
  { rows, residual, clustered }: Judged,
  noise: number,
  { values, onset, size: start, blur = 0 }: Pick<Candidate, 'values' | 'onset' | 'size' | 'blur'>,
  onlyFrom: number | null = null,
): { readonly gain: number; readonly onset: number; readonly size: number } => {
  const { variance, count, dayRows } = rows
  let size = start
  for (let turn = 0; turn < 3; turn++) {
    let dot = 0
    let own = 0
    for (let row = dayRows[onset]!; row < count; row++) {
      const v = values[row]!
      if (v === 0) continue
      const left = residual[row]! - size * v
      const weighted = v / (TAILS * (noise * noise + blur + variance[row]!) + left * left)
      dot += weighted * residual[row]!
      own += weighted * v
    }
    if (own > 0) size = dot / own
  }
  if (size * start <= 0) return { gain: 0, onset, size }
  const floor = noise * noise + blur
  let best = 0
  let bestDay = onset
  let sum = 0
  for (let day = rows.days - 1; day >= 0; day--) {
    for (let row = dayRows[day]!; row < dayRows[day + 1]!; row++) {
      const v = values[row]!
      if (v === 0) continue
      const scale = TAILS * (floor + variance[row]!)
      const before = residual[row]!
      const after = before - size * v
      sum += Math.log((scale + before * before) / (scale + after * after))
    }
    const gain = ((TAILS + 1) / 2) * (sum / clustered)
    if ((onlyFrom === null || day === onlyFrom) && gain > best) {
      best = gain
      bestDay = day
    }
  }
  return { gain: best, onset: bestDay, size }
}
