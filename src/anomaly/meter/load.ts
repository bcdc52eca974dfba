import type { Finding } from '../finding.ts'
import type { AreaFrame, MeterColumns } from '../frame.ts'
import type { AreaView, Detector } from '../view.ts'
import {
  dayOf,
  everyMeter,
  findingOf,
  isGateway,
  isOut,
  limitsOf,
  median,
  round,
  rule,
  say,
  sayWhen,
  slotHours,
  threshold,
  timeOf,
  unusableSlots,
} from './shared.ts'

const OVERLOAD = rule({
  id: 'overload',
  version: 1,
  title: { zh: '配变重载/过载', en: 'transformer heavily loaded or overloaded' },
  thresholds: {
    heavy: threshold(0.8, '>=', '× kVA', [0.5, 1.5], { zh: '重载倍数', en: 'heavy load' }, 'usual limit (80 % of rating for 2 h)'),
    over: threshold(1, '>=', '× kVA', [0.5, 2], { zh: '过载倍数', en: 'overload' }, 'usual limit (100 % of rating for 2 h)'),
    hours: threshold(2, '>=', 'h', [0.25, 24], { zh: '持续时间', en: 'without a break' }, 'usual limit; oil takes hours to heat'),
  },
})

/** Apparent power at the area meters in a slot, kVA; NaN when one of them is not known. */
const loadAt = (frame: AreaFrame, slot: number): number => {
  let sum = 0
  for (const of of frame.gateways) {
    let own = 0
    for (let phase = 0; phase < 3; phase++) {
      const column = of.u[phase]
      if (column) own += (column[slot]! * (of.i[phase]?.[slot] ?? Number.NaN)) / 1000
    }
    // Without currents: active power over the power factor.
    if (Number.isNaN(own) || own === 0) own = Math.abs(of.p?.[slot] ?? Number.NaN) / Math.max(0.5, Math.abs(of.pf?.[slot] || 0.95))
    sum += own
  }
  return frame.gateways.length === 0 ? Number.NaN : sum
}

const longestRun = (frame: AreaFrame, from: number, loads: Float64Array, least: number) => {
  let best = { first: -1, slots: 0 }
  let first = -1
  let slots = 0
  for (let at = 0; at < loads.length; at++) {
    if (!(loads[at]! >= least)) {
      slots = 0
      continue
    }
    if (slots === 0) first = from + at
    slots++
    if (slots > best.slots) best = { first, slots }
  }
  return { ...best, hours: best.slots * slotHours(frame) }
}

