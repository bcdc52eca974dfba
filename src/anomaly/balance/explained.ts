import type { FindingKind } from '../finding.ts'
import type { AreaFrame, MeterColumns } from '../frame.ts'
import { daysBack } from '../meter/shared.ts'
import type { AreaView } from '../view.ts'

/** A phase without voltage makes a meter count a third less: a fault of the metering, found and named by its own rule. */
const hasLostPhase = (frame: AreaFrame, { fact, u }: MeterColumns): boolean => {
  if (fact.type === '1P') return false
  const from = daysBack(frame, 2)
  return u.some((column) => {
    if (!column) return false
    let low = 0
    let known = 0
    for (let slot = from; slot < frame.slots; slot++) {
      if (Number.isNaN(column[slot]!)) continue
      known++
      if (column[slot]! < 0.78 * frame.fact.nominalV) low++
    }
    return known > 24 && low > 0.5 * known
  })
}

/** Faults of other kinds that account for what a meter lacks. */
const EXPLAINED: readonly FindingKind[] = ['phase_loss', 'unregistered_pv', 'register_stopped', 'stuck_values']

export const isExplained = (view: AreaView, meter: MeterColumns): boolean =>
  hasLostPhase(view.frame, meter) ||
  view.found.some(({ kind, target, score, to }) => target === meter.fact.id && to === null && score >= 0.5 && EXPLAINED.includes(kind))
