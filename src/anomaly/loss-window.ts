import type { AreaFrame, MeterColumns } from './frame.ts'
import { type DayScale, dayScale, daySum, daySums, type Filled, fillColumn, knownSum, medianOf, wholeDays } from './loss-fill.ts'
import { fitGaps } from './loss-gaps.ts'
import { limitsOf, NOT_COMPUTABLE } from './loss-limits.ts'
import type { Member } from './loss-put-right.ts'
import type { AreaView } from './view.ts'

/** A metering point whose energy of a day does not lie between two registers that were read. */
export interface MissingMeter {
  readonly id: string
  /** Quarter hours of the day without energy. */
  readonly slots: number
  /** What it will have used, kWh, and at most: never part of a measured figure. */
  readonly estimate: number
  readonly most: number
}

/** Energies of one day of an area, kWh; NaN = not known. */
export interface DayLoss {
  readonly day: string
  /** Gateway import and what prosumers feed in. */
  readonly input: number
  readonly supply: number
  readonly reverse: number
  readonly generation: number
  /** With what is estimated. */
  readonly sold: number
  readonly estimated: number
  readonly loss: number
  /** Of the wires. */
  readonly technical: number
  /** Share of meters, and of last week's energy, with registers at both ends of the day, 0 to 1. */
  readonly meterShare: number
  readonly energyShare: number
  readonly missing: readonly MissingMeter[]
  readonly isComputable: boolean
  /** The loss lies in between: missing meters at their most, and at nothing. NaN = open: the gateway, or what a missing one uses, is not known. */
  readonly low: number
  readonly high: number
}

export interface Members {
  readonly gateways: readonly (MeterColumns | Member)[]
  readonly meters: readonly (MeterColumns | Member)[]
}

const WEEK = 7
/** A clear winter day gives so much more than a dull one. */
const MOST_SUN = 20
/** Robust deviations that cover what a meter may have used: 99.7 %. */
const SIGMAS = 3

interface Worked {
  readonly technical: AreaView['technical']
  readonly thresholds: AreaView['thresholds']
  readonly days: readonly DayLoss[]
}

/** Several rules look at the same window: a frame never changes, and is asked once. */
const worked = new WeakMap<AreaFrame, Worked>()

/** Sums of every day of a view's window. @param members  those of the frame after something was put right */
export const lossWindow = (view: AreaView, members: Members = view.frame): readonly DayLoss[] => {
  if (members !== view.frame) return windowOf(view, members)
  const { frame, technical, thresholds } = view
  const before = worked.get(frame)
  if (before && before.technical === technical && before.thresholds === thresholds) return before.days
  const days = windowOf(view, frame)
  worked.set(frame, { technical, thresholds, days })
  return days
}

const windowOf = ({ frame, technical, thresholds }: AreaView, members: Members): DayLoss[] => {
  const { days, dayStarts } = frame
  const [gateways, meters] = [members.gateways.map(withRatio), members.meters.map(withRatio)]
  const limit = limitsOf(thresholds, NOT_COMPUTABLE, { zone: frame.fact.zone, id: frame.fact.id })
  const bounds = (day: number): readonly [number, number] => [dayStarts[day] ?? 0, dayStarts[day + 1] ?? 0]
  const scale = dayScale(frame, meters)
  const filled = meters.map((meter) => fillColumn(frame, meter, scale))
  // The sun shines on all roofs of an area alike.
  const sun = dayScale(
    frame,
    meters.filter(({ exp }) => daySums(exp, dayStarts).known.some((kwh) => kwh > 0)).map(({ exp, known }) => ({ imp: exp, known })),
  )
  const fedIn = meters.map(({ exp, known }) => feedIn(frame, exp, known, sun))
  if (technical && filled.some(({ guess }) => guess !== null))
    fitGaps(
      frame,
      filled,
      days.map((_, day) => ({
        net:
          gateways.reduce((sum, { imp, exp }) => sum + daySum(imp, ...bounds(day)) - knownSum(exp, ...bounds(day))[0], 0) +
          fedIn.reduce((sum, exp) => sum + knownSum(exp, ...bounds(day))[0], 0),
        technical: daySum(technical.kwh, ...bounds(day)),
      })),
    )
  const totals = meters.map(({ imp }) => wholeDays(imp, dayStarts))
  // What was filled may still have been changed: only columns as they were read are asked for sums that are kept.
  const knownOf = (column: Float64Array, raw: Float64Array | undefined, day: number): number =>
    column === raw ? (daySums(column, dayStarts).known[day] ?? Number.NaN) : knownSum(column, ...bounds(day))[0]
  return days.map((name, day): DayLoss => {
    const [from, to] = bounds(day)
    const supply = gateways.reduce((sum, { imp }) => sum + daySum(imp, from, to), gateways.length > 0 ? 0 : Number.NaN)
    // A register that is not there, or that nobody reads, feeds nothing in.
    const reverse = gateways.reduce((sum, { exp }) => sum + knownSum(exp, from, to)[0], 0)
    const generation = fedIn.reduce((sum, exp, at) => sum + knownOf(exp, meters[at]?.exp, day), 0)
    // Where the ledger knows no customer, what was sold is not known: it is not nothing.
    const sums = { sold: meters.length > 0 ? 0 : Number.NaN, estimated: 0, guessed: 0, most: 0, good: 0, weight: 0, goodWeight: 0 }
    const missing: MissingMeter[] = []
    for (const [at, meter] of meters.entries()) {
      const column = filled[at]
      if (!column) continue
      const weight = meanBefore(totals[at], day)
      sums.weight += weight
      // Of a meter that was never read nothing is known but that the others are its like.
      const stranger = Number.isNaN(column.estimated[day] ?? 0) ? typical(totals, day) : 0
      sums.sold += knownOf(column.kwh, meter.imp, day) + stranger
      sums.estimated += (column.estimated[day] || 0) + stranger
      if (hasEnds(meter, frame, day)) {
        sums.good++
        sums.goodWeight += weight
        continue
      }
      const one = missingOf(idOf(meter), column, day, to - from)
      missing.push(one)
      // Where nothing is missing within the day its energy is a share of a longer total, and how much of it fell on this day is a guess.
      const share = one.slots > 0 ? 0 : knownOf(column.kwh, meter.imp, day)
      sums.guessed += share
      sums.most += Number.isNaN(column.estimated[day] ?? 0) ? Number.NaN : one.most + share * (1 + SIGMAS * column.spread)
    }
    const input = supply + generation
    const [meterShare, energyShare] = [sums.good / Math.max(1, meters.length), sums.weight > 0 ? sums.goodWeight / sums.weight : 0]
    const loss = input - sums.sold - reverse
    const isSupplyRead = gateways.every((meter) => hasEnds(meter, frame, day))
    const unsold = isSupplyRead ? loss + sums.estimated + sums.guessed : Number.NaN
    return {
      ...{
        day: name,
        input,
        supply,
        reverse,
        generation,
        sold: sums.sold,
        estimated: sums.estimated,
        loss,
        missing,
        meterShare,
        energyShare,
      },
      technical: technical ? daySum(technical.kwh, from, to) : Number.NaN,
      isComputable:
        Number.isFinite(loss) && meters.length > 0 && 100 * meterShare >= limit('meters_pct') && 100 * energyShare >= limit('energy_pct'),
      low: unsold - sums.most,
      high: unsold,
    }
  })
}

