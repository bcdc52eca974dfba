import type { Finding } from '../finding.ts'
import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { AreaView, Detector } from '../view.ts'
import { findingOf, isOut, limitsOf, round, rule, say, threshold, timeOf } from './shared.ts'

const RULE = rule({
  id: 'use-deviation',
  version: 1,
  title: { zh: '重点客户用电量波动', en: 'use of a key account deviates' },
  thresholds: {
    rise: threshold(
      0.3,
      '>=',
      '',
      [0.05, 5],
      { zh: '日均电量上升', en: 'rise of mean daily use' },
      "the utilities' rule for large customers: +30 %, inclusive (以上)",
    ),
    fall: threshold(
      -0.2,
      '<=',
      '',
      [-1, -0.05],
      { zh: '日均电量下降', en: 'fall of mean daily use' },
      "the utilities' rule for large customers: -20 %, inclusive",
    ),
    goodDays: threshold(
      5,
      '>=',
      'days',
      [1, 7],
      { zh: '两个窗口各需的有效天数', en: 'good days in each of the two windows of seven' },
      'fewer do not hold both weekdays and a weekend',
    ),
    coverage: threshold(
      0.95,
      '>=',
      '',
      [0.5, 1],
      { zh: '有效日的数据比例', en: 'share of the quarter hours of a good day that are known' },
      'what a missing twentieth can hide is far below the limits',
    ),
    baseKwh: threshold(
      10,
      '>=',
      'kWh/day',
      [0, 10_000],
      { zh: '最小基数', en: 'least mean daily use of the window compared with' },
      'a third of the key account limit of 4000 kWh a month would be 44; below 10 a household appliance is 30 %',
    ),
  },
})

/** Means of two windows and what became of the comparison. */
export interface Comparison {
  readonly against: 'last week' | 'same period of last month'
  readonly state: 'computed' | 'few-good-days' | 'small-base' | 'out-of-window'
  readonly nowKwhPerDay: number
  readonly thenKwhPerDay: number
  readonly goodNow: number
  readonly goodThen: number
  /** Relative change; NaN unless computed. */
  readonly change: number
}

export interface DeviationLimits {
  readonly goodDays: number
  readonly coverage: number
  readonly baseKwh: number
}

/** Same day of the month before; the last one of it where it has fewer days. */
const monthBefore = (day: string): string => {
  const [year = 1970, month = 1, date = 1] = day.split('-').map(Number)
  const length = new Date(Date.UTC(year, month - 1, 0)).getUTCDate()
  return new Date(Date.UTC(year, month - 2, Math.min(date, length))).toISOString().slice(0, 10)
}

/** Days that count: known nearly all through, no outage, no register that cannot be used, no exchange without its registers. */
const isGood = (view: AreaView, of: MeterColumns, day: number, coverage: number): boolean => {
  const { frame } = view
  const [from, to] = [frame.dayStarts[day] ?? 0, frame.dayStarts[day + 1] ?? 0]
  const [start, end] = [timeOf(frame, from), timeOf(frame, to)]
  if (isOut(frame, of.fact.id, start, end)) return false
  if (view.doubts.some((one) => one.id === of.fact.id && one.what === 'unusable' && one.from < end && (one.to ?? end) > start)) return false
  let known = 0
  for (let slot = from; slot < to; slot++) if (of.known[slot]! > 0) known++
  return known >= coverage * (to - from)
}

const windowOf = (view: AreaView, of: MeterColumns, days: readonly number[], coverage: number) => {
  const { frame } = view
  let sum = 0
  let good = 0
  for (const day of days) {
    if (day < 0 || !isGood(view, of, day, coverage)) continue
    const [from, to] = [frame.dayStarts[day] ?? 0, frame.dayStarts[day + 1] ?? 0]
    let energy = 0
    let known = 0
    for (let slot = from; slot < to; slot++) {
      if (of.known[slot]! === 0) continue
      energy += of.imp[slot]!
      known++
    }
    sum += (energy * (to - from)) / known
    good++
  }
  return { mean: good === 0 ? Number.NaN : sum / good, good }
}

