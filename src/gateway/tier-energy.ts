import { type Decimal, multiply, ok, parseDecimal, type Result, subtract } from '../core/index.ts'
import { ENERGY_FLAGS, energyFlagNames } from '../energy/index.ts'
import { add, type MonthUse, monthsBetween, type RegisterSpan, sum, type Words, ZERO } from '../tariff/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'
import { decimalOf, type Figure } from './energy-figures.ts'
import { IMPORT, type RegisterParts, ratioAt, registersOf } from './tier-registers.ts'
import type { Statement } from './unregistered-statement.ts'

export interface UseParts extends RegisterParts {
  readonly book: Pick<EnergyBook, 'figuresOf'>
  /** What the meter of a point used before it was registered; null: nothing was kept of it. */
  readonly statement: (point: string) => Promise<Result<Statement> | null>
}

/** Energy of one point in a time, month by month. */
export interface PointUse {
  readonly months: readonly MonthUse[]
  readonly registers: readonly RegisterSpan[]
}

const REASON_WORDS: Readonly<Record<string, Words>> = {
  missing: { zh: '没有示数', en: 'no register was read' },
  'no-meter': { zh: '没有装表', en: 'no meter hung there' },
  'register-reset': { zh: '示数回落且未登记换表', en: 'the register fell and no exchange is recorded' },
  'increment-quarantined': { zh: '示数突增，已隔离', en: 'the register rose by more than can have been used' },
  'exchange-register-missing': { zh: '换表起止示数缺失', en: 'an exchange has no registers' },
  'no-ratio': { zh: '倍率未知', en: 'the ledger knows no ratio' },
}

/** What the book says of a stretch of days within one month. */
interface Stretch {
  readonly kwh: Decimal | null
  readonly estimatedPpm: number
  readonly notes: readonly Words[]
}

const figureAt = (book: Pick<EnergyBook, 'figuresOf'>, point: string, first: string, last: string, period: 'day' | 'month') =>
  book
    .figuresOf(point, first, last)
    .filter(({ day }) => (day.length === 7) === (period === 'month'))
    .flatMap(({ day, registers }): { readonly day: string; readonly figure: Figure }[] => {
      const figure = registers.find(({ field }) => field === IMPORT)?.periods[period]?.[0]
      return figure ? [{ day, figure }] : []
    })

/** Local day of the first reading of a point; null: there is none. A register of midnight is one of the day that begins. */
export const firstReadDay = (book: Pick<EnergyBook, 'figuresOf' | 'seen'>, days: Pick<EnergyDays, 'add'>, point: string): string | null => {
  const first = book.seen(point)?.first ?? null
  if (first === null) return null
  const figure = figureAt(book, point, first, first, 'day')[0]?.figure
  return figure && figure.coveredPpm > 0 ? first : days.add(first, 1)
}

/** Energy of days of one month, both included. Null while a day is not known; a day without a meter takes nothing away. */
export const stretchOf = ({ book, days }: Pick<UseParts, 'book' | 'days'>, point: string, first: string, last: string): Stretch => {
  const month = first.slice(0, 7)
  const dates = days.ofMonth(month)
  if (first === dates[0] && last === dates.at(-1)) {
    const figure = figureAt(book, point, month, month, 'month')[0]?.figure
    const kwh = decimalOf(figure?.value ?? null)
    if (figure && kwh) return { kwh, estimatedPpm: figure.estimatedPpm, notes: [] }
  }
  const known = new Map(figureAt(book, point, first, last, 'day').map(({ day, figure }) => [day, figure]))
  let kwh = ZERO
  let guessed = ZERO
  const unknown: string[] = []
  const reasons = new Set<string>()
  let count = 0
  for (const day of days.between(first, last)) {
    const figure = known.get(day)
    const value = decimalOf(figure?.value ?? null)
    if (figure && value) {
      kwh = add(kwh, value)
      guessed = add(guessed, multiply(value, { raw: figure.estimatedPpm, scaler: 0 }))
      count++
      continue
    }
    if (figure?.flags === ENERGY_FLAGS['no-meter']) continue
    unknown.push(day)
    for (const reason of energyFlagNames(figure?.flags ?? ENERGY_FLAGS.missing)) reasons.add(reason)
  }
  if (count === 0 && unknown.length === 0) return { kwh: null, estimatedPpm: 0, notes: [REASON_WORDS['no-meter'] ?? ZERO_WORDS] }
  if (unknown.length > 0) return { kwh: null, estimatedPpm: 0, notes: [unknownNote(unknown, reasons)] }
  return { kwh, estimatedPpm: shareOf(guessed, kwh), notes: [] }
}

const ZERO_WORDS: Words = { zh: '', en: '' }

