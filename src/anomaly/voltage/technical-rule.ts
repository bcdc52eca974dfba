import { rule } from '../meter/shared.ts'
import type { AreaView, Detected, Detector } from '../view.ts'
import { lastDays, swingsOf } from './follow.ts'
import { membersOf } from './members.ts'
import { networkLoss } from './network.ts'
import { PHASE_DAYS, phaseOf } from './phases.ts'
import { squaresLoss } from './squares.ts'
import { voltageLoss } from './technical.ts'

const RULE = rule({ id: 'technical-loss', version: 1, title: { zh: '理论线损', en: 'technical loss' }, thresholds: {} })

/** Technical loss (理论线损): claims nothing, tells the others what the wires lose. */
export const technicalLoss: Detector = {
  rule: RULE,
  detect: (view: AreaView): Detected => {
    const { frame } = view
    const members = membersOf(view)
    const swings = swingsOf(frame, lastDays(frame, PHASE_DAYS), frame.slots)
    // The phase in this area of a meter that another area lists.
    const guests = members.flatMap((meter) => {
      if (meter.fact.area === frame.fact.id || meter.fact.type !== '1P' || !swings) return []
      const estimate = phaseOf(meter, 0, swings, frame.fact.nominalV)
      return estimate ? [[meter.fact.id, estimate.phase] as const] : []
    })
    const phases = { ...view.phases, ...Object.fromEntries(guests) }
    // What was measured before what a drawing says, and that before what a balance leaves.
    const technical = voltageLoss(frame, members, phases) ?? networkLoss(frame, members, phases) ?? squaresLoss(frame, members)
    return technical ? { findings: [], technical } : { findings: [] }
  },
}
