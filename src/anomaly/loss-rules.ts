import type { Estimate, Finding, FindingKind, Severity, Words } from './finding.ts'
import { causeNames, explainedOn } from './loss-explained.ts'
import { medianOf } from './loss-fill.ts'
import { HIGH_LOSS, inForce, LOSS_CHANGE, limitsOf, NEGATIVE_LOSS, NOT_COMPUTABLE } from './loss-limits.ts'
import { negativeCauses } from './loss-negative.ts'
import { type DayLoss, lossWindow } from './loss-window.ts'
import { isBeyond, type RuleSpec } from './rule.ts'
import type { AreaView, Detected, Detector } from './view.ts'

const NONE: Detected = { findings: [] }
const MAD_SIGMA = 1.4826

/** The last computable days up to the one that is judged; null when that day itself is not, or there are too few. */
const lately = (days: readonly DayLoss[], count: number): readonly number[] | null => {
  if (!days.at(-1)?.isComputable) return null
  const found: number[] = []
  for (let day = days.length - 1; day >= 0 && found.length < count; day--) if (days[day]?.isComputable) found.push(day)
  return found.length === count ? found.reverse() : null
}

const startOf = ({ frame }: AreaView, day: number): number => frame.start + (frame.dayStarts[day] ?? 0) * frame.stepMs

interface Claim {
  readonly rule: RuleSpec
  readonly kind: FindingKind
  readonly fromDay: number
  readonly score: number
  readonly severity: Severity
  readonly kwh: Estimate | null
  readonly numbers: Finding['numbers']
  readonly ruledOut?: readonly Words[]
  readonly why: Words
  readonly action: Words
  readonly cause?: string
}

/** A finding about the whole area: one a rule, under the same key as long as it stands. */
const areaFinding = (view: AreaView, { rule, fromDay, ruledOut = [], ...claim }: Claim): Finding => {
  const { fact, slots, start, stepMs, gateways, days } = view.frame
  const standing = view.standing.find(({ key }) => key === `${rule.id}:${fact.id}`)
  const from = Math.min(startOf(view, fromDay), standing?.from ?? Number.POSITIVE_INFINITY)
  const to = start + slots * stepMs
  return {
    ...{
      rule: rule.id,
      version: rule.version,
      key: `${rule.id}:${fact.id}`,
      target: fact.id,
      area: fact.id,
      level: 'area',
      from,
      to: null,
    },
    ...claim,
    numbers: { ...claim.numbers, lastDay: days.at(-1) ?? null },
    thresholds: inForce(view.thresholds, rule, { zone: fact.zone, id: fact.id }),
    series: [
      { measurement: 'area', id: fact.id, fields: ['supply_kwh', 'sold_kwh', 'loss_kwh'], from, to },
      ...gateways.map(({ fact: { id } }) => ({ measurement: 'interval' as const, id, fields: ['1.8.0', '2.8.0'], from, to })),
    ],
    ruledOut,
  }
}

const around = (value: number, error: number): Estimate => ({ value, low: value - error, high: value + error })
const round = (value: number, digits = 2): number | null => (Number.isFinite(value) ? Number(value.toFixed(digits)) : null)
/** From half an alarm at the limit to a sure one at three times it. */
const scoreOf = (figure: number, limit: number): number =>
  Math.min(1, 0.5 + 0.25 * (Math.abs(figure) / Math.max(Math.abs(limit), 1e-9) - 1))

/** First day of the unbroken run of computable days that end beyond, days that are not computable left out. */
const sinceDay = (days: readonly DayLoss[], isOver: (day: DayLoss) => boolean): number => {
  let first = days.length - 1
  for (let day = days.length - 1; day >= 0; day--) {
    const one = days[day]
    if (!one?.isComputable) continue
    if (!isOver(one)) break
    first = day
  }
  return first
}

