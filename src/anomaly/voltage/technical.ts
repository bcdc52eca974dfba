import type { AreaFrame, MeterColumns, Phase } from '../frame.ts'
import type { TechnicalLoss } from '../view.ts'
import { type DropModel, learnDrops } from './drops.ts'
import { isVoltage } from './follow.ts'
import { addRow, momentsOf, solve } from './linear.ts'
import { placesOf } from './phases.ts'
import { placeEnergy, shareOut } from './places.ts'
import { type Supply, supplyOf, tanOf } from './supply.ts'

/**
 * Reactance over resistance of low-voltage wires: mains 0.2 (overhead and thin cable) to 0.4 (150 mm²), service cables 0.05 to 0.15; the drop is about half and half.
 * @source resistance and reactance tables of NAYY / YJLV cables, e.g. the standard types of SimBench (Meinecke et al., 2020)
 */
export const X_OVER_R = 0.2

/** Share of the area's usual energy that must be known in a slot for its loss to be summed from the meters. */
const KNOWN_SHARE = 0.5

/**
 * Energy lost in the wires (理论线损) by the voltage method, kWh a slot.
 *
 * `loss = sum_i I_i × (own_i × I_i + sum_p of_ip × I_p) × (1 + tan φ_i tan φ) / (1 + X/R × tan φ)`, with the currents meant over the slot, from energies. The resistances are
 * learnt from samples ({@link learnDrops}), which takes the meters' voltage errors out; the last factor adds what reactive current loses and takes out what it adds to the drop.
 * Stolen energy shows in the voltages as other energy does; meters whose energy is not known are filled by the share they usually have.
 *
 * @param members  meters that hang in this area
 * @source `../shared/analytics.md` 2.1 · the voltage method with customer readings
 */
export const voltageLoss = (
  frame: AreaFrame,
  members: readonly MeterColumns[],
  phases: Readonly<Record<string, Phase>>,
): TechnicalLoss | null => {
  const places = members.flatMap((meter) => placesOf(meter, phases).map((phase, place) => ({ meter, place, phase })))
  const supply = supplyOf(frame, places)
  if (!supply) return null
  const drops = learnDrops(frame, supply, places)
  if (drops.length === 0) return null
  const kwh = new Float64Array(frame.slots)
  const known = new Float64Array(frame.slots)
  let usual = 0
  for (const drop of drops) usual += addLoss(frame, supply, drop, kwh, known)
  for (let slot = 0; slot < frame.slots; slot++) {
    const share = (known[slot] ?? 0) / usual
    kwh[slot] = share >= KNOWN_SHARE ? (kwh[slot] ?? 0) / share : Number.NaN
  }
  fillFromSupply(supply, kwh, frame.stepMs)
  const measured = drops.filter((one) => one.measured).length
  return {
    kwh,
    method: 'voltage',
    inputs: {
      zh: `${drops.length} 个表位的电压与电能（其中 ${measured} 个实测电阻），总表三相电压电流`,
      en: `voltages and energies of ${drops.length} places (${measured} with resistances learnt), three-phase voltages and currents of the gateway`,
    },
    error: 0.1,
  }
}

/** Adds one place's loss to each slot; returns its usual energy a slot, which its share in `known` is counted by. */
const addLoss = (frame: AreaFrame, supply: Supply, drop: DropModel, kwh: Float64Array, known: Float64Array): number => {
  const { meter, place, own, of } = drop
  const [a, b, c] = supply.mean
  const [ra, rb, rc] = of
  if (!a || !b || !c) return 0
  const nominal = frame.fact.nominalV
  const hours = frame.stepMs / 3_600_000
  const u = meter.u[place]
  const energies = placeEnergy(frame, meter, place)
  const usual = shareOut(energies)
  const { pf } = meter
  const { tan: tans } = supply
  for (let slot = 0; slot < frame.slots; slot++) {
    const volt = u ? u[slot]! : Number.NaN
    const ampere = (energies[slot]! * 1000) / hours / (isVoltage(volt, nominal) ? volt : nominal)
    const fall = own * ampere + ra * a[slot]! + rb * b[slot]! + rc * c[slot]!
    const watt = ampere * fall
    if (Number.isNaN(watt)) continue
    const tan = tans[slot]!
    const factor = (1 + tanOf(pf ? pf[slot]! : Number.NaN) * tan) / (1 + X_OVER_R * tan)
    kwh[slot]! += (watt * factor * hours) / 1000
    known[slot]! += usual
  }
  return usual
}

/** Slots that the meters do not tell: `a × sum of squares of the gateway's currents + c`, learnt from those they do. */
const fillFromSupply = ({ mean }: Supply, kwh: Float64Array, stepMs: number): void => {
  const [a, b, c] = mean
  if (!a || !b || !c) return
  const squares = (slot: number) =>
    ((a[slot] ?? Number.NaN) ** 2 + (b[slot] ?? Number.NaN) ** 2 + (c[slot] ?? Number.NaN) ** 2) * (stepMs / 3_600_000)
  const moments = momentsOf(2)
  const row = new Float64Array(3)
  row[0] = 1
  for (let slot = 0; slot < kwh.length; slot++) {
    row[1] = squares(slot)
    row[2] = kwh[slot] ?? Number.NaN
    if (!Number.isNaN(row[1] + row[2])) addRow(moments, row)
  }
  const fit = solve(moments)
  if (!fit) return
  for (let slot = 0; slot < kwh.length; slot++)
    if (Number.isNaN(kwh[slot] ?? Number.NaN)) kwh[slot] = (fit.beta[0] ?? 0) + (fit.beta[1] ?? 0) * squares(slot)
}
