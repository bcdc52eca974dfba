import { type Obis, parseObis } from '../core/index.ts'

/** Length of an interval whose energy is meant; null: the value at an instant. */
export type CodePeriod = '15m' | '1h' | 'day' | 'month' | null

/**
 * What kind of value it is, in the codes that IEC 61968-9 (CIM) and NAESB REQ.21 (Green Button) share.
 *
 * @source IEC 61968-9:2013 annex C names the eighteen places of a ReadingType; the codes themselves are public as enumerations of NAESB's
 *         espi.xsd (AccumulationKind, CommodityKind, DataQualifierKind, FlowDirectionKind, MeasurementKind, PhaseCodeKind, TimeAttributeKind,
 *         TimePeriodOfInterest, UnitMultiplierKind, UnitSymbolKind), which says that they are those of IEC 61968-9
 */
export interface ReadingCode {
  /** TimePeriodOfInterest: 0 none, 11 daily, 13 monthly. */
  readonly macroPeriod: number
  /** DataQualifierKind: 0 none, 8 maximum. */
  readonly aggregate: number
  /** TimeAttributeKind: 0 none, 2 = 15 minutes, 7 = 60 minutes. */
  readonly measuringPeriod: number
  /** AccumulationKind: 1 bulk quantity (a register that only grows), 4 delta data, 6 indicating, 12 instantaneous. */
  readonly accumulation: number
  /** FlowDirectionKind: 1 forward, 4 net, 5 Q1+Q2, 13 Q3+Q4, 15 to 18 quadrants, 19 reverse, 20 total. */
  readonly flowDirection: number
  /** CommodityKind: 1 electricity, as metered at the customer. */
  readonly commodity: number
  /** MeasurementKind: 4 current, 8 demand, 12 energy, 15 frequency, 37 power, 38 power factor, 54 voltage. */
  readonly kind: number
  /** Tariff (费率); 0 = of all together. */
  readonly tou: number
  /** PhaseCodeKind: 0 not applicable, 128 A, 64 B, 32 C, 129 AN, 65 BN, 33 CN, 16 neutral. */
  readonly phases: number
  /** UnitMultiplierKind: power of ten of the house's unit, 3 = kilo. */
  readonly multiplier: number
  /** UnitSymbolKind: 5 A, 29 V, 33 Hz, 38 W, 61 VA, 63 VAr, 65 cos φ, 71 VAh, 72 Wh, 73 VArh. */
  readonly unit: number
}

type Side = 'active' | 'reactive' | 'apparent'
const UNIT_OF: Readonly<Record<Side, { readonly power: number; readonly energy: number }>> = {
  active: { power: 38, energy: 72 },
  reactive: { power: 63, energy: 73 },
  apparent: { power: 61, energy: 71 },
}

/** Value group C of powers and energies, without phase. @source IEC 62056-6-1, value group C */
const FLOWS: Readonly<Record<number, { readonly side: Side; readonly flow: number }>> = {
  1: { side: 'active', flow: 1 },
  2: { side: 'active', flow: 19 },
  3: { side: 'reactive', flow: 5 },
  4: { side: 'reactive', flow: 13 },
  5: { side: 'reactive', flow: 15 },
  6: { side: 'reactive', flow: 16 },
  7: { side: 'reactive', flow: 17 },
  8: { side: 'reactive', flow: 18 },
  9: { side: 'apparent', flow: 1 },
  10: { side: 'apparent', flow: 19 },
  15: { side: 'active', flow: 20 },
  16: { side: 'active', flow: 4 },
}
/** Reactive net of all phases and of each: not in the groups of twenty. */
const NET_REACTIVE: Readonly<Record<number, number>> = { 131: 0, 151: 1, 171: 2, 191: 3 }
/** Value group C of what has no direction. `toNeutral`: a voltage of a phase is measured against the neutral conductor. */
const PLAIN: Readonly<Record<number, { readonly kind: number; readonly unit: number; readonly toNeutral?: boolean }>> = {
  11: { kind: 4, unit: 5 },
  12: { kind: 54, unit: 29, toNeutral: true },
  13: { kind: 38, unit: 65 },
  14: { kind: 15, unit: 33 },
}
const PHASE = [0, 128, 64, 32] as const
const PHASE_TO_NEUTRAL = [0, 129, 65, 33] as const
const NEUTRAL = 16

