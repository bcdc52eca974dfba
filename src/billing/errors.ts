import { failWith } from '../core/index.ts'

/** Every way the book of billed figures fails or refuses, and what happens next. */
export const fail = failWith({
  BILLING_FUTURE: { recovery: 'skip', hint: 'release an instant that has passed' },
  BILLING_EMPTY: { recovery: 'skip', hint: 'GET /api/v1/points, /areas, /zones list what there is' },
  BILLING_RELEASE: { recovery: 'skip', hint: 'GET /api/v1/billing/releases lists them' },
  BILLING_KEY: {
    recovery: 'skip',
    hint: 'one Idempotency-Key is one release: repeat the same request unchanged, or use a new key for another one',
  },
  BILLING_STATE: { recovery: 'skip', hint: 'look at it again: somebody was quicker, or it has ended' },
  BILLING_PENDING: { recovery: 'skip', hint: 'GET /api/v1/billing/corrections/pending lists those that wait' },
  BILLING_CHANGED: {
    recovery: 'skip',
    hint: 'the data differ again from what was shown: GET /api/v1/billing/corrections/pending shows the new difference',
  },
  BILLING_HELD: {
    recovery: 'skip',
    hint: 'clear what stands against it (acknowledge the exchange, mend the reading, lift the hold), or withdraw the released figure',
  },
  BILLING_ESTIMATE: {
    recovery: 'skip',
    hint: 'enter a value that was read off the meter, or set billing.releaseEstimates: true in gateway.yaml',
  },
  BILLING_SAME_PERSON: { recovery: 'skip', hint: 'somebody else than the one who entered the value compares and accepts it' },
  BILLING_NOT_RELEASED: { recovery: 'skip', hint: 'GET /api/v1/billing/figures shows what was released of a point' },
  BILLING_HOLD: { recovery: 'skip', hint: 'GET /api/v1/billing/holds lists those that stand' },
  BILLING_SEQ: {
    recovery: 'stop',
    hint: 'the book is an older one than the one you read, restored from a backup: compare with GET /api/v1/billing/changes from 0',
  },
  BILLING_CYCLE: { recovery: 'skip', hint: 'GET /api/v1/billing/cycles lists them; they stand in gateway.yaml under billing.cycles' },
  BILLING_READS: { recovery: 'wait', hint: 'the store does not answer: go on with POST /api/v1/billing/releases/ID/resume when it does' },
  BILLING_STOPPED: { recovery: 'wait', hint: 'the gateway stopped: go on with POST /api/v1/billing/releases/ID/resume' },
  BILLING_WORKER: {
    recovery: 'retry',
    hint: 'the thread that keeps billing.db ended and is started again: report the message if it repeats',
  },
  BILLING_SLOW: { recovery: 'wait', hint: 'the disk is overloaded: look at GET /api/v1/billing whether it was done before asking again' },
  BILLING_FILE: { recovery: 'wait', hint: 'look at the disk, the owner and the rights of billing.db' },
})
