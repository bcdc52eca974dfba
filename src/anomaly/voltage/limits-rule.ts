import type { Finding } from '../finding.ts'
import type { MeterColumns } from '../frame.ts'
import { daysBack, findingOf, isOut, limitsOf, round, rule, say, threshold, timeOf } from '../meter/shared.ts'
import type { AreaView, Detector } from '../view.ts'
import { isVoltage } from './follow.ts'

const RULE = rule({
  id: 'voltage-out',
  version: 1,
  title: { zh: '电压越限', en: 'voltage out of limits' },
  thresholds: {
    highPct: threshold(
      7,
      '>',
      '%',
      [1, 20],
      { zh: '相电压高于标称值的百分数', en: 'phase voltage above nominal' },
      'GB/T 12325-2008: 220 V single-phase supply, +7 %',
    ),
    lowPct: threshold(
      10,
      '>',
      '%',
      [1, 22],
      { zh: '相电压低于标称值的百分数', en: 'phase voltage below nominal' },
      'GB/T 12325-2008: 220 V single-phase supply, −10 %',
    ),
    sharePct: threshold(
      5,
      '>=',
      '%',
      [0.1, 100],
      { zh: '七天内越限时间占比', en: 'share of the last seven days out of limits' },
      'EN 50160: 95 % of the ten-minute means of a week must be within limits',
    ),
    days: threshold(
      2,
      '>=',
      'd',
      [1, 7],
      { zh: '出现越限的天数', en: 'days on which it was out' },
      'one storm or one switching is not a state of the net',
    ),
  },
})

const WINDOW_DAYS = 7
/** Fewest reads of a week that make a share: a day. */
const FEWEST = 96

interface Tally {
  slots: number
  readonly days: Set<number>
  worst: number
  first: number
}

const note = (of: Tally, slot: number, day: number, worst: number): void => {
  if (of.first < 0) of.first = slot
  of.slots++
  of.days.add(day)
  of.worst = worst
}

/** Voltage of a customer out of limits (电压越限) for a share of a week. Needs a day of reads; a lost phase (below 78 %) is the business of another rule. */
const claimsOf = (view: AreaView, meter: MeterColumns): readonly Finding[] => {
  const { frame } = view
  const limit = limitsOf(view, RULE, meter.fact)
  const nominal = frame.fact.nominalV
  const [high, low] = [nominal * (1 + limit('highPct') / 100), nominal * (1 - limit('lowPct') / 100)]
  const start = daysBack(frame, WINDOW_DAYS)
  const firstDay = Math.max(0, frame.days.length - WINDOW_DAYS)
  let reads = 0
  const above: Tally = { slots: 0, days: new Set<number>(), worst: 0, first: -1 }
  const below: Tally = { slots: 0, days: new Set<number>(), worst: Number.POSITIVE_INFINITY, first: -1 }
  for (let day = firstDay; day < frame.days.length; day++)
    for (let slot = frame.dayStarts[day] ?? 0; slot < (frame.dayStarts[day + 1] ?? 0); slot++) {
      let most = 0
      let least = Number.POSITIVE_INFINITY
      for (const column of meter.u) {
        const volt = column?.[slot] ?? Number.NaN
        if (!isVoltage(volt, nominal)) continue
        most = Math.max(most, volt)
        least = Math.min(least, volt)
      }
      if (most === 0) continue
      reads++
      if (most > high) note(above, slot, day, Math.max(above.worst, most))
      if (least < low) note(below, slot, day, Math.min(below.worst, least))
    }
  if (reads < FEWEST) return []
  return [
    { of: above, apart: 'high', zh: '偏高', en: 'above', bound: high },
    { of: below, apart: 'low', zh: '偏低', en: 'below', bound: low },
  ].flatMap(({ of, apart, zh, en, bound }) => {
    const share = (100 * of.slots) / reads
    const from = timeOf(frame, Math.max(0, of.first))
    if (
      share < limit('sharePct') ||
      of.days.size < limit('days') ||
      isOut(frame, meter.fact.id, timeOf(frame, start), timeOf(frame, frame.slots))
    )
      return []
    const deviation = (100 * (of.worst - nominal)) / nominal
    return [
      findingOf(view, RULE, meter.fact, limit, {
        kind: 'voltage_out',
        apart,
        from,
        to: null,
        score: Math.min(0.95, 0.5 + share / 100),
        severity: share >= 25 ? 'medium' : 'low',
        cause: apart,
        numbers: {
          sharePct: round(share, 1),
          hours: round((of.slots * frame.stepMs) / 3_600_000, 1),
          days: of.days.size,
          worstV: round(of.worst, 1),
          worstPct: round(deviation, 1),
          boundV: round(bound, 1),
          reads,
        },
        series: [
          {
            measurement: 'instant',
            id: meter.fact.id,
            fields: ['voltage_l1', 'voltage_l2', 'voltage_l3'],
            from: timeOf(frame, start),
            to: timeOf(frame, frame.slots),
          },
        ],
        why: {
          zh: `一周内 ${say(share)} % 的时间电压${zh}（限值 ${say(bound)} V，最严重 ${say(of.worst)} V）`,
          en: `${say(share)} % of the week ${en} ${say(bound)} V, worst ${say(of.worst)} V`,
        },
        action:
          apart === 'high'
            ? {
                zh: '检查配变分接头与光伏并网点电压，核对中性线',
                en: 'look at the tap of the transformer, at solar feed-in nearby and at the neutral',
              }
            : {
                zh: '检查线路末端负荷、三相平衡与接头，必要时调整分接头或换粗导线',
                en: 'look at load and balance at the end of the line and at joints; tap or thicker wire if need be',
              },
      }),
    ]
  })
}

export const voltageOut: Detector = {
  rule: RULE,
  detect: (view) => ({ findings: view.frame.meters.flatMap((meter) => claimsOf(view, meter)) }),
}
