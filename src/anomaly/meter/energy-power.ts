import type { Finding } from '../finding.ts'
import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { AreaView, Detector } from '../view.ts'
import {
  estimate,
  everyMeter,
  FACE_STEP,
  findingOf,
  isGateway,
  limitsOf,
  median,
  round,
  rule,
  say,
  sayWhen,
  slotHours,
  spread,
  threshold,
  timeOf,
} from './shared.ts'

const RULE = rule({
  id: 'energy-disagrees',
  version: 1,
  title: { zh: '功率与电量不符', en: 'power and register disagree' },
  thresholds: {
    share: threshold(
      0.1,
      '>',
      '',
      [0.02, 1],
      { zh: '功率积分与示数电量的相对差', en: 'relative difference of power × time and the register' },
      'usual rule (10 %); class 2 meters may be off by 2 % in each',
    ),
    days: threshold(
      5,
      '>=',
      'days',
      [3, 30],
      { zh: '至少天数', en: 'days that can be compared, of the last seven' },
      'samples are instantaneous: one day of a small household is off by 15 % by chance alone',
    ),
    dayKwh: threshold(
      1,
      '>=',
      'kWh',
      [0.1, 100],
      { zh: '当日最小电量', en: 'least energy of a day that is compared' },
      'a hundred steps of a register with two decimals: one per cent',
    ),
    sigmas: threshold(
      2,
      '>=',
      'σ',
      [1, 5],
      { zh: '置信区间倍数', en: 'the interval of so many standard errors lies beyond the limit' },
      'two standard errors: 2.5 % of chance on one side',
    ),
  },
})

const WINDOW = 7

/** One day: mean power of the ends of each slot × its hours, over what the registers say. NaN when too little is known of it. */
const ratioOn = (frame: AreaFrame, of: MeterColumns, day: number, leastKwh: number): number => {
  const { p } = of
  if (!p) return Number.NaN
  const [from, to] = [frame.dayStarts[day] ?? 0, frame.dayStarts[day + 1] ?? 0]
  const hours = slotHours(frame)
  let energy = 0
  let byPower = 0
  let turned = 0
  let slots = 0
  for (let slot = Math.max(1, from); slot < to; slot++) {
    if (of.known[slot] !== 2) continue
    const kw = (p[slot - 1]! + p[slot]!) / 2
    if (Number.isNaN(kw)) continue
    const fed = of.exp[slot]!
    // What flows back and is not counted cannot be compared.
    if (kw < 0 && Number.isNaN(fed)) return Number.NaN
    const used = of.imp[slot]! - (fed || 0)
    if (Number.isNaN(used)) continue
    energy += used
    byPower += kw * hours
    turned += Math.abs(kw) * hours
    slots++
  }
  // Import and export that cancel leave only noise.
  const isEnough = slots >= 0.5 * (to - from) && Math.max(Math.abs(energy), turned) >= leastKwh && Math.abs(byPower) >= 0.5 * turned
  if (!isEnough) return Number.NaN
  return Math.abs(energy) < 0.05 * turned ? Number.POSITIVE_INFINITY : byPower / energy
}

const detectOne = (view: AreaView, of: MeterColumns): Finding | null => {
  const { frame } = view
  const limit = limitsOf(view, RULE, of.fact)
  const least = Math.max(limit('dayKwh'), 100 * FACE_STEP * of.fact.multiplier)
  const [count, needed] = [frame.days.length, limit('days')]
  const last = count - 1
  // The newest day decides whether the others need be looked at: half the limit is far from the noise of a healthy meter.
  const today = ratioOn(frame, of, last, least)
  if (Number.isNaN(today) || Math.abs(today - 1) <= limit('share') / 2) return null
  const ratios: number[] = []
  let first = last
  for (let day = last; day >= 0 && day > last - WINDOW; day--) {
    const ratio = ratioOn(frame, of, day, least)
    if (!Number.isFinite(ratio)) continue
    ratios.push(ratio)
    if (Math.abs(ratio - 1) > limit('share')) first = day
  }
  if (ratios.length < needed) return null
  const middle = median(ratios)
  // Standard error of a median: 1.25 × that of a mean.
  const error = (1.25 * spread(ratios, middle)) / Math.sqrt(ratios.length)
  const off = Math.abs(middle - 1)
  if (!(off - limit('sigmas') * error > limit('share'))) return null
  let energy = 0
  for (let slot = frame.dayStarts[first] ?? 0; slot < frame.slots; slot++) energy += of.imp[slot]! || 0
  const key = `${RULE.id}/${of.fact.id}`
  const standing = view.standing.find((one) => one.key === key)
  const start = timeOf(frame, frame.dayStarts[first] ?? 0)
  const from = standing ? Math.min(standing.from, start) : start
  const k = of.fact.multiplier
  const isRatio = k > 1 && Math.abs(middle * k - 1) < 0.1
  return findingOf(view, RULE, of.fact, limit, {
    kind: 'energy_disagrees',
    from,
    to: null,
    score: isRatio ? 0.6 : 0.75,
    severity: isGateway(frame, of) ? 'high' : 'medium',
    kwh: estimate(energy * (middle - 1), energy * (middle - 1 - 2 * error), energy * (middle - 1 + 2 * error)),
    cause: isRatio ? 'ratio_applied_once_only' : middle < 1 ? 'power_below_register' : 'power_above_register',
    numbers: {
      ratio: round(middle, 4),
      standardError: round(error, 4),
      days: ratios.length,
      ratioToday: round(today, 4),
      multiplier: k,
      registerKwh: round(energy, 2),
    },
    series: [
      { measurement: 'instant', id: of.fact.id, fields: ['activePower'], from, to: timeOf(frame, frame.slots) },
      { measurement: 'interval', id: of.fact.id, fields: ['activeImport'], from, to: timeOf(frame, frame.slots) },
    ],
    ruledOut: [
      {
        zh: `采样误差：${ratios.length} 天的中位数，标准误 ${say(100 * error)} %`,
        en: `sampling: median of ${ratios.length} days, standard error ${say(100 * error)} %`,
      },
      { zh: '缺数：仅比较两端示数与功率都读到的时段', en: 'gaps: only slots with both registers and both powers count' },
    ],
    why: {
      zh: `近 ${ratios.length} 天功率积分为示数电量的 ${say(100 * middle)} % ± ${say(200 * error)} %（自 ${sayWhen(frame, from)}）`,
      en: `power × time is ${say(100 * middle)} % ± ${say(200 * error)} % of what the register counted on ${ratios.length} days, since ${sayWhen(frame, from)}`,
    },
    action: isRatio
      ? { zh: '核对功率与电量是否使用同一倍率', en: 'check that power and energy are multiplied by the same ratio' }
      : { zh: '现场校验电表误差，检查计度器与功率寄存器比例', en: 'test the meter on site; check the scale of its power registers' },
  })
}

/** Power read over time against the register (功率电量不符): days, not samples, for samples are noise. */
export const energyDisagrees: Detector = {
  rule: RULE,
  detect: (view) => ({ findings: everyMeter(view.frame).flatMap((of) => detectOne(view, of) ?? []) }),
}
