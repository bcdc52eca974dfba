import { decimalText } from '../../src/core/index.ts'
import { DAY_MS, instantOf, localText, SLOT_MS, startOfDay, startOfMonth } from '../calendar.ts'
import type { Channel, Instrument } from '../instrument.ts'
import type { TruthValue } from '../truth.ts'
import { measure, type Quantity, quantityOf, rawOf } from '../values.ts'
import { hex, numberOfPair, type Pen, stampInto } from './pen.ts'

/** One value a concentrator passed on. */
export interface Said {
  readonly meter: string
  readonly value: TruthValue
}

/** What an item is written with. */
export interface Writing {
  readonly pen: Pen
  /** null = nobody keeps a truth log. */
  readonly said: Said[] | null
  readonly instrument: Instrument
  /** World instant of the values. */
  readonly at: number
  /** World instant where an amount or a demand begins to count. */
  readonly from: number
  /** Own time of the values, for the truth log. */
  readonly own: number
  /** When the terminal read them, its own time: A.15 in front of registers. */
  readonly read: number
  readonly kind: TruthValue['kind']
  /** Nothing was collected: EE. */
  readonly empty: boolean
}

/** A data format (数据格式) of the protocol: bytes, decimals, sign in the top bit. */
interface Form {
  readonly bytes: number
  readonly decimals: number
  readonly signed: boolean
}
const form = (bytes: number, decimals: number, signed = false): Form => ({ bytes, decimals, signed })
const A5 = form(2, 1, true)
const A7 = form(2, 1)
const A9 = form(3, 4, true)
const A11 = form(4, 2)
const A13 = form(4, 4)
const A14 = form(5, 4)
const A23 = form(3, 4)
const A25 = form(3, 3, true)

interface Column {
  readonly obis: string
  readonly unit: string
  readonly form: Form
  readonly quantity: Quantity
}
const column = (code: string, unit: string, shape: Form): Column => {
  const obis = `1-0:${code}`
  return { obis, unit, form: shape, quantity: quantityOf(obis)! }
}

/** Registers of a 645 meter have two decimals, however many the format has. */
const FACE_DECIMALS = 2
const TARIFFS = 4
const EMPTY = 0xee

const RATIO_FREE: ReadonlySet<number> = new Set([13, 14, 81])

/** Writes one value, or EE where the meter has none. */
const put = (to: Writing, { obis, unit, form: { bytes, decimals, signed }, quantity }: Column): void => {
  const { pen, instrument, at } = to
  const measured = to.empty ? null : measure(instrument, quantity, at)
  if (!measured) {
    pen.fill(bytes, EMPTY)
    return
  }
  const { channel, element } = quantity
  const { ct, pt } = instrument
  const ratio = channel === 12 ? pt : channel === 11 || channel === 91 ? ct : RATIO_FREE.has(channel) ? 1 : ct * pt
  const size = (signed ? 8 : 10) * 10 ** (bytes * 2 - 1)
  let raw: number
  if (measured.energy) {
    const shown = rawOf(measured, unit, -FACE_DECIMALS, ratio) * 10 ** (decimals - FACE_DECIMALS)
    raw = shown % size
  } else {
    raw = Math.max(-size + 1, Math.min(size - 1, rawOf(measured, unit, -decimals, ratio)))
    if (channel === 11 && element > 0 && instrument.watts(element, at) < 0) raw = -raw
    if (!signed) raw = Math.abs(raw)
  }
  say(to, obis, unit, raw, bytes, decimals, signed)
}

const say = (to: Writing, obis: string | null, unit: string, raw: number, bytes: number, decimals: number, signed: boolean): void => {
  const place = to.pen.length
  to.pen.bcd(raw, bytes, signed)
  to.said?.push({
    meter: to.instrument.id,
    value: { obis, unit, text: decimalText(raw, -decimals), sent: hex(to.pen.since(place)), at: localText(to.own), kind: to.kind },
  })
}

type Part = (to: Writing) => void

/** When the terminal read the meter (A.15). */
const readTime: Part = (to) => {
  if (to.empty) to.pen.fill(5, EMPTY)
  else stampInto(to.pen, to.read, 'mhDMY')
}
const tariffs: Part = ({ pen }) => {
  pen.byte(TARIFFS)
}
const energyUnit = (channel: number): string => (channel <= 2 ? 'kWh' : 'kvarh')

