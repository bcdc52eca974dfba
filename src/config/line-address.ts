import type { LineConfig } from './gateway-config.ts'

/** How to reach a bus or a device, as it is typed. */
export type LineAddress = LineConfig['transport']

export type ParsedLineAddress =
  | { readonly ok: true; readonly value: LineAddress }
  | { readonly ok: false; readonly problem: string; readonly allowed: string }

const ALLOWED =
  'allowed: tcp://HOST:PORT, tcp://HOST:PORT?baud=2400, or a serial port as /dev/ttyUSB0, /dev/ttyUSB0:9600 or /dev/ttyUSB0:2400:8E1'
const LEAST_BAUD = 50
const MOST_BAUD = 4_000_000

/**
 * A line as it is typed and as the ledger keeps it: `tcp://192.0.2.7:502`, `tcp://192.0.2.7:4001?baud=2400`, `/dev/ttyUSB0:2400:8E1`.
 *
 * @param parity  used when the text has no format: DL/T 645 is even by standard, Modbus meters mostly none
 */
export const lineAddressOf = (text: string, parity: 'none' | 'even'): ParsedLineAddress => {
  const wrong = (problem: string): ParsedLineAddress => ({ ok: false, problem, allowed: ALLOWED })
  if (text.startsWith('tcp://')) {
    const match = /^tcp:\/\/(\[[0-9a-fA-F:.]+\]|[^:/?#\s]+):(\d{1,5})\/?(?:\?baud=(\d{1,7}))?$/.exec(text)
    const port = Number(match?.[2])
    if (!match?.[1] || port < 1 || port > 65_535) return wrong('is no host and port')
    const baud = match[3] === undefined ? null : Number(match[3])
    if (baud !== null && !isBaud(baud)) return wrong(`has a speed of ${baud}`)
    return { ok: true, value: { kind: 'tcp', host: match[1].replace(/^\[|\]$/g, ''), port, baud } }
  }
  const match = /^(?:serial:\/\/)?(\/[^:\s]+|COM\d+)(?::(\d{1,7}))?(?::([78])([NEOneo])([12]))?$/.exec(text)
  if (!match?.[1]) return wrong('is neither tcp:// nor a serial port')
  const baud = Number(match[2] ?? (parity === 'even' ? 2400 : 9600))
  if (!isBaud(baud)) return wrong(`has a speed of ${baud}`)
  const letter = match[4]?.toUpperCase()
  return {
    ok: true,
    value: {
      kind: 'serial',
      path: match[1],
      baud,
      dataBits: match[3] === '7' ? 7 : 8,
      parity: letter === 'E' ? 'even' : letter === 'O' ? 'odd' : letter === 'N' ? 'none' : parity,
      stopBits: match[5] === '2' ? 2 : 1,
    },
  }
}

const isBaud = (baud: number): boolean => baud >= LEAST_BAUD && baud <= MOST_BAUD

/** The text that means an address; what {@link lineAddressOf} takes apart. */
export const lineAddressText = (address: LineAddress): string => {
  if (address.kind === 'tcp') {
    const host = address.host.includes(':') ? `[${address.host}]` : address.host
    return `tcp://${host}:${address.port}${address.baud === null ? '' : `?baud=${address.baud}`}`
  }
  const { path, baud, dataBits, parity, stopBits } = address
  return `${path}:${baud}:${dataBits}${parity.charAt(0).toUpperCase()}${stopBits}`
}
