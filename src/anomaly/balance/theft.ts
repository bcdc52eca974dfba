import type { Finding, Withdrawal, Words } from '../finding.ts'
import type { AreaFrame, MeterColumns } from '../frame.ts'
import { estimate, findingOf, keyOf, type Limit, limitsOf, round, say } from '../meter/shared.ts'
import type { AreaView, Detector, Standing } from '../view.ts'
import { type StepMatch, stepMatches } from './daily.ts'
import type { Component, Explanation } from './explain.ts'
import { isExplained } from './explained.ts'
import { asMultiplier } from './multiplier.ts'
import { THEFT } from './rules.ts'
import { REFUTED } from './service-nats.ts'
import { absenceOf } from './shapes.ts'
import { beforeAndAfter, daysOf, type Energy, energyOf, logistic, onsetTime, studyOf, useBeforeAndAfter } from './suspects.ts'
import { theftWords } from './words.ts'

/** What was taken past one meter: all components of it together. */
export interface Suspect {
  readonly meter: number
  readonly main: Component
  readonly parts: readonly Component[]
  readonly energy: Energy
  readonly onset: number
  readonly score: number
}

/** A score that is no alarm but a place in the ranking ends below this. */
const RANKING = 0.45

/**
 * Probability that the energy is lost at this meter, from evidence, lead and purity.
 * The three answer different questions (is anything lost; is it this one; is that all of it), so all have to say yes: the least of them counts.
 * Evidence of neighbouring hours is less than it seems, hence the third of a nat.
 */
const scoreOf = (explanation: Explanation, one: Component, energy: Energy, days: number, limit: Limit<typeof THEFT>): number => {
  const { evidence, lead, purity, size, shape } = one
  const beyond = [
    (evidence - explanation.penalty - limit('evidence')) / 3,
    (lead - limit('lead')) / 3,
    12 * (purity - limit('purity')),
    4 * Math.log(Math.max(0.01, energy.aDay) / limit('kwhADay')),
    shape === 'share' ? 4 * Math.log(Math.max(0.001, size) / limit('share')) : Number.POSITIVE_INFINITY,
    shape === 'appliance' ? 4 * Math.log(Math.max(0.001, size) / APPLIANCE_KW) : Number.POSITIVE_INFINITY,
  ]
  const score = Math.min(0.99, logistic(Math.min(...beyond)))
  // Days only say how much is known of a register; fewer leave 30 equations for 100 customers.
  const known = explanation.rows.channel === 'daily' ? Math.min(score, 0.75) : score
  return days >= limit('days') && readSince(explanation, one) >= READ_SHARE ? known : Math.min(known, RANKING)
}

/** What a cable shows and what the balance lacks must be about the same power: errors of resistance and voltage leave so much room. */
const LEAST_CABLE = 0.6
const MOST_CABLE = 1.6
/** And that is most of what moves, noise of the cable taken off. */
const PURE_CABLE = 0.4
/** Nobody goes to the trouble of wiring less past his meter, kW: a fridge and its like. */
const APPLIANCE_KW = 0.25

/** Who is suspected by his voltage alone must take what the balance lacks, not a likeness of it. */
const bounded = ({ shape, size, service, purity }: Component, score: number): number =>
  service < REFUTED || (shape === 'drop' && (size < LEAST_CABLE || size > MOST_CABLE || purity < PURE_CABLE))
    ? Math.min(score, RANKING)
    : score

/** Who was hardly read since his onset cannot be accused by what was estimated of him. */
const READ_SHARE = 0.7

const readSince = ({ rows }: Explanation, { meter, onset }: Component): number => {
  const guessed = rows.guessed[meter]
  const from = rows.dayRows[onset]!
  if (!guessed || from >= rows.count) return 1
  let sum = 0
  for (let row = from; row < rows.count; row++) sum += guessed[row]!
  return 1 - sum / (rows.count - from)
}

