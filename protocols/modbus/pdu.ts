import { ok, type Result } from '../../src/core/index.ts'
import { fail, type ModbusError } from './errors.ts'
import { LIMITS, MEI_IDENTIFICATION } from './functions.ts'

type SingleWrite =
  | { readonly function: 5; readonly address: number; readonly on: boolean }
  | { readonly function: 6; readonly address: number; readonly value: number }

/** What a master asks. Addresses are zero-based, as on the wire. */
export type ModbusRequest =
  | { readonly function: 1 | 2 | 3 | 4; readonly address: number; readonly quantity: number }
  | SingleWrite
  | { readonly function: 15; readonly address: number; readonly bits: readonly boolean[] }
  | { readonly function: 16; readonly address: number; readonly registers: readonly number[] }
  | { readonly function: 43; readonly readCode: number; readonly objectId: number }

/** One object of an identification: 0 vendor, 1 product, 2 revision, … */
export interface IdentificationObject {
  readonly id: number
  readonly text: string
}

/** What a device answers. */
export type ModbusResponse =
  /** Bits as sent: a multiple of eight, the last ones may be padding. */
  | { readonly function: 1 | 2; readonly bits: readonly boolean[] }
  | { readonly function: 3 | 4; readonly registers: readonly number[] }
  | SingleWrite
  | { readonly function: 15 | 16; readonly address: number; readonly quantity: number }
  | {
      readonly function: 43
      readonly readCode: number
      readonly conformity: number
      readonly moreFollows: boolean
      readonly nextObjectId: number
      readonly objects: readonly IdentificationObject[]
    }
  | { readonly function: number; readonly exceptionCode: number }

export const isException = (response: ModbusResponse): response is { readonly function: number; readonly exceptionCode: number } =>
  'exceptionCode' in response

const word = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!

const packBits = (bits: readonly boolean[]): number[] => {
  const bytes = new Array<number>(Math.ceil(bits.length / 8)).fill(0)
  for (const [at, bit] of bits.entries()) if (bit) bytes[at >> 3]! |= 1 << (at & 7)
  return bytes
}

const unpackBits = (bytes: Uint8Array, from: number, count: number): boolean[] =>
  Array.from({ length: count }, (_, at) => ((bytes[from + (at >> 3)]! >> (at & 7)) & 1) === 1)

const words = (values: readonly number[]): number[] => values.flatMap((value) => [value >> 8, value & 0xff])

/**
 * PDU of a request.
 *
 * @throws RangeError for what cannot be put on the wire: callers check what people typed with {@link checkRequest}
 * @source Modbus Application Protocol V1.1b3, 6
 */
export const encodeRequest = (request: ModbusRequest): Uint8Array => {
  if (request.function === 43) return Uint8Array.of(43, MEI_IDENTIFICATION, request.readCode, request.objectId)
  const { address } = request
  needWord(address)
  const head = [request.function, address >> 8, address & 0xff]
  switch (request.function) {
    case 5:
      return Uint8Array.of(...head, request.on ? 0xff : 0, 0)
    case 6:
      needWord(request.value)
      return Uint8Array.of(...head, ...words([request.value]))
    case 15:
      needCount(request.bits.length, LIMITS.writeBits)
      return Uint8Array.of(...head, ...words([request.bits.length]), Math.ceil(request.bits.length / 8), ...packBits(request.bits))
    case 16:
      needCount(request.registers.length, LIMITS.writeRegisters)
      for (const register of request.registers) needWord(register)
      return Uint8Array.of(...head, ...words([request.registers.length]), request.registers.length * 2, ...words(request.registers))
    default:
      needCount(request.quantity, request.function <= 2 ? LIMITS.readBits : LIMITS.readRegisters)
      return Uint8Array.of(...head, ...words([request.quantity]))
  }
}

