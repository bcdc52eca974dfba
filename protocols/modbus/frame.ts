import { ok, type Result } from '../../src/core/index.ts'
import { crc16, lrc8 } from './crc.ts'
import { fail, type ModbusError } from './errors.ts'

/** How a PDU is wrapped: `rtu` also inside a TCP stream (transparent serial servers). */
export type Framing = 'rtu' | 'tcp' | 'ascii'

/** A frame whose check held. `pdu` starts with the function code. */
export interface ModbusFrame {
  readonly unit: number
  /** As on the wire: 0x80 is set in an exception. */
  readonly function: number
  /** Modbus TCP only, else 0. */
  readonly transactionId: number
  readonly pdu: Uint8Array
  /** Modbus ASCII only, as it came: its digits may be of either case. Of the other framings the frame follows from its parts. */
  readonly text?: Uint8Array
}

/** Longest frame in bytes. @source MODBUS over Serial Line V1.02, 2.5; MODBUS Messaging on TCP/IP V1.0b, 3.1.3 */
export const LONGEST: Readonly<Record<Framing, number>> = { rtu: 256, tcp: 260, ascii: 513 }

/** Bytes around a PDU. ASCII doubles the PDU besides. */
const RTU_OVERHEAD = 3
const MBAP = 7

/** Length of a frame that carries a PDU of this length. */
export const frameLength = (framing: Framing, pduLength: number): number =>
  framing === 'rtu' ? pduLength + RTU_OVERHEAD : framing === 'tcp' ? pduLength + MBAP : 2 * (pduLength + 2) + 3

/**
 * Wraps a PDU.
 *
 * @param transactionId  Modbus TCP only; {@link stampTransaction} writes it later
 * @source MODBUS over Serial Line V1.02, 2.5; MODBUS Messaging on TCP/IP V1.0b, 3.1.3
 */
export const encodeFrame = (framing: Framing, unit: number, pdu: Uint8Array, transactionId = 0): Uint8Array => {
  const bytes = new Uint8Array(frameLength(framing, pdu.length))
  if (framing === 'tcp') {
    const length = pdu.length + 1
    bytes[0] = transactionId >> 8
    bytes[1] = transactionId
    bytes[4] = length >> 8
    bytes[5] = length
    bytes[6] = unit
    bytes.set(pdu, MBAP)
    return bytes
  }
  if (framing === 'rtu') {
    bytes[0] = unit
    bytes.set(pdu, 1)
    const crc = crc16(bytes, 0, pdu.length + 1)
    bytes[pdu.length + 1] = crc
    bytes[pdu.length + 2] = crc >> 8
    return bytes
  }
  const body = new Uint8Array(pdu.length + 2)
  body[0] = unit
  body.set(pdu, 1)
  body[pdu.length + 1] = lrc8(body, 0, pdu.length + 1)
  bytes[0] = COLON
  for (let at = 0; at < body.length; at++) {
    bytes[1 + 2 * at] = DIGITS[body[at]! >> 4]!
    bytes[2 + 2 * at] = DIGITS[body[at]! & 15]!
  }
  bytes[bytes.length - 2] = CR
  bytes[bytes.length - 1] = LF
  return bytes
}

export const COLON = 0x3a
export const CR = 0x0d
export const LF = 0x0a
const DIGITS = Array.from('0123456789ABCDEF', (digit) => digit.charCodeAt(0))

/** Value of an ASCII hexadecimal digit, -1 for anything else. */
export const digitOf = (byte: number): number =>
  byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : byte >= 0x41 && byte <= 0x46 ? byte - 0x37 : byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1

/** Writes a transaction id into a Modbus TCP request. */
export const stampTransaction = (bytes: Uint8Array, id: number): void => {
  bytes[0] = id >> 8
  bytes[1] = id
}

