import { failWith, type GatewayError } from '../../src/core/result.ts'

/** Every way a DL/T 645 exchange fails, and what happens next. */
const table = {
  DLT645_TRUNCATED: { recovery: 'retry', hint: 'reply stopped early: check the byte timeout, then the RS-485 bias resistors' },
  DLT645_DELIMITER: { recovery: 'resync', hint: 'noise before the frame, or a second master on the bus' },
  DLT645_CHECKSUM: { recovery: 'resync', hint: 'check A/B polarity, 120-ohm termination, 2400 baud 8E1' },
  DLT645_OVERLONG: { recovery: 'resync', hint: 'a length above 200 is noise or another protocol on the line: check speed and parity' },
  DLT645_ADDRESS: {
    recovery: 'stop',
    hint: 'write the 12 digits of the meter face, zeros included; a partial address is padded with AA on the left',
  },
  DLT645_NO_DATA: { recovery: 'skip', hint: 'this model lacks the data item: remove it from the profile' },
  DLT645_ABSENT: {
    recovery: 'skip',
    hint: 'FFH or EEH fill: the meter has the item but no value, as for phases B and C of a single-phase meter',
  },
  DLT645_BCD: { recovery: 'skip', hint: 'a digit above 9: the model stores something else here; compare with its data sheet' },
  DLT645_LENGTH: {
    recovery: 'skip',
    hint: 'the meter sent another number of bytes than the standard gives this item: use a profile made for it',
  },
  DLT645_DATE: { recovery: 'skip', hint: 'no such date: set the meter clock, or the meter has no such record yet' },
  DLT645_UNAUTHORISED: {
    recovery: 'stop',
    hint: 'password or key wrong, or the meter asks for ESAM authentication; do not try again, meters lock',
  },
  DLT645_REFUSED: { recovery: 'skip', hint: 'the meter would not answer; the bits of its ERR byte are named in the message' },
  DLT645_NO_FREEZE: {
    recovery: 'skip',
    hint: 'the meter holds no such freeze yet: check the freeze mode word 04000902 and when it was installed',
  },
  DLT645_FREEZE_MOVED: { recovery: 'retry', hint: 'the meter froze again while it was read: ask once more' },
  DLT645_BLOCK: { recovery: 'skip', hint: 'a load-record block is damaged or cut; the blocks around it are kept' },
  DLT645_PROFILE: { recovery: 'stop', hint: 'correct the profile file; the message names the path and what is allowed there' },
  DLT645_COMMAND: { recovery: 'stop', hint: 'the command was not sent: correct the value that the message names' },
} as const satisfies Record<string, { recovery: GatewayError['recovery']; hint: string }>

export type Dlt645Code = keyof typeof table
export type Dlt645Error = GatewayError<Dlt645Code>

/** Makes a failed result out of a code of the table. */
export const fail = failWith(table)

/** The error itself, for maps of absent values. */
export const errorOf = (code: Dlt645Code, message: string, context: GatewayError['context'] = {}): Dlt645Error =>
  fail(code, message, context).error

/** Bits of the ERR byte of an abnormal answer (异常应答). @source DL/T 645-2007, error word ERR */
export const ERROR_BITS = [
  'other error',
  'no requested data',
  'password wrong or not authorised',
  'baud rate cannot be changed',
  'number of yearly time zones exceeded',
  'number of daily periods exceeded',
  'number of tariffs exceeded',
  'reserved bit 7',
] as const

/** Names of the bits that are set, lowest first. */
export const errorNames = (byte: number): string[] => ERROR_BITS.filter((_, bit) => (byte >> bit) & 1)

/**
 * The typed error of an abnormal answer.
 *
 * @param data  data field of the answer, 33H removed: one ERR byte, or the two-byte SERR word of security functions
 * @errors      DLT645_UNAUTHORISED (bit 2), DLT645_NO_DATA (bit 1 alone or with bit 0), DLT645_REFUSED
 */
export const refusal = (control: number, data: Uint8Array, what: string): Dlt645Error => {
  const byte = data[0] ?? 0
  const control16 = `0x${control.toString(16).toUpperCase()}`
  if (data.length === 2) {
    const serr = (data[1] ?? 0) * 256 + byte
    return errorOf('DLT645_UNAUTHORISED', `${what}: security error SERR ${serr.toString(16).toUpperCase().padStart(4, '0')}H`, {
      serr,
      control: control16,
    })
  }
  const names = errorNames(byte)
  const text = `${what}: ${names.length > 0 ? names.join(', ') : 'refused without a reason'}`
  const context = { err: byte, bits: names.join(', '), control: control16 }
  if (byte & 0x04) return errorOf('DLT645_UNAUTHORISED', text, context)
  if ((byte & 0xfe) === 0x02) return errorOf('DLT645_NO_DATA', text, context)
  return errorOf('DLT645_REFUSED', text, context)
}
