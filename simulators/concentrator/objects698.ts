import { decimalText } from '../../src/core/index.ts'
import { localText, startOfMonth } from '../calendar.ts'
import type { Channel, Instrument } from '../instrument.ts'
import type { TruthValue } from '../truth.ts'
import { measure, type Quantity, quantityOf, rawOf } from '../values.ts'
import { number, secondsTime, type TypeName } from './data698.ts'
import type { Said } from './items3761.ts'
import { hex, type Pen } from './pen.ts'

/** Where and when a value is taken. */
export interface Taking698 {
  readonly instrument: Instrument
  readonly at: number
  /** The meter's own time of it. */
  readonly own: number
  readonly kind: TruthValue['kind']
  readonly said: Said[] | null
}

interface Element {
  readonly obis: string
  readonly unit: string
  readonly quantity: Quantity
}
interface Thing {
  readonly type: TypeName
  readonly scaler: number
  readonly elements: readonly Element[]
}

const element = (code: string, unit: string): Element => ({ obis: `1-0:${code}`, unit, quantity: quantityOf(`1-0:${code}`)! })
const energyUnit = (channel: number): string => (channel <= 2 || channel === 16 ? 'kWh' : channel >= 9 ? 'kVAh' : 'kvarh')

/** Total and four tariffs of an energy; `group` = OBIS group C. */
const energy = (group: number, channel: number, type: TypeName = 'double-long-unsigned'): Thing => ({
  type,
  scaler: -2,
  elements: [0, 1, 2, 3, 4].map((tariff) => element(`${group}.8.${tariff}`, energyUnit(channel))),
})
const phased = (codes: readonly string[], unit: string, type: TypeName, scaler: number): Thing => ({
  type,
  scaler,
  elements: codes.map((code) => element(code, unit)),
})

/** Objects with numbers by OI, attribute 2. */
const THINGS: Readonly<Record<string, Thing>> = {
  '0000': energy(16, 16, 'double-long'),
  '0010': energy(1, 1),
  '0011': energy(21, 1),
  '0012': energy(41, 1),
  '0013': energy(61, 1),
  '0020': energy(2, 2),
  '0021': energy(22, 2),
  '0022': energy(42, 2),
  '0023': energy(62, 2),
  '0030': energy(3, 3, 'double-long'),
  '0040': energy(4, 4, 'double-long'),
  '0050': energy(5, 5),
  '0060': energy(6, 6),
  '0070': energy(7, 7),
  '0080': energy(8, 8),
  '0090': energy(9, 9),
  '00A0': energy(10, 10),
  '2000': phased(['32.7.0', '52.7.0', '72.7.0'], 'V', 'long-unsigned', -1),
  '2001': phased(['31.7.0', '51.7.0', '71.7.0'], 'A', 'double-long', -3),
  '2004': phased(['16.7.0', '36.7.0', '56.7.0', '76.7.0'], 'W', 'double-long', -1),
  '2005': phased(['131.7.0', '151.7.0', '171.7.0', '191.7.0'], 'var', 'double-long', -1),
  '2006': phased(['9.7.0', '29.7.0', '49.7.0', '69.7.0'], 'VA', 'double-long', -1),
  '200A': phased(['13.7.0', '33.7.0', '53.7.0', '73.7.0'], '', 'long', -3),
}
const FREQUENCY: Thing = phased(['14.7.0'], 'Hz', 'long-unsigned', -2)

/** Demands: a value and its time. */
const DEMANDS: Readonly<Record<string, Channel>> = { '1010': 1, '1020': 2 }

/** Registers stand still; the rest of a curve's point is that of the interval that ended. */
export const isRegister698 = (oad: string): boolean => oad.startsWith('00')

/**
 * Writes the Data of an object of a meter.
 *
 * @returns  false: the meter has no such object; nothing was written
 */
export const putObject = (pen: Pen, oad: string, taking: Taking698): boolean => {
  const oi = oad.slice(0, 4)
  const attribute = Number.parseInt(oad.slice(4, 6), 16) & 31
  const index = Number.parseInt(oad.slice(6, 8), 16)
  const demand = DEMANDS[oi]
  if (demand !== undefined && attribute === 2) {
    pen.byte(2).byte(2)
    const { instrument, at } = taking
    const best = instrument.demand(demand, startOfMonth(at - 1), at)
    const raw = best ? rawOf({ value: best.watts, energy: false }, 'kW', -4, instrument.ct * instrument.pt) : 0
    number(pen, 'double-long-unsigned', raw)
    if (best) secondsTime(pen.byte(0x1c), best.at)
    else pen.byte(0)
    return true
  }
  if (oi === '200F' && attribute === 2) return putElement(pen, FREQUENCY, 0, taking)
  const thing = THINGS[oi]
  if (!thing || (attribute !== 2 && !(attribute === 4 && isRegister698(oad)))) return false
  const fine: Thing = attribute === 4 ? { ...thing, type: 'long64-unsigned', scaler: -4 } : thing
  const has = fine.elements.filter(({ quantity }) => measure(taking.instrument, quantity, taking.at) !== null)
  if (has.length === 0) return false
  if (index > 0) return index <= has.length && putElement(pen, fine, index - 1, taking)
  pen.byte(1).byte(has.length)
  for (let at = 0; at < has.length; at++) putElement(pen, fine, at, taking)
  return true
}

const putElement = (pen: Pen, { type, scaler, elements }: Thing, index: number, taking: Taking698): boolean => {
  const one = elements[index]
  const { instrument, at } = taking
  const measured = one && measure(instrument, one.quantity, at)
  if (!one || !measured) return false
  const { channel, element: phase } = one.quantity
  const { ct, pt } = instrument
  const ratio = channel === 12 ? pt : channel === 11 ? ct : channel === 13 || channel === 14 ? 1 : ct * pt
  // Two decimals of kWh are on the face, however fine the object is.
  let raw = measured.energy ? rawOf(measured, one.unit, -2, ratio) * 10 ** (-scaler - 2) : rawOf(measured, one.unit, scaler, ratio)
  if (channel === 11 && phase > 0 && instrument.watts(phase, at) < 0) raw = -raw
  const place = pen.length
  number(pen, type, raw)
  taking.said?.push({
    meter: instrument.id,
    value: {
      obis: one.obis,
      unit: one.unit,
      text: decimalText(raw, scaler),
      sent: hex(pen.since(place + 1)),
      at: taking.kind === 'live' ? null : localText(taking.own),
      kind: taking.kind,
    },
  })
  return true
}
