import type {
  AreaField,
  EnergyDeps,
  EnergyItemView,
  LossDeps,
  LossItemView,
  Refusal,
  SeriesChange,
  SeriesLine,
  SeriesPlan,
  SeriesPort,
  SeriesQuestion,
  SeriesSpan,
  SeriesValue,
} from '../api/index.ts'
import { AREA_FIELDS } from '../api/index.ts'
import {
  err,
  fullObis,
  ok,
  parseDecimal,
  parseObis,
  QUALITY,
  type ReadingStore,
  type Result,
  type SOURCES,
  scalerAt,
} from '../core/index.ts'
import { exportFailure } from '../export/index.ts'
import type { EnergyDays, EnergyPeriod } from './energy-days.ts'
import { spansBefore, spansOf } from './series-buckets.ts'
import { cadenceOf, changeOf, foldSamples, isExcluded, NOTHING, type Sample, worstOf } from './series-values.ts'

export interface SeriesDeps {
  readonly days: EnergyDays
  readonly store: Pick<ReadingStore, 'range'>
  readonly energy: Pick<EnergyDeps, 'energy'>
  readonly loss: Pick<LossDeps, 'areaLoss'>
  readonly now: () => number
}

const DAY_MS = 86_400_000
const MOST_SPANS = 40_000
const MOST_DAYS = { '15m': 400, '1h': 1100, day: 3700, month: 3700 } as const
/** What a room answers at once. */
const WINDOW_DAYS = { '15m': 28, '1h': 28, day: 400, month: 3000 } as const
const PAGE = 5000

type Code = Parameters<typeof exportFailure>[0]
const refuse = (because: Refusal['because'], code: Code, message: string) =>
  err<Refusal>({ because, error: exportFailure(code, message).error })

/** Counts up for ever: the sum or mean of what it shows says nothing. */
const isCumulative = (code: string): boolean => [8, 9].includes(parseObis(code)?.d ?? 8)

/** Why a question has no sense; null: it has. */
const senseless = ({ kind, fn, codes, bucket }: SeriesQuestion) => {
  if (kind === 'register' && (fn === 'sum' || fn === 'mean') && (codes === null || codes.some(isCumulative)))
    return refuse('not-possible', 'SERIES_SUM', `the ${fn} of a register that counts up says nothing`)
  if (kind !== 'register' && fn === 'increase')
    return refuse('not-possible', 'SERIES_SUM', `${kind} values do not count up: increase is of registers`)
  if (kind === 'area' && fn !== 'sum') return refuse('not-possible', 'SERIES_FIELD', `figures of areas are sums of their time, not ${fn}`)
  const strange = kind === 'area' ? codes?.find((code) => !isAreaField(code)) : undefined
  if (strange !== undefined)
    return refuse('not-possible', 'SERIES_FIELD', `${strange} is no figure of an area: there are ${AREA_FIELDS.join(', ')}`)
  return bucket === 'month' && kind === 'energy' && fn !== 'sum'
    ? refuse('not-possible', 'SERIES_FIELD', `${fn} over the quarter hours of months: ask for days`)
    : null
}
const isAreaField = (code: string): code is AreaField => AREA_FIELDS.some((field) => field === code)

