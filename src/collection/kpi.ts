import { decimalText } from '../core/index.ts'
import type { OutageKind } from './outages.ts'
import { type Fill, GOOD_FILLS } from './types.ts'

/**
 * KPIs of collection (采集指标). Success is always what was read ÷ what was due.
 *
 * `daily` 采集成功率: freezes of the day, whenever they came. `first-try` 一次采集成功率: without any re-read. `periodic` 周期采集成功率: at
 * the end of the collection period. `reached` 抄通率: heard of at all that day. `consecutive` 连续失败: no success for N days in a row.
 * `coverage` 采集覆盖率: under remote collection ÷ in the ledger. `integrity` 数据完整率: points ÷ due points. `timely` 及时率: there at the
 * billing cut-off. `online` 在线率: minutes a line was up ÷ minutes.
 */
export const KPIS = ['daily', 'first-try', 'periodic', 'reached', 'consecutive', 'coverage', 'integrity', 'timely', 'online'] as const
export type Kpi = (typeof KPIS)[number]

export const KPI_GROUPS = ['none', 'zone', 'area', 'line', 'concentrator', 'maker'] as const
export type KpiGroup = (typeof KPI_GROUPS)[number]

/** A meter as the ledger knew it at the beginning of the day. */
export interface KpiMeter {
  readonly meter: string
  readonly point: string
  readonly zone: string
  readonly area: string
  readonly line: string
  readonly concentrator: string
  readonly maker: string
  readonly state: string
  /** There since, milliseconds since 1970 UTC. */
  readonly since: number
  /** Nobody asks it: it pushes by itself. */
  readonly pushes: boolean
}

/** What became of one due reading. */
export interface Outcome {
  readonly fill: Fill | null
  readonly filledAt: number | null
  readonly firstTry: boolean
  readonly reason: string | null
  readonly state: string
}

/** Everything known of one day. Maps are by meter. */
export interface KpiDay {
  readonly day: number
  readonly meters: readonly KpiMeter[]
  readonly freezes: ReadonlyMap<string, Outcome>
  readonly curves: ReadonlyMap<string, { readonly expected: number; readonly got: number; readonly reason: string | null }>
  /** Readings of the last billing instant. */
  readonly billing: ReadonlyMap<string, Outcome>
  /** Those that a task was to read that day. */
  readonly asked: ReadonlySet<string>
  /** When each was first heard of that day. */
  readonly heard: ReadonlyMap<string, number>
  /** When the freezes of this day and of those before it came, as many as make a case; null = not. Only of meters due on all of them. */
  readonly came: ReadonlyMap<string, readonly (number | null)[]>
  readonly online: ReadonlyMap<string, { readonly minutes: number; readonly up: number }>
}

/** Which instant a figure is of, and the rules it follows. */
export interface KpiRules {
  /** What came later does not count. */
  readonly at: number
  readonly billingCutoff: number
  readonly excludeAreas: ReadonlySet<string>
  /** Which kind of outage a meter had that day; absent: nobody knows. */
  readonly outageOf?: (meter: string) => OutageKind | null
}

/** Why a meter is not counted. */
export const EXCLUSIONS = ['planned', 'archived', 'younger-than-one-day', 'white-listed', 'planned-outage', 'emergency-outage'] as const
export type Exclusion = (typeof EXCLUSIONS)[number]

/** What one meter is to one KPI. `got` and `due` are 1 for meters, points for the integrity. Null: it has nothing to do with it. */
export type Verdict =
  | { readonly list: 'in' | 'out'; readonly reason: string | null; readonly got: number; readonly due: number }
  | { readonly list: 'excluded'; readonly reason: Exclusion }
  | null

const DAY_MS = 86_400_000

