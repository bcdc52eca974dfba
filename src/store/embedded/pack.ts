import type { Raw } from '../../core/decimal.ts'
import { type Reading, type Series, type Shape, shapeFromKey } from '../../core/reading.ts'
import { type Dictionary, RowDamaged, readVarint } from '../../core/row.ts'
import { ByteWriter } from './bytes.ts'
import { readColumn, writeColumn } from './columns.ts'

/**
 * A finished day of one series, column by column; every column of integers as in `columns.ts`.
 *
 * blob    = 1, number of groups, group…; a group is the rows of one shape
 * group   = shape, rows, column of times, of ratios, of qualities, of receipt delays, cells of each column of the shape, reasons
 * cells   = column of kinds (0 absent, 1 long, 2 number), column of the numbers, long ones as length and decimal text;
 *           column of exponents where the shape has none
 * reasons = number, (row, column, word)…
 *
 * Deflating it as well gained less than a thousandth: what is left are single bits.
 */
const FORM = 1
const ABSENT = 0
const LONG = 1
const NUMBER = 2
const HALF = 2 ** 51

const writer = new ByteWriter(65_536)

/**
 * Packs readings of one series.
 *
 * @param readings  in order of time, all of one series
 * @param start     a time near them, from which theirs are counted; the day's first instant
 * @param ids       numbers of the words of ratios, shapes and reasons
 */
export const packReadings = (readings: readonly Reading[], start: number, ids: Dictionary): Uint8Array => {
  const groups = new Map<string, Reading[]>()
  for (const reading of readings) {
    const group = groups.get(reading.shape.key)
    if (group) group.push(reading)
    else groups.set(reading.shape.key, [reading])
  }
  writer.reset()
  writer.varint(FORM)
  writer.varint(groups.size)
  for (const rows of groups.values()) writeGroup(rows[0]!.shape, rows, start, ids)
  return writer.view().slice()
}

const writeGroup = (shape: Shape, rows: readonly Reading[], start: number, ids: Dictionary): void => {
  writer.varint(ids.idOf(shape.key))
  writer.varint(rows.length)
  writeColumn(
    writer,
    rows.map(({ measuredAt }) => measuredAt - start),
  )
  writeColumn(
    writer,
    rows.map(({ ratio }) => ids.idOf(ratio)),
  )
  writeColumn(
    writer,
    rows.map(({ quality }) => quality),
  )
  writeColumn(
    writer,
    rows.map(({ receivedAt, measuredAt }) => receivedAt - measuredAt),
  )
  for (let column = 0; column < shape.columns.length; column++) {
    const kinds: number[] = []
    const numbers: number[] = []
    const long: string[] = []
    const scalers: number[] = []
    for (const { raws, scalers: own } of rows) {
      const raw = raws[column]
      if (raw === null || raw === undefined) {
        kinds.push(ABSENT)
        continue
      }
      if (typeof raw === 'number' && raw < HALF && raw > -HALF) {
        kinds.push(NUMBER)
        numbers.push(raw)
      } else {
        kinds.push(LONG)
        long.push(String(raw))
      }
      scalers.push(own?.[column] ?? 0)
    }
    writeColumn(writer, kinds)
    writeColumn(writer, numbers)
    for (const text of long) {
      writer.varint(text.length)
      writer.bytes(Buffer.from(text, 'latin1'))
    }
    if (shape.columns[column]!.scaler === null) writeColumn(writer, scalers)
  }
  const reasons = rows.flatMap(({ absent }, row) => [...(absent ?? [])].map(([column, reason]) => [row, column, ids.idOf(reason)]))
  writer.varint(reasons.length)
  for (const reason of reasons) for (const part of reason) writer.varint(part)
}

/**
 * The readings of a packed day, in order of time; with `from` and `to` only those in [from, to).
 *
 * @throws RowDamaged  when the blob is not one of {@link packReadings}
 */
export const unpackReadings = (
  bytes: Uint8Array,
  series: Series,
  start: number,
  shapes: ShapeSource,
  from = Number.NEGATIVE_INFINITY,
  to = Number.POSITIVE_INFINITY,
): Reading[] => {
  const cursor = { at: 0 }
  const readings: Reading[] = []
  const form = readVarint(bytes, cursor)
  if (form !== FORM) throw new RowDamaged(`packed day of unknown form ${form}`)
  const groups = readVarint(bytes, cursor)
  for (let group = 0; group < groups; group++)
    if (!readGroup(bytes, cursor, series, start, shapes, readings, from - start, to - start, group === groups - 1)) return inTime(readings)
  if (cursor.at !== bytes.length) throw new RowDamaged(`${bytes.length - cursor.at} bytes left over in a packed day`)
  return groups > 1 ? inTime(readings) : readings
}

