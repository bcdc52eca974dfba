import type { Anomaly, LossEntry } from '../../src/cli/analyse/result.ts'
import type { Fault, Labels, LedgerMeters, Legit } from './labels.ts'
import { auc, averagePrecision } from './statistics.ts'

const ALARM = 0.5
const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** A fault and a claim about it may differ by a day at either end and still be about the same. */
const SLACK_MS = DAY_MS

/** What a run said, as far as it is scored. */
export interface Said {
  readonly anomalies: readonly Anomaly[]
  readonly losses: readonly LossEntry[]
  readonly phases: Readonly<Record<string, string>>
}

/** One true fault and what became of it. */
export interface Outcome {
  readonly fault: Fault
  readonly found: Anomaly | null
  /** Days from the onset to the local day at whose end it was raised. */
  readonly delayDays: number | null
  /** Relative error of the energy; null where either says nothing. */
  readonly kwhError: number | null
  /** Right suggestion (multiplier within 5 %, area named, level and cause); null where there is none to give. */
  readonly right: boolean | null
  /** Raised within 24 hours of the onset. */
  readonly prompt: boolean | null
}

export interface FalseAlarm {
  readonly anomaly: Anomaly
  /** What was truly there: `vacation`, another fault's kind, or `nothing`. */
  readonly cause: string
}

/** Figures of one set, in a form that adds up over sets. */
export interface SetScore {
  readonly set: string
  readonly meters: number
  readonly days: number
  readonly outcomes: readonly Outcome[]
  readonly falseAlarms: readonly FalseAlarm[]
  /** Highest theft score of each meter, and whether it is truly a thief. */
  readonly ranking: readonly { readonly meter: string; readonly score: number; readonly isTrue: boolean }[]
  readonly lossErrors: readonly LossError[]
  readonly phases: { readonly right: number; readonly of: number; readonly wrong: readonly string[] }
}

/** Percentage points off the truth; null = the run gave no figure. */
export interface LossError {
  readonly area: string
  readonly day: string
  readonly plain: number | null
  readonly corrected: number | null
  readonly technical: number | null
}

const instant = (text: string): number => (/T/.test(text) ? Date.parse(text) : Date.parse(`${text}T00:00:00Z`))

/** Scores what a run said of one set against its truth. */
export const scoreSet = (set: string, said: Said, labels: Labels, ledger: LedgerMeters): SetScore => {
  const offset = offsetOf(labels.interval.from)
  const at = (text: string): number => (/T/.test(text) ? Date.parse(text) : instant(text) - offset)
  const [first, last] = [at(labels.interval.from), at(labels.interval.to)]
  const days = Math.round((last - first) / DAY_MS)
  const alarms = said.anomalies.filter(({ score }) => score >= ALARM)
  const fits = (fault: Fault, one: Anomaly): boolean => {
    if (one.kind !== fault.kind) return false
    if (fault.kind === 'comm_fault') {
      const targets = [fault.target, fault.meter, ...listOf(fault.params?.meters)].filter((target) => target !== undefined)
      // A fault of a concentrator's uplink is named by the concentrator; one above a bus may be named by either.
      const isThere = targets.includes(one.target)
      const [from, to] = [at(fault.from), fault.to === undefined ? last : at(fault.to)]
      const oneTo = one.to === undefined ? last : at(one.to)
      return isThere && at(one.from) < to + SLACK_MS && oneTo > from - SLACK_MS
    }
    if (fault.meter !== undefined) return (one.meter ?? one.target) === fault.meter
    return one.area === fault.area || one.target === (fault.target ?? fault.area)
  }
  const outcomes = labels.faults.map((fault): Outcome => {
    const [found = null] = alarms
      .filter((one) => fits(fault, one))
      .toSorted((a, b) => (a.detectedAt ?? '').localeCompare(b.detectedAt ?? ''))
    const raised = found?.detectedAt === undefined ? null : instant(found.detectedAt) - offset
    const kwh = found?.estimatedKWh
    return {
      fault,
      found,
      delayDays: raised === null ? null : Math.round((raised - Math.floor((at(fault.from) + offset) / DAY_MS) * DAY_MS + offset) / DAY_MS),
      kwhError:
        kwh === undefined || fault.trueKWh === undefined || fault.trueKWh === 0
          ? null
          : Math.abs(kwh - fault.trueKWh) / Math.abs(fault.trueKWh),
      right: found === null ? null : isRight(fault, found),
      prompt: raised === null ? null : raised + DAY_MS - at(fault.from) <= 24 * HOUR_MS,
    }
  })
  const falseAlarms = alarms
    .filter((one) => !labels.faults.some((fault) => fits(fault, one)))
    .map((anomaly): FalseAlarm => ({ anomaly, cause: causeOf(anomaly, labels) }))
  const thieves = new Set(labels.faults.flatMap(({ kind, meter }) => (kind === 'theft' && meter !== undefined ? [meter] : [])))
  const best = new Map<string, number>()
  for (const one of said.anomalies)
    if (one.kind === 'theft' && one.meter !== undefined) best.set(one.meter, Math.max(best.get(one.meter) ?? 0, one.score))
  const ranking = ledger.meters.map(({ id }) => ({ meter: id, score: best.get(id) ?? 0, isTrue: thieves.has(id) }))
  const singles = ledger.meters.filter(({ id, type }) => type === '1P' && /^[ABC]$/.test(labels.phases[id] ?? ''))
  const wrong = singles.flatMap(({ id }) => (said.phases[id] === labels.phases[id] ? [] : [id]))
  return {
    set,
    meters: ledger.meters.length,
    days,
    outcomes,
    falseAlarms,
    ranking,
    lossErrors: lossErrors(said.losses, labels, first + offset, days),
    phases: { right: singles.length - wrong.length, of: singles.length, wrong },
  }
}

