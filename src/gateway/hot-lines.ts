import { type GatewayConfig, type LineConfig, lineAddressOf, lineOf } from '../config/index.ts'
import type { Entity } from '../ledger/index.ts'
import { portOf } from './field-line.ts'

/** Lines of the ledger that a gateway opens beside those of gateway.yaml, and why others of them are not opened. */
export interface LedgerLines {
  readonly lines: readonly LineConfig[]
  readonly problems: readonly string[]
}

const LEAST_TIMEOUT_MS = 20
/** More channels are not looked at. */
export const MOST_CHANNELS = 10_000

/**
 * The lines that the ledger describes: channels with a transport. gateway.yaml wins where both name one; a port that is taken already
 * is not opened twice.
 */
export const ledgerLines = (
  { lines, mqtt }: { readonly lines: readonly LineConfig[]; readonly mqtt: readonly Pick<GatewayConfig['mqtt'][number], 'id'>[] },
  channels: readonly Entity[],
): LedgerLines => {
  const found: LineConfig[] = []
  const problems: string[] = []
  const named = new Map([...lines.map(({ id }) => [id, 'line'] as const), ...mqtt.map(({ id }) => [id, 'broker'] as const)])
  const ports = new Map(lines.map((line) => [portOf(line), line.id]))
  for (const { id, attributes } of channels) {
    const { transport } = attributes
    if (typeof transport !== 'string' || transport === '') continue
    const what = named.get(id)
    if (what) {
      problems.push(`line ${id} of the ledger is the ${what} ${id} of gateway.yaml, which wins: take the transport off one of them`)
      continue
    }
    const line = lineFrom(id, transport, attributes)
    if (typeof line === 'string') {
      problems.push(`line ${id} of the ledger is not opened: ${line}`)
      continue
    }
    const other = ports.get(portOf(line))
    if (other !== undefined) {
      problems.push(`line ${id} of the ledger is not opened: ${portOf(line)} is where line ${other} leads; one bus is one line`)
      continue
    }
    ports.set(portOf(line), id)
    found.push(line)
  }
  return { lines: found, problems }
}

/** @returns  why it is none, as a text */
const lineFrom = (id: string, transport: string, { framing, timeoutMs, quietMs }: Entity['attributes']): LineConfig | string => {
  const modbus = framing === 'tcp' || framing === 'rtu' || framing === 'ascii' ? framing : undefined
  // Without a framing it is most likely a bus of DL/T 645 meters: 2400 8E1.
  const address = lineAddressOf(transport, modbus === undefined ? 'even' : 'none')
  if (!address.ok) return `its transport "${transport}" ${address.problem}; ${address.allowed}`
  if (address.value.kind === 'serial' && modbus === 'tcp') return 'its framing is tcp; a serial port carries rtu or ascii'
  const { value } = address
  const line = lineOf({
    id,
    transport:
      value.kind === 'serial'
        ? value
        : { kind: 'tcp', host: value.host, port: value.port, ...(value.baud === null ? {} : { baud: value.baud }) },
    ...(modbus === undefined ? {} : { modbus }),
    ...(typeof timeoutMs === 'number' ? { timeoutMs: Math.max(LEAST_TIMEOUT_MS, timeoutMs) } : {}),
    ...(typeof quietMs === 'number' ? { quietMs } : {}),
  })
  return line
}
