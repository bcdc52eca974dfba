import type { MeterTime, Profile, ReadKind, Selection } from '../../src/core/adapter.ts'
import { fullObis } from '../../src/core/obis.ts'
import type { Source } from '../../src/core/reading.ts'
import { ok, type Result } from '../../src/core/result.ts'
import type { TerminalPlan } from '../../src/core/terminal.ts'
import type { ColumnSelector } from './datum.ts'
import { fail } from './errors.ts'
import { linesOf, plannedLine, profileOf, tableOf } from './profile.ts'
import { ordinalOf, timeOfOrdinal } from './time.ts'

/** Where one planned value is in an answer. */
export interface Place {
  readonly oad: string
  /** Place in the array of a whole attribute. */
  readonly index: number
}

/** What a plan is made of, beside what the house sees of it. */
export interface PlanDetail {
  readonly kind: ReadKind
  /** Attributes asked for, each once. */
  readonly oads: readonly string[]
  /** One a planned value. */
  readonly places: readonly Place[]
  /** Freeze table; null for present values. */
  readonly table: string | null
  /** Interval of a curve. */
  readonly minutes: number
  readonly nth: number
  readonly since: MeterTime | null
  readonly until: MeterTime | null
  readonly isStored: boolean
  readonly isRange: boolean
  readonly mostMeters: number
}

const SOURCES: Readonly<Record<ReadKind, Source>> = {
  current: 'live',
  curve: 'curve',
  'day-freeze': 'day-freeze',
  'month-freeze': 'month-freeze',
}
/** Time column of a freeze. */
export const FREEZE_TIME = '20210200'
export const METER_ADDRESS = '202A0200'
export const STORE_TIME = '60420200'

/** Meters the terminal asks within one PROXY: each may take seconds, and nothing else is heard of it in between. */
const PROXY_METERS = 4

const details = new WeakMap<TerminalPlan, PlanDetail>()

/** What {@link planRead} worked out; undefined for a plan of another protocol. */
export const detailOf = (plan: TerminalPlan): PlanDetail | undefined => details.get(plan)

/** Bytes of a row of these places on the wire, about: arrays of totals and tariffs, a tag and four bytes each. */
export const rowBytes = (oads: readonly string[]): number => 32 + oads.reduce((sum, oad) => sum + (oad.endsWith('00') ? 27 : 5), 0)

/** Works out a read. @errors DLT698_PROFILE: nothing of this kind, or none of the codes wanted */
export const planRead = (profile: Profile, selection: Selection): Result<TerminalPlan> => {
  const loaded = profileOf(profile)
  if (!loaded.ok) return loaded
  const { kind, obis, nth = 1, since = null, until = null } = selection
  const wanted = obis && new Set(obis.map((code) => fullObis(code) ?? code))
  const lines = linesOf(loaded.value, kind).filter((line) => wanted === undefined || wanted.has(line.obis))
  if (lines.length === 0) return fail('DLT698_PROFILE', `profile ${profile.id} has nothing to read of kind ${kind}`, { kind })
  const values = []
  for (const line of lines) {
    const planned = plannedLine(line)
    if (!planned.ok) return planned
    values.push(planned.value)
  }
  const { current, select, curve, metersPerRequest = 255 } = loaded.value
  const isStored = current === 'stored'
  const oads = [...new Set(lines.map(({ oad }) => oad))]
  const perRequest = (limit: number): number => {
    if (kind === 'current' && !isStored) return Math.min(metersPerRequest, PROXY_METERS)
    return Math.max(1, Math.min(metersPerRequest, Math.floor((limit - 64) / rowBytes(oads))))
  }
  const plan: TerminalPlan = {
    source: SOURCES[kind],
    values,
    kind,
    key: JSON.stringify([profile.id, selection]),
    metersPerRequest: perRequest,
  }
  details.set(plan, {
    kind,
    oads,
    places: lines.map(({ oad, index }) => ({ oad, index: index ?? 0 })),
    table: tableOf(loaded.value, kind),
    minutes: curve?.minutes ?? 15,
    nth,
    since,
    until,
    isStored,
    isRange: select === 'range',
    mostMeters: metersPerRequest,
  })
  return ok(plan)
}

/** Columns that the rows of a read have: whose, when stored, and the values; freezes are quoted from the meter's table. */
export const columnsOf = ({ table, oads }: PlanDetail): readonly ColumnSelector[] => [
  { oad: METER_ADDRESS },
  { oad: STORE_TIME },
  ...(table === null ? oads.map((oad) => ({ oad })) : [{ road: { oad: table, columns: [FREEZE_TIME, ...oads] } }]),
]

const MINUTE = 60
const DAY = 86_400

const midnight = (time: MeterTime): MeterTime => ({ ...time, hour: 0, minute: 0, second: 0 })
const monthStart = ({ year, month }: MeterTime, back: number): MeterTime => {
  const months = year * 12 + (month - 1) - back
  return { year: Math.floor(months / 12), month: (months % 12) + 1, day: 1, hour: 0, minute: 0, second: 0 }
}

/** First and last instant that is wanted, both included. */
export interface Span {
  readonly from: MeterTime
  readonly to: MeterTime
}

/**
 * Instants a plan asks for. A freeze stands at the instant that ends its day or month: the last daily one is today's 00:00.
 *
 * @returns  null for present values
 */
export const spanOf = ({ kind, nth, since, until, minutes }: PlanDetail, now: MeterTime): Span | null => {
  if (kind === 'current') return null
  const edge = (time: MeterTime): MeterTime => (kind === 'curve' ? time : kind === 'month-freeze' ? monthStart(time, 0) : midnight(time))
  if (since) {
    // What begins between two points begins with the next.
    const first = edge(since)
    const step = minutes * MINUTE
    const from = kind === 'curve' ? timeOfOrdinal(Math.ceil(ordinalOf(first) / step) * step) : first
    const to = edge(until ?? now)
    return { from, to: ordinalOf(to) < ordinalOf(from) ? from : to }
  }
  if (kind === 'month-freeze') return { from: monthStart(now, nth - 1), to: monthStart(now, nth - 1) }
  const step = kind === 'curve' ? minutes * MINUTE : DAY
  const last = timeOfOrdinal(Math.floor(ordinalOf(now) / step) * step - (kind === 'curve' ? 0 : (nth - 1) * DAY))
  return { from: last, to: last }
}

/** Instants of a span, about: how many rows a meter may have. */
export const pointsOf = ({ kind, minutes }: PlanDetail, { from, to }: Span): number => {
  const step = kind === 'curve' ? minutes * MINUTE : kind === 'month-freeze' ? 28 * DAY : DAY
  return Math.floor((ordinalOf(to) - ordinalOf(from)) / step) + 1
}

/** A span in pieces of at most so many points. Months stay whole: there are few. */
export const piecesOf = (detail: PlanDetail, span: Span, most: number): readonly Span[] => {
  if (detail.kind === 'month-freeze' || pointsOf(detail, span) <= most) return [span]
  const step = detail.kind === 'curve' ? detail.minutes * MINUTE : DAY
  const pieces: Span[] = []
  const end = ordinalOf(span.to)
  for (let at = ordinalOf(span.from); at <= end; at += step * most)
    pieces.push({ from: timeOfOrdinal(at), to: timeOfOrdinal(Math.min(end, at + step * (most - 1))) })
  return pieces
}
