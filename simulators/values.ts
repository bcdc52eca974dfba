import { type Decimal, decimalOfFloat32, decimalOfFloat64, decimalText, parseObis, powerOfTen } from '../src/core/index.ts'
import { SLOT_MS, startOfMonth } from './calendar.ts'
import type { Channel, Instrument } from './instrument.ts'
import { fraction } from './random.ts'

/** A measured quantity on the primary side: energies in watt-seconds (var-, VA-), everything else in its plain SI unit. */
export interface Measured {
  readonly value: number
  readonly energy: boolean
}

/** Decodes a code once; `measure` is called for every value of every answer. */
export interface Quantity {
  readonly channel: number
  readonly element: number
  readonly d: number
  readonly e: number
}

/** The quantity an OBIS code names; null when there is none in this world. */
export const quantityOf = (obis: string): Quantity | null => {
  const parts = parseObis(obis)
  if (parts?.a !== 1) return null
  const { c, d, e } = parts
  if (c === 131 || c === 151 || c === 171 || c === 191) return { channel: 131, element: (c - 131) / 20, d, e }
  if (c >= 21 && c <= 80) {
    const element = Math.floor((c - 1) / 20)
    return { channel: c - 20 * element, element, d, e }
  }
  return { channel: c, element: 0, d, e }
}

/**
 * What an instrument measures at an instant. A pure function of the world's seed, the meter, the code and the instant.
 *
 * @returns  null where the meter has no such quantity: phases 2 and 3 of a single-phase meter
 */
export const measure = (meter: Instrument, { channel, element, d, e }: Quantity, at: number): Measured | null => {
  if (element > meter.elements) return null
  if (d === 8) return energyOf(meter, channel, element, e, at)
  if (d === 6) {
    const demand = channel <= 10 || channel === 15 ? meter.demand(toChannel(channel), startOfMonth(at), at) : null
    return plain(demand?.watts ?? 0)
  }
  if (d === 4 || d === 5) return plain(Math.abs(meter.watts(element, at - (d === 5 ? SLOT_MS : 0))))
  if (d !== 7) return null
  const watts = meter.watts(element, at)
  const vars = meter.vars(element, at)
  if (e === 124) return plain(1.2 + 2.4 * fraction(meter.seed, 5, channel, element))
  switch (channel) {
    case 1:
      return plain(Math.max(0, watts))
    case 2:
      return plain(Math.max(0, -watts))
    case 3:
      return plain(Math.max(0, vars))
    case 4:
      return plain(Math.max(0, -vars))
    case 9:
      return plain(Math.hypot(watts, vars))
    case 10:
      return plain(watts < 0 ? Math.hypot(watts, vars) : 0)
    case 15:
      return plain(Math.abs(watts))
    case 16:
      return plain(watts)
    case 131:
      return plain(vars)
    case 11:
    case 90:
      return plain(element > 0 ? meter.amps(element, at) : totalAmps(meter, at))
    case 12:
      return plain(meter.volts(element, at))
    case 13:
      return plain(watts === 0 && vars === 0 ? 1 : watts / Math.hypot(watts, vars))
    case 14:
      return plain(frequencyAt(at))
    case 91:
      return plain(neutralAmps(meter, at))
    case 81:
      return angleOf(meter, e, at)
    default:
      return null
  }
}

/** Grid frequency, hertz: one for the whole world, new every minute. */
export const frequencyAt = (at: number): number => 50 + (fraction(77, Math.floor(at / 60_000)) - 0.5) * 0.08

const plain = (value: number): Measured => ({ value, energy: false })
const CHANNELS: readonly Channel[] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
const toChannel = (channel: number): Channel => CHANNELS[channel - 1] ?? 1

