import type { SerialSettings } from '../transport/index.ts'
import { CommandFailed, EXIT } from './output.ts'

export type LineAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly baud: null }
  | ({ readonly kind: 'serial' } & SerialSettings)

const ALLOWED = 'allowed: tcp://HOST:PORT, or a serial port as /dev/ttyUSB0, /dev/ttyUSB0:9600 or /dev/ttyUSB0:2400:8E1'

/**
 * A line as it is typed: `tcp://192.0.2.7:502`, `/dev/ttyUSB0:2400:8E1`.
 *
 * @param parity  used when the text has no format: DL/T 645 is even by standard, Modbus meters mostly none
 */
export const parseLineAddress = (text: string, parity: 'none' | 'even'): LineAddress => {
  const wrong = (why: string): never => {
    throw new CommandFailed(`--line ${text}: ${why}; ${ALLOWED}`, EXIT.usage)
  }
  if (text.startsWith('tcp://')) {
    const match = /^tcp:\/\/(\[[0-9a-fA-F:.]+\]|[^:/]+):(\d{1,5})\/?$/.exec(text)
    const port = Number(match?.[2])
    if (!match?.[1] || port < 1 || port > 65_535) return wrong('is no host and port')
    return { kind: 'tcp', host: match[1].replace(/^\[|\]$/g, ''), port, baud: null }
  }
  const match = /^(?:serial:\/\/)?(\/[^:]+|COM\d+)(?::(\d+))?(?::([78])([NEOneo])([12]))?$/.exec(text)
  if (!match?.[1]) return wrong('is neither tcp:// nor a serial port')
  const letter = match[4]?.toUpperCase()
  return {
    kind: 'serial',
    path: match[1],
    baud: Number(match[2] ?? (parity === 'even' ? 2400 : 9600)),
    dataBits: match[3] === '7' ? 7 : 8,
    parity: letter === 'E' ? 'even' : letter === 'O' ? 'odd' : letter === 'N' ? 'none' : parity,
    stopBits: match[5] === '2' ? 2 : 1,
  }
}