const unknownNote = (unknown: readonly string[], reasons: ReadonlySet<string>): Words => {
  const [first, last] = [unknown[0] ?? '', unknown.at(-1) ?? '']
  const span =
    first === last
      ? { zh: first, en: first }
      : { zh: `${first}至${last}共${unknown.length}天`, en: `${unknown.length} days from ${first} to ${last}` }
  const why = [...reasons].flatMap((reason) => REASON_WORDS[reason] ?? [])
  const words = why.length > 0 ? why : [REASON_WORDS.missing ?? ZERO_WORDS]
  return { zh: `${span.zh}：${words.map(({ zh }) => zh).join('，')}`, en: `${span.en}: ${words.map(({ en }) => en).join(', ')}` }
}

const shareOf = (guessed: Decimal, kwh: Decimal): number => {
  const scaler = Math.min(guessed.scaler, kwh.scaler)
  const at = ({ raw, scaler: own }: Decimal) => BigInt(raw) * 10n ** BigInt(own - scaler)
  return at(kwh) > 0n ? Number(at(guessed) / at(kwh)) : 0
}

/**
 * Energy of a point from one local day to another, both included, by month, with the registers it rests on.
 *
 * What lies before the first day that interval energy knows is taken from the readings that were kept while the meter was not in the ledger,
 * else, from the day of energising on, from the start register of the point.
 *
 * @errors those of the store
 */
export const useOf = async (parts: UseParts, point: string, from: string, until: string): Promise<Result<PointUse>> => {
  const { days, book } = parts
  const spans = monthsBetween(from.slice(0, 7), until.slice(0, 7)).map((month) => {
    const dates = days.ofMonth(month)
    const [start = `${month}-01`, end = `${month}-28`] = [dates[0], dates.at(-1)]
    return { month, first: start < from ? from : start, last: end > until ? until : end }
  })
  const months = spans.map(
    ({ month, first, last }): MonthUse => ({ month, lastMonth: month, source: 'energy', ...stretchOf(parts, point, first, last) }),
  )
  const firstKnown = firstKnownDay(book, point, from, until)
  const lastKnown = lastKnownDay(book, point, from, until)
  const opening = firstKnown === null || firstKnown === from ? null : await openingOf(parts, point, from, firstKnown)
  if (opening && !opening.ok) return opening
  const lead = opening?.value ?? null
  const early = firstKnown === from || lead ? null : await statedMonths(parts, point, from, firstKnown ?? until)
  if (early && !early.ok) return early
  const whole = lead ? withOpening(parts, point, months, lead, until) : withStatement(months, early?.value ?? [])
  const registers = await registersOf(parts, point, firstKnown, lastKnown, lead)
  return registers.ok ? ok({ months: whole, registers: registers.value }) : registers
}

/** Days are asked for in pieces: a year of quarter hours is not held at once. */
const firstKnownDay = (book: Pick<EnergyBook, 'figuresOf'>, point: string, from: string, until: string): string | null => {
  for (const month of monthsBetween(from.slice(0, 7), until.slice(0, 7))) {
    const known = figureAt(book, point, later(from, `${month}-01`), sooner(until, `${month}-31`), 'day').find(
      ({ figure }) => figure.value !== null,
    )
    if (known) return known.day
  }
  return null
}

/** Newest day in a time whose energy is known; null: none. */
export const lastKnownDay = (book: Pick<EnergyBook, 'figuresOf'>, point: string, from: string, until: string): string | null => {
  for (const month of [...monthsBetween(from.slice(0, 7), until.slice(0, 7))].reverse()) {
    const known = figureAt(book, point, later(from, `${month}-01`), sooner(until, `${month}-31`), 'day').findLast(
      ({ figure }) => figure.value !== null,
    )
    if (known) return known.day
  }
  return null
}
const later = (a: string, b: string): string => (a > b ? a : b)
const sooner = (a: string, b: string): string => (a < b ? a : b)

/** Energy from the start register of a point up to the first day that is known. */
interface Opening {
  readonly from: string
  /** First day that is not part of it. */
  readonly until: string
  readonly kwh: Decimal
  readonly startRegister: string
}

const openingOf = async (parts: UseParts, point: string, from: string, firstKnown: string): Promise<Result<Opening | null>> => {
  const { energisedOn, startRegister } = parts.ledger.get('point', point, null)?.attributes ?? {}
  if (energisedOn !== from || typeof startRegister !== 'string') return ok(null)
  const [start, meters] = [parseDecimal(startRegister), parts.ledger.history(point)]
  const work = await parts.runner.evidence(point, firstKnown, 'day')
  if (work && !work.ok) return work
  const evidence = work?.value.evidence.get(IMPORT)?.[0]?.evidence
  const segment = evidence?.segments[0]
  // Another meter hung there first: its registers are not known.
  if (!start || !evidence?.start || !segment || meters.some((fact) => fact.meter !== evidence.start?.meter && fact.from < segment.from))
    return ok(null)
  const kwh = multiply(subtract(evidence.start.register, start), segment.ratio)
  return ok(kwh.raw < 0 ? null : { from, until: firstKnown, kwh, startRegister })
}