/** Everybody past whose meter energy seems to go, strongest first. */
export const suspectsOf = (view: AreaView, explanation: Explanation): Suspect[] => {
  const byMeter = new Map<number, Component[]>()
  for (const one of explanation.components) {
    const meter = view.frame.meters[one.meter]
    if (one.shape === 'foreign' || !meter || one.size <= 0 || asMultiplier(view, explanation, one) || isExplained(view, meter)) continue
    byMeter.set(one.meter, [...(byMeter.get(one.meter) ?? []), one])
  }
  return [...byMeter].map(([meter, parts]): Suspect => {
    const limit = limitsOf(view, THEFT, view.frame.meters[meter]?.fact)
    const energies = parts.map((part) => energyOf(view.frame, explanation, part))
    const total = energies.reduce((sum, one) => ({
      value: sum.value + one.value,
      low: sum.low + one.low,
      high: sum.high + one.high,
      aDay: sum.aDay + one.aDay,
    }))
    const scored = parts.map((part, at) => ({
      part,
      score: bounded(part, scoreOf(explanation, part, { ...total, aDay: energies[at]!.aDay }, daysOf(part, explanation.rows), limit)),
    }))
    const main = scored.reduce((best, one) => (one.score > best.score ? one : best))
    const strong = scored.filter(({ score }) => score >= 0.5).map(({ part }) => part.onset)
    return { meter, main: main.part, parts, energy: total, onset: Math.min(main.part.onset, ...strong), score: main.score }
  })
}

const SHAPES: Readonly<Record<string, string>> = { share: 'partial', appliance: 'appliance', drop: 'bypass' }

/** What kind of theft it looks like. */
const causeOf = (view: AreaView, explanation: Explanation, { meter, main, onset }: Suspect): string => {
  const { rows } = explanation
  if (main.shape === 'share') return isShunt(view.frame, view.frame.meters[meter]!, onset) ? 'shunt' : 'partial'
  if (main.shape === 'appliance') return 'appliance'
  const absence = absenceOf(rows, meter)
  let sum = 0
  let number = 0
  const hours = new Float64Array(24)
  for (let row = rows.dayRows[onset]!; row < rows.count; row++) {
    sum += absence[row]!
    number++
    hours[rows.hour[row]!]! += absence[row]!
  }
  if (number > 0 && sum / number > 0.9) return 'full_bypass'
  const days = Math.max(1, rows.days - onset)
  return hours.some((count) => count > 0.8 * days) ? 'night_bypass' : (SHAPES[main.shape] ?? 'bypass')
}

/** Live current well below neutral current (火零线电流不一致): the live side is bridged. @source median of the ratio below 0.85 above 0.4 A */
export const liveOverNeutral = (frame: AreaFrame, { i, iN }: MeterColumns, fromSlot: number): number | null => {
  const live = i[0]
  if (!live || !iN) return null
  const ratios: number[] = []
  for (let slot = fromSlot; slot < frame.slots; slot++) {
    const l = Math.abs(live[slot]!)
    const n = Math.abs(iN[slot]!)
    if (Math.max(l, n) > 0.4) ratios.push(l / n)
  }
  ratios.sort((a, b) => a - b)
  return ratios.length >= 24 ? ratios[ratios.length >> 1]! : null
}

const isShunt = (frame: AreaFrame, meter: MeterColumns, onset: number): boolean =>
  meter.fact.type === '1P' && (liveOverNeutral(frame, meter, frame.dayStarts[onset]!) ?? 1) < 0.85

/** A case stays while what is seen is at least this likely: only evidence against it takes it back. */
const KEEP = 0.2

