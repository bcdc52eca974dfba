import type { AreaFrame, MeterColumns, Phase } from '../frame.ts'
import { changes, type Following, follow, followSeries, lastDays, PHASES, type Swings, swingsOf } from './follow.ts'

/** What the voltages say of the phase (相别) of a meter. */
export interface PhaseEstimate {
  readonly id: string
  readonly phase: 'A' | 'B' | 'C'
  /** Correlation with the gateway phase that fits best, and how much better it is than the next. */
  readonly correlation: number
  readonly margin: number
  /** Difference of the two largest shares in units of its standard error. */
  readonly sigmas: number
  /** Slots by which the meter was late when it fitted best; 0 = in time. */
  readonly lag: number
  readonly rows: number
}

/** Days looked at: a week tells phases apart at any margin a live area has, and follows a re-phasing within days. */
export const PHASE_DAYS = 7
/** Those that a week does not tell get this many. */
const MORE_DAYS = 28

const best = (of: Following, lag: number, id: string): PhaseEstimate => {
  const order = [0, 1, 2].sort((x, y) => (of.share[y] ?? 0) - (of.share[x] ?? 0))
  const [first = 0, second = 1] = order
  const error = Math.hypot(of.error[first] ?? 0, of.error[second] ?? 0)
  const rank = [...of.correlation].sort((x, y) => y - x)
  const own = of.correlation[first] ?? 0
  return {
    id,
    phase: PHASES[first] ?? 'A',
    correlation: own,
    // Against the best of the others: negative when correlation and regression disagree.
    margin: own - (rank[0] === own ? (rank[1] ?? 0) : (rank[0] ?? 0)),
    sigmas: error > 0 ? ((of.share[first] ?? 0) - (of.share[second] ?? 0)) / error : 0,
    lag,
    rows: of.rows,
  }
}

/** A voltage that follows its gateway less than this is tried at other times: its clock may be off. */
const FOLLOWS = 0.5
/** Two hours each way. */
const MOST_LAG = 8

/** Phase of one voltage of a meter; null when there is too little to say anything. */
export const phaseOf = (meter: MeterColumns, place: number, swings: Swings, nominal: number): PhaseEstimate | null => {
  const here = follow(meter, place, swings, nominal)
  if (!here) return null
  const inTime = best(here, 0, meter.fact.id)
  if (inTime.correlation >= FOLLOWS) return inTime
  const u = changes(meter.u[place], swings.from, swings.to, nominal)
  const i = changes(meter.i[place], swings.from, swings.to, null)
  let found = inTime
  for (let lag = -MOST_LAG; lag <= MOST_LAG; lag++) {
    const there = lag === 0 ? null : followSeries(u, i, swings, lag)
    const estimate = there ? best(there, lag, meter.fact.id) : null
    if (estimate && estimate.correlation > found.correlation + 0.05) found = estimate
  }
  return found
}

/**
 * Phases of all single-phase meters of an area (相别识别): which gateway phase each voltage follows, from changes of quarter-hour voltages.
 *
 * @source Blakely, Reno, Feng, Spectral clustering for customer phase identification using AMI voltage timeseries, 2019
 */
export const identifyPhases = (frame: AreaFrame, days = PHASE_DAYS): readonly PhaseEstimate[] => {
  const swings = swingsOf(frame, lastDays(frame, days), frame.slots)
  if (!swings) return []
  let longer: Swings | null = null
  return frame.meters.flatMap((meter) => {
    if (meter.fact.type !== '1P') return []
    const estimate = phaseOf(meter, 0, swings, frame.fact.nominalV)
    if (estimate && isSure(estimate)) return [estimate]
    longer ??= swingsOf(frame, lastDays(frame, MORE_DAYS), frame.slots)
    const again = longer && phaseOf(meter, 0, longer, frame.fact.nominalV)
    return again ? [again] : estimate ? [estimate] : []
  })
}

/** Sure enough to be told: three standard errors, and correlation and regression agree. */
export const isSure = ({ sigmas, margin }: PhaseEstimate): boolean => sigmas >= 3 && margin > 0

/** Gateway phase of each place of a meter, 0 to 2: what the voltages say, else the ledger; null where nobody knows. */
export const placesOf = (meter: MeterColumns, phases: Readonly<Record<string, Phase>>): readonly (number | null)[] => {
  if (meter.fact.type !== '1P') return [0, 1, 2]
  const known = phases[meter.fact.id] ?? meter.fact.phase
  return [known === 'A' ? 0 : known === 'B' ? 1 : known === 'C' ? 2 : null]
}