const offsetOf = (text: string): number => {
  const match = /([+-])(\d{2}):?(\d{2})$/.exec(text)
  return match ? (match[1] === '-' ? -1 : 1) * (Number(match[2]) * HOUR_MS + Number(match[3]) * 60_000) : 0
}

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [])

const isRight = ({ kind, params, level, cause }: Fault, found: Anomaly): boolean | null => {
  if (kind === 'wrong_multiplier') {
    const truth = Number(params?.true)
    return found.suggestedMultiplier !== undefined && Math.abs(found.suggestedMultiplier - truth) <= 0.05 * truth
  }
  if (kind === 'wrong_area') return found.trueArea === params?.true
  if (kind === 'comm_fault') return found.level === level && found.cause === cause
  return null
}

const causeOf = (one: Anomaly, { faults, legit }: Labels): string => {
  const is = (other: Fault | Legit) =>
    (other.meter ?? other.target) === one.target || (other.meter !== undefined && other.meter === one.meter)
  const fault = faults.find(is)
  return fault?.kind ?? legit.find(is)?.kind ?? 'nothing'
}

const lossErrors = (losses: readonly LossEntry[], { truth }: Labels, start: number, days: number): LossError[] => {
  const said = new Map(losses.map((loss) => [`${loss.area} ${loss.day}`, loss]))
  const off = (value: number | undefined, truth: number | null | undefined): number | null =>
    value === undefined || truth === null || truth === undefined ? null : Math.abs(value - truth)
  return Object.entries(truth.areas).flatMap(([area, of]) =>
    Array.from({ length: days }, (_, index): LossError => {
      const day = new Date(start + index * DAY_MS).toISOString().slice(0, 10)
      const loss = said.get(`${area} ${day}`)
      const stat = of.statLossPct?.[index]
      return {
        area,
        day,
        plain: off(loss?.lossPct, stat),
        corrected: off(loss?.correctedLossPct ?? loss?.lossPct, stat),
        technical: off(loss?.technicalPct, of.technicalPct?.[index]),
      }
    }),
  )
}

/** One line of the table: figure, and the aim where there is one. */
export interface Metric {
  readonly name: string
  readonly value: number | null
  readonly digits: number
  readonly aim?: { readonly op: '>=' | '<='; readonly value: number }
  /** What the figure is made of: `4 of 5`. */
  readonly of?: string
}

const median = (values: readonly number[]): number | null => quantile(values, 0.5)
export const quantile = (values: readonly number[], share: number): number | null => {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  const place = share * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(place)] ?? 0, sorted[Math.ceil(place)] ?? 0]
  return low + (high - low) * (place - Math.floor(place))
}
const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)
const present = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null)

