import type { Result } from '../core/index.ts'
import type { Refusal, Soon } from './deps.ts'

export const SERIES_KINDS = ['register', 'instant', 'energy', 'area'] as const
export type SeriesKind = (typeof SERIES_KINDS)[number]
export const SERIES_BUCKETS = ['15m', '1h', 'day', 'month'] as const
export type SeriesBucket = (typeof SERIES_BUCKETS)[number]
export const SERIES_FNS = ['sum', 'mean', 'min', 'max', 'last', 'increase'] as const
export type SeriesFn = (typeof SERIES_FNS)[number]
export const SERIES_COMPARES = ['none', 'yoy', 'mom'] as const
export type SeriesCompare = (typeof SERIES_COMPARES)[number]
export const AREA_FIELDS = ['supply', 'sold', 'loss', 'reverse', 'generation', 'rate', 'net-rate'] as const
export type AreaField = (typeof AREA_FIELDS)[number]

export interface SeriesQuestion {
  readonly kind: SeriesKind
  readonly from: number
  readonly to: number
  readonly bucket: SeriesBucket
  readonly fn: SeriesFn
  /** `good`: what was quarantined, or has a doubtful clock, is counted and not used. */
  readonly quality: 'good' | 'any'
  readonly compare: SeriesCompare
  /** Full OBIS codes; null: all there are. Of areas: fields. */
  readonly codes: readonly string[] | null
  readonly sources: readonly string[] | null
}

/** [from, to) of a bucket; of the time compared with null where the calendar has no such day. */
export interface SeriesSpan {
  readonly from: number
  readonly to: number
}

/** The buckets of a question, whole ones, by the calendar of the zone. */
export interface SeriesPlan extends SeriesQuestion {
  readonly zone: string
  readonly spans: readonly SeriesSpan[]
  /** As many as spans; empty: nothing is compared. */
  readonly before: readonly (SeriesSpan | null)[]
}

/** One bucket of a series. */
export interface SeriesValue {
  /** Exact decimal text; null: not known, a gap. */
  readonly value: string | null
  /** Share of the values due that were there and good, 0 to 1; null: not known how many were due. */
  readonly coverage: number | null
  /** Worst quality of what was used; null: nothing was. */
  readonly quality: string | null
  /** Values used. */
  readonly count: number
  /** Values there that were not used: quarantined, or of a doubtful clock. */
  readonly excluded: number
}

export interface SeriesChange {
  readonly value: string | null
  readonly coverage: number | null
  readonly difference: string | null
  /** Of the value before, four digits behind the point. */
  readonly percent: string | null
}

export interface SeriesLine {
  /** Point or area. */
  readonly id: string
  readonly code: string
  readonly unit: string
  /** `import`, `export`, or empty. */
  readonly direction: string
  /** Whether CT and PT are in the figures. */
  readonly ratioApplied: boolean
  readonly values: readonly SeriesValue[]
  /** Of the time compared with; as many as values, or none. */
  readonly before: readonly SeriesChange[]
}

/** What the API needs of series. */
export interface SeriesPort {
  /** Proves a question and cuts its time into buckets. */
  plan(question: SeriesQuestion): Result<SeriesPlan, Refusal>
  /** @param id  of a point, or of an area when the kind is `area` */
  lines(plan: SeriesPlan, id: string): Soon<Result<readonly SeriesLine[], Refusal>>
}
