import { tidy } from '../../src/core/decimal.ts'
import { hexOf } from '../../src/core/hex.ts'
import { type Cursor, countField, digits8, hexText, lengthField, note, noteSecret, several, stop, take, u8, u16, u32 } from './cursor.ts'
import {
  type ColumnRange,
  type ColumnSelector,
  type Datum,
  INTEGERS,
  type IntegerType,
  jsonText,
  MAX_DEPTH,
  type MeterSet,
  type RecordColumns,
  type RecordSelector,
  type Region,
  type Sid,
  TAG,
  TEXTS,
  type TextType,
} from './datum.ts'
import { readDate, readDateTime, readDateTimeS, readTime } from './time.ts'

const integerNames: (IntegerType | undefined)[] = []
const textNames: (TextType | undefined)[] = []
const namesOf = <T extends string>(table: Readonly<Record<T, { readonly tag: number }>>): T[] =>
  Object.keys(table).filter((name): name is T => name in table)
for (const name of namesOf(INTEGERS)) integerNames[INTEGERS[name].tag] = name
for (const name of namesOf(TEXTS)) textNames[TEXTS[name].tag] = name

const utf8 = new TextDecoder()

/** Characters up to 7EH; everything else as `\xNN`, so that a log line stays one. */
const asciiOf = (bytes: Uint8Array): string => {
  let text = ''
  for (const byte of bytes) text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  return text
}

const readInteger = (c: Cursor, name: IntegerType): Datum => {
  switch (name) {
    case 'double-long':
      return { t: name, v: u32(c) | 0 }
    case 'double-long-unsigned':
      return { t: name, v: u32(c) }
    case 'integer':
      return { t: name, v: (u8(c) << 24) >> 24 }
    case 'long':
      return { t: name, v: (u16(c) << 16) >> 16 }
    case 'long-unsigned':
      return { t: name, v: u16(c) }
    case 'long64':
      return { t: name, v: tidy((BigInt(u32(c) | 0) << 32n) | BigInt(u32(c))) }
    case 'long64-unsigned':
      return { t: name, v: tidy((BigInt(u32(c)) << 32n) | BigInt(u32(c))) }
    case 'unsigned':
    case 'enum':
      return { t: name, v: u8(c) }
  }
}

const readText = (c: Cursor, name: TextType): Datum => {
  const { form, bytes } = TEXTS[name]
  const size = bytes ?? lengthField(c)
  if (form === 'digits') return { t: name, v: hexText(c, size) }
  if (form === 'hex') return { t: name, v: hexText(c, size, ' ') }
  const text = take(c, size)
  return { t: name, v: form === 'utf8' ? utf8.decode(text) : asciiOf(text) }
}

export const readSid = (c: Cursor): Sid => ({ id: u32(c), data: hexText(c, lengthField(c), ' ') })

const readElements = (c: Cursor, t: 'array' | 'structure'): Datum => {
  const from = c.at - 1
  const count = countField(c)
  if (c.notes !== null) note(c, from, t, `${count} elements`)
  const v: Datum[] = []
  for (let index = 0; index < count && c.error === null; index++) {
    const start = c.at
    const datum = readDatum(c)
    v.push(datum)
    // Address, baud, protocol, port, password: the basic object of an archive unit (6000).
    if (c.notes !== null && index === 4 && datum.t === 'octet-string' && v[0]?.t === 'TSA' && v[3]?.t === 'OAD') {
      c.notes.pop()
      noteSecret(c, start, datum.v === '' ? 0 : (datum.v.length + 1) / 3)
    }
  }
  return { t, v }
}

const NULL: Datum = { t: 'null' }

const view = new DataView(new ArrayBuffer(8))

const readFloat = (c: Cursor, t: 'float32' | 'float64'): Datum => {
  view.setUint32(0, u32(c))
  if (t === 'float32') return { t, v: view.getFloat32(0) }
  view.setUint32(4, u32(c))
  return { t, v: view.getFloat64(0) }
}

/** Reads one datum with its tag. An unknown tag fails the cursor: its size is not known, so nothing behind it is. */
export const readDatum = (c: Cursor): Datum => {
  const from = c.at
  const tag = u8(c)
  if (++c.depth > MAX_DEPTH) stop(c, 'DLT698_APDU', `more than ${MAX_DEPTH} values within values`)
  const datum = c.error === null ? datumOf(c, tag) : NULL
  c.depth--
  if (c.notes !== null && datum.t !== 'array' && datum.t !== 'structure') {
    const value = 'v' in datum ? (typeof datum.v === 'object' ? jsonText(datum.v) : String(datum.v)) : 'no value'
    note(c, from, datum.t === 'null' ? 'NULL' : datum.t, value)
  }
  return datum
}

