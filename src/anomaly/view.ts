import type { Finding, FindingKind, Withdrawal, Words } from './finding.ts'
import type { AreaFrame, CommFrame, Phase } from './frame.ts'
import type { RuleSpec, ThresholdLayers } from './rule.ts'

/** Something raised on an earlier day and still standing: what a detector may remember of itself. */
export interface Standing {
  readonly key: string
  readonly kind: FindingKind
  readonly target: string
  /** Day on which it was raised first. */
  readonly raisedOn: string
  readonly from: number
  readonly score: number
}

/** Energy lost in the wires, kWh for each slot, NaN = not known. */
export interface TechnicalLoss {
  readonly kwh: Float64Array
  /** `voltage`, `regression`, `resistance`, `voltage-ratio`, and what it rests on. */
  readonly method: string
  readonly inputs: Words
  /** Robust relative error, 0.1 = ten per cent; null = not known. */
  readonly error: number | null
}

/** A meter's data that must not be used as they are: what a detector found and the balance has to respect. */
export interface DataDoubt {
  readonly id: string
  readonly from: number
  readonly to: number | null
  /** `shift`: the meter's clock is off by `shiftMs`; `unusable`: its energy says nothing; `not-here`: fed by another area. */
  readonly what: 'shift' | 'unusable' | 'not-here'
  readonly shiftMs?: number
}

/**
 * Everything a detector may look at when one day of one area is judged: nothing later than the end of the last day of `frame`.
 * Detectors run in the order of the catalogue; what an earlier one learnt stands in `phases`, `technical`, `doubts` and `found`.
 */
export interface AreaView {
  readonly frame: AreaFrame
  /** Areas that meters might belong to instead, same days. */
  readonly neighbours: readonly AreaFrame[]
  readonly comm: CommFrame | null
  readonly thresholds: ThresholdLayers
  readonly standing: readonly Standing[]
  readonly phases: Readonly<Record<string, Phase>>
  readonly technical: TechnicalLoss | null
  readonly doubts: readonly DataDoubt[]
  readonly found: readonly Finding[]
}

/** What a detector gives: claims, claims taken back, and what those after it should know. */
export interface Detected {
  readonly findings: readonly Finding[]
  readonly withdrawn?: readonly Withdrawal[]
  readonly phases?: Readonly<Record<string, Phase>>
  readonly technical?: TechnicalLoss
  readonly doubts?: readonly DataDoubt[]
}

/** A detector: a pure function of what it is shown. It keeps nothing between calls. */
export interface Detector {
  readonly rule: RuleSpec
  detect(view: AreaView): Detected
}
