import { type Dlt698Error, errorOf } from './errors.ts'

/**
 * Data access results (数据访问结果) by number.
 * @source DL/T 698.45-2017 DAR; public vectors for 0, 3 and 4; wording of 9 to 35 after icprog/dlt698.45, one source only
 */
const NAMES: readonly string[] = [
  'success',
  'hardware failure',
  'temporary failure',
  'read/write denied',
  'object undefined',
  'object class mismatch',
  'object missing',
  'type mismatch',
  'out of range',
  'data block unavailable',
  'block transfer cancelled',
  'not in block transfer state',
  'block write cancelled',
  'not in block write state',
  'block number invalid',
  'password wrong or not authorised',
  'baud rate cannot be changed',
  'number of yearly time zones exceeded',
  'number of daily periods exceeded',
  'number of tariffs exceeded',
  'security authentication mismatch',
  'repeated recharge',
  'ESAM verification failed',
  'security authentication failed',
  'customer number mismatch',
  'recharge count wrong',
  'purchase exceeds hoarding limit',
  'address abnormal',
  'symmetric decryption failed',
  'asymmetric decryption failed',
  'signature wrong',
  'meter suspended',
  'time tag invalid',
  'request timeout',
  'ESAM P1P2 wrong',
  'ESAM LC wrong',
]

/** Word for a data access result. */
export const darName = (dar: number): string => NAMES[dar] ?? (dar === 255 ? 'other' : `reserved ${dar}`)

const SECURITY = new Set([15, 20, 22, 23, 28, 29, 30, 34, 35])

/** The typed error of a refusal. @param what  what was asked for */
export const refusal = (dar: number, what: string): Dlt698Error => {
  const text = `${what}: ${darName(dar)} (DAR ${dar})`
  if (SECURITY.has(dar)) return errorOf('DLT698_SECURITY', text, { dar })
  // The terminal asked the meter and got nothing: not a matter of the object.
  if (dar === 33) return errorOf('DLT698_SILENT_METER', text, { dar })
  return errorOf('DLT698_DAR', text, { dar })
}