const inTime = (readings: Reading[]): Reading[] => readings.sort((a, b) => a.measuredAt - b.measuredAt)

/** Words and shapes by number. */
export interface ShapeSource {
  word(id: number): string
  shape(id: number): Shape
}

/** Shapes of a dictionary, each made once. */
export const shapeSource = (words: Dictionary): ShapeSource => {
  const shapes: Shape[] = []
  const word = (id: number): string => {
    const text = words.textOf(id)
    if (text === undefined) throw new RowDamaged(`word ${id} is not in the dictionary`)
    return text
  }
  return {
    word,
    shape: (id) => {
      shapes[id] ??= readShape(word(id))
      return shapes[id]
    },
  }
}

const readShape = (text: string): Shape => {
  try {
    return shapeFromKey(text)
  } catch (error) {
    throw new RowDamaged(`${text} is no shape: ${String(error)}`)
  }
}

/** Slots of a day. */
const MOST_ROWS = 24 * 4096

/** @returns  false when the rest of the last group was left unread, because none of it was asked for */
const readGroup = (
  bytes: Uint8Array,
  cursor: { at: number },
  series: Series,
  start: number,
  { word, shape: shapeAt }: ShapeSource,
  into: Reading[],
  from: number,
  to: number,
  last: boolean,
): boolean => {
  const shape = shapeAt(readVarint(bytes, cursor))
  const rows = readVarint(bytes, cursor)
  if (rows > MOST_ROWS) throw new RowDamaged(`packed day of ${rows} rows`)
  const times = readColumn(bytes, cursor, rows)
  const isAsked = (row: number) => times[row]! >= from && times[row]! < to
  if (last && !times.some((time) => time >= from && time < to)) return false
  const ratios = readColumn(bytes, cursor, rows)
  const qualities = readColumn(bytes, cursor, rows)
  const delays = readColumn(bytes, cursor, rows)
  const raws = Array.from({ length: rows }, () => new Array<Raw | null>(shape.columns.length))
  const floating = shape.columns.some(({ scaler }) => scaler === null)
  const scalers = floating ? Array.from({ length: rows }, () => new Array<number>(shape.columns.length).fill(0)) : null
  for (let column = 0; column < shape.columns.length; column++) {
    const kinds = readColumn(bytes, cursor, rows)
    const numbers = readColumn(bytes, cursor, count(kinds, NUMBER))
    let number = 0
    for (let row = 0; row < rows; row++)
      raws[row]![column] = kinds[row] === NUMBER ? numbers[number++]! : kinds[row] === LONG ? readLong(bytes, cursor) : null
    if (shape.columns[column]!.scaler !== null || !scalers) continue
    const exponents = readColumn(bytes, cursor, rows - count(kinds, ABSENT))
    let present = 0
    for (let row = 0; row < rows; row++) if (kinds[row] !== ABSENT) scalers[row]![column] = exponents[present++]!
  }
  const absent: (Map<number, string> | null)[] = new Array(rows).fill(null)
  for (let left = readVarint(bytes, cursor); left > 0; left--) {
    const row = readVarint(bytes, cursor)
    const reasons = absent[row] ?? new Map<number, string>()
    absent[row] = reasons
    reasons.set(readVarint(bytes, cursor), word(readVarint(bytes, cursor)))
  }
  for (let row = 0; row < rows; row++) {
    if (!isAsked(row)) continue
    const measuredAt = start + times[row]!
    into.push({
      series,
      shape,
      ratio: word(ratios[row]!),
      quality: qualities[row]!,
      measuredAt,
      receivedAt: measuredAt + delays[row]!,
      raws: raws[row]!,
      scalers: scalers ? scalers[row]! : null,
      absent: absent[row]!,
    })
  }
  return true
}

const count = (kinds: readonly number[], kind: number): number => {
  let found = 0
  for (const each of kinds) if (each === kind) found++
  return found
}

const readLong = (bytes: Uint8Array, cursor: { at: number }): bigint => {
  const length = readVarint(bytes, cursor)
  const text = Buffer.from(bytes.subarray(cursor.at, cursor.at + length)).toString('latin1')
  cursor.at += length
  if (!/^-?\d+$/.test(text)) throw new RowDamaged('long integer is no number')
  return BigInt(text)
}
