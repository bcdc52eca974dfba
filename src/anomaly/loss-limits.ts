import type { RuleSpec, ThresholdLayers, ThresholdSpec, ThresholdTarget } from './rule.ts'
import { thresholdOf } from './rule.ts'

const limit = (
  value: number,
  op: ThresholdSpec['op'],
  unit: string,
  [min, max]: readonly [number, number],
  en: string,
  zh: string,
  source: string,
): ThresholdSpec => ({ value, op, unit, min, max, meaning: { en, zh }, source })

const BANDS = 'usual assessment band of LV areas: -1 … 7 % passes, above 10 % is very high; utilities differ, so it is a setting'
const SMALL = 'the percent limit taken at 50 kWh a day: below, the steps of the registers and one fridge move the percentage'

/** Line loss above its band. */
export const HIGH_LOSS: RuleSpec = {
  id: 'high_loss',
  version: 1,
  title: { zh: '高损台区', en: 'high line loss' },
  thresholds: {
    high_pct: limit(7, '>', '%', [0, 100], 'high: loss / input above it; 7 itself passes', '高损：线损率大于该值，等于时仍合格', BANDS),
    very_high_pct: limit(10, '>', '%', [0, 100], 'very high: above it', '很高：线损率大于该值', BANDS),
    small_area_kwh: limit(
      50,
      '<',
      'kWh/d',
      [0, 10_000],
      'input of a day below it is judged in kWh',
      '日供入电量小于该值时按电量判断',
      SMALL,
    ),
    small_high_kwh: limit(3.5, '>', 'kWh/d', [0, 10_000], 'high loss of a small area', '小电量台区高损电量', SMALL),
    days: limit(
      3,
      '>=',
      'd',
      [1, 30],
      'computable days the median is taken over',
      '取中位数的可计算天数',
      'the least number of which one odd day is not the median',
    ),
  },
}

/** More goes out than comes in. */
export const NEGATIVE_LOSS: RuleSpec = {
  id: 'negative_loss',
  version: 1,
  title: { zh: '负损台区', en: 'negative line loss' },
  thresholds: {
    negative_pct: limit(
      -1,
      '<',
      '%',
      [-100, 0],
      'negative: loss / input below it; -1 itself is tolerated',
      '负损：线损率小于该值，等于时可容许',
      BANDS,
    ),
    small_negative_kwh: limit(-0.5, '<', 'kWh/d', [-10_000, 0], 'negative loss of a small area', '小电量台区负损电量', SMALL),
    days: limit(
      3,
      '>=',
      'd',
      [1, 30],
      'computable days the median is taken over',
      '取中位数的可计算天数',
      'the least number of which one odd day is not the median',
    ),
  },
}

/** Loss that moved against the area's own past. */
export const LOSS_CHANGE: RuleSpec = {
  id: 'loss_change',
  version: 1,
  title: { zh: '线损突变', en: 'line loss changed' },
  thresholds: {
    sigmas: limit(
      3,
      '>',
      'sigma',
      [1, 10],
      'change in robust deviations of the past days',
      '相对历史稳健标准差的倍数',
      'three-sigma rule on median and MAD',
    ),
    change_kwh: limit(
      3,
      '>=',
      'kWh/d',
      [0, 10_000],
      'least change of loss minus technical loss',
      '扣除技术线损后的最小变化量',
      'what a household that steals a third of 10 kWh a day moves; below lies the noise of registers',
    ),
    baseline_days: limit(
      14,
      '>=',
      'd',
      [7, 30],
      'least number of computable days before',
      '历史可计算天数下限',
      'two weeks see each weekday twice; with fewer the MAD itself is unsure by a third',
    ),
    most_days: limit(30, '<=', 'd', [14, 60], 'most days looked back', '历史天数上限', 'a month: longer ago is another season'),
    days: limit(
      3,
      '>=',
      'd',
      [1, 14],
      'computable days the median is taken over now',
      '当前取中位数的天数',
      'the least number of which one odd day is not the median',
    ),
  },
}

