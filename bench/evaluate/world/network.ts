import { type Dice, within } from './world.ts'

/** One length of four-wire cable from the node before it; phase and neutral have the same wire. */
export interface Branch {
  /** Node before it; -1 = the busbar of the transformer. */
  readonly parent: number
  readonly ohm: number
  readonly reactance: number
  readonly metres: number
}

/** Where one meter hangs. */
export interface Tap {
  readonly node: number
  /** 0, 1, 2; three-phase meters have all. */
  readonly phases: readonly number[]
  readonly serviceOhm: number
}

export interface Network {
  readonly branches: readonly Branch[]
  readonly kva: number
}

/** A radial feeder: one to three trunks with side branches. Cable of 95 mm² Al underground, 50 mm² Al overhead, 25 mm² for the sides. */
export const networkOf = (dice: Dice, customers: number): Network => {
  const branches: Branch[] = []
  const isOverhead = dice() < 0.5
  const trunk = isOverhead ? { ohm: 0.65, x: 0.33 } : { ohm: 0.32, x: 0.08 }
  const side = { ohm: 1.2, x: 0.1 }
  const nodes = Math.max(8, Math.round(customers / 3))
  const trunks = 1 + Math.floor(dice() * 3)
  const ends = Array.from({ length: trunks }, () => -1)
  for (let node = 0; node < nodes; node++) {
    const metres = within(dice, 15, isOverhead ? 55 : 40)
    const on = node % trunks
    const isSide = dice() < 0.35 && (ends[on] ?? -1) >= 0
    const kind = isSide ? side : trunk
    branches.push({ parent: ends[on] ?? -1, ohm: (kind.ohm * metres) / 1000, reactance: (kind.x * metres) / 1000, metres })
    if (!isSide) ends[on] = node
  }
  return { branches, kva: customers * 4 }
}

/** What the solver needs of each element (one phase of one meter). */
export interface Solved {
  /** Volt at each tap, by phase. */
  readonly volts: readonly Float32Array[]
  /** kW lost in the wires. */
  readonly lossKw: number
  /** Ampere of each phase at the busbar, and in the neutral. */
  readonly supplyA: readonly number[]
  readonly supplyVar: number
}

/**
 * Solves a four-wire feeder for one instant by backward and forward sweeps: currents from constant powers, drops in phase and neutral.
 *
 * @param kw    by tap and phase, negative = fed in
 * @param kvar  likewise
 * @param source  volt of each phase at the busbar
 * @source Shirmohammadi et al. (1988), a compensation-based power flow method, radial case
 */
export const feederSolver = ({ branches }: Network, taps: readonly Tap[]) => {
  const nodes = branches.length
  const size = nodes * 4
  // Real and imaginary parts; 0..2 phases, 3 neutral.
  const [ir, ii, vr, vi] = [new Float64Array(size), new Float64Array(size), new Float64Array(size), new Float64Array(size)]
  const elements = taps.flatMap(({ node, phases, serviceOhm }, tap) => phases.map((phase) => ({ tap, node, phase, serviceOhm })))
  const [er, ei] = [new Float64Array(elements.length), new Float64Array(elements.length)]
  const volts = new Float64Array(elements.length)
  const amps = new Float64Array(elements.length)
  return (kw: Float64Array, kvar: Float64Array, source: readonly number[]) => {
    const angle = [0, (-2 * Math.PI) / 3, (2 * Math.PI) / 3]
    const sr = angle.map((turn, phase) => (source[phase] ?? 230) * Math.cos(turn))
    const si = angle.map((turn, phase) => (source[phase] ?? 230) * Math.sin(turn))
    for (let node = 0; node < nodes; node++)
      for (let wire = 0; wire < 4; wire++) {
        vr[node * 4 + wire] = sr[wire] ?? 0
        vi[node * 4 + wire] = si[wire] ?? 0
      }
    er.fill(0)
    ei.fill(0)
    let heat = 0
    for (let round = 0; round < 4; round++) {
      ir.fill(0)
      ii.fill(0)
      heat = 0
      for (let at = 0; at < elements.length; at++) {
        const { node, phase, serviceOhm } = elements[at]!
        const place = node * 4
        // Phase to neutral at the meter: the drop in the service cable, there and back, is of the round before.
        const ur = vr[place + phase]! - vr[place + 3]! - 2 * serviceOhm * er[at]!
        const ui = vi[place + phase]! - vi[place + 3]! - 2 * serviceOhm * ei[at]!
        const square = ur * ur + ui * ui
        const [p, q] = [kw[at]! * 1000, kvar[at]! * 1000]
        const cr = (p * ur + q * ui) / square
        const ci = (p * ui - q * ur) / square
        er[at] = cr
        ei[at] = ci
        volts[at] = Math.sqrt(square)
        amps[at] = Math.sqrt(cr * cr + ci * ci)
        heat += 2 * serviceOhm * (cr * cr + ci * ci)
        ir[place + phase]! += cr
        ii[place + phase]! += ci
        ir[place + 3]! -= cr
        ii[place + 3]! -= ci
      }
      for (let node = nodes - 1; node >= 0; node--) {
        const { parent, ohm } = branches[node]!
        for (let wire = 0; wire < 4; wire++) {
          const [cr, ci] = [ir[node * 4 + wire]!, ii[node * 4 + wire]!]
          heat += ohm * (cr * cr + ci * ci)
          if (parent >= 0) {
            ir[parent * 4 + wire]! += cr
            ii[parent * 4 + wire]! += ci
          }
        }
      }
      for (let node = 0; node < nodes; node++) {
        const { parent, ohm, reactance } = branches[node]!
        for (let wire = 0; wire < 4; wire++) {
          const [pr, pi] = parent < 0 ? [sr[wire] ?? 0, si[wire] ?? 0] : [vr[parent * 4 + wire]!, vi[parent * 4 + wire]!]
          const [cr, ci] = [ir[node * 4 + wire]!, ii[node * 4 + wire]!]
          vr[node * 4 + wire] = pr - (ohm * cr - reactance * ci)
          vi[node * 4 + wire] = pi - (ohm * ci + reactance * cr)
        }
      }
    }
    const supply = [0, 0, 0, 0].map((_, wire) => {
      let [r, i] = [0, 0]
      for (let node = 0; node < nodes; node++)
        if (branches[node]!.parent < 0) {
          r += ir[node * 4 + wire]!
          i += ii[node * 4 + wire]!
        }
      return Math.hypot(r, i)
    })
    return { volts, amps, lossKw: heat / 1000, supplyA: supply }
  }
}
