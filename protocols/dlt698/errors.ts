import { failWith, type GatewayError } from '../../src/core/result.ts'

/** Every way a DL/T 698.45 exchange fails, and what happens next. */
const table = {
  DLT698_TRUNCATED: { recovery: 'retry', hint: 'the frame stopped early: the link was cut, or the terminal was restarted' },
  DLT698_DELIMITER: { recovery: 'resync', hint: 'a frame begins with 68H and ends with 16H: noise, or another protocol on this port' },
  DLT698_LENGTH: {
    recovery: 'resync',
    hint: 'the length field counts every byte except the two 68H/16H delimiters, low byte first; compare it with the bytes there are',
  },
  DLT698_HCS: { recovery: 'resync', hint: 'header check wrong: noise that looked like a beginning, or bytes damaged on the way' },
  DLT698_FCS: { recovery: 'resync', hint: 'frame check wrong: bytes were damaged on the way' },
  DLT698_ADDRESS: { recovery: 'stop', hint: 'write the digits of the logical address of the terminal, zeros included; 1 to 32 digits' },
  DLT698_APDU: { recovery: 'skip', hint: 'the terminal sent something else than the standard says; the bytes are kept' },
  DLT698_TYPE: { recovery: 'skip', hint: 'no such data type in this edition: the rest of the APDU cannot be read' },
  DLT698_SERVICE: { recovery: 'skip', hint: 'the service is named only; its bytes are kept as they came' },
  DLT698_FRAGMENT: { recovery: 'retry', hint: 'a block of a message was lost: ask again, or for less at a time' },
  DLT698_DAR: { recovery: 'skip', hint: 'the terminal refused this object; the message names its reason (DAR)' },
  DLT698_SECURITY: {
    recovery: 'stop',
    hint: 'the terminal wants SECURITY with the keys of an ESAM, which are not kept here; set its security mode F1010200 or use DL/T 645 forwarding',
  },
  DLT698_NO_DATA: {
    recovery: 'skip',
    hint: 'the terminal has no value (yet): it is asked again; check its tasks (6012) and archive (6000)',
  },
  DLT698_ABSENT: { recovery: 'skip', hint: 'NULL: the meter has the item but no value, as for phases B and C of a single-phase meter' },
  DLT698_VALUE: { recovery: 'skip', hint: 'the item holds something else than the profile says: compare the line with the answer' },
  DLT698_SILENT_METER: {
    recovery: 'wait',
    hint: 'the terminal could not reach the meter: check line, address, port and protocol in the archive',
  },
  DLT698_PROFILE: { recovery: 'stop', hint: 'correct the profile file; the message names the path and what is allowed there' },
  DLT698_COMMAND: { recovery: 'stop', hint: 'the command was not sent: correct the value that the message names' },
  DLT698_CONTROL: {
    recovery: 'stop',
    hint: '698 meters switch only under SECURITY with ESAM keys, which are not kept here; switch through DL/T 645 forwarding',
  },
} as const satisfies Record<string, { recovery: GatewayError['recovery']; hint: string }>

export type Dlt698Code = keyof typeof table
export type Dlt698Error = GatewayError<Dlt698Code>

/** Makes a failed result out of a code of the table. */
export const fail = failWith(table)

/** The error itself, for maps of absent values. */
export const errorOf = (code: Dlt698Code, message: string, context: GatewayError['context'] = {}): Dlt698Error =>
  fail(code, message, context).error
