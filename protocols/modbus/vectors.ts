import { compare, decimalText, hexOf, parseDecimal, subtract } from '../../src/core/index.ts'
import { modbusDeframer } from './deframer.ts'
import { prepare } from './exchange.ts'
import { type Explanation, explainFrame, frameBytes, guessFraming } from './explain.ts'
import { decodeFrame, encodeFrame, type Framing } from './frame.ts'
import type { Direction } from './functions.ts'
import { checkRequest, decodeRequest, decodeResponse, encodeResponse } from './pdu.ts'
import { type Exact, isMembers, type Members, produceReading } from './vector-reading.ts'

/** One leaf of a vector that our decoder sees differently. */
export interface Difference {
  readonly path: string
  readonly expected: unknown
  readonly got: unknown
}
export interface Evaluation {
  readonly name: string
  readonly differences: readonly Difference[]
}

const FRAMINGS: Readonly<Record<string, Framing>> = {
  rtu: 'rtu',
  'rtu-over-tcp': 'rtu',
  tcp: 'tcp',
  ascii: 'ascii',
  'ascii-over-tcp': 'ascii',
}
const NOT_PRODUCED = 'not produced by the decoder'

/**
 * Decodes the frame of a vector and compares every leaf under `expect` with what came out. Leaves that say how to read are checked and
 * given back; a leaf that the decoder does not know is a difference.
 */
export const evaluateVector = (vector: unknown): Evaluation => {
  const name = isMembers(vector) && typeof vector.name === 'string' ? vector.name : '(no name)'
  if (!isMembers(vector) || !isMembers(vector.expect))
    return { name, differences: [{ path: 'expect', expected: 'an object', got: 'nothing' }] }
  const { expect } = vector
  const bytes = bytesOfVector(vector)
  if (bytes === null || bytes.length === 0)
    return { name, differences: [{ path: 'hex', expected: 'hexadecimal bytes', got: vector.hex ?? null }] }
  const told = expect.transport ?? vector.transport ?? vector.framing
  const framing = (typeof told === 'string' ? FRAMINGS[told] : undefined) ?? guessFraming(bytes)
  const explanation = explainFrame(bytes, framing, directionOf(vector.direction))
  const produced = produce(explanation, bytes, expect, typeof told === 'string' && FRAMINGS[told] === framing ? told : framing)
  const differences: Difference[] = []
  compareMembers(expect, produced, '', differences)
  return { name, differences }
}

/**
 * Whether the decoder refuses bytes that are no frame, or says that there are too few of them.
 *
 * @param entry  an element of a file's `invalid` list: `hex`, and `transport`, `direction` where they matter
 */
export const evaluateInvalid = (entry: unknown): Evaluation => {
  const name = isMembers(entry) && typeof entry.name === 'string' ? entry.name : '(no name)'
  const bytes = isMembers(entry) ? bytesOfVector(entry) : null
  if (!isMembers(entry) || bytes === null) return { name, differences: [{ path: 'hex', expected: 'hexadecimal bytes', got: null }] }
  const told = entry.transport ?? entry.framing
  const direction = directionOf(entry.direction)
  const framings: readonly Framing[] = typeof told === 'string' && FRAMINGS[told] ? [FRAMINGS[told]] : ['rtu', 'tcp', 'ascii']
  const directions: readonly Direction[] = direction ? [direction] : ['request', 'response']
  const accepted = framings.flatMap((framing) => directions.flatMap((way) => (accepts(framing, way, bytes) ? [`${framing} ${way}`] : [])))
  return {
    name,
    differences:
      accepted.length === 0 ? [] : [{ path: 'hex', expected: 'refused or incomplete', got: `accepted as ${accepted.join(', ')}` }],
  }
}

const accepts = (framing: Framing, direction: Direction, bytes: Uint8Array): boolean => {
  const frame = decodeFrame(framing, bytes)
  if (!frame.ok) return false
  const { pdu } = frame.value
  return direction === 'response' ? decodeResponse(pdu).ok : decodeRequest(pdu).ok && checkRequest(pdu) === null
}

const bytesOfVector = ({ hex, text, ascii }: Members): Uint8Array | null => {
  const source = hex ?? text ?? ascii
  return typeof source === 'string' ? frameBytes(source) : null
}

const directionOf = (text: unknown): Direction | undefined => (text === 'request' || text === 'response' ? text : undefined)

