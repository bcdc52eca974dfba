import type { Result } from '../core/index.ts'
import type { Refusal, Soon } from './deps.ts'

export const ENERGY_PERIODS = ['15m', '1h', 'day', 'month'] as const
export type EnergyPeriodWord = (typeof ENERGY_PERIODS)[number]

/** A register at one end of an interval; `read`: a meter said so, else it lies between two that did. */
export interface EnergyRegisterView {
  readonly register: string
  readonly meter: string
  readonly read: boolean
}

/** What a figure rests on. Times are milliseconds since 1970 UTC. */
export interface EnergyEvidenceView {
  readonly start: EnergyRegisterView | null
  readonly end: EnergyRegisterView | null
  readonly segments: readonly {
    readonly from: number
    readonly to: number
    readonly meter: string
    readonly ratio: string
    /** Register difference, without the ratio. */
    readonly delta: string
  }[]
}

export interface EnergyItemView {
  readonly from: number
  readonly to: number
  /** Primary side, exact decimal text; null = not known. */
  readonly value: string | null
  /** Names of quality bits. */
  readonly quality: readonly string[]
  /** Names of what stands beside the figure, or why there is none. */
  readonly reasons: readonly string[]
  readonly estimatedPpm: number
  readonly coveredPpm: number
  readonly version: number
  readonly evidence: EnergyEvidenceView | null
}

export interface EnergyFindingView {
  readonly register: string
  readonly code: string
  readonly meter: string
  readonly at: number
  readonly before: { readonly at: number; readonly register: string; readonly source: string } | null
  readonly after: { readonly at: number; readonly register: string; readonly source: string } | null
  /** What booking it would have meant. */
  readonly would: string | null
  readonly note: string
}

/** A finding of some point, by the number it got when it was first seen. */
export interface EnergyFindingRow {
  readonly seq: number
  readonly point: string
  readonly seenAt: number
  readonly finding: EnergyFindingView
}

/** One register of a point over the time asked for. */
export interface EnergyRegisterAnswer {
  readonly register: string
  readonly obis: string
  readonly unit: string
  /** Sum of what is known. */
  readonly total: string | null
  /** Intervals that are known, and all of them. */
  readonly known: number
  readonly due: number
  readonly estimatedPpm: number
  readonly items: readonly EnergyItemView[]
  readonly findings: readonly EnergyFindingView[]
}

/** Interval energy of a point (区间电量). */
export interface EnergyAnswer {
  readonly zone: string
  /** Some of it is being worked out again. */
  readonly pending: boolean
  readonly registers: readonly EnergyRegisterAnswer[]
}

export interface EnergyQuestion {
  readonly from: number
  readonly to: number
  readonly period: EnergyPeriodWord
  readonly detail: boolean
}

export interface EnergyExportView {
  readonly id: number
  readonly who: string
  readonly point: string | null
  readonly from: number
  readonly to: number
  readonly note: string
  readonly at: number
}

export interface EnergyCorrectionView {
  readonly seq: number
  readonly point: string
  readonly register: string
  readonly period: EnergyPeriodWord
  readonly from: number
  readonly to: number
  readonly before: string | null
  readonly after: string | null
  readonly version: number
  readonly reason: string
  readonly at: number
  readonly exportId: number
}

export interface EnergyStateView {
  /** Days of points to be worked out; today's count as long as they go on. */
  readonly dirty: number
  readonly oldest: string | null
  /** Of them, those whose readings the store does not have yet. */
  readonly waitingForStore: number
  /** Points of which every day from some day on is to be worked out. */
  readonly points: number
  /** Worked out since the start. */
  readonly worked: number
  readonly corrections: number
}

/** What the API needs of interval energy. */
export interface EnergyDeps {
  energy(point: string, question: EnergyQuestion): Promise<Result<EnergyAnswer, Refusal>>
  /** With a number greater than `since`, rising. */
  energyCorrections(since: number, limit: number): Soon<readonly EnergyCorrectionView[]>
  /** The highest number that was ever given in one of the two sequences. */
  energyNewest(list: 'correction' | 'finding'): Soon<number>
  energyExports(after: number, limit: number): Soon<readonly EnergyExportView[]>
  /** From now on a change of these figures is a correction. */
  markExported(made: Omit<EnergyExportView, 'id' | 'at'>): Soon<Result<EnergyExportView, Refusal>>
  /** Has figures worked out again; `point` null = of all points. @returns how many points */
  energyAgain(point: string | null, from: number, to: number, why: string): Soon<Result<number, Refusal>>
  /** Reads and increments that are set aside now, with a number greater than `since`, rising; `point` null = of all. */
  energyFindings(point: string | null, since: number, limit: number): Soon<readonly EnergyFindingRow[]>
  energyState(): Soon<EnergyStateView>
}
