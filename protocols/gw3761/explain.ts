import type { ExplainedError, ExplainedField } from '../../src/core/explained.ts'
import { bytesOf, hexOf } from '../../src/core/hex.ts'
import { hexNumber, terminalText } from './address.ts'
import { errorOf, type Gw3761Error } from './errors.ts'
import { explainUnits, type InnerFrame } from './explain-units.ts'
import { controlByte, decodeFrame, type Frame, hexByte, OVERHEAD, readHead } from './frame.ts'
import { FUNCTIONS, placeOf } from './seq.ts'
import { tableOf } from './tables.ts'

export type { ExplainedError, ExplainedField } from '../../src/core/explained.ts'
export type { InnerFrame } from './explain-units.ts'

/** A frame explained field by field, or where it breaks and what to do. The other members are named as in the vector files. */
export interface Explanation {
  readonly [leaf: string]: unknown
  readonly protocol: 'gw3761'
  readonly fields: readonly ExplainedField[]
  readonly error?: ExplainedError
}

export interface ExplainOptions {
  /** Show passwords, for a person at a desk. */
  readonly passwords?: boolean
  /** Takes apart a frame of DL/T 645 that is passed through; null = it is none. */
  readonly inner?: (bytes: Uint8Array, passwords: boolean) => InnerFrame | null
}

const bit = (value: boolean): 0 | 1 => (value ? 1 : 0)

const afnName = (afn: number): string => tableOf(afn)?.en ?? `AFN ${hexByte(afn)}`

/** The head of a frame by name. */
const headLeaves = (frame: Frame): Record<string, unknown> => ({
  user_data_len: frame.raw.length - OVERHEAD,
  protocol_id: frame.protocolId,
  control: `0x${hexByte(controlByte(frame))}`,
  direction: frame.dir,
  prm: bit(frame.prm),
  function_code: frame.function,
  ...(frame.dir === 'up' ? { acd: bit(frame.acd) } : { fcb: bit(frame.fcb) }),
  fcv: bit(frame.fcv),
  a1_region: frame.region,
  a2_terminal: frame.terminal,
  a2_hex: hexNumber(frame.terminal),
  a3: { msa: frame.msa, group: bit(frame.group) },
  terminal: terminalText(frame),
  afn: `0x${hexByte(frame.afn)}`,
  afn_name: afnName(frame.afn),
  afn_name_zh: tableOf(frame.afn)?.zh ?? null,
  seq: { tpv: bit(frame.seq.tpv), fir: bit(frame.seq.fir), fin: bit(frame.seq.fin), con: bit(frame.seq.con), pseq_rseq: frame.seq.number },
  checksum: `0x${hexByte(frame.raw[frame.raw.length - 2]!)}`,
})

const controlMeaning = (frame: Frame): string => {
  const name = FUNCTIONS[frame.prm ? 'primary' : 'secondary'][frame.function] ?? `function ${frame.function}`
  return [
    frame.dir === 'up' ? 'from the terminal' : 'from the master',
    frame.prm ? 'starts an exchange' : 'answers',
    frame.acd ? 'important events wait (ACD)' : '',
    frame.fcb ? 'FCB' : '',
    frame.fcv ? 'FCV' : '',
    name,
  ]
    .filter(Boolean)
    .join(', ')
}

const seqMeaning = (frame: Frame): string =>
  [
    { single: 'single frame', first: 'first frame', middle: 'middle frame', last: 'last frame' }[placeOf(frame.seq)],
    frame.seq.con ? 'to be confirmed (CON)' : '',
    frame.seq.tpv ? 'with time tag (TpV)' : '',
    `number ${frame.seq.number}`,
  ]
    .filter(Boolean)
    .join(', ')

const broken = (bytes: Uint8Array, error: Gw3761Error): ExplainedError => {
  const at = typeof error.context.at === 'number' ? error.context.at : 0
  const byte = bytes[at]
  return { code: error.code, message: error.message, hint: error.hint, offset: at, byte: byte === undefined ? null : hexByte(byte) }
}

