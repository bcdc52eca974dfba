import type { Finding } from '../finding.ts'
import { estimate, findingOf, type Limit, limitsOf, round, say } from '../meter/shared.ts'
import type { AreaView, Detector } from '../view.ts'
import type { Component, Explanation } from './explain.ts'
import { isExplained } from './explained.ts'
import type { GatewayRatio } from './gateway-ratio.ts'
import { WRONG_MULTIPLIER } from './rules.ts'
import { standardRatio } from './standard-ratio.ts'
import { daysOf, energyOf, logistic, onsetTime, studyOf } from './suspects.ts'

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

/** The meter of the area itself: everything that is delivered is wrong by one factor. */
const gatewayClaim = (view: AreaView, { rows }: Explanation, ratio: GatewayRatio): Finding => {
  const { frame } = view
  const { fact } = ratio.gateway
  const { suggested, seen, share, left, onset } = ratio
  const from = onsetTime(frame, onset)
  const hours = frame.stepMs / 3_600_000
  // Rows hold the supply as it should be.
  const meanKw = meanSince(rows.supply, rows.dayRows[onset]!)
  const kwh = meanKw * (1 - fact.multiplier / (suggested ?? seen)) * (frame.slots - frame.dayStarts[onset]!) * hours
  const margin = Math.abs(kwh) * 0.02
  const end = frame.start + frame.slots * frame.stepMs
  const since =
    onset === 0
      ? { zh: '自有数据起', en: 'From the first day seen' }
      : { zh: `自 ${frame.days[onset]} 起`, en: `Since ${frame.days[onset]}` }
  const finding = findingOf(view, WRONG_MULTIPLIER, fact, limitsOf(view, WRONG_MULTIPLIER, fact), {
    kind: 'wrong_multiplier',
    from,
    to: null,
    score: rows.days - onset < limitsOf(view, WRONG_MULTIPLIER, fact)('days') ? 0.45 : suggested === null ? 0.6 : 0.95,
    severity: 'critical',
    kwh: estimate(kwh, kwh - margin, kwh + margin),
    numbers: {
      ledgerMultiplier: fact.multiplier,
      seenMultiplier: round(seen, 2),
      suggestedMultiplier: suggested,
      unexplainedSharePct: round(100 * share, 2),
      hoursSpreadPct: round(100 * left, 2),
      windowDays: rows.days,
    },
    series: [{ measurement: 'interval', id: fact.id, fields: ['energy_import'], from: frame.start, to: end }],
    ruledOut: [
      { zh: '单户倍率或窃电：无一户的用电能同样解释', en: 'One customer’s ratio or theft: nobody’s use explains it nearly as well' },
      { zh: '总表缺相：三相电压、电流均在', en: 'A lost phase of the area meter: judged by its own rule before' },
    ],
    why: {
      zh: `${since.zh}，供电量与售电量之差每小时都是供电量的 ${say(100 * share)} %（散布 ${say(100 * left)} %），总表倍率应为 ${say(seen, 1)}，档案为 ${fact.multiplier}${suggested === null ? '，附近无标准倍率：查互感器、接线与漏挂用户' : `，最近的标准倍率为 ${suggested}`}。`,
      en: `${since.en} what is delivered and what is sold differ by ${say(100 * share)} % of the supply in every hour alike (spread ${say(100 * left)} %): the area meter's multiplier should be ${say(seen, 1)}, the ledger says ${fact.multiplier}${suggested === null ? '; no standard ratio is near: look at transformers, wiring and customers that the ledger lacks' : `, the nearest standard ratio is ${suggested}`}.`,
    },
    action: {
      zh: `核对总表 ${fact.id} 互感器铭牌变比与档案；更正前本台区线损不作考核。`,
      en: `Read the plates of the current transformers of the area meter ${fact.id} and compare with the ledger; until then judge nobody by this area's loss.`,
    },
  })
  return suggested === null ? finding : { ...finding, suggestedMultiplier: suggested }
}

const meanSince = (values: Float64Array, from: number): number => {
  let sum = 0
  for (let row = from; row < values.length; row++) sum += values[row]!
  return values.length > from ? sum / (values.length - from) : 0
}

/** Wrong multiplier (综合倍率错误): the balance asks for another ratio than the ledger's, and that is a standard one. */
export const wrongMultiplier: Detector = {
  rule: WRONG_MULTIPLIER,
  detect: (view) => {
    const study = studyOf(view)
    if (!study) return { findings: [] }
    const { explanation } = study
    const { gatewayRatio } = explanation.rows
    const ofMeters = explanation.components.flatMap((one) => {
      const fault = asMultiplier(view, explanation, one)
      return fault ? [{ ...claim(view, explanation, one, fault), suggestedMultiplier: fault.suggested }] : []
    })
    return {
      findings: gatewayRatio ? [gatewayClaim(view, explanation, gatewayRatio), ...ofMeters] : ofMeters,
    }
  },
}
