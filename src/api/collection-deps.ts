import type { Result } from '../core/index.ts'
import type { Refusal } from './deps.ts'

export const DUE_KIND_NAMES = ['day-freeze', 'month-freeze', 'curve'] as const
export const GAP_STATE_NAMES = ['open', 'scheduled', 'filled', 'permanent', 'waived'] as const
export const FILL_NAMES = ['freeze', 'stand-in', 'curve', 'concentrator', 'stored', 'later-live', 'manual', 'estimate'] as const
export const GAP_ACT_NAMES = ['missed', 'tried', 'filled', 'permanent', 'waived', 'reopened', 'retry', 'entered', 'rejected'] as const
export const KPI_NAMES = [
  ...(['daily', 'first-try', 'periodic', 'reached', 'consecutive', 'coverage', 'integrity', 'timely', 'online'] as const),
] as const
export const KPI_GROUP_NAMES = ['none', 'zone', 'area', 'line', 'concentrator', 'maker'] as const
export type KpiName = (typeof KPI_NAMES)[number]
export type KpiGroupName = (typeof KPI_GROUP_NAMES)[number]

/** One due reading that did not come in its first pass, or still may. Times are milliseconds since 1970 UTC. */
export interface GapView {
  readonly id: number
  readonly kind: (typeof DUE_KIND_NAMES)[number]
  readonly label: number
  readonly meter: string
  readonly point: string
  readonly line: string
  readonly area: string
  readonly state: (typeof GAP_STATE_NAMES)[number]
  readonly fill: (typeof FILL_NAMES)[number] | null
  readonly reason: string | null
  readonly tries: number
  readonly rereads: number
  readonly budget: { readonly tries: number; readonly lineMs: number }
  readonly nextTry: number | null
  readonly lastChance: number
  readonly missedAt: number | null
  readonly filledAt: number | null
  /** Instant of the value that filled it. */
  readonly instant: number | null
  readonly by: string | null
  /** Points of a curve; null for freezes. */
  readonly curve: {
    readonly stepMs: number
    readonly expected: number
    readonly got: number
    readonly missing: readonly { readonly from: number; readonly to: number }[]
  } | null
}

export interface GapEntryView {
  readonly values: Readonly<Record<string, string>>
  readonly instant: number
  readonly why: string
  readonly by: string
  readonly at: number
}

export interface GapDetailView extends GapView {
  readonly history: readonly {
    readonly at: number
    readonly what: (typeof GAP_ACT_NAMES)[number]
    readonly who: string | null
    readonly note: string | null
  }[]
  readonly entry: GapEntryView | null
}

export interface GapListFilter {
  readonly state?: GapView['state']
  readonly kind?: GapView['kind']
  readonly line?: string
  readonly area?: string
  readonly meter?: string
  readonly from?: number
  readonly to?: number
  /** Also what came at once, or still may. */
  readonly all?: boolean
}

export interface FigureView {
  readonly numerator: number
  readonly denominator: number
  /** Exact decimal text of six places; null: nothing was due, so there is no rate. */
  readonly rate: string | null
  readonly excluded: readonly { readonly reason: string; readonly count: number }[]
}

export interface KpiView {
  readonly kpi: KpiName
  readonly cutoff: number
  /** At the cut-off. */
  readonly figure: FigureView
  /** It was written down at the cut-off, not worked out afterwards. */
  readonly kept: boolean
  readonly final: FigureView
  readonly finalAt: number
  readonly yesterday: string | null
  readonly lastMonth: string | null
}

export interface KpiUnitView {
  readonly id: string
  readonly name: string
  readonly kpis: readonly KpiView[]
}

export interface KpiMemberView {
  readonly meter: string
  readonly point: string
  readonly area: string
  readonly line: string
  readonly reason: string | null
  readonly got: number
  readonly due: number
}

export interface KpiQueryView {
  /** `2026-11-21` in the gateway's zone; null: today. */
  readonly day: string | null
  readonly by: KpiGroupName
}

/** What the API needs of gaps and figures of collection. */
/** Estimates as the last source of a gap. */
export interface EstimateDeps {
  /** Makes up the registers of a freeze by rule, marked as such; what they are is then in the gap. */
  estimateGap(id: number, who: string, why: string): Promise<Result<null, Refusal>>
}

export interface CollectionDeps {
  /** By id ascending, after one of them. */
  gaps(filter: GapListFilter, after: number, limit: number): Promise<Result<readonly GapView[], Refusal>>
  gapCounts(): Promise<Result<Readonly<Record<GapView['state'], number>>, Refusal>>
  gap(id: number): Promise<Result<GapDetailView, Refusal>>
  actOnGap(id: number, act: 'retry' | 'waive' | 'reopen', who: string, why: string): Promise<Result<GapDetailView, Refusal>>
  /** @param values  registers as shown on the meter, decimal text by OBIS code */
  enterGap(
    id: number,
    entry: {
      readonly values: Readonly<Record<string, string>>
      readonly instant: number | null
      readonly who: string
      readonly why: string
    },
  ): Promise<Result<GapDetailView, Refusal>>
  confirmGap(id: number, who: string): Promise<Result<GapDetailView, Refusal>>
  /** Null: there is no such day. */
  kpis(
    query: KpiQueryView,
    after: string | null,
    limit: number,
  ): Promise<Result<{ readonly day: string; readonly asOf: number; readonly units: readonly KpiUnitView[] } | null, Refusal>>
  kpiMembers(
    query: KpiQueryView & {
      readonly kpi: KpiName
      readonly id: string
      readonly list: 'in' | 'out' | 'excluded'
      readonly at: 'cutoff' | 'final'
    },
  ): Promise<Result<readonly KpiMemberView[] | null, Refusal>>
}
