import type { Clock } from '../../src/core/clock.ts'
import type { Field } from '../answering.ts'
import { type Concentrators, ruledAddress, startConcentrators } from '../concentrator/fleet.ts'
import type { WiredMeter } from '../concentrator/habits.ts'
import type { Instrument } from '../instrument.ts'
import { mix } from '../random.ts'
import { areaName, type DialKind, isDialled, meterId, type VillageMeter, type VillagePlan, villageOf } from './describe.ts'

/** The village's listener for concentrators, in its gateway.yaml. */
export const DIAL_IN = 'dial-in'

const PROTOCOLS: readonly DialKind[] = ['gw3761', 'dlt698']
/** Meters of each, the area's own included. */
const METERS = 8
const PROFILES: Readonly<Record<DialKind, Readonly<Record<1 | 3, string>>>> = {
  gw3761: { 1: 'gw3761/single-phase', 3: 'gw3761/three-phase' },
  dlt698: { 1: 'dlt698/single-phase', 3: 'dlt698/three-phase' },
}
const RS485 = 2
const POWER_LINE = 31

/** Two transformer areas more, each behind a concentrator (集中器): one of Q/GDW 376.1, one of DL/T 698.45. What was there stays as it is. */
export const withConcentrators = (plan: VillagePlan): VillagePlan => {
  const more = villageOf(mix(plan.seed, 41), METERS * PROTOCOLS.length)
  const first = plan.areas.length
  const areas = PROTOCOLS.map((_, at) => ({ ...more.areas[at]!, id: areaId(first + at), name: areaName(first + at) }))
  const meters = more.meters.map((meter, index): VillageMeter => {
    const at = more.areas.findIndex(({ id }) => id === meter.area)
    const area = areaId(first + at)
    const { family: _, ...rest } = meter
    return {
      ...rest,
      id: meterId(plan.meters.length + index + 1),
      point: meter.point.replace(meter.area, area),
      name: meter.name.replace(meter.area, area),
      area,
      line: lineId(at),
      address: `2026${String(first + at + 1).padStart(2, '0')}${String(plan.meters.length + index + 1).padStart(6, '0')}`,
      profile: PROFILES[PROTOCOLS[at]!][phasesOf(meter)],
    }
  })
  return {
    ...plan,
    areas: [...plan.areas, ...areas],
    lines: [...plan.lines, ...PROTOCOLS.map((kind, at) => ({ id: lineId(at), kind }))],
    meters: [...plan.meters, ...meters],
  }
}

const areaId = (at: number): string => `A${String(at + 1).padStart(2, '0')}`
const lineId = (at: number): string => `conc-${String(at + 1).padStart(2, '0')}`
const phasesOf = ({ phase }: Pick<VillageMeter, 'phase'>): 1 | 3 => (phase === 'L123' ? 3 : 1)

/** How the meters of one concentrator hang on its wires: the area's meter on RS-485, the rest on the power line, numbered from one. */
export const wiredOf = (plan: VillagePlan, line: string): readonly WiredMeter[] =>
  plan.meters
    .filter((meter) => meter.line === line)
    .map((meter, at) => ({
      ...{ id: meter.id, address: meter.address, pn: at + 1, number: at + 1 },
      port: meter.use === 'supply' ? RS485 : POWER_LINE,
      phases: phasesOf(meter),
    }))

/** Address of a concentrator as the ledger writes it. */
export const concentratorAddress = (plan: VillagePlan, line: string): string => {
  const dialled = plan.lines.filter(({ kind }) => isDialled(kind))
  const at = dialled.findIndex(({ id }) => id === line)
  const kind = dialled[at]?.kind
  return ruledAddress(kind === 'dlt698' ? 'dlt698' : 'gw3761', at + 1)
}

/** Concentrators of a village that dial `port`; null = it has none. Times of the world are the village's. */
export const startDialled = (
  plan: VillagePlan,
  on: {
    readonly host: string
    readonly port: number
    readonly field: Field
    readonly clock: Clock
    readonly instruments: ReadonlyMap<string, Instrument>
  },
): Concentrators | null => {
  const specs = plan.lines.flatMap(({ id, kind }) =>
    isDialled(kind)
      ? [
          {
            ...{ id, protocol: kind, address: concentratorAddress(plan, id), meters: wiredOf(plan, id) },
            instrumentOf: ({ id: meter }: WiredMeter) => on.instruments.get(meter)!,
          },
        ]
      : [],
  )
  if (specs.length === 0) return null
  return startConcentrators({
    ...{ specs, host: on.host, port: on.port, field: on.field, seed: plan.seed },
    habits: {
      edition: '2013',
      heartbeatMs: 20_000,
      redialMs: [150, 500],
      answerMs: [5, 40],
      plcMs: [100, 600],
      plcLoss: 0.02,
      successRate: 0.97,
      collectMs: [20_000, 150_000],
      catchUpMs: [600_000, 7_200_000],
    },
  })
}