const median = (days: readonly DayLoss[], chosen: readonly number[], of: (day: DayLoss) => number): number =>
  medianOf(chosen.flatMap((at) => (days[at] ? [of(days[at])] : [])))

/** Loss above its band, what found causes explain taken off. */
export const highLoss: Detector = {
  rule: HIGH_LOSS,
  detect: (view) => {
    const { frame } = view
    const limit = limitsOf(view.thresholds, HIGH_LOSS, { zone: frame.fact.zone, id: frame.fact.id })
    const days = lossWindow(view)
    const chosen = lately(days, limit('days'))
    if (!chosen) return NONE
    const [input, loss] = [median(days, chosen, (day) => day.input), median(days, chosen, (day) => day.loss)]
    const pct = median(days, chosen, (day) => (100 * day.loss) / day.input)
    const isSmall = isBeyond(input, '<', limit('small_area_kwh'))
    const over = (kwh: number, rate: number) =>
      isSmall ? isBeyond(kwh, '>', limit('small_high_kwh')) : isBeyond(rate, '>', limit('high_pct'))
    if (!over(loss, pct)) return NONE
    const { kwh, by } = explainedOn(frame, view.found, days.length - 1)
    // The causes have cases of their own.
    if (by.length > 0 && !over(loss - kwh, (100 * (loss - kwh)) / input)) return NONE
    const fromDay = sinceDay(days, (day) => over(day.loss, (100 * day.loss) / day.input))
    const technical = median(days, chosen, (day) => day.technical)
    const isVery = !isSmall && isBeyond(pct, '>', limit('very_high_pct'))
    const excess = days.slice(fromDay).reduce((sum, day) => (day.isComputable ? sum + day.loss - (day.technical || 0) : sum), 0)
    const text = isSmall ? `${loss.toFixed(2)} kWh/d` : `${pct.toFixed(2)} %`
    return {
      findings: [
        areaFinding(view, {
          ...{ rule: HIGH_LOSS, kind: 'high_loss', fromDay },
          score: isSmall ? scoreOf(loss, limit('small_high_kwh')) : scoreOf(pct, limit('high_pct')),
          severity: isVery ? 'high' : 'medium',
          kwh: around(excess, Math.abs(excess) * 0.2),
          numbers: {
            ...{ lossPct: round(pct), lossKwhPerDay: round(loss), inputKwhPerDay: round(input), technicalKwhPerDay: round(technical) },
            ...{ explainedKwhPerDay: round(kwh), explainedBy: causeNames(by), judgedIn: isSmall ? 'kWh' : '%', days: chosen.length },
          },
          why: {
            en: `loss of ${chosen.length} days is ${text} of the input of ${input.toFixed(1)} kWh/d; wires explain ${say(technical)}, found causes ${kwh.toFixed(2)} kWh/d`,
            zh: `近 ${chosen.length} 日线损 ${text}，日供入电量 ${input.toFixed(1)} kWh；技术线损 ${say(technical)}，已查明原因 ${kwh.toFixed(2)} kWh/日`,
          },
          action: {
            en: 'check the customers ranked highest by the balance, then meters fed from here and listed elsewhere, then street lights and pumps',
            zh: '按嫌疑排序核查用户，再核查户变关系、路灯水泵等未计量用电',
          },
        }),
      ],
    }
  },
}

const say = (kwh: number): string => (Number.isFinite(kwh) ? `${kwh.toFixed(2)} kWh/d` : '?')

