import { type Decimal, decimalNumber, decimalText, type ScanFigure, type ScanStrategy } from '../../src/core/index.ts'
import { BYTE_ORDERS, decodeNumber, TYPE_LENGTH } from './data.ts'
import { absentRaws, exponentOf, type ModbusProfile, type ModbusRegister, orderOf } from './profile.ts'
import type { ReadFunction } from './scan.ts'
import { forget, obtain, type RegisterMemory, wordsOf } from './scan-memory.ts'

/** What a profile is recognised by: frequency, voltages, currents, powers, power factors, energy. */
const TELLING = /^1-0:(?:14|32|52|72|31|51|71|16|1|2|36|56|76|13|33|53|73)\.7\.0$|^1-0:[12]\.8\.0$/

/** How a unit answers what a profile expects. */
export interface ModbusFit {
  readonly figures: readonly ScanFigure[]
  /** Registers of the profile that came, and those that the unit refused or kept silent about. */
  readonly answered: number
  readonly refused: number
  /** The same value of the frequency (or voltage) in every byte order, to show which one makes sense. */
  readonly orders: readonly { readonly order: string; readonly text: string; readonly isProfile: boolean }[]
  /** Where SunSpec's map begins, when the profile is one. */
  readonly base: number | null
}

const bytesOfWords = (words: readonly number[]): Uint8Array => Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]))

const isTelling = ({ obis, type, alternative }: ModbusRegister): boolean =>
  obis !== null && TELLING.test(obis) && type !== 'string' && type !== 'bit' && alternative === undefined

const isFirst = (register: ModbusRegister, at: number, all: readonly ModbusRegister[]): boolean =>
  all.findIndex(({ obis }) => obis === register.obis) === at

/** Value of one register line out of the memory. */
const figureOf = (memory: RegisterMemory, profile: ModbusProfile, register: ModbusRegister, base: number): ScanFigure | null => {
  const { type } = register
  const words = wordsOf(memory, register.function, base + register.address, register.length)
  if (!words || type === 'string' || type === 'bit' || register.obis === null) return null
  const raw = decodeNumber(type, orderOf(register), bytesOfWords(words), 0)
  const place = `${register.function}:${base + register.address} ${type}`
  const none = { obis: register.obis, unit: register.unit, place, value: null, text: '', resolution: 0 }
  if (typeof raw === 'string' || absentRaws(profile, register).includes(raw.raw)) return none
  let exponent = exponentOf(register)
  if (register.scaleFactor !== undefined) {
    const factor = wordsOf(memory, register.function, base + register.scaleFactor, 1)?.[0]
    const signed = factor === undefined ? Number.NaN : (factor << 16) >> 16
    if (!(signed >= -10 && signed <= 10)) return none
    exponent += signed
  }
  const decimal: Decimal = { raw: raw.raw, scaler: raw.scaler + exponent }
  const number = decimalNumber(decimal.raw, decimal.scaler)
  const isFloat = type === 'f32' || type === 'f64'
  // A float has no fixed step: the last bit it has at this size, but meters count in hundredths at best.
  const step = isFloat ? Math.max(Math.abs(number) * 2 ** (type === 'f32' ? -23 : -52), 10 ** (exponent - 2)) : 10 ** exponent
  return { ...none, value: decimal, text: decimalText(decimal.raw, decimal.scaler), resolution: step }
}

const orderTexts = (memory: RegisterMemory, register: ModbusRegister, base: number): ModbusFit['orders'] => {
  const words = wordsOf(memory, register.function, base + register.address, register.length)
  const { type } = register
  if (!words || type === 'string' || type === 'bit') return []
  const orders = TYPE_LENGTH[type] === 1 ? (['ABCD', 'BADC'] as const) : BYTE_ORDERS
  return orders.map((order) => {
    const value = decodeNumber(type, order, bytesOfWords(words), 0)
    const text =
      typeof value === 'string' ? value : Number(decimalNumber(value.raw, value.scaler + exponentOf(register)).toPrecision(6)).toString()
    return { order, text, isProfile: order === orderOf(register) }
  })
}

