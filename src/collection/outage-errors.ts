import { failWith } from '../core/index.ts'

/** Every way a record of the outage calendar is refused, and what happens next. */
export const outageFailure = failWith({
  OUTAGE_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/outages lists them with their ids' },
  OUTAGE_TIME: { recovery: 'skip', hint: 'an outage begins, then is expected to end, then ends; none of it lies years away' },
  OUTAGE_STATE: { recovery: 'skip', hint: 'GET /api/v1/outages/ID shows what was done with it; a new outage is a record of its own' },
  OUTAGE_TARGET: { recovery: 'skip', hint: 'name a zone, feeder, area, point or communication line of the ledger' },
  OUTAGE_DOUBLE: { recovery: 'skip', hint: 'extend or end the one that is there, or withdraw it if it was a mistake' },
})
