import type { Finding } from '../finding.ts'
import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { AreaView, Detector } from '../view.ts'
import { everyMeter, findingOf, limitsOf, round, rule, say, sayWhen, slotHours, threshold, timeOf } from './shared.ts'

const RULE = rule({
  id: 'stuck-values',
  version: 1,
  title: { zh: '数据冻结或不可能', en: 'stuck or impossible values' },
  thresholds: {
    reads: threshold(
      4,
      '>=',
      'reads',
      [3, 96],
      { zh: '电压、电流、功率同时不变的读数个数', en: 'reads in a row with the same non-zero U, I and P' },
      'voltage alone repeats to 0.1 V in about one of twenty reads; three quantities four times over are no chance',
    ),
    alarmReads: threshold(
      16,
      '>=',
      'reads',
      [4, 960],
      { zh: '报警所需读数个数', en: 'from so many reads on it is an alarm' },
      'four hours: long enough that a slow concentrator is not the reason',
    ),
    voltageHigh: threshold(
      1.3,
      '>',
      'Un',
      [1.1, 3],
      { zh: '不可能的高电压', en: 'voltage above this share of nominal cannot be' },
      'a broken neutral gives up to 1.73; lamps and meters do not live long above 1.3',
    ),
    powerFactor: threshold(
      1.005,
      '>',
      '',
      [1, 1.1],
      { zh: '功率因数上限', en: 'power factor above this cannot be' },
      'definition; half a step of two decimals',
    ),
    apparent: threshold(
      1.15,
      '>',
      '× ΣUI',
      [1, 3],
      { zh: '有功功率超过视在功率的倍数', en: 'active power above so many times U × I cannot be' },
      'P ≤ S by definition; values read one after the other may differ by some per cent',
    ),
    current: threshold(
      1.2,
      '>',
      'Imax',
      [1, 5],
      { zh: '电流超过最大电流的倍数', en: 'current above so many times what the meter may carry' },
      'usual limit (1.2 × Imax)',
    ),
    samples: threshold(
      4,
      '>=',
      'samples',
      [1, 96],
      { zh: '不可能值报警所需样本数', en: 'impossible samples of the day from which it is an alarm' },
      'a single one is a garbled frame',
    ),
  },
})

/** Longest run of the last day in which everything that was read repeats itself. It may have begun earlier. */
const runOf = (
  frame: AreaFrame,
  of: MeterColumns,
  today: number,
): { readonly first: number; readonly last: number; readonly reads: number } | null => {
  const { p } = of
  const u = of.u[0]
  const i = of.i[0]
  if (!p || !u || !i) return null
  const isSame = (slot: number, before: number) =>
    p[slot] === p[before] && u[slot] === u[before] && i[slot] === i[before] && p[slot] !== 0 && u[slot] !== 0
  let best: { first: number; last: number; reads: number } | null = null
  let [previous, reads, first] = [-1, 1, today]
  for (let slot = today; slot < frame.slots; slot++) {
    if (Number.isNaN(p[slot]!)) continue
    if (previous >= 0 && isSame(slot, previous)) reads++
    else [reads, first] = [1, slot]
    if (!best || reads > best.reads) best = { first, last: slot, reads }
    previous = slot
  }
  if (!best || best.first > today) return best
  for (let slot = today - 1; slot >= 0 && isSame(best.first, slot); slot--) {
    best.first = slot
    best.reads++
  }
  return best
}

const stuck = (view: AreaView, of: MeterColumns, today: number): Finding | null => {
  const { frame } = view
  const run = runOf(frame, of, today)
  if (!run || run.reads < 3) return null
  const limit = limitsOf(view, RULE, of.fact)
  if (run.reads < limit('reads')) return null
  const [from, to] = [timeOf(frame, run.first), timeOf(frame, run.last + 1)]
  const moved = of.faceImp[run.last]! - of.faceImp[run.first]!
  const isAlarm = run.reads >= limit('alarmReads')
  return findingOf(view, RULE, of.fact, limit, {
    kind: 'stuck_values',
    from,
    to: run.last === frame.slots - 1 ? null : to,
    score: isAlarm ? 0.7 : 0.4,
    severity: isAlarm ? 'medium' : 'low',
    cause: moved > 0 ? 'samples_stuck' : 'image_stuck',
    numbers: {
      reads: run.reads,
      hours: round((run.last + 1 - run.first) * slotHours(frame), 2),
      powerKw: round(of.p?.[run.first] ?? Number.NaN),
      voltageV: round(of.u[0]?.[run.first] ?? Number.NaN, 1),
      currentA: round(of.i[0]?.[run.first] ?? Number.NaN),
      registerMovedKwh: round(moved, 2),
    },
    series: [{ measurement: 'instant', id: of.fact.id, fields: ['activePower', 'voltageA', 'currentA'], from, to }],
    ruledOut: [{ zh: '空载：数值不为零', en: 'no load: the values are not zero' }],
    why: {
      zh: `自 ${sayWhen(frame, from)} 起 ${run.reads} 个读数的电压、电流、功率完全相同${moved > 0 ? `，而示数走了 ${say(moved, 2)} kWh` : '，示数也未走'}`,
      en: `${run.reads} reads with the very same voltage, current and power since ${sayWhen(frame, from)}${moved > 0 ? `, while the register moved by ${say(moved, 2)} kWh` : ', and the register stood still'}`,
    },
    action: {
      zh: '直抄电表比对；检查集中器是否重复上报旧数据',
      en: 'read the meter directly and compare; see whether the concentrator repeats old data',
    },
  })
}

