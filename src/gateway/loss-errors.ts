import { failWith } from '../core/index.ts'

/** Why a line loss is not there, or a question about it cannot be answered. */
export const lossFailure = failWith({
  LOSS_AREA: { recovery: 'skip', hint: 'GET /api/v1/areas lists the transformer areas of the ledger' },
  LOSS_FEEDER: { recovery: 'skip', hint: 'GET /api/v1/ledger/feeder lists the lines of the ledger' },
  LOSS_BUS: { recovery: 'skip', hint: 'a bus is known by points that name it with role bus-in, or by feeders that name it' },
  LOSS_RANGE: { recovery: 'skip', hint: 'ask for a shorter time: 31 days of 15m, 400 of days, 3700 of months, 31 of a balance' },
  LOSS_STORE: { recovery: 'wait', hint: 'loss.db cannot be written: look at the disk; the loss is worked out when it can' },
})
