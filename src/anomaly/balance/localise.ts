import type { AreaView } from '../view.ts'
import { factor, solve } from './fit.ts'
import { meansOf, type Rows } from './rows.ts'
import { phaseOf } from './technical.ts'

/**
 * Where in the network does current flow that no meter shows?
 *
 * The voltage between the transformer and a customer falls by `ΔU_i = Σ_j Z_ij·I_j`: the currents of all, each times the resistance of the path
 * it shares with customer i. Energy past the meter is a current the sum lacks. Its own service cable is shared with nobody, so of all customers
 * the one who takes it sees the largest drop that the metered currents do not account for.
 */
export interface Localised {
  readonly meter: number
  /** Drop not accounted for by metered currents in each row, volt. */
  readonly drop: Float64Array
  /** Volt for each kW unexplained, and its standard error. */
  readonly response: number
  readonly error: number
  /** Response over what the customer's own current would do: 1 when the unmetered current takes all of his path; null = his path is not known. */
  readonly ownPath: number | null
}

/** Days of which the resistances are learnt: enough hours (500) for the forty currents of a phase, few enough to follow switching of the network. */
const LEARN_DAYS = 21
const SHORT_LIST = 4
const FEWEST_HOURS = 4
/** A path is known when its customer took at least this much on average (root mean square), ampere. */
const SEEN_AMPERE = 0.3
/** Kilowatt of one ampere at 230 V: a response in volt for each kW becomes one for each ampere. */
const KILOVOLT = 0.23

interface Sensor {
  readonly meter: number
  /** Drop from the gateway in each row, volt. */
  readonly drop: Float64Array
}

/** The phases of an area with the currents that flow in them and the voltages that see them; made once, asked for every suspect. */
export interface Drops {
  readonly phases: readonly PhaseDrops[]
  readonly first: number
  readonly rows: Rows
}

interface PhaseDrops {
  /** Customer of each current; −1 = a whole phase. */
  readonly whose: readonly number[]
  readonly sensors: readonly Sensor[]
  readonly currents: readonly Float64Array[]
  readonly means: readonly number[]
  readonly lower: Float64Array
}

const rowMeans = (rows: Rows, size: number, at: (slot: number) => number): Float64Array => {
  const column = new Float64Array(size)
  for (let slot = 0; slot < size; slot++) column[slot] = at(slot)
  return meansOf(rows, column)
}

const signedCurrent = (rows: Rows, i: Float32Array, p: Float32Array | null): Float64Array =>
  rowMeans(rows, i.length, (slot) => {
    const ampere = Math.abs(i[slot]!)
    return ampere > 0 ? (p && p[slot]! < 0 ? -ampere : ampere) : 0
  })

/** Drops beyond this are no drops, volt. */
const HIGHEST_DROP = 60

const dropOf = (rows: Rows, first: number, supply: Float32Array, here: Float32Array): Float64Array | null => {
  const column = rowMeans(rows, supply.length, (slot) => {
    const volt = supply[slot]! - here[slot]!
    return Math.abs(volt) < HIGHEST_DROP ? volt : Number.NaN
  })
  let sum = 0
  let n = 0
  for (let row = first; row < column.length; row++) {
    if (Number.isNaN(column[row]!)) continue
    sum += column[row]!
    n++
  }
  if (n < 0.5 * (column.length - first)) return null
  for (let row = 0; row < column.length; row++) if (Number.isNaN(column[row]!)) column[row] = sum / n
  return column
}

