import type { Result } from '../core/index.ts'
import type { Refusal } from './deps.ts'

export const OUTAGE_SCOPE_NAMES = ['zone', 'feeder', 'area', 'point', 'line'] as const
export const OUTAGE_KIND_NAMES = ['planned', 'emergency'] as const
export const OUTAGE_STATE_NAMES = ['planned', 'running', 'overdue', 'ended', 'withdrawn'] as const
export const OUTAGE_ACT_NAMES = ['created', 'noticed', 'extended', 'ended', 'withdrawn'] as const

/** One outage (停电). Times are milliseconds since 1970 UTC. */
export interface OutageView {
  readonly id: number
  readonly scope: (typeof OUTAGE_SCOPE_NAMES)[number]
  readonly target: string
  readonly kind: (typeof OUTAGE_KIND_NAMES)[number]
  readonly state: (typeof OUTAGE_STATE_NAMES)[number]
  readonly from: number
  readonly expectedTo: number | null
  /** When power was back. */
  readonly to: number | null
  readonly reason: string
  readonly workOrder: string | null
  /** When key accounts were told. */
  readonly noticed: number | null
  readonly who: string
  readonly recordedAt: number
  /** Key accounts were told late or not at all; null: all is well. */
  readonly warning: string | null
}

export interface OutageDetailView extends OutageView {
  readonly history: readonly {
    readonly at: number
    readonly what: (typeof OUTAGE_ACT_NAMES)[number]
    readonly who: string
    readonly why: string
  }[]
}

export type OutageDraftView = Pick<
  OutageView,
  'scope' | 'target' | 'kind' | 'from' | 'expectedTo' | 'to' | 'reason' | 'workOrder' | 'noticed'
>

export interface OutageFilterView {
  readonly scope?: OutageView['scope']
  readonly target?: string
  readonly kind?: OutageView['kind']
  readonly state?: OutageView['state']
  /** Only those that touch [from, to). */
  readonly from?: number
  readonly to?: number
}

/** What the API asks of the outage calendar. */
export interface OutageDeps {
  /** By id descending, before one of them (null: from the newest). */
  outages(filter: OutageFilterView, before: number | null, limit: number): readonly OutageView[]
  outage(id: number): Result<OutageDetailView, Refusal>
  addOutage(draft: OutageDraftView, who: string): Result<OutageDetailView, Refusal>
  /** @param at  null: now */
  noticeOutage(id: number, at: number | null, who: string, why: string): Result<OutageDetailView, Refusal>
  extendOutage(id: number, expectedTo: number, who: string, why: string): Result<OutageDetailView, Refusal>
  endOutage(id: number, at: number | null, who: string, why: string): Result<OutageDetailView, Refusal>
  withdrawOutage(id: number, who: string, why: string): Result<OutageDetailView, Refusal>
}