/** Members that stay true of a frame whose check failed. */
const OF_A_BAD_FRAME = [
  'crcOk',
  'crc',
  'crcExpected',
  'lrcOk',
  'lrc',
  'lrcExpected',
  'transactionId',
  'protocolId',
  'length',
  'unit',
  'function',
  'functionName',
  'frameLength',
]

const produce = (explanation: Explanation, bytes: Uint8Array, expect: Members, transport: string): Record<string, unknown> => {
  const frame = decodeFrame(explanation.transport, bytes)
  const all: Record<string, unknown> = { ...explanation }
  const base: Record<string, unknown> = { length: bytes.length, transport }
  for (const name of ['direction', 'ok']) base[name] = all[name]
  if (!frame.ok) {
    for (const name of OF_A_BAD_FRAME) if (all[name] !== undefined) base[name] = all[name]
    return { ...base, action: 'reject the frame, no reading', error: frame.error.code }
  }
  const produced: Record<string, unknown> = { ...all, ...base, length: all.length ?? bytes.length, pdu: hexOf(frame.value.pdu, '') }
  const { direction, function: code } = explanation
  if (direction === 'request') {
    const exceptionCode = checkRequest(frame.value.pdu)
    if (isMembers(all.serverMustAnswer) && exceptionCode !== null && typeof code === 'number') {
      const answer = encodeResponse({ function: code, exceptionCode })
      const hex = hexOf(encodeFrame(explanation.transport, frame.value.unit, answer, frame.value.transactionId), '')
      produced.serverMustAnswer = { ...all.serverMustAnswer, unit: frame.value.unit, hex }
    } else produced.serverMustAnswer = null
    produced.ifReceivedAsResponse = heardAsResponse(explanation.transport, bytes)
  } else if (!decodeResponse(frame.value.pdu).ok)
    return { ...base, ...produced, registers: undefined, bits: undefined, coils: undefined, values: undefined }
  Object.assign(produced, readings(produced, expect))
  if (code === 5 && typeof expect.value === 'boolean') produced.value = produced.on
  if (Array.isArray(expect.bits) || Array.isArray(expect.coils) || Array.isArray(expect.values) || Array.isArray(expect.inputs))
    trimBits(produced, expect)
  return produced
}

/** What the line does with our own request when it comes back. */
const heardAsResponse = (framing: Framing, bytes: Uint8Array): string | undefined => {
  const frame = decodeFrame(framing, bytes)
  const request = frame.ok ? decodeRequest(frame.value.pdu) : null
  if (!frame.ok || !request?.ok || checkRequest(frame.value.pdu) !== null) return undefined
  const { judge } = prepare(framing, frame.value.unit, request.value)
  const heard = modbusDeframer(framing).push(bytes)
  const answered = heard.some((item) => !('discarded' in item) && judge(item) === 'answer')
  return answered
    ? 'the answer of this write is its echo: they cannot be told apart'
    : 'half-duplex echo of our own request: discard, keep waiting'
}

/** `readings`, `records` and a value with a byte order, out of the registers; the members that say how are given back. */
const readings = (produced: Members, expect: Members): Record<string, unknown> => {
  const made: Record<string, unknown> = {}
  const { registers } = produced
  if (!Array.isArray(registers) || !registers.every((word) => typeof word === 'number')) return made
  const { startAddress, recordWords } = expect
  if (typeof startAddress === 'number' && Number.isInteger(startAddress) && startAddress >= 0 && startAddress + registers.length <= 0x10000)
    made.startAddress = startAddress
  if (Array.isArray(expect.readings))
    made.readings = expect.readings.map((reading) => (isMembers(reading) ? produceReading(reading, expect, registers) : undefined))
  if ('value' in expect && produced.value === undefined) {
    const { readings: _, records: __, startAddress: ___, ...how } = expect
    Object.assign(made, produceReading(how, expect, registers))
  }
  if (typeof recordWords === 'number' && recordWords > 0 && registers.length % recordWords === 0) {
    const records = Array.from({ length: registers.length / recordWords }, (_, at) =>
      registers.slice(at * recordWords, (at + 1) * recordWords),
    )
    made.recordWords = recordWords
    made.recordCount = records.length
    made.records = records.map((words) => ({ timestamp: timestampOf(words), registers: words }))
  }
  return made
}

/** Records start with seconds since 1970 UTC in two registers. */
const timestampOf = (words: readonly number[]): string =>
  new Date((words[0]! * 65536 + words[1]!) * 1000).toISOString().replace('.000Z', 'Z')

