import type { RatioKind } from '../../src/core/adapter.ts'
import { AFN } from './ask.ts'

/** What the numbers of one name in an item are. */
export interface Quantity {
  readonly field: string
  /** OBIS codes by place, the total first. */
  readonly obis: readonly string[]
  readonly unit: string
  readonly scaler: number
  readonly ratio: RatioKind
}

/** Tariffs beside the total that are kept. */
const TARIFFS = 12
const byTariff = (c: number, d: number): readonly string[] => Array.from({ length: TARIFFS + 1 }, (_, e) => `1-0:${c}.${d}.${e}`)
const now = (...groups: readonly number[]): readonly string[] => groups.map((c) => `1-0:${c}.7.0`)

const quantity = (field: string, obis: readonly string[], unit: string, scaler: number, ratio: RatioKind): Quantity => ({
  field,
  obis,
  unit,
  scaler,
  ratio,
})
/** A.14 has four decimals, A.11 two. */
const energy = (field: string, c: number, isActive: boolean): Quantity =>
  quantity(field, byTariff(c, 8), isActive ? 'kWh' : 'kvarh', isActive ? -4 : -2, 'ctpt')
const demand = (field: string, c: number, isActive: boolean): Quantity =>
  quantity(field, byTariff(c, 6), isActive ? 'kW' : 'kvar', -4, 'ctpt')
const curve = (c: number, unit: string, scaler: number, ratio: RatioKind): readonly Quantity[] => [
  quantity('values', now(c), unit, scaler, ratio),
]
const energyCurve = (c: number, unit: string): readonly Quantity[] => [quantity('values', [`1-0:${c}.8.0`], unit, -2, 'ctpt')]

/** OBIS group C of active power net, reactive power net, voltage, current, power factor: total and phases, as the meters' profiles have them. */
const GROUPS = {
  active: [16, 36, 56, 76],
  reactive: [131, 151, 171, 191],
  apparent: [9, 29, 49, 69],
  factor: [13, 33, 53, 73],
  voltage: [32, 52, 72],
  current: [31, 51, 71, 91],
} as const

/** Group C of the registers F129 to F136 and of those like them: forward active, forward reactive, reverse active, reverse reactive, quadrants I to IV. */
const REGISTERS = [1, 3, 2, 4, 5, 6, 7, 8] as const
/** Group C of the demands F145 to F148 and of those like them. */
const DEMANDS = [1, 3, 2, 4] as const

const forward: readonly Quantity[] = [
  energy('active_kWh', 1, true),
  energy('reactive_kvarh', 3, false),
  energy('reactive_q1_kvarh', 5, false),
  energy('reactive_q4_kvarh', 8, false),
]
const reverse: readonly Quantity[] = [
  energy('reverse_active_kWh', 2, true),
  energy('reverse_reactive_kvarh', 4, false),
  energy('reactive_q2_kvarh', 6, false),
  energy('reactive_q3_kvarh', 7, false),
]
const forwardDemand: readonly Quantity[] = [demand('active_demand_kW', 1, true), demand('reactive_demand_kvar', 3, false)]
const reverseDemand: readonly Quantity[] = [demand('reverse_active_demand_kW', 2, true), demand('reverse_reactive_demand_kvar', 4, false)]

const registers = (first: number): readonly (readonly [number, readonly Quantity[]])[] =>
  REGISTERS.map((c, at) => [first + at, [energy('values', c, c === 1 || c === 2)]])
const demands = (first: number): readonly (readonly [number, readonly Quantity[]])[] =>
  DEMANDS.map((c, at) => [first + at, [demand('values', c, c <= 2)]])
const each = (
  first: number,
  groups: readonly number[],
  unit: string,
  scaler: number,
  ratio: RatioKind,
): readonly (readonly [number, readonly Quantity[]])[] => groups.map((c, at) => [first + at, curve(c, unit, scaler, ratio)])

const CLASS1: ReadonlyMap<number, readonly Quantity[]> = new Map([
  [
    25,
    [
      quantity('P_kW', now(...GROUPS.active), 'kW', -4, 'ctpt'),
      quantity('Q_kvar', now(...GROUPS.reactive), 'kvar', -4, 'ctpt'),
      // Percents with one decimal are thousandths.
      quantity('PF_percent', now(...GROUPS.factor), '', -3, 'none'),
      quantity('U_V', now(...GROUPS.voltage), 'V', -1, 'pt'),
      quantity('I_A_ABC_and_zero', now(...GROUPS.current), 'A', -3, 'ct'),
      quantity('S_kVA', now(...GROUPS.apparent), 'kVA', -4, 'ctpt'),
    ],
  ],
  [33, forward],
  [34, reverse],
  ...registers(129),
  ...demands(145),
] satisfies (readonly [number, readonly Quantity[]])[])

const CLASS2: ReadonlyMap<number, readonly Quantity[]> = new Map([
  ...[0, 8, 16].flatMap((at): (readonly [number, readonly Quantity[]])[] => [
    [at + 1, forward],
    [at + 2, reverse],
    [at + 3, forwardDemand],
    [at + 4, reverseDemand],
  ]),
  ...registers(161),
  ...registers(169),
  ...registers(177),
  ...demands(185),
  ...demands(189),
  ...demands(193),
  ...each(81, GROUPS.active, 'kW', -4, 'ctpt'),
  ...each(85, GROUPS.reactive, 'kvar', -4, 'ctpt'),
  ...each(89, GROUPS.voltage, 'V', -1, 'pt'),
  ...each(92, GROUPS.current, 'A', -3, 'ct'),
  ...DEMANDS.map((c, at): readonly [number, readonly Quantity[]] => [101 + at, energyCurve(c, c <= 2 ? 'kWh' : 'kvarh')]),
  ...each(105, GROUPS.factor, '', -3, 'none'),
  ...[5, 8, 6, 7].map((c, at): readonly [number, readonly Quantity[]] => [145 + at, energyCurve(c, 'kvarh')]),
] satisfies (readonly [number, readonly Quantity[]])[])

/**
 * What an item's numbers are in the house's codes: for values that a terminal sends without being asked, so that no profile says it.
 *
 * @returns  null for items whose numbers the house keeps no series of
 */
export const quantitiesOf = (afn: number, fn: number): readonly Quantity[] | null =>
  (afn === AFN.now ? CLASS1 : afn === AFN.past || afn === AFN.task ? CLASS2 : null)?.get(fn) ?? null
