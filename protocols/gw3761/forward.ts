import type { ForwardSettings } from '../../src/core/terminal.ts'
import { writeUint } from './formats.ts'
import type { Frame } from './frame.ts'
import { FORWARD_BAUDS } from './tables.ts'
import type { DataUnit } from './units.ts'

/** Port number of the power line (载波). */
export const PLC_PORT = 31

/**
 * Content of AFN 10 F1 down: settings of the port, then the bytes for the meter.
 *
 * @source  Q/GDW 376.1-2009, AFN 10 F1; captured frames: 6B = 2400 8E1, CB = 9600 8E1, BC = 60 s
 */
export const writeForward = (settings: ForwardSettings, bytes: Uint8Array): Uint8Array => {
  const { port, baud, parity, dataBits, stopBits, waitMs, byteWaitMs } = settings
  const control =
    (FORWARD_BAUDS.indexOf(baud) << 5) |
    (stopBits === 2 ? 0x10 : 0) |
    (parity === 'none' ? 0 : 0x08) |
    (parity === 'odd' ? 0x04 : 0) |
    (dataBits - 5)
  return Uint8Array.of(
    port,
    control,
    timeoutByte(waitMs),
    Math.min(255, Math.max(1, Math.round(byteWaitMs / 10))),
    ...writeUint(bytes.length, 2),
    ...bytes,
  )
}

/** Waiting time: up to 1270 ms in tens of milliseconds, above in seconds, at most 127 s. */
const timeoutByte = (ms: number): number => (ms <= 1270 ? Math.max(1, Math.round(ms / 10)) : 0x80 | Math.min(127, Math.ceil(ms / 1000)))

/** What came back through a port; null when the unit is none or its length is wrong. Bytes are empty when the meter kept silent. */
export const readForward = ({ data }: Frame, unit: DataUnit): { readonly port: number; readonly bytes: Uint8Array } | null => {
  if (unit.fn !== 1 || unit.layout === null || unit.end - unit.body < 3) return null
  return { port: data[unit.body]!, bytes: data.slice(unit.body + 3, unit.end) }
}
