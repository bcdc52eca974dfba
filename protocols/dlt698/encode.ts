import { bytesOf } from '../../src/core/hex.ts'
import {
  type ColumnRange,
  type ColumnSelector,
  type Datum,
  INTEGERS,
  type MeterSet,
  type RecordSelector,
  type Sid,
  TAG,
  TEXTS,
} from './datum.ts'

/** Bytes that grow. Everything inside an APDU is big-endian. */
export type Out = number[]

export const put16 = (out: Out, value: number): void => {
  out.push((value >> 8) & 0xff, value & 0xff)
}

export const put32 = (out: Out, value: number): void => {
  out.push((value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff)
}

/** A length or count: one byte below 80H, else 81H + one byte or 82H + two. */
export const putLength = (out: Out, size: number): void => {
  if (size < 0x80) out.push(size)
  else if (size < 0x100) out.push(0x81, size)
  else out.push(0x82, size >> 8, size & 0xff)
}

export const putBytes = (out: Out, bytes: Iterable<number>): void => {
  for (const byte of bytes) out.push(byte)
}

/** Hexadecimal digits as bytes; what is no hexadecimal text puts nothing. */
const putHex = (out: Out, text: string): void => putBytes(out, bytesOf(text) ?? [])

/** OAD, OMD: eight digits. */
export const putOad = (out: Out, oad: string): void => putHex(out, oad)

/** A single address in data: digits as they are read, an odd number filled up with F in front. */
export const putTsa = (out: Out, digits: string): void => {
  if (digits === '') {
    out.push(0)
    return
  }
  const even = digits.length % 2 === 0 ? digits : `F${digits}`
  const size = even.length / 2
  putLength(out, size + 1)
  out.push(size - 1)
  putHex(out, even)
}

/** `2026-10-07 15:00:00` as seven bytes; null and FF stay FF. */
export const putDateTimeS = (out: Out, text: string | null): void => {
  const [date = '', time = ''] = (text ?? 'FFFF-FF-FF FF:FF:FF').split(' ')
  const [year = '', ...fields] = [...date.split('-'), ...time.split(':')]
  const number = (part: string, open: number): number => (/^F+$/.test(part) ? open : Number(part))
  put16(out, number(year, 0xffff))
  for (const field of fields) out.push(number(field, 0xff) & 0xff)
}

const putText = (out: Out, text: string, { form, bytes }: (typeof TEXTS)[keyof typeof TEXTS]): void => {
  const raw = form === 'hex' || form === 'digits' ? (bytesOf(text) ?? new Uint8Array(0)) : new TextEncoder().encode(text)
  if (bytes === null) putLength(out, raw.length)
  putBytes(out, raw)
}

const view = new DataView(new ArrayBuffer(8))

const putSid = (out: Out, { id, data }: Sid): void => {
  const raw = bytesOf(data) ?? new Uint8Array(0)
  put32(out, id)
  putLength(out, raw.length)
  putBytes(out, raw)
}

/** Puts one datum with its tag. */
export const putDatum = (out: Out, datum: Datum): void => {
  switch (datum.t) {
    case 'null':
      out.push(TAG.null)
      return
    case 'array':
    case 'structure':
      out.push(TAG[datum.t])
      putLength(out, datum.v.length)
      for (const element of datum.v) putDatum(out, element)
      return
    case 'bool':
      out.push(TAG.bool, datum.v ? 1 : 0)
      return
    case 'bit-string':
      out.push(TAG.bitString)
      putLength(out, datum.bits)
      putHex(out, datum.v)
      return
    case 'float32':
      view.setFloat32(0, datum.v)
      out.push(TAG.float32)
      put32(out, view.getUint32(0))
      return
    case 'float64':
      view.setFloat64(0, datum.v)
      out.push(TAG.float64)
      put32(out, view.getUint32(0))
      put32(out, view.getUint32(4))
      return
    case 'date_time_s':
      out.push(TAG.dateTimeS)
      putDateTimeS(out, datum.v)
      return
    case 'time':
      out.push(TAG.time)
      putBytes(out, datum.v === null ? [0xff, 0xff, 0xff] : datum.v.split(':').map((field) => (field === 'FF' ? 0xff : Number(field))))
      return
    case 'date_time': {
      const [text = '', ms] = (datum.v.time ?? 'FFFF-FF-FF FF:FF:FF').split('.')
      const seven: Out = []
      putDateTimeS(seven, text)
      out.push(TAG.dateTime, ...seven.slice(0, 4), datum.v.weekday, ...seven.slice(4))
      put16(out, ms === undefined ? 0xffff : Number(ms))
      return
    }
    case 'date': {
      const seven: Out = []
      putDateTimeS(seven, datum.v.date === null ? null : `${datum.v.date} 00:00:00`)
      out.push(TAG.date, ...seven.slice(0, 4), datum.v.weekday)
      return
    }
    case 'TSA':
      out.push(TAG.tsa)
      putTsa(out, datum.v)
      return
    case 'TI':
      out.push(TAG.ti, datum.v[0])
      put16(out, datum.v[1])
      return
    case 'Scaler_Unit':
      out.push(TAG.scalerUnit, datum.v[0] & 0xff, datum.v[1])
      return
    case 'ROAD':
      out.push(TAG.road)
      putRoad(out, datum.v)
      return
    case 'Region':
      out.push(TAG.region, datum.v.unit)
      putDatum(out, datum.v.from)
      putDatum(out, datum.v.to)
      return
    case 'RSD':
      out.push(TAG.rsd)
      putSelector(out, datum.v)
      return
    case 'CSD':
      out.push(TAG.csd)
      putColumn(out, datum.v)
      return
    case 'RCSD':
      out.push(TAG.rcsd)
      putColumns(out, datum.v)
      return
    case 'MS':
      out.push(TAG.ms)
      putMeterSet(out, datum.v)
      return
    case 'SID':
      out.push(TAG.sid)
      putSid(out, datum.v)
      return
    case 'SID_MAC': {
      const mac = bytesOf(datum.v.mac) ?? new Uint8Array(0)
      out.push(TAG.sidMac)
      putSid(out, datum.v.sid)
      putLength(out, mac.length)
      putBytes(out, mac)
      return
    }
    default:
      if (datum.t in INTEGERS) putInteger(out, datum.t, BigInt(datum.v))
      else putTextDatum(out, datum.t, datum.v)
  }
}

const isInteger = (t: string): t is keyof typeof INTEGERS => Object.hasOwn(INTEGERS, t)
const isText = (t: string): t is keyof typeof TEXTS => Object.hasOwn(TEXTS, t)

const putInteger = (out: Out, t: string, value: bigint): void => {
  if (!isInteger(t)) return
  const { tag, bytes } = INTEGERS[t]
  out.push(tag)
  for (let shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push(Number((value >> BigInt(shift)) & 0xffn))
}

const putTextDatum = (out: Out, t: string, value: unknown): void => {
  if (!isText(t)) return
  out.push(TEXTS[t].tag)
  putText(out, String(value), TEXTS[t])
}

const putRoad = (out: Out, { oad, columns }: { readonly oad: string; readonly columns: readonly string[] }): void => {
  putOad(out, oad)
  putLength(out, columns.length)
  for (const column of columns) putOad(out, column)
}

export const putColumn = (out: Out, column: ColumnSelector): void => {
  out.push('road' in column ? 1 : 0)
  if ('road' in column) putRoad(out, column.road)
  else putOad(out, column.oad)
}

export const putColumns = (out: Out, columns: readonly ColumnSelector[]): void => {
  putLength(out, columns.length)
  for (const column of columns) putColumn(out, column)
}

const SETS = ['none', 'all', 'user-types', 'addresses', 'archive-numbers', 'user-type-regions', 'address-regions', 'archive-number-regions']

export const putMeterSet = (out: Out, set: MeterSet): void => {
  out.push(SETS.indexOf(set.ms))
  if (set.ms === 'user-types') {
    putLength(out, set.user_types.length)
    putBytes(out, set.user_types)
  } else if (set.ms === 'addresses') {
    putLength(out, set.tsa.length)
    for (const tsa of set.tsa) putTsa(out, tsa)
  } else if (set.ms === 'archive-numbers') {
    putLength(out, set.numbers.length)
    for (const number of set.numbers) put16(out, number)
  } else if ('regions' in set) {
    putLength(out, set.regions.length)
    for (const { unit, from, to } of set.regions) {
      out.push(unit)
      putDatum(out, from)
      putDatum(out, to)
    }
  }
}

const putRange = (out: Out, { oad, from, to, step }: ColumnRange): void => {
  putOad(out, oad)
  for (const datum of [from, to, step]) putDatum(out, datum)
}

export const putSelector = (out: Out, selector: RecordSelector): void => {
  out.push(selector.rsd)
  switch (selector.rsd) {
    case 0:
      return
    case 1:
      putOad(out, selector.oad)
      putDatum(out, selector.equals)
      return
    case 2:
      putRange(out, selector)
      return
    case 3:
      putLength(out, selector.selectors.length)
      for (const range of selector.selectors) putRange(out, range)
      return
    case 4:
      putDateTimeS(out, selector.collect_start)
      putMeterSet(out, selector)
      return
    case 5:
      putDateTimeS(out, selector.collect_store)
      putMeterSet(out, selector)
      return
    case 6:
    case 7:
    case 8:
      putDateTimeS(out, selector.from)
      putDateTimeS(out, selector.to)
      out.push(selector.ti[0])
      put16(out, selector.ti[1])
      putMeterSet(out, selector)
      return
    case 9:
      out.push(selector.last)
      return
    case 10:
      out.push(selector.last)
      putMeterSet(out, selector)
  }
}