/** Loss below what physics allows: the causes are tried in the order of the field. */
export const negativeLoss: Detector = {
  rule: NEGATIVE_LOSS,
  detect: (view) => {
    const { frame } = view
    const target = { zone: frame.fact.zone, id: frame.fact.id }
    const limit = limitsOf(view.thresholds, NEGATIVE_LOSS, target)
    const small = limitsOf(view.thresholds, HIGH_LOSS, target)('small_area_kwh')
    const days = lossWindow(view)
    const chosen = lately(days, limit('days'))
    if (!chosen) return NONE
    const [input, loss] = [median(days, chosen, (day) => day.input), median(days, chosen, (day) => day.loss)]
    const pct = median(days, chosen, (day) => (100 * day.loss) / day.input)
    const isSmall = isBeyond(input, '<', small)
    const under = (kwh: number, rate: number) =>
      isSmall ? isBeyond(kwh, '<', limit('small_negative_kwh')) : isBeyond(rate, '<', limit('negative_pct'))
    if (!under(loss, pct)) return NONE
    const { kwh, by } = explainedOn(frame, view.found, days.length - 1)
    if (by.length > 0 && !under(loss - kwh, (100 * (loss - kwh)) / input)) return NONE
    const fromDay = sinceDay(days, (day) => under(day.loss, (100 * day.loss) / day.input))
    const causes = negativeCauses(frame, days, view.found)
    const first = causes.find(({ holds }) => holds)
    const missing = days.slice(fromDay).reduce((sum, day) => (day.isComputable ? sum + day.loss - (day.technical || 0) : sum), 0)
    return {
      findings: [
        areaFinding(view, {
          ...{ rule: NEGATIVE_LOSS, kind: 'negative_loss', fromDay, cause: first?.cause ?? 'unknown' },
          score: isSmall ? scoreOf(loss, limit('small_negative_kwh')) : scoreOf(pct, limit('negative_pct')),
          severity: 'medium',
          kwh: around(missing, Math.abs(missing) * 0.2),
          numbers: {
            ...{ lossPct: round(pct), lossKwhPerDay: round(loss), inputKwhPerDay: round(input), explainedKwhPerDay: round(kwh) },
            ...{ explainedBy: causeNames(by), judgedIn: isSmall ? 'kWh' : '%', days: chosen.length },
          },
          ruledOut: causes
            .filter(({ holds }) => !holds)
            .map(({ cause }) => ({ en: `no sign of ${cause}`, zh: `无${CAUSE_ZH[cause] ?? cause}迹象` })),
          why: {
            en: `more goes out than in: loss ${pct.toFixed(2)} % (${loss.toFixed(2)} kWh/d) over ${chosen.length} days; ${first?.words.en ?? 'no known cause shows'}`,
            zh: `负损：近 ${chosen.length} 日线损率 ${pct.toFixed(2)} %（${loss.toFixed(2)} kWh/日）；${first?.words.zh ?? '未见已知原因'}`,
          },
          action: first?.action ?? {
            en: 'in this order: gateway CT and phases, customer multipliers, meters fed elsewhere, export registers, clocks, gaps of the gateway, register jumps',
            zh: '依次核查：总表互感器与各相、用户倍率、户变关系、反向示数、时钟、总表缺数、示数突变',
          },
        }),
      ],
    }
  },
}

const CAUSE_ZH: Readonly<Record<string, string>> = {
  'gateway-ratio': '总表倍率或缺相',
  'customer-multiplier': '用户倍率过大',
  'fed-elsewhere': '户变关系错误',
  'feed-in-not-counted': '光伏未计',
  'gateway-clock': '总表时钟偏差',
  'gateway-gaps': '总表缺数',
  'register-jump': '示数突变',
}