/** Registers, quantities, energy and figures of areas by buckets of the calendar, and beside the year or the period before. */
export const openSeries = (deps: SeriesDeps): SeriesPort => ({
  plan: (question) => {
    const wrong = senseless(question)
    if (wrong) return wrong
    const { days, now } = deps
    const { from, to, bucket, compare } = question
    if (to - from > MOST_DAYS[bucket] * DAY_MS)
      return refuse(
        'not-possible',
        'SERIES_RANGE',
        `${Math.ceil((to - from) / DAY_MS)} days in buckets of ${bucket} are too many; ${MOST_DAYS[bucket]} go`,
      )
    const spans = spansOf(days, bucket, from, to, now())
    if (spans.length > MOST_SPANS) return refuse('not-possible', 'SERIES_RANGE', `${spans.length} buckets are too many`)
    const end = spansOf(days, bucket, to - 1, to, to).at(-1)?.to ?? to
    return ok({ ...question, zone: days.zone, spans, before: spansBefore(days, bucket, compare, spans, end) })
  },
  lines: async (plan, id) => {
    const now = await figuresOf(deps, plan, id, plan.spans)
    if (!now.ok || plan.compare === 'none') return now.ok ? ok(now.value.map((line) => ({ ...line, before: [] }))) : now
    const then = await figuresOf(deps, plan, id, plan.before)
    if (!then.ok) return then
    const codes = [...new Set([...now.value, ...then.value].map(({ code }) => code))].sort()
    return ok(
      codes.flatMap((code): SeriesLine[] => {
        const [mine, other] = [now.value, then.value].map((lines) => lines.find((line) => line.code === code))
        const head = mine ?? other
        if (!head) return []
        const values = mine?.values ?? plan.spans.map(() => NOTHING)
        const before = values.map((value, at): SeriesChange => {
          const change = changeOf(value, other?.values[at] ?? { ...NOTHING, coverage: plan.before[at] ? 0 : null })
          return isUnderWay(plan, at, deps.now()) ? { ...change, difference: null, percent: null } : change
        })
        return [{ ...head, values, before }]
      }),
    )
  },
})

/** The sum of a time that goes on is less than that of one that is over, and says nothing beside it. */
const isUnderWay = ({ fn, spans }: SeriesPlan, at: number, now: number): boolean =>
  (fn === 'sum' || fn === 'increase') && (spans[at]?.to ?? 0) > now

type Line = Omit<SeriesLine, 'before'>
type Spans = readonly (SeriesSpan | null)[]

const figuresOf = async (deps: SeriesDeps, plan: SeriesPlan, id: string, spans: Spans): Promise<Result<readonly Line[], Refusal>> => {
  if (!spans.some((span) => span !== null)) return ok([])
  if (plan.kind === 'area') return areaLines(deps, plan, id, spans)
  if (plan.kind === 'energy' || plan.fn === 'increase') return energyLines(deps, plan, id, spans)
  return readingLines(deps, plan, id, spans)
}

const timeOf = (spans: Spans): SeriesSpan =>
  spans.reduce<SeriesSpan>(
    (time, span) => (span === null ? time : { from: Math.min(time.from, span.from), to: Math.max(time.to, span.to) }),
    { from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY },
  )

const directionOf = (code: string): string => {
  const c = parseObis(code)?.c ?? 0
  const kind = c > 20 && c <= 80 ? c % 20 : c
  return [1, 3, 9].includes(kind) ? 'import' : [2, 4, 10].includes(kind) ? 'export' : ''
}

/** Best first: of two values of one instant the better one counts. */
const RANK: readonly string[] = [
  'day-freeze',
  'month-freeze',
  'curve',
  'live',
  'push',
  'manual',
  'estimated',
] satisfies (typeof SOURCES)[number][]

