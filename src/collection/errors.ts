import { failWith } from '../core/index.ts'

/** Every way the keeping of due readings fails or refuses, and what happens next. */
export const fail = failWith({
  GAP_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/gaps lists them with their ids' },
  GAP_STATE: { recovery: 'skip', hint: 'GET /api/v1/gaps/ID shows its state and what was done with it' },
  GAP_SAME_PERSON: { recovery: 'skip', hint: 'a second person looks at the meter or the photograph and confirms' },
  GAP_NO_ENTRY: { recovery: 'skip', hint: 'enter the value first: POST /api/v1/gaps/ID/manual' },
  GAP_VALUES: { recovery: 'skip', hint: 'registers as shown on the meter: {"1.8.0": "123456.78"}' },
  GAP_NO_SOURCE: { recovery: 'stop', hint: 'nothing can be asked for it any more: enter it by hand, or waive it with a reason' },
  GAP_NOT_KEPT: { recovery: 'skip', hint: 'the meter does not keep this freeze or point; the next source is tried' },
  GAP_POINTS_MISSING: { recovery: 'wait', hint: 'points of the curve did not come; only the missing stretch is asked again' },
  GATEWAY_DOWN: { recovery: 'wait', hint: 'the gateway did not run when it was due; it is read later from what the meter keeps' },
  GAP_NO_ESTIMATE: {
    recovery: 'skip',
    hint: 'enter what a person has read, or waive it with a reason; docs/collection.md says what an estimate needs',
  },
  METER_WITHOUT_POWER: {
    recovery: 'wait',
    hint: 'an outage is recorded for it: it is read when it answers again, or when the outage should be over',
  },
  COLLECTION_WORKER: {
    recovery: 'retry',
    hint: 'the thread that keeps collection.db ended and is started again: report the message if it repeats',
  },
  COLLECTION_SLOW: { recovery: 'wait', hint: 'the disk is overloaded, or a long job is running; what happened waits in memory' },
  COLLECTION_FILE: { recovery: 'wait', hint: 'look at the disk, the owner and the rights of collection.db' },
  COLLECTION_LOST: {
    recovery: 'stop',
    hint: 'collection.db could not be written for long; what is missing is worked out again at the next start',
  },
})