/** Loss that moved against the area's own past, wires taken off. The past of a change that stands is the one before it. */
export const lossChange: Detector = {
  rule: LOSS_CHANGE,
  detect: (view) => {
    const { frame } = view
    const limit = limitsOf(view.thresholds, LOSS_CHANGE, { zone: frame.fact.zone, id: frame.fact.id })
    const days = lossWindow(view)
    const chosen = lately(days, limit('days'))
    if (!chosen) return NONE
    const standing = view.standing.find(({ key }) => key === `${LOSS_CHANGE.id}:${frame.fact.id}`)
    const before = days.flatMap((day, at) => {
      const isPast = standing ? startOf(view, at) < standing.from : at < (chosen[0] ?? 0)
      return day.isComputable && isPast ? [at] : []
    })
    const past = before.slice(-limit('most_days'))
    if (past.length < limit('baseline_days')) return NONE
    const rate = medianOf(past.flatMap((at) => (days[at] ? [days[at].loss / days[at].input] : [])))
    // Without a technical estimate the area's usual rate stands in for it.
    const rest = (day: DayLoss) => day.loss - (Number.isFinite(day.technical) ? day.technical : rate * day.input)
    const usual = median(days, past, rest)
    const sigma = MAD_SIGMA * medianOf(past.flatMap((at) => (days[at] ? [Math.abs(rest(days[at]) - usual)] : [])))
    const now = median(days, chosen, rest)
    const shift = now - usual
    const isMoved = (kwh: number) =>
      isBeyond(Math.abs(kwh), '>', limit('sigmas') * sigma) && isBeyond(Math.abs(kwh), '>=', limit('change_kwh'))
    if (!isMoved(shift)) return NONE
    const explained = explainedOn(frame, view.found, days.length - 1)
    const already = past.length > 0 ? explainedOn(frame, view.found, past[past.length >> 1] ?? 0).kwh : 0
    const [kwh, by] = [explained.kwh - already, explained.by]
    if (by.length > 0 && !isMoved(shift - kwh)) return NONE
    const fromDay = sinceDay(
      days,
      (day) => Math.abs(rest(day) - usual) > limit('sigmas') * sigma && Math.sign(rest(day) - usual) === Math.sign(shift),
    )
    const since = days.slice(fromDay).reduce((sum, day) => (day.isComputable ? sum + rest(day) - usual : sum), 0)
    const lasted = days.length - fromDay
    return {
      findings: [
        areaFinding(view, {
          ...{ rule: LOSS_CHANGE, kind: 'loss_change', fromDay },
          score: scoreOf(shift, Math.max(limit('sigmas') * sigma, limit('change_kwh'))),
          severity: 'medium',
          kwh: around(since, sigma * Math.sqrt(lasted)),
          numbers: {
            ...{
              restKwhPerDayBefore: round(usual),
              restKwhPerDayNow: round(now),
              changeKwhPerDay: round(shift),
              sigmaKwhPerDay: round(sigma),
            },
            ...{ baselineDays: past.length, explainedKwhPerDay: round(kwh), explainedBy: causeNames(by) },
          },
          why: {
            en: `loss beyond the wires went from ${usual.toFixed(2)} to ${now.toFixed(2)} kWh/d, ${(Math.abs(shift) / Math.max(sigma, 1e-9)).toFixed(1)} robust deviations of ${past.length} days; found causes explain ${kwh.toFixed(2)} kWh/d`,
            zh: `非技术线损由 ${usual.toFixed(2)} 变为 ${now.toFixed(2)} kWh/日，为近 ${past.length} 日稳健标准差的 ${(Math.abs(shift) / Math.max(sigma, 1e-9)).toFixed(1)} 倍；已查明原因 ${kwh.toFixed(2)} kWh/日`,
          },
          action: {
            en: 'look at what changed that day: work orders, exchanges, new customers; then at the customers ranked highest by the balance',
            zh: '核查当日变更：工单、换表、新装；再按嫌疑排序核查用户',
          },
        }),
      ],
    }
  },
}

