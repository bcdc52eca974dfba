import type { Raw } from './decimal.ts'
import { type Reading, type Series, type Shape, seriesFromKey, shapeFromKey } from './reading.ts'

/**
 * The packed form of a reading: what outbox and embedded store keep. Words that repeat (series, shapes, ratios, reasons)
 * are numbers of a {@link Dictionary}; values are zig-zag variable-length integers, so a typical value takes two to four bytes
 * and every integer a meter can send comes back exactly.
 *
 * body = shape, ratio, quality, receivedAt - measuredAt, values…, number of reasons, (column, reason)…
 * value = 0 absent | 1 length decimal text (beyond 2^52) | zigzag(raw) + 2; before it zigzag(scaler) where the column has none
 */
export interface Dictionary {
  /** Number of a word, known or new. */
  idOf(text: string): number
  /** The word of a number; undefined when the dictionary never gave it out. */
  textOf(id: number): string | undefined
}

/** A dictionary in memory. New words wait in `fresh` until their owner has written them down in the same transaction as the row. */
export class MemoryDictionary implements Dictionary {
  readonly #ids = new Map<string, number>()
  readonly #texts: (string | undefined)[] = []
  #fresh: (readonly [id: number, text: string])[] = []

  /** @param firstFree  numbers below it are never given out: some of them may be words that were lost */
  constructor(known: Iterable<readonly [id: number, text: string]> = [], firstFree = 0) {
    for (const [id, text] of known) {
      this.#ids.set(text, id)
      this.#texts[id] = text
    }
    this.#texts.length = Math.max(this.#texts.length, firstFree)
  }

  /** The number the next new word will get. */
  get nextId(): number {
    return this.#texts.length
  }

  idOf(text: string): number {
    const known = this.#ids.get(text)
    if (known !== undefined) return known
    const id = this.#texts.length
    this.#ids.set(text, id)
    this.#texts.push(text)
    this.#fresh.push([id, text])
    return id
  }

  textOf(id: number): string | undefined {
    return this.#texts[id]
  }

  /** Words added since the last call. */
  takeFresh(): readonly (readonly [id: number, text: string])[] {
    const fresh = this.#fresh
    this.#fresh = []
    return fresh
  }
}

/** Series, shapes and short words of one dictionary as objects, each made once. */
export class RowCodec {
  readonly #dictionary: Dictionary
  readonly #series: Series[] = []
  readonly #shapes: Shape[] = []
  readonly #seriesIds = new WeakMap<Series, number>()
  readonly #shapeIds = new WeakMap<Shape, number>()
  #buffer: Uint8Array = new Uint8Array(4096)
  #at = 0

  constructor(dictionary: Dictionary) {
    this.#dictionary = dictionary
  }

  seriesId(series: Series): number {
    let id = this.#seriesIds.get(series)
    if (id === undefined) {
      id = this.#dictionary.idOf(series.key)
      this.#seriesIds.set(series, id)
    }
    return id
  }

  seriesAt(id: number): Series {
    const known = this.#series[id]
    if (known) return known
    const series = seriesFromKey(this.#word(id))
    if (!series) throw new RowDamaged(`word ${id} is no series`)
    this.#series[id] = series
    return series
  }

  /** One whole reading: series, measuredAt, body. The bytes are a fresh copy. */
  encode(reading: Reading): Uint8Array {
    this.#at = 0
    this.#varint(this.seriesId(reading.series))
    this.#varint(zigzag(reading.measuredAt))
    this.#body(reading)
    return this.#buffer.slice(0, this.#at)
  }

  /**
   * As {@link encode}, straight into a buffer of the caller's.
   *
   * @returns  where the reading ends, -1 when it did not fit before the end of `target` (whose bytes from `at` on are then undefined)
   */
  encodeInto(reading: Reading, target: Uint8Array, at: number): number {
    const own = this.#buffer
    this.#buffer = target
    this.#at = at
    try {
      this.#varint(this.seriesId(reading.series))
      this.#varint(zigzag(reading.measuredAt))
      this.#body(reading)
      return this.#buffer === target ? this.#at : -1
    } finally {
      this.#buffer = own
    }
  }

  decode(bytes: Uint8Array): Reading {
    const cursor = { at: 0 }
    const series = this.seriesAt(readVarint(bytes, cursor))
    const measuredAt = unzigzag(readVarint(bytes, cursor))
    return this.#read(bytes, cursor, series, measuredAt)
  }

  /** The reading without series and time, which are the row's key elsewhere. The bytes are a fresh copy. */
  encodeBody(reading: Reading): Uint8Array {
    this.#at = 0
    this.#body(reading)
    return this.#buffer.slice(0, this.#at)
  }

  decodeBody(bytes: Uint8Array, series: Series, measuredAt: number): Reading {
    return this.#read(bytes, { at: 0 }, series, measuredAt)
  }

  #word(id: number): string {
    const text = this.#dictionary.textOf(id)
    if (text === undefined) throw new RowDamaged(`word ${id} is not in the dictionary`)
    return text
  }