/** Registers as displayed, or instantaneous values, which are primary. */
const readingLines = async (
  { store, now }: SeriesDeps,
  plan: SeriesPlan,
  point: string,
  spans: Spans,
): Promise<Result<readonly Line[], Refusal>> => {
  const { kind, codes, sources, fn, quality } = plan
  if (fn === 'increase') return ok([])
  const measurement = kind === 'register' ? 'register' : 'instant'
  const found = new Map<string, { unit: string; samples: Map<number, Sample & { readonly rank: number }> }>()
  for (let cursor: string | undefined; ; ) {
    const page = await store.range({
      measurement,
      tags: { point },
      ...timeOf(spans),
      limit: PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    })
    if (!page.ok) return err({ because: 'unavailable', error: page.error })
    for (const reading of page.value.readings) {
      const source = reading.series.tags.source ?? ''
      if (sources !== null && !sources.includes(source)) continue
      const rank = RANK.indexOf(source)
      for (const [at, { obis, field, unit }] of reading.shape.columns.entries()) {
        const raw = reading.raws[at]
        const code = obis ?? fullObis(field) ?? field
        if (raw === null || raw === undefined || (codes !== null && !codes.includes(code))) continue
        let line = found.get(code)
        if (!line) {
          line = { unit, samples: new Map() }
          found.set(code, line)
        }
        const known = line.samples.get(reading.measuredAt)
        // A better source, or one that may be used beside one that may not.
        if (known && (isExcluded(reading.quality) || (known.rank <= rank && !isExcluded(known.quality)))) continue
        line.samples.set(reading.measuredAt, {
          at: reading.measuredAt,
          value: { raw, scaler: scalerAt(reading, at) },
          quality: reading.quality,
          rank,
        })
      }
    }
    if (page.value.next === null) break
    cursor = page.value.next
  }
  const all = codes === null ? [...found.keys()].sort() : codes
  return ok(
    all.map((code): Line => {
      const { unit, samples } = found.get(code) ?? { unit: '', samples: new Map<number, Sample & { readonly rank: number }>() }
      const ordered = [...samples.values()].sort((a, b) => a.at - b.at)
      const values = foldSamples(ordered, spans, fn, quality, cadenceOf(ordered), now())
      return { id: point, code, unit, direction: directionOf(code), ratioApplied: measurement === 'instant', values }
    }),
  )
}

/** Pieces of a time that a room answers at once. */
function* windows({ from, to }: SeriesSpan, days: number): Generator<SeriesSpan, void> {
  for (let start = from; start < to; start += days * DAY_MS) yield { from: start, to: Math.min(to, start + days * DAY_MS) }
}

/** Energy of intervals: of the bucket itself for sums, else of its quarter hours. */
const energyLines = async (
  { energy, now }: SeriesDeps,
  plan: SeriesPlan,
  point: string,
  spans: Spans,
): Promise<Result<readonly Line[], Refusal>> => {
  const { codes, bucket, quality } = plan
  const fn = plan.fn === 'increase' ? 'sum' : plan.fn
  const period: EnergyPeriod = fn === 'sum' ? bucket : '15m'
  const found = new Map<string, { unit: string; items: EnergyItemView[] }>()
  for (const time of windows(timeOf(spans), WINDOW_DAYS[period])) {
    const answer = await energy.energy(point, { ...time, period, detail: false })
    if (!answer.ok) return answer
    for (const { obis, unit, items } of answer.value.registers) {
      if (codes !== null && !codes.includes(obis)) continue
      const line = found.get(obis)
      if (line) line.items.push(...items)
      else found.set(obis, { unit, items: [...items] })
    }
  }
  const all = codes === null ? [...found.keys()].sort() : codes
  return ok(
    all.map((code): Line => {
      const { unit, items } = found.get(code) ?? { unit: '', items: [] }
      const values = fn === 'sum' ? energySums(items, spans, quality) : foldSamples(samplesOf(items), spans, fn, quality, 900_000, now())
      return { id: point, code, unit, direction: directionOf(code), ratioApplied: true, values }
    }),
  )
}

const bitsOf = ({ quality, estimatedPpm }: EnergyItemView): number =>
  Object.entries(QUALITY).reduce(
    (bits, [name, bit]) => (quality.includes(name) ? bits | bit : bits),
    estimatedPpm > 0 ? QUALITY.estimated : 0,
  )

const energySums = (items: readonly EnergyItemView[], spans: Spans, quality: 'good' | 'any'): SeriesValue[] => {
  const byStart = new Map(items.map((item) => [item.from, item]))
  return spans.map((span): SeriesValue => {
    const item = span && byStart.get(span.from)
    if (!item || item.value === null) return { ...NOTHING, coverage: span === null ? null : 0 }
    const bits = bitsOf(item)
    const coverage = Math.max(0, item.coveredPpm - item.estimatedPpm) / 1e6
    if (quality === 'good' && isExcluded(bits)) return { ...NOTHING, excluded: 1 }
    return { value: item.value, coverage, quality: worstOf(bits), count: 1, excluded: 0 }
  })
}

