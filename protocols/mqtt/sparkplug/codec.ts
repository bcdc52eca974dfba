import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { type Raw, tidy } from '../../../src/core/decimal.ts'
import { ok, type Result } from '../../../src/core/result.ts'
import { Cursor, type Fault, type Layout } from './cursor.ts'
import type { SparkplugError } from './errors.ts'
import { LIMITS, type Limits, type Metric, type Payload, type Property, type WireValue } from './payload.ts'

const { Varint, LengthDelimited, Bit32, Bit64 } = WireType

// @source Eclipse Tahu, sparkplug_b.proto: Payload, Payload.Metric, Payload.PropertySet, Payload.PropertyValue
const PAYLOAD: Layout = { 1: Varint, 2: LengthDelimited, 3: Varint, 4: LengthDelimited, 5: LengthDelimited }
const METRIC: Layout = {
  ...{ 1: LengthDelimited, 2: Varint, 3: Varint, 4: Varint, 5: Varint, 6: Varint, 7: Varint, 8: LengthDelimited, 9: LengthDelimited },
  ...{ 10: Varint, 11: Varint, 12: Bit32, 13: Bit64, 14: Varint, 15: LengthDelimited, 16: LengthDelimited, 17: LengthDelimited },
  ...{ 18: LengthDelimited, 19: LengthDelimited },
}
const PROPERTY_SET: Layout = { 1: LengthDelimited, 2: LengthDelimited }
const PROPERTY_VALUE: Layout = {
  ...{ 1: Varint, 2: Varint, 3: Varint, 4: Varint, 5: Bit32, 6: Bit64, 7: Varint, 8: LengthDelimited, 9: LengthDelimited },
  ...{ 10: LengthDelimited, 11: LengthDelimited },
}

type Field = WireValue['field']
/** Where the value of a metric, and of a property, lies. */
const METRIC_FIELDS: readonly Field[] = ['int', 'long', 'float', 'double', 'boolean', 'string', 'bytes', 'dataset', 'template', 'extension']
const PROPERTY_FIELDS: readonly Field[] = [
  'int',
  'long',
  'float',
  'double',
  'boolean',
  'string',
  'propertyset',
  'propertylist',
  'extension',
]
const FIRST_METRIC_FIELD = 10
const FIRST_PROPERTY_FIELD = 3

interface Walk {
  readonly fault: Fault
  readonly limits: Limits
  /** Properties that may still come. */
  properties: number
}

/**
 * Decodes one payload (报文). Datasets, templates and nested property sets stay bytes: nothing here calls itself, and the time it
 * takes grows with the payload's length alone.
 *
 * @param bytes  at most as long as the caller allows
 * @returns      the fields as they stand on the wire; {@link interpret} gives them their meaning
 * @errors       SPARKPLUG_TRUNCATED, SPARKPLUG_WIRE, SPARKPLUG_VARINT, SPARKPLUG_UTF8, SPARKPLUG_LIMIT
 * @source       Eclipse Tahu, sparkplug_b.proto, Payload
 */
export function decodePayload(bytes: Uint8Array, limits: Limits = LIMITS): Result<Payload, SparkplugError> {
  const walk: Walk = { fault: { error: null }, limits, properties: limits.properties }
  const cursor = new Cursor(bytes, walk.fault, 'payload')
  let timestamp: Raw | null = null
  let seq: Raw | null = null
  let uuid: string | null = null
  let body: Uint8Array | null = null
  // Counted and kept as bytes first: a payload of a million metrics is refused before one of them is built.
  const parts: Uint8Array[] = []
  for (let field = cursor.next(PAYLOAD); field !== 0; field = cursor.next(PAYLOAD)) {
    if (field === 1) timestamp = tidy(cursor.varint())
    else if (field === 3) seq = tidy(cursor.varint())
    else if (field === 4) uuid = cursor.text(limits.nameBytes)
    else if (field === 5) body = cursor.bytes()
    else if (parts.length < limits.metrics) parts.push(cursor.bytes())
    else cursor.fault('SPARKPLUG_LIMIT', `more than ${limits.metrics} metrics`)
  }
  const metrics: Metric[] = []
  for (const part of parts) {
    if (walk.fault.error !== null) break
    metrics.push(metricOf(part, `metric ${metrics.length}`, walk))
  }
  return walk.fault.error === null ? ok({ timestamp, metrics, seq, uuid, body }) : { ok: false, error: walk.fault.error }
}

const NO_PROPERTIES: ReadonlyMap<string, Property> = new Map()

const metricOf = (bytes: Uint8Array, where: string, walk: Walk): Metric => {
  const cursor = new Cursor(bytes, walk.fault, where)
  let name: string | null = null
  let alias: Raw | null = null
  let timestamp: Raw | null = null
  let datatype = 0
  let isHistorical = false
  let isTransient = false
  let isNull = false
  let properties = NO_PROPERTIES
  let value: WireValue | null = null
  for (let field = cursor.next(METRIC); field !== 0; field = cursor.next(METRIC)) {
    if (field === 1) name = cursor.text(walk.limits.nameBytes)
    else if (field === 2) alias = tidy(cursor.varint())
    else if (field === 3) timestamp = tidy(cursor.varint())
    else if (field === 4) datatype = Number(BigInt.asUintN(32, cursor.varint()))
    else if (field === 5) isHistorical = cursor.varint() !== 0n
    else if (field === 6) isTransient = cursor.varint() !== 0n
    else if (field === 7) isNull = cursor.varint() !== 0n
    else if (field === 8) cursor.bytes()
    else if (field === 9) properties = propertiesOf(cursor.bytes(), where, walk)
    else value = wireValue(cursor, METRIC_FIELDS[field - FIRST_METRIC_FIELD]!, bytes.length)
  }
  return { name, alias, timestamp, datatype, isHistorical, isTransient, isNull, properties, value }
}

