import type { Finding } from '../finding.ts'
import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { AreaView, Detector } from '../view.ts'
import { everyMeter, findingOf, isGateway, limitsOf, quantile, round, rule, say, threshold, timeOf } from './shared.ts'

const RULE = rule({
  id: 'unbalance',
  version: 1,
  title: { zh: '三相不平衡', en: 'unbalance of currents and voltages' },
  thresholds: {
    current: threshold(
      0.25,
      '>=',
      '',
      [0.05, 0.9],
      { zh: '电流不平衡率（最大−最小）/最大', en: 'unbalance of currents, (largest − smallest) / largest' },
      'usual limit: 15 % for Yyn0, 25 % for Dyn11; the ledger does not say which, so the wider one holds until it is set',
    ),
    voltage: threshold(
      0.02,
      '>=',
      '',
      [0.005, 0.2],
      { zh: '电压不平衡率（与均值的最大偏差/均值）', en: 'unbalance of voltages, largest deviation from the mean over the mean' },
      'GB/T 15543: 2 % for 95 % of the time',
    ),
    loaded: threshold(
      0.3,
      '>=',
      '× rated current',
      [0.05, 1],
      { zh: '参与判断的最大相电流下限', en: 'current of the fullest phase from which a sample counts' },
      'at small load a single kettle is an unbalance',
    ),
    full: threshold(
      1,
      '>=',
      '× rated current',
      [0.3, 2],
      { zh: '报警所需最大相电流', en: 'current of the fullest phase from which it is worth a crew' },
      'a phase beyond its rating while another is far below: moving customers relieves it; below that it can wait',
    ),
    samples: threshold(8, '>=', 'samples', [1, 96], { zh: '当日样本数', en: 'samples of the day' }, 'two hours, as for overload'),
    days: threshold(
      3,
      '>=',
      'days',
      [1, 7],
      { zh: '近 7 天内天数', en: 'days of the last seven' },
      'once is weather, three times is how the area is wired',
    ),
  },
})

/** Rated current of a phase, ampere: of the transformer, or of the current transformers (5 A × ratio). */
const ratedOf = (frame: AreaFrame, of: MeterColumns): number => {
  const kva = frame.fact.transformerKva
  if (isGateway(frame, of) && kva !== null && kva > 0) return (kva * 1000) / (3 * frame.fact.nominalV)
  return 5 * of.fact.multiplier
}

const currents = (view: AreaView, of: MeterColumns): Finding | null => {
  const { frame } = view
  const [a, b, c] = of.i
  if (!a || !b || !c) return null
  const limit = limitsOf(view, RULE, of.fact)
  const rated = ratedOf(frame, of)
  const [least, full, beyond] = [limit('loaded') * rated, limit('full') * rated, limit('current')]
  let days = 0
  let fullDays = 0
  let first = -1
  const shares: number[] = []
  const largest = [0, 0, 0]
  for (let day = frame.days.length - 1; day >= Math.max(0, frame.days.length - 7); day--) {
    let samples = 0
    let heavy = 0
    for (let slot = frame.dayStarts[day] ?? 0; slot < (frame.dayStarts[day + 1] ?? 0); slot++) {
      const top = Math.max(a[slot]!, b[slot]!, c[slot]!)
      if (!(top >= least)) continue
      const share = (top - Math.min(a[slot]!, b[slot]!, c[slot]!)) / top
      if (share < beyond) continue
      shares.push(share)
      samples++
      if (top >= full) heavy++
      largest[top === a[slot] ? 0 : top === b[slot] ? 1 : 2]!++
    }
    if (samples < limit('samples')) {
      if (day === frame.days.length - 1) return null
      continue
    }
    days++
    first = day
    if (heavy >= limit('samples')) fullDays++
  }
  if (days < limit('days')) return null
  const isHeavy = fullDays >= limit('days')
  // What a customer does behind its own meter matters to the area only when a phase is full.
  if (!isGateway(frame, of) && !isHeavy) return null
  const isAlarm = isHeavy && isGateway(frame, of)
  const [from, to] = [timeOf(frame, frame.dayStarts[first] ?? 0), timeOf(frame, frame.slots)]
  const phase = 'ABC'[largest.indexOf(Math.max(...largest))] ?? '?'
  const middle = quantile(shares, 0.5)
  return findingOf(view, RULE, of.fact, limit, {
    kind: 'current_unbalance',
    apart: 'current',
    from,
    to: null,
    score: isAlarm ? 0.55 : isHeavy ? 0.4 : 0.2,
    severity: isAlarm ? 'low' : 'info',
    cause: isHeavy ? 'overloaded_phase' : 'unbalanced_load',
    numbers: {
      days,
      heavyDays: fullDays,
      samples: shares.length,
      medianUnbalance: round(middle),
      fullestPhase: phase,
      ratedA: round(rated, 0),
    },
    series: [{ measurement: 'instant', id: of.fact.id, fields: ['currentA', 'currentB', 'currentC'], from, to }],
    ruledOut: [{ zh: '轻载：仅计负荷足够的样本', en: 'light load: only loaded samples count' }],
    why: {
      zh: `近 7 天中 ${days} 天电流不平衡率达限（中位 ${say(100 * middle, 0)} %），${phase} 相最重${isHeavy ? '且过载' : ''}`,
      en: `unbalance of currents beyond the limit on ${days} of 7 days (median ${say(100 * middle, 0)} %); phase ${phase} is the fullest${isHeavy ? ' and beyond its rating' : ''}`,
    },
    action: { zh: `将 ${phase} 相部分单相用户调至轻载相`, en: `move some single-phase customers off phase ${phase}` },
  })
}

