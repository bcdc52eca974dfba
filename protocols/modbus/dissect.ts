import { hexOf } from '../../src/core/index.ts'
import { EXCEPTIONS } from './errors.ts'
import { type Direction, FUNCTIONS, functionName, MEI_IDENTIFICATION } from './functions.ts'
import { checkRequest, decodeRequest, decodeResponse } from './pdu.ts'

/** One field of a frame, for people. Offset and length count bytes of the frame as given. */
export interface Field {
  readonly offset: number
  readonly length: number
  readonly hex: string
  readonly name: string
  readonly meaning: string
}

/** Named values of a frame; the names are those of the vector files. */
export type Facts = Record<string, unknown>

/** What a PDU says: names and values, its fields, and what is wrong with it. */
export interface Dissection {
  readonly facts: Facts
  readonly fields: readonly Field[]
  /** Byte of the PDU, and what is the matter. */
  readonly problems: readonly { readonly at: number; readonly message: string }[]
}

const OBJECTS = ['vendorName', 'productCode', 'majorMinorRevision', 'vendorUrl', 'productName', 'modelName', 'userApplicationName']

const hex4 = (value: number): string => `0x${value.toString(16).toUpperCase().padStart(4, '0')}`

/**
 * Takes a PDU apart field by field, as far as it goes: a broken one still shows what was read.
 *
 * @param place  where a byte of the PDU lies in the frame (ASCII frames have two characters a byte)
 */
export const dissectPdu = (
  pdu: Uint8Array,
  direction: Direction,
  place: (at: number) => readonly [offset: number, width: number],
): Dissection => {
  const code = pdu[0] ?? 0
  const facts: Facts = { function: code & 0x7f, functionName: functionName(code) }
  const fields: Field[] = []
  const problems: { at: number; message: string }[] = []
  const field = (at: number, length: number, name: string, meaning: string) => {
    const shown = pdu.subarray(at, at + length)
    if (shown.length === 0 && length > 0) return
    const [offset, width] = place(at)
    fields.push({ offset, length: shown.length * width, hex: hexOf(shown), name, meaning })
  }
  const word = (at: number) => ((pdu[at] ?? 0) << 8) | (pdu[at + 1] ?? 0)
  const number16 = (at: number, name: string, meaning = (value: number) => `${value} (${hex4(value)})`) => {
    if (at + 1 >= pdu.length) return
    facts[name] = word(at)
    field(at, 2, name, meaning(word(at)))
  }
  const counted = (at: number) => {
    facts.byteCount = pdu[at]
    field(at, 1, 'byteCount', `${pdu[at]} data bytes`)
  }

  field(0, 1, 'function', code & 0x80 ? `${functionName(code)}, refused (function + 80H)` : functionName(code))
  if (code & 0x80) {
    const exceptionCode = pdu[1] ?? 0
    const name = EXCEPTIONS[exceptionCode]?.name ?? 'unknown exception'
    Object.assign(facts, { exceptionCode, exceptionName: name })
    field(1, 1, 'exceptionCode', `${exceptionCode}: ${name}`)
  } else if (code === 43) identification(pdu, direction, facts, field)
  else if (FUNCTIONS[code] === undefined) {
    field(1, pdu.length - 1, 'data', 'not taken apart: unknown function')
    facts.data = hexOf(pdu.subarray(1), '')
  } else if (code === 5 || code === 6) {
    number16(1, 'address')
    number16(3, 'value', (value) =>
      code === 6 ? `${value} (${hex4(value)})` : value === 0xff00 ? 'on' : value === 0 ? 'off' : 'neither on nor off',
    )
    if (code === 5 && (facts.value === 0xff00 || facts.value === 0)) facts.on = facts.value === 0xff00
  } else if (direction === 'request' || code >= 15) {
    number16(1, 'address')
    number16(3, 'quantity', (value) => `${value} ${code <= 2 || code === 15 ? 'bits' : 'registers'}`)
    if (direction === 'request' && code >= 15 && pdu.length > 5) {
      counted(5)
      payload(pdu, 6, code === 15, 'values', facts, field)
      if (code === 15 && typeof facts.quantity === 'number') cutBits(facts, facts.quantity)
    }
  } else {
    counted(1)
    payload(pdu, 2, code <= 2, 'registers', facts, field)
  }

  const decoded = direction === 'request' ? decodeRequest(pdu) : decodeResponse(pdu)
  if (!decoded.ok) problems.push({ at: 1, message: decoded.error.message })
  const mustAnswer = direction === 'request' ? checkRequest(pdu) : null
  if (direction === 'request' && mustAnswer !== null)
    facts.serverMustAnswer = {
      function: code & 0x7f,
      exceptionCode: mustAnswer,
      exceptionName: EXCEPTIONS[mustAnswer]?.name ?? 'unknown exception',
    }
  return { facts, fields, problems }
}

