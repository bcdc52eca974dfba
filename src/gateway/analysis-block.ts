import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { MeterDay } from '../anomaly/index.ts'

/** What one day of a metering point is, without what the ledger says of it. */
export type PointDay = Omit<MeterDay, 'fact'>

/** One point in a block. */
export interface BlockPoint {
  readonly id: string
  /** It feeds the area. */
  readonly isGateway: boolean
  /** CT × PT; only makes the block smaller. */
  readonly multiplier: number
  readonly day: PointDay
}

/** A closed local day of an area as bytes (日数据块): who was in it, and the columns in three parts, so that neighbours need not be read whole. */
export interface PackedBlock {
  readonly slots: number
  readonly points: readonly { readonly id: string; readonly isGateway: boolean; readonly multiplier: number }[]
  /** Everything of the gateways. */
  readonly gateways: Uint8Array
  /** Energy and registers of the others. */
  readonly energy: Uint8Array
  /** Their instantaneous values. */
  readonly instants: Uint8Array
}

/** Decimals kept: registers as on the face, energy as the energy book has it, volt, ampere, kW, power factor. */
const FACE = 4
const ENERGY = 5
const INSTANT = [2, 2, 2, 3, 3, 3, 3, 4, 3] as const
/** Beyond it no integer is exact. */
const MOST = 2 ** 47
const LEVEL = 3

/**
 * Makes bytes of a day. Values are integers of a fixed decimal, each the difference to the one before; energy the difference to what the registers say,
 * which nearly always is nothing. A value that has more decimals is rounded; one that is too large is not known.
 */
export const packBlock = (slots: number, points: readonly BlockPoint[]): PackedBlock => {
  const part = (chosen: readonly BlockPoint[], kinds: readonly ('energy' | 'instants')[]): Uint8Array => {
    const to = new Bytes()
    for (const { multiplier, day } of chosen)
      for (const kind of kinds) (kind === 'energy' ? writeEnergy : writeInstants)(to, slots, day, multiplier)
    return deflateRawSync(to.done(), { level: LEVEL })
  }
  const [gateways, meters] = [points.filter(({ isGateway }) => isGateway), points.filter(({ isGateway }) => !isGateway)]
  return {
    slots,
    points: [...gateways, ...meters].map(({ id, isGateway, multiplier }) => ({ id, isGateway, multiplier })),
    gateways: part(gateways, ['energy', 'instants']),
    energy: part(meters, ['energy']),
    instants: part(meters, ['instants']),
  }
}

/** Where the columns of a day are put. */
export interface Slab {
  readonly wide: (slots: number) => Float64Array
  readonly narrow: (slots: number) => Float32Array
  readonly flags: (slots: number) => Uint8Array
}

const NEW: Slab = {
  wide: (slots) => new Float64Array(slots),
  narrow: (slots) => new Float32Array(slots),
  flags: (slots) => new Uint8Array(slots),
}

/** Values a piece of a reused slab has room for. */
const PIECE = 1 << 16

/** Memory for one day after the other: what was put there is good until `again`. Sixty days of an area are sixty thousand columns. */
export const reusedSlab = (): Slab & { readonly again: () => void } => {
  const stack = <T extends { subarray(from: number, to: number): T }>(make: (size: number) => T) => {
    const pieces: T[] = []
    let piece = 0
    let at = 0
    return {
      take: (slots: number): T => {
        if (slots > PIECE) return make(slots)
        if (at + slots > PIECE) {
          piece++
          at = 0
        }
        const of = pieces[piece] ?? make(PIECE)
        pieces[piece] = of
        at += slots
        return of.subarray(at - slots, at)
      },
      again: () => {
        piece = 0
        at = 0
      },
    }
  }
  const wide = stack<Float64Array>(NEW.wide)
  const narrow = stack<Float32Array>(NEW.narrow)
  const flags = stack<Uint8Array>(NEW.flags)
  return {
    ...{ wide: wide.take, narrow: narrow.take, flags: flags.take },
    again: () => {
      wide.again()
      narrow.again()
      flags.again()
    },
  }
}

/** Parts of a block that are taken out of it. */
export type BlockPart = 'gateways' | 'energy' | 'instants'

/**
 * Points of which nothing is taken out are left out; customers without their instantaneous values come without their registers too.
 *
 * @param slab   where the columns are put; new memory by default
 */
