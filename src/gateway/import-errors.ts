import { type ErrorTable, failWith, type GatewayError } from '../core/index.ts'

/** Every way an import or export fails beside what is wrong with the file itself. */
const table = {
  IMPORT_UNKNOWN: { recovery: 'stop', hint: 'GET /api/v1/ledger/imports lists them; one that nobody applies is forgotten after an hour' },
  IMPORT_BUSY: { recovery: 'retry', hint: 'wait for the imports that are under way, or delete one' },
  IMPORT_STATE: { recovery: 'stop', hint: 'look at its state: an import is applied once, when its dry run is over' },
  IMPORT_APPLYING: {
    recovery: 'wait',
    hint: 'wait until its state is applied, some seconds; then gridtally ledger undo, or POST /api/v1/ledger/changes/N/undo, takes it back',
  },
  IMPORT_PROBLEMS: { recovery: 'stop', hint: 'correct the named cells and send the file again: nothing was changed' },
  IMPORT_CANCELLED: { recovery: 'stop', hint: 'send the file again' },
  IMPORT_DISK: { recovery: 'wait', hint: 'look at the free space, the owner and the mount of the data directory' },
  IMPORT_SIZE: { recovery: 'stop', hint: 'split the file, or leave out what the ledger does not keep' },
  IMPORT_THREAD: {
    recovery: 'retry',
    hint: 'nothing was changed; when it happens again, the file is too large for the memory of this machine',
  },
  IMPORT_YAML: { recovery: 'stop', hint: 'correct the named lines; gridtally schema --ledger has the form of the file' },
} as const satisfies ErrorTable
export const fail = failWith(table)
export type ImportError = GatewayError<keyof typeof table>
