import { type GatewayError, type Raw, type Reading, type Series, type Shape, scalerAt } from '../../core/index.ts'
import { putDecimal, putInteger, putUnsigned, ROOM, rareDecimal } from './digits.ts'
import { fail } from './errors.ts'
import { fieldKeys, seriesHead } from './names.ts'

/** A series ready for the wire: `register,area=…,source=live ` and, where the measurement has one, `ratio=`. */
interface SeriesLine {
  readonly head: Uint8Array
  readonly hasRatio: boolean
  readonly error: GatewayError | null
  /** For {@link LineNames.inOrder}: the pass that saw it last, and the time it saw. */
  pass: number
  at: number
}

interface ShapeLine {
  /** `,1.8.0=` for each column. */
  readonly keys: readonly Uint8Array[]
  readonly integer: readonly boolean[]
  /** Most bytes the columns can take without rare numbers. */
  readonly room: number
  readonly error: GatewayError | null
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)
const QUALITY = ascii('quality=')
const RECEIVED = ascii('i,received=')
const ABSENT = ascii(',absent=')
const NONE = new Uint8Array(0)
const [BLANK, INTEGER, LINE] = [0x20, 0x69, 0x0a] as const
const OWN_ROOM = 4 * ROOM + 64
const MAX_RATIOS = 10_000
const MAX_SERIES = 200_000
/** Beyond these a count no longer fits the server's 64 bits. */
const INT64 = 9_223_372_036_854_775_807n

/** Names encoded once: what a series, a shape or a ratio costs again is a copy. Forgotten with the series and shapes themselves. */
export class LineNames {
  readonly #series = new WeakMap<Series, SeriesLine>()
  /** Two objects may stand for one series. */
  readonly #byKey = new Map<string, SeriesLine>()
  readonly #shapes = new WeakMap<Shape, ShapeLine>()
  readonly #ratios = new Map<string, Uint8Array>()
  #pass = 0