type AddField = (at: number, length: number, name: string, meaning: string) => void

/** Data of a read answer or a multiple write: bits, or registers. */
const payload = (pdu: Uint8Array, from: number, bits: boolean, name: string, facts: Facts, field: AddField): void => {
  const data = pdu.subarray(from)
  if (bits) {
    const values = Array.from({ length: data.length * 8 }, (_, at) => ((data[at >> 3]! >> (at & 7)) & 1) === 1)
    Object.assign(facts, { bits: values, coils: values, values })
    field(from, data.length, 'bits', values.map((value) => (value ? '1' : '0')).join(''))
    return
  }
  const registers = Array.from({ length: data.length >> 1 }, (_, at) => (data[2 * at]! << 8) | data[2 * at + 1]!)
  facts[name] = registers
  facts.registers = registers
  for (const [at, value] of registers.entries()) field(from + 2 * at, 2, `${name}[${at}]`, `${value} (${hex4(value)})`)
  if (data.length % 2 === 1) field(from + data.length - 1, 1, 'data', 'half a register')
}

/** The last bits of a byte are padding where the quantity is known. */
const cutBits = (facts: Facts, quantity: number): void => {
  if (!Array.isArray(facts.bits)) return
  const bits: unknown[] = facts.bits.slice(0, quantity)
  Object.assign(facts, { bits, coils: bits, values: bits })
}

/** Function 2BH/0EH. @source Modbus Application Protocol V1.1b3, 6.21 */
const identification = (pdu: Uint8Array, direction: Direction, facts: Facts, field: AddField): void => {
  const named = (at: number, name: string, meaning: (value: number) => string) => {
    const value = pdu[at]
    if (value === undefined) return
    facts[name] = value
    field(at, 1, name, meaning(value))
  }
  named(1, 'meiType', (value) => (value === MEI_IDENTIFICATION ? 'read device identification' : `MEI type ${value}`))
  named(2, 'readCode', (value) => ['', 'basic', 'regular', 'extended', 'one object'][value] ?? `read code ${value}`)
  if (direction === 'request') {
    named(3, 'objectId', (value) => OBJECTS[value] ?? `object ${value}`)
    return
  }
  named(3, 'conformityLevel', (value) => `conformity ${value.toString(16).toUpperCase().padStart(2, '0')}H`)
  named(4, 'moreFollows', (value) => (value === 0xff ? 'more objects follow' : 'the last objects'))
  facts.moreFollows = pdu[4] === 0xff
  named(5, 'nextObjectId', (value) => String(value))
  named(6, 'numberOfObjects', (value) => `${value} objects`)
  const objects: { id: number; name: string; length: number; value: string; text: string }[] = []
  for (let at = 7; at + 1 < pdu.length && objects.length < (pdu[6] ?? 0); ) {
    const id = pdu[at]!
    const length = pdu[at + 1]!
    const text = String.fromCharCode(...pdu.subarray(at + 2, at + 2 + length))
    const name = OBJECTS[id] ?? `object${id}`
    objects.push({ id, name, length, value: text, text })
    if (OBJECTS[id] !== undefined) facts[name] = text
    field(at, 2 + length, name, JSON.stringify(text))
    at += 2 + length
  }
  facts.objects = objects
}
