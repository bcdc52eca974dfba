/**
 * Normal equations of a least-squares fit, built row by row: small, dense, no copies of the data.
 * The moments are kept so that one pass over the rows serves the fit, its residual and the errors of its coefficients.
 */
export interface Moments {
  /** Regressors; the first one is usually 1. */
  readonly size: number
  rows: number
  /** Upper triangle, row by row, of the regressors followed by the target: (size + 1) × (size + 1). */
  readonly sums: Float64Array
}

/** A fit: coefficients, their standard errors, and what is left over. */
export interface Fit {
  readonly beta: Float64Array
  /** Standard errors, for rows that are independent of each other. */
  readonly error: Float64Array
  /** Variance of the residual. */
  readonly variance: number
  /** Share of the target's sum of squares (about zero) that is left over. */
  readonly rows: number
}

export const momentsOf = (size: number): Moments => ({ size, rows: 0, sums: new Float64Array((size + 1) * (size + 1)) })

/** Takes one row: `row` holds the regressors and then the target. */
export const addRow = (moments: Moments, row: Float64Array): void => {
  const width = moments.size + 1
  const { sums } = moments
  for (let a = 0; a < width; a++) {
    const left = row[a]!
    for (let b = a; b < width; b++) sums[a * width + b]! += left * row[b]!
  }
  moments.rows++
}

/**
 * {@link addRow} of the row (1, a, b, c, d, y): the same sums in the same order, four times as fast. Most rows of an area's day are such ones.
 *
 * @param moments  of five regressors
 */
export const addFive = (moments: Moments, a: number, b: number, c: number, d: number, y: number): void => {
  const { sums } = moments
  sums[0]! += 1
  sums[1]! += a
  sums[2]! += b
  sums[3]! += c
  sums[4]! += d
  sums[5]! += y
  sums[7]! += a * a
  sums[8]! += a * b
  sums[9]! += a * c
  sums[10]! += a * d
  sums[11]! += a * y
  sums[14]! += b * b
  sums[15]! += b * c
  sums[16]! += b * d
  sums[17]! += b * y
  sums[21]! += c * c
  sums[22]! += c * d
  sums[23]! += c * y
  sums[28]! += d * d
  sums[29]! += d * y
  sums[35]! += y * y
  moments.rows++
}

/**
 * Solves the normal equations by Cholesky.
 *
 * @param ridge  added to the diagonal (none on the first regressor), in units of the moments; keeps coefficients that the data do not show near `prior`
 * @returns      null when the rows do not determine the coefficients
 */
export const solve = ({ size, rows, sums }: Moments, ridge: readonly number[] = [], prior: readonly number[] = []): Fit | null => {
  if (rows <= size) return null
  const width = size + 1
  const at = (a: number, b: number): number => sums[Math.min(a, b) * width + Math.max(a, b)] ?? 0
  const lower = new Float64Array(size * size)
  for (let a = 0; a < size; a++)
    for (let b = 0; b <= a; b++) {
      let sum = at(a, b) + (a === b ? (ridge[a] ?? 0) : 0)
      for (let k = 0; k < b; k++) sum -= (lower[a * size + k] ?? 0) * (lower[b * size + k] ?? 0)
      if (a === b) {
        if (!(sum > 1e-10 * (at(a, a) + (ridge[a] ?? 0)))) return null
        lower[a * size + a] = Math.sqrt(sum)
      } else lower[a * size + b] = sum / (lower[b * size + b] ?? 1)
    }
  const backward = (right: Float64Array): Float64Array => {
    const out = Float64Array.from(right)
    for (let a = 0; a < size; a++) {
      let sum = out[a] ?? 0
      for (let k = 0; k < a; k++) sum -= (lower[a * size + k] ?? 0) * (out[k] ?? 0)
      out[a] = sum / (lower[a * size + a] ?? 1)
    }
    for (let a = size - 1; a >= 0; a--) {
      let sum = out[a] ?? 0
      for (let k = a + 1; k < size; k++) sum -= (lower[k * size + a] ?? 0) * (out[k] ?? 0)
      out[a] = sum / (lower[a * size + a] ?? 1)
    }
    return out
  }
  const beta = backward(Float64Array.from({ length: size }, (_, a) => at(a, size) + (ridge[a] ?? 0) * (prior[a] ?? 0)))
  let squares = at(size, size)
  for (let a = 0; a < size; a++) {
    squares -= 2 * (beta[a] ?? 0) * at(a, size)
    for (let b = 0; b < size; b++) squares += (beta[a] ?? 0) * (beta[b] ?? 0) * at(a, b)
  }
  const variance = Math.max(0, squares) / (rows - size)
  const error = new Float64Array(size)
  const unit = new Float64Array(size)
  for (let a = 0; a < size; a++) {
    unit.fill(0)
    unit[a] = 1
    error[a] = Math.sqrt(Math.max(0, variance * (backward(unit)[a] ?? 0)))
  }
  return { beta, error, variance, rows }
}

/** Room to sort in: medians are asked for by the ten thousand, and each needs a copy for a moment. */
let room = new Float64Array(0)

const roomFor = (length: number): Float64Array => {
  if (room.length < length) room = new Float64Array(length)
  return room
}

/** Median of the values that are numbers; NaN of none. */
export const median = (values: ArrayLike<number>): number => {
  const sorted = roomFor(values.length)
  sorted.set(values)
  let count = 0
  for (let at = 0; at < values.length; at++) {
    const value = sorted[at]!
    if (!Number.isNaN(value)) sorted[count++] = value
  }
  return middleOf(sorted, count)
}

/** Median of the first `count` values, which are put in another order. */
const middleOf = (values: Float64Array, count: number): number => {
  if (count === 0) return Number.NaN
  const middle = count >> 1
  const upper = select(values, count, middle)
  if (count % 2 === 1) return upper
  let lower = Number.NEGATIVE_INFINITY
  for (let at = 0; at < middle; at++) if (values[at]! > lower) lower = values[at]!
  return (lower + upper) / 2
}

/** The value that would stand at `rank` were the first `count` sorted; those before it are not larger. @source Hoare, Algorithm 65: Find, 1961 */
export const select = (values: Float64Array, count: number, rank: number): number => {
  let left = 0
  let right = count - 1
  while (left < right) {
    const pivot = values[rank]!
    let i = left
    let j = right
    while (i <= j) {
      while (values[i]! < pivot) i++
      while (pivot < values[j]!) j--
      if (i <= j) {
        const kept = values[i]!
        values[i++] = values[j]!
        values[j--] = kept
      }
    }
    if (j < rank) left = i
    if (rank < i) right = j
  }
  return values[rank]!
}

/** Robust standard deviation (1.4826 × median absolute deviation). */
export const spread = (values: Float64Array): number => {
  const middle = median(values)
  const away = roomFor(values.length)
  let count = 0
  for (let at = 0; at < values.length; at++) {
    const value = Math.abs(values[at]! - middle)
    if (!Number.isNaN(value)) away[count++] = value
  }
  return 1.4826 * middleOf(away, count)
}
