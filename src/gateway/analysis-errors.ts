import { failWith } from '../core/index.ts'

/** Why something of the analysis cannot be done. */
export const analysisFailure = failWith({
  ANALYSIS_FILE: { recovery: 'wait', hint: 'is the disk full, or is another program at the file? it is tried again' },
  ANALYSIS_AREA: { recovery: 'skip', hint: 'GET /api/v1/analysis lists the areas of the ledger that have metering points' },
  ANALYSIS_RANGE: {
    recovery: 'skip',
    hint: 'ask for days that are over and still kept: the window of the analysis, 60 days unless set otherwise',
  },
  RULE_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/rules lists the rules and their thresholds' },
  RULE_VALUE: { recovery: 'skip', hint: 'GET /api/v1/rules/ID says what each threshold may be' },
  RULE_LAYER: { recovery: 'skip', hint: 'a layer is global, or a zone, class (customer category) or point with its name as target' },
  RULE_STALE: { recovery: 'skip', hint: 'somebody changed a threshold meanwhile: read the rules again and send their version as If-Match' },
  RULE_CHANGE: {
    recovery: 'skip',
    hint: 'GET /api/v1/rules/history lists the changes; each is taken back once, while nothing newer stands on it',
  },
  TRIAL_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/rules/trials lists the trial runs; they are forgotten when the gateway stops' },
  TRIAL_BUSY: { recovery: 'wait', hint: 'one trial run goes at a time: wait for it, or cancel it' },
})