export const unpackBlock = (
  block: PackedBlock,
  parts: readonly BlockPart[] = ['gateways', 'energy', 'instants'],
  slab: Slab = NEW,
): ReadonlyMap<string, PointDay> => {
  const { slots, points } = block
  const days = new Map<string, PointDay>()
  const none = new Float64Array(slots).fill(Number.NaN)
  const cursor = (part: BlockPart) => (parts.includes(part) ? new Cursor(inflateRawSync(block[part])) : null)
  const [gateways, energy, instants] = [cursor('gateways'), cursor('energy'), cursor('instants')]
  for (const { id, isGateway, multiplier } of points) {
    const of = isGateway ? gateways : energy
    if (!of) continue
    const first = readEnergy(of, slots, multiplier, slab, none)
    const from = isGateway ? gateways : instants
    const { u, i, iN, p, pf } = from ? readInstants(from, slots, slab) : NO_INSTANTS
    const { imp, exp, known, rates } = first
    // Written out: spread into each other they take longer than all the rest.
    days.set(id, {
      imp,
      exp,
      known,
      faceImp: from ? first.faceImp : none,
      faceExp: from ? first.faceExp : none,
      u,
      i,
      iN,
      p,
      pf,
      rates,
    })
  }
  return days
}

const NO_INSTANTS = { u: [null, null, null], i: [null, null, null], iN: null, p: null, pf: null } as const

const writeEnergy = (to: Bytes, slots: number, day: PointDay, multiplier: number): void => {
  const imports = quantised(day.faceImp, FACE)
  const exports = quantised(day.faceExp, FACE)
  const columns = [imports, exports, quantised(day.imp, ENERGY), quantised(day.exp, ENERGY)]
  to.varint(columns.reduce((mask, column, at) => mask | (column ? 1 << at : 0), 0))
  to.varint(day.rates?.length ?? 0)
  for (const rate of day.rates ?? []) to.varint(Number.isFinite(rate) && rate >= 0 ? Math.round(rate * 10 ** FACE) + 1 : 0)
  if (imports) writeColumn(to, imports, null)
  if (exports) writeColumn(to, exports, null)
  if (columns[2]) writeColumn(to, columns[2], expected(imports, slots, multiplier))
  if (columns[3]) writeColumn(to, columns[3], expected(exports, slots, multiplier))
  for (let slot = 0; slot < slots; slot++) to.varint(day.known[slot] ?? 0)
}

const readEnergy = (
  from: Cursor,
  slots: number,
  multiplier: number,
  slab: Slab,
  none: Float64Array,
): Omit<PointDay, keyof typeof NO_INSTANTS> => {
  const mask = from.varint()
  const rates = Array.from({ length: from.varint() }, () => {
    const code = from.varint()
    return code === 0 ? Number.NaN : (code - 1) / 10 ** FACE
  })
  const column = (bit: number, hint: Float64Array | null): Float64Array | null => {
    if ((mask & bit) === 0) return null
    const values = slab.wide(slots)
    from.column(values, hint)
    return values
  }
  const imports = column(1, null)
  const exports = column(2, null)
  const imp = column(4, expected(imports, slots, multiplier))
  const exp = column(8, expected(exports, slots, multiplier))
  const known = slab.flags(slots)
  from.small(known)
  return {
    imp: inUnits(imp, ENERGY) ?? none,
    exp: inUnits(exp, ENERGY) ?? none,
    known,
    faceImp: inUnits(imports, FACE) ?? none,
    faceExp: inUnits(exports, FACE) ?? none,
    rates: rates.length > 0 ? rates : null,
  }
}

const writeInstants = (to: Bytes, _slots: number, { u, i, iN, p, pf }: PointDay): void => {
  const columns = [u[0], u[1], u[2], i[0], i[1], i[2], iN, p, pf].map((column, at) =>
    column ? (quantised(column, INSTANT[at] ?? 0) ?? null) : null,
  )
  to.varint(columns.reduce((mask, column, at) => mask | (column ? 1 << at : 0), 0))
  for (const column of columns) if (column) writeColumn(to, column, null)
}

const readInstants = (from: Cursor, slots: number, slab: Slab): Pick<PointDay, keyof typeof NO_INSTANTS> => {
  const whole = slab.wide(slots)
  const mask = from.varint()
  const [ua, ub, uc, ia, ib, ic, iN = null, p = null, pf = null] = INSTANT.map((decimals, at) => {
    if ((mask & (1 << at)) === 0) return null
    from.column(whole, null)
    const values = slab.narrow(slots)
    const unit = 10 ** decimals
    for (let slot = 0; slot < slots; slot++) values[slot] = whole[slot]! / unit
    return values
  })
  return { u: [ua ?? null, ub ?? null, uc ?? null], i: [ia ?? null, ib ?? null, ic ?? null], iN, p, pf }
}

