import type { MeterColumns, Phase } from './frame.ts'

/** Why the loss of a phase is not known. */
export const PHASE_FAULTS = [
  'no-gateway',
  'gateway-energy-missing',
  'gateway-instants-missing',
  'feed-in',
  'phase-unknown',
  'customer-energy-missing',
  'three-phase-split-missing',
] as const
export type PhaseFault = (typeof PHASE_FAULTS)[number]

/** Line loss of one phase (分相线损) over a day. */
export interface PhaseLoss {
  readonly phase: 'A' | 'B' | 'C'
  readonly state: 'computed' | 'not-computable'
  readonly faults: readonly PhaseFault[]
  /** Points because of which it is not computable. */
  readonly because: readonly string[]
  /** kWh; null = not known. */
  readonly supplyKwh: number | null
  readonly soldKwh: number | null
  readonly lossKwh: number | null
  /** Per cent of the supply of the phase. */
  readonly lossPct: number | null
  /** Half width of the 95 % interval of the loss, kWh: the split of registers that count all phases together. */
  readonly errorKwh: number | null
}

/** One day of an area: columns of that day alone. */
export interface PhaseDay {
  readonly gateways: readonly MeterColumns[]
  readonly meters: readonly MeterColumns[]
  /** Phases that voltages tell; they go before those of the ledger. */
  readonly phases: Readonly<Record<string, Phase>>
}

const PHASES = ['A', 'B', 'C'] as const
/** Energy of quarter hours whose phases were not read takes the shares of the others, up to this part of the day. */
const MOST_UNSEEN = 0.05
/** More fed in than this part of the supply: currents do not say which way they flow. */
const MOST_FED_IN = 0.01
/** Power factors of phases differ from each other by this, one sigma. @source 0.9 to 1 for LV feeders, evenly: 0.1 / √12 */
const POWER_FACTOR_SIGMA = 0.1 / Math.sqrt(12)
const SIGMAS = 1.96

interface Split {
  readonly kwh: readonly [number, number, number]
  /** Variance, kWh². */
  readonly variance: readonly [number, number, number]
}

/**
 * Supply, sold energy and loss of each phase. A register counts all phases together, so its energy is split quarter hour by quarter hour in the ratio
 * of voltage times current at both ends; single-phase meters count on their phase.
 *
 * The error has two parts: shares that move between two readings (half their change in each quarter hour, independent of each other), and power factors
 * that nobody measures by phase (the same all day).
 */
export const phaseLosses = ({ gateways, meters, phases }: PhaseDay): readonly PhaseLoss[] => {
  const all: [fault: PhaseFault, id: string | null][] = []
  if (gateways.length === 0) all.push(['no-gateway', null])
  const supply: (Split | null)[] = gateways.map((gateway) => {
    if (total(gateway) === null) all.push(['gateway-energy-missing', gateway.fact.id])
    else if (!splitOf(gateway)) all.push(['gateway-instants-missing', gateway.fact.id])
    return splitOf(gateway)
  })
  const supplied = gateways.reduce((sum, gateway) => sum + (total(gateway) ?? 0), 0)
  const fedIn = [...gateways, ...meters].filter((one) => fed(one) > MOST_FED_IN * supplied)
  for (const { fact } of fedIn) all.push(['feed-in', fact.id])
  const own: [fault: PhaseFault, id: string][][] = [[], [], []]
  const sold = [0, 0, 0]
  const variance = [0, 0, 0]
  for (const meter of meters) {
    const { fact } = meter
    const phase = fact.type === '1P' ? (phases[fact.id] ?? fact.phase) : 'ABC'
    const at = ['A', 'B', 'C'].indexOf(phase ?? '')
    const kwh = total(meter)
    if (fact.type === '1P' && at < 0) all.push(['phase-unknown', fact.id])
    else if (fact.type === '1P') {
      if (kwh === null) own[at]?.push(['customer-energy-missing', fact.id])
      else sold[at] = (sold[at] ?? 0) + kwh
    } else {
      const split = kwh === null ? null : splitOf(meter)
      if (!split) all.push([kwh === null ? 'customer-energy-missing' : 'three-phase-split-missing', fact.id])
      for (const [place, part] of split?.kwh.entries() ?? []) {
        sold[place] = (sold[place] ?? 0) + part
        variance[place] = (variance[place] ?? 0) + (split?.variance[place] ?? 0)
      }
    }
  }
  return PHASES.map((phase, at): PhaseLoss => {
    const faults = [...all, ...(own[at] ?? [])]
    const supplyKwh = supply.length === 0 || supply.includes(null) ? null : supply.reduce((sum, one) => sum + (one?.kwh[at] ?? 0), 0)
    const base = {
      phase,
      faults: [...new Set(faults.map(([fault]) => fault))],
      because: [...new Set(faults.flatMap(([, id]) => id ?? []))],
    }
    if (faults.length > 0 || supplyKwh === null)
      return { ...base, state: 'not-computable', supplyKwh: null, soldKwh: null, lossKwh: null, lossPct: null, errorKwh: null }
    const soldKwh = sold[at] ?? 0
    const lossKwh = supplyKwh - soldKwh
    const whole = (variance[at] ?? 0) + supply.reduce((sum, one) => sum + (one?.variance[at] ?? 0), 0)
    return {
      ...{ ...base, state: 'computed', supplyKwh, soldKwh, lossKwh },
      lossPct: supplyKwh > 0 ? (100 * lossKwh) / supplyKwh : null,
      errorKwh: SIGMAS * Math.sqrt(whole),
    }
  })
}

