import { decimalText, hexOf } from '../../src/core/index.ts'
import { localText, localTime, weekday } from '../calendar.ts'
import type { Channel, Demand, Instrument } from '../instrument.ts'
import type { TruthValue } from '../truth.ts'
import { measure, quantityOf, rawOf } from '../values.ts'

/** Some bytes of an answer, lowest first, and the value they stand for. */
export interface Cut {
  readonly bytes: readonly number[]
  readonly said: TruthValue | null
}

/** When the values of an answer were true. */
export interface Moment {
  /** World instant. */
  readonly at: number
  /** The meter's own time of it; null = now. */
  readonly own: number | null
  readonly kind: TruthValue['kind']
}

/** A number as the standard draws it: `XXXXXX.XX` is eight digits, two behind the point. */
export interface Drawing {
  readonly digits: number
  readonly decimals: number
  readonly signed: boolean
}

export const drawing = (picture: string, signed = false): Drawing => {
  const [whole = '', behind = ''] = picture.split('.')
  return { digits: whole.length + behind.length, decimals: behind.length, signed }
}

/** BCD pairs, lowest first; a negative number has the top bit of the last pair set. */
export const bcd = (raw: number, { digits, signed }: Drawing): number[] => {
  const pairs: number[] = []
  let rest = Math.abs(raw)
  for (let left = digits; left > 0; left -= 2) {
    const pair = rest % 100
    pairs.push(Math.floor(pair / 10) * 16 + (pair % 10))
    rest = Math.floor(rest / 100)
  }
  if (signed && raw < 0) pairs[pairs.length - 1] = pairs[pairs.length - 1]! | 0x80
  return pairs
}

export const filled = (count: number, byte = 0): number[] => Array.from({ length: count }, () => byte)
export const silentCut = (bytes: readonly number[]): Cut => ({ bytes, said: null })

/** One quantity on the face of a meter. What it has no element for is filled with FF. */
export const cutOf = (meter: Instrument, obis: string, unit: string, picture: Drawing, { at, own, kind }: Moment): Cut => {
  const quantity = quantityOf(obis)
  const measured = quantity && measure(meter, quantity, at)
  if (!quantity || !measured) return silentCut(filled(picture.digits / 2, 0xff))
  const ratio =
    quantity.channel === 12
      ? meter.pt
      : quantity.channel === 11 || quantity.channel === 91
        ? meter.ct
        : WITHOUT.has(quantity.channel)
          ? 1
          : meter.ct * meter.pt
  const shown = fitted(rawOf(measured, unit, -picture.decimals, ratio), picture, measured.energy)
  const current = quantity.channel === 11 && quantity.element > 0 && meter.watts(quantity.element, at) < 0
  return said(obis, unit, current ? -shown : shown, picture, own, kind)
}

/** Power factor, frequency, angles: no ratio. */
const WITHOUT: ReadonlySet<number> = new Set([13, 14, 81])

/** A maximum demand with its time, mm hh DD MM YY; zeros when there is none yet. */
export const demandCut = (meter: Instrument, channel: Channel, demand: Demand | null, { own, kind }: Moment): readonly Cut[] => {
  const unit = channel === 9 || channel === 10 ? 'kVA' : channel <= 2 ? 'kW' : 'kvar'
  const raw = demand ? rawOf({ value: demand.watts, energy: false }, unit, -4, meter.ct * meter.pt) : 0
  return [
    said(`1-0:${channel}.6.0`, unit, fitted(raw, DEMAND, false), DEMAND, own, kind),
    silentCut(demand ? stamp(demand.at, 'mhDMY') : filled(5)),
  ]
}
const DEMAND = drawing('XX.XXXX', true)

const said = (obis: string, unit: string, raw: number, picture: Drawing, own: number | null, kind: TruthValue['kind']): Cut => {
  const bytes = bcd(raw, picture)
  const text = decimalText(raw, -picture.decimals)
  return { bytes, said: { obis, unit, text, sent: hexOf(Uint8Array.from(bytes), ''), at: own === null ? null : localText(own), kind } }
}

/** Registers roll over; everything else stops at its largest figure. */
const fitted = (raw: number, { digits, signed }: Drawing, energy: boolean): number => {
  const size = signed ? 8 * 10 ** (digits - 1) : 10 ** digits
  return energy ? raw % size : Math.max(-size + 1, Math.min(size - 1, raw))
}

/** Parts of a time in wire order: s m h D M Y, W = weekday. */
export const stamp = (at: number, order: string): number[] => {
  const { year, month, day, hour, minute, second } = localTime(at)
  const parts: Readonly<Record<string, number>> = { s: second, m: minute, h: hour, D: day, M: month, Y: year % 100, W: weekday(at) }
  return Array.from(order, (letter) => {
    const part = parts[letter] ?? 0
    return Math.floor(part / 10) * 16 + (part % 10)
  })
}

/** Number of a BCD pair; NaN for none. */
export const pair = (byte: number | undefined): number =>
  byte === undefined || byte >> 4 > 9 || (byte & 15) > 9 ? Number.NaN : (byte >> 4) * 10 + (byte & 15)

/** Text padded with zero bytes, last character first as every multi-byte item. */
export const asciiBytes = (text: string, length: number): number[] =>
  Array.from(text.slice(0, length).padEnd(length, '\0'), (char) => char.charCodeAt(0)).reverse()
