import { decimalText, hexOf } from '../../src/core/index.ts'
import type { Instrument } from '../instrument.ts'
import type { TruthValue } from '../truth.ts'
import { faceText, floatOf, measure, type Quantity, quantityOf, rawOf } from '../values.ts'
import type { MapProfile, MapRegister } from './profile.ts'

/** What a read of registers gives: words and what they say, or an exception code. */
export type WordsAnswer = { readonly words: readonly number[]; readonly values: readonly TruthValue[] } | { readonly exception: number }

/** A Modbus meter without a socket: reads words at an instant. */
export interface ModbusMeter {
  /** Ledger id. */
  readonly id: string
  read(fn: number, address: number, count: number, at: number): WordsAnswer
  /** Values on the face at an instant, for a checker: every place the code stands in the map. */
  face(obis: string, at: number): { readonly text: string; readonly unit: string } | null
}

export interface ModbusMeterOptions {
  /** Refuse every undefined register, even holes the profile says a read may span. */
  readonly strictHoles?: boolean
  readonly unit?: number
}

interface Cell {
  readonly register: MapRegister
  readonly quantity: Quantity | null
  readonly scaler: number
  readonly ratio: number
  /** For what is not measured: addresses, ratios, exponents. */
  readonly constant: number | null
}

/** Exponents a SunSpec meter uses, by the unit of the values that name the register. */
const EXPONENTS: Readonly<Record<string, number>> = { A: -2, V: -1, Hz: -2, '%': -1, '': -3 }

/**
 * A meter that has the registers of a profile and nothing else: exception 2 for a hole, 3 beyond the longest read.
 *
 * A read may span undefined registers only where the profile's `mergeGap` says the real meter allows it; they hold 0.
 */
export const modbusMeter = (profile: MapProfile, instrument: Instrument, options: ModbusMeterOptions = {}): ModbusMeter => {
  const limit = profile.maxRegistersPerRequest ?? 125
  const gap = options.strictHoles ? 0 : (profile.mergeGap ?? 0)
  const maps = new Map<number, Map<number, Cell>>()
  const exponents = new Map<number, number>()
  for (const { scaleFactor, unit } of profile.registers) if (scaleFactor !== undefined) exponents.set(scaleFactor, EXPONENTS[unit] ?? 0)
  const mapOf = (fn: number): Map<number, Cell> => {
    let map = maps.get(fn)
    if (!map) {
      map = new Map()
      maps.set(fn, map)
    }
    return map
  }
  const cells = profile.registers.map((register) => cellOf(profile, register, instrument, exponents, options.unit ?? 1))
  for (const cell of cells) place(mapOf(cell.register.function), cell)
  // A meter that answers both functions answers them alike.
  for (const fn of profile.functions ?? []) for (const cell of cells) if (cell.register.function !== fn) place(mapOf(fn), cell)

  return {
    id: instrument.id,
    read(fn, address, count, at) {
      const map = maps.get(fn)
      if (!map) return { exception: 1 }
      if (count > limit || count < 1) return { exception: 3 }
      const words: number[] = []
      const values: TruthValue[] = []
      let hole = 0
      for (let next = address; next < address + count; ) {
        const cell = map.get(next)
        if (!cell) {
          hole++
          if (hole > gap || next === address || next === address + count - 1) return { exception: 2 }
          words.push(0)
          next++
          continue
        }
        hole = 0
        const { register } = cell
        const { words: own, text } = encode(cell, instrument, at)
        const from = next - register.address
        const until = Math.min(register.length, address + count - register.address)
        for (let word = from; word < until; word++) words.push(own[word]!)
        if (from === 0 && until === register.length && register.obis !== null)
          values.push({ obis: register.obis, unit: register.unit, text, sent: hexOfWords(own), at: null, kind: 'live' })
        next = register.address + until
      }
      return { words, values }
    },
    face(obis, at) {
      const cell = cells.find(({ register }) => register.obis === obis)
      const text = cell && encode(cell, instrument, at).text
      return cell && text !== null && text !== undefined ? { text, unit: cell.register.unit } : null
    },
  }
}

/** A meter whose every word is its own address: an off-by-one names itself. Functions 3 and 4, addresses 0 to 65535. */
export const addressMeter = (id = 'ADDRESS'): ModbusMeter => ({
  id,
  read: (fn, address, count) => {
    if (fn !== 3 && fn !== 4) return { exception: 1 }
    if (count < 1 || count > 125) return { exception: 3 }
    if (address + count > 0x10000) return { exception: 2 }
    return { words: Array.from({ length: count }, (_, at) => address + at), values: [] }
  },
  face: () => null,
})

/** A cell never gives way to one put there before. */
const place = (map: Map<number, Cell>, cell: Cell): void => {
  const { address, length } = cell.register
  for (let word = address; word < address + length; word++) if (map.has(word)) return
  for (let word = address; word < address + length; word++) map.set(word, cell)
}