/** PDU of an answer, for simulated meters and tests. @throws RangeError as {@link encodeRequest} */
export const encodeResponse = (response: ModbusResponse): Uint8Array => {
  if ('exceptionCode' in response) return Uint8Array.of(response.function | 0x80, response.exceptionCode)
  if ('bits' in response) {
    needCount(response.bits.length, LIMITS.readBits)
    const packed = packBits(response.bits)
    return Uint8Array.of(response.function, packed.length, ...packed)
  }
  if ('registers' in response) {
    needCount(response.registers.length, LIMITS.readRegisters)
    return Uint8Array.of(response.function, response.registers.length * 2, ...words(response.registers))
  }
  if ('objects' in response) {
    const objects = response.objects.flatMap(({ id, text }) => [
      id,
      text.length,
      ...Array.from(text, (character) => character.charCodeAt(0)),
    ])
    const { readCode, conformity, moreFollows, nextObjectId } = response
    return Uint8Array.of(
      43,
      MEI_IDENTIFICATION,
      readCode,
      conformity,
      moreFollows ? 0xff : 0,
      nextObjectId,
      response.objects.length,
      ...objects,
    )
  }
  const value = 'on' in response ? (response.on ? 0xff00 : 0) : 'value' in response ? response.value : response.quantity
  return Uint8Array.of(response.function, ...words([response.address, value]))
}

const needWord = (value: number): void => {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff) throw new RangeError(`${value} is no 16-bit number`)
}
const needCount = (count: number, limit: number): void => {
  if (!Number.isInteger(count) || count < 1 || count > limit) throw new RangeError(`${count} is not within 1 and ${limit}`)
}

/**
 * Takes a request apart. Limits of quantity are not checked here: {@link checkRequest} says what a server must answer.
 *
 * @errors MODBUS_PDU
 */
export const decodeRequest = (pdu: Uint8Array): Result<ModbusRequest, ModbusError> => {
  const code = pdu[0] ?? 0
  if (code === 43) {
    if (pdu.length !== 4 || pdu[1] !== MEI_IDENTIFICATION) return wrongLength(pdu, 4)
    return ok({ function: 43, readCode: pdu[2]!, objectId: pdu[3]! })
  }
  if (code === 5 || code === 6) return decodeSingleWrite(code, pdu)
  if (code === 1 || code === 2 || code === 3 || code === 4) {
    if (pdu.length !== 5) return wrongLength(pdu, 5)
    return ok({ function: code, address: word(pdu, 1), quantity: word(pdu, 3) })
  }
  if (code === 15 || code === 16) {
    if (pdu.length < 6) return wrongLength(pdu, 6)
    const address = word(pdu, 1)
    const quantity = word(pdu, 3)
    const count = code === 15 ? Math.ceil(quantity / 8) : quantity * 2
    if (pdu[5] !== count || pdu.length !== 6 + count)
      return fail('MODBUS_PDU', `byte count ${pdu[5]} and ${pdu.length - 6} data bytes do not fit quantity ${quantity}`, { quantity })
    if (code === 15) return ok({ function: 15, address, bits: unpackBits(pdu, 6, quantity) })
    return ok({ function: 16, address, registers: Array.from({ length: quantity }, (_, at) => word(pdu, 6 + 2 * at)) })
  }
  return fail('MODBUS_PDU', `function ${code} is not one of 1 to 6, 15, 16, 43`, { function: code })
}

/**
 * Takes an answer apart.
 *
 * @errors MODBUS_PDU
 */
