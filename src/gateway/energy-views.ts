import type {
  EnergyAnswer,
  EnergyDeps,
  EnergyEvidenceView,
  EnergyFindingRow,
  EnergyFindingView,
  EnergyItemView,
  EnergyQuestion,
  Refusal,
} from '../api/index.ts'
import { type Decimal, decimalText, err, fullObis, ok, qualityNames, type Result, rescale } from '../core/index.ts'
import { ENERGY_FLAGS, type EnergyInterval, energyFlagNames, sumOf } from '../energy/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays, EnergyPeriod } from './energy-days.ts'
import { energyFailure } from './energy-errors.ts'
import { decimalOf, type Figure, figureOf, type RegisterFigures } from './energy-figures.ts'
import { findingView } from './energy-findings.ts'
import { figuresBy } from './energy-hours.ts'
import type { EnergyRunner } from './energy-runner.ts'

export interface EnergyViewDeps {
  readonly runner: Pick<EnergyRunner, 'days' | 'evidence' | 'isDirty' | 'again' | 'state'>
  readonly book: EnergyBook
  readonly isPoint: (id: string) => boolean
  readonly points: () => readonly string[]
  readonly now: () => number
}

const DAY = 86_400_000
/** Longest time that may be asked for, days. */
const MOST_DAYS: Readonly<Record<EnergyPeriod, number>> = { '15m': 31, '1h': 31, day: 800, month: 3700 }
const MOST_DETAIL_DAYS = 7

const refuse = (because: Refusal['because'], code: Parameters<typeof energyFailure>[0], message: string): Result<never, Refusal> =>
  err({ because, error: energyFailure(code, message).error })

/** What the API may see of interval energy. */
export const energyViews = ({ runner, book, isPoint, points, now }: EnergyViewDeps): EnergyDeps => {
  const { days } = runner
  const unknown = (point: string) => refuse('unknown', 'ENERGY_POINT', `there is no point ${JSON.stringify(point)}`)
  return {
    energy: async (point, question) => {
      const { from, to, period, detail } = question
      if (!isPoint(point)) return unknown(point)
      const most = detail ? MOST_DETAIL_DAYS : MOST_DAYS[period]
      if (to - from > (most + 1) * DAY || (detail && period === 'month'))
        return refuse(
          'not-possible',
          'ENERGY_RANGE',
          `${Math.ceil((to - from) / DAY)} days of ${period}${detail ? ' with detail' : ''} are too many`,
        )
      return detail
        ? detailed(runner, book, point, question)
        : ok(answerOf(days, runner, point, question, booked(days, book, point, question)))
    },
    energyCorrections: (since, limit) => book.corrections(since, limit),
    energyNewest: (list) => book.newest(list),
    energyExports: (after, limit) => book.exports(after, limit),
    markExported: (made) => {
      if (made.point !== null && !isPoint(made.point)) return unknown(made.point)
      if (made.from > now())
        return refuse('not-possible', 'ENERGY_EXPORT', `it is ${new Date(now()).toISOString()}: nothing of that time can have been taken`)
      return ok(book.addExport({ ...made, at: now() }, { first: days.of(made.from), last: days.of(made.to - 1) }))
    },
    energyAgain: (point, from, to, why) => {
      if (point !== null && !isPoint(point)) return unknown(point)
      const chosen = point === null ? points() : [point]
      runner.again(chosen, from, Math.min(to, now()), why)
      return ok(chosen.length)
    },
    energyFindings: (point, since, limit) =>
      book
        .findings(point, since, limit)
        .map(({ seq, point: where, at, body }): EnergyFindingRow => ({ seq, point: where, seenAt: at, finding: JSON.parse(body) })),
    energyState: () => ({ ...runner.state(), corrections: book.correctionCount() }),
  }
}

interface Found {
  readonly field: string
  readonly obis: string
  readonly unit: string
  readonly items: readonly EnergyItemView[]
  readonly findings: readonly EnergyFindingView[]
}

/** Figures as they were given out. */
const booked = (days: EnergyDays, book: EnergyBook, point: string, { from, to, period }: EnergyQuestion): Found[] => {
  const name = (at: number) => (period === 'month' ? days.of(at).slice(0, 7) : days.of(at))
  const kept = book.figuresOf(point, name(from), name(to - 1)).filter(({ day }) => (day.length === 7) === (period === 'month'))
  const registers = new Map<string, { readonly register: RegisterFigures; readonly figures: Figure[] }>()
  for (const day of kept)
    for (const register of day.registers) {
      const figures = figuresBy(register, period, days).filter((figure) => figure.from >= from && figure.from < to)
      const known = registers.get(register.field)
      if (known) known.figures.push(...figures)
      else registers.set(register.field, { register, figures })
    }
  return [...registers.values()]
    .filter(({ figures }) => figures.length > 0)
    .sort((a, b) => (a.register.field < b.register.field ? -1 : 1))
    .map(({ register: { field, obis, unit }, figures }) => ({
      field,
      obis,
      unit,
      findings: [],
      items: figures.map((figure) => itemOf(figure, null)),
    }))
}