/** Months with what was used before the first known day. A month that ends before that day is known only together with the next. */
const withOpening = (
  parts: UseParts,
  point: string,
  months: readonly MonthUse[],
  { from, until, kwh }: Opening,
  last: string,
): readonly MonthUse[] => {
  const end = until.slice(0, 7)
  const isAtStart = until.endsWith('-01') && end > from.slice(0, 7)
  const covered = (month: string) => (isAtStart ? month < end : month <= end)
  const lastCovered = months.findLast(({ month }) => covered(month))?.month ?? end
  const dates = parts.days.ofMonth(end)
  const rest = isAtStart ? null : stretchOf(parts, point, until, sooner(dates.at(-1) ?? until, last))
  return [
    {
      ...{ month: from.slice(0, 7), lastMonth: lastCovered, source: 'start-register' },
      ...(rest ? { ...rest, kwh: rest.kwh && add(rest.kwh, kwh) } : { kwh, estimatedPpm: 0, notes: [] }),
    },
    ...months.filter(({ month }) => !covered(month)),
  ]
}

/** Months out of the readings that were kept before the meter was in the ledger. */
const statedMonths = async (parts: UseParts, point: string, from: string, until: string): Promise<Result<readonly MonthUse[]>> => {
  const found = await parts.statement(point)
  if (found === null) return ok([])
  if (!found.ok) return found
  return ok(
    found.value.months.flatMap(({ month, first, used, missing }): MonthUse[] => {
      if (month < from.slice(0, 7) || month > until.slice(0, 7) || used === null || first === null) return []
      // What was used between an energising and the first reading is not in it.
      if (month === from.slice(0, 7) && parts.days.of(first.at) > from) return []
      const value = parseDecimal(used)
      const ratio = ratioAt(parts, point, first.at)
      if (!value || !ratio) return []
      const notes = missing.filter((text) => !text.startsWith('use before')).map((text) => ({ zh: text, en: text }))
      return [{ month, lastMonth: month, kwh: multiply(value, ratio), estimatedPpm: 0, source: 'statement', notes }]
    }),
  )
}

const withStatement = (months: readonly MonthUse[], stated: readonly MonthUse[]): readonly MonthUse[] =>
  months.map((use) => (use.kwh === null ? (stated.find(({ month }) => month === use.month) ?? use) : use))

/**
 * Months of several points as months of all of them. A month is known when it is known of each; months that one of them knows only together
 * are known only together.
 */
export const together = (points: readonly { readonly point: string; readonly months: readonly MonthUse[] }[]): readonly MonthUse[] => {
  const all = points
    .flatMap(({ point, months }) => months.map((use) => ({ point, use })))
    .sort((a, b) => (a.use.month < b.use.month ? -1 : a.use.month > b.use.month ? 1 : 0))
  const groups: { first: string; last: string; parts: typeof all }[] = []
  for (const one of all) {
    const open = groups.at(-1)
    if (open && one.use.month <= open.last) {
      open.parts.push(one)
      if (one.use.lastMonth > open.last) open.last = one.use.lastMonth
    } else groups.push({ first: one.use.month, last: one.use.lastMonth, parts: [one] })
  }
  return groups.map(({ first, last, parts }): MonthUse => {
    const known = parts.flatMap(({ use }) => (use.kwh ? [use.kwh] : []))
    const isWhole = known.length === parts.length
    const kwh = sum(known)
    const guessed = sum(parts.flatMap(({ use }) => (use.kwh ? [multiply(use.kwh, { raw: use.estimatedPpm, scaler: 0 })] : [])))
    const sources = new Set(parts.map(({ use }) => use.source))
    return {
      ...{ month: first, lastMonth: last, kwh: isWhole ? kwh : null, estimatedPpm: isWhole ? shareOf(guessed, kwh) : 0 },
      source: sources.has('start-register') ? 'start-register' : sources.has('statement') ? 'statement' : 'energy',
      notes: parts.flatMap(({ point, use }) =>
        points.length === 1 ? use.notes : use.notes.map(({ zh, en }) => ({ zh: `计量点${point}：${zh}`, en: `point ${point}: ${en}` })),
      ),
    }
  })
}