const samplesOf = (items: readonly EnergyItemView[]): Sample[] =>
  items.flatMap((item) => {
    const value = item.value === null ? null : parseDecimal(item.value)
    return value ? [{ at: item.from, value, quality: bitsOf(item) }] : []
  })

const FIELDS: Readonly<Record<AreaField, { readonly unit: string; readonly of: (item: LossItemView) => string | null }>> = {
  supply: { unit: 'kWh', of: ({ supply }) => supply },
  sold: { unit: 'kWh', of: ({ sold }) => sold },
  loss: { unit: 'kWh', of: ({ loss }) => loss },
  reverse: { unit: 'kWh', of: ({ reverse }) => reverse },
  generation: { unit: 'kWh', of: ({ generation }) => generation },
  rate: { unit: '%', of: ({ ofInput }) => percentText(ofInput) },
  'net-rate': { unit: '%', of: ({ ofNet }) => percentText(ofNet) },
}
const percentText = (value: number | null): string | null => (value === null ? null : String(Number(value.toFixed(6))))

/** Balances of an area. Hours are sums of their quarter hours; a rate is that of the sums. */
const areaLines = async ({ loss }: SeriesDeps, plan: SeriesPlan, area: string, spans: Spans): Promise<Result<readonly Line[], Refusal>> => {
  const step = plan.bucket === '1h' ? '15m' : plan.bucket
  const items = new Map<number, LossItemView>()
  for (const time of windows(timeOf(spans), WINDOW_DAYS[step])) {
    const answer = await loss.areaLoss(area, { ...time, step })
    if (!answer.ok) return answer
    for (const item of answer.value.items) items.set(item.from, item)
  }
  const fields = (plan.codes ?? ['supply', 'sold', 'loss', 'rate']).filter(isAreaField)
  return ok(
    fields.map((field): Line => {
      const { unit, of } = FIELDS[field]
      const values = spans.map((span): SeriesValue => {
        if (span === null) return { ...NOTHING, coverage: null }
        const item = plan.bucket === '1h' ? hourOf(items, span) : (items.get(span.from) ?? null)
        const value = item && of(item)
        if (!item || value === null) return { ...NOTHING, coverage: item ? item.meterPpm / 1e6 : 0 }
        return { value, coverage: item.meterPpm / 1e6, quality: item.estimatedPpm > 0 ? 'estimated' : 'good', count: 1, excluded: 0 }
      })
      return { id: area, code: field, unit, direction: '', ratioApplied: true, values }
    }),
  )
}

const QUARTER_MS = 900_000

/** Four quarter hours together; a sum of which a part is not known is not known. */
const hourOf = (items: ReadonlyMap<number, LossItemView>, span: SeriesSpan): LossItemView | null => {
  const parts: LossItemView[] = []
  for (let at = span.from; at < span.to; at += QUARTER_MS) {
    const part = items.get(at)
    if (!part) return null
    parts.push(part)
  }
  const [first] = parts
  if (!first) return null
  const total = (pick: (item: LossItemView) => string | null): string | null => {
    let sum = 0
    for (const part of parts) {
      const value = pick(part)
      if (value === null) return null
      sum += Number(value)
    }
    return String(Number(sum.toFixed(6)))
  }
  const [supply, reverse, generation, sold, loss] = [
    total((item) => item.supply),
    total((item) => item.reverse),
    total((item) => item.generation),
    total((item) => item.sold),
    total((item) => item.loss),
  ]
  const input = supply === null ? null : Number(supply) + Number(generation ?? 0)
  const net = input === null ? null : input - Number(reverse ?? 0)
  const share = (of: number | null): number | null => (loss === null || of === null || of === 0 ? null : (100 * Number(loss)) / of)
  return {
    ...{ ...first, to: span.to, supply, reverse, generation, sold, loss, ofInput: share(input), ofNet: share(net) },
    meterPpm: Math.min(...parts.map(({ meterPpm }) => meterPpm)),
    estimatedPpm: Math.max(...parts.map(({ estimatedPpm }) => estimatedPpm)),
  }
}
