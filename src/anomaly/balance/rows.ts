import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { AreaView } from '../view.ts'
import { type GatewayRatio, withGatewayRatio } from './gateway-ratio.ts'
import { coverage, energyOf, type Net, netOf, powerOf, quartersOf, trusted, withStrangers } from './net.ts'
import { instantLoss } from './technical.ts'

/**
 * The balance of an area (台区平衡) written as equations: in each row `unexplained = supply − Σ use − wires`, all in kW.
 *
 * `power` rows are means of the instantaneous values at the ends of the quarter hours of an hour, `energy` rows means of an hour from the
 * registers, `daily` rows means of a day. What a row claims is the same; how well it knows it differs, and the noise is measured, never assumed.
 */
export interface Rows {
  readonly channel: 'power' | 'energy' | 'daily'
  readonly count: number
  /** Hours a row stands for. */
  readonly hours: number
  readonly days: number
  /** Day of each row, and the first row of each day with one more at the end. */
  readonly day: Int32Array
  readonly dayRows: Int32Array
  /** Hour of the local day. */
  readonly hour: Uint8Array
  /** Row of each slot of the frame, −1 = of none, and slots of each row. */
  readonly rowOf: Int32Array
  readonly slotsOf: Uint16Array
  /** Supply less metered use less wires, kW. */
  readonly unexplained: Float64Array
  readonly supply: Float64Array
  /** Power lost in the wires, kW. */
  readonly wires: Float64Array
  /** Net power of each customer in each slot of the frame. */
  readonly net: readonly Net[]
  /** What each customer takes by its meter, kW, never below zero; where it was not read, its usual. */
  readonly use: readonly Float64Array[]
  /** Above 0 where `use` is not read but estimated. */
  readonly guessed: readonly (Float64Array | null)[]
  /** Variance that the estimates bring into a row, kW². */
  readonly variance: Float64Array
  /** The area's own meter has another ratio than the ledger; `supply` and `unexplained` are put right. */
  readonly gatewayRatio?: GatewayRatio
}

/** Rows are dropped when what had to be estimated in them is above this share of the supply: they would prove nothing. */
const GUESS_SHARE = 0.35

const HOUR_MS = 3_600_000

interface Grid {
  readonly rowOf: Int32Array
  readonly slotsOf: Uint16Array
  readonly day: Int32Array
  readonly hour: Uint8Array
}

/** Hours that have at least half of their slots, or days that have all. */
const gridOf = (frame: AreaFrame, good: Uint8Array, whole: 'hour' | 'day'): Grid => {
  const rowOf = new Int32Array(frame.slots).fill(-1)
  const [slotsOf, day, hour]: [number[], number[], number[]] = [[], [], []]
  for (let at = 0; at < frame.days.length; at++) {
    const [start, end] = [frame.dayStarts[at]!, frame.dayStarts[at + 1]!]
    const size = whole === 'day' ? end - start : Math.max(1, Math.round(HOUR_MS / frame.stepMs))
    for (let from = start; from < end; from += size) {
      let n = 0
      const to = Math.min(end, from + size)
      for (let slot = from; slot < to; slot++) n += good[slot]!
      if (n === 0 || n < (whole === 'day' ? 1 : 0.5) * size) continue
      for (let slot = from; slot < to; slot++) if (good[slot] === 1) rowOf[slot] = slotsOf.length
      slotsOf.push(n)
      day.push(at)
      hour.push(whole === 'day' ? 0 : Math.min(23, Math.floor((from - start) / size)))
    }
  }
  return { rowOf, slotsOf: Uint16Array.from(slotsOf), day: Int32Array.from(day), hour: Uint8Array.from(hour) }
}

/** Means of a column over the slots of each row. */
export const meansOf = ({ rowOf, slotsOf }: Pick<Grid, 'rowOf' | 'slotsOf'>, column: Float64Array | Uint8Array): Float64Array => {
  const out = new Float64Array(slotsOf.length)
  for (let slot = 0; slot < rowOf.length; slot++) {
    const row = rowOf[slot]!
    if (row >= 0) out[row]! += column[slot]!
  }
  for (let row = 0; row < out.length; row++) out[row]! /= slotsOf[row]!
  return out
}

const firstRows = (day: Int32Array, days: number): Int32Array => {
  const out = new Int32Array(days + 1).fill(day.length)
  for (let row = day.length - 1; row >= 0; row--) out[day[row]!] = row
  for (let at = days - 1; at >= 0; at--) out[at] = Math.min(out[at]!, out[at + 1]!)
  return out
}

const sumOf = (columns: readonly Float64Array[], slots: number): Float64Array => {
  const out = new Float64Array(slots).fill(columns.length === 0 ? Number.NaN : 0)
  for (const column of columns) for (let slot = 0; slot < slots; slot++) out[slot]! += column[slot]!
  return out
}

