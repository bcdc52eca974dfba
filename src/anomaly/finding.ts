import type { Phase } from './frame.ts'

/** A text in both languages of the house. */
export interface Words {
  readonly zh: string
  readonly en: string
}

/** What a finding (异常) can be. The first nine are those that labelled areas are scored by. A public interface. */
export const FINDING_KINDS = [
  'theft',
  'wrong_multiplier',
  'wrong_area',
  'clock_drift',
  'meter_exchange',
  'phase_loss',
  'unregistered_pv',
  'unmetered_load',
  'comm_fault',
  'wrong_phase',
  'high_loss',
  'negative_loss',
  'loss_change',
  'not_computable',
  'bus_unbalance',
  'register_stopped',
  'register_backwards',
  'register_jumped',
  'rates_disagree',
  'energy_disagrees',
  'stuck_values',
  'reverse_energy',
  'voltage_out',
  'voltage_unbalance',
  'current_unbalance',
  'overload',
  'low_power_factor',
  'capacity_exceeded',
  'use_deviation',
  'load_step',
  'meter_event',
  'unregistered_meter',
  'outage',
] as const
export type FindingKind = (typeof FINDING_KINDS)[number]

export type Severity = 'info' | 'low' | 'medium' | 'high' | 'critical'

/** A figure with what it may be at least and at most. */
export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** What a claim rests on: series and time, so that every reading behind it can be fetched. */
export interface SeriesRef {
  readonly measurement: 'register' | 'instant' | 'interval' | 'area' | 'comm' | 'event'
  /** Point, meter, area, line or concentrator; `unregistered/7`: the seventh of the meters that are in no ledger. */
  readonly id: string
  readonly fields: readonly string[]
  readonly from: number
  readonly to: number
}

/**
 * A claim with the numbers behind it. The same fault has the same `key` every day it is found again, so that there is one case a cause.
 */
export interface Finding {
  /** Detector and its version, as the catalogue names them. */
  readonly rule: string
  readonly version: number
  readonly kind: FindingKind
  /** Cause key: rule family, target and whatever tells two causes at one target apart; never a day. */
  readonly key: string
  /** Meter (or point), bus, concentrator or area the claim is about. */
  readonly target: string
  readonly area: string
  readonly level: 'meter' | 'bus' | 'concentrator' | 'backhaul' | 'area'
  /** Start of the fault, as far as it can be told, and its end; milliseconds; `to` null = goes on. */
  readonly from: number
  readonly to: number | null
  /** 0 to 1; from 0.5 on it is an alarm, below it is a place in a ranking. */
  readonly score: number
  readonly severity: Severity
  /** Energy not recorded (or recorded too much: negative) since `from`, kWh; null where there is no such thing. */
  readonly kwh: Estimate | null
  readonly cause?: string
  readonly trueArea?: string
  readonly truePhase?: Phase
  readonly suggestedMultiplier?: number
  /** What a metering engineer can check: window, beta and its error, kWh before and after … plain names with units in them. */
  readonly numbers: Readonly<Record<string, number | string | null>>
  /** Thresholds in force, `rule.name` → value. */
  readonly thresholds: Readonly<Record<string, number>>
  readonly series: readonly SeriesRef[]
  /** What was looked at and is not the cause. */
  readonly ruledOut: readonly Words[]
  readonly why: Words
  /** Next step in the field. */
  readonly action: Words
}

/** A finding of an earlier day that is not upheld: data that came late, or a cause found since, explain it. */
export interface Withdrawal {
  readonly key: string
  readonly because: Words
}

/** Line loss (线损) of one area on one day. */
export interface LossDay {
  readonly area: string
  readonly day: string
  readonly supplyKwh: number | null
  readonly soldKwh: number | null
  readonly lossKwh: number | null
  /** Over all that goes in (gateway import and what prosumers feed in); null = not computable. */
  readonly lossPct: number | null
  /** Loss of the wires alone. */
  readonly technicalPct: number | null
  readonly technicalMethod: string | null
  /** As lossPct, with the ledger and data faults that were found put right; stolen energy stays in it. */
  readonly correctedLossPct: number | null
  /** Share of the sold energy that is estimated, 0 to 1. */
  readonly estimatedShare: number
}

/** A rule broke down on one area and day: a bug in it. The other rules went on. */
export interface DetectorFailure {
  readonly rule: string
  readonly version: number
  readonly area: string
  readonly day: string
  readonly message: string
}

/** What one day's look at one area gave. */
export interface Verdict {
  readonly area: string
  readonly day: string
  readonly findings: readonly Finding[]
  readonly withdrawn: readonly Withdrawal[]
  readonly losses: readonly LossDay[]
  readonly phases: Readonly<Record<string, Phase>>
  /** Rules that broke down; what they would have said is not known. */
  readonly failures: readonly DetectorFailure[]
  /** `house`: the rules of the gateway's own rooms alone had their say, today. Absent: every detector, and none of those. */
  readonly by?: 'house'
}
