import { QUALITY, type Shape } from '../../core/reading.ts'
import { RowDamaged, readVarint, unzigzag } from '../../core/row.ts'
import { ByteWriter } from './bytes.ts'

/** The registers kept per day: active import and active export. */
export const DAY_FIELDS: readonly string[] = ['1.8.0', '2.8.0']
const FIELDS = DAY_FIELDS.length
const NONE = -1

/** Readings that are kept but not booked: implausible ones, made-up ones, and those whose time is doubtful. */
const NOT_BOOKED = QUALITY.quarantined | QUALITY.estimated | QUALITY.clockDoubtful

/** First and last registers of meters, whatever their series: one place per meter and field. */
export class DayEnds {
  readonly firstAt: Float64Array
  readonly lastAt: Float64Array
  readonly firstRaw: Float64Array
  readonly lastRaw: Float64Array
  readonly firstScaler: Int8Array
  readonly lastScaler: Int8Array
  readonly firstRatio: Int32Array
  readonly lastRatio: Int32Array

  constructor(meters: number) {
    const size = meters * FIELDS
    this.firstAt = new Float64Array(size).fill(Number.POSITIVE_INFINITY)
    this.lastAt = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
    this.firstRaw = new Float64Array(size)
    this.lastRaw = new Float64Array(size)
    this.firstScaler = new Int8Array(size)
    this.lastScaler = new Int8Array(size)
    this.firstRatio = new Int32Array(size)
    this.lastRatio = new Int32Array(size)
  }
}

/**
 * First and last register of every series on one local day, first instants of both this day and the next included: a register at
 * midnight closes one day and opens the other. Kept in plain arrays, one place per series and field.
 */
export class DayRegisters {
  readonly start: number
  #size = 0
  #firstAt = new Int32Array(0)
  #lastAt = new Int32Array(0)
  #firstRaw = new Float64Array(0)
  #lastRaw = new Float64Array(0)
  #firstScaler = new Int8Array(0)
  #lastScaler = new Int8Array(0)
  #firstRatio = new Int32Array(0)
  #lastRatio = new Int32Array(0)

  constructor(start: number) {
    this.start = start
  }

  /** Places for so many series are taken up in memory. */
  get capacity(): number {
    return this.#size / FIELDS
  }

