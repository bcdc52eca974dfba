import { billingEnergyResult, billingReadingsResult } from './billing.ts'
import { energyResult, lossResult } from './figures.ts'
import { latestResult, readingsResult } from './readings.ts'
import { seriesResult } from './series.ts'
import type { ResultKind } from './types.ts'

/** Results of their own; every list of the API is one besides. */
export const OWN_RESULTS: readonly ResultKind[] = [
  readingsResult,
  energyResult,
  lossResult,
  latestResult,
  seriesResult,
  billingReadingsResult,
  billingEnergyResult,
]
