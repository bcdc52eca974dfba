import { SLOTS_A_DAY } from '../calendar.ts'
import { fraction, numberOf } from '../random.ts'
import type { VillageArea, VillageMeter } from './describe.ts'
import { isWithin, loadOf, PERIOD_SLOTS, solarOf } from './load.ts'

/**
 * What flows through one meter in each quarter hour of the period, on the primary side. One entry an element (计量元件):
 * a single-phase meter has one, a three-phase meter three. Import is positive.
 */
export interface Trace {
  readonly watts: readonly Int32Array[]
  readonly vars: readonly Int32Array[]
  /** Tenths of a volt. */
  readonly volts: readonly Int16Array[]
}

/** An area worked out: the trace of every meter, and what the cables turned into heat, watts by phase. */
export interface AreaFlow {
  readonly traces: ReadonlyMap<string, Trace>
  readonly lossW: readonly Int32Array[]
}

/** How a three-phase shop spreads its load. */
const SPREAD = [0.38, 0.33, 0.29] as const

/**
 * Solves the wires of one area, quarter hour by quarter hour: currents from powers and voltages (twice round), the drop along the main cable
 * and the service cable, the heat I²R. The area meter sees what its customers draw, less what they feed in, plus the heat,
 * exact to the watt in each quarter hour; therefore the sum over registers is exact as well.
 *
 * Left out: reactance, the neutral's own imbalance, the transformer (the area meter sits on its low side).
 */
export const solveArea = (seed: number, area: VillageArea, meters: readonly VillageMeter[]): AreaFlow => {
  const customers = meters.filter(({ role }) => role === 'customer')
  const elements = customers.flatMap((meter) => elementsOf(seed, meter))
  const poles = area.mainOhm.length
  const lossW = [0, 1, 2].map(() => new Int32Array(PERIOD_SLOTS))
  const supply: Trace = {
    watts: [0, 1, 2].map(() => new Int32Array(PERIOD_SLOTS)),
    vars: [0, 1, 2].map(() => new Int32Array(PERIOD_SLOTS)),
    volts: [0, 1, 2].map(() => new Int16Array(PERIOD_SLOTS)),
  }
  const mark = numberOf(area.id)
  const source = [0, 0, 0]
  const active = new Float64Array(3 * poles)
  const reactive = new Float64Array(3 * poles)
  const drop = new Float64Array(3 * poles)
  const heat = [0, 0, 0]
  const at = new Float64Array(elements.length)
  for (let slot = 0; slot < PERIOD_SLOTS; slot++) {
    const evening = Math.max(0, Math.sin((Math.PI * ((slot % SLOTS_A_DAY) / 4 - 17)) / 6))
    for (let phase = 0; phase < 3; phase++)
      source[phase] = Math.round((area.sourceV - 1.5 * evening + 1.2 * fraction(seed, mark, slot, phase)) * 10) / 10
    for (let index = 0; index < elements.length; index++) at[index] = source[elements[index]!.phase]!
    for (let round = 0; round < 2; round++) {
      active.fill(0)
      reactive.fill(0)
      heat.fill(0)
      for (let index = 0; index < elements.length; index++) {
        const { phase, pole, watts, vars, ohm } = elements[index]!
        const cell = phase * poles + pole
        const amps = watts[slot]! / at[index]!
        const idle = vars[slot]! / at[index]!
        active[cell] = active[cell]! + amps
        reactive[cell] = reactive[cell]! + idle
        heat[phase] = heat[phase]! + ohm * (amps * amps + idle * idle)
      }
      for (let phase = 0; phase < 3; phase++) carryMain(area.mainOhm, phase * poles, active, reactive, drop, heat, phase)
      for (let index = 0; index < elements.length; index++) {
        const { phase, pole, watts, ohm } = elements[index]!
        at[index] = source[phase]! - drop[phase * poles + pole]! - (ohm * watts[slot]!) / at[index]!
      }
    }
    for (let phase = 0; phase < 3; phase++) {
      const lost = Math.round(heat[phase]!)
      lossW[phase]![slot] = lost
      supply.watts[phase]![slot] = lost
      supply.volts[phase]![slot] = Math.round(source[phase]! * 10)
    }
    for (let index = 0; index < elements.length; index++) {
      const { phase, watts, vars, volts } = elements[index]!
      supply.watts[phase]![slot]! += watts[slot]!
      supply.vars[phase]![slot]! += vars[slot]!
      volts[slot] = Math.round(at[index]! * 10)
    }
  }
  const traces = new Map<string, Trace>()
  for (const meter of customers) {
    const own = elements.filter(({ id }) => id === meter.id)
    const past = (flow: Int32Array) => (meter.bypass ? metered(flow, meter.bypass) : flow)
    traces.set(meter.id, {
      watts: own.map(({ watts }) => past(watts)),
      vars: own.map(({ vars }) => past(vars)),
      volts: own.map(({ volts }) => volts),
    })
  }
  for (const meter of meters) if (meter.role === 'area-supply') traces.set(meter.id, supply)
  return { traces, lossW }
}

/** What is left for the meter of a customer with a bypass (绕越用电); wires and voltages know the whole of it. */
const metered = (flow: Int32Array, bypass: NonNullable<VillageMeter['bypass']>): Int32Array =>
  flow.map((value, slot) => (isWithin(bypass, Math.floor(slot / SLOTS_A_DAY)) ? Math.round(value * (1 - bypass.share)) : value))

interface Element {
  readonly id: string
  readonly phase: number
  readonly pole: number
  readonly ohm: number
  readonly watts: Int32Array
  readonly vars: Int32Array
  readonly volts: Int16Array
}

const elementsOf = (seed: number, meter: VillageMeter): Element[] => {
  const { watts, vars } = loadOf(seed, meter)
  if (meter.solarW > 0) for (let slot = 0; slot < PERIOD_SLOTS; slot++) watts[slot]! -= solarOf(seed, meter.solarW, slot)
  const element = (phase: number, own: Int32Array, idle: Int32Array): Element => ({
    id: meter.id,
    phase,
    pole: meter.pole,
    ohm: meter.serviceOhm,
    watts: own,
    vars: idle,
    volts: new Int16Array(PERIOD_SLOTS),
  })
  if (meter.phase !== 'L123') return [element(Number(meter.phase[1]) - 1, watts, vars)]
  const first = SPREAD.slice(0, 2).map((share, phase) =>
    element(
      phase,
      watts.map((all) => Math.round(all * share)),
      vars.map((all) => Math.round(all * share)),
    ),
  )
  const rest = (all: Int32Array, name: 'watts' | 'vars'): Int32Array =>
    all.map((value, slot) => value - first[0]![name][slot]! - first[1]![name][slot]!)
  return [...first, element(2, rest(watts, 'watts'), rest(vars, 'vars'))]
}

/** Adds up the currents from the far end of one phase's main cable; fills the drop at each pole, volts, and adds the heat, watts. */
const carryMain = (
  ohms: readonly number[],
  from: number,
  active: Float64Array,
  reactive: Float64Array,
  drop: Float64Array,
  heat: number[],
  phase: number,
): void => {
  for (let pole = ohms.length - 2; pole >= 0; pole--) {
    active[from + pole]! += active[from + pole + 1]!
    reactive[from + pole]! += reactive[from + pole + 1]!
  }
  let volts = 0
  for (let pole = 0; pole < ohms.length; pole++) {
    const amps = active[from + pole]!
    const idle = reactive[from + pole]!
    volts += ohms[pole]! * amps
    drop[from + pole] = volts
    heat[phase]! += ohms[pole]! * (amps * amps + idle * idle)
  }
}