const rowsFrom = (
  frame: AreaFrame,
  channel: Rows['channel'],
  supplied: Float64Array,
  nets: readonly Net[],
  lost: Float64Array,
  quarter: Uint8Array,
): Rows => {
  const [taken, variance, good] = [new Float64Array(frame.slots), new Float64Array(frame.slots), new Uint8Array(frame.slots)]
  for (const { value, guessed, spread } of nets) {
    for (let slot = 0; slot < taken.length; slot++) taken[slot]! += value[slot]!
    if (!guessed || !spread) continue
    for (let slot = 0; slot < taken.length; slot++) if (guessed[slot] === 1) variance[slot]! += spread[quarter[slot]!]!
  }
  for (let slot = 0; slot < frame.slots; slot++)
    if (Number.isFinite(supplied[slot]!) && Math.sqrt(variance[slot]!) <= GUESS_SHARE * Math.max(1, Math.abs(supplied[slot]!)))
      good[slot] = 1
  const whole = channel === 'daily' ? 'day' : 'hour'
  const grid = gridOf(frame, good, whole)
  const [supply, wires, sold] = [meansOf(grid, supplied), meansOf(grid, lost), meansOf(grid, taken)]
  // What is guessed of an hour is guessed for all of its quarters alike: their errors do not average out.
  return {
    channel,
    count: grid.day.length,
    hours: whole === 'day' ? 24 : 1,
    days: frame.days.length,
    ...grid,
    dayRows: firstRows(grid.day, frame.days.length),
    unexplained: supply.map((kw, row) => kw - sold[row]! - wires[row]!),
    supply,
    wires,
    net: nets,
    use: nets.map(({ value }) => {
      const use = meansOf(grid, value)
      for (let row = 0; row < use.length; row++) use[row] = Math.max(0, use[row]!)
      return use
    }),
    guessed: nets.map(({ guessed }) => (guessed ? meansOf(grid, guessed) : null)),
    variance: meansOf(grid, variance),
  }
}

const slotRows = (view: AreaView, channel: 'power' | 'energy', quarter: Uint8Array): Rows | null => {
  const { frame } = view
  const readOf = channel === 'power' ? powerOf : energyOf
  const supplied = sumOf(
    frame.gateways.map((gateway) => trusted(frame, readOf(frame, gateway), doubtsOf(view, gateway))),
    frame.slots,
  )
  if (coverage(supplied) < 0.3) return null
  const read = frame.meters.map((meter) => readOf(frame, meter))
  if (read.filter((column) => coverage(column) < 0.3).length > 0.3 * read.length) return null
  const nets = withStrangers(
    frame.meters.map((meter, at) => netOf(frame, meter, trusted(frame, read[at]!, doubtsOf(view, meter)), quarter)),
    quarter,
  )
  const lost =
    channel === 'power'
      ? instantLoss(
          view,
          nets.map(({ value }) => value),
        )
      : wiresOf(view)
  return rowsFrom(frame, channel, supplied, nets, lost, quarter)
}

const doubtsOf = (view: AreaView, { fact }: MeterColumns) => view.doubts.filter(({ id }) => id === fact.id)

/** Loss of the wires as it was handed over, kW; where it is not known the fit's own column for the wires has to do. */
const wiresOf = ({ frame, technical }: AreaView): Float64Array =>
  Float64Array.from({ length: frame.slots }, (_, slot) => (technical?.kwh[slot] || 0) / (frame.stepMs / HOUR_MS))

/** One row a day, for areas of which only the registers of midnight are read. */
const dailyRows = (view: AreaView, quarter: Uint8Array): Rows | null => {
  const { frame } = view
  const hours = frame.stepMs / HOUR_MS
  const measured = (meter: MeterColumns): Float64Array => {
    const out = new Float64Array(frame.slots).fill(Number.NaN)
    for (let slot = 0; slot < frame.slots; slot++)
      if (meter.known[slot]! > 0) out[slot] = (meter.imp[slot]! - (meter.exp[slot] || 0)) / hours
    return out
  }
  const supplied = sumOf(frame.gateways.map(measured), frame.slots)
  const nets = withStrangers(
    frame.meters.map((meter) => netOf(frame, meter, trusted(frame, measured(meter), doubtsOf(view, meter)), quarter)),
    quarter,
  )
  const rows = rowsFrom(frame, 'daily', supplied, nets, wiresOf(view), quarter)
  return rows.count >= 4 ? rows : null
}

/** Robust standard deviation from the steps between neighbouring rows: theft, too, comes and goes, but most steps are the balance's own noise. */
const stepNoise = ({ unexplained }: Rows): number => {
  const steps = unexplained
    .subarray(1)
    .map((kw, at) => Math.abs(kw - unexplained[at]!))
    .sort()
  return (steps[steps.length >> 1] ?? Number.POSITIVE_INFINITY) / 0.6745 / Math.SQRT2
}

/** The rows that know most of the area: the quieter of the two quarter-hourly balances, else days; null = nothing can be balanced. */
const quietRows = (view: AreaView): Rows | null => {
  if (view.frame.gateways.length === 0 || view.frame.meters.length === 0) return null
  const quarter = quartersOf(view.frame)
  const power = slotRows(view, 'power', quarter)
  // Instantaneous values of one instant balance far better than registers read half a minute apart: ask the registers only when they may be better.
  if (power && power.count > 0.5 * view.frame.slots * (view.frame.stepMs / HOUR_MS) && stepNoise(power) < QUIET * meanOf(power.supply))
    return power
  const energy = slotRows(view, 'energy', quarter)
  if (power && energy) return power.count > 2 * energy.count || stepNoise(power) <= WORSE * stepNoise(energy) ? power : energy
  return power ?? energy ?? dailyRows(view, quarter)
}

/** The rows by which an area is judged, with the ratio of its own meter put right. */
export const rowsOf = (view: AreaView): Rows | null => {
  const rows = quietRows(view)
  return rows && withGatewayRatio(view, rows)
}

/** What is truly unexplained moves both alike and hides which is quieter: the registers are taken only when they clearly are. */
const WORSE = 1.5

/** Noise over supply below which the instantaneous balance is taken as it is: half the error of a class 0.5 S gateway. */
const QUIET = 0.0025

export const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