/** @returns null when the meter counts */
export const exclusionOf = ({ meter, state, since, area }: KpiMeter, day: number, rules: KpiRules): Exclusion | null => {
  const outage = rules.outageOf?.(meter) ?? null
  return state === 'planned'
    ? 'planned'
    : state === 'archived'
      ? 'archived'
      : day - since < DAY_MS
        ? 'younger-than-one-day'
        : rules.excludeAreas.has(area)
          ? 'white-listed'
          : outage && `${outage}-outage`
}

const inside: Verdict = { list: 'in', reason: null, got: 1, due: 1 }
const outside = (reason: string): Verdict => ({ list: 'out', reason, got: 0, due: 1 })

/** Whether the value of the due instant was there in time, and if not, why. */
const success = (outcome: Outcome | undefined, at: number): Verdict => {
  if (!outcome) return null
  const { fill, filledAt, reason, state } = outcome
  if (fill !== null && filledAt !== null && filledAt <= at) return GOOD_FILLS.has(fill) ? inside : outside(`filled-by-${fill}`)
  if (fill !== null) return outside('came-later')
  return outside(reason ?? state)
}

type Judge = (meter: KpiMeter, day: KpiDay, rules: KpiRules) => Verdict

/** A meter that pushes is due once a day. */
const pushed = ({ meter }: KpiMeter, { heard }: KpiDay, { at }: KpiRules): Verdict =>
  (heard.get(meter) ?? Number.POSITIVE_INFINITY) <= at ? inside : outside('not-heard')

/** Whether anything is to be heard of it: it was asked, or nobody need ask. One that never answers counts like any other. */
const isRead = ({ meter, pushes }: KpiMeter, { asked, freezes, curves, heard }: KpiDay): boolean =>
  pushes || asked.has(meter) || freezes.has(meter) || curves.has(meter) || heard.has(meter)

const daily: Judge = (meter, day, rules) => (meter.pushes ? pushed(meter, day, rules) : success(day.freezes.get(meter.meter), rules.at))

const JUDGES: Readonly<Record<Exclude<Kpi, 'online'>, Judge>> = {
  daily,
  periodic: daily,
  'first-try': ({ meter, pushes }, { freezes }, { at }) => {
    if (pushes) return null
    const outcome = freezes.get(meter)
    const verdict = success(outcome, at)
    if (verdict?.list !== 'in' || outcome?.firstTry) return verdict
    return outside('read-again')
  },
  reached: (meter, day, rules) => (isRead(meter, day) ? pushed(meter, day, rules) : null),
  consecutive: ({ meter }, { came, freezes }, { at }) => {
    const days = came.get(meter)
    if (days === undefined) return null
    return days.every((instant) => instant === null || instant > at)
      ? { list: 'in', reason: freezes.get(meter)?.reason ?? null, got: 1, due: 1 }
      : outside('read-in-between')
  },
  coverage: (meter, day) => (isRead(meter, day) ? inside : outside('no-task-reads-it')),
  integrity: ({ meter }, { curves }) => {
    const curve = curves.get(meter)
    if (!curve) return null
    const { got, expected: due, reason } = curve
    return { list: got >= due ? 'in' : 'out', reason: got >= due ? null : (reason ?? 'points-missing'), got: Math.min(got, due), due }
  },
  timely: ({ meter }, { billing }, { at, billingCutoff }) => success(billing.get(meter), Math.min(at, billingCutoff)),
}

/** What one meter is to a KPI: figures and lists are both made of this, so they cannot contradict each other. */
export const judge = (kpi: Exclude<Kpi, 'online'>, meter: KpiMeter, day: KpiDay, rules: KpiRules): Verdict => {
  const excluded = exclusionOf(meter, day.day, rules)
  if (excluded) return { list: 'excluded', reason: excluded }
  return JUDGES[kpi](meter, day, rules)
}

/** Numerator and denominator of one KPI of one group. */
export interface Figure {
  readonly kpi: Kpi
  readonly numerator: number
  readonly denominator: number
  readonly excluded: Readonly<Partial<Record<Exclusion, number>>>
}

