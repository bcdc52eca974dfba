import type { Finding } from '../finding.ts'
import { estimate, findingOf, limitsOf, round, say } from '../meter/shared.ts'
import type { AreaView, Detector } from '../view.ts'
import type { Component, Explanation } from './explain.ts'
import { isStranger } from './net.ts'
import { meanOf } from './rows.ts'
import { UNMETERED_LOAD } from './rules.ts'
import { daysOf, energyOf, logistic, onsetTime, studyOf } from './suspects.ts'

/** A meter of which nothing is known may count this many times what its neighbours use: one household in a hundred does. */
const MOST_HOUSEHOLDS = 3

/** Hours in which a component acts, `17-7`; null = all day. */
const hoursOf = ({ rows }: Explanation, { values }: Component): string | null => {
  const acts = new Uint8Array(24)
  for (let row = 0; row < rows.count; row++) if (values[row] !== 0) acts[rows.hour[row]!] = 1
  const on = acts.findIndex((flag, hour) => flag === 1 && acts[(hour + 23) % 24] === 0)
  const off = acts.findIndex((flag, hour) => flag === 0 && acts[(hour + 23) % 24] === 1)
  return on < 0 || off < 0 ? null : `${on}-${off}`
}

const claim = (view: AreaView, explanation: Explanation, one: Component): Finding => {
  const { frame } = view
  const limit = limitsOf(view, UNMETERED_LOAD)
  const energy = energyOf(frame, explanation, one)
  const hours = hoursOf(explanation, one)
  const nats = Math.min(
    (one.evidence - explanation.penalty - limit('evidence')) / 3,
    (one.lead - 3) / 3,
    12 * (one.purity - limit('purity')),
    4 * Math.log(Math.max(0.01, energy.aDay) / limit('kwhADay')),
  )
  // A steady load is told by its being the same at every hour: days alone cannot say that.
  const lit = hours !== null
  // Nor can it be told from what a meter counts that was never read: as its like, or up to so many times that.
  const unread = explanation.rows.use.filter((_, at) => isStranger(explanation.rows.net[at]!))
  const mayBeUnread = one.onset === 0 && energy.aDay < unread.reduce((sum, use) => sum + MOST_HOUSEHOLDS * 24 * meanOf(use), 0)
  const most = explanation.rows.channel === 'daily' || mayBeUnread ? 0.45 : 0.99
  const score = Math.min(most, logistic(nats))
  const end = frame.start + frame.slots * frame.stepMs
  return findingOf(view, UNMETERED_LOAD, null, limit, {
    kind: 'unmetered_load',
    apart: lit ? 'lighting' : 'constant',
    from: onsetTime(frame, one.onset),
    to: null,
    score: round(daysOf(one, explanation.rows) >= limit('days') ? score : Math.min(score, 0.45), 4) ?? 0,
    severity: energy.aDay >= 10 ? 'high' : 'medium',
    kwh: estimate(energy.value, energy.low, energy.high),
    cause: lit ? 'lighting' : 'constant',
    numbers: {
      powerKw: round(one.size, 3),
      powerErrorKw: round(one.error, 3),
      hours: hours ?? 'all',
      kwhADay: round(energy.aDay, 2),
      evidenceNat: round(one.evidence, 1),
      leadNat: round(one.lead, 1),
      purity: round(one.purity, 2),
      windowDays: explanation.rows.days,
      unreadMeters: unread.length,
    },
    series: frame.gateways.map((gateway) => ({
      measurement: 'instant' as const,
      id: gateway.fact.id,
      fields: ['power_active'],
      from: frame.start,
      to: end,
    })),
    ruledOut: [{ zh: '逐户比对，无一户的用电与此形状相符', en: 'Customer by customer: nobody’s use has this shape' }],
    why: {
      zh: `自 ${frame.days[one.onset]} 起有约 ${say(one.size, 2)} kW 的固定功率不经任何表计，${lit ? `每日 ${hours} 时出现，形同路灯` : '全天不变，形同表前接线或未建档表计'}；每天 ${say(energy.aDay)} kWh，累计 ${say(energy.value, 0)} kWh。`,
      en: `Since ${frame.days[one.onset]} a steady ${say(one.size, 2)} kW passes no meter, ${lit ? `every day in the hours ${hours}, like street lighting` : 'all day alike, like a tap before the meters or a meter the ledger lacks'}; ${say(energy.aDay)} kWh a day, ${say(energy.value, 0)} kWh so far.`,
    },
    action: {
      zh: lit ? '夜间沿线查找未装表的路灯、广告灯箱，装表或按容量定量计收。' : '核对变压器出线与表箱进线，查找未装表或未建档的固定负荷。',
      en: lit
        ? 'Look along the lines at night for lamps and signs without a meter; fit a meter or bill them by rating.'
        : 'Compare the outgoing lines of the transformer with the cabinets they feed; look for a steady load without a meter or ledger entry.',
    },
  })
}

/** Load of the area that no meter counts (无表用电): lighting from dusk to dawn, or a steady power. */
export const unmeteredLoad: Detector = {
  rule: UNMETERED_LOAD,
  detect: (view) => {
    const study = studyOf(view)
    if (!study) return { findings: [] }
    const { explanation } = study
    return {
      findings: explanation.components
        .filter(({ shape, size }) => (shape === 'lighting' || shape === 'constant') && size > 0)
        .filter((one) => energyOf(view.frame, explanation, one).aDay > 0)
        .map((one) => claim(view, explanation, one)),
    }
  },
}
