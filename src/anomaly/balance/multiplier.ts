import type { Finding } from '../finding.ts'
import { estimate, findingOf, type Limit, limitsOf, round, say } from '../meter/shared.ts'
import type { AreaView, Detector } from '../view.ts'
import type { Component, Explanation } from './explain.ts'
import { isExplained } from './explained.ts'
import { WRONG_MULTIPLIER } from './rules.ts'
import { daysOf, energyOf, logistic, onsetTime, studyOf } from './suspects.ts'

/**
 * Rated primary currents of current transformers, ampere, over a secondary of 5 A; PT ratios of 10 kV metering multiply them by 100.
 * @source IEC 61869-2, 5.201: 10, 12.5, 15, 20, 25, 30, 40, 50, 60, 75 and their decimal multiples; 37.5, 45, 80 and 90 are in use besides
 */
const PRIMARY = [10, 12.5, 15, 20, 25, 30, 37.5, 40, 45, 50, 60, 75, 80, 90] as const

const STANDARD: readonly number[] = [1, ...[1, 10, 100, 1000].flatMap((decade) => PRIMARY.map((ampere) => (ampere * decade) / 5))]

/** Nearest standard ratio; multiples by 100 for a voltage transformer when the ledger has one. */
export const standardRatio = (ratio: number): number =>
  STANDARD.reduce((best, one) => (Math.abs(Math.log(ratio / one)) < Math.abs(Math.log(ratio / best)) ? one : best))

export interface MultiplierFault {
  readonly seen: number
  readonly suggested: number
  readonly score: number
}

/**
 * Whether a component in step with its meter is a wrong ratio: behind current transformers, and the ratio it asks for is a standard one.
 * Theft by a transformer customer looks the same to the balance; only the ratio tells, and a date: what was so from the first day is the ledger's.
 */
export const asMultiplier = (view: AreaView, explanation: Explanation, one: Component): MultiplierFault | null => {
  const meter = view.frame.meters[one.meter]
  if (!meter || one.shape !== 'share' || (meter.fact.type !== '3P-CT' && meter.fact.multiplier === 1)) return null
  if (isExplained(view, meter)) return null
  const limit: Limit<typeof WRONG_MULTIPLIER> = limitsOf(view, WRONG_MULTIPLIER, meter.fact)
  if (Math.abs(one.size) < limit('share') || one.size <= -0.8) return null
  const seen = meter.fact.multiplier * (1 + one.size)
  const suggested = standardRatio(seen)
  const off = Math.abs(seen / suggested - 1)
  if (suggested === meter.fact.multiplier || off > limit('rounding') + 2 * (one.error / (1 + one.size))) return null
  const nats = Math.min(
    (one.evidence - explanation.penalty - limit('evidence')) / 3,
    (one.lead - 3) / 3,
    12 * (one.purity - (one.onset === 0 ? 0.15 : 0.3)),
  )
  const score = Math.min(0.99, logistic(nats))
  // Days alone leave the ratio so open that a standard one is always near.
  const isOpen = explanation.rows.channel === 'daily' && one.error / (1 + one.size) > limit('rounding')
  return { seen, suggested, score: daysOf(one, explanation.rows) >= limit('days') && !isOpen ? score : Math.min(score, 0.45) }
}

const claim = (view: AreaView, explanation: Explanation, one: Component, { seen, suggested, score }: MultiplierFault): Finding => {
  const { frame } = view
  const { fact } = frame.meters[one.meter]!
  const energy = energyOf(frame, explanation, one)
  const from = onsetTime(frame, one.onset)
  const since =
    one.onset === 0
      ? { zh: '自有数据起', en: 'from the first day seen' }
      : { zh: `自 ${frame.days[one.onset]} 起`, en: `since ${frame.days[one.onset]}` }
  const end = frame.start + frame.slots * frame.stepMs
  return findingOf(view, WRONG_MULTIPLIER, fact, limitsOf(view, WRONG_MULTIPLIER, fact), {
    kind: 'wrong_multiplier',
    from,
    to: null,
    score: round(score, 4) ?? 0,
    severity: Math.abs(energy.aDay) >= 10 ? 'high' : 'medium',
    kwh: estimate(energy.value, energy.low, energy.high),
    numbers: {
      ledgerMultiplier: fact.multiplier,
      seenMultiplier: round(seen, 2),
      suggestedMultiplier: suggested,
      coefficient: round(one.size, 4),
      coefficientError: round(one.error, 4),
      evidenceNat: round(one.evidence, 1),
      purity: round(one.purity, 2),
      kwhADay: round(energy.aDay, 2),
      windowDays: explanation.rows.days,
    },
    series: [{ measurement: 'interval', id: fact.id, fields: ['energy_import'], from: frame.start, to: end }],
    ruledOut: [
      { zh: '窃电：比值为标准倍率且恒定', en: 'Theft: the ratio is a standard one and does not vary' },
      { zh: '缺相：三相电压均在', en: 'Lost phase: judged by its own rule before' },
    ],
    why: {
      zh: `${since.zh}，台区电量只有按倍率 ${say(seen, 2)} 才平衡，档案为 ${fact.multiplier}，最近的标准倍率为 ${suggested}；累计差 ${say(energy.value, 0)} kWh。`,
      en: `${since.en[0]?.toUpperCase() ?? ''}${since.en.slice(1)} the area balances only with a multiplier of ${say(seen, 2)}; the ledger says ${fact.multiplier}, the nearest standard ratio is ${suggested}; ${say(energy.value, 0)} kWh so far.`,
    },
    action: {
      zh: `现场核对 ${fact.id} 互感器铭牌变比与档案，必要时实测一、二次电流。`,
      en: `Read the plates of the current transformers of ${fact.id} and compare with the ledger; measure primary and secondary current if in doubt.`,
    },
  })
}

/** Wrong multiplier (综合倍率错误): the balance asks for another ratio than the ledger's, and that is a standard one. */
export const wrongMultiplier: Detector = {
  rule: WRONG_MULTIPLIER,
  detect: (view) => {
    const study = studyOf(view)
    if (!study) return { findings: [] }
    const { explanation } = study
    return {
      findings: explanation.components.flatMap((one) => {
        const fault = asMultiplier(view, explanation, one)
        return fault ? [{ ...claim(view, explanation, one, fault), suggestedMultiplier: fault.suggested }] : []
      }),
    }
  },
}
