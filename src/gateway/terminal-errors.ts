import { failWith } from '../core/index.ts'

export const terminalFailure = failWith({
  TERMINAL_STRANGER: {
    recovery: 'wait',
    hint: 'adopt the concentrator into the ledger (gridtally concentrator unknown lists them); it reports again by itself',
  },
})
