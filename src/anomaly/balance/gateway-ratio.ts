import type { MeterColumns } from '../frame.ts'
import type { AreaView } from '../view.ts'
import { isExplained } from './explained.ts'
import { robustSpread } from './fit.ts'
import type { Rows } from './rows.ts'
import { standardRatio } from './standard-ratio.ts'

/** A wrong ratio of the meter that feeds the area: what is unexplained is one share of the supply, in every hour. */
export interface GatewayRatio {
  readonly gateway: MeterColumns
  readonly seen: number
  /** The standard ratio near it; null = there is none, and something else is wrong with the whole supply. */
  readonly suggested: number | null
  /** First day of it, index into the days of the window. */
  readonly onset: number
  /** Unexplained share of the supply as the ledger has it, and its spread from hour to hour. */
  readonly share: number
  readonly left: number
}

/** Neighbouring standard ratios differ by a fifth; below a tenth it is something else. */
const LEAST_SHARE = 0.1
/** Distance of the ratio seen from a standard one: class 0.5 transformer and class 1 meter, and what else is wrong in the area. */
const ROUNDING = 0.04
/**
 * With the ratio put right the balance must be as quiet as a balance is: a few hundredths of the supply from hour to hour. Customers that the ledger
 * lacks follow the others to a tenth at best.
 */
const MOST_LEFT = 0.03
/** No customer may explain it half as well: in an area of few customers one of them is nearly all of the supply. */
const NOBODY = 0.5
const FEWEST_ROWS = 24
const MIN_DAYS = 2

const middleOf = (values: number[]): number => {
  values.sort((a, b) => a - b)
  return values.length === 0 ? Number.NaN : (values[values.length >> 1] ?? Number.NaN)
}

/** Unexplained share of the supply in rows in which the supply is not far below its usual: there nothing else weighs as much. */
const shareIn = ({ unexplained, supply }: Rows, from: number, to: number, least: number): number => {
  const shares: number[] = []
  for (let row = from; row < to; row++) if (supply[row]! > least) shares.push(unexplained[row]! / supply[row]!)
  return middleOf(shares)
}

/** First day from which the share is what it is today. */
const onsetOf = (rows: Rows, share: number, least: number): number => {
  let onset = rows.days
  for (let day = rows.days - 1; day >= 0; day--) {
    const of = shareIn(rows, rows.dayRows[day]!, rows.dayRows[day + 1]!, least)
    if (Number.isNaN(of)) continue
    if (Math.abs(of - share) > 0.3 * Math.abs(share)) break
    onset = day
  }
  return onset
}

/** What one customer leaves of it, by least squares over the rows of the fault. */
const leftByMeter = ({ unexplained, count }: Rows, use: Float64Array, from: number): number => {
  let [dot, own] = [0, 0]
  for (let row = from; row < count; row++) {
    dot += unexplained[row]! * use[row]!
    own += use[row]! ** 2
  }
  const size = own > 0 ? dot / own : 0
  return robustSpread(unexplained.subarray(from).map((kw, at) => kw - size * use[from + at]!))
}

/** Whether the ratio of the area's own meter is wrong (总表倍率错误); null also where days alone are known, which any share of the customers follows. */
export const gatewayRatioOf = (view: AreaView, rows: Rows): GatewayRatio | null => {
  const [gateway, ...others] = view.frame.gateways
  if (!gateway || others.length > 0 || rows.channel === 'daily' || isExplained(view, gateway)) return null
  const least = 0.5 * middleOf([...rows.supply])
  if (!(least > 0)) return null
  const share = shareIn(rows, rows.dayRows[Math.max(0, rows.days - MIN_DAYS)]!, rows.count, least)
  if (!(Math.abs(share) >= LEAST_SHARE)) return null
  const onset = onsetOf(rows, share, least)
  const from = rows.dayRows[onset] ?? rows.count
  if (rows.count - from < FEWEST_ROWS) return null
  const size = shareIn(rows, from, rows.count, least)
  const seen = gateway.fact.multiplier * (1 - size)
  const near = standardRatio(seen)
  const suggested = near !== gateway.fact.multiplier && Math.abs(seen / near - 1) <= ROUNDING ? near : null
  let mean = 0
  const left = new Float64Array(rows.count - from)
  for (let row = from; row < rows.count; row++) {
    mean += rows.supply[row]! / left.length
    left[row - from] = rows.unexplained[row]! - size * rows.supply[row]!
  }
  const spread = robustSpread(left)
  if (!(spread <= MOST_LEFT * (1 - size) * mean)) return null
  if (rows.use.some((use) => leftByMeter(rows, use, from) * NOBODY < spread)) return null
  return { gateway, seen, suggested, onset, share: size, left: spread / mean }
}

/** The rows with the supply as it should be, so that everything else is judged by that. */
export const withGatewayRatio = (view: AreaView, rows: Rows): Rows => {
  const gatewayRatio = gatewayRatioOf(view, rows)
  if (!gatewayRatio) return rows
  const factor = (gatewayRatio.suggested ?? gatewayRatio.seen) / gatewayRatio.gateway.fact.multiplier
  const [supply, unexplained] = [Float64Array.from(rows.supply), Float64Array.from(rows.unexplained)]
  for (let row = rows.dayRows[gatewayRatio.onset]!; row < rows.count; row++) {
    supply[row] = rows.supply[row]! * factor
    unexplained[row] = rows.unexplained[row]! + supply[row]! - rows.supply[row]!
  }
  return { ...rows, supply, unexplained, gatewayRatio }
}