/** Null where voltages or currents are not read. */
export const dropsOf = (view: AreaView, rows: Rows): Drops | null => {
  const root = view.frame.gateways[0]
  const first = rows.dayRows[Math.max(0, rows.days - LEARN_DAYS)]!
  const length = rows.count - first
  if (!root || rows.channel === 'daily' || length < 48) return null
  const phases: PhaseDrops[] = []
  for (const phase of [0, 1, 2] as const) {
    const supply = root.u[phase]
    if (!supply) continue
    const [sensors, currents, whose]: [Sensor[], Float64Array[], number[]] = [[], [], []]
    for (const [meter, { fact, u, i, p }] of view.frame.meters.entries()) {
      if (fact.type === '1P' && phaseOf(view, fact.id, fact.phase) !== phase) continue
      const at = fact.type === '1P' ? 0 : phase
      const [volt, ampere] = [u[at], i[at]]
      if (ampere) {
        currents.push(signedCurrent(rows, ampere, p))
        whose.push(meter)
      }
      const drop = volt ? dropOf(rows, first, supply, volt) : null
      if (drop) sensors.push({ meter, drop })
    }
    // The other phases return through the same neutral conductor: their sums are enough for that.
    for (const other of [0, 1, 2] as const) {
      const ampere = root.i[other]
      if (other !== phase && ampere) {
        currents.push(signedCurrent(rows, ampere, null))
        whose.push(-1)
      }
    }
    const n = currents.length
    // Resistances learnt from hardly more hours than there are of them fit anything.
    if (n === 0 || sensors.length === 0 || length < FEWEST_HOURS * n) continue
    const means = currents.map((column) => average(column, first))
    const lower = new Float64Array(n * n)
    for (let i = 0; i < n; i++)
      for (let j = 0; j <= i; j++) {
        const sum = dot(currents[i]!, currents[j]!, first) - length * means[i]! * means[j]!
        lower[i * n + j] = i === j ? sum + 1e-3 * length : sum
        lower[j * n + i] = lower[i * n + j]!
      }
    factor(lower, n)
    phases.push({ whose, sensors, currents, means, lower })
  }
  return phases.length === 0 ? null : { phases, first, rows }
}

/** A column without the known currents; they are learnt from the last days, taken out of all. */
const rest = (
  { currents, means, lower }: PhaseDrops,
  y: Float64Array,
  first: number,
): { readonly beta: Float64Array; readonly out: Float64Array } => {
  const n = currents.length
  const level = average(y, first)
  const beta = solve(
    lower,
    n,
    Float64Array.from(currents, (column, i) => dot(column, y, first) - (y.length - first) * means[i]! * level),
  )
  const out = y.map((value) => value - level)
  for (let i = 0; i < n; i++) {
    const k = beta[i]!
    const column = currents[i]!
    const mean = means[i]!
    for (let row = 0; row < out.length; row++) out[row]! -= k * (column[row]! - mean)
  }
  return { beta, out }
}

/**
 * Customers whose voltage shows the unexplained power best, over the three phases.
 * Resistances and the response to the unexplained power are learnt jointly, so the known currents do not borrow from it.
 *
 * @param asked  customers to be answered for in any case
 */
export const localise = ({ phases, first, rows }: Drops, unexplained: Float64Array, asked: readonly number[] = []): Localised[] => {
  const found: Localised[] = []
  for (const phase of phases) {
    const { beta: ofUnexplained, out: own } = rest(phase, unexplained, first)
    const power = dot(own, own, first)
    if (power <= 0) continue
    const ranked = phase.sensors
      .map((sensor) => ({ ...sensor, response: dot(own, sensor.drop, first) / power }))
      .sort((a, b) => b.response - a.response)
    for (const [place, { meter, drop, response }] of ranked.entries()) {
      if (!asked.includes(meter) && (place >= SHORT_LIST || asked.length > 0 || response <= 0)) continue
      const { beta, out: left } = rest(phase, drop, first)
      let noise = 0
      const seen = new Float64Array(rows.count)
      for (let row = 0; row < rows.count; row++) {
        const pure = left[row]! - response * own[row]!
        if (row >= first) noise += pure * pure
        seen[row] = pure + response * unexplained[row]!
      }
      const at = phase.whose.indexOf(meter)
      const path = at < 0 ? Number.NaN : beta[at]! - response * ofUnexplained[at]!
      const moved = at >= 0 && dot(phase.currents[at]!, phase.currents[at]!, first) / (rows.count - first) > SEEN_AMPERE ** 2
      const error = Math.sqrt(noise / (rows.count - first) / power)
      found.push({ meter, drop: seen, response, error, ownPath: moved && path > 0 ? (response * KILOVOLT) / path : null })
    }
  }
  return found
}

const dot = (a: Float64Array, b: Float64Array, from: number): number => {
  let sum = 0
  for (let row = from; row < a.length; row++) sum += a[row]! * b[row]!
  return sum
}

const average = (a: Float64Array, from: number): number => {
  let sum = 0
  for (let row = from; row < a.length; row++) sum += a[row]!
  return a.length > from ? sum / (a.length - from) : 0
}