/** Transformer load (配变负载率) from the meters of the area. */
export const overload: Detector = {
  rule: OVERLOAD,
  detect: (view) => {
    const { frame } = view
    const kva = frame.fact.transformerKva
    if (kva === null || kva <= 0 || frame.gateways.length === 0) return { findings: [] }
    const limit = limitsOf(view, OVERLOAD)
    const today = frame.dayStarts.at(-2) ?? 0
    const loads = Float64Array.from({ length: frame.slots - today }, (_, at) => loadAt(frame, today + at))
    const over = longestRun(frame, today, loads, limit('over') * kva)
    const heavy = longestRun(frame, today, loads, limit('heavy') * kva)
    const isOver = over.hours >= limit('hours')
    if (!isOver && heavy.hours < limit('hours')) return { findings: [] }
    const run = isOver ? over : heavy
    const top = Math.max(0, ...loads.filter((load) => !Number.isNaN(load)))
    const standing = view.standing.find(({ key }) => key === `${OVERLOAD.id}/${frame.fact.id}/${isOver ? 'over' : 'heavy'}`)
    const from = standing ? Math.min(standing.from, timeOf(frame, run.first)) : timeOf(frame, run.first)
    return {
      findings: [
        findingOf(view, OVERLOAD, null, limit, {
          kind: 'overload',
          apart: isOver ? 'over' : 'heavy',
          from,
          to: null,
          score: isOver ? 0.75 : 0.3,
          severity: isOver ? 'high' : 'info',
          cause: isOver ? 'overload' : 'heavy_load',
          numbers: {
            transformerKva: kva,
            largestKva: round(top, 1),
            loadRate: round(top / kva),
            hours: round(run.hours, 2),
            hoursAboveRating: round(over.hours, 2),
          },
          series: frame.gateways.map((of) => ({
            measurement: 'instant' as const,
            id: of.fact.id,
            fields: ['voltageA', 'voltageB', 'voltageC', 'currentA', 'currentB', 'currentC'],
            from: timeOf(frame, today),
            to: timeOf(frame, frame.slots),
          })),
          ruledOut: [{ zh: '瞬时冲击：连续超过时限', en: 'a short peak: it lasted without a break' }],
          why: {
            zh: `当日最大负载率 ${say((100 * top) / kva, 0)} %，连续 ${say(run.hours)} 小时${isOver ? '过载' : '重载'}（${sayWhen(frame, timeOf(frame, run.first))} 起）`,
            en: `${isOver ? 'overloaded' : 'heavily loaded'} for ${say(run.hours)} h without a break from ${sayWhen(frame, timeOf(frame, run.first))}; at most ${say((100 * top) / kva, 0)} % of ${kva} kVA`,
          },
          action: isOver
            ? { zh: '转移负荷或增容，检查油温', en: 'move load or enlarge the transformer; check the oil temperature' }
            : { zh: '列入观察', en: 'keep it under watch' },
        }),
      ],
    }
  },
}

const CAPACITY = rule({
  id: 'capacity-exceeded',
  version: 1,
  title: { zh: '超容用电', en: 'contract capacity exceeded' },
  thresholds: {
    factor: threshold(
      1.05,
      '>',
      '× contract',
      [1, 3],
      { zh: '15 分钟平均功率超过合同容量的倍数', en: 'mean power of a quarter hour above so many times the contract' },
      'contract limit; a twentieth of room for a power factor of 0.95 between kVA and kW',
    ),
    hours: threshold(
      2,
      '>=',
      'h',
      [0.25, 24],
      { zh: '当日累计时间', en: 'hours of the day in all' },
      'as for overload: shorter peaks are no change of use',
    ),
    days: threshold(
      3,
      '>=',
      'days',
      [1, 7],
      { zh: '近 7 天内天数', en: 'days of the last seven' },
      'three days of a week: a habit, not an event',
    ),
  },
})

const capacity = (view: AreaView, of: MeterColumns): Finding | null => {
  const { frame } = view
  const contract = of.fact.contractKw
  if (contract === null || contract <= 0) return null
  const limit = limitsOf(view, CAPACITY, of.fact)
  const isUnusable = unusableSlots(view, of)
  const most = limit('factor') * contract * slotHours(frame)
  let days = 0
  let hours = 0
  let top = 0
  let first = -1
  for (let day = frame.days.length - 1; day >= Math.max(0, frame.days.length - 7); day--) {
    let slots = 0
    for (let slot = frame.dayStarts[day] ?? 0; slot < (frame.dayStarts[day + 1] ?? 0); slot++) {
      const energy = of.imp[slot]!
      if (!(energy > most) || of.known[slot] !== 2 || isUnusable?.(slot)) continue
      slots++
      top = Math.max(top, energy / slotHours(frame))
    }
    const long = slots * slotHours(frame)
    // The newest day decides, so that it ends when it ends.
    if (day === frame.days.length - 1 && long < limit('hours')) return null
    if (long < limit('hours')) continue
    days++
    hours += long
    first = day
  }
  const isAlarm = days >= limit('days')
  // A home above its contract is a talk, not a visit, unless it becomes a habit far beyond it.
  const isHome = of.fact.category === 'residential'
  const [from, to] = [timeOf(frame, frame.dayStarts[first] ?? 0), timeOf(frame, frame.slots)]
  return findingOf(view, CAPACITY, of.fact, limit, {
    kind: 'capacity_exceeded',
    from,
    to: null,
    score: isAlarm ? (isHome ? 0.4 : 0.6) : 0.25,
    severity: isAlarm && !isHome ? 'medium' : 'info',
    cause: 'above_contract',
    numbers: { contractKw: contract, largestKw: round(top, 2), days, hours: round(hours, 2) },
    series: [{ measurement: 'interval', id: of.fact.id, fields: ['activeImport'], from, to }],
    ruledOut: [{ zh: '示数跳变：仅计两端示数连续的时段', en: 'a jump of the register: only slots with both registers count' }],
    why: {
      zh: `近 7 天 ${days} 天共 ${say(hours)} 小时超过合同容量 ${say(contract)} kW，最大 ${say(top)} kW`,
      en: `above the contract of ${say(contract)} kW for ${say(hours)} h on ${days} of 7 days, up to ${say(top)} kW`,
    },
    action: {
      zh: '通知客户增容或限载，核对合同容量与表计量程',
      en: 'have the customer enlarge the contract or limit the load; check contract and range of the meter',
    },
  })
}

