import { failWith } from '../core/index.ts'

/** Why nothing can be done with a case. */
export const caseFailure = failWith({
  CASE_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/cases lists the cases with their numbers' },
  CASE_STATE: { recovery: 'skip', hint: 'GET /api/v1/cases/ID says where the case stands; a settled one is opened again first' },
  CASE_CAUSE: { recovery: 'skip', hint: 'say the cause in a few words and what was found or done' },
  CASE_ANALYSIS: { recovery: 'skip', hint: 'a deviation of a key account is settled with an `analysis`: what was used for what, and why' },
  CASE_CHANGED: { recovery: 'skip', hint: 'somebody else has changed the case: look at it again and send its new ETag as If-Match' },
  CASE_VALUE: { recovery: 'skip', hint: 'correct the named value' },
  NOTIFY_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/notify lists those who are told' },
})
