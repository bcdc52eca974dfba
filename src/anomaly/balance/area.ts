import type { Finding } from '../finding.ts'
import { estimate, findingOf, limitsOf, round, say } from '../meter/shared.ts'
import type { AreaView, Detector } from '../view.ts'
import { type Belonging, belongsTo, MEMBERSHIP_MARGIN } from '../voltage/membership.ts'
import type { Component, Explanation } from './explain.ts'
import { clustering, fitRows, localVariance, robustSpread } from './fit.ts'
import { netOf, powerOf, quartersOf } from './net.ts'
import { meansOf, type Rows, rowsOf } from './rows.ts'
import { WRONG_AREA } from './rules.ts'
import { bestOnset, squaresSince } from './scan.ts'
import { heldBy } from './state.ts'
import { daysOf, energyOf, logistic, onsetTime, studyOf } from './suspects.ts'

/** Where a meter's energy is missing instead: coefficient (1 = all of it) and evidence in a neighbour's balance. */
interface Home {
  readonly area: string
  readonly size: number
  readonly evidence: number
}

const balanceOf = (view: AreaView, at: number): Rows | null => {
  const frame = view.neighbours[at]
  if (!frame || frame.start !== view.frame.start || frame.slots !== view.frame.slots) return null
  const { comm, thresholds, doubts } = view
  return rowsOf({ frame, comm, thresholds, doubts, neighbours: [], phases: {}, technical: null, found: [], standing: [] })
}

const homesOf = (view: AreaView, balances: readonly (Rows | null)[], meter: number): Home[] => {
  const column = view.frame.meters[meter]
  if (!column) return []
  const { value } = netOf(view.frame, column, powerOf(view.frame, column), quartersOf(view.frame))
  return balances.flatMap((rows, at) => {
    const area = view.neighbours[at]?.fact.id
    if (!rows || area === undefined) return []
    const constant = { values: new Float64Array(rows.count).fill(1), spread: 5 }
    const base = [constant, { values: rows.supply, spread: 0.01 }, { values: rows.wires, spread: 0.3 }]
    const first = fitRows(rows, base, new Float64Array(rows.count).fill(1), 1)
    const weights = localVariance(rows, first.residual, Math.max(1e-4, robustSpread(first.residual))).map((variance) => 1 / variance)
    const { residual } = fitRows(rows, base, weights, 1)
    const judged = { rows, residual, weights, clustered: clustering(rows, residual, weights), ...heldBy(base, weights) }
    const one = bestOnset(judged, squaresSince(judged), 'foreign', meter, meansOf(rows, value), 'positive', 0)
    return one ? [{ area, size: one.size, evidence: one.evidence }] : []
  })
}