const energyOf = (meter: Instrument, channel: number, element: number, tariff: number, at: number): Measured | null => {
  if (tariff > 4) return null
  const of = (one: Channel): number => meter.energy(one, element, tariff, at)
  if (channel >= 1 && channel <= 10) return { value: of(toChannel(channel)), energy: true }
  if (channel === 15) return { value: of(1) + of(2), energy: true }
  if (channel === 16) return { value: of(1) - of(2), energy: true }
  return channel === 131 ? { value: of(3) - of(4), energy: true } : null
}

const totalAmps = (meter: Instrument, at: number): number => {
  let sum = 0
  for (let element = 1; element <= meter.elements; element++) sum += meter.amps(element, at)
  return sum
}

/** What returns through the neutral (零线): all of it on a single-phase meter, else the vector sum of three currents 120° apart. */
const neutralAmps = (meter: Instrument, at: number): number => {
  const [a, b, c] = [1, 2, 3].map((element) => (element <= meter.elements ? meter.amps(element, at) : 0)) as [number, number, number]
  return meter.elements === 1 ? a : Math.sqrt(Math.max(0, a * a + b * b + c * c - a * b - b * c - c * a))
}

const ANGLES: Readonly<Record<number, number>> = { 4: 1, 15: 2, 26: 3 }
const angleOf = (meter: Instrument, e: number, at: number): Measured | null => {
  const element = ANGLES[e]
  if (element === undefined || element > meter.elements) return null
  return plain(((Math.atan2(meter.vars(element, at), meter.watts(element, at)) * 180) / Math.PI + 360) % 360)
}

const FACTORS: Readonly<Record<string, number>> = {
  kWh: 3_600_000,
  kvarh: 3_600_000,
  kVAh: 3_600_000,
  Wh: 3600,
  varh: 3600,
  VAh: 3600,
  MWh: 3_600_000_000,
  kW: 1000,
  kvar: 1000,
  kVA: 1000,
  kV: 1000,
  mV: 0.001,
  mA: 0.001,
}

/**
 * The integer a meter shows: value = raw × 10^scaler in `unit`. Registers are cut, never rounded up; the rest is rounded.
 *
 * @param ratio  by which a secondary face is smaller than the primary value; 1 = primary face
 */
export const rawOf = ({ value, energy }: Measured, unit: string, scaler: number, ratio: number): number => {
  const factor = (FACTORS[unit] ?? (unit === '%' && !energy && Math.abs(value) <= 1 ? 0.01 : 1)) * ratio
  const step = scaler < 0 ? factor / powerOfTen(-scaler) : factor * powerOfTen(scaler)
  if (!energy) return Math.round(value / step)
  return Number.isInteger(step) ? (value - (value % step)) / step : Math.trunc(value / step)
}

/** Finest decimal a meter with floating-point registers works with, by unit. */
const FLOAT_STEPS: Readonly<Record<string, number>> = {
  kWh: -2,
  kvarh: -2,
  kVAh: -2,
  Wh: 0,
  varh: 0,
  VAh: 0,
  W: -1,
  var: -1,
  VA: -1,
  kW: -4,
  kvar: -4,
  kVA: -4,
  V: -1,
  A: -3,
  Hz: -2,
}

/**
 * The number a floating-point register holds, and what it says to a person.
 *
 * @param scaler  value in `unit` = number × 10^scaler
 */
export const floatOf = (
  measured: Measured,
  unit: string,
  scaler: number,
  ratio: number,
  double: boolean,
): { readonly number: number; readonly face: Decimal } => {
  const fine = FLOAT_STEPS[unit] ?? -3
  const shift = fine - scaler
  const raw = rawOf(measured, unit, fine, ratio)
  const exact = shift < 0 ? raw / powerOfTen(-shift) : raw * powerOfTen(shift)
  const number = double ? exact : Math.fround(exact)
  const shown = double ? decimalOfFloat64(number) : decimalOfFloat32(number)
  return { number, face: { raw: shown.raw, scaler: shown.scaler + scaler } }
}

/** Decimal text of a face. */
export const faceText = ({ raw, scaler }: Decimal): string => decimalText(raw, scaler)
