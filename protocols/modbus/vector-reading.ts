import { bytesOf, canonicalUnit, type Decimal, hexOf, multiply, parseDecimal, parseObis } from '../../src/core/index.ts'
import { BYTE_ORDERS, type ByteOrder, decodeNumber, decodeText, REGISTER_TYPES, type RegisterType, TYPE_LENGTH } from './data.ts'

/** A decoded number of a vector, exact; floats say how wide they were on the wire. */
export interface Exact extends Decimal {
  readonly float: 'f32' | 'f64' | null
}

export type Members = Readonly<Record<string, unknown>>
export const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

const TYPE_ALIASES: Readonly<Record<string, RegisterType>> = {
  uint16: 'u16',
  int16: 'i16',
  uint32: 'u32',
  int32: 'i32',
  uint64: 'u64',
  int64: 'i64',
  float32: 'f32',
  float: 'f32',
  float64: 'f64',
  double: 'f64',
  bool: 'bit',
  bcd: 'bcd16',
}
const isType = (text: string): text is RegisterType => REGISTER_TYPES.some((type) => type === text)
const typeOf = (text: unknown): RegisterType | null =>
  typeof text !== 'string' ? null : isType(text) ? text : (TYPE_ALIASES[text.toLowerCase()] ?? null)

const WORD_ORDERS: Readonly<Record<string, ByteOrder>> = {
  'msw-first': 'ABCD',
  'lsw-first': 'CDAB',
  big: 'ABCD',
  little: 'CDAB',
}
const orderOfText = (text: unknown): ByteOrder | null =>
  typeof text !== 'string' ? null : (BYTE_ORDERS.find((order) => order === text.toUpperCase()) ?? WORD_ORDERS[text.toLowerCase()] ?? null)

/** Frames that mark a value as absent without a profile at hand: no counter ever stands there. */
const ABSENT_WIDE = ['u64 FFFFFFFFFFFFFFFF', 'i64 7FFFFFFFFFFFFFFF', 'i64 8000000000000000']
/** With a unit, 32 bits at their end are a pattern as well (ABB, SunSpec). */
const ABSENT_WITH_UNIT = ['u32 FFFFFFFF', 'i32 7FFFFFFF', 'i32 80000000']
/** A value with a scale factor is SunSpec's. */
const ABSENT_SUNSPEC = ['u16 FFFF', 'i16 8000', 'u32 FFFFFFFF', 'i32 80000000']

/** How to read one value out of registers, as a vector says it. */
interface How {
  readonly type: RegisterType
  readonly order: ByteOrder
  readonly offset: number
  readonly words: number
}

/**
 * Decodes one reading of a vector. Members that say how to read are checked and given back; `value` is decoded.
 *
 * @param reading    `register`, `type`, `scale`, `unit`, … as the vector has them
 * @param context    `startAddress`, and defaults for type and order
 * @param registers  of the frame
 * @returns          what the decoder stands behind; a member that it refuses is left out
 */
export const produceReading = (reading: Members, context: Members, registers: readonly number[]): Record<string, unknown> => {
  const produced: Record<string, unknown> = {}
  const echo = (name: string, holds: (value: unknown) => boolean) => {
    if (name in reading && holds(reading[name])) produced[name] = reading[name]
  }
  const how = howToRead(reading, context, registers)
  echo('register', () => how !== null)
  echo('address', () => how !== null)
  echo('type', () => typeOf(reading.type) !== null)
  echo('wordOrder', (value) => orderOfText(value) !== null)
  echo('byteOrder', (value) => orderOfText(value) !== null)
  echo('length', (value) => how !== null && value === how.words)
  echo('bit', (value) => isWithin(value, 0, 15))
  echo('scale', (value) => typeof value === 'number' && value > 0)
  echo('scaleFactor', (value) => factorOf(value, context, registers) !== null)
  echo('unit', (value) => typeof value === 'string' && canonicalUnit(value) !== null)
  echo('obis', (value) => value === null || (typeof value === 'string' && parseObis(value) !== null))
  for (const name of ['tol', 'tolerance']) echo(name, (value) => typeof value === 'number' && value >= 0)
  for (const name of ['name', 'description', 'note']) echo(name, (value) => typeof value === 'string')
  echo('notAvailable', (value) => patterns(value) !== null)
  if (how !== null) {
    const value = decode(how, reading, context, registers)
    if (value !== undefined) produced.value = value
  }
  return produced
}

