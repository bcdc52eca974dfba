import type { EmbeddedFrame, FrameContext, PushedValue, SkippedField } from '../../src/core/push.ts'
import type { GatewayError } from '../../src/core/result.ts'
import { compileBlock, decodeBlock } from './compiled.ts'
import { errorOf } from './errors.ts'
import { decodeFrame } from './frame.ts'
import type { ModbusProfile } from './profile.ts'
import { selectItems } from './select.ts'

/** Largest function code with the exception bit. @source Modbus Application Protocol 1.1b3, 7 exception responses */
const EXCEPTION = 0x80

/**
 * Decodes an RTU answer that came inside a message of a transparent DTU. It names no register: which ones were asked for is known from the
 * profile and the first register of the question.
 *
 * @param bytes    one answer, unit to CRC
 * @param profile  null: nobody said what the registers are; the frame is checked and not decoded
 */
export const embeddedFrame = (bytes: Uint8Array, profile: ModbusProfile | null, context: FrameContext): EmbeddedFrame => {
  const head = { protocol: 'modbus-rtu', preambleBytes: null, values: [], skipped: [] }
  const opened = decodeFrame('rtu', bytes)
  if (!opened.ok) return { ...head, address: bytes.length > 0 ? String(bytes[0]) : null, checksumOk: false, error: opened.error }
  const { unit, function: code, pdu } = opened.value
  const frame = { ...head, address: String(unit), checksumOk: true }
  if (code & EXCEPTION) return { ...frame, error: errorOf('MODBUS_REFUSED', `unit ${unit} answers exception ${pdu[1] ?? 0}`) }
  if ((code !== 3 && code !== 4) || pdu[1] !== pdu.length - 2 || pdu.length < 4 || pdu.length % 2 !== 0)
    return { ...frame, error: errorOf('MODBUS_PDU', `function ${code} with ${pdu.length} bytes is no answer with registers`) }
  if (profile === null || context.start === null)
    return { ...frame, error: errorOf('MODBUS_PLAN', 'which registers it holds is not known: give profile and start in the mapping') }
  if (context.function !== null && context.function !== code)
    return { ...frame, error: errorOf('MODBUS_PDU', `function ${code}, the mapping says ${context.function}`) }
  return { ...frame, ...valuesOf(profile, code, context.start, pdu) }
}

const valuesOf = (
  profile: ModbusProfile,
  code: number,
  start: number,
  pdu: Uint8Array,
): Pick<EmbeddedFrame, 'values' | 'skipped' | 'error'> => {
  const end = start + (pdu.length - 2) / 2
  const selected = selectItems(profile, { kind: 'current' })
  if (!selected.ok) return { values: [], skipped: [], error: selected.error }
  const items = selected.value
    .filter((item) => item.function === code && item.start >= start && item.end <= end)
    .map((item, index) => ({ ...item, index }))
  if (items.length === 0) {
    const message = `profile ${profile.id} has no value in registers ${start} to ${end - 1} of function ${code}`
    return { values: [], skipped: [], error: errorOf('MODBUS_PLAN', message) }
  }
  const raws = items.map((): number | bigint | null => null)
  const scalers = items.map(() => 0)
  const absent: ReadonlyMap<number, GatewayError> =
    decodeBlock(compileBlock({ function: code === 3 ? 3 : 4, start, end, items }), pdu, raws, scalers) ?? new Map()
  const values: PushedValue[] = []
  const skipped: SkippedField[] = []
  for (const [at, { register, obis, scaler }] of items.entries()) {
    const raw = raws[at] ?? null
    const path = `${register.addressHex} ${register.description}`
    const error = absent.get(at)
    if (raw === null) {
      if (error) skipped.push({ path, error })
      continue
    }
    const value = { raw, scaler: scaler ?? scalers[at] ?? 0 }
    values.push({ path, text: String(raw), isText: false, value, unit: register.unit, obis, ratio: register.ratio ?? 'none' })
  }
  return { values, skipped, error: null }
}
