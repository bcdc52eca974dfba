import type { Finding, LossDay } from './finding.ts'
import type { AreaFrame, MeterColumns } from './frame.ts'
import { daySum, fillColumn, knownSum } from './loss-fill.ts'
import { correctedMembers, type Member } from './loss-put-right.ts'
import type { AreaView } from './view.ts'

/** Sums of one day, kWh; NaN = not known. */
interface DaySums {
  /** Gateway import and what prosumers feed in. */
  readonly input: number
  readonly supply: number
  readonly sold: number
  readonly loss: number
  readonly estimated: number
}

/**
 * Line loss (线损) of every day of a view's window, as it is known at the end of the window: statistical, of the wires, and with what was found put right.
 *
 * @param findings  what is known to be wrong, of this area and of its neighbours: a meter moved here from another area stands in that area's finding
 */
export const lossDaysOf = (view: AreaView, findings: readonly Finding[] = view.found): LossDay[] => {
  const { frame, technical } = view
  const plain = sumsOf(frame, frame.gateways, frame.meters)
  const right = correctedMembers(view, findings)
  const corrected = right === null ? plain : sumsOf(frame, right.gateways, right.meters)
  return frame.days.map((day, at): LossDay => {
    const { supply, sold, loss, input, estimated } = plain[at] ?? NOTHING
    const put = corrected[at] ?? NOTHING
    const wires = technical ? daySum(technical.kwh, frame.dayStarts[at] ?? 0, frame.dayStarts[at + 1] ?? 0) : Number.NaN
    return {
      area: frame.fact.id,
      day,
      supplyKwh: known(supply),
      soldKwh: known(sold),
      lossKwh: known(loss),
      lossPct: percent(loss, input),
      technicalPct: percent(wires, Number.isNaN(put.input) ? input : put.input),
      technicalMethod: technical?.method ?? null,
      correctedLossPct: percent(put.loss, put.input),
      estimatedShare: sold > 0 ? Math.min(1, Math.max(0, estimated / sold)) : 0,
    }
  })
}

const NOTHING: DaySums = { input: Number.NaN, supply: Number.NaN, sold: Number.NaN, loss: Number.NaN, estimated: 0 }
const known = (value: number): number | null => (Number.isFinite(value) ? value : null)
const percent = (part: number, whole: number): number | null => (whole > 0 ? known((100 * part) / whole) : null)

const sumsOf = (frame: AreaFrame, gateways: readonly (MeterColumns | Member)[], meters: readonly (MeterColumns | Member)[]): DaySums[] => {
  const { days, dayStarts } = frame
  const use = Float64Array.from(days, (_, day) =>
    meters.reduce((sum, { imp }) => sum + knownSum(imp, dayStarts[day] ?? 0, dayStarts[day + 1] ?? 0)[0], 0),
  )
  const filled = meters.map(({ imp }) => fillColumn(frame, imp, use))
  return days.map((_, day): DaySums => {
    const [from, to] = [dayStarts[day] ?? 0, dayStarts[day + 1] ?? 0]
    const supply = gateways.reduce((sum, { imp }) => sum + daySum(imp, from, to), gateways.length > 0 ? 0 : Number.NaN)
    // A register nobody reads or that is not there feeds nothing in.
    const reverse = gateways.reduce((sum, { exp }) => sum + knownSum(exp, from, to)[0], 0)
    const generation = meters.reduce((sum, { exp }) => sum + knownSum(exp, from, to)[0], 0)
    let sold = 0
    let estimated = 0
    for (const column of filled) {
      sold += knownSum(column.kwh, from, to)[0]
      estimated += column.estimated[day] || 0
    }
    const input = supply + generation
    return { input, supply, sold, loss: input - sold - reverse, estimated }
  })
}