/** Energy of the day, kWh; null while a quarter hour of it is not known. */
const total = ({ imp }: MeterColumns): number | null => {
  let sum = 0
  for (const kwh of imp) sum += kwh
  return imp.length > 0 && Number.isFinite(sum) ? sum : null
}

const fed = ({ exp }: MeterColumns): number => {
  let sum = 0
  for (const kwh of exp) if (kwh > 0) sum += kwh
  return sum
}

/** Energy of a three-phase meter by phase; null when its phases were not read for too much of it. */
const splitOf = ({ imp, u, i }: MeterColumns): Split | null => {
  const kwh: [number, number, number] = [0, 0, 0]
  const moved: [number, number, number] = [0, 0, 0]
  let seen = 0
  let unseen = 0
  let before: readonly number[] | null = null
  for (const [slot, energy] of imp.entries()) {
    const after = sharesAt(u, i, slot)
    const shares = before && after ? after.map((share, at) => (share + (before?.[at] ?? 0)) / 2) : (after ?? before)
    if (!Number.isFinite(energy)) return null
    if (energy > 0 && shares === null) unseen += energy
    else if (shares !== null)
      for (const at of [0, 1, 2] as const) {
        kwh[at] += energy * (shares[at] ?? 0)
        // With one end alone the share may be anything that the other ends were: a sixth is the sigma of an even spread over half.
        const change = before && after ? ((after[at] ?? 0) - (before[at] ?? 0)) / 2 : 1 / 6
        moved[at] += (energy * change) ** 2
      }
    if (shares !== null) seen += energy
    before = after
  }
  const all = seen + unseen
  if (all === 0) return { kwh: [0, 0, 0], variance: [0, 0, 0] }
  if (unseen > MOST_UNSEEN * all) return null
  const of = (at: 0 | 1 | 2) => (kwh[at] / seen) * all
  const sigma = (at: 0 | 1 | 2) => {
    const share = kwh[at] / seen
    // A phase alone has nothing to be mistaken for.
    return moved[at] + (of(at) * (1 - share) * POWER_FACTOR_SIGMA) ** 2 + (unseen * share) ** 2 / 3
  }
  return { kwh: [of(0), of(1), of(2)], variance: [sigma(0), sigma(1), sigma(2)] }
}

/** Apparent power of each phase over that of all, at the end of a slot. */
const sharesAt = (u: MeterColumns['u'], i: MeterColumns['i'], slot: number): readonly number[] | null => {
  const powers = [0, 1, 2].map((at) => (u[at]?.[slot] ?? Number.NaN) * Math.abs(i[at]?.[slot] ?? Number.NaN))
  const all = powers.reduce((sum, power) => sum + power, 0)
  return all > 0 ? powers.map((power) => power / all) : null
}
