import type { Finding } from './finding.ts'
import { BUS_UNBALANCE, inForce, limitsOf } from './loss-limits.ts'
import { isBeyond, type ThresholdLayers } from './rule.ts'

/** Energy that flows in or out at a metering point over one time, kWh; null = not known. */
export interface Flow {
  readonly id: string
  readonly kwh: number | null
}

/** Balance of a bus section (母线平衡) over one time, readings of the same instant, multipliers applied. */
export interface BusBalance {
  /** Σ in and Σ out, kWh; null while any of it is not known. */
  readonly inKwh: number | null
  readonly outKwh: number | null
  readonly unbalanceKwh: number | null
  /** (Σ in - Σ out) / Σ in, per cent. */
  readonly pct: number | null
  readonly limitPct: number
  readonly state: 'balanced' | 'unbalanced' | 'not-computable'
  readonly missing: readonly string[]
}

export interface BusTerms {
  readonly id: string
  readonly zone: string | null
  /** null = nobody said; the limit of lower voltages holds. */
  readonly voltageKv: number | null
  readonly thresholds: ThresholdLayers
}

const total = (flows: readonly Flow[]): number | null =>
  flows.length === 0 || flows.some(({ kwh }) => kwh === null) ? null : flows.reduce((sum, { kwh }) => sum + (kwh ?? 0), 0)

/** @source usual limits: 1 % from 220 kV on, 2 % below; both ends of the band belong to it */
export const busBalance = (ins: readonly Flow[], outs: readonly Flow[], { id, zone, voltageKv, thresholds }: BusTerms): BusBalance => {
  const limit = limitsOf(thresholds, BUS_UNBALANCE, { id, zone })
  const isHigh = isBeyond(voltageKv, '>=', limit('voltage_kv'))
  const limitPct = limit(isHigh ? 'high_voltage_pct' : 'low_voltage_pct')
  const [inKwh, outKwh] = [total(ins), total(outs)]
  const missing = [...ins, ...outs].flatMap((flow) => (flow.kwh === null ? [flow.id] : []))
  const base = { inKwh, outKwh, limitPct, missing }
  if (inKwh === null || outKwh === null || !(inKwh > 0)) return { ...base, unbalanceKwh: null, pct: null, state: 'not-computable' }
  const unbalanceKwh = inKwh - outKwh
  const pct = (100 * unbalanceKwh) / inKwh
  return { ...base, unbalanceKwh, pct, state: isBeyond(Math.abs(pct), '>', limitPct) ? 'unbalanced' : 'balanced' }
}

/** What an unbalanced bus says; null when there is nothing to say. */
export const busFinding = (
  balance: BusBalance,
  terms: BusTerms,
  time: { readonly from: number; readonly to: number; readonly points: readonly string[] },
): Finding | null => {
  const { inKwh, outKwh, unbalanceKwh, pct, limitPct, state } = balance
  if (state !== 'unbalanced' || inKwh === null || outKwh === null || unbalanceKwh === null || pct === null) return null
  const error = 0.005 * inKwh
  return {
    ...{ rule: BUS_UNBALANCE.id, version: BUS_UNBALANCE.version, kind: 'bus_unbalance', key: `${BUS_UNBALANCE.id}:${terms.id}` },
    ...{
      target: terms.id,
      area: '',
      level: 'bus',
      from: time.from,
      to: null,
      score: Math.min(1, 0.5 + 0.25 * (Math.abs(pct) / limitPct - 1)),
    },
    severity: Math.abs(pct) > 2 * limitPct ? 'high' : 'medium',
    kwh: { value: unbalanceKwh, low: unbalanceKwh - error, high: unbalanceKwh + error },
    numbers: { inKwh, outKwh, unbalanceKwh, unbalancePct: pct, limitPct, voltageKv: terms.voltageKv },
    thresholds: inForce(terms.thresholds, BUS_UNBALANCE, { id: terms.id, zone: terms.zone }),
    series: time.points.map((id) => ({ measurement: 'interval', id, fields: ['1.8.0', '2.8.0'], from: time.from, to: time.to })),
    ruledOut: [],
    why: {
      en: `${inKwh.toFixed(1)} kWh go in, ${outKwh.toFixed(1)} kWh come out: ${pct.toFixed(2)} %, allowed ±${limitPct} %`,
      zh: `母线输入 ${inKwh.toFixed(1)} kWh，输出 ${outKwh.toFixed(1)} kWh，不平衡率 ${pct.toFixed(2)} %，允许 ±${limitPct} %`,
    },
    action: {
      en: 'compare ratios and clocks of the meters of the bus, then phase by phase the currents at each meter with the protection',
      zh: '核对母线各表倍率与时钟，再逐相比对各表与保护电流',
    },
  }
}