/** Keys and values are two lists in step. */
const propertiesOf = (bytes: Uint8Array, of: string, walk: Walk): ReadonlyMap<string, Property> => {
  const where = `properties of ${of}`
  const cursor = new Cursor(bytes, walk.fault, where)
  const keys: string[] = []
  const values: Property[] = []
  for (let field = cursor.next(PROPERTY_SET); field !== 0; field = cursor.next(PROPERTY_SET)) {
    if (--walk.properties < 0) cursor.fault('SPARKPLUG_LIMIT', `more than ${walk.limits.properties} keys and values of properties`)
    else if (field === 1) keys.push(cursor.text(walk.limits.nameBytes))
    else values.push(propertyOf(cursor.bytes(), where, walk))
  }
  if (keys.length !== values.length) cursor.fault('SPARKPLUG_WIRE', `${keys.length} keys and ${values.length} values`)
  return new Map(keys.map((key, at) => [key, values[at]!]))
}

const propertyOf = (bytes: Uint8Array, where: string, walk: Walk): Property => {
  const cursor = new Cursor(bytes, walk.fault, where)
  let datatype = 0
  let isNull = false
  let value: WireValue | null = null
  for (let field = cursor.next(PROPERTY_VALUE); field !== 0; field = cursor.next(PROPERTY_VALUE)) {
    if (field === 1) datatype = Number(BigInt.asUintN(32, cursor.varint()))
    else if (field === 2) isNull = cursor.varint() !== 0n
    else value = wireValue(cursor, PROPERTY_FIELDS[field - FIRST_PROPERTY_FIELD]!, bytes.length)
  }
  return { datatype, isNull, value }
}

const wireValue = (cursor: Cursor, field: Field, most: number): WireValue => {
  if (field === 'int') return { field, value: uint32(cursor) }
  if (field === 'long') return { field, value: cursor.varint() }
  if (field === 'float') return { field, value: cursor.float() }
  if (field === 'double') return { field, value: cursor.double() }
  if (field === 'boolean') return { field, value: cursor.varint() !== 0n }
  if (field === 'string') return { field, value: cursor.text(most) }
  return { field, value: cursor.bytes() }
}

/** 32 bits; a negative number that was widened to ten bytes counts as its 32 bits, anything else above them is refused, not cut. */
const uint32 = (cursor: Cursor): number => {
  const value = cursor.varint()
  const above = value >> 32n
  if (above !== 0n && (above !== 0xffff_ffffn || (value & 0x8000_0000n) === 0n))
    cursor.fault('SPARKPLUG_VARINT', `${value} in an integer of 32 bits`)
  return Number(BigInt.asUintN(32, value))
}

/**
 * Encodes one payload, fields in the order of their numbers.
 *
 * @source Eclipse Tahu, sparkplug_b.proto, Payload
 */
export function encodePayload(payload: Payload): Uint8Array {
  const writer = new BinaryWriter()
  if (payload.timestamp !== null) writer.tag(1, Varint).uint64(payload.timestamp)
  for (const metric of payload.metrics) {
    writer.tag(2, LengthDelimited).fork()
    writeMetric(writer, metric)
    writer.join()
  }
  if (payload.seq !== null) writer.tag(3, Varint).uint64(payload.seq)
  if (payload.uuid !== null) writer.tag(4, LengthDelimited).string(payload.uuid)
  if (payload.body !== null) writer.tag(5, LengthDelimited).bytes(payload.body)
  return writer.finish()
}

const writeMetric = (writer: BinaryWriter, metric: Metric): void => {
  const { name, alias, timestamp, datatype, isHistorical, isTransient, isNull, properties, value } = metric
  if (name !== null) writer.tag(1, LengthDelimited).string(name)
  if (alias !== null) writer.tag(2, Varint).uint64(alias)
  if (timestamp !== null) writer.tag(3, Varint).uint64(timestamp)
  if (datatype !== 0) writer.tag(4, Varint).uint32(datatype)
  for (const [at, flag] of [isHistorical, isTransient, isNull].entries()) if (flag) writer.tag(5 + at, Varint).bool(true)
  if (properties.size > 0) {
    writer.tag(9, LengthDelimited).fork()
    for (const key of properties.keys()) writer.tag(1, LengthDelimited).string(key)
    for (const property of properties.values()) {
      writer.tag(2, LengthDelimited).fork()
      if (property.datatype !== 0) writer.tag(1, Varint).uint32(property.datatype)
      if (property.isNull) writer.tag(2, Varint).bool(true)
      if (property.value) writeValue(writer, property.value, FIRST_PROPERTY_FIELD + PROPERTY_FIELDS.indexOf(property.value.field))
      writer.join()
    }
    writer.join()
  }
  if (value) writeValue(writer, value, FIRST_METRIC_FIELD + METRIC_FIELDS.indexOf(value.field))
}

const writeValue = (writer: BinaryWriter, { field, value }: WireValue, number: number): void => {
  if (field === 'int') writer.tag(number, Varint).uint32(value)
  else if (field === 'long') writer.tag(number, Varint).uint64(value)
  else if (field === 'float') writer.tag(number, Bit32).float(value)
  else if (field === 'double') writer.tag(number, Bit64).double(value)
  else if (field === 'boolean') writer.tag(number, Varint).bool(value)
  else if (field === 'string') writer.tag(number, LengthDelimited).string(value)
  else writer.tag(number, LengthDelimited).bytes(value)
}