/**
 * Opens one whole frame: length and check must hold. What the PDU says is not judged here, nor that it is too long: a request for too
 * much has to be read before it can be refused. Streams are bounded by the deframer.
 *
 * @param bytes  exactly one frame
 * @errors       MODBUS_TRUNCATED, MODBUS_CRC, MODBUS_LRC, MODBUS_MBAP, MODBUS_NOISE
 */
export const decodeFrame = (framing: Framing, bytes: Uint8Array): Result<ModbusFrame, ModbusError> =>
  framing === 'rtu' ? decodeRtu(bytes) : framing === 'tcp' ? decodeTcp(bytes) : decodeAscii(bytes)

const decodeRtu = (bytes: Uint8Array): Result<ModbusFrame, ModbusError> => {
  const { length } = bytes
  if (length < 4) return fail('MODBUS_TRUNCATED', `${length} bytes, the shortest frame has 4`, { length })
  const received = bytes[length - 2]! | (bytes[length - 1]! << 8)
  const expected = crc16(bytes, 0, length - 2)
  if (received !== expected)
    return fail('MODBUS_CRC', `CRC ${crcText(received)}, expected ${crcText(expected)}`, { received, expected, at: length - 2 })
  return ok({ unit: bytes[0]!, function: bytes[1]!, transactionId: 0, pdu: bytes.subarray(1, length - 2) })
}

/** A CRC in the order of the wire. */
export const crcText = (crc: number): string =>
  [crc & 0xff, crc >> 8].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(' ')

const decodeTcp = (bytes: Uint8Array): Result<ModbusFrame, ModbusError> => {
  if (bytes.length < MBAP + 1) return fail('MODBUS_TRUNCATED', `${bytes.length} bytes, the shortest frame has ${MBAP + 1}`)
  const protocolId = (bytes[2]! << 8) | bytes[3]!
  const length = (bytes[4]! << 8) | bytes[5]!
  if (protocolId !== 0) return fail('MODBUS_MBAP', `protocol id ${protocolId}, expected 0`, { protocolId, at: 2 })
  if (length < 2) return fail('MODBUS_MBAP', `length ${length}: unit and function alone are 2`, { length, at: 4 })
  if (bytes.length < 6 + length) return fail('MODBUS_TRUNCATED', `${bytes.length} of ${6 + length} bytes`, { length, at: 4 })
  if (bytes.length > 6 + length) return fail('MODBUS_MBAP', `${bytes.length - 6} bytes after a length of ${length}`, { length, at: 4 })
  return ok({ unit: bytes[6]!, function: bytes[7]!, transactionId: (bytes[0]! << 8) | bytes[1]!, pdu: bytes.subarray(MBAP) })
}

const decodeAscii = (bytes: Uint8Array): Result<ModbusFrame, ModbusError> => {
  const { length } = bytes
  if (bytes[0] !== COLON) return fail('MODBUS_NOISE', 'an ASCII frame starts with a colon', { at: 0 })
  if (length < 9 || bytes[length - 2] !== CR || bytes[length - 1] !== LF)
    return fail('MODBUS_TRUNCATED', 'an ASCII frame ends with CR LF', { length })
  if (length % 2 !== 1) return fail('MODBUS_NOISE', 'an odd number of hexadecimal digits', { length })
  const body = new Uint8Array((length - 3) / 2)
  for (let at = 0; at < body.length; at++) {
    const high = digitOf(bytes[1 + 2 * at]!)
    const low = digitOf(bytes[2 + 2 * at]!)
    if (high < 0 || low < 0) return fail('MODBUS_NOISE', 'a character that is no hexadecimal digit', { at: 1 + 2 * at })
    body[at] = (high << 4) | low
  }
  const received = body[body.length - 1]!
  const expected = lrc8(body, 0, body.length - 1)
  if (received !== expected)
    return fail('MODBUS_LRC', `LRC ${hex2(received)}, expected ${hex2(expected)}`, { received, expected, at: length - 4 })
  return ok({ unit: body[0]!, function: body[1]!, transactionId: 0, pdu: body.subarray(1, body.length - 1), text: bytes })
}

const hex2 = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0')
