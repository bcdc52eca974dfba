import { ok, type Result } from '../../src/core/result.ts'
import { fail, type Gw3761Error } from './errors.ts'
import { BROADCAST, type Frame } from './frame.ts'

/** Who a terminal (终端) is. */
export interface TerminalAddress {
  /** 4 digits, most significant first. */
  readonly region: string
  /** 1 to 65534. */
  readonly terminal: number
}

/** The one form by which terminals are known: region, dash, number in decimal: `4510-21`. */
export const terminalText = ({ region, terminal }: Pick<Frame, 'region' | 'terminal'>): string => `${region}-${terminal}`

/** The number as labels often show it: 4 hexadecimal digits. */
export const hexNumber = (terminal: number): string => terminal.toString(16).toUpperCase().padStart(4, '0')

/**
 * Checks an address as people write it: `4510-21`, or with the number in hexadecimal `4510-0015H`.
 *
 * @errors  GW3761_ADDRESS
 */
export const parseTerminal = (text: string): Result<TerminalAddress, Gw3761Error> => {
  const match = /^(\d{4})-(?:(\d{1,5})|([0-9a-f]{1,4})h)$/i.exec(text.trim())
  if (!match)
    return fail('GW3761_ADDRESS', `terminal address ${JSON.stringify(text)} is not four digits, a dash and a number`, { address: text })
  const [, region = '', decimal, hex = ''] = match
  const terminal = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
  if (terminal === 0) return fail('GW3761_ADDRESS', `terminal number 0 in ${text} is nobody's`, { address: text })
  if (terminal === BROADCAST)
    return fail('GW3761_ADDRESS', `terminal number 65535 in ${text} is everybody's: nobody answers it`, { address: text })
  if (terminal > BROADCAST) return fail('GW3761_ADDRESS', `terminal number ${terminal} is above 65534`, { address: text })
  return ok({ region, terminal })
}
