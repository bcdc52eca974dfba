import { bytesOf, hexOf, isDiscarded, ok, type Result } from '../../src/core/index.ts'
import { crc16, lrc8 } from './crc.ts'
import { modbusDeframer } from './deframer.ts'
import { dissectPdu, type Facts, type Field } from './dissect.ts'
import { errorOf, fail, type ModbusError, type ModbusErrorCode } from './errors.ts'
import { COLON, crcText, decodeFrame, type Framing } from './frame.ts'
import { type Direction, functionName, pduLength } from './functions.ts'
import { decodeRequest, decodeResponse } from './pdu.ts'

/** Something wrong in a frame: where, what, and what to do about it. */
export interface ExplainedError {
  readonly offset: number
  readonly code: string
  readonly message: string
  readonly cure: string
}

/** A frame taken apart for people and `--json`. Besides these members it carries the frame's own: unit, function, address, registers, … */
export interface Explanation extends Facts {
  readonly protocol: 'modbus'
  readonly transport: Framing
  readonly direction: Direction
  /** How the direction is known: told, or guessed from the length. */
  readonly directionFrom: 'told' | 'length' | 'guess'
  /** Whole, checked and sensible. */
  readonly ok: boolean
  readonly frameLength: number
  readonly fields: readonly Field[]
  readonly errors: readonly ExplainedError[]
}

/**
 * Explains one frame field by field. A broken frame is explained as far as it goes, with the byte at fault and the cure.
 *
 * @param text       hexadecimal, or the characters of an ASCII frame from the colon on
 * @param direction  absent = guessed from the length; requests and answers of the functions 5 and 6 look alike
 * @errors           MODBUS_NOISE when the text is no hexadecimal or no framing is named and none fits
 */
export const explain = (text: string, framing?: Framing, direction?: Direction): Result<Explanation, ModbusError> => {
  const bytes = frameBytes(text)
  if (bytes === null || bytes.length === 0) return fail('MODBUS_NOISE', 'no hexadecimal bytes: an even number of digits 0 to F is expected')
  return ok(explainFrame(bytes, framing ?? guessFraming(bytes), direction))
}

/** Bytes of hexadecimal text, or of an ASCII frame written as such. */
export const frameBytes = (text: string): Uint8Array | null => {
  if (!text.trimStart().startsWith(':')) return bytesOf(text)
  const line = text.trim()
  return Uint8Array.from(`${line}\r\n`, (character) => character.charCodeAt(0) & 0xff)
}

/** Colon = ASCII; protocol id 0 and a length that fits = TCP; else RTU. */
export const guessFraming = (bytes: Uint8Array): Framing => {
  if (bytes[0] === COLON) return 'ascii'
  return bytes.length >= 8 && bytes[2] === 0 && bytes[3] === 0 && ((bytes[4]! << 8) | bytes[5]!) === bytes.length - 6 ? 'tcp' : 'rtu'
}

/** A request or an answer? Functions 5 and 6 are alike both ways. */
const guessDirection = (pdu: Uint8Array): readonly [Direction, Explanation['directionFrom']] => {
  if ((pdu[0] ?? 0) & 0x80) return ['response', 'length']
  const asRequest = decodeRequest(pdu).ok
  const asResponse = decodeResponse(pdu).ok
  if (asRequest !== asResponse) return [asRequest ? 'request' : 'response', 'length']
  return [asRequest || pduLength('response', pdu, 0, pdu.length) !== -1 ? 'response' : 'request', 'guess']
}

interface Envelope {
  readonly unit: number | undefined
  readonly pdu: Uint8Array
  readonly facts: Facts
  readonly head: readonly Field[]
  readonly tail: readonly Field[]
  readonly errors: readonly ExplainedError[]
  readonly place: (at: number) => readonly [number, number]
}

export const explainFrame = (bytes: Uint8Array, framing: Framing, told?: Direction): Explanation => {
  const envelope = framing === 'tcp' ? openTcp(bytes) : framing === 'rtu' ? openRtu(bytes) : openAscii(bytes)
  const { unit, pdu, facts, head, tail, place } = envelope
  const [direction, directionFrom] = told ? ([told, 'told'] as const) : guessDirection(pdu)
  const dissection = dissectPdu(pdu, direction, place)
  const errors = [...envelope.errors]
  for (const { at, message } of dissection.problems) errors.push(explained(place(at)[0], errorOf('MODBUS_PDU', message)))
  if (envelope.errors.length > 0) errors.push(...hiddenFrame(bytes, framing, direction))
  const own = pdu.length === 0 ? {} : dissection.facts
  return {
    protocol: 'modbus',
    transport: framing,
    direction,
    directionFrom,
    ok: errors.length === 0,
    frameLength: bytes.length,
    ...facts,
    ...(unit === undefined ? {} : { unit }),
    ...own,
    fields: [...head, ...(pdu.length === 0 ? [] : dissection.fields), ...tail],
    errors,
  }
}

const explained = (offset: number, error: ModbusError): ExplainedError => ({
  offset,
  code: error.code,
  message: error.message,
  cure: error.hint,
})

const fieldOf = (bytes: Uint8Array, offset: number, length: number, name: string, meaning: string): Field => ({
  offset,
  length,
  hex: hexOf(bytes.subarray(offset, offset + length)),
  name,
  meaning,
})

/** What stops a frame from being opened, if anything. */
const openingError = (framing: Framing, bytes: Uint8Array): ExplainedError[] => {
  const frame = decodeFrame(framing, bytes)
  if (frame.ok) return []
  const { at } = frame.error.context
  return [explained(typeof at === 'number' ? at : bytes.length, frame.error)]
}

