/** What one meter shows by itself (单表): registers, phases, solar, load, values and events. */
import type { Detector } from '../view.ts'
import { energyDisagrees } from './energy-power.ts'
import { meterEvents } from './events.ts'
import { meterExchange } from './exchange.ts'
import { capacityExceeded, loadStep, overload } from './load.ts'
import { phaseLoss } from './phase-loss.ts'
import { lowPowerFactor } from './power-factor.ts'
import { ratesDisagree } from './rates.ts'
import { registerBackwards, registerJumped, registerStopped } from './registers.ts'
import { unregisteredPv } from './solar.ts'
import { unbalance } from './unbalance.ts'
import { useDeviation } from './use-deviation.ts'
import { stuckValues } from './values.ts'

/** Those that say which data cannot be used: they look first. */
export const METER_FIRST: readonly Detector[] = [meterExchange]

/** The rest. A lost phase comes before what it would fool. */
export const METER_LATER: readonly Detector[] = [
  phaseLoss,
  unregisteredPv,
  registerStopped,
  registerBackwards,
  registerJumped,
  ratesDisagree,
  energyDisagrees,
  stuckValues,
  unbalance,
  overload,
  capacityExceeded,
  lowPowerFactor,
  useDeviation,
  loadStep,
  meterEvents,
]
