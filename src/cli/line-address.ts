import { type LineAddress, lineAddressOf } from '../config/index.ts'
import { CommandFailed, EXIT } from './output.ts'

export type { LineAddress } from '../config/index.ts'

/**
 * A line as it is typed: `tcp://192.0.2.7:502`, `/dev/ttyUSB0:2400:8E1`. Ends the command when it is none.
 *
 * @param parity  used when the text has no format: DL/T 645 is even by standard, Modbus meters mostly none
 */
export const parseLineAddress = (text: string, parity: 'none' | 'even'): LineAddress => {
  const parsed = lineAddressOf(text, parity)
  if (parsed.ok) return parsed.value
  throw new CommandFailed(`--line ${text}: ${parsed.problem}; ${parsed.allowed}`, EXIT.usage)
}
