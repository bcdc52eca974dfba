import { failWith } from '../core/index.ts'

/** Why a question about signals cannot be answered. */
export const signalFailure = failWith({
  SIGNAL_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/signal lists what there are statistics of at each level' },
  SIGNAL_RANGE: { recovery: 'skip', hint: 'ask for a shorter time: 31 days of a list, 31 days by hour and 400 by day of one link' },
})
