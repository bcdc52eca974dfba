import type { Ledger } from '../ledger/index.ts'
import { GapEstimates, type GapEstimatesDeps } from './gap-estimates.ts'
import type { openEnergy } from './start-energy.ts'

export interface EstimatesParts extends Pick<GapEstimatesDeps, 'collection' | 'put' | 'clock' | 'log'> {
  readonly energy: Pick<ReturnType<typeof openEnergy>, 'estimate' | 'models'>
  readonly ledger: Ledger
}

/** Estimates as the last source of a gap, at work from here on. */
export const openEstimates = ({ energy, ...parts }: EstimatesParts): GapEstimates => {
  const estimates = new GapEstimates({ ...parts, estimate: energy.estimate, models: energy.models })
  estimates.start()
  return estimates
}