  series(series: Series): SeriesLine {
    const known = this.#series.get(series)
    if (known) return known
    const twin = this.#byKey.get(series.key)
    if (twin) {
      this.#series.set(series, twin)
      return twin
    }
    const head = seriesHead(series)
    const line: SeriesLine = {
      head: head.ok ? ascii(head.value) : NONE,
      hasRatio: series.measurement === 'register',
      error: head.ok ? null : head.error,
      pass: 0,
      at: 0,
    }
    this.#series.set(series, line)
    if (this.#byKey.size >= MAX_SERIES) this.#byKey.clear()
    this.#byKey.set(series.key, line)
    return line
  }

  /** Whether every series only goes forward in time: then no two rows have the same key, and they may land in any order. */
  inOrder(readings: readonly Reading[]): boolean {
    const pass = ++this.#pass
    for (const { series, measuredAt } of readings) {
      const line = this.series(series)
      if (line.pass === pass && measuredAt <= line.at) return false
      line.pass = pass
      line.at = measuredAt
    }
    return true
  }

  shape(shape: Shape): ShapeLine {
    const known = this.#shapes.get(shape)
    if (known) return known
    const keys = fieldKeys(shape)
    const bytes = keys.ok ? keys.value.map(ascii) : []
    const line: ShapeLine = {
      keys: bytes,
      integer: shape.columns.map((column) => column.integer === true),
      room: bytes.reduce((sum, key) => sum + key.length + ROOM, 0),
      error: keys.ok ? null : keys.error,
    }
    this.#shapes.set(shape, line)
    return line
  }

  /** `ratio=40,`; null when the text is no number. */
  ratio(text: string): Uint8Array | null {
    const known = this.#ratios.get(text)
    if (known) return known
    if (!/^\d{1,15}(?:\.\d{1,15})?$/.test(text)) return null
    const bytes = ascii(`ratio=${text},`)
    if (this.#ratios.size >= MAX_RATIOS) this.#ratios.clear()
    this.#ratios.set(text, bytes)
    return bytes
  }
}

const copy = (out: Uint8Array, at: number, bytes: Uint8Array): number => {
  const { length } = bytes
  for (let index = 0; index < length; index++) out[at + index] = bytes[index]!
  return at + length
}

/** A row that no InfluxDB would take as it is meant. */
class Unwritable extends Error {
  readonly error: GatewayError
  constructor(message: string) {
    super(message)
    this.error = fail('INFLUX_VALUE', message).error
  }
}

const rareInteger = (raw: Raw, scaler: number): string => {
  if (typeof raw === 'number' && !Number.isSafeInteger(raw)) throw new Unwritable(`${raw} is no integer`)
  if (scaler < 0 || scaler > 18) throw new Unwritable(`a count with decimal exponent ${scaler}`)
  const value = BigInt(raw) * 10n ** BigInt(scaler)
  if (value > INT64 || value < -INT64 - 1n) throw new Unwritable(`${value} does not fit 64 bits`)
  return String(value)
}

const rareFloat = (raw: Raw, scaler: number): string => {
  if (typeof raw === 'number' && !Number.isSafeInteger(raw)) throw new Unwritable(`${raw} is no integer`)
  const text = rareDecimal(raw, scaler)
  if (!Number.isFinite(Number(text)) || text.length > 200) throw new Unwritable(`${text.slice(0, 40)} is beyond a double`)
  return text
}

/**
 * Rows of line protocol one after the other in one reusable buffer, and where each begins.
 *
 * `register,area=A,meter=M,point=P,source=live ratio=40,quality=0i,received=1700000000123i,1.8.0=123456.78,absent=0i 1700000000000`
 *
 * Digits come from (raw, scaler), never through floating point; float fields carry no suffix, integers an `i`; an absent value is
 * left out and counted in `absent`. The same readings always give the same bytes.
 */
export class LineBatch {
  #bytes: Uint8Array
  #at = 0
  /** Where row n begins; one more entry than rows. */
  readonly #starts: number[] = [0]
  /** The readings the rows were made of. */
  readonly readings: Reading[] = []
  /** The caller's own number of each row. */
  readonly indexes: number[] = []

  constructor(bytes = 1 << 16) {
    this.#bytes = new Uint8Array(bytes)
  }

  get rows(): number {
    return this.readings.length
  }

  clear(): void {
    this.#at = 0
    this.#starts.length = 1
    this.readings.length = 0
    this.indexes.length = 0
  }

  /** The bytes of rows [from, to), a view: good until the next change. */
  slice(from = 0, to = this.rows): Uint8Array {
    return this.#bytes.subarray(this.#starts[from], this.#starts[to])
  }

  /** A batch of its own with some rows of this one, bytes unchanged. */
  pick(rows: readonly number[]): LineBatch {
    const size = rows.reduce((sum, row) => sum + this.#starts[row + 1]! - this.#starts[row]!, 0)
    const picked = new LineBatch(size)
    for (const row of rows) {
      const bytes = this.slice(row, row + 1)
      picked.#bytes.set(bytes, picked.#at)
      picked.#close(picked.#at + bytes.length, this.readings[row]!, this.indexes[row]!)
    }
    return picked
  }

  /**
   * Adds one reading.
   *
   * @returns  null, or why it can never be written: a dead letter
   * @errors   INFLUX_NAME, INFLUX_FIELD, INFLUX_VALUE
   */
  add(reading: Reading, index: number, names: LineNames): GatewayError | null {
    const { measuredAt, receivedAt, quality, raws } = reading
    const series = names.series(reading.series)
    if (series.error) return series.error
    const shape = names.shape(reading.shape)
    if (shape.error) return shape.error
    if (!Number.isSafeInteger(measuredAt) || !Number.isSafeInteger(receivedAt) || !Number.isSafeInteger(quality) || quality < 0)
      return new Unwritable(`time ${measuredAt}, received ${receivedAt}, quality ${quality}`).error
    const ratio = series.hasRatio ? names.ratio(reading.ratio) : NONE
    if (ratio === null) return new Unwritable(`ratio ${JSON.stringify(reading.ratio)} is no number`).error

    const { head } = series
    let at = this.#at
    this.#reserve(at + head.length + ratio.length + OWN_ROOM + shape.room)
    let out = this.#bytes
    at = copy(out, at, head)
    at = copy(out, at, ratio)
    at = copy(out, at, QUALITY)
    at = putUnsigned(out, at, quality)
    at = copy(out, at, RECEIVED)
    at = putInteger(out, at, receivedAt)
    out[at++] = INTEGER
    let absent = 0
    const { keys, integer } = shape
    const { columns } = reading.shape
    for (let column = 0; column < keys.length; column++) {
      const raw = raws[column]
      if (raw === null || raw === undefined) {
        absent++
        continue
      }
      at = copy(out, at, keys[column]!)
      const scaler = columns[column]!.scaler ?? scalerAt(reading, column)
      if (typeof raw === 'number' && Number.isSafeInteger(raw) && scaler <= 0 && scaler >= -9 && (scaler === 0 || !integer[column])) {
        at = putDecimal(out, at, raw, scaler)
      } else {
        try {
          const text = integer[column] ? rareInteger(raw, scaler) : rareFloat(raw, scaler)
          this.#reserve(at + text.length + OWN_ROOM + shape.room, at)
          out = this.#bytes
          for (let place = 0; place < text.length; place++) out[at++] = text.charCodeAt(place)
        } catch (error) {
          if (error instanceof Unwritable) return error.error
          throw error
        }
      }
      if (integer[column]) out[at++] = INTEGER
    }
    at = copy(out, at, ABSENT)
    at = putUnsigned(out, at, absent)
    out[at++] = INTEGER
    out[at++] = BLANK
    at = putInteger(out, at, measuredAt)
    out[at++] = LINE
    this.#close(at, reading, index)
    return null
  }

  #close(at: number, reading: Reading, index: number): void {
    this.#at = at
    this.readings.push(reading)
    this.indexes.push(index)
    this.#starts.push(at)
  }

  /** Makes room up to `size`; keeps the first `written` bytes. */
  #reserve(size: number, written = this.#at): void {
    if (size <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(size, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, written))
    this.#bytes = larger
  }
}