/** What a meter feeds in, holes filled from the first export on that is known: before it nobody knows of a roof. */
const feedIn = (frame: AreaFrame, exp: Float64Array, known: Uint8Array, sun: DayScale): Float64Array => {
  if (daySums(exp, frame.dayStarts).total === 0) return exp
  const first = exp.findIndex((value) => !Number.isNaN(value))
  const { kwh } = fillColumn(frame, { imp: exp, known }, sun, MOST_SUN)
  return kwh === exp ? exp : kwh.fill(Number.NaN, 0, first)
}

/** Under a multiplier of zero, or below it, or none, energy is not known: it would be a silent zero. */
const withRatio = <T extends MeterColumns | Member>(meter: T): T =>
  'fact' in meter && !(meter.fact.multiplier > 0) ? { ...meter, imp: new Float64Array(meter.imp.length).fill(Number.NaN) } : meter

const idOf = (meter: MeterColumns | Member): string => ('fact' in meter ? meter.fact.id : meter.id)

/** Registers at both ends: nothing is missing, and no total that reaches over an end is spread by guess. */
const hasEnds = (meter: MeterColumns | Member, { dayStarts }: AreaFrame, day: number): boolean => {
  const [from, to] = [dayStarts[day] ?? 0, dayStarts[day + 1] ?? 0]
  if ((daySums(meter.imp, dayStarts).count[day] ?? 0) < to - from) return false
  if (!('fact' in meter)) return true
  const { known, faceImp } = meter
  return (known[from] === 2 || isRead(faceImp[from - 1])) && (known[to - 1] === 2 || isRead(faceImp[to - 1]))
}

const isRead = (value: number | undefined): boolean => value !== undefined && !Number.isNaN(value)

const missingOf = (id: string, { estimated, holes, spread }: Filled, day: number, slots: number): MissingMeter => {
  const estimate = Number.isFinite(estimated[day]) ? (estimated[day] ?? 0) : 0
  const share = (holes[day] ?? 0) / Math.max(1, slots)
  return { id, slots: holes[day] ?? 0, estimate, most: estimate * (1 + SIGMAS * spread) + (estimate === 0 ? share : 0) }
}

/** Median of what meters used on a day. */
const typical = (totals: readonly Float64Array[], day: number): number =>
  medianOf(totals.flatMap((total) => (Number.isNaN(total[day] ?? Number.NaN) ? [] : [total[day] ?? 0])))

/** Mean daily energy of the week before; of all days when nothing is known of it. */
const meanBefore = (totals: Float64Array | undefined, day: number): number => {
  if (!totals) return 0
  const week = meanOf(totals, Math.max(0, day - WEEK), day)
  return Number.isNaN(week) ? meanOf(totals, 0, totals.length) || 0 : week
}

const meanOf = (values: Float64Array, from: number, to: number): number => {
  let sum = 0
  let count = 0
  for (let day = from; day < to; day++) {
    const value = values[day]!
    if (Number.isNaN(value)) continue
    sum += value
    count++
  }
  return count > 0 ? sum / count : Number.NaN
}