const voltages = (view: AreaView, of: MeterColumns): Finding | null => {
  const { frame } = view
  const [a, b, c] = of.u
  if (!a || !b || !c) return null
  const limit = limitsOf(view, RULE, of.fact)
  const today = frame.dayStarts.at(-2) ?? 0
  // A lost phase is another rule's; so is an outage.
  if (view.found.some(({ kind, target }) => kind === 'phase_loss' && target === of.fact.id)) return null
  const shares: number[] = []
  for (let slot = today; slot < frame.slots; slot++) {
    const mean = (a[slot]! + b[slot]! + c[slot]!) / 3
    if (!(mean > 0.5 * frame.fact.nominalV)) continue
    shares.push(Math.max(Math.abs(a[slot]! - mean), Math.abs(b[slot]! - mean), Math.abs(c[slot]! - mean)) / mean)
  }
  if (shares.length < limit('samples')) return null
  // 2 % may be exceeded 5 % of the time: the 95th percentile is what is judged.
  const high = quantile(shares, 0.95)
  const isArea = isGateway(frame, of)
  // A customer's own line may add as much again: twice the limit, as for short times in GB/T 15543 (4 %).
  if (!(high >= limit('voltage') * (isArea ? 1 : 2))) return null
  const [from, to] = [timeOf(frame, today), timeOf(frame, frame.slots)]
  const standing = view.standing.find(({ key }) => key === `${RULE.id}/${of.fact.id}/voltage`)
  return findingOf(view, RULE, of.fact, limit, {
    kind: 'voltage_unbalance',
    apart: 'voltage',
    from: standing ? Math.min(standing.from, from) : from,
    to: null,
    score: isArea ? 0.55 : 0.3,
    severity: isArea ? 'medium' : 'info',
    cause: isArea ? 'transformer_or_neutral' : 'service_line',
    numbers: { percentile95: round(high, 4), median: round(quantile(shares, 0.5), 4), samples: shares.length },
    series: [{ measurement: 'instant', id: of.fact.id, fields: ['voltageA', 'voltageB', 'voltageC'], from, to }],
    ruledOut: [{ zh: '缺相：另有规则', en: 'a lost phase: another rule' }],
    why: {
      zh: `当日电压不平衡率 95 % 分位 ${say(100 * high)} %`,
      en: `unbalance of voltages: 95th percentile of the day ${say(100 * high)} %`,
    },
    action: { zh: '检查中性线接触与单相重负荷', en: 'check the neutral and heavy single-phase loads' },
  })
}

/** Unbalance (三相不平衡) at the meter of the area and at meters behind current transformers: a house is never balanced. */
export const unbalance: Detector = {
  rule: RULE,
  detect: (view) => ({
    findings: everyMeter(view.frame)
      .filter((of) => isGateway(view.frame, of) || of.fact.type === '3P-CT')
      .flatMap((of) => [currents(view, of), voltages(view, of)].filter((one) => one !== null)),
  }),
}
