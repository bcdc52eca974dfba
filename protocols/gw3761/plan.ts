import type { MeterTime, PlannedValue, Profile, ReadKind, Selection } from '../../src/core/adapter.ts'
import { fullObis } from '../../src/core/obis.ts'
import type { Source } from '../../src/core/reading.ts'
import { ok, type Result } from '../../src/core/result.ts'
import type { TerminalPlan } from '../../src/core/terminal.ts'
import { ordinalOf, timeOfOrdinal, writeTime } from './formats.ts'
import { ANSWER_OVERHEAD, noScale, type Want } from './gather.ts'
import { type Column, columnOf, densityOf, type Gw3761Profile, linesOf, PLACES, profileOf } from './profile.ts'
import type { FnRow } from './rows.ts'
import { answerSize } from './slots.ts'
import { refuse } from './talk-errors.ts'

/** One item that a plan asks of every meter, and which columns it fills. */
export interface PlannedItem {
  readonly fn: number
  readonly row: FnRow
  readonly columns: readonly (Column & { readonly at: number })[]
}

/** What a plan does, worked out. */
export interface Work {
  readonly kind: ReadKind
  readonly afn: number
  readonly items: readonly PlannedItem[]
  readonly width: number
  readonly selection: Selection
  /** Minutes between the points that are asked for, and their code. */
  readonly minutes: number
  readonly density: number
  readonly combine: boolean
  readonly most: number
}

export interface Gw3761Plan extends TerminalPlan {
  readonly work: Work
}

export const isOurs = (plan: TerminalPlan): plan is Gw3761Plan => 'work' in plan

const SOURCES: Readonly<Record<ReadKind, Source>> = {
  current: 'live',
  curve: 'curve',
  'day-freeze': 'day-freeze',
  'month-freeze': 'month-freeze',
}
/** Tariffs an answer is expected to have: as many as nearly all meters, with one more room would be wasted in every frame. */
const USUAL_TARIFFS = 4
/** A request for current values may make the terminal ask each meter over the power line: so many in one go and no more. */
const MOST_LIVE = 8
/** Meters in one request otherwise: what the frame has room for. */
const MOST = 255
const MOST_NTH: Readonly<Partial<Record<ReadKind, number>>> = { 'day-freeze': 62, 'month-freeze': 24 }
const DAY_MS = 86_400_000
/** Without a first point: so many of the last ones. */
const LATEST_POINTS = 4
/** Points younger than this may not have been collected by the terminal. */
const SETTLED_MS = 3_600_000
/** A read goes over so many days at most; the next one goes on. */
const MOST_DAYS = 62
const MOST_POINTS = 255

/** Works out a read. @errors GW3761_PROFILE */
export const planOf = (json: Profile, selection: Selection): Result<Gw3761Plan> => {
  const loaded = profileOf(json)
  if (!loaded.ok) return loaded
  const profile = loaded.value
  const { kind, nth = 1 } = selection
  const wanted = selection.obis && new Set(selection.obis.map((code) => fullObis(code) ?? code))
  const columns: Column[] = []
  for (const line of linesOf(profile, kind)) {
    if (wanted && !wanted.has(fullObis(line.obis) ?? line.obis)) continue
    const column = columnOf(kind, line)
    if (!column.ok) return column
    columns.push(column.value)
  }
  if (columns.length === 0)
    return refuse('GW3761_PROFILE', `profile ${profile.id} has nothing for ${kind}${wanted ? ` of ${[...wanted].join(', ')}` : ''}`)
  const most = MOST_NTH[kind]
  if (most !== undefined && !(Number.isInteger(nth) && nth >= 1 && nth <= most))
    return refuse('GW3761_PROFILE', `freezes 1 to ${most} back can be asked for, not number ${nth}`)
  const density = kind === 'curve' ? densityOf(profile) : ok(0)
  if (!density.ok) return density
  return ok(planFrom(profile, selection, columns, density.value))
}

const planFrom = (profile: Gw3761Profile, selection: Selection, columns: readonly Column[], density: number): Gw3761Plan => {
  const { kind } = selection
  const items = new Map<number, PlannedItem & { columns: (Column & { at: number })[] }>()
  for (const [at, column] of columns.entries()) {
    const known = items.get(column.fn)
    if (known) known.columns.push({ ...column, at })
    else items.set(column.fn, { fn: column.fn, row: column.row, columns: [{ ...column, at }] })
  }
  const work: Work = {
    kind,
    afn: PLACES[kind].afn,
    items: [...items.values()].sort((a, b) => a.fn - b.fn),
    width: columns.length,
    selection,
    minutes: profile.curve?.minutes ?? 0,
    density,
    combine: profile.combine ?? true,
    most: profile.metersPerRequest ?? (kind === 'current' ? MOST_LIVE : MOST),
  }
  const perMeter = work.items.reduce((sum, item) => sum + answerSize(item.row, USUAL_TARIFFS, usualPoints(work)), 0)
  const values: readonly PlannedValue[] = columns.map(({ line, ratio }) => ({
    obis: line.obis,
    unit: line.unit,
    scaler: line.scaler,
    ratio,
  }))
  return {
    kind,
    key: JSON.stringify([
      profile.id,
      kind,
      selection.obis ?? null,
      selection.nth ?? null,
      timeKey(selection.since),
      timeKey(selection.until),
    ]),
    source: SOURCES[kind],
    values,
    metersPerRequest: (frameLimit) => Math.max(1, Math.min(work.most, Math.floor((frameLimit - ANSWER_OVERHEAD) / Math.max(1, perMeter)))),
    work,
  }
}