/** Too little is known for a loss. */
export const NOT_COMPUTABLE: RuleSpec = {
  id: 'not_computable',
  version: 1,
  title: { zh: '线损不可计算', en: 'line loss not computable' },
  thresholds: {
    meters_pct: limit(
      98,
      '<',
      '%',
      [0, 100],
      'not computable: share of meters with good registers at both ends below it',
      '两端示数完好的电表比例小于该值则不可计算',
      'completeness that synchronous line loss is assessed with',
    ),
    energy_pct: limit(
      99,
      '<',
      '%',
      [0, 100],
      'not computable: their share of last week’s energy below it',
      '其上周电量占比小于该值则不可计算',
      'a missing per cent of energy is a per cent of loss',
    ),
    split_pct: limit(
      5,
      '>',
      '%',
      [0, 50],
      'an energy of which more is spread by guess has no good ends',
      '估算分摊部分超过该比例则两端视为不完好',
      'more than an hour of a day',
    ),
    step_points: limit(
      1,
      '>',
      'pt',
      [0, 100],
      'steps of the gateway register above it: a loss in per cent is not judged',
      '总表示数步长折算线损超过该值则不判断',
      'width of the narrowest band, -1 … 0',
    ),
  },
}

/** What goes in and comes out of a bus or a line. */
export const BUS_UNBALANCE: RuleSpec = {
  id: 'bus_unbalance',
  version: 1,
  title: { zh: '母线不平衡', en: 'bus unbalance' },
  thresholds: {
    high_voltage_pct: limit(
      1,
      '>',
      '%',
      [0, 100],
      'largest |in - out| / in from 220 kV on; 1 itself passes',
      '220 kV 及以上允许不平衡率',
      'usual limit at 220 kV and above',
    ),
    low_voltage_pct: limit(
      2,
      '>',
      '%',
      [0, 100],
      'largest |in - out| / in up to 110 kV; 2 itself passes',
      '110 kV 及以下允许不平衡率',
      'usual limit at 110 kV and below',
    ),
    voltage_kv: limit(
      220,
      '>=',
      'kV',
      [1, 1000],
      'voltage from which the first limit holds',
      '采用前一限值的电压等级',
      'usual limit at 220 kV and above',
    ),
  },
}

/** Areas to keep an eye on (关注台区). */
export const LOSS_WATCH: RuleSpec = {
  id: 'loss_watch',
  version: 1,
  title: { zh: '关注台区', en: 'areas to watch' },
  thresholds: {
    stopped_kwh: limit(
      200,
      '>',
      'kWh',
      [0, 1_000_000],
      'supply of an area without customers in service',
      '停运台区供电量',
      'watch list of synchronous line loss in use at utilities',
    ),
    running_kwh: limit(
      1000,
      '>',
      'kWh',
      [0, 10_000_000],
      'supply of an area with high loss that is looked at first',
      '运行台区高损关注供电量',
      'watch list of synchronous line loss in use at utilities',
    ),
  },
}

export const LOSS_RULES = [HIGH_LOSS, NEGATIVE_LOSS, LOSS_CHANGE, NOT_COMPUTABLE, BUS_UNBALANCE, LOSS_WATCH] as const

/** Thresholds of a rule in force for somebody, by name: what a detector asks once. */
export const limitsOf = (layers: ThresholdLayers, rule: RuleSpec, target: ThresholdTarget): ((name: string) => number) => {
  const asked = answered.get(target) ?? new Map<RuleSpec, Answered>()
  answered.set(target, asked)
  const before = asked.get(rule)
  if (before?.layers === layers) return before.limit
  const limit = limitOf(layers, rule, target)
  asked.set(rule, { layers, limit })
  return limit
}

interface Answered {
  readonly layers: ThresholdLayers
  readonly limit: (name: string) => number
}

/** The hundred times of a day ask the same of the same target. */
const answered = new WeakMap<ThresholdTarget, Map<RuleSpec, Answered>>()

const limitOf = (layers: ThresholdLayers, rule: RuleSpec, target: ThresholdTarget): ((name: string) => number) => {
  const known = new Map(Object.keys(rule.thresholds).map((name) => [name, thresholdOf(layers, rule, name, target).value]))
  return (name) => {
    const value = known.get(name)
    if (value === undefined) throw new Error(`rule ${rule.id} has no threshold ${name}`)
    return value
  }
}

/** Thresholds of a rule in force, as a finding shows them. */
export const inForce = (layers: ThresholdLayers, rule: RuleSpec, target: ThresholdTarget): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.keys(rule.thresholds).map((name) => [`${rule.id}.${name}`, thresholdOf(layers, rule, name, target).value]))