export const groupOf = (meter: KpiMeter, by: KpiGroup): string => (by === 'none' ? '' : meter[by] || '-')

/** Every KPI of every group. @returns by group, each with all KPIs in order */
export const figures = (day: KpiDay, by: KpiGroup, rules: KpiRules): Map<string, Figure[]> => {
  const sums = new Map<string, Map<Kpi, { numerator: number; denominator: number; excluded: Partial<Record<Exclusion, number>> }>>()
  const sumOf = (group: string, kpi: Kpi) => {
    let ofGroup = sums.get(group)
    if (!ofGroup) {
      ofGroup = new Map(KPIS.map((each) => [each, { numerator: 0, denominator: 0, excluded: {} }]))
      sums.set(group, ofGroup)
    }
    return ofGroup.get(kpi)!
  }
  for (const meter of day.meters) {
    const group = groupOf(meter, by)
    for (const kpi of KPIS) {
      if (kpi === 'online') continue
      const verdict = judge(kpi, meter, day, rules)
      const sum = sumOf(group, kpi)
      if (!verdict) continue
      if (verdict.list === 'excluded') {
        sum.excluded[verdict.reason] = (sum.excluded[verdict.reason] ?? 0) + 1
        continue
      }
      sum.numerator += verdict.got
      sum.denominator += verdict.due
    }
  }
  // A line's time says nothing about an area or a maker.
  if (by === 'line' || by === 'none')
    for (const [line, { minutes, up }] of day.online) {
      const sum = sumOf(by === 'line' ? line : '', 'online')
      sum.numerator += up
      sum.denominator += minutes
    }
  return new Map(
    [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([group, of]) => [group, [...of].map(([kpi, sum]) => ({ kpi, ...sum }))]),
  )
}

/** One row of the lists behind a figure. */
export interface Member {
  readonly meter: string
  readonly point: string
  readonly area: string
  readonly line: string
  /** Why it is where it is; null: nothing to say. */
  readonly reason: string | null
  readonly got: number
  readonly due: number
}

/** Who is in the numerator, who is only in the denominator, or who is not counted; by meter ascending. */
export const members = (kpi: Kpi, day: KpiDay, by: KpiGroup, group: string, list: 'in' | 'out' | 'excluded', rules: KpiRules): Member[] => {
  if (kpi === 'online') return onlineMembers(day, by, group, list)
  return day.meters
    .filter((meter) => by === 'none' || groupOf(meter, by) === group)
    .flatMap((meter) => {
      const verdict = judge(kpi, meter, day, rules)
      if (verdict?.list !== list) return []
      const { got, due } = verdict.list === 'excluded' ? { got: 0, due: 0 } : verdict
      return [{ meter: meter.meter, point: meter.point, area: meter.area, line: meter.line, reason: verdict.reason, got, due }]
    })
    .sort((a, b) => (a.meter < b.meter ? -1 : 1))
}

/** Lines take the place of meters. In = up all the time. */
const onlineMembers = ({ online }: KpiDay, by: KpiGroup, group: string, list: 'in' | 'out' | 'excluded'): Member[] =>
  [...online]
    .filter(([line]) => by === 'none' || (by === 'line' && line === group))
    .filter(([, { minutes, up }]) => (list === 'in' ? up >= minutes : list === 'out' ? up < minutes : false))
    .map(([line, { minutes, up }]) => ({
      ...{ meter: '', point: '', area: '', line, reason: up < minutes ? 'line-was-down' : null, got: up, due: minutes },
    }))
    .sort((a, b) => (a.line < b.line ? -1 : 1))

const PLACES = 6

/** Numerator ÷ denominator as exact decimal text of six places, cut and never rounded up to 1; null for 0 ÷ 0: not computable. */
export const rateText = (numerator: number, denominator: number): string | null =>
  denominator === 0 ? null : decimalText((BigInt(numerator) * 10n ** BigInt(PLACES)) / BigInt(denominator), -PLACES)
