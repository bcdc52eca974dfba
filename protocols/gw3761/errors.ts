import { failWith, type GatewayError } from '../../src/core/result.ts'

/** Every way a frame of Q/GDW 376.1 is no good, and what happens next. Conversations have a table of their own. */
const table = {
  GW3761_TRUNCATED: { recovery: 'retry', hint: 'the frame stops early: wait for the rest; after silence it never comes, ask again' },
  GW3761_DELIMITER: { recovery: 'resync', hint: 'bytes that are no frame: another protocol on this port, or the rest of a damaged frame' },
  GW3761_LENGTHS: {
    recovery: 'resync',
    hint: 'both copies of the length field must be equal: the stream is damaged here, or this is no 376.1',
  },
  GW3761_LENGTH: { recovery: 'resync', hint: 'the length field counts the bytes from C to before CS, times four, plus the protocol id' },
  GW3761_END: { recovery: 'resync', hint: 'the frame must end with 16H where its length says: the length is wrong, or bytes were lost' },
  GW3761_CHECKSUM: {
    recovery: 'resync',
    hint: 'CS is the sum of the bytes from C to before CS, modulo 256: bytes were changed on the way',
  },
  GW3761_PROTOCOL: { recovery: 'resync', hint: 'the two low bits of the length are the protocol id: 1 = Q/GDW 130-2005, 2 = 376.1' },
  GW3761_IDENTIFIER: { recovery: 'skip', hint: 'a DA or DT that names nothing; everything behind it is kept as raw bytes' },
  GW3761_CONTENT: { recovery: 'skip', hint: 'the data unit is shorter or longer than its item is; compare the edition with the terminal' },
  GW3761_UNKNOWN: {
    recovery: 'skip',
    hint: 'no table row for this Fn: the rest of the frame is kept raw, add a row when its layout is known',
  },
  GW3761_ABSENT: { recovery: 'skip', hint: 'filled with EE, EF or FF: the terminal has no such value (yet); ask again later' },
  GW3761_BCD: { recovery: 'skip', hint: 'a digit above 9 where a number stands: not this format, or damaged in the terminal' },
  GW3761_ADDRESS: {
    recovery: 'stop',
    hint: 'write region and terminal number: 4510-21, or 4510-0015H where the label shows hexadecimal digits',
  },
  GW3761_VALUE: { recovery: 'stop', hint: 'nothing was sent: correct the value that the message names' },
} as const satisfies Record<string, { recovery: GatewayError['recovery']; hint: string }>

export type Gw3761Code = keyof typeof table
export type Gw3761Error = GatewayError<Gw3761Code>

/** Makes a failed result out of a code of the table. */
export const fail = failWith(table)

/** The error itself, for maps of absent values. */
export const errorOf = (code: Gw3761Code, message: string, context: GatewayError['context'] = {}): Gw3761Error =>
  fail(code, message, context).error
