import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { TechnicalLoss } from '../view.ts'
import { addRow, median, momentsOf, solve, spread } from './linear.ts'
import { zeroIfNaN } from './supply.ts'

/** Fewest complete days to learn from. */
const FEWEST_DAYS = 7
/** Days further than this many robust deviations from the usual loss are not clean. */
const CLEAN = 3

/**
 * Energy lost in the wires by regression (回归法): `loss = a × sum of squares of the gateway's currents × t + c` on clean days, where only energies and the gateway's currents are
 * read. Takes what is stolen on every day of the window for loss in the wires, so it is the last resort, and says so by its error.
 */
export const squaresLoss = (frame: AreaFrame, members: readonly MeterColumns[]): TechnicalLoss | null => {
  const [gateway] = frame.gateways
  if (!gateway || frame.gateways.length !== 1 || members.length === 0) return null
  const hours = frame.stepMs / 3_600_000
  const squares = Float64Array.from(
    { length: frame.slots },
    (_, slot) => gateway.i.reduce((sum, column) => sum + (column?.[slot] ?? Number.NaN) ** 2, 0) * hours,
  )
  const days = frame.days.map((_, day) => {
    let loss = 0
    let square = 0
    for (let slot = frame.dayStarts[day] ?? 0; slot < (frame.dayStarts[day + 1] ?? 0); slot++) {
      const net = (of: MeterColumns) => (of.imp[slot] ?? Number.NaN) - zeroIfNaN(of.exp[slot] ?? 0)
      loss += net(gateway) - members.reduce((sum, meter) => sum + net(meter), 0)
      square += squares[slot] ?? Number.NaN
    }
    return { loss, square, slots: (frame.dayStarts[day + 1] ?? 0) - (frame.dayStarts[day] ?? 0) }
  })
  const told = days.filter(({ loss, square }) => square > 0 && !Number.isNaN(loss))
  const ratios = Float64Array.from(told, ({ loss, square }) => loss / square)
  const [usual, deviation] = [median(ratios), spread(ratios)]
  const clean = told.filter(({ loss, square }) => Math.abs(loss / square - usual) <= CLEAN * deviation)
  if (clean.length < FEWEST_DAYS || !(usual > 0)) return null
  const moments = momentsOf(2)
  for (const { loss, square, slots } of clean) addRow(moments, Float64Array.of(slots, square, loss))
  const fit = solve(moments)
  const [c, a] = [fit?.beta[0] ?? -1, fit?.beta[1] ?? -1]
  // Days too alike to tell the two apart, or a negative part: all of it goes with the squares.
  const [constant, slope] = c >= 0 && a >= 0 ? [c, a] : [0, usual]
  return {
    kwh: squares.map((square) => constant + slope * square),
    method: 'regression',
    inputs: {
      zh: `${clean.length} 个正常日的供售电量差与总表三相电流`,
      en: `energy balance of ${clean.length} clean days and the three currents of the gateway`,
    },
    error: usual > 0 ? Math.max(0.1, Math.min(1, deviation / usual)) : null,
  }
}