/** Largest current of the meter, primary ampere; null when the ledger does not say. */
const largestOf = ({ fact }: MeterColumns): number | null => {
  if (fact.ratedA !== null) return fact.ratedA
  return fact.type === '3P-CT' || fact.multiplier > 1 ? 6 * fact.multiplier : null
}

/** What cannot be, by its name, counted over the last day. */
const impossible = (view: AreaView, of: MeterColumns, today: number): Finding | null => {
  const { frame } = view
  const limit = limitsOf(view, RULE, of.fact)
  const largest = largestOf(of)
  const tooMuch = largest === null ? Number.POSITIVE_INFINITY : limit('current') * largest
  const [volts, factor, share] = [limit('voltageHigh'), limit('powerFactor'), limit('apparent')]
  // Behind a voltage transformer the nominal voltage is another one.
  const usual = of.u[0]?.[frame.slots - 1] ?? Number.NaN
  const nominal = usual > 3 * frame.fact.nominalV ? usual : frame.fact.nominalV
  const counts = { voltage: 0, powerFactor: 0, apparent: 0, current: 0 }
  let first = -1
  let worst = 0
  for (let slot = today; slot < frame.slots; slot++) {
    let apparent = 0
    let isWrong = false
    const note = (what: keyof typeof counts) => {
      counts[what]++
      isWrong = true
    }
    for (let phase = 0; phase < 3; phase++) {
      const u = of.u[phase]?.[slot] ?? 0
      const i = of.i[phase]?.[slot] ?? 0
      if (u > volts * nominal) note('voltage')
      if (i > tooMuch) note('current')
      apparent += (u * i) / 1000
    }
    if (Math.abs(of.pf?.[slot] ?? 0) > factor) note('powerFactor')
    const power = Math.abs(of.p?.[slot] ?? 0)
    // Small loads are all rounding.
    if (apparent > 0.2 && power > share * apparent) note('apparent')
    if (!isWrong) continue
    if (first < 0) first = slot
    worst++
  }
  if (worst === 0) return null
  const isAlarm = worst >= limit('samples')
  const [from, to] = [timeOf(frame, first), timeOf(frame, frame.slots)]
  const names = Object.entries(counts).flatMap(([name, count]) => (count > 0 ? [`${name} ${count}`] : []))
  return findingOf(view, RULE, of.fact, limit, {
    kind: 'stuck_values',
    apart: 'impossible',
    from,
    to: isAlarm ? null : to,
    score: isAlarm ? 0.6 : 0.3,
    severity: isAlarm ? 'medium' : 'info',
    cause: 'impossible_values',
    numbers: {
      samples: worst,
      tooHighVoltage: counts.voltage,
      tooHighPowerFactor: counts.powerFactor,
      powerAboveApparent: counts.apparent,
      tooHighCurrent: counts.current,
    },
    series: [{ measurement: 'instant', id: of.fact.id, fields: ['voltageA', 'currentA', 'activePower', 'powerFactor'], from, to }],
    ruledOut: [{ zh: '电压偏高/偏低：另有规则', en: 'voltage out of limits: another rule' }],
    why: {
      zh: `当日 ${worst} 个样本物理上不可能（${names.join('，')}）`,
      en: `${worst} samples of the day cannot be (${names.join(', ')})`,
    },
    action: { zh: '检查数据项比例、倍率与接线', en: 'check scale of the data items, ratio and wiring' },
  })
}

/** Values that repeat themselves (数据冻结) or cannot be. */
export const stuckValues: Detector = {
  rule: RULE,
  detect: (view) => {
    const today = view.frame.dayStarts.at(-2) ?? 0
    return {
      findings: everyMeter(view.frame).flatMap((of) => [stuck(view, of, today), impossible(view, of, today)].filter((one) => one !== null)),
    }
  },
}
