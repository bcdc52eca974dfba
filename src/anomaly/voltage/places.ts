import type { AreaFrame, MeterColumns } from '../frame.ts'
import { isVoltage } from './follow.ts'
import { zeroIfNaN } from './supply.ts'

/** Energy of one place of a meter, kWh a slot, export taken off; NaN = not known. */
export const placeEnergy = (frame: AreaFrame, meter: MeterColumns, place: number): Float64Array => {
  const hours = frame.stepMs / 3_600_000
  return meter.fact.type === '1P'
    ? wholeEnergy(meter, frame.slots, hours)
    : sharedEnergy(meter, place, frame.slots, frame.fact.nominalV, hours)
}

/** Energy of a meter, kWh, export taken off; where it is not known, or fed back through a meter that does not count it, by its power. */
const wholeEnergy = ({ imp, exp, p }: MeterColumns, slots: number, hours: number): Float64Array => {
  const out = new Float64Array(slots)
  for (let slot = 0; slot < slots; slot++) {
    const energy = imp[slot]! - zeroIfNaN(exp[slot]!)
    const kw = p ? p[slot]! : Number.NaN
    out[slot] = Number.isNaN(energy) || (kw < 0 && energy === 0) ? kw * hours : energy
  }
  return out
}

/** Usual size of what flows, kWh a slot: what a place counts for where others are not known. */
export const shareOut = (energies: Float64Array): number => {
  let total = 0
  let slots = 0
  for (let slot = 0; slot < energies.length; slot++) {
    const energy = energies[slot]!
    if (Number.isNaN(energy)) continue
    total += Math.abs(energy)
    slots++
  }
  return slots > 0 ? total / slots : 0
}

/** That of one place of a three-phase meter: split by its currents. */
const sharedEnergy = (meter: MeterColumns, place: number, slots: number, nominal: number, hours: number): Float64Array => {
  const out = wholeEnergy(meter, slots, hours)
  const own = meter.i[place]
  for (let slot = 0; slot < slots; slot++) {
    let seen = 0
    for (let at = 0; at < 3; at++) {
      const volts = meter.u[at]
      const amperes = meter.i[at]
      // A phase without voltage is not in the register, though its current flows.
      if (volts && isVoltage(volts[slot]!, nominal)) seen += amperes ? amperes[slot]! : 0
    }
    if (!(seen > 0)) out[slot]! /= 3
    else out[slot] = (out[slot]! * (own ? own[slot]! : Number.NaN)) / seen
  }
  return out
}