const openRtu = (bytes: Uint8Array): Envelope => {
  const end = Math.max(bytes.length - 2, 0)
  const received = (bytes[end] ?? 0) | ((bytes[end + 1] ?? 0) << 8)
  const expected = crc16(bytes, 0, end)
  const whole = bytes.length >= 4
  const crcOk = whole && received === expected
  const swapped = whole && !crcOk && ((received >> 8) | ((received & 0xff) << 8)) === expected
  return {
    unit: bytes[0],
    pdu: bytes.subarray(1, whole ? end : bytes.length),
    facts: whole
      ? { crcOk, crc: crcText(received), crcExpected: crcText(expected), ...(swapped ? { crcSwapped: true } : {}) }
      : { crcOk: false },
    head: bytes.length > 0 ? [fieldOf(bytes, 0, 1, 'unit', unitMeaning(bytes[0]!))] : [],
    tail: whole
      ? [
          fieldOf(
            bytes,
            end,
            2,
            'crc',
            crcOk ? 'CRC holds' : `CRC wrong, expected ${crcText(expected)}${swapped ? ': the two bytes are exchanged' : ''}`,
          ),
        ]
      : [],
    errors: openingError('rtu', bytes),
    place: (at) => [1 + at, 1],
  }
}

const openTcp = (bytes: Uint8Array): Envelope => {
  const word = (at: number) => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  const head: Field[] = []
  const facts: Facts = {}
  const names = [
    [0, 'transactionId', (value: number) => `${value}`],
    [2, 'protocolId', (value: number) => (value === 0 ? 'Modbus' : 'not Modbus')],
    [4, 'length', (value: number) => `${value} bytes follow: unit and PDU`],
  ] as const
  for (const [at, name, meaning] of names) {
    if (at + 1 >= bytes.length) break
    facts[name] = word(at)
    head.push(fieldOf(bytes, at, 2, name, meaning(word(at))))
  }
  if (bytes.length > 6) head.push(fieldOf(bytes, 6, 1, 'unit', unitMeaning(bytes[6]!)))
  const end = Math.min(bytes.length, 6 + word(4))
  return {
    unit: bytes[6],
    pdu: bytes.subarray(7, Math.max(end, 7)),
    facts,
    head,
    tail:
      bytes.length > Math.max(end, 7)
        ? [fieldOf(bytes, Math.max(end, 7), bytes.length - Math.max(end, 7), 'rest', 'behind the end of the frame')]
        : [],
    errors: openingError('tcp', bytes),
    place: (at) => [7 + at, 1],
  }
}

const openAscii = (bytes: Uint8Array): Envelope => {
  const digits = String.fromCharCode(...bytes)
    .replace(/^:/, '')
    .replace(/[\r\n]+$/, '')
  const body = bytesOf(digits) ?? new Uint8Array(0)
  const end = Math.max(body.length - 1, 0)
  const expected = lrc8(body, 0, end)
  const lrcOk = body.length >= 3 && body[end] === expected
  const field = (at: number, name: string, meaning: string): Field => ({
    offset: 1 + 2 * at,
    length: 2,
    hex: hexOf(body.subarray(at, at + 1)),
    name,
    meaning,
  })
  const expectedText = hexOf(Uint8Array.of(expected))
  return {
    unit: body[0],
    pdu: body.subarray(1, Math.max(end, 1)),
    facts: { lrcOk, lrc: hexOf(body.subarray(end)), lrcExpected: expectedText },
    head: body.length > 0 ? [field(0, 'unit', unitMeaning(body[0]!))] : [],
    tail: body.length > 2 ? [field(end, 'lrc', lrcOk ? 'LRC holds' : `LRC wrong, expected ${expectedText}`)] : [],
    errors: openingError('ascii', bytes),
    place: (at) => [3 + 2 * at, 2],
  }
}

const unitMeaning = (unit: number): string => (unit === 0 ? 'broadcast' : unit === 255 ? 'unit 255: the device itself' : `unit ${unit}`)

/** A whole frame elsewhere among the bytes: noise before it, or two frames in one. */
const hiddenFrame = (bytes: Uint8Array, framing: Framing, direction: Direction): ExplainedError[] => {
  let offset = 0
  for (const item of modbusDeframer(framing, direction).push(bytes)) {
    if (!isDiscarded(item)) {
      const message = `a whole ${functionName(item.function)} ${direction} of unit ${item.unit} starts at byte ${offset}`
      return [{ offset, code: 'MODBUS_NOISE' satisfies ModbusErrorCode, message, cure: 'explain the bytes from there on' }]
    }
    offset += item.discarded.length
  }
  return []
}

/** One line about a frame, for traces. */
export const summary = (framing: Framing, bytes: Uint8Array, direction: Direction): string => {
  const frame = decodeFrame(framing, bytes)
  if (!frame.ok) return `${frame.error.code} ${frame.error.message}`
  const { unit, pdu, transactionId } = frame.value
  const head = `${framing === 'tcp' ? `#${transactionId} ` : ''}unit ${unit} ${functionName(pdu[0] ?? 0)}`
  const { facts } = dissectPdu(pdu, direction, (at) => [at, 1])
  const said = (name: string, text: string): string => (facts[name] === undefined ? '' : ` ${text}${String(facts[name])}`)
  if (facts.exceptionCode !== undefined) return `${head}: exception ${String(facts.exceptionCode)} (${String(facts.exceptionName)})`
  const registers = Array.isArray(facts.registers)
    ? `: ${facts.registers.length} registers ${hexOf(pdu.subarray(direction === 'request' ? 6 : 2))}`
    : ''
  const bits = Array.isArray(facts.bits) ? `: ${facts.bits.length} bits ${hexOf(pdu.subarray(direction === 'request' ? 6 : 2))}` : ''
  return `${head}${said('address', 'from ')}${said('quantity', '+')}${said('value', '= ')}${registers}${bits}`
}
