import type { Case, DetectorFailure, Estimate, Finding, FindingKind, LossDay, Phase, Suspicion, Words } from '../../anomaly/index.ts'
import { casesOf, type Known, suspicionsOf } from './judge.ts'
import type { ProblemList } from './problems.ts'
import { instantText, localDate } from './zone.ts'

/** Kinds that labelled areas are scored by; every other kind stands among the notes. */
export const SCORED = [
  'theft',
  'wrong_multiplier',
  'wrong_area',
  'clock_drift',
  'meter_exchange',
  'phase_loss',
  'unregistered_pv',
  'unmetered_load',
  'comm_fault',
] as const satisfies readonly FindingKind[]

/** A case, or a place in the ranking below the alarms, as `gridtally analyse` prints it. */
export interface Anomaly {
  readonly kind: FindingKind
  readonly meter?: string
  readonly target: string
  readonly area: string
  readonly level: Finding['level'] | 'zone'
  /** Local date; of a comm_fault the instant. */
  readonly from: string
  readonly to?: string
  /** Local day at whose end it was raised first: only readings before that midnight were used. */
  readonly detectedAt?: string
  readonly score: number
  readonly severity: string
  readonly estimatedKWh?: number
  readonly interval?: readonly [number, number]
  readonly cause?: string
  readonly trueArea?: string
  readonly truePhase?: Phase
  readonly suggestedMultiplier?: number
  readonly why: Words
  readonly action: Words
  readonly evidence: {
    readonly rule: string
    readonly version: number
    readonly numbers: Finding['numbers']
    readonly thresholds: Finding['thresholds']
    readonly series: Finding['series']
    readonly ruledOut: Finding['ruledOut']
  }
}

export interface LossEntry {
  readonly area: string
  readonly day: string
  readonly state: 'computed' | 'estimated' | 'not_computable'
  readonly lossPct?: number
  readonly technicalPct?: number
  readonly correctedLossPct?: number
  readonly lossKWh?: number
  readonly supplyKWh?: number
  readonly soldKWh?: number
  readonly technicalMethod?: string
  readonly estimatedShare?: number
}

/** The object of the scoring rules, and what it rests on. */
export interface AnalyseResult {
  readonly until: string | null
  readonly anomalies: readonly Anomaly[]
  /** Days whose loss can be computed. */
  readonly losses: readonly LossEntry[]
  readonly phases: Readonly<Record<string, Phase>>
  /** Findings of further kinds. */
  readonly notes: readonly Anomaly[]
  /** Days whose loss cannot be computed: they have no numbers. */
  readonly notComputable: readonly LossEntry[]
  readonly problems: ReturnType<ProblemList['summary']>
  readonly failures: readonly DetectorFailure[]
}

const isScored = (kind: FindingKind): boolean => SCORED.some((one) => one === kind)
const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))

/** What is known, as an object to print; the same input gives the same text. */
export const resultOf = (known: Known, zone: string, problems: ProblemList): AnalyseResult => {
  const all = [
    ...casesOf(known).map((one) => anomalyOfCase(one, zone)),
    ...suspicionsOf(known).map((one) => anomalyOfSuspicion(one, zone)),
  ].toSorted(
    (a, b) =>
      b.score - a.score || compare(a.kind, b.kind) || compare(a.target, b.target) || compare(a.from, b.from) || compare(a.area, b.area),
  )
  const losses = [...known.losses.values()]
    .flatMap((ofArea) => [...ofArea.values()])
    .toSorted((a, b) => compare(a.area, b.area) || compare(a.day, b.day))
    .map(lossEntry)
  return {
    until: known.day?.day ?? null,
    anomalies: all.filter(({ kind }) => isScored(kind)),
    losses: losses.filter(({ state }) => state !== 'not_computable'),
    phases: Object.fromEntries(Object.entries(known.phases).toSorted(([a], [b]) => compare(a, b))),
    notes: all.filter(({ kind }) => !isScored(kind)),
    notComputable: losses.filter(({ state }) => state === 'not_computable'),
    problems: problems.summary(),
    failures: known.failures,
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const anomalyOfCase = ({ evidence, detectedAt, from, to, score, kwh, cause }: Case, zone: string): Anomaly => ({
  ...anomaly({ ...evidence, from, to, score, kwh }, zone),
  detectedAt,
  ...(cause === null ? {} : { cause }),
})

const anomalyOfSuspicion = ({ finding }: Suspicion, zone: string): Anomaly => anomaly(finding, zone)

const anomaly = (finding: Finding, zone: string): Anomaly => {
  const { kind, target, area, level, from, to, score, severity, kwh, cause, trueArea, truePhase, suggestedMultiplier } = finding
  const { why, action, rule, version, numbers, thresholds, series, ruledOut } = finding
  const at = (instant: number): string => (kind === 'comm_fault' ? instantText(instant, zone) : localDate(instant, zone))
  return {
    kind,
    ...(level === 'meter' ? { meter: target } : {}),
    target,
    area,
    level,
    from: at(from),
    ...(to === null ? {} : { to: at(to) }),
    score: rounded(score, 4),
    severity,
    ...estimateOf(kwh),
    ...(cause === undefined ? {} : { cause }),
    ...(trueArea === undefined ? {} : { trueArea }),
    ...(truePhase === undefined ? {} : { truePhase }),
    ...(suggestedMultiplier === undefined ? {} : { suggestedMultiplier }),
    why,
    action,
    evidence: { rule, version, numbers, thresholds, series, ruledOut },
  }
}

const estimateOf = (kwh: Estimate | null): Pick<Anomaly, 'estimatedKWh' | 'interval'> =>
  kwh === null || !Number.isFinite(kwh.value)
    ? {}
    : { estimatedKWh: rounded(kwh.value, 2), interval: [rounded(kwh.low, 2), rounded(kwh.high, 2)] }

const lossEntry = (loss: LossDay): LossEntry => {
  const { area, day, lossPct, technicalPct, correctedLossPct, lossKwh, supplyKwh, soldKwh, technicalMethod, estimatedShare } = loss
  const some = <K extends string>(name: K, value: number | null, digits: number): Partial<Record<K, number>> => {
    const entry: Partial<Record<K, number>> = {}
    if (value !== null && Number.isFinite(value)) entry[name] = rounded(value, digits)
    return entry
  }
  return {
    area,
    day,
    state: lossPct === null ? 'not_computable' : estimatedShare > 0 ? 'estimated' : 'computed',
    ...some('lossPct', lossPct, 4),
    ...some('technicalPct', technicalPct, 4),
    ...some('correctedLossPct', correctedLossPct, 4),
    ...some('lossKWh', lossKwh, 3),
    ...some('supplyKWh', supplyKwh, 3),
    ...some('soldKWh', soldKwh, 3),
    ...(technicalMethod === null ? {} : { technicalMethod }),
    ...some('estimatedShare', estimatedShare, 5),
  }
}