const cellOf = (
  profile: MapProfile,
  register: MapRegister,
  meter: Instrument,
  exponents: ReadonlyMap<number, number>,
  unit: number,
): Cell => {
  const scaler =
    register.scaleFactor !== undefined ? (exponents.get(register.scaleFactor) ?? 0) : Math.round(Math.log10(register.scale ?? 1))
  const secondary = register.ratio ?? 'none'
  const ratio = (secondary === 'ct' || secondary === 'ctpt' ? meter.ct : 1) * (secondary === 'pt' || secondary === 'ctpt' ? meter.pt : 1)
  const measured = register.obis !== null && ['instantaneous', 'cumulative', 'demand'].includes(register.kind)
  const quantity = register.obis !== null && measured ? quantityOf(register.obis) : unnamed(register)
  return { register, quantity, scaler, ratio, constant: quantity ? null : constantOf(profile, register, meter, exponents, unit) }
}

/** Line-to-line voltages, averages and sums have no plain code; they are made up from what has. */
const unnamed = ({ unit, kind, description }: MapRegister): Quantity | null => {
  if (kind !== 'instantaneous' && kind !== 'cumulative') return null
  if (unit === 'A') return quantityOf('1-0:31.7.0')
  if (unit === 'V') return quantityOf('1-0:32.7.0')
  if (unit === 'kvarh' || unit === 'varh') return quantityOf(/export/i.test(description) ? '1-0:4.8.0' : '1-0:3.8.0')
  return unit === 'VAh' || unit === 'kVAh' ? quantityOf(/export/i.test(description) ? '1-0:10.8.0' : '1-0:9.8.0') : null
}

const constantOf = (
  profile: MapProfile,
  { kind, description, address, scale }: MapRegister,
  meter: Instrument,
  exponents: ReadonlyMap<number, number>,
  unit: number,
): number => {
  if (kind === 'scaleFactor') return exponents.get(address) ?? 0
  if (/model id/i.test(description)) return profile.modelId ?? 0
  if (/model length/i.test(description)) return profile.modelLength ?? 0
  if (/current transformer|ct ratio/i.test(description)) return Math.round(meter.ct / (scale ?? 1))
  if (/voltage transformer|pt ratio/i.test(description)) return Math.round(meter.pt / (scale ?? 1))
  if (/bus address \(high/i.test(description)) return unit * 256 + 3
  if (/bus address/i.test(description)) return unit
  return kind === 'identity' ? meter.seed % 0x10000 : 0
}

const encode = (cell: Cell, meter: Instrument, at: number): { readonly words: readonly number[]; readonly text: string | null } => {
  const { register, quantity, scaler, ratio } = cell
  const order = (register.wordOrder ?? 'big') === 'little'
  if (register.type === 'string') return { words: stringWords(`SIM ${register.description}`, register.length), text: null }
  const measured = quantity && measure(meter, quantity, at)
  if (register.type === 'f32' || register.type === 'f64') {
    // What a meter is not wired for reads zero.
    const { number, face } = floatOf(measured ?? { value: 0, energy: false }, register.unit, scaler, ratio, register.type === 'f64')
    const bytes = Buffer.alloc(register.length * 2)
    if (register.type === 'f32') bytes.writeFloatBE(number)
    else bytes.writeDoubleBE(number)
    return { words: wordsOf(bytes, order), text: faceText(face) }
  }
  const signed = register.type.startsWith('i')
  const bits = register.length * 16
  const raw = cell.constant ?? (measured ? rawOf(measured, register.unit, scaler, ratio) : 0)
  const shown = measured?.energy ? wrap(raw, bits, signed) : clamp(raw, bits, signed)
  const bytes = Buffer.alloc(register.length * 2)
  let rest = shown < 0 ? shown + 2 ** bits : shown
  for (let byte = bytes.length - 1; byte >= 0; byte--) {
    bytes[byte] = rest % 256
    rest = Math.floor(rest / 256)
  }
  if (shown < 0 && bits === 64) bytes.writeBigInt64BE(BigInt(shown))
  return { words: wordsOf(bytes, order), text: decimalText(shown, scaler) }
}

const wrap = (raw: number, bits: number, signed: boolean): number => {
  const size = 2 ** (signed ? bits - 1 : bits)
  return raw >= 0 ? raw % size : raw
}

const clamp = (raw: number, bits: number, signed: boolean): number => {
  const most = Math.min(Number.MAX_SAFE_INTEGER, 2 ** (signed ? bits - 1 : bits) - 1)
  return Math.max(signed ? -most - 1 : 0, Math.min(most, raw))
}

const wordsOf = (bytes: Buffer, little: boolean): number[] => {
  const words: number[] = []
  for (let at = 0; at < bytes.length; at += 2) words.push(bytes.readUInt16BE(at))
  return little ? words.reverse() : words
}

const stringWords = (text: string, length: number): number[] =>
  wordsOf(Buffer.from(text.slice(0, length * 2).padEnd(length * 2, '\0'), 'latin1'), false)

const hexOfWords = (words: readonly number[]): string => hexOf(Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff])), '')
