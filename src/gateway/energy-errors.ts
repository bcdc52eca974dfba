import { failWith } from '../core/index.ts'

/** Why energy is not there, or a question about it cannot be answered. */
export const energyFailure = failWith({
  ENERGY_POINT: { recovery: 'skip', hint: 'GET /api/v1/points lists the metering points of the ledger' },
  ENERGY_RANGE: { recovery: 'skip', hint: 'ask for a shorter time: 31 days of 15m or 1h, 800 of days, 7 with detail' },
  ENERGY_EXPORT: { recovery: 'skip', hint: 'name who took the figures, one point or all, and a time that has begun' },
  ENERGY_UNKNOWN: {
    recovery: 'wait',
    hint: 'GET /api/v1/points/POINT/energy says which register is missing; it is made again when one comes',
  },
  ENERGY_STORE: { recovery: 'wait', hint: 'the store does not answer: GET /api/v1/outbox says how it is; energy is made when it is back' },
})
