import type { AreaFrame, MeterColumns, Phase } from '../frame.ts'
import type { TechnicalLoss } from '../view.ts'
import { placesOf } from './phases.ts'
import { placeEnergy, shareOut } from './places.ts'
import { tanOf } from './supply.ts'

/** Share of the meters whose place in the network must be known. */
const PLACED = 0.95

interface Branch {
  readonly parent: string
  readonly ohm: number
}

/** Way of each node to the root, nearest nodes first; null when the lines are no tree that reaches them. */
const treeOf = ({ fact }: AreaFrame): { readonly order: readonly string[]; readonly up: ReadonlyMap<string, Branch> } | null => {
  const { network } = fact
  if (!network) return null
  const beside = new Map<string, { readonly to: string; readonly ohm: number }[]>()
  const join = (from: string, to: string, ohm: number) => beside.set(from, [...(beside.get(from) ?? []), { to, ohm }])
  for (const { from, to, ohm } of network.lines) {
    join(from, to, ohm)
    join(to, from, ohm)
  }
  const up = new Map<string, Branch>()
  const order = [network.root]
  for (const node of order)
    for (const { to, ohm } of beside.get(node) ?? []) {
      if (to === network.root || up.has(to)) continue
      up.set(to, { parent: node, ohm })
      order.push(to)
    }
  return { order, up }
}

/**
 * Energy lost in the wires by resistance (等值电阻法), line by line through a network that is known: `sum over lines of R (I_A² + I_B² + I_C² + I_N²) t`, the neutral as thick as
 * a phase, currents from energies; service cables there and back.
 *
 * @source DL/T 686, equivalent resistance; here without the equivalence: every line has its own current
 */
export const networkLoss = (
  frame: AreaFrame,
  members: readonly MeterColumns[],
  phases: Readonly<Record<string, Phase>>,
): TechnicalLoss | null => {
  const tree = treeOf(frame)
  if (!tree) return null
  const { order, up } = tree
  const placed = members.filter(({ fact }) => fact.node !== null && (up.has(fact.node) || fact.node === order[0]))
  if (placed.length < PLACED * members.length || placed.length === 0) return null
  const { slots, stepMs } = frame
  const nominal = frame.fact.nominalV
  const hours = stepMs / 3_600_000
  const kwh = new Float64Array(slots)
  const known = new Float64Array(slots)
  const flows = new Map<string, readonly Float32Array[]>()
  const at = (node: string): readonly Float32Array[] => {
    let one = flows.get(node)
    if (!one) {
      one = [0, 1, 2].map(() => new Float32Array(slots))
      flows.set(node, one)
    }
    return one
  }
  let usual = 0
  for (const meter of placed) {
    const node = at(meter.fact.node ?? '')
    for (const [place, phase] of placesOf(meter, phases).entries()) {
      const flow = node[phase ?? 0]
      const energies = placeEnergy(frame, meter, place)
      const share = shareOut(energies)
      usual += share
      const ohm = (meter.fact.serviceOhm ?? 0) * (meter.fact.type === '1P' ? 2 : 1)
      for (let slot = 0; slot < slots; slot++) {
        const energy = energies[slot] ?? Number.NaN
        if (Number.isNaN(energy)) continue
        const ampere = (energy * 1000) / hours / nominal
        const heat = 1 + tanOf(meter.pf?.[slot] ?? Number.NaN) ** 2
        kwh[slot] = (kwh[slot] ?? 0) + (ohm * heat * ampere * ampere * hours) / 1000
        known[slot] = (known[slot] ?? 0) + share
        if (flow) flow[slot] = (flow[slot] ?? 0) + ampere
      }
    }
  }
  const gateway = frame.gateways[0]
  for (const node of [...order].reverse()) {
    const branch = up.get(node)
    const [a, b, c] = flows.get(node) ?? []
    if (!branch || !a || !b || !c) continue
    const above = at(branch.parent)
    for (let slot = 0; slot < slots; slot++) {
      const x = a[slot] ?? 0
      const y = b[slot] ?? 0
      const z = c[slot] ?? 0
      const squares = x * x + y * y + z * z
      const neutral = squares - x * y - y * z - z * x
      const heat = 1 + tanOf(gateway?.pf?.[slot] ?? Number.NaN) ** 2
      kwh[slot] = (kwh[slot] ?? 0) + (branch.ohm * heat * (squares + neutral) * hours) / 1000
      for (const [phase, ampere] of [x, y, z].entries()) {
        const flow = above[phase]
        if (flow) flow[slot] = (flow[slot] ?? 0) + ampere
      }
    }
  }
  for (let slot = 0; slot < slots; slot++) {
    const share = (known[slot] ?? 0) / usual
    kwh[slot] = share >= 0.5 ? (kwh[slot] ?? 0) / share : Number.NaN
  }
  return {
    kwh,
    method: 'resistance',
    inputs: {
      zh: `${up.size} 段线路电阻与 ${placed.length} 只电能表的电量（分相，含零线与接户线）`,
      en: `resistances of ${up.size} lines and energies of ${placed.length} meters, phase by phase, with neutral and service cables`,
    },
    error: 0.1,
  }
}