/** Total and tariffs of one register. */
const registers = (channel: Channel, shape: Form): Part => {
  const columns = Array.from({ length: TARIFFS + 1 }, (_, tariff) => column(`${channel}.8.${tariff}`, energyUnit(channel), shape))
  return (to) => {
    for (const one of columns) put(to, one)
  }
}

/** What was counted between two instants: the difference of the two faces. */
const amounts =
  (channel: Channel, count: number): Part =>
  (to) => {
    const { instrument, at, from } = to
    const step = 36_000 * instrument.ct * instrument.pt
    for (let tariff = 0; tariff < count; tariff++) {
      if (to.empty) to.pen.fill(A13.bytes, EMPTY)
      else {
        const face = (when: number): number => Math.floor(instrument.energy(channel, 0, tariff, when) / step)
        say(to, null, energyUnit(channel), (face(at) - face(from)) * 100, A13.bytes, A13.decimals, false)
      }
    }
  }

const POWER_UNIT = (channel: number): string => (channel <= 2 ? 'kW' : 'kvar')

/** Largest demand of the period; the tariffs have none in this world. */
const demands =
  (channel: Channel): Part =>
  (to) => {
    const { instrument, from, at, pen } = to
    const best = to.empty ? null : instrument.demand(channel, from, at)
    if (best) {
      const raw = rawOf({ value: best.watts, energy: false }, POWER_UNIT(channel), -A23.decimals, instrument.ct * instrument.pt)
      say(to, `1-0:${channel}.6.0`, POWER_UNIT(channel), raw, A23.bytes, A23.decimals, false)
    } else pen.fill(A23.bytes, EMPTY)
    pen.fill(A23.bytes * TARIFFS, EMPTY)
  }
/** When they were (A.17). */
const demandTimes =
  (channel: Channel): Part =>
  (to) => {
    const { instrument, from, at, pen } = to
    const best = to.empty ? null : instrument.demand(channel, from, at)
    if (best) stampInto(pen, best.at, 'mhDM')
    else pen.fill(4, EMPTY)
    pen.fill(4 * TARIFFS, EMPTY)
  }

type Body = readonly Part[]
const ACTIVE_AND_QUADRANTS: Body = [readTime, tariffs, registers(1, A14), registers(3, A11), registers(5, A11), registers(8, A11)]
const REVERSE_AND_QUADRANTS: Body = [readTime, tariffs, registers(2, A14), registers(4, A11), registers(6, A11), registers(7, A11)]
const DEMANDS: Body = [readTime, tariffs, demands(1), demandTimes(1), demands(3), demandTimes(3)]
const REVERSE_DEMANDS: Body = [readTime, tariffs, demands(2), demandTimes(2), demands(4), demandTimes(4)]
/** Forward active, forward reactive, reverse active, reverse reactive. */
const ORDER: readonly Channel[] = [1, 3, 2, 4]
/** The same, and quadrants I to IV. */
const ALL: readonly Channel[] = [...ORDER, 5, 6, 7, 8]
const single = (channel: Channel): Body => [readTime, tariffs, registers(channel, channel <= 2 ? A14 : A11)]
const amountsOf = (channel: Channel): Body => [tariffs, amounts(channel, TARIFFS + 1)]

const numbered = (first: number, bodies: readonly Body[]): (readonly [number, Body])[] => bodies.map((body, at) => [first + at, body])
const EIGHT: readonly Body[] = [ACTIVE_AND_QUADRANTS, REVERSE_AND_QUADRANTS, DEMANDS, REVERSE_DEMANDS, ...ORDER.map(amountsOf)]

const cells = (columns: readonly Column[]): Part => {
  const all = columns
  return (to) => {
    for (const one of all) put(to, one)
  }
}
const phased = (codes: readonly string[], unit: string, shape: Form): Column[] => codes.map((code) => column(code, unit, shape))
const ACTIVE = phased(['16.7.0', '36.7.0', '56.7.0', '76.7.0'], 'kW', A9)
const REACTIVE = phased(['131.7.0', '151.7.0', '171.7.0', '191.7.0'], 'kvar', A9)
const FACTORS = phased(['13.7.0', '33.7.0', '53.7.0', '73.7.0'], '%', A5)
const VOLTS = phased(['32.7.0', '52.7.0', '72.7.0'], 'V', A7)
const AMPS = phased(['31.7.0', '51.7.0', '71.7.0', '91.7.0'], 'A', A25)
const APPARENT = phased(['9.7.0', '29.7.0', '49.7.0', '69.7.0'], 'kVA', A9)

/** Present values: the time stays when they are missing. */
const readTimeAlways: Part = (to) => {
  stampInto(to.pen, to.read, 'mhDMY')
}

