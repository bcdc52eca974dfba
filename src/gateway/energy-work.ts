import { setImmediate as nextTurn } from 'node:timers/promises'
import { decimalText, ok, QUALITY, type ReadingStore, type Result, rescale } from '../core/index.ts'
import {
  type Course,
  courseOf,
  ENERGY_FLAGS,
  type EnergyFinding,
  type EnergyInterval,
  intervalsOf,
  type Span,
  sumOf,
} from '../energy/index.ts'
import type { EnergyBook } from './energy-book.ts'
import type { EnergyDays } from './energy-days.ts'
import type { PointFacts } from './energy-facts.ts'
import { decimalOf, type Figure, figureOf, type RegisterFigures } from './energy-figures.ts'
import { PointReads, type RegisterReads } from './energy-reads.ts'
import { gapShape } from './energy-shape.ts'

export interface WorkDeps {
  readonly store: Pick<ReadingStore, 'range'>
  readonly book: Pick<EnergyBook, 'figuresOf' | 'seen'>
  readonly days: EnergyDays
  /** Times without power at a point. */
  readonly outages: (point: string, from: number, to: number) => readonly Span[]
}

/** A day of a point, worked out. */
export interface DayWork {
  readonly registers: readonly RegisterFigures[]
  readonly findings: readonly (EnergyFinding & { readonly register: string })[]
  /** With their evidence; only when asked for. */
  readonly evidence: ReadonlyMap<string, readonly EnergyInterval[]>
}

const HOUR = 3_600_000
/** Reads an hour from which a register has that period. */
const DENSE = [
  ['15m', 2.5],
  ['1h', 0.6],
] as const
/** A register that was dense so many days before keeps its period over a silent day. */
const HABIT_DAYS = 3

/**
 * Works out every register of a point on one day, out of the store.
 *
 * @param now       figures of a time that has not passed are not given
 * @param evidence  with the registers each interval of this period rests on
 * @errors          those of the store
 */
export const workDay = async (
  { store, book, days, outages }: WorkDeps,
  facts: PointFacts,
  point: string,
  day: string,
  now: number,
  evidence?: '15m' | '1h' | 'day',
): Promise<Result<DayWork>> => {
  const [start, end] = [days.start(day), days.end(day)]
  const before = book.figuresOf(point, days.add(day, -HABIT_DAYS), days.add(day, -1))
  const wanted = new Map<string, Pick<RegisterReads, 'obis' | 'unit'>>()
  for (const { registers } of before.slice(-1)) for (const { field, obis, unit } of registers) wanted.set(field, { obis, unit })
  const seen = book.seen(point)
  const reads = new PointReads(store, facts.history)
  const loaded = await reads.load(start, end, wanted, {
    first: seen ? days.start(seen.first) : start,
    last: Math.min(now, seen ? days.end(seen.last) : end),
  })
  if (!loaded.ok) return loaded
  const figures: RegisterFigures[] = []
  const findings: (EnergyFinding & { register: string })[] = []
  const proofs = new Map<string, readonly EnergyInterval[]>()
  // Registers of a point have their gaps together.
  const past = new Map<string, ReturnType<typeof book.figuresOf>>()
  const figuresOf = (first: string, last: string) => {
    const known = past.get(first + last) ?? book.figuresOf(point, first, last)
    past.set(first + last, known)
    return known
  }
  const off = outages(point, start - 100 * 24 * HOUR, end + 100 * 24 * HOUR)
  for (const register of [...reads.registers.values()].sort((a, b) => (a.field < b.field ? -1 : 1))) {
    const { field, obis, unit } = register
    const shape = gapShape(days, field, register.reads, { from: start, to: end }, figuresOf)
    const course = courseOf({
      ...facts.of(field, obis, register.stored),
      reads: register.reads,
      outages: off,
      ...(shape.slots.length > 0 ? { shape: shape.slots } : {}),
    })
    const dense = densityOf(course, start, Math.min(end, now))
    const habit = before.flatMap(({ registers }) => registers.find((other) => other.field === field)?.dense ?? [])
    const fine = [dense, ...habit].includes('15m') ? '15m' : [dense, ...habit].includes('1h') ? '1h' : null
    const parts = fine ? passed(intervalsOf(course, days.marks(day, fine)), now) : []
    const whole = end <= now ? intervalsOf(course, [start, end]) : []
    if (parts.length === 0 && whole.length === 0) continue
    figures.push({
      ...{ field, obis, unit, dense },
      across: [acrossOf(course, start, shape.digest), acrossOf(course, end, shape.digest)],
      periods: { ...(fine ? { [fine]: parts.map(figureOf) } : {}), ...(whole.length > 0 ? { day: whole.map(figureOf) } : {}) },
    })
    findings.push(...course.findings.filter(({ at }) => at >= start && at <= end).map((finding) => ({ ...finding, register: field })))
    if (evidence) proofs.set(field, intervalsOf(course, evidence === 'day' ? [start, end] : days.marks(day, evidence), { evidence: true }))
    // Meters are read in the same thread, by the millisecond.
    await nextTurn()
  }
  return ok({ registers: figures, findings, evidence: proofs })
}

