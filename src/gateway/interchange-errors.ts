import { failWith } from '../core/index.ts'

/** Why a message in the form of another house cannot be made. */
export const interchangeFailure = failWith({
  INTERCHANGE_POINT: { recovery: 'skip', hint: 'GET /api/v1/points lists the metering points of the ledger' },
  INTERCHANGE_AREA: { recovery: 'skip', hint: 'GET /api/v1/areas lists the areas, GET /api/v1/ledger/zone the zones' },
  INTERCHANGE_RANGE: { recovery: 'skip', hint: 'ask for at most 366 days, and for several messages where more is needed' },
})
