import { type Column, clustering, type Fit, factor, fitRows, localVariance, robustSpread, solve } from './fit.ts'
import type { Rows } from './rows.ts'
import type { Judged } from './scan.ts'

export const meanOf = (values: Float64Array): number => {
  let sum = 0
  for (let at = 0; at < values.length; at++) sum += values[at]!
  return sum / Math.max(1, values.length)
}

export const nuisance = (rows: Rows): Column[] => {
  const columns: Column[] = [
    // Meters' own use is 1 W each or so; a gateway of class 0.5 S errs by less than 0.5 %; the wires' loss is known to a fifth or so.
    { values: new Float64Array(rows.count).fill(1), spread: 0.02 + 0.001 * rows.use.length },
    { values: rows.supply, spread: 0.0025 },
    { values: rows.wires, spread: 0.2 },
  ]
  // A meter that was not read for half a day or more takes what it takes: its usual times a factor nobody knows.
  for (const [meter, guessed] of rows.guessed.entries()) {
    if (!guessed || guessed.reduce((sum, share) => sum + share, 0) * rows.hours < 12) continue
    columns.push({ values: guessed.map((share, row) => share * rows.use[meter]![row]!), spread: 0.5 })
  }
  return columns
}

export interface State {
  readonly fit: Fit
  readonly judged: Judged
  readonly noise: number
}

/** The area's own columns (the first three) and the inverse of their weighted products. */
export const heldBy = (columns: readonly Column[], weights: Float64Array): Pick<Judged, 'held' | 'inverse'> => {
  const held = columns.slice(0, 3).map(({ values }) => values)
  const gram = new Float64Array(9)
  for (const [i, a] of held.entries())
    for (const [j, b] of held.entries()) {
      let sum = i === j ? 1 / columns[i]!.spread ** 2 : 0
      for (let row = 0; row < a.length; row++) sum += weights[row]! * a[row]! * b[row]!
      gram[i * 3 + j] = sum
    }
  factor(gram, 3)
  const inverse = new Float64Array(9)
  for (let i = 0; i < 3; i++) inverse.set(solve(gram, 3, Float64Array.of(i === 0 ? 1 : 0, i === 1 ? 1 : 0, i === 2 ? 1 : 0)), 3 * i)
  return { held, inverse }
}

/** Share of the days taken to be quiet. */
const QUIET_DAYS = 0.25
const FEWEST_HOURS = 12

/**
 * Noise of a row where nothing is wrong, kW: that of the quieter days. What is not yet explained usually began on some day; over the whole window
 * it would pass for noise, and who clears every hour would look no better than who resembles him.
 */
const quietSpread = ({ dayRows, days, hours }: Rows, residual: Float64Array): number => {
  const all = robustSpread(residual)
  if (hours > 1) return all
  const ofDays: number[] = []
  for (let day = 0; day < days; day++) {
    const [from, to] = [dayRows[day]!, dayRows[day + 1]!]
    if (to - from >= FEWEST_HOURS) ofDays.push(robustSpread(residual.subarray(from, to)))
  }
  ofDays.sort((a, b) => a - b)
  return Math.min(all, ofDays[Math.floor(QUIET_DAYS * ofDays.length)] ?? all)
}

/** Fits the columns, looks how noisy the rows are then, and fits again with that. */
export const refit = (rows: Rows, columns: readonly Column[], before: Float64Array | null): State => {
  let weights = before ?? new Float64Array(rows.count).fill(1)
  let clustered = 1
  let noise = 0
  let fit = fitRows(rows, columns, weights, 1)
  for (let turn = 0; turn < 2; turn++) {
    noise = Math.max(1e-4, quietSpread(rows, fit.residual))
    weights = localVariance(rows, fit.residual, noise)
    for (let row = 0; row < weights.length; row++) weights[row] = 1 / weights[row]!
    clustered = clustering(rows, fit.residual, weights)
    fit = fitRows(rows, columns, weights, clustered)
  }
  return { fit, judged: { rows, residual: fit.residual, weights, clustered, ...heldBy(columns, weights) }, noise }
}

/** The residual as it would be without one component. */
export const without = ({ fit, judged }: State, at: number, { values }: Column): Judged => {
  const size = fit.coefficients[at]!
  const residual = new Float64Array(values.length)
  for (let row = 0; row < residual.length; row++) residual[row] = judged.residual[row]! + size * values[row]!
  return { ...judged, residual }
}

/**
 * What moves where the component acts, weighted by how strongly it acts there: its own part against what is left over beyond the noise.
 * Rows in which something of uncertain form acts as well are left out while enough others remain.
 */
export const purityOf = (
  { fit, judged: { rows }, noise }: State,
  size: number,
  { values }: Column,
  others: readonly Float64Array[],
): number => {
  const clean = { own: 0, left: 0 }
  const mixed = { own: 0, left: 0 }
  for (let row = 0; row < rows.count; row++) {
    const power = (size * values[row]!) ** 2
    if (power === 0) continue
    // Rows with estimates in them say less.
    const part = power / (noise * noise + rows.variance[row]!)
    const sum = others.some((other) => other[row] !== 0) ? mixed : clean
    sum.own += part * power
    sum.left += part * (fit.residual[row]! ** 2 - noise * noise - rows.variance[row]!)
  }
  const [own, left] =
    clean.own >= 0.1 * (clean.own + mixed.own) ? [clean.own, clean.left] : [clean.own + mixed.own, clean.left + mixed.left]
  return own === 0 ? 0 : own / (own + Math.max(0, left))
}