  /**
   * Takes a register into account.
   *
   * @param place  of the series
   * @param older  the register is an older copy: where one of the same instant is known, that one stays
   */
  put(place: number, field: number, at: number, raw: number, scaler: number, ratio: number, older = false): void {
    const index = place * FIELDS + field
    if (index >= this.#size) this.#grow(index)
    const since = at - this.start
    const first = this.#firstAt[index]!
    if (first === NONE || since < first || (since === first && !older)) {
      this.#firstAt[index] = since
      this.#firstRaw[index] = raw
      this.#firstScaler[index] = scaler
      this.#firstRatio[index] = ratio
    }
    const last = this.#lastAt[index]!
    if (last === NONE || since > last || (since === last && !older)) {
      this.#lastAt[index] = since
      this.#lastRaw[index] = raw
      this.#lastScaler[index] = scaler
      this.#lastRatio[index] = ratio
    }
  }

  /** Does the register at this instant stand for the beginning or end of the day? Then taking it away needs the rows again. */
  restsOn(place: number, field: number, at: number): boolean {
    const index = place * FIELDS + field
    const since = at - this.start
    return index < this.#size && (this.#firstAt[index] === since || this.#lastAt[index] === since)
  }

  /**
   * Widens the meters' days by these series' registers.
   *
   * @param meters   number of the meter at each place
   * @param ratioOf  number of the ratio that a word stands for
   */
  mergeInto(ends: DayEnds, meters: readonly number[], ratioOf: (word: number) => number): void {
    const size = Math.min(this.#size, meters.length * FIELDS)
    for (let index = 0; index < size; index++) {
      if (this.#firstAt[index] === NONE) continue
      const into = meters[Math.floor(index / FIELDS)]! * FIELDS + (index % FIELDS)
      const first = this.start + this.#firstAt[index]!
      const last = this.start + this.#lastAt[index]!
      if (first < ends.firstAt[into]!) {
        ends.firstAt[into] = first
        ends.firstRaw[into] = this.#firstRaw[index]!
        ends.firstScaler[into] = this.#firstScaler[index]!
        ends.firstRatio[into] = ratioOf(this.#firstRatio[index]!)
      }
      if (last > ends.lastAt[into]!) {
        ends.lastAt[into] = last
        ends.lastRaw[into] = this.#lastRaw[index]!
        ends.lastScaler[into] = this.#lastScaler[index]!
        ends.lastRatio[into] = ratioOf(this.#lastRatio[index]!)
      }
    }
  }

  /** As one blob: number of entries, then (series step, field, first, last - first)… */
  encode(seriesOfPlace: readonly number[]): Uint8Array {
    const writer = new ByteWriter(this.#size * 16 + 16)
    const taken: number[] = []
    for (let index = 0; index < this.#size; index++) if (this.#firstAt[index] !== NONE) taken.push(index)
    writer.varint(taken.length)
    for (const index of taken) {
      writer.varint(seriesOfPlace[Math.floor(index / FIELDS)]!)
      writer.varint(index % FIELDS)
      writer.varint(this.#firstAt[index]!)
      writer.signed(this.#firstRaw[index]!)
      writer.signed(this.#firstScaler[index]!)
      writer.varint(this.#firstRatio[index]!)
      writer.varint(this.#lastAt[index]! - this.#firstAt[index]!)
      writer.signed(this.#lastRaw[index]! - this.#firstRaw[index]!)
      writer.signed(this.#lastScaler[index]!)
      writer.varint(this.#lastRatio[index]!)
    }
    return writer.view().slice()
  }

  /** @throws RowDamaged  when the blob is none of {@link encode} */
  static decode(blob: Uint8Array, start: number, placeOf: (series: number) => number): DayRegisters {
    const days = new DayRegisters(start)
    const cursor = { at: 0 }
    const next = () => readVarint(blob, cursor)
    for (let left = next(); left > 0; left--) {
      const place = placeOf(next())
      const field = next()
      if (field >= FIELDS) throw new RowDamaged(`day register of field ${field}`)
      const at = start + next()
      const raw = unzigzag(next())
      days.put(place, field, at, raw, unzigzag(next()), next())
      const lastAt = at + next()
      days.put(place, field, lastAt, raw + unzigzag(next()), unzigzag(next()), next())
    }
    return days
  }

  #grow(index: number): void {
    const size = Math.max(64, this.#size * 2, index + FIELDS)
    const old = this.#size
    const grown = <T extends { set(from: T): void }>(larger: T, from: T): T => {
      larger.set(from)
      return larger
    }
    this.#firstAt = grown(new Int32Array(size), this.#firstAt).fill(NONE, old)
    this.#lastAt = grown(new Int32Array(size), this.#lastAt).fill(NONE, old)
    this.#firstRaw = grown(new Float64Array(size), this.#firstRaw)
    this.#lastRaw = grown(new Float64Array(size), this.#lastRaw)
    this.#firstScaler = grown(new Int8Array(size), this.#firstScaler)
    this.#lastScaler = grown(new Int8Array(size), this.#lastScaler)
    this.#firstRatio = grown(new Int32Array(size), this.#firstRatio)
    this.#lastRatio = grown(new Int32Array(size), this.#lastRatio)
    this.#size = size
  }
}

/** Where the registers of a shape stand: for each column up to the last one wanted, its field and whether an exponent follows. */
export interface RegisterPlan {
  /** index into {@link DAY_FIELDS}, or -1 */
  readonly fields: readonly number[]
  /** exponent of the column; null when it follows the value */
  readonly scalers: readonly (number | null)[]
}

/** null for shapes without such a register. */
export const registerPlan = ({ columns }: Shape): RegisterPlan | null => {
  const fields = columns.map(({ field, unit }) => (unit === 'kWh' ? DAY_FIELDS.indexOf(field) : -1))
  const end = fields.findLastIndex((field) => field >= 0) + 1
  return end === 0 ? null : { fields: fields.slice(0, end), scalers: columns.slice(0, end).map(({ scaler }) => scaler) }
}

/** Registers of one row, overwritten by the next {@link readRegisters}. */
export interface RowRegisters {
  ratio: number
  /** Whether a field's register may be booked; raw and scaler mean nothing where it may not. */
  readonly booked: boolean[]
  readonly raw: number[]
  readonly scaler: number[]
}

export const rowRegisters = (): RowRegisters => ({ ratio: 0, booked: [false, false], raw: [0, 0], scaler: [0, 0] })

/**
 * Picks the day registers out of a packed body, without making a reading of it.
 *
 * @param cursor  at the body's first byte; left anywhere within it
 * @returns       false when the row's shape has no such register
 */
export const readRegisters = (
  bytes: Uint8Array,
  cursor: { at: number },
  planOf: (shape: number) => RegisterPlan | null,
  into: RowRegisters,
): boolean => {
  const plan = planOf(readVarint(bytes, cursor))
  if (!plan) return false
  into.ratio = readVarint(bytes, cursor)
  const good = (readVarint(bytes, cursor) & NOT_BOOKED) === 0
  readVarint(bytes, cursor)
  into.booked[0] = false
  into.booked[1] = false
  const { fields, scalers } = plan
  for (let column = 0; column < fields.length; column++) {
    const code = readVarint(bytes, cursor)
    // A register beyond 2^51 is no register of any meter: kept as read, not booked.
    if (code === 1) {
      const length = readVarint(bytes, cursor)
      cursor.at += length
    }
    let scaler = scalers[column]!
    if (scaler === null) scaler = code === 0 ? 0 : unzigzag(readVarint(bytes, cursor))
    const field = fields[column]!
    if (field < 0 || code < 2 || !good) continue
    into.booked[field] = true
    into.raw[field] = unzigzag(code - 2)
    into.scaler[field] = scaler
  }
  return true
}

/** May a whole reading's registers be booked? For those that come out of a packed day. */
export const isBooked = (quality: number): boolean => (quality & NOT_BOOKED) === 0
