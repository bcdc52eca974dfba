import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Raw } from '../../core/decimal.ts'
import { type Reading, type Series, type Shape, shapeFromKey } from '../../core/reading.ts'
import { type Dictionary, RowDamaged, readVarint, unzigzag } from '../../core/row.ts'
import { ByteWriter } from './bytes.ts'

/**
 * A finished day of one series, column by column: neighbouring values of one quantity differ little, so their differences need one
 * or two bytes where the whole value needed three or four.
 *
 * blob    = 1 content | 2 deflated content
 * content = number of groups, group…; a group is the rows of one shape
 * group   = shape, rows, column of times, of ratios, of qualities, of receipt delays, one cell column per column of the shape, reasons
 * column  = 0 value (all alike) | 1 first step (evenly spaced) | 2 first difference…
 * cells   = column of kinds (0 absent, 1 long, 2 number), column of the numbers, long ones as length and decimal text;
 *           column of exponents where the shape has none
 * reasons = number, (row, column, word)…
 */
const PLAIN = 1
const DEFLATED = 2
const ALIKE = 0
const EVEN = 1
const DIFFERENCES = 2
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
  writer.varint(groups.size)
  for (const rows of groups.values()) writeGroup(rows[0]!.shape, rows, start, ids)
  const content = writer.view()
  const deflated = deflateRawSync(content, { level: 6, windowBits: 12, memLevel: 5 })
  const best = deflated.length < content.length ? deflated : content
  const blob = new Uint8Array(1 + best.length)
  blob[0] = best === content ? PLAIN : DEFLATED
  blob.set(best, 1)
  return blob
}

const writeGroup = (shape: Shape, rows: readonly Reading[], start: number, ids: Dictionary): void => {
  writer.varint(ids.idOf(shape.key))
  writer.varint(rows.length)
  writeColumn(rows.map(({ measuredAt }) => measuredAt - start))
  writeColumn(rows.map(({ ratio }) => ids.idOf(ratio)))
  writeColumn(rows.map(({ quality }) => quality))
  writeColumn(rows.map(({ receivedAt, measuredAt }) => receivedAt - measuredAt))
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
    writeColumn(kinds)
    writeColumn(numbers)
    for (const text of long) {
      writer.varint(text.length)
      writer.bytes(Buffer.from(text, 'latin1'))
    }
    if (shape.columns[column]!.scaler === null) writeColumn(scalers)
  }
  const reasons = rows.flatMap(({ absent }, row) => [...(absent ?? [])].map(([column, reason]) => [row, column, ids.idOf(reason)]))
  writer.varint(reasons.length)
  for (const reason of reasons) for (const part of reason) writer.varint(part)
}

const writeColumn = (values: readonly number[]): void => {
  const [first = 0, second = first] = values
  const step = second - first
  let even = true
  for (let at = 2; even && at < values.length; at++) even = values[at]! - values[at - 1]! === step
  writer.varint(even ? (step === 0 ? ALIKE : EVEN) : DIFFERENCES)
  writer.signed(first)
  if (even && step !== 0) writer.signed(step)
  if (!even) for (let at = 1; at < values.length; at++) writer.signed(values[at]! - values[at - 1]!)
}

/**
 * The readings of a packed day, in order of time.
 *
 * @throws RowDamaged  when the blob is not one of {@link packReadings}
 */
export const unpackReadings = (blob: Uint8Array, series: Series, start: number, shapes: ShapeSource): Reading[] => {
  const bytes = contentOf(blob)
  const cursor = { at: 0 }
  const readings: Reading[] = []
  const groups = readVarint(bytes, cursor)
  for (let group = 0; group < groups; group++) readGroup(bytes, cursor, series, start, shapes, readings)
  if (cursor.at !== bytes.length) throw new RowDamaged(`${bytes.length - cursor.at} bytes left over in a packed day`)
  return groups > 1 ? readings.sort((a, b) => a.measuredAt - b.measuredAt) : readings
}

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
      shapes[id] ??= shapeFromKey(word(id))
      return shapes[id]
    },
  }
}

const contentOf = (blob: Uint8Array): Uint8Array => {
  if (blob[0] === PLAIN) return blob.subarray(1)
  if (blob[0] !== DEFLATED) throw new RowDamaged(`packed day of unknown form ${blob[0]}`)
  try {
    return inflateRawSync(blob.subarray(1))
  } catch (error) {
    throw new RowDamaged(`packed day does not inflate: ${String(error)}`)
  }
}

const MOST_ROWS = 90_000_000

const readGroup = (
  bytes: Uint8Array,
  cursor: { at: number },
  series: Series,
  start: number,
  { word, shape: shapeAt }: ShapeSource,
  into: Reading[],
): void => {
  const shape = shapeAt(readVarint(bytes, cursor))
  const rows = readVarint(bytes, cursor)
  if (rows > MOST_ROWS) throw new RowDamaged(`packed day of ${rows} rows`)
  const times = readColumn(bytes, cursor, rows)
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
}

const readColumn = (bytes: Uint8Array, cursor: { at: number }, length: number): number[] => {
  const form = readVarint(bytes, cursor)
  let value = unzigzag(readVarint(bytes, cursor))
  const values = new Array<number>(length)
  if (form === ALIKE) return values.fill(value)
  if (form !== EVEN && form !== DIFFERENCES) throw new RowDamaged(`packed column of unknown form ${form}`)
  const step = form === EVEN ? unzigzag(readVarint(bytes, cursor)) : 0
  for (let at = 0; at < length; at++) {
    if (at > 0) value += form === EVEN ? step : unzigzag(readVarint(bytes, cursor))
    values[at] = value
  }
  return values
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