/** Integers, NaN where nothing is known; null: nothing is known at all. */
const quantised = (values: Float64Array | Float32Array, decimals: number): Float64Array | null => {
  const unit = 10 ** decimals
  const whole = new Float64Array(values.length)
  let isKnown = false
  for (let slot = 0; slot < values.length; slot++) {
    const value = Math.round((values[slot] ?? Number.NaN) * unit)
    const isGood = value < MOST && value > -MOST
    whole[slot] = isGood ? value : Number.NaN
    isKnown ||= isGood
  }
  return isKnown ? whole : null
}

/** Energy as the registers have it; NaN where they do not say. */
const expected = (faces: Float64Array | null, slots: number, multiplier: number): Float64Array | null => {
  if (!faces || !(multiplier > 0)) return null
  const factor = multiplier * 10 ** (ENERGY - FACE)
  const energy = new Float64Array(slots).fill(Number.NaN)
  for (let slot = 1; slot < slots; slot++) energy[slot] = Math.round((faces[slot]! - faces[slot - 1]!) * factor)
  return energy
}

const writeColumn = (to: Bytes, values: Float64Array, guess: Float64Array | null): void => {
  let last = 0
  for (let slot = 0; slot < values.length; slot++) {
    const value = values[slot] ?? Number.NaN
    if (Number.isNaN(value)) {
      to.varint(0)
      continue
    }
    const hint = guess?.[slot] ?? Number.NaN
    const difference = Math.abs(hint) < MOST ? value - hint : guess ? value : value - last
    to.varint((difference < 0 ? -2 * difference - 1 : 2 * difference) + 1)
    last = value
  }
}

const inUnits = (column: Float64Array | null, decimals: number): Float64Array | null => {
  if (!column) return null
  const unit = 10 ** decimals
  // Division, not multiplication by the inverse: 1484781 / 100 is the number that 14847.81 is.
  for (let slot = 0; slot < column.length; slot++) column[slot] = column[slot]! / unit
  return column
}

/** Bytes that grow, written as variable-length integers. */
class Bytes {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1 << 16)
  #at = 0

  varint(value: number): void {
    if (this.#at + 10 > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2)
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.#at++] = rest
  }

  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }
}

class Cursor {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  varint(): number {
    let byte = this.#bytes[this.#at++]
    if (byte === undefined) throw new Error('a block of a day ends inside a number')
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    let factor = 128
    do {
      byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new Error('a block of a day ends inside a number')
      value += (byte & 0x7f) * factor
      factor *= 128
    } while (byte >= 0x80)
    return value
  }

  /** Numbers of a byte or so. */
  small(values: Uint8Array): void {
    const bytes = this.#bytes
    let at = this.#at
    for (let slot = 0; slot < values.length; slot++) {
      const byte = at < bytes.length ? bytes[at]! : 0x80
      if (byte < 0x80) {
        values[slot] = byte
        at++
        continue
      }
      this.#at = at
      values[slot] = this.varint()
      at = this.#at
    }
    this.#at = at
  }

  /** What {@link writeColumn} wrote: integers, NaN where nothing is known. */
  column(values: Float64Array, guess: Float64Array | null): void {
    const bytes = this.#bytes
    let at = this.#at
    let last = 0
    for (let slot = 0; slot < values.length; slot++) {
      // Nearly all differences are one byte or two; whatever is longer, or ends too early, goes the long way.
      let code = at < bytes.length ? bytes[at]! : 0x80
      if (code < 0x80) at++
      else {
        const next = at + 1 < bytes.length ? bytes[at + 1]! : 0x80
        if (next < 0x80) {
          code = (code & 0x7f) + next * 128
          at += 2
        } else {
          this.#at = at
          code = this.varint()
          at = this.#at
        }
      }
      if (code === 0) {
        values[slot] = Number.NaN
        continue
      }
      const difference = code < SMALL ? ((code & 1) === 1 ? (code - 1) >> 1 : -(code >> 1)) : code % 2 === 1 ? (code - 1) / 2 : -code / 2
      const hint = guess ? guess[slot]! : Number.NaN
      last = Math.abs(hint) < MOST ? difference + hint : guess ? difference : difference + last
      values[slot] = last
    }
    this.#at = at
  }
}

/** Below it integers are worked with as such. */
const SMALL = 2 ** 30