const timeKey = (time: MeterTime | undefined): number | null => (time ? ordinalOf(time) : null)

const usualPoints = ({ kind, minutes, selection: { since, until } }: Work): number => {
  if (kind !== 'curve') return 0
  if (!since) return LATEST_POINTS
  const whole = until ? Math.floor((ordinalOf(until) - ordinalOf(since)) / (minutes * 60_000)) + 1 : 1440 / minutes
  return Math.max(1, Math.min(whole, 1440 / minutes, MOST_POINTS))
}

/**
 * Days or months a plan wants, as the protocol names them: a freeze is of the instant that ends its day or month, so that of the
 * 21st, 00:00, is asked for as the 20th.
 */
export const daysOf = ({ kind, selection }: Work, now: MeterTime): readonly MeterTime[] => {
  const isMonth = kind === 'month-freeze'
  const startOf = ({ year, month, day }: MeterTime): MeterTime => ({ year, month, day: isMonth ? 1 : day, hour: 0, minute: 0, second: 0 })
  const back = (time: MeterTime, count: number): MeterTime =>
    isMonth ? timeOfOrdinal(Date.UTC(time.year, time.month - 1 - count, 1)) : timeOfOrdinal(ordinalOf(time) - count * DAY_MS)
  const { since, until = now, nth } = selection
  if (!since || nth !== undefined) return [back(startOf(now), nth ?? 1)]
  const days: MeterTime[] = []
  for (let instant = startOf(until); ordinalOf(instant) >= ordinalOf(since) && days.length < MOST_DAYS; instant = back(instant, 1))
    days.unshift(back(instant, 1))
  return days
}

/** Points a plan wants: the first and the last, on the grid that counts from midnight. */
export const pointsOf = (
  { minutes, selection: { since, until } }: Work,
  now: MeterTime,
): { readonly from: number; readonly to: number } => {
  const step = minutes * 60_000
  const to = Math.floor(ordinalOf(until ?? now) / step) * step
  const from = since ? Math.ceil(ordinalOf(since) / step) * step : to - (LATEST_POINTS - 1) * step
  return { from, to: Math.min(to, from + MOST_DAYS * DAY_MS) }
}

/** Everything a plan wants of one measuring point. */
export const wantsOf = (work: Work, pn: number, now: MeterTime, frameLimit: number): Want[] => {
  const wants: Want[] = []
  const plain = { pn, span: null, state: 'open', error: null } as const
  if (work.kind === 'current')
    for (const { fn, row } of work.items)
      wants.push({ ...plain, fn, of: null, scale: noScale, answerBytes: () => answerSize(row, USUAL_TARIFFS, 0) })
  else if (work.kind !== 'curve')
    for (const day of daysOf(work, now)) {
      const scale = writeTime(day, work.kind === 'day-freeze' ? 'A.20' : 'A.21')
      for (const { fn, row } of work.items)
        wants.push({ ...plain, fn, of: ordinalOf(day), scale: () => scale, answerBytes: () => answerSize(row, USUAL_TARIFFS, 0) })
    }
  else wants.push(...curveWants(work, pn, now, frameLimit))
  return wants
}

/** Requests stay within one day, as terminals keep curves by days, and each answer within a frame. */
const curveWants = (work: Work, pn: number, now: MeterTime, frameLimit: number): Want[] => {
  const { from, to } = pointsOf(work, now)
  const step = work.minutes * 60_000
  const settled = ordinalOf(now) - SETTLED_MS
  const wants: Want[] = []
  for (let first = from; first <= to; ) {
    const dayEnd = (Math.floor(first / DAY_MS) + 1) * DAY_MS - step
    const last = Math.min(to, dayEnd)
    for (const { row } of work.items) {
      const each = answerSize(row, 0, 1) - answerSize(row, 0, 0)
      const room = Math.floor((frameLimit - ANSWER_OVERHEAD - answerSize(row, 0, 0)) / Math.max(1, each))
      const most = Math.max(1, Math.min(MOST_POINTS, room))
      for (let start = first; start <= last; start += most * step)
        wants.push(curveWant(row, start, Math.min(last, start + (most - 1) * step)))
    }
    first = last + step
  }
  return wants

  function curveWant(row: FnRow, start: number, end: number): Want {
    const span = { step, to: end, settled, next: start }
    const count = () => Math.floor((end - span.next) / step) + 1
    return {
      pn,
      fn: row.fn,
      of: null,
      span,
      scale: () => Uint8Array.of(...writeTime(timeOfOrdinal(span.next), 'A.15'), work.density, count()),
      answerBytes: () => answerSize(row, 0, count()),
      state: 'open',
      error: null,
    }
  }
}
