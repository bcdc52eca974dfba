import { failWith } from '../core/index.ts'

/** Every way work on meters that are not in the ledger is refused, and what happens next. */
export const fail = failWith({
  STRANGER_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/unregistered lists them with their ids' },
  STRANGER_STATE: { recovery: 'skip', hint: 'GET /api/v1/unregistered/ID shows its state and who did what' },
  STRANGER_PROFILE: {
    recovery: 'skip',
    hint: 'give "profile": gridtally profile list names the models, gateway.yaml the mappings of a broker',
  },
  STRANGER_LEDGER: { recovery: 'skip', hint: 'correct what the message names, or register the meter in another way' },
  STRANGER_BUSY: { recovery: 'wait', hint: 'somebody adopts it at this moment: look again in a second' },
  STRANGER_NO_READINGS: { recovery: 'skip', hint: 'only meters that push have readings before they are registered' },
})