/** Class 1 (1 类数据) of a measuring point: AFN0C. */
export const PRESENT_ITEMS: ReadonlyMap<number, Body> = new Map([
  [25, [readTimeAlways, cells([...ACTIVE, ...REACTIVE, ...FACTORS, ...VOLTS, ...AMPS, ...APPARENT])]],
  [33, ACTIVE_AND_QUADRANTS],
  [34, REVERSE_AND_QUADRANTS],
  [35, DEMANDS],
  [36, REVERSE_DEMANDS],
  ...numbered(129, ALL.map(single)),
])
/** Class-1 items that are registers: over the power line these may be the last daily ones. */
export const PRESENT_REGISTERS: ReadonlySet<number> = new Set([33, 34, 129, 130, 131, 132, 133, 134, 135, 136])

/** Daily freezes: AFN0D with Td_d. */
export const DAY_ITEMS: ReadonlyMap<number, Body> = new Map([...numbered(1, EIGHT), ...numbered(161, ALL.map(single))])
/** Monthly freezes: AFN0D with Td_m. */
export const MONTH_ITEMS: ReadonlyMap<number, Body> = new Map([...numbered(17, EIGHT), ...numbered(177, ALL.map(single))])

const curve = (first: number, columns: readonly Column[]): (readonly [number, Part])[] =>
  columns.map((one, at) => [first + at, cells([one])])
const curveRegisters = (first: number, channels: readonly Channel[]): (readonly [number, Part])[] =>
  channels.map((channel, at) => [first + at, cells([column(`${channel}.8.0`, energyUnit(channel), A11)])])

/** Curves: AFN0D with Td_c. One point each call. */
export const CURVE_ITEMS: ReadonlyMap<number, Part> = new Map([
  ...curve(81, ACTIVE),
  ...curve(85, REACTIVE),
  ...curve(89, VOLTS),
  ...curve(92, AMPS),
  ...ORDER.map((channel, at): readonly [number, Part] => [97 + at, amounts(channel, 1)]),
  ...curveRegisters(101, ORDER),
  ...curve(105, FACTORS),
  ...curveRegisters(145, [5, 8, 6, 7]),
])
/** Curve items that stand still: registers. The rest is the average of the interval that ended. */
export const isRegisterCurve = (fn: number): boolean => (fn >= 97 && fn <= 104) || fn >= 145

export const writeBody = (body: Body, to: Writing): void => {
  for (const part of body) part(to)
}

/** The day a Td_d names: from its midnight to the next. NaN for no date. */
export const dayOf = (data: Uint8Array, at: number): { readonly from: number; readonly to: number } => {
  const from = dateOf(numberOfPair(data[at]), numberOfPair(data[at + 1]), numberOfPair(data[at + 2]))
  return { from, to: from + DAY_MS }
}

export const monthOf = (data: Uint8Array, at: number): { readonly from: number; readonly to: number } => {
  const month = numberOfPair(data[at])
  const year = numberOfPair(data[at + 1])
  return { from: dateOf(1, month, year), to: month === 12 ? dateOf(1, 1, year + 1) : dateOf(1, month + 1, year) }
}

const dateOf = (day: number, month: number, year: number): number =>
  day >= 1 && day <= 31 && month >= 1 && month <= 12
    ? instantOf({ year: 2000 + year, month, day, hour: 0, minute: 0, second: 0 })
    : Number.NaN

/** Td_c: start A.15, density, points. Own times. */
export const stretchOf = (
  data: Uint8Array,
  at: number,
): { readonly start: number; readonly stepMs: number; readonly density: number; readonly points: number } => {
  const [minute, hour, day, month, year] = [0, 1, 2, 3, 4].map((index) => numberOfPair(data[at + index])) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const density = data[at + 5] ?? 0
  const start = instantOf({ year: 2000 + year, month, day, hour, minute, second: 0 })
  return { start, stepMs: DENSITIES[density] ?? 0, density, points: data[at + 6] ?? 0 }
}
/** Codes of the density of a curve, milliseconds between two points. */
const DENSITIES: Readonly<Record<number, number>> = { 1: SLOT_MS, 2: 2 * SLOT_MS, 3: 4 * SLOT_MS, 254: 300_000, 255: 60_000 }

/** Where an amount or a demand of the present began. */
export const startOfPresent = (own: number): { readonly day: number; readonly month: number } => ({
  day: startOfDay(own),
  month: startOfMonth(own),
})