/** Reads register lines, neighbours together as far as the profile allows; what a joint read is refused for is asked one by one. */
function* obtainLines(memory: RegisterMemory, profile: ModbusProfile, lines: readonly ModbusRegister[], base: number): ScanStrategy<void> {
  const places = lines.flatMap((line) => [
    { fn: line.function, from: line.address, to: line.address + line.length },
    ...(line.scaleFactor === undefined ? [] : [{ fn: line.function, from: line.scaleFactor, to: line.scaleFactor + 1 }]),
  ])
  places.sort((a, b) => a.fn - b.fn || a.from - b.from)
  const blocks: { fn: ReadFunction; from: number; to: number; parts: typeof places }[] = []
  for (const place of places) {
    if (wordsOf(memory, place.fn, base + place.from, place.to - place.from)) continue
    const last = blocks.at(-1)
    const to = Math.max(last?.to ?? 0, place.to)
    if (last && last.fn === place.fn && place.from - last.to <= profile.mergeGap && to - last.from <= profile.maxRegistersPerRequest) {
      last.to = to
      last.parts.push(place)
    } else blocks.push({ ...place, parts: [place] })
  }
  for (const { fn, from, to, parts } of blocks) {
    if (yield* obtain(memory, fn, base + from, to - from)) continue
    if (parts.length > 1) for (const part of parts) yield* obtain(memory, fn, base + part.from, part.to - part.from)
  }
}

/** Where the SunSpec map of this profile begins; null when there is none. @source SunSpec Information Model Specification, device discovery */
function* sunspecBase(memory: RegisterMemory, profile: ModbusProfile): ScanStrategy<number | null> {
  const wanted = new Set([profile.modelId, ...(profile.sameLayout ?? [])])
  for (const start of [40_000, 50_000, 0]) {
    const mark = yield* obtain(memory, 3, start, 2)
    if (mark?.[0] !== 0x5375 || mark[1] !== 0x6e53) continue
    let at = start + 2
    for (let models = 0; models < 50 && at < 0xffff; models++) {
      const head = yield* obtain(memory, 3, at, 2)
      const [id = 0xffff, length = 0] = head ?? []
      if (wanted.has(id)) return at
      if (id === 0xffff) break
      at += 2 + length
    }
  }
  return null
}

/**
 * Tries one profile on one unit: first the one value that tells most, then, where that came, all that it is recognised by.
 *
 * @returns null when the unit does not have the profile's first telling register
 */
export function* fitModbus(memory: RegisterMemory, profile: ModbusProfile): ScanStrategy<ModbusFit | null> {
  const telling = profile.registers.filter(isTelling).filter(isFirst)
  const isSunspec = profile.modelId !== undefined
  const base = isSunspec ? yield* sunspecBase(memory, profile) : 0
  const first = telling.find(({ obis }) => obis === '1-0:14.7.0') ?? telling.find(({ obis }) => obis === '1-0:32.7.0') ?? telling[0]
  if (base === null || !first) return null
  if (!(yield* obtain(memory, first.function, base + first.address, first.length))) return null
  yield* obtainLines(memory, profile, telling, base)
  const figures = telling.flatMap((register) => figureOf(memory, profile, register, base) ?? [])
  return {
    figures,
    answered: figures.length,
    refused: telling.length - figures.length,
    orders: orderTexts(memory, first, base),
    base: isSunspec ? base : null,
  }
}

/** Registers of a profile beyond the telling ones: a larger map that answers throughout beats a smaller one inside it. */
export function* coverage(memory: RegisterMemory, profile: ModbusProfile, base: number): ScanStrategy<{ answered: number; asked: number }> {
  const lines = profile.registers.filter(({ kind }) => kind === 'instantaneous' || kind === 'cumulative')
  yield* obtainLines(memory, profile, lines, base)
  const answered = lines.filter((line) => wordsOf(memory, line.function, base + line.address, line.length)).length
  return { answered, asked: lines.length }
}

/** The energy and power registers of a profile once more, for growth. */
export function* rereadModbus(memory: RegisterMemory, profile: ModbusProfile, base: number): ScanStrategy<readonly ScanFigure[]> {
  const lines = profile.registers
    .filter(isTelling)
    .filter(isFirst)
    .filter(({ obis }) => obis !== null && /^1-0:(?:1\.8\.0|2\.8\.0|16\.7\.0|1\.7\.0)$/.test(obis))
  for (const line of lines) forget(memory, line.function, base + line.address, line.length)
  memory.refused.clear()
  yield* obtainLines(memory, profile, lines, base)
  return lines.flatMap((line) => figureOf(memory, profile, line, base) ?? [])
}