/** Coils of an answer come in whole bytes: padding behind the ones expected is no difference as long as it is zero. */
const trimBits = (produced: Record<string, unknown>, expect: Members): void => {
  const { bits } = produced
  if (!Array.isArray(bits)) return
  produced.inputs = bits
  produced.discreteInputs = bits
  for (const name of ['bits', 'coils', 'values', 'inputs', 'discreteInputs']) {
    const wanted = expect[name]
    if (!Array.isArray(wanted)) continue
    const padding: unknown[] = bits.slice(wanted.length)
    if (padding.length < 8 && padding.every((bit) => bit === false)) produced[name] = bits.slice(0, wanted.length)
  }
}

const compareMembers = (expect: Members, produced: Members, path: string, differences: Difference[]): void => {
  for (const [name, expected] of Object.entries(expect)) {
    const tolerance = name === 'value' ? (expect.tol ?? expect.tolerance) : undefined
    compareAny(
      expected,
      produced[name],
      path === '' ? name : `${path}.${name}`,
      differences,
      typeof tolerance === 'number' ? tolerance : null,
    )
  }
}

const compareAny = (expected: unknown, got: unknown, path: string, differences: Difference[], tolerance: number | null): void => {
  if (Array.isArray(expected)) {
    if (!Array.isArray(got)) differences.push({ path, expected, got: got === undefined ? NOT_PRODUCED : plain(got) })
    else {
      if (got.length !== expected.length) differences.push({ path: `${path}.length`, expected: expected.length, got: got.length })
      for (const [at, element] of expected.entries()) compareAny(element, got[at], `${path}[${at}]`, differences, tolerance)
    }
  } else if (isMembers(expected)) {
    if (!isMembers(got)) differences.push({ path, expected, got: got === undefined ? NOT_PRODUCED : plain(got) })
    else compareMembers(expected, got, path, differences)
  } else if (got === undefined) differences.push({ path, expected, got: NOT_PRODUCED })
  else if (!sameLeaf(expected, got, path, tolerance)) differences.push({ path, expected, got: plain(got) })
}

const isExact = (value: unknown): value is Exact => isMembers(value) && 'raw' in value && 'scaler' in value && 'float' in value
const plain = (value: unknown): unknown => (isExact(value) ? decimalText(value.raw, value.scaler) : value)

const sameLeaf = (expected: unknown, got: unknown, path: string, tolerance: number | null): boolean => {
  if (isExact(got)) return sameNumber(expected, got, tolerance)
  if (typeof got === 'boolean' && (expected === 0 || expected === 1)) return got === (expected === 1)
  if (typeof got === 'string' && typeof expected === 'string') return sameText(expected, got, path)
  if (typeof got === 'number' && typeof expected === 'number' && tolerance !== null) return Math.abs(got - expected) <= tolerance
  return expected === got
}

/** Exact decimals, within the tolerance where one is given; a float may be named by any number that rounds to it. */
const sameNumber = (expected: unknown, got: Exact, tolerance: number | null): boolean => {
  const wanted = typeof expected === 'number' || typeof expected === 'string' ? parseDecimal(String(expected)) : null
  if (wanted === null) return typeof expected === 'boolean' && got.scaler === 0 && got.raw === (expected ? 1 : 0)
  if (compare(wanted, got) === 0) return true
  const off = subtract(got, wanted)
  const limit = parseDecimal(String(tolerance ?? 0))
  const size = { raw: off.raw < 0 ? -off.raw : off.raw, scaler: off.scaler }
  if (limit !== null && compare(size, limit) <= 0) return true
  return (
    got.float === 'f32' && tolerance === null && Math.fround(Number(expected)) === Math.fround(Number(decimalText(got.raw, got.scaler)))
  )
}

const NAMES = /(?:^|\.)(?:exceptionName|functionName)$/
const HEX = /(?:^|\.)(?:hex|pdu|data|crc|crcExpected|lrc|lrcExpected)$/

const sameText = (expected: string, got: string, path: string): boolean => {
  if (expected === got) return true
  if (NAMES.test(path)) return nameWords(expected) === nameWords(got)
  return HEX.test(path) && expected.replace(/\s|0x/gi, '').toUpperCase() === got.replace(/\s/g, '').toUpperCase()
}

/** "Slave Device Busy", `SERVER_DEVICE_BUSY` and "server device busy" are one name. */
const nameWords = (name: string): string =>
  name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, ' ')
    .replace(/^(?:slave|server) /, '')
    .trim()