const densityOf = ({ pieces }: Course, from: number, to: number): '15m' | '1h' | null => {
  const hours = (to - from) / HOUR
  if (hours <= 0) return null
  const count = pieces.filter((piece) => piece.kind === 'known' && piece.to > from && piece.to <= to).length
  return DENSE.find(([, anHour]) => count >= anHour * hours && count >= 2)?.[0] ?? null
}

/** Intervals of a time that has passed; of a day that goes on, not those whose registers are still to come. */
const passed = (intervals: readonly EnergyInterval[], now: number): readonly EnergyInterval[] => {
  const over = intervals.filter(({ to }) => to <= now)
  if (over.length === intervals.length) return over
  const last = over.findLastIndex(({ kwh }) => kwh !== null)
  return over.slice(0, last + 1)
}

/** Names what lies across an instant; '' when a register was read there. */
const acrossOf = ({ pieces }: Course, at: number, digest: string): string => {
  const piece = pieces.find(({ from, to }) => from < at && to > at)
  if (!piece) return ''
  return piece.kind === 'known' ? `${piece.from} ${piece.a.register} ${piece.to} ${piece.b.register} ${digest}` : piece.kind
}

/** A piece of registers lies across, so that another day's figures hang on it too. */
export const isShared = (across: string): boolean => across !== '' && across !== 'unknown' && across !== 'none'

/**
 * A month out of its days. Null while a day of it is not known; a day without a meter takes nothing away.
 *
 * What was split within the month is measured for the month: only what lies across its ends is a guess.
 */
export const workMonth = (
  days: EnergyDays,
  month: string,
  figuresOf: (first: string, last: string) => readonly { readonly day: string; readonly registers: readonly RegisterFigures[] }[],
): readonly RegisterFigures[] => {
  const dates = days.ofMonth(month)
  const [first, last] = [dates[0]!, dates.at(-1)!]
  const [from, to] = [days.start(first), days.end(last)]
  const known = new Map(figuresOf(first, last).map(({ day, registers }) => [day, registers]))
  const fields = new Map([...known.values()].flat().map((register) => [register.field, register]))
  return [...fields.values()]
    .sort((a, b) => (a.field < b.field ? -1 : 1))
    .map(({ field, obis, unit }): RegisterFigures => {
      const each = dates.map((day) => known.get(day)?.find((register) => register.field === field))
      return { field, obis, unit, dense: null, across: ['', ''], periods: { month: [monthFigure(from, to, each)] } }
    })
}

const monthFigure = (from: number, to: number, each: readonly (RegisterFigures | undefined)[]): Figure => {
  const figures = each.map((register) => register?.periods.day?.[0])
  const isAbsent = (figure: Figure | undefined) =>
    figure !== undefined && figure.value === null && figure.flags === ENERGY_FLAGS['no-meter']
  const flags = figures.reduce((sum, figure) => sum | (figure?.flags ?? ENERGY_FLAGS.missing), 0) & ~ENERGY_FLAGS.split
  const quality = figures.reduce((sum, figure) => sum | (figure?.quality ?? 0), 0) & ~QUALITY.estimated
  const covered = figures.reduce((sum, figure) => sum + (figure ? figure.coveredPpm * (figure.to - figure.from) : 0), 0)
  const base = { from, to, version: 1, coveredPpm: Math.round(covered / (to - from)) }
  const values = figures.flatMap((figure) => decimalOf(figure?.value ?? null) ?? [])
  const isKnown = values.length > 0 && figures.every((figure) => figure !== undefined && (figure.value !== null || isAbsent(figure)))
  if (!isKnown) return { ...base, value: null, quality: 0, flags, estimatedPpm: 0 }
  const total = sumOf(values)
  const guess = sumOf(guessed(each))
  const scaler = Math.min(total.scaler, guess.scaler)
  const whole = BigInt(rescale(total, scaler).raw)
  const part = BigInt(rescale(guess, scaler).raw)
  const estimatedPpm = whole > 0n ? Number((part * 1_000_000n) / whole) : 0
  return {
    ...base,
    value: decimalText(total.raw, total.scaler),
    quality: quality | (estimatedPpm > 0 ? QUALITY.estimated : 0) | (figures.some(isAbsent) ? QUALITY.partial : 0),
    flags: flags | (estimatedPpm > 0 ? ENERGY_FLAGS.split : 0),
    estimatedPpm: Math.min(1_000_000, estimatedPpm),
  }
}

/** Guesses that do not cancel out within the month: made-up registers, and what lies across its ends. */
const guessed = (each: readonly (RegisterFigures | undefined)[]) => {
  const counts = each.map((register) => ((register?.periods.day?.[0]?.flags ?? 0) & ENERGY_FLAGS.estimated) !== 0)
  const spread = (order: readonly number[], side: 0 | 1) => {
    const piece = each[order[0]!]?.across[side] ?? ''
    if (!isShared(piece)) return
    for (const index of order) {
      counts[index] = true
      if (each[index]?.across[1 - side] !== piece) return
    }
  }
  const order = each.map((_, index) => index)
  spread(order, 0)
  spread(order.toReversed(), 1)
  return each.flatMap((register, index) => {
    const figure = register?.periods.day?.[0]
    const value = decimalOf(figure?.value ?? null)
    if (!counts[index] || !figure || !value) return []
    return [{ raw: BigInt(value.raw) * BigInt(figure.estimatedPpm), scaler: value.scaler - 6 }]
  })
}
