import type { ExplainedError, ExplainedField } from '../../src/core/explained.ts'
import { bytesOf, hexOf } from '../../src/core/hex.ts'
import { type Dlt645Error, errorOf } from './errors.ts'
import { explainData, functionName, variantOf } from './explain-data.ts'
import { BROADCAST, CONTROL, decodeFrame, type Frame, hexByte, OVERHEAD, WAKE_UP } from './frame.ts'
import type { Leaves } from './value-leaves.ts'

/**
 * A frame explained field by field, or where it breaks and what to do. The other members are named as in the vector files.
 * In `hex` the data field still has its 33H added.
 */
export interface Explanation {
  readonly [leaf: string]: unknown
  readonly protocol: 'dlt645'
  readonly fields: readonly ExplainedField[]
  readonly error?: ExplainedError
}

const addressKind = (address: string): string =>
  address === BROADCAST ? 'broadcast' : address === 'AAAAAAAAAAAA' ? 'wildcard' : address.startsWith('AA') ? 'partial' : 'unicast'

const controlMeaning = (control: number, name: string): string =>
  [
    control & CONTROL.response ? 'answer' : 'request',
    control & CONTROL.abnormal ? 'abnormal' : '',
    control & CONTROL.follow ? 'more frames follow' : '',
    name,
  ]
    .filter(Boolean)
    .join(', ')

/** The named facts of a decoded frame, without its bytes. @param secrets show passwords */
const leavesOf = (frame: Frame, secrets: boolean): { leaves: Leaves; data: ReturnType<typeof explainData> } => {
  const { address, control } = frame
  const variant = variantOf(frame)
  const fn = control & CONTROL.function
  const data = explainData(frame)
  const plain = Array.from(frame.data, hexByte)
  if (!secrets) for (const { at, size, secret } of data.pieces) if (secret) plain.fill('**', at, at + size)
  const hidden: Leaves = {}
  if (!secrets) for (const name of ['password', 'old_password', 'new_password']) if (name in data.leaves) hidden[name] = '**'
  const leaves = {
    address,
    address_kind: addressKind(address),
    control: `0x${hexByte(control)}`,
    is_response: (control & CONTROL.response) !== 0,
    abnormal: (control & CONTROL.abnormal) !== 0,
    follow_up: (control & CONTROL.follow) !== 0,
    ...(control & CONTROL.follow && { more_frames: true }),
    function: fn,
    function_name: functionName(variant, fn),
    variant: fn === 0x08 ? '1997/2007' : variant,
    data_len: frame.data.length,
    data_plain_hex: plain.join(' '),
    ...data.leaves,
    ...hidden,
  }
  return { leaves, data }
}

const broken = (bytes: Uint8Array, start: number, error: Dlt645Error): ExplainedError => {
  const at = typeof error.context.at === 'number' ? error.context.at : 0
  const byte = bytes[start + at]
  return { code: error.code, message: error.message, hint: error.hint, offset: start + at, byte: byte === undefined ? null : hexByte(byte) }
}

/** Explains the bytes of one frame, wake-up bytes included. Never throws. */
export const explainBytes = (bytes: Uint8Array, options: { readonly passwords?: boolean } = {}): Explanation => {
  let start = 0
  while (bytes[start] === WAKE_UP) start++
  const field = (offset: number, length: number, name: string, meaning: string, hex?: string): ExplainedField => ({
    offset,
    length,
    hex: hex ?? hexOf(bytes.subarray(offset, offset + length)),
    name,
    meaning,
  })
  const wakeUp = start > 0 ? [field(0, start, 'wake-up bytes', `${start} times FEH`)] : []
  const result = bytes.length === start ? null : decodeFrame(bytes, start)
  if (!result?.ok) {
    const error = result?.error ?? errorOf('DLT645_TRUNCATED', 'no bytes of a frame', { at: 0 })
    const rest = bytes.length > start ? [field(start, bytes.length - start, 'bytes', 'no whole frame')] : []
    return { protocol: 'dlt645', preamble_fe: start, fields: [...wakeUp, ...rest], error: broken(bytes, start, error) }
  }
  const frame = result.value
  const { leaves, data } = leavesOf(frame, options.passwords === true)
  const end = start + OVERHEAD + frame.data.length
  const fields = [
    ...wakeUp,
    field(start, 1, 'start', '68H'),
    field(start + 1, 6, 'address', `${frame.address} (${leaves.address_kind}), lowest pair first`),
    field(start + 7, 1, 'start', '68H'),
    field(start + 8, 1, 'control', controlMeaning(frame.control, String(leaves.function_name))),
    field(start + 9, 1, 'length', `${frame.data.length} data bytes`),
    ...data.pieces.map(({ at, size, name, meaning, secret }) =>
      field(
        start + 10 + at,
        size,
        name,
        meaning,
        secret && !options.passwords ? Array.from({ length: size }, () => '**').join(' ') : undefined,
      ),
    ),
    field(end - 2, 1, 'checksum', 'sum of all bytes from 68H on, modulo 256'),
    field(end - 1, 1, 'end', '16H'),
    ...(bytes.length > end ? [field(end, bytes.length - end, 'bytes behind the frame', 'not part of it')] : []),
  ]
  return { protocol: 'dlt645', preamble_fe: start, ...leaves, checksum: `0x${hexByte(bytes[end - 2]!)}`, fields }
}

/** Explains hexadecimal text; text that is none is an error too. @param options passwords = show them, for a person at a desk */
export const explain = (hex: string, options: { readonly passwords?: boolean } = {}): Explanation => {
  const bytes = bytesOf(hex)
  if (bytes) return explainBytes(bytes, options)
  const { code, message, hint } = errorOf('DLT645_DELIMITER', 'not hexadecimal text: an odd number of digits, or a character that is none')
  return { protocol: 'dlt645', fields: [], error: { code, message, hint, offset: 0, byte: null } }
}

/** One line about a frame, for traces; passwords are masked. */
export const describe = (bytes: Uint8Array, direction: 'tx' | 'rx'): string => {
  const explained = explainBytes(bytes)
  const arrow = direction === 'tx' ? '→' : '←'
  if (explained.error) return `${arrow} ${bytes.length} bytes, ${explained.error.message} (byte ${explained.error.offset})`
  const { function_name: name, address, abnormal, errors, quantity, di, value, values, unit, anomaly, fields } = explained
  const said = [
    di === undefined ? '' : `${di} ${quantity}`,
    abnormal ? `refused: ${Array.isArray(errors) ? errors.join(', ') : 'security error'}` : '',
    value !== undefined
      ? `${value ?? 'no value'} ${unit ?? ''}`.trim()
      : Array.isArray(values)
        ? `${values.map((one) => one ?? '-').join(' / ')} ${unit ?? ''}`.trim()
        : '',
    anomaly === undefined ? '' : `${anomaly}`,
    di === undefined && !abnormal
      ? fields
          .filter((field) => field.offset >= 10 && !/^(checksum|end)$/.test(field.name) && field.name !== 'length')
          .map((field) => `${field.name} ${field.hex.startsWith('**') ? '**' : field.meaning}`)
          .join(', ')
      : '',
  ].filter(Boolean)
  return `${arrow} ${address} ${name}${explained.is_response ? ' answer' : ''}${said.length > 0 ? `: ${said.join(' ')}` : ''}`
}
