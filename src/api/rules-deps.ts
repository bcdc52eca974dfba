import type { RuleSpec, ThresholdLayers } from '../anomaly/index.ts'
import type { Result } from '../core/index.ts'
import type { Refusal, Soon } from './deps.ts'

export const RULE_LAYERS = ['global', 'zone', 'class', 'point'] as const
export type RuleLayer = (typeof RULE_LAYERS)[number]

/** A change of one threshold; `after` null = as the next wider layer says. */
export interface ThresholdChangeView {
  readonly seq: number
  readonly at: number
  readonly who: string
  readonly why: string
  readonly rule: string
  readonly name: string
  readonly layer: RuleLayer
  readonly target: string
  readonly before: number | null
  readonly after: number | null
  readonly undoes: number | null
}

export interface ThresholdEdit {
  readonly layer: RuleLayer
  /** Zone, class or point; '' of the global layer. */
  readonly target: string
  /** null = as the next wider layer says. */
  readonly set: Readonly<Record<string, number | null>>
}

/** Where an area stands in the daily analysis. */
export interface AnalysisAreaView {
  readonly area: string
  readonly state: 'no-readings' | 'waiting' | 'judging' | 'judged' | 'failed'
  readonly judged: string | null
  readonly judgedAt: number | null
  readonly tookMs: number
  readonly next: string | null
  readonly waitsFor: string | null
  readonly failure: string | null
  readonly alarms: number
  /** Days kept; many rules say nothing before two weeks of them. */
  readonly days: number
}

export interface AnalysisView {
  readonly enabled: boolean
  /** Minutes after local midnight. */
  readonly atMinute: number
  readonly windowDays: number
  readonly workers: number
  readonly waitingDays: number
  readonly judgedSinceStart: number
  readonly areas: readonly AnalysisAreaView[]
}

export interface TrialCaseView {
  readonly key: string
  readonly kind: string
  readonly target: string
  readonly area: string
  readonly detectedAt: string
  readonly score: number
  readonly kwh: number | null
}

/** A trial run of thresholds on days that are over. */
export interface TrialView {
  readonly id: number
  readonly rule: string
  readonly edit: ThresholdEdit
  readonly from: string
  readonly to: string
  readonly state: 'running' | 'done' | 'failed' | 'cancelled'
  readonly done: number
  readonly areas: number
  readonly error: string | null
  /** Alarms that would come, that would not come any more, and how many stay. */
  readonly come: readonly TrialCaseView[]
  readonly go: readonly TrialCaseView[]
  readonly stay: number
}

/** What the API needs of rules and of the daily analysis. */
export interface RulesDeps {
  rules(): readonly RuleSpec[]
  layers(): ThresholdLayers
  setThresholds(rule: string, edit: ThresholdEdit, version: number, who: string, why: string): Soon<Result<number, Refusal>>
  /** Newest first, with a number less than `before`. */
  thresholdChanges(before: number | null, limit: number, rule: string | null): readonly ThresholdChangeView[]
  undoThreshold(seq: number, who: string, why: string): Result<number, Refusal>
  startTrial(rule: string, edit: ThresholdEdit, areas: readonly string[] | null, from: string, to: string): Result<TrialView, Refusal>
  trials(): readonly TrialView[]
  trial(id: number): Result<TrialView, Refusal>
  cancelTrial(id: number): Result<TrialView, Refusal>
  analysis(): AnalysisView
  /** @returns how many areas */
  analysisAgain(areas: readonly string[] | null, from: string, to: string, rebuild: boolean, why: string): Result<number, Refusal>
}
