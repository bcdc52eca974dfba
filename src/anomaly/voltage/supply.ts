import type { AreaFrame, MeterColumns } from '../frame.ts'
import { isVoltage } from './follow.ts'

/** Active currents of the gateway, ampere primary, signed like its power, one array a phase. */
export interface Supply {
  /** Voltage of each phase at the end of the slot. */
  readonly u: readonly Float32Array[]
  /** At the end of the slot. */
  readonly now: readonly Float32Array[]
  /** Mean over the slot, scaled to the energy the gateway registered. */
  readonly mean: readonly Float32Array[]
  /** Reactive over active power, at the end of the slot. */
  readonly tan: Float32Array
}

/** Power factor taken where none was read. @source usual for households; GB/T 12325 areas are compensated to 0.9 and better */
const USUAL_PF = 0.95
const LOWEST_PF = 0.7

/** Reactive over active power (tan φ) of a power factor; of what was read or, beyond reason, of a usual one. */
export const tanOf = (pf: number): number => {
  const clean = Number.isNaN(pf) ? USUAL_PF : Math.min(1, Math.max(LOWEST_PF, Math.abs(pf)))
  return TANGENTS[Math.round(clean * 1000) | 0]!
}

/** By thousandths of the power factor, the resolution on the wire. */
const TANGENTS = Float64Array.from({ length: 1001 }, (_, thousandths) => (thousandths === 0 ? 0 : Math.sqrt((1000 / thousandths) ** 2 - 1)))

/** A place of a meter and the gateway phase it hangs on, 0 to 2; null = nobody knows. */
export interface PhasedPlace {
  readonly meter: MeterColumns
  readonly place: number
  readonly phase: number | null
}

/**
 * What the gateway feeds into each phase; null when the area has not exactly one gateway with voltages and currents on three phases.
 *
 * @param places  of the area's meters: where solar feeds back, one phase can flow backwards while the sum does not, and the gateway's current has no sign
 */
export const supplyOf = (frame: AreaFrame, places: readonly PhasedPlace[] = []): Supply | null => {
  const before = supplies.get(frame)
  if (before && isSame(before.places, places)) return before.supply
  const supply = fedInto(frame, places)
  supplies.set(frame, { places, supply })
  return supply
}

/** Of frames that are looked at: mostly everybody asks for the same places. */
const supplies = new WeakMap<AreaFrame, { readonly places: readonly PhasedPlace[]; readonly supply: Supply | null }>()

const isSame = (a: readonly PhasedPlace[], b: readonly PhasedPlace[]): boolean =>
  a.length === b.length && a.every((one, at) => one.meter === b[at]?.meter && one.place === b[at].place && one.phase === b[at].phase)

const fedInto = (frame: AreaFrame, places: readonly PhasedPlace[]): Supply | null => {
  const [gateway] = frame.gateways
  if (!gateway || frame.gateways.length !== 1) return null
  const u = gateway.u.flatMap((column) => (column ? [column] : []))
  const i = gateway.i.flatMap((column) => (column ? [column] : []))
  if (u.length !== 3 || i.length !== 3) return null
  const { slots } = frame
  const pf = gateway.pf
  const power = gateway.p
  const tan = new Float32Array(slots)
  for (let slot = 0; slot < slots; slot++) tan[slot] = tanOf(pf ? pf[slot]! : Number.NaN)
  const nets = netsOf(frame, places)
  const share = 3 * frame.fact.nominalV
  const now = i.map((column, phase) => {
    const net = nets?.[phase]
    const out = new Float32Array(slots)
    for (let slot = 0; slot < slots; slot++) {
      const kw = power ? power[slot]! : Number.NaN
      // What the customers do not tell (losses, thieves, silent meters) is shared by the phases, unless it is much.
      const untold = net && nets ? kw * 1000 - wattAt(nets, u, slot) : Number.NaN
      if (net && Math.abs(untold) < MUCH * wattAt(i, u, slot)) out[slot] = net[slot]! + untold / share
      else out[slot] = column[slot]! * pfOf(pf ? pf[slot]! : Number.NaN) * (kw < 0 ? -1 : 1)
    }
    return out
  })
  return { u, now, mean: meansOf(frame, gateway, u, now), tan }
}

