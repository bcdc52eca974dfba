import type { Finding } from '../finding.ts'
import type { MeterColumns } from '../frame.ts'
import type { AreaView, Detector } from '../view.ts'
import { findingOf, limitsOf, round, rule, say, slotHours, threshold, timeOf } from './shared.ts'

const RULE = rule({
  id: 'low-power-factor',
  version: 1,
  title: { zh: '力率低于标准', en: 'power factor under its standard' },
  thresholds: {
    below: threshold(
      0,
      '>',
      '',
      [0, 0.3],
      { zh: '低于标准的差值', en: 'standard minus mean, in hundredths as billed' },
      'the standard itself is met by equality; means are rounded to two decimals (水电财字(83)215)',
    ),
    days: threshold(
      10,
      '>=',
      'days',
      [1, 28],
      { zh: '本月已有天数', en: 'days of the month that are known' },
      'a third of the month: earlier the mean still moves',
    ),
  },
})

/** Sums of a month so far: kWh, kvarh, days with three quarters of their samples. */
const monthOf = (view: AreaView, of: MeterColumns) => {
  const { frame } = view
  const month = frame.days.at(-1)?.slice(0, 7) ?? ''
  const hours = slotHours(frame)
  let active = 0
  let reactive = 0
  let days = 0
  let first = -1
  for (let day = 0; day < frame.days.length; day++) {
    if (!frame.days[day]?.startsWith(month)) continue
    let samples = 0
    const [from, to] = [frame.dayStarts[day] ?? 0, frame.dayStarts[day + 1] ?? 0]
    if (first < 0) first = from
    for (let slot = from; slot < to; slot++) {
      const power = of.p?.[slot] ?? Number.NaN
      const factor = Math.abs(of.pf?.[slot] ?? Number.NaN)
      if (Number.isNaN(power) || Number.isNaN(factor)) continue
      samples++
      if (power <= 0 || factor <= 0) continue
      active += power * hours
      // Reactive energy counts by its amount, whichever way it flows.
      reactive += power * hours * Math.tan(Math.acos(Math.min(1, factor)))
    }
    if (samples >= 0.75 * (to - from)) days++
  }
  return { active, reactive, days, first }
}

const detectOne = (view: AreaView, of: MeterColumns): Finding | null => {
  const standard = of.fact.pfStandard
  if (standard === null || !of.p || !of.pf) return null
  const { frame } = view
  const limit = limitsOf(view, RULE, of.fact)
  const { active, reactive, days, first } = monthOf(view, of)
  if (days < limit('days') || active <= 0) return null
  const exact = active / Math.hypot(active, reactive)
  const mean = Math.round(exact * 100) / 100
  if (!(standard - mean > limit('below') + 1e-9)) return null
  const [from, to] = [timeOf(frame, first), timeOf(frame, frame.slots)]
  const need = Math.max(0, reactive - active * Math.tan(Math.acos(standard)))
  return findingOf(view, RULE, of.fact, limit, {
    kind: 'low_power_factor',
    from,
    to: null,
    score: 0.6,
    severity: 'low',
    cause: 'below_standard',
    numbers: {
      standard,
      monthMean: mean,
      monthMeanExact: round(exact, 4),
      activeKwh: round(active, 1),
      reactiveKvarh: round(reactive, 1),
      kvarhTooMuch: round(need, 1),
      days,
    },
    series: [{ measurement: 'instant', id: of.fact.id, fields: ['activePower', 'powerFactor'], from, to }],
    ruledOut: [{ zh: '单日波动：按月累计有功、无功计算', en: 'a single day: sums of the month' }],
    why: {
      zh: `本月平均力率 ${say(mean, 2)}，标准 ${say(standard, 2)}（有功 ${say(active, 0)} kWh，无功 ${say(reactive, 0)} kvarh，${days} 天）`,
      en: `mean power factor of the month ${say(mean, 2)}, standard ${say(standard, 2)} (${say(active, 0)} kWh, ${say(reactive, 0)} kvarh, ${days} days)`,
    },
    action: { zh: '通知客户投切电容器，核对力率标准', en: 'have the customer compensate; check the agreed standard' },
  })
}

/** Mean power factor (力率) of the month against the standard agreed with the customer. */
export const lowPowerFactor: Detector = {
  rule: RULE,
  detect: (view) => ({ findings: view.frame.meters.flatMap((of) => detectOne(view, of) ?? []) }),
}