const claimOf = (view: AreaView, explanation: Explanation, suspect: Suspect, standing: Standing | undefined): Finding => {
  const { frame } = view
  const { meter, main, energy, onset } = suspect
  const column = frame.meters[meter]!
  const { fact } = column
  const { rows } = explanation
  const cause = causeOf(view, explanation, suspect)
  const [loss, use] = [beforeAndAfter(explanation, onset), useBeforeAndAfter(explanation, meter, onset)]
  const from = onset === 0 && standing ? Math.min(standing.from, onsetTime(frame, 0)) : onsetTime(frame, onset)
  const days = rows.days - onset
  const rival = frame.meters[main.rival]?.fact.id ?? null
  const score = standing && suspect.score >= KEEP ? Math.max(0.5, suspect.score) : suspect.score
  const end = frame.start + frame.slots * frame.stepMs
  const { why, action, ruledOut } = theftWords({
    cause,
    day: frame.days[onset] ?? '',
    days,
    energy,
    share: main.size,
    loss,
    use,
    rival,
    daily: rows.channel === 'daily',
    id: fact.id,
  })
  return findingOf(view, THEFT, fact, limitsOf(view, THEFT, fact), {
    kind: 'theft',
    from,
    to: null,
    score: round(score, 4) ?? 0,
    severity: energy.aDay >= 10 ? 'critical' : energy.aDay >= 3 ? 'high' : 'medium',
    kwh: estimate(energy.value, Math.max(0, energy.low), energy.high),
    cause,
    numbers: {
      windowDays: rows.days,
      rowsOfHours: rows.hours,
      balanceOf: rows.channel,
      shape: main.shape,
      coefficient: round(main.size, 3),
      coefficientError: round(main.error, 3),
      evidenceNat: round(main.evidence, 1),
      hypothesesNat: round(explanation.penalty, 1),
      leadNat: round(main.lead, 1),
      serviceCableNat: round(main.service, 1),
      nextSuspect: rival,
      purity: round(main.purity, 2),
      noiseKw: round(explanation.noise, 3),
      kwhADay: round(energy.aDay, 2),
      useBeforeKwhADay: round(use.before ?? Number.NaN, 2),
      useAfterKwhADay: round(use.after ?? Number.NaN, 2),
      unexplainedBeforeKwhADay: round(loss.before ?? Number.NaN, 2),
      unexplainedAfterKwhADay: round(loss.after ?? Number.NaN, 2),
      liveOverNeutral: round(fact.type === '1P' ? (liveOverNeutral(frame, column, frame.dayStarts[onset]!) ?? Number.NaN) : Number.NaN, 2),
      confidence: rows.channel === 'daily' ? 'low' : score >= 0.9 ? 'high' : 'medium',
    },
    series: [
      { measurement: 'interval', id: fact.id, fields: ['energy_import'], from: frame.start, to: end },
      {
        measurement: 'instant',
        id: fact.id,
        fields: ['power_active', 'voltage_l1', 'current_l1', 'current_n'],
        from: frame.start,
        to: end,
      },
      ...frame.gateways.map((gateway) => ({
        measurement: 'instant' as const,
        id: gateway.fact.id,
        fields: ['power_active'],
        from: frame.start,
        to: end,
      })),
    ],
    ruledOut,
    why,
    action,
  })
}

/** A ranking figure of daily registers that takes half the way to an alarm. */
const HALF_WAY = 10

const placeOf = (match: StepMatch | null | undefined): number => (match ? (RANKING * match.score) / (match.score + HALF_WAY) : 0)

/** Days between the two dates, and how much less the meter must show than the area lacks more, and no more than that. */
const SAME_DAYS = 3
const LEAST_FALL = 0.3
const MOST_FALL = 1.5

/** Whether the meter's own fall bears out what the balance of days says of it: a likeness of courses alone accuses nobody. */
const bearsOut = (match: StepMatch | null | undefined, { onset, energy }: Suspect): boolean =>
  match !== null &&
  match !== undefined &&
  Math.abs(match.onset - onset) <= SAME_DAYS &&
  match.fall >= LEAST_FALL * energy.aDay &&
  match.fall <= MOST_FALL * energy.aDay

/** Of daily registers: a suspect whose own registers say nothing of it has the place that they give him. */
const byRegisters = (suspects: readonly Suspect[], matches: readonly (StepMatch | null)[] | null): readonly Suspect[] =>
  matches
    ? suspects.map((one) => {
        const match = matches[one.meter]
        return bearsOut(match, one) ? one : { ...one, score: Math.min(one.score, placeOf(match)) }
      })
    : suspects