const claim = (view: AreaView, explanation: Explanation, one: Component, score: number, home: Home | null): Finding => {
  const { frame } = view
  const { fact } = frame.meters[one.meter]!
  const energy = energyOf(frame, explanation, one)
  const end = frame.start + frame.slots * frame.stepMs
  const there = home
    ? {
        zh: `其电量正是相邻台区 ${home.area} 所缺（系数 ${say(home.size, 2)}），应属该台区`,
        en: `the area ${home.area} lacks just what it takes (coefficient ${say(home.size, 2)}): it belongs there`,
      }
    : { zh: '相邻台区中未见其电量', en: 'no neighbouring area that can be seen lacks it' }
  return {
    ...findingOf(view, WRONG_AREA, fact, limitsOf(view, WRONG_AREA, fact), {
      kind: 'wrong_area',
      from: onsetTime(frame, one.onset),
      to: null,
      score: round(score, 4) ?? 0,
      severity: 'medium',
      kwh: estimate(energy.value, energy.low, energy.high),
      numbers: {
        coefficient: round(one.size, 3),
        coefficientError: round(one.error, 3),
        evidenceNat: round(one.evidence, 1),
        purity: round(one.purity, 2),
        kwhADay: round(energy.aDay, 2),
        trueArea: home?.area ?? null,
        coefficientThere: round(home?.size ?? Number.NaN, 3),
        evidenceThereNat: round(home?.evidence ?? Number.NaN, 1),
        windowDays: explanation.rows.days,
      },
      series: [{ measurement: 'interval', id: fact.id, fields: ['energy_import'], from: frame.start, to: end }],
      ruledOut: [{ zh: '表计走字正常，时钟无偏差', en: 'Its registers run and its clock is right' }],
      why: {
        zh: `${fact.id} 的全部电量（每天 ${say(-energy.aDay)} kWh）不在本台区供电量中（系数 ${say(one.size, 2)} ± ${say(one.error, 2)}，应为 0）；${there.zh}。`,
        en: `None of what ${fact.id} counts (${say(-energy.aDay)} kWh a day) is in this area's supply (coefficient ${say(one.size, 2)} ± ${say(one.error, 2)}, should be 0); ${there.en}.`,
      },
      action: {
        zh: `现场核对 ${fact.id} 的接入变压器（台区识别仪或停电核对），更正档案户变关系。`,
        en: `Check on site which transformer feeds ${fact.id} (area identifier, or by switching), and correct the ledger.`,
      },
    }),
    ...(home ? { trueArea: home.area } : {}),
  }
}

/**
 * Whether a meter may be fed from elsewhere. Its voltage says so, or says it is not; where it says nothing only a meter that never was in this
 * balance may be: the ledger's fault is there from the first day, a clock or a meter that goes wrong is not.
 */
const mayHangElsewhere = (voltage: Belonging | null, onset: number): boolean => {
  if (voltage && voltage.against >= MEMBERSHIP_MARGIN) return true
  if (voltage?.own && voltage.best.area === voltage.own.area && voltage.fits.length > 1 && voltage.margin >= MEMBERSHIP_MARGIN) return false
  return onset === 0
}

/** A meter listed here and fed by another transformer (户变关系错误): its whole energy is too much here and lacks there. */
export const wrongArea: Detector = {
  rule: WRONG_AREA,
  detect: (view) => {
    const study = studyOf(view)
    if (!study) return { findings: [] }
    const { explanation } = study
    let balances: readonly (Rows | null)[] | null = null
    const findings: Finding[] = []
    for (const one of explanation.components) {
      const meter = view.frame.meters[one.meter]
      if (!meter || one.shape !== 'share') continue
      // A shifted clock makes a meter fit nowhere: it is set right first.
      if (view.doubts.some(({ id, what }) => id === meter.fact.id && what === 'shift')) continue
      const limit = limitsOf(view, WRONG_AREA, meter.fact)
      if (Math.abs(one.size + 1) > limit('missing') + 2 * one.error || one.size > -0.5) continue
      const voltage = belongsTo(view, meter.fact.id)
      if (!mayHangElsewhere(voltage, one.onset)) continue
      const energy = energyOf(view.frame, explanation, one)
      if (-energy.aDay < limit('kwhADay')) continue
      balances ??= view.neighbours.map((_, at) => balanceOf(view, at))
      const homes = homesOf(view, balances, one.meter).filter(({ size, evidence }) => size > 0.5 && evidence > explanation.penalty)
      const home = homes.reduce<Home | null>((best, there) => (!best || there.evidence > best.evidence ? there : best), null)
      const nats = Math.min((one.evidence - explanation.penalty - limit('evidence')) / 3, (one.lead - 3) / 3, 12 * (one.purity - 0.3))
      // Days alone do not hold so many meters apart: a neighbour has to lack it.
      const most = home ? 0.99 : explanation.rows.channel === 'daily' ? 0.45 : 0.9
      const score = Math.min(most, logistic(nats))
      findings.push(claim(view, explanation, one, daysOf(one, explanation.rows) >= limit('days') ? score : Math.min(score, 0.45), home))
    }
    return { findings }
  },
}