/** Figures with the registers they rest on, worked out from the store as it is now. */
const detailed = async (
  runner: EnergyViewDeps['runner'],
  book: EnergyBook,
  point: string,
  question: EnergyQuestion,
): Promise<Result<EnergyAnswer, Refusal>> => {
  const { from, to, period } = question
  if (period === 'month') return refuse('not-possible', 'ENERGY_RANGE', 'a month has no detail: ask for its days')
  const { days } = runner
  const found = new Map<string, { obis: string; unit: string; items: EnergyItemView[]; findings: EnergyFindingView[] }>()
  for (const day of days.between(days.of(from), days.of(to - 1))) {
    const work = await runner.evidence(point, day, period)
    if (work === null) continue
    if (!work.ok) return err({ because: 'unavailable', error: work.error })
    const kept = book.figures(point, day)
    for (const [field, intervals] of work.value.evidence) {
      const given = kept?.find((register) => register.field === field)?.periods[period] ?? []
      const known = work.value.registers.find((register) => register.field === field)
      const entry = found.get(field) ?? { obis: fullObis(field) ?? field, unit: known?.unit ?? '', items: [], findings: [] }
      found.set(field, entry)
      for (const interval of intervals) {
        if (interval.from < from || interval.from >= to) continue
        const version = given.find((figure) => figure.from === interval.from)?.version ?? 0
        entry.items.push(itemOf({ ...figureOf(interval), version }, evidenceOf(interval)))
      }
      for (const finding of work.value.findings)
        if (finding.register === field && finding.at >= from && finding.at < to) entry.findings.push(findingView(finding))
    }
  }
  const registers = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([field, entry]) => ({ field, ...entry }))
  return ok(answerOf(days, runner, point, question, registers))
}

const answerOf = (
  days: EnergyDays,
  runner: EnergyViewDeps['runner'],
  point: string,
  { from, to, period }: EnergyQuestion,
  found: readonly Found[],
): EnergyAnswer => ({
  zone: days.zone,
  pending: runner.isDirty(point, days.of(from), days.of(to - 1)),
  registers: found.map(({ field, obis, unit, items, findings }) => {
    const whole = withGaps(days, period, from, to, items)
    const values = whole.flatMap(({ value }) => decimalOf(value) ?? [])
    const total = sumOf(values)
    return {
      register: field,
      obis,
      unit,
      total: values.length > 0 ? text(total) : null,
      known: values.length,
      due: dueOf(days, period, from, to, whole.length),
      estimatedPpm: shareOf(whole, total),
      items: whole,
      findings,
    }
  }),
})

/** Estimated energy of the known intervals in millionths of their sum. */
const shareOf = (items: readonly EnergyItemView[], total: Decimal): number => {
  if (!(total.raw > 0)) return 0
  const guess = sumOf(
    items.flatMap(({ value, estimatedPpm }) => {
      const known = decimalOf(value)
      return known ? [{ raw: BigInt(known.raw) * BigInt(estimatedPpm), scaler: known.scaler - 6 }] : []
    }),
  )
  const scaler = Math.min(guess.scaler, total.scaler)
  return Math.min(1_000_000, Number((BigInt(rescale(guess, scaler).raw) * 1_000_000n) / BigInt(rescale(total, scaler).raw)))
}

/** Intervals asked for: a total of a few hours of one day must not look like one of three days. */
const dueOf = (days: EnergyDays, period: EnergyPeriod, from: number, to: number, given: number): number => {
  if (period === 'day' || period === 'month') return given
  const starts = days.between(days.of(from), days.of(to - 1)).flatMap((day) => days.marks(day, period).slice(0, -1))
  return Math.max(given, starts.filter((at) => at >= from && at < to).length)
}

/** Every day and month asked for is an item, known or not; quarter hours and hours only of days that have any. */
const withGaps = (
  days: EnergyDays,
  period: EnergyPeriod,
  from: number,
  to: number,
  items: readonly EnergyItemView[],
): readonly EnergyItemView[] => {
  if (period !== 'day' && period !== 'month') return items
  const starts = new Map(items.map((item) => [item.from, item]))
  const dates = days.between(days.of(from), days.of(to - 1))
  const spans =
    period === 'day'
      ? dates.map((day) => [days.start(day), days.end(day)] as const)
      : [...new Set(dates.map((day) => day.slice(0, 7)))].map((month) => {
          const all = days.ofMonth(month)
          return [days.start(all[0]!), days.end(all.at(-1)!)] as const
        })
  return spans.flatMap(([start, end]) => {
    if (start < from || start >= to) return []
    const item = starts.get(start)
    if (item) return [item]
    const flags = ENERGY_FLAGS.missing
    return [itemOf({ from: start, to: end, value: null, quality: 0, flags, estimatedPpm: 0, coveredPpm: 0, version: 0 }, null)]
  })
}

const itemOf = ({ flags, quality, ...figure }: Figure, evidence: EnergyEvidenceView | null): EnergyItemView => ({
  ...figure,
  quality: figure.value === null ? [] : qualityNames(quality),
  reasons: energyFlagNames(flags),
  evidence,
})

const text = ({ raw, scaler }: Decimal): string => decimalText(raw, scaler)

const evidenceOf = ({ evidence }: EnergyInterval): EnergyEvidenceView | null => {
  if (!evidence) return null
  const end = (side: typeof evidence.start) => side && { ...side, register: text(side.register) }
  return {
    start: end(evidence.start),
    end: end(evidence.end),
    segments: evidence.segments.map(({ ratio, delta, ...segment }) => ({ ...segment, ratio: text(ratio), delta: text(delta) })),
  }
}
