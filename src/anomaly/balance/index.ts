import type { Detector } from '../view.ts'
import { wrongArea } from './area.ts'
import { wrongMultiplier } from './multiplier.ts'
import { theft } from './theft.ts'
import { unmeteredLoad } from './unmetered.ts'

/** Detectors that read the area's balance; they share one joint explanation of it. */
export const BALANCE_DETECTORS: readonly Detector[] = [wrongMultiplier, wrongArea, unmeteredLoad, theft]