/** Watt of three phases in a slot. */
const wattAt = (ampere: readonly Float32Array[], volt: readonly Float32Array[], slot: number): number => {
  let sum = 0
  for (let phase = 0; phase < ampere.length; phase++) sum += ampere[phase]![slot]! * volt[phase]![slot]!
  return sum
}

/**
 * Sum of the customers' active currents on each phase, signed; null when nobody feeds back. Where solar feeds one phase the power factor of the sum of
 * the three says nothing of that phase, and its current has no sign.
 */
const netsOf = (frame: AreaFrame, places: readonly PhasedPlace[]): readonly Float32Array[] | null => {
  if (!places.some(({ meter }) => meter.p && feedsBack(meter.p))) return null
  const nets = [0, 1, 2].map(() => new Float32Array(frame.slots))
  for (const { meter, place, phase } of places) {
    const net = phase === null ? undefined : nets[phase]
    if (!net || !meter.i[place]) continue
    const own = ownCurrents(meter, place)
    for (let slot = 0; slot < frame.slots; slot++) net[slot]! += zeroIfNaN(own[slot]!)
  }
  return nets
}

const feedsBack = (p: Float32Array): boolean => {
  for (let slot = 0; slot < p.length; slot++) if (p[slot]! < 0) return true
  return false
}

/** Of frames that are looked at: three rules ask for the same currents. */
const currents = new WeakMap<MeterColumns, Float64Array[]>()

/** Own active current of a place at the end of each slot, ampere, negative while it feeds back; NaN where it was not read. */
export const ownCurrents = (meter: MeterColumns, place: number): Float64Array => {
  const known = currents.get(meter) ?? []
  currents.set(meter, known)
  const before = known[place]
  if (before) return before
  const { p, pf, imp } = meter
  const amperes = meter.i[place]
  const out = new Float64Array(imp.length).fill(Number.NaN)
  if (amperes)
    for (let slot = 0; slot < out.length; slot++) {
      const ampere = amperes[slot]! * pfOf(pf ? pf[slot]! : Number.NaN)
      out[slot] = p && p[slot]! < 0 ? -ampere : ampere
    }
  known[place] = out
  return out
}

const pfOf = (pf: number): number => (Number.isNaN(pf) ? USUAL_PF : Math.min(1, Math.abs(pf)))

/** Share of what flows that silent meters may have before their phases can no longer be told from the others. */
const MUCH = 0.15

const meansOf = (
  frame: AreaFrame,
  gateway: MeterColumns,
  u: readonly Float32Array[],
  now: readonly Float32Array[],
): readonly Float32Array[] => {
  const { slots, stepMs } = frame
  const nominal = frame.fact.nominalV
  const mean = now.map(() => new Float32Array(slots).fill(Number.NaN))
  for (let slot = 0; slot < slots; slot++) {
    let watt = 0
    for (let phase = 0; phase < now.length; phase++) {
      const column = now[phase]!
      const here = column[slot]!
      const before = slot > 0 ? column[slot - 1]! : Number.NaN
      const ampere = Number.isNaN(before) ? here : Number.isNaN(here) ? before : (here + before) / 2
      mean[phase]![slot] = ampere
      const volt = u[phase]![slot]!
      watt += ampere * (isVoltage(volt, nominal) ? volt : nominal)
    }
    const energy = gateway.imp[slot]! - zeroIfNaN(gateway.exp[slot]!)
    const scale = (energy * 3_600_000) / stepMs / watt
    // A lost voltage or a wrong reading must not be spread over the phases: then the samples stand as they are.
    if (scale > 0.5 && scale < 2) for (const column of mean) column[slot]! *= scale
  }
  return mean
}

export const zeroIfNaN = (value: number): number => (Number.isNaN(value) ? 0 : value)
