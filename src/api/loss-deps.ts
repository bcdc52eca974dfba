import type { LossFault, LossRole, LossState, PhaseLoss, ThresholdSpec, Watch } from '../anomaly/index.ts'
import type { Result } from '../core/index.ts'
import type { Refusal, Soon } from './deps.ts'

export const LOSS_STEPS = ['15m', 'day', 'month'] as const
export type LossStep = (typeof LOSS_STEPS)[number]

/** The balance of an area over one time. Energies are exact decimal text, kWh; null = not known. */
export interface LossItemView {
  readonly from: number
  readonly to: number
  readonly supply: string | null
  readonly reverse: string | null
  readonly generation: string | null
  /** By the meters that are known. */
  readonly measured: string | null
  readonly sold: string | null
  readonly loss: string | null
  /** Per cent of supply + generation. */
  readonly ofInput: number | null
  /** Per cent of supply + generation - reverse. */
  readonly ofNet: number | null
  readonly meters: number
  readonly good: number
  readonly meterPpm: number
  readonly energyPpm: number | null
  readonly estimatedPpm: number
  readonly state: LossState
  readonly grade: string | null
  readonly judgedIn: string | null
  readonly faults: readonly LossFault[]
  readonly missing: readonly string[]
  /** kWh: lower end, likely, upper end. */
  /** kWh: low, likely, high; null within: open, a missing meter's use is known to nobody. */
  readonly bound: readonly [number | null, number | null, number] | null
  /** Step of the gateway registers, kWh. */
  readonly stepKwh: number
  readonly watches: readonly Watch[]
  readonly version: number
  /** Of a month: the other method. */
  readonly sumOfDays: {
    readonly loss: string | null
    readonly sold: string | null
    readonly supply: string | null
    readonly days: number
    readonly of: number
    readonly notComputable: readonly string[]
  } | null
  /** By phase, when asked for; null: nothing is kept of that day. */
  readonly phases?: readonly PhaseLoss[] | null
}

/** A threshold in force and who set it. */
export interface ThresholdView extends Pick<ThresholdSpec, 'op' | 'unit' | 'source'> {
  readonly rule: string
  readonly name: string
  readonly value: number
  readonly layer: string
  readonly meaning: { readonly zh: string; readonly en: string }
}

export interface LossAnswer {
  readonly zone: string
  readonly pending: boolean
  readonly thresholds: { readonly version: number; readonly inForce: readonly ThresholdView[] }
  readonly items: readonly LossItemView[]
}

/** A register at one end of the time. */
export interface LossRegisterView {
  readonly at: number
  readonly meter: string
  readonly register: string
  readonly read: boolean
}

/** One metering point of the sum. */
export interface LossMemberView {
  readonly point: string
  readonly role: LossRole
  readonly ratio: string | null
  readonly imported: string | null
  readonly exported: string | null
  readonly hasExport: boolean
  readonly good: boolean
  readonly estimatedPpm: number
  readonly quality: readonly string[]
  readonly reasons: readonly string[]
  /** Days of the time it was a member, and of them those without a figure. */
  readonly days: number
  readonly unknownDays: number
  readonly usual: readonly [number, number, number] | null
  readonly start: LossRegisterView | null
  readonly end: LossRegisterView | null
}

export interface BalanceAnswer {
  readonly zone: string
  readonly from: number
  readonly to: number
  readonly pending: boolean
  readonly item: LossItemView
  readonly members: readonly LossMemberView[]
}

export interface AreaFilter {
  readonly zone?: string
  readonly feeder?: string
  readonly state?: LossState
}

export interface AreaRow {
  readonly id: string
  readonly name: string
  readonly zone: string | null
  readonly feeder: string | null
  readonly responsible: string | null
  /** Newest day that was worked out, and its balance. */
  readonly day: string | null
  readonly latest: LossItemView | null
}

/** One flow of a line or a bus. */
export interface FlowView {
  readonly id: string
  readonly kind: 'point' | 'area'
  readonly direction: 'in' | 'out'
  readonly kwh: string | null
}

/** What goes into a line or bus and comes out, on one day. */
export interface FlowItemView {
  readonly from: number
  readonly to: number
  readonly in: string | null
  readonly out: string | null
  readonly difference: string | null
  readonly pct: number | null
  readonly state: string
  readonly limitPct: number
  readonly missing: readonly string[]
  readonly flows: readonly FlowView[]
}

export interface FlowAnswer {
  readonly zone: string
  readonly voltageKv: number | null
  readonly items: readonly FlowItemView[]
}

export interface LossQuestion {
  readonly from: number
  readonly to: number
  readonly step: LossStep
  /** With the loss of each phase; of days alone. */
  readonly phases?: boolean
}

/** What the API needs of line loss. */
export interface LossDeps {
  /** Areas with an id greater than `after`, by id. */
  areas(filter: AreaFilter, after: string, limit: number): Soon<readonly AreaRow[]>
  areaLoss(area: string, question: LossQuestion): Soon<Result<LossAnswer, Refusal>>
  /** The members of the sum over whole days. */
  areaBalance(area: string, from: number, to: number, registers: boolean): Promise<Result<BalanceAnswer, Refusal>>
  feederLoss(feeder: string, from: number, to: number): Soon<Result<FlowAnswer, Refusal>>
  busBalance(bus: string, from: number, to: number): Soon<Result<FlowAnswer, Refusal>>
}