const howToRead = (reading: Members, context: Members, registers: readonly number[]): How | null => {
  const start = typeof context.startAddress === 'number' ? context.startAddress : 0
  const register = reading.register ?? reading.address ?? start
  const type = typeOf(reading.type ?? context.type ?? typeByLength(registers.length))
  const order = orderOfText(reading.byteOrder ?? reading.wordOrder ?? context.byteOrder ?? context.wordOrder ?? 'ABCD')
  if (typeof register !== 'number' || !Number.isInteger(register) || type === null || order === null) return null
  const offset = register - start
  const words = type === 'string' ? (isWithin(reading.length, 1, 125) ? reading.length : registers.length - offset) : TYPE_LENGTH[type]
  return offset >= 0 && words > 0 && offset + words <= registers.length ? { type, order, offset, words } : null
}

/** A value without a type is a float of the frame's size, a register by itself an integer. */
const typeByLength = (words: number): RegisterType => (words === 2 ? 'f32' : words === 4 ? 'f64' : 'u16')

const isWithin = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most

const bytesOfRegisters = (registers: readonly number[]): Uint8Array =>
  Uint8Array.from(registers.flatMap((value) => [value >> 8, value & 0xff]))

/** undefined = cannot be decoded; null = absent. */
const decode = (how: How, reading: Members, context: Members, registers: readonly number[]): Exact | string | null | undefined => {
  const { type, order, offset, words } = how
  const bytes = bytesOfRegisters(registers.slice(offset, offset + words))
  if (type === 'string') return decodeText(bytes, 0, words, order)
  if (isAbsent(how, reading, context, bytes)) return null
  const number = decodeNumber(type, order, bytes, 0, isWithin(reading.bit, 0, 15) ? reading.bit : 0)
  if (typeof number === 'string') return null
  const scale = parseDecimal(String(reading.scale ?? context.scale ?? 1))
  if (scale === null) return undefined
  const scaled = multiply(number, scale)
  const factor = reading.scaleFactor === undefined ? 0 : factorOf(reading.scaleFactor, context, registers)
  if (factor === null) return null
  return { raw: scaled.raw, scaler: scaled.scaler + factor, float: type === 'f32' || type === 'f64' ? type : null }
}

/** Exponent of a value: its register inside the frame, or the exponent itself. */
const factorOf = (value: unknown, context: Members, registers: readonly number[]): number | null => {
  if (!isWithin(value, -10, 65535)) return null
  const start = typeof context.startAddress === 'number' ? context.startAddress : 0
  const word = registers[value - start]
  const factor = value < 0 || word === undefined ? value : (word << 16) >> 16
  return factor >= -10 && factor <= 10 ? factor : null
}

const isAbsent = ({ type, order, words }: How, reading: Members, context: Members, bytes: Uint8Array): boolean => {
  const unit = reading.unit ?? context.unit
  const known = [
    ...ABSENT_WIDE,
    ...(typeof unit === 'string' && unit !== '' ? ABSENT_WITH_UNIT : []),
    ...(reading.scaleFactor === undefined ? [] : ABSENT_SUNSPEC),
    ...[...(patterns(reading.notAvailable) ?? []), ...(patterns(context.notAvailable) ?? [])].map((pattern) => `${type} ${pattern}`),
  ]
  const hex = hexInOrder(bytes, words, order)
  return known.includes(`${type} ${hex}`)
}

/** The value's bytes, most significant first. */
const hexInOrder = (bytes: Uint8Array, words: number, order: ByteOrder): string => {
  const swapped = order === 'BADC' || order === 'DCBA' ? bytes.map((_, at) => bytes[at ^ 1]!) : bytes
  const parts = Array.from({ length: words }, (_, at) => hexOf(swapped.subarray(2 * at, 2 * at + 2), ''))
  return (order === 'CDAB' || order === 'DCBA' ? parts.reverse() : parts).join('')
}

const patterns = (value: unknown): readonly string[] | null => {
  const list = Array.isArray(value) ? value : value === undefined ? [] : [value]
  const found = list.map((pattern) => (typeof pattern === 'string' ? bytesOf(pattern) : null))
  return found.every((pattern) => pattern !== null) ? found.map((pattern) => hexOf(pattern, '')) : null
}
