/** What voltages tell (电压分析): phases, losses in the wires, clocks, membership, wires of one customer. */
import type { Detector } from '../view.ts'
import { clockDrift } from './clock-rule.ts'
import { voltageOut } from './limits-rule.ts'
import { voltagePhases } from './phase-rule.ts'
import { technicalLoss } from './technical-rule.ts'

export { judgeClock } from './clock-rule.ts'
export { membersOf } from './members.ts'
export { type AreaFit, areaSwings, type Belonging, belongsTo, fitsOf, MEMBERSHIP_MARGIN } from './membership.ts'
export { identifyPhases, type PhaseEstimate } from './phases.ts'

export { type ServiceEvidence, type ServiceOptions, serviceEvidence } from './service.ts'
export type { ServiceStep } from './service-step.ts'

/** Before the rules that look at energy. */
export const VOLTAGE_DETECTORS: readonly Detector[] = [voltagePhases, clockDrift, technicalLoss, voltageOut]