/** Contract capacity (合同容量) exceeded, by quarter-hour means. */
export const capacityExceeded: Detector = {
  rule: CAPACITY,
  detect: (view) => ({ findings: view.frame.meters.flatMap((of) => capacity(view, of) ?? []) }),
}

const STEP = rule({
  id: 'load-step',
  version: 1,
  title: { zh: '负荷突变', en: 'sudden change of load' },
  thresholds: {
    sigmas: threshold(
      8,
      '>=',
      'σ',
      [3, 50],
      { zh: '变化量的稳健标准差倍数', en: 'change of the mean power in so many robust standard deviations of its own changes' },
      'changes of load have heavy tails: what is rare for a bell curve at five comes weekly, at eight hardly',
    ),
    area: threshold(
      0.25,
      '>=',
      '× kVA',
      [0.05, 1],
      { zh: '台区变化量下限', en: 'and at least this share of the transformer' },
      'a quarter of the transformer within a quarter hour: a line switched or lost',
    ),
    customer: threshold(
      0.6,
      '>=',
      '× contract',
      [0.1, 2],
      { zh: '客户变化量下限', en: 'and at least this share of the contract of a key account' },
      'more than half the contracted load at once',
    ),
    most: threshold(
      0.7,
      '>=',
      '',
      [0.3, 1],
      { zh: '报警：下降占原负荷的比例', en: 'an alarm when it takes this share of the load away (or when a rise ends beyond the rating)' },
      'most of an area does not switch itself off within a quarter hour',
    ),
    staySlots: threshold(
      2,
      '>=',
      'slots',
      [1, 16],
      { zh: '变化后保持的时段数', en: 'quarter hours it stays' },
      'a kettle is over after one',
    ),
  },
})