const datumOf = (c: Cursor, tag: number): Datum => {
  const integer = integerNames[tag]
  if (integer !== undefined) return readInteger(c, integer)
  const text = textNames[tag]
  if (text !== undefined) return readText(c, text)
  switch (tag) {
    case TAG.null:
      return NULL
    case TAG.array:
      return readElements(c, 'array')
    case TAG.structure:
      return readElements(c, 'structure')
    case TAG.bool:
      return { t: 'bool', v: u8(c) !== 0 }
    case TAG.bitString: {
      const bits = lengthField(c)
      return { t: 'bit-string', bits, v: hexText(c, Math.ceil(bits / 8), ' ') }
    }
    case TAG.float32:
      return readFloat(c, 'float32')
    case TAG.float64:
      return readFloat(c, 'float64')
    case TAG.dateTime:
      return { t: 'date_time', v: readDateTime(c) }
    case TAG.date:
      return { t: 'date', v: readDate(c) }
    case TAG.time:
      return { t: 'time', v: readTime(c) }
    case TAG.dateTimeS:
      return { t: 'date_time_s', v: readDateTimeS(c) }
    case TAG.road:
      return { t: 'ROAD', v: readRoad(c) }
    case TAG.ti:
      return { t: 'TI', v: readTi(c) }
    case TAG.tsa:
      return { t: 'TSA', v: readTsa(c) }
    case TAG.region:
      return { t: 'Region', v: readRegion(c) }
    case TAG.scalerUnit:
      return { t: 'Scaler_Unit', v: [(u8(c) << 24) >> 24, u8(c)] }
    case TAG.rsd:
      return { t: 'RSD', v: readSelector(c) }
    case TAG.csd:
      return { t: 'CSD', v: readColumn(c) }
    case TAG.rcsd:
      return { t: 'RCSD', v: readColumns(c) }
    case TAG.ms:
      return { t: 'MS', v: readMeterSet(c) }
    case TAG.sid:
      return { t: 'SID', v: readSid(c) }
    case TAG.sidMac:
      return { t: 'SID_MAC', v: { sid: readSid(c), mac: hexText(c, lengthField(c), ' ') } }
    default:
      stop(c, 'DLT698_TYPE', `${tag.toString(16).toUpperCase().padStart(2, '0')}H is no data type`, c.at - 1)
      return NULL
  }
}

export const readOad = digits8

/** Server address in data (TSA): a length, a byte of flags, then digits, most significant first. */
export const readTsa = (c: Cursor): string => {
  const size = lengthField(c)
  if (size === 0) return ''
  const bytes = take(c, size)
  const digits = hexOf(bytes.subarray(1), '')
  // An odd number of digits is filled up with F.
  return /^F\d+$/.test(digits) ? digits.slice(1) : /^\d+F$/.test(digits) ? digits.slice(0, -1) : digits
}

export const readTi = (c: Cursor): readonly [number, number] => [u8(c), u16(c)]

export const readRoad = (c: Cursor): RecordColumns => ({ oad: readOad(c), columns: several(c, countField(c, 4), readOad) })

export const readRegion = (c: Cursor): Region => ({ unit: u8(c), from: readDatum(c), to: readDatum(c) })

export const readColumn = (c: Cursor): ColumnSelector => {
  const from = c.at
  const choice = u8(c)
  if (choice === 0) {
    const column = { oad: readOad(c) }
    note(c, from, 'column', column.oad)
    return column
  }
  if (choice !== 1) stop(c, 'DLT698_APDU', `${choice} is no choice of a column: 0 OAD, 1 ROAD`, c.at - 1)
  const road = readRoad(c)
  if (c.notes !== null) note(c, from, 'column', `${road.oad}: ${road.columns.join(' ')}`)
  return { road }
}

/** Columns (RCSD); none = all the table has. */
export const readColumns = (c: Cursor): readonly ColumnSelector[] => {
  const from = c.at
  const count = countField(c, 5)
  note(c, from, 'columns', count === 0 ? 'all' : String(count))
  return several(c, count, readColumn)
}

const REGIONS = { 5: 'user-type-regions', 6: 'address-regions', 7: 'archive-number-regions' } as const

export const readMeterSet = (c: Cursor): MeterSet => {
  const choice = u8(c)
  switch (choice) {
    case 0:
      return { ms: 'none' }
    case 1:
      return { ms: 'all' }
    case 2:
      return { ms: 'user-types', user_types: several(c, countField(c), u8) }
    case 3:
      return { ms: 'addresses', tsa: several(c, countField(c), readTsa) }
    case 4:
      return { ms: 'archive-numbers', numbers: several(c, countField(c, 2), u16) }
    case 5:
    case 6:
    case 7:
      return { ms: REGIONS[choice], regions: several(c, countField(c, 3), readRegion) }
    default:
      stop(c, 'DLT698_APDU', `${choice} is no choice of a meter set (MS): 0 to 7`, c.at - 1)
      return { ms: 'none' }
  }
}

const readRange = (c: Cursor): ColumnRange => ({ oad: readOad(c), from: readDatum(c), to: readDatum(c), step: readDatum(c) })

export const readSelector = (c: Cursor): RecordSelector => {
  const from = c.at
  const selector = selectorAt(c)
  note(c, from, 'rows', `selection ${selector.rsd}`)
  return selector
}

const selectorAt = (c: Cursor): RecordSelector => {
  const rsd = u8(c)
  switch (rsd) {
    case 0:
      return { rsd }
    case 1:
      return { rsd, oad: readOad(c), equals: readDatum(c) }
    case 2:
      return { rsd, ...readRange(c) }
    case 3:
      return { rsd, selectors: several(c, countField(c, 7), readRange) }
    case 4:
      return { rsd, collect_start: readDateTimeS(c), ...readMeterSet(c) }
    case 5:
      return { rsd, collect_store: readDateTimeS(c), ...readMeterSet(c) }
    case 6:
    case 7:
    case 8:
      return { rsd, from: readDateTimeS(c), to: readDateTimeS(c), ti: readTi(c), ...readMeterSet(c) }
    case 9:
      return { rsd, last: u8(c) }
    case 10:
      return { rsd, last: u8(c), ...readMeterSet(c) }
    default:
      stop(c, 'DLT698_APDU', `${rsd} is no selection of rows (RSD): 0 to 10`, c.at - 1)
      return { rsd: 0 }
  }
}
