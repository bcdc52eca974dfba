import type { SeriesChange, SeriesFn, SeriesSpan, SeriesValue } from '../api/index.ts'
import { compare, type Decimal, decimalText, multiply, parseDecimal, QUALITY, rescale, subtract, tidy } from '../core/index.ts'
import { sumOf } from '../energy/index.ts'

/** One value of a time. */
export interface Sample {
  readonly at: number
  readonly value: Decimal
  /** Bits of QUALITY. */
  readonly quality: number
}

/** Not used unless somebody asks for any quality. */
const EXCLUDED = QUALITY.quarantined | QUALITY.clockDoubtful
/** What is no value of the meter at that time. */
const NOT_GOOD = EXCLUDED | QUALITY.estimated
/** Worst first. */
const ORDER = [
  'quarantined',
  'clockDoubtful',
  'estimated',
  'liveAsFreeze',
  'manual',
  'unregistered',
  'partial',
] as const satisfies readonly (keyof typeof QUALITY)[]
type Word = (typeof ORDER)[number]

export const worstOf = (quality: number): string => ORDER.find((name: Word) => (quality & QUALITY[name]) !== 0) ?? 'good'
export const isExcluded = (quality: number): boolean => (quality & EXCLUDED) !== 0
export const isGood = (quality: number): boolean => (quality & NOT_GOOD) === 0

export const NOTHING: SeriesValue = { value: null, coverage: 0, quality: null, count: 0, excluded: 0 }

const MEAN_DIGITS = 3

/** A quotient to so many digits behind the point, rounded half away from zero. */
export const quotient = ({ raw, scaler }: Decimal, by: bigint, digits: number): Decimal => {
  const scaled = BigInt(rescale({ raw, scaler }, -digits).raw)
  const negative = scaled < 0n !== by < 0n
  const [a, b] = [scaled < 0n ? -scaled : scaled, by < 0n ? -by : by]
  const rounded = (2n * a + b) / (2n * b)
  return { raw: tidy(negative ? -rounded : rounded), scaler: Math.min(scaler, -digits) }
}

const FOLDS: Readonly<Record<Exclude<SeriesFn, 'increase'>, (values: readonly Decimal[]) => Decimal>> = {
  sum: (values) => sumOf(values),
  mean: (values) => {
    const sum = sumOf(values)
    return quotient(sum, BigInt(values.length), Math.max(0, -sum.scaler) + MEAN_DIGITS)
  },
  min: (values) => values.reduce((a, b) => (compare(b, a) < 0 ? b : a)),
  max: (values) => values.reduce((a, b) => (compare(b, a) > 0 ? b : a)),
  last: (values) => values.at(-1) ?? { raw: 0, scaler: 0 },
}

/** How far apart values of a series mostly are; null when there are too few to tell. Polls come a little early or late: what lies near counts less. */
export const cadenceOf = (samples: readonly Pick<Sample, 'at'>[]): number | null => {
  const weights = STEPS.map(() => 0)
  for (let at = 1; at < samples.length; at++) {
    const distance = (samples[at]?.at ?? 0) - (samples[at - 1]?.at ?? 0)
    for (const [index, step] of STEPS.entries()) {
      if (distance < step * 0.75 || distance > step * 1.34) continue
      weights[index] = (weights[index] ?? 0) + 1 - Math.abs(Math.log2(distance / step)) / NEAR
    }
  }
  const most = Math.max(...weights)
  return most > 0 ? (STEPS[weights.indexOf(most)] ?? null) : null
}
/** Octaves. */
const NEAR = 0.45
const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000]
/** Rhythms in which meters are read. One that is not here would be taken for a slower one, and less would be due than is. */
const STEPS: readonly number[] = [
  ...[1, 2, 5, 10, 15, 20, 30].map((count) => count * SECOND),
  ...[1, 2, 3, 5, 6, 10, 12, 15, 20, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 4, 6, 8, 12].map((count) => count * HOUR),
  ...[1, 7, 31].map((count) => count * DAY),
]
/**
 * Values by bucket. A bucket without any is there, with nothing known and a coverage of 0.
 *
 * @param samples  oldest first
 * @param now      what is due later is not due yet
 */
export const foldSamples = (
  samples: readonly Sample[],
  spans: readonly (SeriesSpan | null)[],
  fn: Exclude<SeriesFn, 'increase'>,
  quality: 'good' | 'any',
  stepMs: number | null,
  now: number,
): SeriesValue[] => {
  let at = 0
  let reached = Number.NEGATIVE_INFINITY
  return spans.map((span): SeriesValue => {
    if (span === null) return { ...NOTHING, coverage: null }
    // Spans compared with may go back: 1 March after a 29th that is not there.
    if (span.from < reached) at = 0
    reached = span.from
    while (at < samples.length && (samples[at]?.at ?? 0) < span.from) at++
    const used: Decimal[] = []
    let bits = 0
    let good = 0
    let excluded = 0
    for (; at < samples.length; at++) {
      const sample = samples[at]
      if (!sample || sample.at >= span.to) break
      if (isGood(sample.quality)) good++
      if (quality === 'good' && isExcluded(sample.quality)) {
        excluded++
        continue
      }
      used.push(sample.value)
      bits |= sample.quality
    }
    const due = stepMs === null ? null : Math.max(1, Math.round((Math.min(span.to, Math.max(now, span.from + 1)) - span.from) / stepMs))
    const coverage = used.length === 0 && good === 0 ? 0 : due === null ? null : Math.min(1, Math.round((1e6 * good) / due) / 1e6)
    if (used.length === 0) return { ...NOTHING, coverage, excluded }
    const { raw, scaler } = FOLDS[fn](used)
    return { value: decimalText(raw, scaler), coverage, quality: worstOf(bits), count: used.length, excluded }
  })
}

/** A value beside that of the time compared with. Difference and percent only where both are known. */
export const changeOf = (value: SeriesValue, before: SeriesValue): SeriesChange => {
  const [now, then] = [parsed(value.value), parsed(before.value)]
  const change = now && then ? subtract(now, then) : null
  const share = change && then && then.raw !== 0 && then.raw !== 0n ? percentOf(change, then) : null
  return {
    ...{ value: before.value, coverage: before.coverage },
    difference: change && decimalText(change.raw, change.scaler),
    percent: share && decimalText(share.raw, share.scaler),
  }
}

const parsed = (text: string | null): Decimal | null => (text === null ? null : parseDecimal(text))
const PERCENT_DIGITS = 4

/** Against the size of the value before, so that its sign is that of the change. */
const percentOf = (change: Decimal, before: Decimal): Decimal => {
  const scaler = Math.min(change.scaler, before.scaler)
  const [a, b] = [BigInt(rescale(change, scaler).raw), BigInt(rescale(before, scaler).raw)]
  return quotient(multiply({ raw: tidy(a), scaler: 0 }, { raw: 100, scaler: 0 }), b < 0n ? -b : b, PERCENT_DIGITS)
}