/** All figures of the scoring rules over some sets. */
export const metricsOf = (scores: readonly SetScore[]): Metric[] => {
  const outcomes = scores.flatMap((score) => score.outcomes)
  const falseAlarms = scores.flatMap((score) => score.falseAlarms)
  const of = (kind: string) => outcomes.filter(({ fault }) => fault.kind === kind)
  const falseOf = (kind: string) => falseAlarms.filter(({ anomaly }) => anomaly.kind === kind)
  const meterDays = scores.reduce((sum, { meters, days }) => sum + meters * days, 0)
  const thefts = of('theft')
  const found = thefts.filter((one) => one.found !== null)
  const withKwh = found.filter(({ kwhError }) => kwhError !== null)
  const pooled = withKwh.reduce(
    (sum, { found: one, fault }) => ({ said: sum.said + (one?.estimatedKWh ?? 0), truth: sum.truth + (fault.trueKWh ?? 0) }),
    { said: 0, truth: 0 },
  )
  const ranking = scores.flatMap((score) => score.ranking)
  const delays = present(found.map(({ delayDays }) => delayDays))
  const [right, wrong] = [found.length, falseOf('theft').length]
  const metrics: Metric[] = [
    {
      name: 'theft precision',
      value: ratio(right, right + wrong),
      digits: 3,
      aim: { op: '>=', value: 0.9 },
      of: `${right} of ${right + wrong}`,
    },
    {
      name: 'theft recall',
      value: ratio(right, thefts.length),
      digits: 3,
      aim: { op: '>=', value: 0.85 },
      of: `${right} of ${thefts.length}`,
    },
    { name: 'theft AUC', value: auc(ranking), digits: 4, aim: { op: '>=', value: 0.985 } },
    { name: 'theft average precision', value: averagePrecision(ranking), digits: 3, aim: { op: '>=', value: 0.9 } },
    { name: 'theft false alarms per 1,000 meter-days', value: ratio(1000 * wrong, meterDays), digits: 3, aim: { op: '<=', value: 0.055 } },
    { name: 'days from onset to alarm, median', value: median(delays), digits: 1, aim: { op: '<=', value: 6 } },
    { name: 'days from onset to alarm, p90', value: quantile(delays, 0.9), digits: 1, aim: { op: '<=', value: 12 } },
    {
      name: 'stolen kWh error, median %',
      value: percent(median(present(found.map(({ kwhError }) => kwhError)))),
      digits: 1,
      aim: { op: '<=', value: 15 },
    },
    { name: 'stolen kWh error, pooled %', value: percent(ratio(Math.abs(pooled.said - pooled.truth), pooled.truth)), digits: 1 },
  ]
  for (const kind of [
    'wrong_multiplier',
    'wrong_area',
    'meter_exchange',
    'phase_loss',
    'unregistered_pv',
    'clock_drift',
    'unmetered_load',
    'comm_fault',
  ])
    metrics.push(...kindMetrics(kind, of(kind), falseOf(kind).length))
  const lossPhase = present(of('phase_loss').map(({ kwhError }) => kwhError))
  metrics.push({ name: 'lost-phase kWh error, median %', value: percent(median(lossPhase)), digits: 1, aim: { op: '<=', value: 10 } })
  const prompt = of('comm_fault').filter((one) => one.prompt)
  metrics.push({
    name: 'comm_fault raised within 24 h',
    value: ratio(prompt.length, of('comm_fault').length),
    digits: 2,
    aim: { op: '>=', value: 0.95 },
  })
  const errors = scores.flatMap((score) => score.lossErrors)
  const healthy = scores.filter((score) => score.outcomes.length === 0).flatMap((score) => score.lossErrors)
  const column = (from: readonly LossError[], name: 'plain' | 'corrected' | 'technical') => present(from.map((one) => one[name]))
  metrics.push(
    { name: 'technical loss error, points, mean', value: mean(column(errors, 'technical')), digits: 3, aim: { op: '<=', value: 0.08 } },
    { name: 'technical loss error, points, p95', value: quantile(column(errors, 'technical'), 0.95), digits: 3 },
    {
      name: 'loss error, healthy areas, points, mean',
      value: mean(column(healthy, 'corrected')),
      digits: 3,
      aim: { op: '<=', value: 0.05 },
    },
    { name: 'loss error, nothing corrected, points, mean', value: mean(column(errors, 'plain')), digits: 3 },
    { name: 'loss error, corrected, points, mean', value: mean(column(errors, 'corrected')), digits: 3, aim: { op: '<=', value: 0.4 } },
    { name: 'loss error, corrected, points, p95', value: quantile(column(errors, 'corrected'), 0.95), digits: 3 },
    { name: 'days with a loss', value: ratio(column(errors, 'plain').length, errors.length), digits: 3 },
  )
  const phases = scores.reduce((sum, { phases: one }) => ({ right: sum.right + one.right, of: sum.of + one.of }), { right: 0, of: 0 })
  metrics.push({
    name: 'phase of single-phase meters',
    value: ratio(phases.right, phases.of),
    digits: 4,
    aim: { op: '>=', value: 0.99 },
    of: `${phases.right} of ${phases.of}`,
  })
  return metrics
}

const percent = (value: number | null): number | null => (value === null ? null : 100 * value)

const kindMetrics = (kind: string, outcomes: readonly Outcome[], falses: number): Metric[] => {
  const found = outcomes.filter((one) => one.found !== null)
  const judged = outcomes.filter(({ right }) => right !== null)
  const isComm = kind === 'comm_fault'
  const metrics: Metric[] = [
    {
      name: `${kind} recall`,
      value: ratio(found.length, outcomes.length),
      digits: 2,
      aim: { op: '>=', value: isComm ? 0.95 : 1 },
      of: `${found.length} of ${outcomes.length}`,
    },
    { name: `${kind} false alarms`, value: falses, digits: 0, aim: { op: '<=', value: 0 } },
  ]
  if (judged.length > 0)
    metrics.push({
      name: `${kind} right suggestion`,
      value: ratio(judged.filter(({ right }) => right).length, outcomes.length),
      digits: 2,
      aim: { op: '>=', value: isComm ? 0.9 : 1 },
    })
  const delays = present(found.map(({ delayDays }) => delayDays))
  if (delays.length > 0) metrics.push({ name: `${kind} days to alarm, median`, value: median(delays), digits: 1 })
  return metrics
}

/** Whether a figure meets its aim; null where there is no figure or no aim. */
export const meets = ({ value, aim }: Metric): boolean | null =>
  value === null || !aim ? null : aim.op === '>=' ? value >= aim.value - 1e-9 : value <= aim.value + 1e-9
