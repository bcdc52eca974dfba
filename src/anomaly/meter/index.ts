/** What one meter shows by itself (单表): registers, phases, solar, load and values. */
import type { Detector } from '../view.ts'
import { meterExchange } from './exchange.ts'
import { phaseLoss } from './phase-loss.ts'
import { unregisteredPv } from './solar.ts'

/** Those that say which data cannot be used: they look first. */
export const METER_FIRST: readonly Detector[] = [meterExchange]
/** The rest. */
export const METER_LATER: readonly Detector[] = [phaseLoss, unregisteredPv]