const stepOf = (view: AreaView, of: MeterColumns): Finding | null => {
  const { frame } = view
  const isArea = isGateway(frame, of)
  if (!isArea && !of.fact.keyAccount) return null
  const base = isArea ? frame.fact.transformerKva : of.fact.contractKw
  if (base === null || base <= 0) return null
  const limit = limitsOf(view, STEP, of.fact)
  const hours = slotHours(frame)
  const isUnusable = unusableSlots(view, of)
  const kwAt = (slot: number) => (of.known[slot] === 2 && !isUnusable?.(slot) ? (of.imp[slot]! - (of.exp[slot]! || 0)) / hours : Number.NaN)
  const least = limit(isArea ? 'area' : 'customer') * base
  const today = frame.dayStarts.at(-2) ?? 0
  const stay = limit('staySlots')
  let best = { slot: -1, change: 0, before: 0, after: 0 }
  for (let slot = Math.max(stay + 1, today); slot + stay <= frame.slots; slot++) {
    const before = kwAt(slot - 1)
    const change = kwAt(slot) - before
    if (!(Math.abs(change) >= least) || Math.abs(change) <= Math.abs(best.change)) continue
    // It has to be a step between two levels: a kettle goes up and down again.
    let stays = true
    for (let at = slot; at < slot + stay; at++) if (!((kwAt(at) - before) * Math.sign(change) >= 0.7 * Math.abs(change))) stays = false
    for (let at = slot - stay; at < slot; at++) if (Math.abs(kwAt(at) - before) > 0.3 * Math.abs(change)) stays = false
    if (stays) best = { slot, change, before, after: kwAt(slot) }
  }
  if (best.slot < 0) return null
  // Its own changes of the last two weeks at this time of day, an hour either side.
  const changes: number[] = []
  const place = best.slot - (frame.dayStarts[dayOf(frame, best.slot)] ?? 0)
  let daysAlike = 0
  for (let day = Math.max(0, frame.days.length - 15); day < frame.days.length - 1; day++) {
    let isAlike = false
    const middle = (frame.dayStarts[day] ?? 0) + place
    for (let slot = Math.max(1, middle - 4); slot <= middle + 4 && slot < frame.slots; slot++) {
      const change = kwAt(slot) - kwAt(slot - 1)
      changes.push(Math.abs(change))
      if (change * Math.sign(best.change) >= 0.7 * Math.abs(best.change)) isAlike = true
    }
    if (isAlike) daysAlike++
  }
  const sigma = 1.4826 * median(changes)
  if (changes.length < 30 || !(Math.abs(best.change) >= limit('sigmas') * sigma)) return null
  // Heaters on a timer and pumps step at their hour: on two days of the last two weeks, and it is what this place does.
  if (daysAlike >= 2) return null
  const [from, to] = [timeOf(frame, best.slot), timeOf(frame, best.slot + 1)]
  if (isOut(frame, of.fact.id, from, to)) return null
  const isRise = best.change > 0
  // Storage heaters on a timer step too: only what overloads, or takes most away, is worth a call.
  const isAlarm = isRise ? best.after > base : Math.abs(best.change) >= limit('most') * Math.abs(best.before)
  return findingOf(view, STEP, of.fact, limit, {
    kind: 'load_step',
    apart: isRise ? 'rise' : 'fall',
    from,
    to,
    score: isAlarm ? 0.55 : 0.4,
    severity: isAlarm ? 'low' : 'info',
    cause: isRise ? 'sudden_rise' : 'sudden_fall',
    numbers: {
      beforeKw: round(best.before, 2),
      afterKw: round(best.after, 2),
      changeKw: round(best.change, 2),
      usualChangeKw: round(sigma, 2),
      baseKw: base,
    },
    series: [{ measurement: 'interval', id: of.fact.id, fields: ['activeImport'], from: from - 3_600_000, to: to + 3_600_000 }],
    ruledOut: [
      { zh: '平日此时的变化', en: 'what is usual at this hour' },
      { zh: '计划停电', en: 'a planned outage' },
    ],
    why: {
      zh: `${sayWhen(frame, from)} 负荷由 ${say(best.before)} 变为 ${say(best.after)} kW，平日同时段变化约 ${say(sigma)} kW`,
      en: `load went from ${say(best.before)} to ${say(best.after)} kW at ${sayWhen(frame, from)}; about ${say(sigma)} kW is usual at that hour`,
    },
    action: { zh: '核对线路开关、停电与大用户投切', en: 'check switches, outages and large customers' },
  })
}

/** Sudden change of load (负荷突变) of the area or of a key account. */
export const loadStep: Detector = {
  rule: STEP,
  detect: (view) => ({ findings: everyMeter(view.frame).flatMap((of) => stepOf(view, of) ?? []) }),
}