const SPAN: Readonly<Record<Exclude<CodePeriod, null>, { readonly macroPeriod: number; readonly measuringPeriod: number }>> = {
  '15m': { macroPeriod: 0, measuringPeriod: 2 },
  '1h': { macroPeriod: 0, measuringPeriod: 7 },
  day: { macroPeriod: 11, measuringPeriod: 0 },
  month: { macroPeriod: 13, measuringPeriod: 0 },
}
const NOTHING = {
  macroPeriod: 0,
  aggregate: 0,
  measuringPeriod: 0,
  flowDirection: 0,
  commodity: 1,
  tou: 0,
  phases: 0,
  multiplier: 0,
} as const

/**
 * The code of a value of the house, which is in the house's unit (kWh, kW, V, A).
 *
 * @param obis    full or short
 * @param period  of interval energy; null for a register or an instantaneous value
 * @returns       null for what has no code: other media, angles, distortion, money
 */
export const readingCodeOf = (obis: Obis, period: CodePeriod): ReadingCode | null => {
  const parts = parseObis(obis)
  if (parts?.a !== 1 || parts.b !== 0) return null
  const { c, d, e } = parts
  const net = NET_REACTIVE[c]
  const isPhase = c > 20 && c <= 80
  const phase = net ?? (isPhase ? Math.floor((c - 1) / 20) : 0)
  const group = isPhase ? c - phase * 20 : c
  const flow = net === undefined ? FLOWS[group] : { side: 'reactive' as const, flow: 4 }
  if (flow) return flowCode(flow, phase, d, e, period)
  // Instants: only the plain value has a code, not its distortion (E = 124) or extremes.
  if (period !== null || d !== 7 || e !== 0) return null
  if (c === 91) return { ...NOTHING, accumulation: 12, kind: 4, unit: 5, phases: NEUTRAL }
  const plain = PLAIN[group]
  if (!plain) return null
  const phases = plain.toNeutral ? PHASE_TO_NEUTRAL : PHASE
  return { ...NOTHING, accumulation: 12, kind: plain.kind, unit: plain.unit, phases: phases[phase] ?? 0 }
}

const flowCode = (
  { side, flow }: { readonly side: Side; readonly flow: number },
  phase: number,
  d: number,
  e: number,
  period: CodePeriod,
): ReadingCode | null => {
  const { power, energy } = UNIT_OF[side]
  const common = { ...NOTHING, flowDirection: flow, phases: PHASE[phase] ?? 0, multiplier: 3 }
  if (d === 8) {
    const code = { ...common, kind: 12, unit: energy, tou: e }
    return period === null ? { ...code, accumulation: 1 } : { ...code, ...SPAN[period], accumulation: 4 }
  }
  if (period !== null) return null
  if (d === 6) return { ...common, accumulation: 6, aggregate: 8, kind: 8, unit: power, tou: e }
  return d === 7 && e === 0 ? { ...common, accumulation: 12, kind: 37, unit: power } : null
}

/** The eighteen places of a ReadingType as one text. @source IEC 61968-9:2013 annex C */
export const mridOf = (code: ReadingCode): string =>
  [
    ...[code.macroPeriod, code.aggregate, code.measuringPeriod, code.accumulation, code.flowDirection, code.commodity, code.kind],
    // interharmonic and argument, each as a fraction
    ...[0, 0, 0, 0],
    // critical peak period and consumption tier are not measured
    ...[code.tou, 0, 0, code.phases, code.multiplier, code.unit, 0],
  ].join('.')