export const decodeResponse = (pdu: Uint8Array): Result<ModbusResponse, ModbusError> => {
  const code = pdu[0] ?? 0
  if (code & 0x80) {
    if (pdu.length !== 2) return wrongLength(pdu, 2)
    if (pdu[1] === 0) return fail('MODBUS_PDU', 'exception code 0 does not exist')
    return ok({ function: code & 0x7f, exceptionCode: pdu[1]! })
  }
  if (code === 1 || code === 2 || code === 3 || code === 4) {
    const count = pdu[1] ?? 0
    if (pdu.length !== 2 + count) return wrongLength(pdu, 2 + count)
    if (count === 0) return fail('MODBUS_PDU', 'byte count 0')
    if (code <= 2) return ok({ function: code === 1 ? 1 : 2, bits: unpackBits(pdu, 2, count * 8) })
    if (count % 2 !== 0 || count > 250) return fail('MODBUS_PDU', `byte count ${count} is no even number up to 250`, { byteCount: count })
    return ok({ function: code === 3 ? 3 : 4, registers: Array.from({ length: count / 2 }, (_, at) => word(pdu, 2 + 2 * at)) })
  }
  if (code === 43) return decodeIdentification(pdu)
  if (code === 5 || code === 6) return decodeSingleWrite(code, pdu)
  if (code === 15 || code === 16) {
    if (pdu.length !== 5) return wrongLength(pdu, 5)
    const quantity = word(pdu, 3)
    const limit = code === 15 ? LIMITS.writeBits : LIMITS.writeRegisters
    if (quantity < 1 || quantity > limit) return fail('MODBUS_PDU', `quantity ${quantity} is not within 1 and ${limit}`, { quantity })
    return ok({ function: code, address: word(pdu, 1), quantity })
  }
  return fail('MODBUS_PDU', `function ${code} is not one of 1 to 6, 15, 16, 43`, { function: code })
}

/** Request and answer of functions 5 and 6 are the same bytes. */
const decodeSingleWrite = (code: 5 | 6, pdu: Uint8Array): Result<SingleWrite, ModbusError> => {
  if (pdu.length !== 5) return wrongLength(pdu, 5)
  const address = word(pdu, 1)
  const value = word(pdu, 3)
  if (code === 6) return ok({ function: 6, address, value })
  if (value !== 0 && value !== 0xff00) return fail('MODBUS_PDU', `a coil is written FF00 or 0000, not ${hex4(value)}`, { value })
  return ok({ function: 5, address, on: value === 0xff00 })
}

const decodeIdentification = (pdu: Uint8Array): Result<ModbusResponse, ModbusError> => {
  if (pdu.length < 7 || pdu[1] !== MEI_IDENTIFICATION) return wrongLength(pdu, 7)
  const objects: IdentificationObject[] = []
  let at = 7
  for (let left = pdu[6]!; left > 0; left--) {
    const size = pdu[at + 1]
    if (size === undefined || at + 2 + size > pdu.length) return wrongLength(pdu, at + 2 + (size ?? 0))
    objects.push({ id: pdu[at]!, text: String.fromCharCode(...pdu.subarray(at + 2, at + 2 + size)) })
    at += 2 + size
  }
  if (at !== pdu.length) return wrongLength(pdu, at)
  return ok({ function: 43, readCode: pdu[2]!, conformity: pdu[3]!, moreFollows: pdu[4] === 0xff, nextObjectId: pdu[5]!, objects })
}

const wrongLength = (pdu: Uint8Array, expected: number) =>
  fail('MODBUS_PDU', `function ${pdu[0] ?? 0} has ${pdu.length} bytes, expected ${expected}`, { length: pdu.length, expected })

const hex4 = (value: number): string => value.toString(16).toUpperCase().padStart(4, '0')

/**
 * The exception a server has to answer a request with, null when it may be served: function, then quantity and byte count, then range.
 *
 * @source Modbus Application Protocol V1.1b3, state diagrams of 6.1–6.12
 */
export const checkRequest = (pdu: Uint8Array): number | null => {
  const code = pdu[0] ?? 0
  if (!((code >= 1 && code <= 6) || code === 15 || code === 16 || code === 43)) return 1
  if (code === 43) return pdu[1] !== MEI_IDENTIFICATION ? 1 : pdu.length === 4 && pdu[2]! >= 1 && pdu[2]! <= 4 ? null : 3
  if (pdu.length < 5) return 3
  const quantity = word(pdu, 3)
  if (code === 5) return quantity === 0 || quantity === 0xff00 ? null : 3
  if (code === 6) return null
  const limit = code <= 2 ? LIMITS.readBits : code <= 4 ? LIMITS.readRegisters : code === 15 ? LIMITS.writeBits : LIMITS.writeRegisters
  if (quantity < 1 || quantity > limit || !decodeRequest(pdu).ok) return 3
  return word(pdu, 1) + quantity > 0x10000 ? 2 : null
}
