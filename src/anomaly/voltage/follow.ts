import type { AreaFrame, MeterColumns, Phase } from '../frame.ts'
import { addFive, momentsOf, solve, spread } from './linear.ts'

/** Gateway voltages as changes from slot to slot, volt, one array a phase; NaN where one of the two was not read or jumped beyond reason. */
export interface Swings {
  readonly from: number
  readonly to: number
  readonly phases: readonly Float64Array[]
}

/** How well a voltage follows those of a gateway (电压相关性). */
export interface Following {
  /** Pairs of slots used. */
  readonly rows: number
  /** Partial correlation with each gateway phase: the drop over the customer's own service cable, which his own current explains, is taken out first. */
  readonly correlation: readonly [number, number, number]
  /** Share of each gateway phase in the meter's voltage when the three are told apart by one regression: near 1 for its own phase, near 0 for the others. */
  readonly share: readonly [number, number, number]
  /** Standard errors of `share`. */
  readonly error: readonly [number, number, number]
}

export const PHASES = ['A', 'B', 'C'] as const satisfies readonly Phase[]

/** Volt that a phase may be away from nominal, as shares of it; beyond it is a lost phase or a wrong reading. @source DL/T 1496, loss of voltage below 78 % */
const LOWEST = 0.78
const HIGHEST = 1.2

export const isVoltage = (volt: number, nominal: number): boolean => volt >= LOWEST * nominal && volt <= HIGHEST * nominal

/** First slot of the last `days` days of a frame. */
export const lastDays = (frame: AreaFrame, days: number): number => frame.dayStarts[Math.max(0, frame.days.length - days)] ?? 0

/**
 * Changes of a column from slot to slot over [from, to); the first is always NaN.
 *
 * @param out  where they are put, of that length
 */
export const changes = (
  column: Float32Array | null | undefined,
  from: number,
  to: number,
  nominal: number | null,
  out = new Float64Array(to - from),
): Float64Array => {
  if (!column) return out.fill(Number.NaN)
  let before = Number.NaN
  for (let slot = from; slot < to; slot++) {
    const raw = column[slot]!
    const value = nominal === null || isVoltage(raw, nominal) ? raw : Number.NaN
    out[slot - from] = value - before
    before = value
  }
  return out
}

/** A swing beyond this many robust deviations is held there: a fault or a switching of the grid must not decide alone. */
const HELD_AT = 6

const held = (values: Float64Array): Float64Array => {
  const limit = HELD_AT * spread(values)
  if (!(limit > 0)) return values
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!
    if (value > limit) values[at] = limit
    else if (value < -limit) values[at] = -limit
  }
  return values
}

/** Swings of the gateway over [from, to); null when the area has not exactly one gateway with a voltage. */
export const swingsOf = (frame: AreaFrame, from: number, to: number): Swings | null => {
  const [gateway] = frame.gateways
  if (!gateway || frame.gateways.length !== 1) return null
  return { from, to, phases: [0, 1, 2].map((phase) => held(changes(gateway.u[phase], from, to, frame.fact.nominalV))) }
}

/** Fewer pairs say nothing: a day and a half of quarter hours. */
const FEWEST_ROWS = 96

/**
 * How one voltage of a meter follows the gateway.
 *
 * The meter's swing is `sum_p share_p × gateway swing_p + r × change of its own current`; the second part is what spoils plain correlation at
 * customers with heavy use (Lee et al., 2022) and is known, so it is taken out.
 *
 * @param lag  slots by which the meter is late: its value at `t + lag` is held against the gateway's at `t`
 */
export const follow = (meter: MeterColumns, place: number, swings: Swings, nominal: number, lag = 0): Following | null => {
  if (!meter.u[place]) return null
  const u = held(changes(meter.u[place], swings.from, swings.to, nominal))
  const i = changes(meter.i[place], swings.from, swings.to, null)
  return followSeries(u, i, swings, lag)
}

/** As {@link follow}, of changes already taken. */
export const followSeries = (u: Float64Array, i: Float64Array, { phases }: Swings, lag = 0): Following | null => {
  const [a, b, c] = phases
  if (!a || !b || !c) return null
  const moments = momentsOf(5)
  for (let at = Math.max(0, lag); at < u.length + Math.min(0, lag); at++) {
    const volt = u[at]!
    const before = at - lag
    const ofA = a[before]!
    const ofB = b[before]!
    const ofC = c[before]!
    if (Number.isNaN(volt + ofA + ofB + ofC)) continue
    const ampere = i[at]!
    addFive(moments, ofA, ofB, ofC, Number.isNaN(ampere) ? 0 : ampere, volt)
  }
  if (moments.rows < FEWEST_ROWS) return null
  // A tiny ridge: a meter without current readings, or a gateway with two phases on one, must not make the equations singular.
  const scale = 1e-9 * (moments.sums[7] ?? 1) + 1e-9
  const fit = solve(moments, [0, scale, scale, scale, scale])
  if (!fit) return null
  const ownDrop = fit.beta[4] ?? 0
  const three = (of: (at: number) => number): [number, number, number] => [of(1), of(2), of(3)]
  const width = 6
  const m = (x: number, y: number) => moments.sums[Math.min(x, y) * width + Math.max(x, y)] ?? 0
  const n = moments.rows
  // Covariances about the mean of the meter's swing without its own drop: y − r i.
  const cov = (x: number, y: number) => m(x, y) / n - (m(0, x) / n) * (m(0, y) / n)
  const variance = cov(5, 5) - 2 * ownDrop * cov(4, 5) + ownDrop * ownDrop * cov(4, 4)
  const correlation = three((phase) => {
    const of = cov(phase, phase)
    return of > 0 && variance > 0 ? (cov(phase, 5) - ownDrop * cov(phase, 4)) / Math.sqrt(of * variance) : 0
  })
  return { rows: n, correlation, share: three((at) => fit.beta[at] ?? 0), error: three((at) => fit.error[at] ?? 0) }
}