/** The last seven days against the seven before, and against the same dates of the month before. */
export const deviationsOf = (view: AreaView, of: MeterColumns, limits: DeviationLimits): readonly Comparison[] => {
  const { frame } = view
  const last = frame.days.length - 1
  const place = new Map(frame.days.map((day, at) => [day, at]))
  const now = Array.from({ length: 7 }, (_, back) => last - back)
  const pairs = [
    { against: 'last week' as const, other: now.map((day) => day - 7) },
    {
      against: 'same period of last month' as const,
      other: [...new Set(now.map((day) => place.get(monthBefore(frame.days[day] ?? '1970-01-01')) ?? -1))],
    },
  ]
  return pairs.map(({ against, other }) => {
    const [here, there] = [windowOf(view, of, now, limits.coverage), windowOf(view, of, other, limits.coverage)]
    const figures = { against, nowKwhPerDay: here.mean, thenKwhPerDay: there.mean, goodNow: here.good, goodThen: there.good }
    const not = (state: Exclude<Comparison['state'], 'computed'>): Comparison => ({ ...figures, state, change: Number.NaN })
    if (other.every((day) => day < 0)) return not('out-of-window')
    if (here.good < limits.goodDays || there.good < limits.goodDays) return not('few-good-days')
    if (!(there.mean >= limits.baseKwh)) return not('small-base')
    return { ...figures, state: 'computed', change: here.mean / there.mean - 1 }
  })
}

const fromOf = (frame: AreaFrame): number => timeOf(frame, frame.dayStarts[Math.max(0, frame.days.length - 7)] ?? 0)

const detectOne = (view: AreaView, of: MeterColumns): readonly Finding[] => {
  if (!of.fact.keyAccount) return []
  const { frame } = view
  const limit = limitsOf(view, RULE, of.fact)
  const both = deviationsOf(view, of, { goodDays: limit('goodDays'), coverage: limit('coverage'), baseKwh: limit('baseKwh') })
  // Means are compared to one hundredth of a per cent: an inclusive limit has to hold for what is exactly on it.
  const exact = (change: number) => Math.round(change * 1e4) / 1e4
  const beyond = both.filter(
    ({ state, change }) => state === 'computed' && (exact(change) >= limit('rise') || exact(change) <= limit('fall')),
  )
  const worst = beyond.reduce<Comparison | null>((most, one) => (most && Math.abs(most.change) >= Math.abs(one.change) ? most : one), null)
  if (!worst) return []
  const isRise = worst.change > 0
  const apart = isRise ? 'rise' : 'fall'
  const standing = view.standing.find(({ key }) => key === `${RULE.id}/${of.fact.id}/${apart}`)
  const from = standing ? Math.min(standing.from, fromOf(frame)) : fromOf(frame)
  const numbers = Object.fromEntries(
    both.flatMap((one) => {
      const name = one.against === 'last week' ? 'week' : 'month'
      return [
        [`${name}State`, one.state],
        [`${name}ChangePct`, round(100 * one.change, 2)],
        [`${name}ThenKwhPerDay`, round(one.thenKwhPerDay, 2)],
        [`${name}GoodDays`, one.goodThen],
      ]
    }),
  )
  return [
    findingOf(view, RULE, of.fact, limit, {
      kind: 'use_deviation',
      apart,
      from,
      to: null,
      score: 0.6,
      severity: 'medium',
      cause: isRise ? 'rise' : 'fall',
      numbers: { nowKwhPerDay: round(worst.nowKwhPerDay, 2), goodDaysNow: worst.goodNow, ...numbers },
      series: [{ measurement: 'interval', id: of.fact.id, fields: ['activeImport'], from: frame.start, to: timeOf(frame, frame.slots) }],
      ruledOut: [
        { zh: '缺数、停电、换表当日不参与比较', en: 'days with gaps, outages or exchanges are left out of both windows' },
        { zh: '星期因素：均为七天窗口', en: 'days of the week: both windows hold seven' },
      ],
      why: {
        zh: `近 7 天日均 ${say(worst.nowKwhPerDay)} kWh，较${worst.against === 'last week' ? '上周' : '上月同期'} ${say(worst.thenKwhPerDay)} kWh ${isRise ? '升' : '降'} ${say(Math.abs(100 * worst.change))} %`,
        en: `${say(worst.nowKwhPerDay)} kWh a day over seven days, ${say(Math.abs(100 * worst.change))} % ${isRise ? 'more' : 'less'} than ${worst.against} (${say(worst.thenKwhPerDay)} kWh)`,
      },
      action: { zh: '通知客户，查明原因并提交分析', en: 'tell the customer, find the cause and deliver an analysis' },
    }),
  ]
}

/** Key accounts (重点客户) whose mean daily use changed: +30 % or -20 % against last week or the same period of last month. */
export const useDeviation: Detector = {
  rule: RULE,
  detect: (view) => ({ findings: view.frame.meters.flatMap((of) => detectOne(view, of)) }),
}
