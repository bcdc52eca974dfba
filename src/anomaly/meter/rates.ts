import type { Finding } from '../finding.ts'
import type { MeterColumns } from '../frame.ts'
import type { AreaView, Detector } from '../view.ts'
import { estimate, everyMeter, FACE_STEP, findingOf, limitsOf, round, rule, say, threshold, timeOf } from './shared.ts'

const RULE = rule({
  id: 'rates-disagree',
  version: 1,
  title: { zh: '示值不平', en: 'tariff registers do not add up' },
  thresholds: {
    steps: threshold(
      1,
      '>',
      'steps a register',
      [0.5, 100],
      { zh: '每个寄存器允许的步数', en: 'difference above so many steps for the total and each rate' },
      'each register is cut off at its last digit: at most one step each',
    ),
    growDays: threshold(
      2,
      '>=',
      'days',
      [1, 30],
      { zh: '差值增长的天数', en: 'days of the last seven on which the difference grew' },
      'a difference that stays is an old one (a total or a rate set once); one that grows is a fault of today',
    ),
  },
})

/** Total minus the sum of the rates at the midnight that ends a day, kWh as on the face; NaN when one is not known. */
const differenceOn = (view: AreaView, of: MeterColumns, day: number): number => {
  const slot = (view.frame.dayStarts[day + 1] ?? 0) - 1
  let sum = 0
  for (const rate of of.rates ?? []) sum += rate[day] ?? Number.NaN
  return (of.faceImp[slot] ?? Number.NaN) - sum
}

const detectOne = (view: AreaView, of: MeterColumns): Finding | null => {
  const { frame } = view
  const rates = of.rates
  if (!rates || rates.length === 0) return null
  const limit = limitsOf(view, RULE, of.fact)
  const last = frame.days.length - 1
  const now = differenceOn(view, of, last)
  const room = limit('steps') * FACE_STEP * (rates.length + 1) + 1e-6
  if (!(Math.abs(now) > room)) return null
  let [grown, first, compared] = [0, last, 0]
  for (let day = last; day > 0; day--) {
    const [here, before] = [differenceOn(view, of, day), differenceOn(view, of, day - 1)]
    if (Number.isNaN(here) || Number.isNaN(before)) break
    if (day > last - 7) {
      compared++
      if (Math.abs(here - before) > room / 2) grown++
    }
    if (Math.abs(before) <= room) {
      first = day
      break
    }
    first = day - 1
  }
  const isGrowing = grown >= Math.min(limit('growDays'), Math.max(1, compared))
  const from = timeOf(frame, frame.dayStarts[first] ?? 0)
  const kwh = now * of.fact.multiplier
  return findingOf(view, RULE, of.fact, limit, {
    kind: 'rates_disagree',
    from,
    to: null,
    score: isGrowing ? 0.8 : 0.4,
    severity: isGrowing ? 'medium' : 'low',
    kwh: estimate(kwh, kwh - room * of.fact.multiplier, kwh + room * of.fact.multiplier),
    cause: isGrowing ? 'difference_grows' : 'difference_stays',
    numbers: {
      totalMinusRatesKwh: round(now, 4),
      allowedKwh: round(room, 4),
      rates: rates.length,
      daysGrown: grown,
      daysCompared: compared,
    },
    series: [
      {
        measurement: 'register',
        id: of.fact.id,
        fields: ['activeImport', ...rates.map((_, rate) => `activeImportRate${rate + 1}`)],
        from,
        to: timeOf(frame, frame.slots),
      },
    ],
    ruledOut: [{ zh: '末位舍去：每寄存器一步', en: 'cut-off digits: one step for each register' }],
    why: {
      zh: `零点总示数与各费率之和差 ${say(now, 2)} kWh，允许 ${say(room, 2)}${isGrowing ? `，近 ${compared} 天有 ${grown} 天增长` : '，近期未增长'}`,
      en: `total and rates differ by ${say(now, 2)} kWh at midnight, ${say(room, 2)} allowed${isGrowing ? `; it grew on ${grown} of ${compared} days` : '; it does not grow'}`,
    },
    action: {
      zh: '召测总与各费率示数核对，检查时段表与计度器，必要时换表',
      en: 'read total and rates again, check the tariff table and counters, exchange the meter if it goes on',
    },
  })
}

/** Tariff registers (费率) that do not add up to the total (示值不平), at midnight, when all stand still at once. */
export const ratesDisagree: Detector = {
  rule: RULE,
  detect: (view) => ({ findings: everyMeter(view.frame).flatMap((of) => detectOne(view, of) ?? []) }),
}
