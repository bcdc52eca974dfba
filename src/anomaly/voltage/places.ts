import type { AreaFrame, MeterColumns } from '../frame.ts'
import { isVoltage } from './follow.ts'
import { zeroIfNaN } from './supply.ts'

/** Energy of one place of a meter, kWh a slot, export taken off; NaN = not known. */
export const placeEnergy = (frame: AreaFrame, meter: MeterColumns, place: number): Float64Array => {
  const out = new Float64Array(frame.slots)
  const hours = frame.stepMs / 3_600_000
  for (let slot = 0; slot < frame.slots; slot++) out[slot] = energyAt(meter, place, slot, frame.fact.nominalV, hours)
  return out
}

/** Usual size of what flows, kWh a slot: what a place counts for where others are not known. */
export const shareOut = (energies: Float64Array): number => {
  let total = 0
  let slots = 0
  for (const energy of energies) {
    if (Number.isNaN(energy)) continue
    total += Math.abs(energy)
    slots++
  }
  return slots > 0 ? total / slots : 0
}

/** Energy of one place of a meter in a slot, kWh, export taken off; of a three-phase meter split by its currents. */
const energyAt = (meter: MeterColumns, place: number, slot: number, nominal: number, hours: number): number => {
  let energy = (meter.imp[slot] ?? Number.NaN) - zeroIfNaN(meter.exp[slot] ?? 0)
  const kw = meter.p?.[slot] ?? Number.NaN
  // Not read; or fed back through a meter that does not count it.
  if (Number.isNaN(energy) || (kw < 0 && energy === 0)) energy = kw * hours
  if (meter.fact.type === '1P') return energy
  let seen = 0
  for (let at = 0; at < 3; at++)
    // A phase without voltage is not in the register, though its current flows.
    if (isVoltage(meter.u[at]?.[slot] ?? Number.NaN, nominal)) seen += meter.i[at]?.[slot] ?? 0
  const ampere = meter.i[place]?.[slot] ?? Number.NaN
  if (!(seen > 0)) return energy / 3
  return (energy * ampere) / seen
}