/** Says of one frame alone what a stream cannot: how many bytes are there against what the length says. */
const sharpened = (bytes: Uint8Array, error: Gw3761Error): Gw3761Error => {
  const head = readHead(bytes, 0, bytes.length)
  if (error.code !== 'GW3761_END' || !head.ok || bytes.length <= head.size || bytes[bytes.length - 1] !== 0x16) return error
  const message = `length says ${head.size - OVERHEAD} user bytes, ${bytes.length - OVERHEAD} are present`
  return errorOf('GW3761_END', message, error.context)
}

/** Explains the bytes of one frame. Never throws. */
export const explainBytes = (bytes: Uint8Array, options: ExplainOptions = {}): Explanation => {
  const result = bytes.length === 0 ? null : decodeFrame(bytes)
  if (!result?.ok) {
    const error = result ? sharpened(bytes, result.error) : errorOf('GW3761_TRUNCATED', 'no bytes of a frame', { at: 0 })
    const rest = bytes.length > 0 ? [{ offset: 0, length: bytes.length, hex: hexOf(bytes), name: 'bytes', meaning: 'no whole frame' }] : []
    return { protocol: 'gw3761', fields: rest, error: broken(bytes, error) }
  }
  const frame = result.value
  const { raw } = frame
  const field = (offset: number, length: number, name: string, meaning: string): ExplainedField => ({
    offset,
    length,
    hex: hexOf(bytes.subarray(offset, offset + length)),
    name,
    meaning,
  })
  const user = raw.length - OVERHEAD
  const units = explainUnits(frame, options)
  const fields = [
    field(0, 1, 'start', '68H'),
    field(1, 2, 'length (长度 L)', `${user} bytes from C to before CS, protocol id ${frame.protocolId}`),
    field(3, 2, 'length again', 'the same'),
    field(5, 1, 'start', '68H'),
    field(6, 1, 'control (控制域 C)', controlMeaning(frame)),
    field(7, 2, 'region (行政区划码 A1)', frame.region),
    field(
      9,
      2,
      'terminal number (终端地址 A2)',
      `${frame.terminal} (${hexNumber(frame.terminal)}H)${frame.terminal === 0xffff ? ', everybody' : ''}`,
    ),
    field(11, 1, 'master address and group flag (A3)', `master ${frame.msa}${frame.group ? ', group address' : ''}`),
    field(
      12,
      1,
      'application function (应用层功能码 AFN)',
      [afnName(frame.afn), tableOf(frame.afn)?.zh ?? 'not in the protocol'].join(', '),
    ),
    field(13, 1, 'sequence (帧序列域 SEQ)', seqMeaning(frame)),
    ...units.fields,
    field(raw.length - 2, 1, 'checksum', 'sum of the bytes from C on, modulo 256'),
    field(raw.length - 1, 1, 'end', '16H'),
    ...(bytes.length > raw.length ? [field(raw.length, bytes.length - raw.length, 'bytes behind the frame', 'not part of it')] : []),
  ]
  return { protocol: 'gw3761', ...headLeaves(frame), ...units.leaves, fields }
}

/** Explains hexadecimal text; text that is none is an error too. */
export const explain = (hex: string, options: ExplainOptions = {}): Explanation => {
  const bytes = bytesOf(hex)
  if (bytes) return explainBytes(bytes, options)
  const { code, message, hint } = errorOf('GW3761_DELIMITER', 'not hexadecimal text: an odd number of digits, or a character that is none')
  return { protocol: 'gw3761', fields: [], error: { code, message, hint, offset: 0, byte: null } }
}

/** One line about a frame, for traces; it shows identifiers and no contents, so no secrets. */
export const describe = (bytes: Uint8Array, direction: 'tx' | 'rx'): string => {
  const arrow = direction === 'tx' ? '→' : '←'
  const result = decodeFrame(bytes)
  if (!result.ok) return `${arrow} ${bytes.length} bytes, ${result.error.message}`
  const frame = result.value
  const place = placeOf(frame.seq)
  const said = explainUnits(frame, {}).summary
  return [
    `${arrow} ${terminalText(frame)} ${afnName(frame.afn)} #${frame.seq.number}`,
    place === 'single' ? '' : ` (${place} frame)`,
    said === '' ? '' : `: ${said}`,
    frame.acd ? ', events wait' : '',
  ].join('')
}
