import type { LossFault, LossRole, LossState, Watch } from '../anomaly/index.ts'

/** One metering point in the balance of an area, as it was counted. Figures are exact decimal text, kWh, primary side; null = not known. */
export interface MemberLoss {
  readonly id: string
  readonly role: LossRole
  readonly imp: string | null
  /** undefined = it has no such register. */
  readonly exp?: string | null
  readonly good: boolean
  readonly estimatedPpm: number
  /** Bits of ENERGY_FLAGS of both. */
  readonly flags: number
  readonly quality: number
  /** Versions of the energy figures it is made of. */
  readonly version: number
  readonly wrongRatio?: boolean
  /** What it usually uses in such a time, kWh: [middle, low, high]. */
  readonly usual: readonly [number, number, number] | null
}

/** The balance of an area over one time. Energies are exact decimal text. */
export interface LossItem {
  readonly from: number
  readonly to: number
  readonly supply: string | null
  readonly reverse: string | null
  readonly generation: string | null
  readonly measured: string
  readonly sold: string | null
  readonly loss: string | null
  /** Per cent of supply and generation, and of the same less reverse. */
  readonly ofInput: number | null
  readonly ofNet: number | null
  readonly meters: number
  readonly good: number
  readonly meterPpm: number
  readonly energyPpm: number | null
  readonly estimatedPpm: number
  readonly state: LossState
  readonly grade: 'very-high' | 'small-negative' | null
  readonly judgedIn: '%' | 'kWh' | null
  readonly faults: readonly LossFault[]
  readonly missing: readonly string[]
  /** kWh: [low, likely, high]; null within: open, nobody knows what a missing meter uses. */
  readonly bound: LossBound | null
  readonly stepKwh: number
  readonly watches: readonly Watch[]
  readonly version: number
}

/** [low, likely, high] */
export type LossBound = readonly [number | null, number | null, number]

/** A month worked out both ways, and why they differ. */
export interface MonthLoss {
  /** Sum of the days that are computable. */
  readonly sumOfDays: {
    readonly loss: string | null
    readonly sold: string | null
    readonly supply: string | null
    readonly days: number
    readonly of: number
  }
  readonly notComputable: readonly string[]
}

/** A day of an area worked out: the whole day, its quarter hours, and what was counted. Of a month there are no quarter hours. */
export interface AreaLoss {
  readonly area: string
  /** `2026-11-21`, or `2026-11`. */
  readonly day: string
  readonly version: number
  /** Version of the thresholds it was judged by. */
  readonly thresholds: number
  /** Null while the day goes on. */
  readonly whole: LossItem | null
  readonly quarters: readonly LossItem[]
  readonly members: readonly MemberLoss[]
  readonly month: MonthLoss | null
}
