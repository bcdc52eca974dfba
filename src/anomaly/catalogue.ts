import { BALANCE_DETECTORS } from './balance/index.ts'
import { LOSS_DETECTORS } from './loss-rules.ts'
import { METER_FIRST, METER_LATER } from './meter/index.ts'
import { SIGNAL_DETECTORS } from './signal/index.ts'
import type { Detector } from './view.ts'
import { VOLTAGE_DETECTORS } from './voltage/index.ts'

/**
 * Every detector, in the order in which they look: each sees what those before it learnt.
 * Data doubts and exchanges, then phases, technical loss and clocks, then what one meter shows by itself, then communication and
 * outages, then the balance of the area, then loss levels, then what joins them.
 */
export const CATALOGUE: readonly Detector[] = [
  ...METER_FIRST,
  ...VOLTAGE_DETECTORS,
  ...METER_LATER,
  ...SIGNAL_DETECTORS,
  ...BALANCE_DETECTORS,
  ...LOSS_DETECTORS,
]
