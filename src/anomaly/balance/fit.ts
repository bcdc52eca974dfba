import { select } from '../voltage/linear.ts'
import type { Rows } from './rows.ts'

/** A column of the balance: what is unexplained in each row if its coefficient is 1, kW. */
export interface Column {
  readonly values: Float64Array
  /** Spread of the coefficient before the data are looked at (ridge). */
  readonly spread: number
}

export interface Fit {
  readonly coefficients: Float64Array
  /** Standard errors, for rows that are as independent as `clustered` says. */
  readonly errors: Float64Array
  readonly residual: Float64Array
}

/** Factor of a symmetric positive matrix by Cholesky, in its place (lower triangle). */
export const factor = (a: Float64Array, n: number): void => {
  for (let j = 0; j < n; j++) {
    let diagonal = a[j * n + j]!
    for (let k = 0; k < j; k++) diagonal -= a[j * n + k]! ** 2
    const root = Math.sqrt(Math.max(diagonal, 1e-12))
    a[j * n + j] = root
    for (let i = j + 1; i < n; i++) {
      let sum = a[i * n + j]!
      for (let k = 0; k < j; k++) sum -= a[i * n + k]! * a[j * n + k]!
      a[i * n + j] = sum / root
    }
  }
}

/** Solves `L Lᵀ x = b`. */
export const solve = (l: Float64Array, n: number, b: Float64Array): Float64Array => {
  const x = Float64Array.from(b)
  for (let i = 0; i < n; i++) {
    let sum = x[i]!
    for (let k = 0; k < i; k++) sum -= l[i * n + k]! * x[k]!
    x[i] = sum / l[i * n + i]!
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i]!
    for (let k = i + 1; k < n; k++) sum -= l[k * n + i]! * x[k]!
    x[i] = sum / l[i * n + i]!
  }
  return x
}

/**
 * Weighted ridge regression of the unexplained power on a few columns.
 * The penalty of a coefficient is its prior spread against the noise of the rows, so that small customers are not hidden by large ones.
 *
 * @param weights  one over the variance of each row, 1/kW²
 * @param clustered  how many rows are worth one independent row
 */
export const fitRows = ({ count, unexplained }: Rows, columns: readonly Column[], weights: Float64Array, clustered: number): Fit => {
  const n = columns.length
  const gram = new Float64Array(n * n)
  const right = new Float64Array(n)
  const weighted = new Float64Array(count)
  for (let i = 0; i < n; i++) {
    const { values: a, spread } = columns[i]!
    let product = 0
    for (let row = 0; row < count; row++) {
      weighted[row] = (weights[row]! * a[row]!) / clustered
      product += weighted[row]! * unexplained[row]!
    }
    right[i] = product
    for (let j = 0; j <= i; j++) {
      const b = columns[j]!.values
      let sum = 0
      for (let row = 0; row < count; row++) sum += weighted[row]! * b[row]!
      gram[i * n + j] = sum
      gram[j * n + i] = sum
    }
    gram[i * n + i]! += 1 / spread ** 2
  }
  factor(gram, n)
  const coefficients = solve(gram, n, right)
  const errors = new Float64Array(n)
  const residual = Float64Array.from(unexplained)
  for (let i = 0; i < n; i++) {
    const unit = new Float64Array(n)
    unit[i] = 1
    errors[i] = Math.sqrt(Math.max(0, solve(gram, n, unit)[i]!))
    const [k, { values }] = [coefficients[i]!, columns[i]!]
    for (let row = 0; row < count; row++) residual[row]! -= k * values[row]!
  }
  return { coefficients, errors, residual }
}

/** Robust standard deviation about zero. */
export const robustSpread = (values: Float64Array): number => {
  if (values.length === 0) return 0
  const size = new Float64Array(values.length)
  for (let at = 0; at < size.length; at++) size[at] = Math.abs(values[at]!)
  return select(size, size.length, size.length >> 1) / 0.6745
}

/** Blocks of the day in which noise is judged: two hours. */
const BLOCKS = 12

/**
 * Variance of each row after a fit. Where something unexplained comes and goes the balance proves little about anybody else: the noise of a
 * row is at least what is left in its two hours of that day and the days beside it, else a night thief not yet found would make suspects of
 * all who use power at night.
 *
 * @param floor  standard deviation of a row where nothing is wrong, kW
 */
export const localVariance = ({ count, day, hour, days, variance }: Rows, residual: Float64Array, floor: number): Float64Array => {
  const [sum, number] = [new Float64Array(days * BLOCKS), new Float64Array(days * BLOCKS)]
  for (let row = 0; row < count; row++) {
    const at = day[row]! * BLOCKS + (hour[row]! >> 1)
    sum[at]! += residual[row]! ** 2
    number[at]! += 1
  }
  const out = new Float64Array(count)
  for (let row = 0; row < count; row++) {
    const at = day[row]! * BLOCKS + (hour[row]! >> 1)
    let total = sum[at]!
    let n = number[at]!
    for (let beside = at - BLOCKS; beside <= at + BLOCKS; beside += 2 * BLOCKS) {
      if (beside < 0 || beside >= sum.length) continue
      total += sum[beside]! / 2
      n += number[beside]! / 2
    }
    out[row] = Math.max(floor * floor, n > 0 ? total / n : 0) + variance[row]!
  }
  return out
}

/** Rows that neighbour each other and may err alike. */
const CLUSTER = 3

/** How many neighbouring rows are worth one: the variance of their sums against that of single rows, 1 to 3. */
export const clustering = ({ count, hours }: Rows, residual: Float64Array, weights: Float64Array): number => {
  if (hours > 1) return 1
  let joint = 0
  let single = 0
  for (let first = 0; first + CLUSTER <= count; first += CLUSTER) {
    let sum = 0
    for (let row = first; row < first + CLUSTER; row++) {
      const value = residual[row]! * Math.sqrt(weights[row]!)
      sum += value
      single += value * value
    }
    joint += sum * sum
  }
  return single === 0 ? 1 : Math.min(CLUSTER, Math.max(1, joint / single))
}