  #shapeAt(id: number): Shape {
    this.#shapes[id] ??= shapeFromKey(this.#word(id))
    return this.#shapes[id]
  }

  #body({ shape, ratio, quality, receivedAt, measuredAt, raws, scalers, absent }: Reading): void {
    let shapeId = this.#shapeIds.get(shape)
    if (shapeId === undefined) {
      shapeId = this.#dictionary.idOf(shape.key)
      this.#shapeIds.set(shape, shapeId)
    }
    this.#varint(shapeId)
    this.#varint(this.#dictionary.idOf(ratio))
    this.#varint(quality)
    this.#varint(zigzag(receivedAt - measuredAt))
    const { columns } = shape
    // Nearly every value is an integer of up to four bytes in a column with its own scaler: those are written here, the rest below.
    let buffer = this.#buffer
    let at = this.#at
    for (let column = 0; column < columns.length; column++) {
      const raw = raws[column]
      if (typeof raw === 'number' && raw < 2 ** 29 && raw > -(2 ** 29) && at + 5 <= buffer.length) {
        let code = raw < 0 ? -2 * raw + 1 : 2 * raw + 2
        while (code >= 0x80) {
          buffer[at++] = code | 0x80
          code >>>= 7
        }
        buffer[at++] = code
        if (columns[column]!.scaler !== null) continue
        this.#at = at
      } else {
        this.#at = at
        if (raw === null || raw === undefined) this.#byte(0)
        else if (typeof raw === 'number' && raw < HALF && raw > -HALF) this.#varint(zigzag(raw) + 2)
        else this.#big(raw)
      }
      if (raw !== null && raw !== undefined && columns[column]!.scaler === null) this.#varint(zigzag(scalers?.[column] ?? 0))
      buffer = this.#buffer
      at = this.#at
    }
    this.#at = at
    this.#varint(absent?.size ?? 0)
    if (absent)
      for (const [column, reason] of absent) {
        this.#varint(column)
        this.#varint(this.#dictionary.idOf(reason))
      }
  }

  #read(bytes: Uint8Array, cursor: { at: number }, series: Series, measuredAt: number): Reading {
    const shape = this.#shapeAt(readVarint(bytes, cursor))
    const ratio = this.#word(readVarint(bytes, cursor))
    const quality = readVarint(bytes, cursor)
    const receivedAt = measuredAt + unzigzag(readVarint(bytes, cursor))
    const { columns } = shape
    const raws: (Raw | null)[] = new Array(columns.length)
    let scalers: number[] | null = null
    for (let column = 0; column < columns.length; column++) {
      const code = readVarint(bytes, cursor)
      raws[column] = code === 0 ? null : code === 1 ? readBig(bytes, cursor) : unzigzag(code - 2)
      if (columns[column]!.scaler === null) {
        scalers ??= new Array<number>(columns.length).fill(0)
        if (code !== 0) scalers[column] = unzigzag(readVarint(bytes, cursor))
      }
    }
    let absent: Map<number, string> | null = null
    for (let left = readVarint(bytes, cursor); left > 0; left--) {
      absent ??= new Map()
      absent.set(readVarint(bytes, cursor), this.#word(readVarint(bytes, cursor)))
    }
    if (cursor.at !== bytes.length) throw new RowDamaged(`${bytes.length - cursor.at} bytes left over`)
    return { series, shape, ratio, quality, measuredAt, receivedAt, raws, scalers, absent }
  }

  #byte(byte: number): void {
    if (this.#at === this.#buffer.length) this.#grow()
    this.#buffer[this.#at++] = byte
  }

  #varint(value: number): void {
    while (value >= 0x80) {
      if (value < 0x80000000) {
        this.#byte((value & 0x7f) | 0x80)
        value >>>= 7
      } else {
        this.#byte((value % 128) | 0x80)
        value = Math.floor(value / 128)
      }
    }
    this.#byte(value)
  }

  #big(raw: Raw): void {
    this.#byte(1)
    const text = String(BigInt(raw))
    this.#varint(text.length)
    for (let at = 0; at < text.length; at++) this.#byte(text.charCodeAt(at))
  }

  #grow(): void {
    const larger = new Uint8Array(this.#buffer.length * 2)
    larger.set(this.#buffer)
    this.#buffer = larger
  }
}

/** A packed row that cannot be read: its owner sets it aside and counts it. */
export class RowDamaged extends Error {
  override readonly name = 'RowDamaged'
}

const HALF = 2 ** 51

export const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value)
export const unzigzag = (code: number): number => (code % 2 === 0 ? code / 2 : -(code + 1) / 2)

export const readVarint = (bytes: Uint8Array, cursor: { at: number }): number => {
  let value = 0
  let factor = 1
  for (;;) {
    const byte = bytes[cursor.at++]
    if (byte === undefined || factor > 2 ** 49) throw new RowDamaged('row ends inside a number')
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return value
    factor *= 128
  }
}

const readBig = (bytes: Uint8Array, cursor: { at: number }): Raw => {
  const length = readVarint(bytes, cursor)
  const text = Buffer.from(bytes.subarray(cursor.at, cursor.at + length)).toString('latin1')
  cursor.at += length
  if (!/^-?\d+$/.test(text)) throw new RowDamaged('long integer is no number')
  return BigInt(text)
}
