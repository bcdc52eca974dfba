import type { Finding } from '../finding.ts'
import { findingOf, limitsOf, round, rule, say, threshold, timeOf } from '../meter/shared.ts'
import type { AreaView, Detected, Detector } from '../view.ts'
import { lastDays } from './follow.ts'
import { identifyPhases, isSure, PHASE_DAYS, type PhaseEstimate } from './phases.ts'

const RULE = rule({
  id: 'wrong-phase',
  version: 1,
  title: { zh: '相别档案错误', en: 'phase of a meter wrong in the ledger' },
  thresholds: {
    margin: threshold(
      0.1,
      '>=',
      '',
      [0.02, 0.5],
      { zh: '与最佳相的相关系数超出台账相的幅度', en: 'correlation with the phase found over that with the next' },
      'twice the standard error of a correlation over one day of quarter hours (1/√96)',
    ),
    sigmas: threshold(
      5,
      '>=',
      'σ',
      [2, 20],
      { zh: '两相份额之差与标准误之比', en: 'difference of the shares of the two phases over its standard error' },
      'five standard errors: once in a million meters by chance',
    ),
  },
})

const claimOf = (view: AreaView, estimate: PhaseEstimate): Finding | null => {
  const meter = view.frame.meters.find(({ fact }) => fact.id === estimate.id)
  if (!meter || meter.fact.phase === null || meter.fact.phase === estimate.phase) return null
  const limit = limitsOf(view, RULE, meter.fact)
  if (!(estimate.margin >= limit('margin')) || !(estimate.sigmas >= limit('sigmas'))) return null
  const { phase, correlation, margin, sigmas, rows } = estimate
  const from = timeOf(view.frame, lastDays(view.frame, PHASE_DAYS))
  const to = timeOf(view.frame, view.frame.slots)
  const gateway = view.frame.gateways[0]?.fact.id ?? view.frame.fact.id
  return {
    ...findingOf(view, RULE, meter.fact, limit, {
      kind: 'wrong_phase',
      apart: phase,
      from: view.frame.start,
      to: null,
      score: Math.min(0.99, 0.7 + margin),
      severity: 'low',
      numbers: {
        ledgerPhase: meter.fact.phase,
        phaseByVoltage: phase,
        correlation: round(correlation),
        margin: round(margin),
        sigmas: round(sigmas, 1),
        slots: rows,
        windowDays: PHASE_DAYS,
      },
      series: [
        { measurement: 'instant', id: meter.fact.id, fields: ['voltage_l1'], from, to },
        { measurement: 'instant', id: gateway, fields: ['voltage_l1', 'voltage_l2', 'voltage_l3'], from, to },
      ],
      why: {
        zh: `电压变化跟随总表${phase}相（相关 ${say(correlation, 2)}，超出其他相 ${say(margin, 2)}），台账为${meter.fact.phase}相`,
        en: `its voltage follows phase ${phase} of the gateway (correlation ${say(correlation, 2)}, ${say(margin, 2)} over the next), the ledger says ${meter.fact.phase}`,
      },
      action: {
        zh: `将台账相别更正为${phase}相，巡视时核对接户线`,
        en: `correct the phase to ${phase} in the ledger; check the service drop on the next visit`,
      },
    }),
    truePhase: phase,
  }
}

/** Phase identification (相别识别): tells the others the phases, and claims where the ledger says otherwise. */
export const voltagePhases: Detector = {
  rule: RULE,
  detect: (view): Detected => {
    const estimates = identifyPhases(view.frame)
    const phases = Object.fromEntries(
      estimates.flatMap((one) => {
        const ledger = view.frame.meters.find(({ fact }) => fact.id === one.id)?.fact.phase ?? null
        // A guess is better than nothing, but not better than the ledger.
        return isSure(one) || ledger === null ? [[one.id, one.phase] as const] : [[one.id, ledger] as const]
      }),
    )
    return { phases, findings: estimates.flatMap((one) => claimOf(view, one) ?? []) }
  },
}
