import type { Measurement, Reading, Source } from './reading.ts'
import type { Result } from './result.ts'

/** Readings of one meter, point or line in [from, to), oldest first. */
export interface RangeQuery {
  readonly measurement: Measurement
  /** Equality on tags of the measurement; at least one of `meter`, `point` or `id`; of `area` its `area`. */
  readonly tags: Readonly<Record<string, string>>
  readonly source?: Source
  readonly from: number
  readonly to: number
  readonly limit: number
  /** `next` of the page before. */
  readonly cursor?: string
}

export interface RangePage {
  readonly readings: readonly Reading[]
  /** Opaque; null on the last page. */
  readonly next: string | null
}

/**
 * Readings of all meters (or those of some points) in [from, to). Only measurements that have these tags can be narrowed by `sources` or
 * `points`.
 */
export interface ScanQuery {
  readonly measurement: Measurement
  readonly from: number
  readonly to: number
  /** Only these sources (来源); absent: all. */
  readonly sources?: readonly Source[]
  /** Only these points; absent: all. */
  readonly points?: ReadonlySet<string>
  /** Of every series and hour only the last reading up to this instant and the first one after it. */
  readonly near?: number
  readonly limit: number
  /** `next` of the page before. */
  readonly cursor?: string
}

/** One field summed up per period. */
export interface AggregateQuery extends Omit<RangeQuery, 'limit' | 'cursor'> {
  readonly field: string
  /** `increase` = last minus first register of the bucket. */
  readonly fn: 'mean' | 'min' | 'max' | 'last' | 'sum' | 'count' | 'increase'
  readonly everyMs: number
}

export interface Bucket {
  readonly from: number
  /** null where nothing was read: a gap is a gap. */
  readonly value: number | null
  readonly count: number
}

/**
 * A store that can be gone through as a whole. Pages follow each other hour by hour (UTC), in an hour series by series, in a series by
 * time: a long range is walked with the memory of one page, and an instant with its surroundings for all meters is a few pages. A page
 * can be shorter than `limit`, even empty, while there is more: only `next` null ends a scan. Which series comes first is the store's
 * own order, the same in every page.
 */
export interface ScanStore {
  scan(query: ScanQuery): Promise<Result<RangePage>>
}

/** The named questions that every store answers alike. */
export interface ReadingStore extends ScanStore {
  range(query: RangeQuery): Promise<Result<RangePage>>
  aggregate(query: AggregateQuery): Promise<Result<readonly Bucket[]>>
  /** Removes whole partitions older than `before`; returns how many readings went, null when the store does not count. */
  retain(before: number): Promise<Result<number | null>>
}

/** What {@link ScanQuery.near} leaves of the readings of one series and hour. @param readings  by time */
export const nearest = <T extends { readonly measuredAt: number }>(readings: readonly T[], near: number): T[] => {
  const after = readings.findIndex(({ measuredAt }) => measuredAt > near)
  const split = after < 0 ? readings.length : after
  return readings.slice(Math.max(0, split - 1), split + 1)
}
