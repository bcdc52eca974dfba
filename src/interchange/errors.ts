import { failWith } from '../core/index.ts'

/** Why a message of another house's form cannot be written. */
export const fail = failWith({
  INTERCHANGE_VALUE: {
    recovery: 'skip',
    hint: 'Green Button holds whole numbers of 48 bits times a power of ten down to -12: take this register as CSV or CIM',
  },
})