/** Places in the ranking of those who are not suspected: how well each would explain what is left. */
const ranking = (
  view: AreaView,
  { rows, best, penalty }: Explanation,
  matches: readonly (StepMatch | null)[] | null,
  taken: ReadonlySet<string>,
): Finding[] =>
  view.frame.meters.flatMap(({ fact }, meter) => {
    if (taken.has(fact.id)) return []
    const one = best[meter]
    const score = matches ? placeOf(matches[meter]) : one && one.size > 0 ? RANKING * logistic((one.evidence - penalty) / 6) : 0
    const low: Words = { zh: '未发现该户与台区不明电量有关。', en: 'What the area lacks does not point to this customer.' }
    return findingOf(view, THEFT, fact, limitsOf(view, THEFT, fact), {
      kind: 'theft',
      from: onsetTime(view.frame, one?.onset ?? 0),
      to: null,
      score: round(score, 4) ?? 0,
      severity: 'info',
      numbers: {
        evidenceNat: round(one?.evidence ?? 0, 2),
        hypothesesNat: round(penalty, 1),
        coefficient: round(one?.size ?? 0, 3),
        balanceOf: rows.channel,
      },
      series: [],
      why: low,
      action: { zh: '无需处理。', en: 'Nothing to do.' },
    })
  })

/** A balance is closed when hardly an hour of the last week is left with more than five times the noise. */
const CLOSED_DAYS = 7
const CLOSED_SIGMAS = 5
const CLOSED_SHARE = 0.1

const isClosed = ({ rows, residual, noise }: Explanation): boolean => {
  const from = rows.dayRows[Math.max(0, rows.days - CLOSED_DAYS)]!
  let open = 0
  for (let row = from; row < rows.count; row++) if (residual[row]! ** 2 > CLOSED_SIGMAS ** 2 * (noise * noise + rows.variance[row]!)) open++
  return open <= CLOSED_SHARE * (rows.count - from)
}

/** Cases of earlier days that the balance now speaks against: others account for everything. While something is left open nobody is cleared. */
const takenBack = (view: AreaView, explanation: Explanation, findings: readonly Finding[]): Withdrawal[] => {
  if (!isClosed(explanation)) return []
  const { rows, residual } = explanation
  return view.standing.flatMap(({ key, kind, target, from }) => {
    if (kind !== 'theft' || !key.startsWith(`${THEFT.id}/`) || findings.some((one) => one.key === key && one.score >= 0.5)) return []
    // Without rows of the last days nothing can be said against it.
    const recent = rows.count - rows.dayRows[Math.max(0, rows.days - 3)]!
    if (recent * rows.hours < 36) return []
    const meter = view.frame.meters.findIndex(({ fact }) => fact.id === target)
    if (meter < 0) return []
    let left = 0
    const first = Math.max(0, Math.floor((from - view.frame.start) / view.frame.stepMs))
    for (let row = 0; row < rows.count; row++) if ((view.frame.dayStarts[rows.day[row]!] ?? 0) >= first) left += residual[row]!
    const kwh = say(left * rows.hours)
    return [
      {
        key: keyOf(THEFT, target),
        because: {
          zh: `台区电量已由其他原因说明，自该日起仅剩 ${kwh} kWh 不明，不再指向该户。`,
          en: `Other causes account for the area's energy by now: ${kwh} kWh are left unexplained since that day, and they do not follow this customer.`,
        },
      },
    ]
  })
}

/** Energy taken past a meter (窃电), found by what the area's balance lacks and attributed to who explains it. */
export const theft: Detector = {
  rule: THEFT,
  detect: (view) => {
    const study = studyOf(view)
    if (!study) return { findings: [] }
    const { explanation } = study
    const matches = explanation.rows.channel === 'daily' ? stepMatches(explanation.rows) : null
    const claims = byRegisters(suspectsOf(view, explanation), matches).map((suspect) => {
      const id = view.frame.meters[suspect.meter]!.fact.id
      return claimOf(
        view,
        explanation,
        suspect,
        view.standing.find(({ kind, target }) => kind === 'theft' && target === id),
      )
    })
    const findings = [...claims, ...ranking(view, explanation, matches, new Set(claims.map(({ target }) => target)))]
    return { findings, withdrawn: takenBack(view, explanation, findings) }
  },
}
