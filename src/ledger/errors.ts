import { failWith } from '../core/index.ts'

/** Every way the ledger refuses a change. */
const table = {
  LEDGER_REFUSED: { recovery: 'stop', hint: 'correct what the problems name and send all of it again: nothing was changed' },
  LEDGER_STALE: { recovery: 'stop', hint: 'look at what it is now, decide again, and send the version you have seen' },
  LEDGER_UNKNOWN: { recovery: 'stop', hint: 'gridtally ledger show KIND lists what there is' },
  LEDGER_BUSY: {
    recovery: 'retry',
    hint: 'an import of a large file takes up to half a minute: try again then; gridtally ledger changes shows when it is there',
  },
  LEDGER_ID: { recovery: 'stop', hint: 'an id begins with a letter or digit, goes on with those and . _ -, and has at most 64 characters' },
  LEDGER_ATTRIBUTE: {
    recovery: 'stop',
    hint: 'gridtally ledger template and GET /api/v1/ledger/vocabulary list the attributes of each kind',
  },
  LEDGER_VALUE: { recovery: 'stop', hint: 'write one of the allowed values' },
  LEDGER_REFERENCE: { recovery: 'stop', hint: 'add what it refers to in the same change, or correct the id' },
  LEDGER_TWICE: { recovery: 'stop', hint: 'one of the two is wrong: remove it, or give it another date' },
  LEDGER_POINT_TAKEN: { recovery: 'stop', hint: 'one point, one meter at a time: end the other one first, or make it an exchange' },
  LEDGER_ADDRESS_TAKEN: { recovery: 'stop', hint: 'two meters cannot share an address on one line: look which of them is really there' },
  LEDGER_ADDRESS: { recovery: 'stop', hint: 'write the address as the meter has it, leading zeros and all' },
  LEDGER_PLACE: {
    recovery: 'stop',
    hint: 'measuringPoint (测量点号) and archiveNumber (装置序号) run from 1 to 2040, each given once in a concentrator; leave them out where nobody knows',
  },
  LEDGER_TERMINAL: {
    recovery: 'stop',
    hint: 'set protocol of the concentrator (gw3761 or dlt698) and its address, or put the meter on a line',
  },
  LEDGER_FUTURE: { recovery: 'stop', hint: 'write it down when it has happened; only planned points may lie ahead' },
  LEDGER_REQUIRED: { recovery: 'stop', hint: 'add the attribute: without it the entry means nothing' },
  LEDGER_STATE: { recovery: 'stop', hint: 'gridtally ledger checklist POINT shows what is missing; gridtally ledger state makes the step' },
  LEDGER_CIRCLE: { recovery: 'stop', hint: 'nothing can lie within itself: correct one of the references' },
  LEDGER_BUILT_ON: { recovery: 'stop', hint: 'take the later change back first, newest first, or correct the value with a new change' },
  LEDGER_EXCHANGE: {
    recovery: 'stop',
    hint: 'compare with gridtally ledger history; an exchange lies after the installation of what it ends',
  },
  LEDGER_PERSONS: { recovery: 'stop', hint: 'name the two persons who did it and checked it; they must be different' },
  LEDGER_REGISTERS: { recovery: 'stop', hint: 'write the registers as the faces show them, decimal text; at least 1.8.0' },
  LEDGER_DEVIATION: { recovery: 'stop', hint: 'look at the photographs; when the values are right, say why they differ (deviation)' },
  LEDGER_ACKNOWLEDGED: { recovery: 'stop', hint: 'it is in order already; gridtally ledger exchanges shows by whom' },
} as const satisfies Record<string, { recovery: 'stop' | 'retry'; hint: string }>

export type LedgerCode = keyof typeof table
export const fail = failWith(table)
export const hintFor = (code: LedgerCode): string => table[code].hint
