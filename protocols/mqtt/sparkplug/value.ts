import { type Decimal, decimalOfFloat32, decimalOfFloat64, type Raw, tidy } from '../../../src/core/decimal.ts'
import { ok, type Result } from '../../../src/core/result.ts'
import { fail, type SparkplugError } from './errors.ts'
import type { WireValue } from './payload.ts'

/** Names of the datatypes, by number. @source Eclipse Tahu, sparkplug_b.proto, enum DataType; arrays since Sparkplug 3.0 */
export const DATATYPES = [
  ...['Unknown', 'Int8', 'Int16', 'Int32', 'Int64', 'UInt8', 'UInt16', 'UInt32', 'UInt64', 'Float', 'Double', 'Boolean', 'String'],
  ...['DateTime', 'Text', 'UUID', 'DataSet', 'Bytes', 'File', 'Template', 'PropertySet', 'PropertySetList'],
  ...['Int8Array', 'Int16Array', 'Int32Array', 'Int64Array', 'UInt8Array', 'UInt16Array', 'UInt32Array', 'UInt64Array'],
  ...['FloatArray', 'DoubleArray', 'BooleanArray', 'StringArray', 'DateTimeArray'],
] as const

/** Number of a datatype. */
export const TYPE = { INT64: 4, UINT64: 8, FLOAT: 9, DOUBLE: 10, BOOLEAN: 11, STRING: 12, DATE_TIME: 13, TEXT: 14, UUID: 15 } as const

/** What a metric said. */
export type MetricValue =
  | { readonly kind: 'number'; readonly decimal: Decimal }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'time'; readonly at: Raw }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }

/** Width and sign of the whole numbers. @source Sparkplug B 3.0, 6.4.16 data types */
const INTEGERS: Readonly<Record<number, { readonly bits: number; readonly signed: boolean }>> = {
  1: { bits: 8, signed: true },
  2: { bits: 16, signed: true },
  3: { bits: 32, signed: true },
  4: { bits: 64, signed: true },
  5: { bits: 8, signed: false },
  6: { bits: 16, signed: false },
  7: { bits: 32, signed: false },
  8: { bits: 64, signed: false },
}

/** Name of a datatype, `Unknown` for a number that is none. */
export const typeName = (datatype: number): string => DATATYPES[datatype] ?? 'Unknown'

/**
 * The meaning of a value under its datatype: whole numbers by the datatype's mask, floats as the shortest decimal that names them.
 *
 * @param datatype  of the metric or, where it left it out, of its birth
 * @errors          SPARKPLUG_DATATYPE, SPARKPLUG_VALUE (another field than the datatype has), SPARKPLUG_RANGE, SPARKPLUG_NAN
 * @source          Sparkplug B 3.0, 6.4.16 data types
 */
export function interpret(wire: WireValue, datatype: number): Result<MetricValue, SparkplugError> {
  if (datatype < 0 || datatype >= DATATYPES.length) return fail('SPARKPLUG_DATATYPE', `datatype ${datatype} is not known`, { datatype })
  const { field } = wire
  const shape = INTEGERS[datatype]
  const floats = datatype === TYPE.FLOAT || datatype === TYPE.DOUBLE || datatype === 0
  const texts = datatype === TYPE.STRING || datatype === TYPE.TEXT || datatype === TYPE.UUID || datatype === 0
  if (field === 'int' || field === 'long') {
    if (shape) return integer(wire, datatype, shape)
    if (datatype === TYPE.DATE_TIME) return ok({ kind: 'time', at: tidy(BigInt(wire.value)) })
    if (datatype === 0) return fail('SPARKPLUG_DATATYPE', 'a whole number without a datatype has no sign')
    return mismatch(wire, datatype)
  }
  if (field === 'float' || field === 'double') {
    if (!floats) return mismatch(wire, datatype)
    if (!Number.isFinite(wire.value)) return fail('SPARKPLUG_NAN', `the value is ${wire.value}`, { value: String(wire.value) })
    // Minus zero is zero.
    const value = wire.value + 0
    return ok({ kind: 'number', decimal: field === 'float' ? decimalOfFloat32(value) : decimalOfFloat64(value) })
  }
  if (field === 'boolean')
    return datatype === TYPE.BOOLEAN || datatype === 0 ? ok({ kind: 'boolean', value: wire.value }) : mismatch(wire, datatype)
  if (field === 'string') return texts ? ok({ kind: 'text', value: wire.value }) : mismatch(wire, datatype)
  return shape || datatype === TYPE.BOOLEAN || datatype === TYPE.FLOAT || datatype === TYPE.DOUBLE || (texts && datatype !== 0)
    ? mismatch(wire, datatype)
    : ok({ kind: 'bytes', value: wire.value })
}

const mismatch = ({ field }: WireValue, datatype: number) =>
  fail('SPARKPLUG_VALUE', `a value of ${typeName(datatype)} came as ${field}_value`, { datatype, field })

/**
 * Two's complement by the datatype's width. Producers widen small negative numbers to 8, 16, 32 or 64 bits: all of these are one
 * number. Bits above the width that are neither zero nor a sign are another number than the datatype can hold, and are not cut off.
 */
const integer = (
  wire: Extract<WireValue, { field: 'int' | 'long' }>,
  datatype: number,
  { bits, signed }: { readonly bits: number; readonly signed: boolean },
): Result<MetricValue, SparkplugError> => {
  const value = BigInt(wire.value)
  const width = wire.field === 'int' || value >> 32n === 0n ? 32 : 64
  const low = BigInt.asUintN(bits, value)
  const negative = low >> BigInt(bits - 1) === 1n
  const widened = low - (1n << BigInt(bits)) // as a negative number
  const fits = value === low || (negative && BigInt.asUintN(width, widened) === value)
  // A negative Int64 has its place in long_value; cut to 32 bits its sign is gone.
  const signLost = wire.field === 'int' && bits === 64 && signed && value >> 31n === 1n
  if (!fits || signLost) return fail('SPARKPLUG_RANGE', `${value} does not fit ${typeName(datatype)}`, { value: String(value), datatype })
  return ok({ kind: 'number', decimal: { raw: tidy(signed && negative ? widened : low), scaler: 0 } })
}

/**
 * The field in which a value of a datatype is sent.
 *
 * @returns  null when the value is of another kind or does not fit
 */
export function wireOf(datatype: number, value: Raw | boolean | string | Uint8Array): WireValue | null {
  if (typeof value === 'boolean') return datatype === TYPE.BOOLEAN ? { field: 'boolean', value } : null
  if (typeof value === 'string')
    return datatype === TYPE.STRING || datatype === TYPE.TEXT || datatype === TYPE.UUID ? { field: 'string', value } : null
  if (value instanceof Uint8Array) return { field: datatype === 16 ? 'dataset' : datatype === 19 ? 'template' : 'bytes', value }
  if (datatype === TYPE.FLOAT) return { field: 'float', value: Math.fround(Number(value)) }
  if (datatype === TYPE.DOUBLE) return { field: 'double', value: Number(value) }
  const { bits, signed } = INTEGERS[datatype] ?? (datatype === TYPE.DATE_TIME ? INTEGERS[8]! : { bits: 0, signed: false })
  if (bits === 0 || (typeof value === 'number' && !Number.isSafeInteger(value))) return null
  const whole = BigInt(value)
  if ((signed ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole)) !== whole) return null
  return bits === 64 ? { field: 'long', value: BigInt.asUintN(64, whole) } : { field: 'int', value: Number(BigInt.asUintN(32, whole)) }
}