/** Too little is known for a loss: what is missing, and between what the loss lies. */
export const notComputable: Detector = {
  rule: NOT_COMPUTABLE,
  detect: (view) => {
    const { frame, found } = view
    const days = lossWindow(view)
    const last = days.at(-1)
    if (!last || last.isComputable) return NONE
    const gateway = frame.gateways.length === 0 ? 'no-gateway' : Number.isFinite(last.supply) ? null : 'gateway-missing'
    const bad = [...frame.gateways, ...frame.meters].filter(({ fact }) => !(fact.multiplier > 0)).map(({ fact }) => fact.id)
    // Silence that a communication fault or an outage explains has its case already.
    const isSilentFor = (id: string) => {
      const fact = [...frame.meters, ...frame.gateways].find((one) => one.fact.id === id)?.fact
      return found.some(
        ({ kind, target, score }) =>
          score >= 0.5 &&
          (kind === 'comm_fault' || kind === 'outage') &&
          [id, fact?.meter, fact?.bus, fact?.concentrator, frame.fact.id].some((one) => one !== null && one === target),
      )
    }
    const silent = [
      ...last.missing.map(({ id }) => id),
      ...(gateway === 'gateway-missing' ? frame.gateways.map(({ fact }) => fact.id) : []),
    ]
    if (gateway !== 'no-gateway' && bad.length === 0 && silent.length > 0 && silent.every(isSilentFor)) return NONE
    const cause = gateway ?? (bad.length > 0 ? 'wrong-ratio' : frame.meters.length === 0 ? 'no-meters' : 'meters-missing')
    const named = last.missing.slice(0, 5).map(({ id }) => id)
    const more = last.missing.length > named.length ? ' …' : ''
    return {
      findings: [
        areaFinding(view, {
          ...{ rule: NOT_COMPUTABLE, kind: 'not_computable', fromDay: sinceBlind(days), score: 0.5, severity: 'low', kwh: null, cause },
          numbers: {
            ...{
              missingMeters: last.missing.length,
              meters: frame.meters.length,
              missing: named.join(', ') + more,
              wrongRatio: bad.join(', '),
            },
            ...{ meterSharePct: round(100 * last.meterShare), energySharePct: round(100 * last.energyShare) },
            ...{ lossLowKwh: round(last.low), lossHighKwh: round(last.high), gateways: frame.gateways.length },
          },
          why: {
            en: `${WHY[cause]?.en ?? cause}: good registers of ${(100 * last.meterShare).toFixed(1)} % of the meters with ${(100 * last.energyShare).toFixed(1)} % of last week's energy; ${between(last).en}`,
            zh: `${WHY[cause]?.zh ?? cause}：示数完好电表 ${(100 * last.meterShare).toFixed(1)} %，占上周电量 ${(100 * last.energyShare).toFixed(1)} %；${between(last).zh}`,
          },
          action: { en: 'have the missing registers read again; set right what the ledger lacks', zh: '补采缺失示数；补正档案' },
        }),
      ],
    }
  },
}

const WHY: Readonly<Record<string, Words>> = {
  'no-gateway': { en: 'the ledger has no gateway meter for the area', zh: '档案中台区无总表' },
  'gateway-missing': { en: 'the gateway meter was not read', zh: '总表示数缺失' },
  'wrong-ratio': { en: 'a multiplier is zero, negative or missing', zh: '倍率为零、为负或缺失' },
  'no-meters': { en: 'the ledger has no customer meter for the area', zh: '档案中台区无用户电表' },
  'meters-missing': { en: 'customer meters were not read', zh: '用户电表示数缺失' },
}

/** What still can be said of the loss of a day that is not computable. */
const between = ({ low, high }: DayLoss): Words =>
  !Number.isFinite(high)
    ? { en: 'nothing bounds the loss', zh: '线损范围无法给出' }
    : Number.isFinite(low)
      ? { en: `the loss lies between ${say(low)} and ${say(high)}`, zh: `线损介于 ${say(low)} 与 ${say(high)}` }
      : { en: `the loss is at most ${say(high)}`, zh: `线损至多 ${say(high)}` }

const sinceBlind = (days: readonly DayLoss[]): number => {
  let first = days.length - 1
  while (first > 0 && !days[first - 1]?.isComputable) first--
  return first
}

/** In the order of the catalogue, after all that looks for causes. */
export const LOSS_DETECTORS: readonly Detector[] = [notComputable, negativeLoss, highLoss, lossChange]
