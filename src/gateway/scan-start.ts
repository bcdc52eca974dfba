import { openScanWire, type ScanMode, type ScanOptions, type ScanProtocol, type ScanSetting, settingsOf } from '../acquisition/index.ts'
import type { Profile } from '../core/index.ts'
import { serialTransport, type Transport, tcpTransport } from '../transport/index.ts'
import type { Profiles } from './profiles.ts'

export const SCAN_PROTOCOLS = [
  'modbus-tcp',
  'modbus-rtu',
  'modbus-ascii',
  'dlt645-2007',
  'dlt645-1997',
] as const satisfies readonly ScanProtocol[]

/** Where a line is, for a scan of its own. */
export type ScanTarget =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'serial'; readonly path: string }

/** Between the two looks at energy, milliseconds. */
export const GROWTH_MS: Readonly<Record<ScanMode, number>> = { quick: 0, normal: 20_000, thorough: 60_000 }

const PARITY = { E: 'even', O: 'odd', N: 'none' } as const

/** The transport of one setting. */
export const scanTransport = (target: ScanTarget, { baud, format }: ScanSetting): Transport => {
  if (target.kind === 'tcp') return tcpTransport({ host: target.host, port: target.port, connectTimeoutMs: 3000 })
  const [, letter = 'N', stop] = format ?? '8N1'
  const parity = letter === 'E' || letter === 'O' ? PARITY[letter] : PARITY.N
  return serialTransport({ path: target.path, baud: baud ?? 9600, dataBits: 8, parity, stopBits: stop === '2' ? 2 : 1 })
}

/** Unit ranges as people type them: `1-32,100`. @returns null when it is no such list */
export const parseUnits = (text: string): number[] | null => {
  const units = new Set<number>()
  for (const part of text.split(',')) {
    const match = /^\s*(\d{1,3})(?:\s*-\s*(\d{1,3}))?\s*$/.exec(part)
    const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])]
    if (!match || from < 1 || to > 247 || from > to) return null
    for (let unit = from; unit <= to; unit++) units.add(unit)
  }
  return [...units].sort((a, b) => a - b)
}

export const ALL_UNITS: readonly number[] = Array.from({ length: 247 }, (_, at) => at + 1)

export const everyProfile = (profiles: Pick<Profiles, 'ids' | 'get'>): Profile[] => profiles.ids.flatMap((id) => profiles.get(id) ?? [])

/** Options of a scan that opens the line itself. */
export const scanOptions = (
  target: ScanTarget,
  line: string,
  mode: ScanMode,
  only: { readonly bauds?: readonly number[] | undefined; readonly formats?: readonly string[] | undefined },
): Pick<ScanOptions, 'line' | 'mode' | 'settings' | 'open' | 'growthMs'> => ({
  line,
  mode,
  settings: target.kind === 'tcp' ? [{ baud: null, format: null }] : settingsOf(mode, only),
  growthMs: GROWTH_MS[mode],
  open: (setting) => openScanWire(scanTransport(target, setting)),
})
