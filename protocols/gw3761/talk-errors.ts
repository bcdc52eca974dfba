import { failWith, type GatewayError } from '../../src/core/result.ts'

/** Every way a talk with a terminal of Q/GDW 376.1 fails, and what happens next. Frames have a table of their own. */
const table = {
  GW3761_DENIED: {
    recovery: 'wait',
    hint: 'the terminal refuses: it does not know the measuring point or the item, or PW and rights are not what it wants; compare its archive with the ledger',
  },
  GW3761_NOT_ANSWERED: {
    recovery: 'retry',
    hint: 'the terminal answered others and left this out: is the measuring point in its archive, and has it read the meter since?',
  },
  GW3761_NO_DATA: {
    recovery: 'wait',
    hint: 'all values are fill (EE, EF, FF): the terminal has not read the meter at that time; look at its success and route (F170)',
  },
  GW3761_ANSWER: { recovery: 'skip', hint: 'the answer is not what its item should be: compare editions with gridtally decode' },
  GW3761_POINT: {
    recovery: 'stop',
    hint: 'set measuringPoint of the meter in the ledger to its number in the concentrator (测量点号, 1 to 2040); where ledger and archive contradict each other nothing is read: compare them',
  },
  GW3761_PROFILE: { recovery: 'stop', hint: 'correct the profile file: gridtally profile verify names the line' },
  GW3761_UNSUPPORTED: { recovery: 'stop', hint: 'the protocol has no such command: nothing was sent' },
  GW3761_PARAMETER: { recovery: 'stop', hint: 'nothing was sent: correct the member that the message names' },
  GW3761_READ_BACK: {
    recovery: 'stop',
    hint: 'the terminal confirmed, but shows something else when it is asked: read its archive and look at the difference',
  },
} as const satisfies Record<string, { recovery: GatewayError['recovery']; hint: string }>

export type TalkCode = keyof typeof table
export type TalkError = GatewayError<TalkCode>

/** Makes a failed result out of a code of the table. */
export const refuse = failWith(table)

/** The error itself, where a list holds one for each meter. */
export const refusal = (code: TalkCode, message: string, context: GatewayError['context'] = {}): TalkError =>
  refuse(code, message, context).error
