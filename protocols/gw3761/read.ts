import type { MeterTime, Sample } from '../../src/core/adapter.ts'
import { err, type GatewayError, ok, type Result } from '../../src/core/result.ts'
import type { TerminalMeter } from '../../src/core/terminal.ts'
import type { Manner, Talk } from './ask.ts'
import { dayAfter, monthAfter, ordinalOf, timeOfOrdinal } from './formats.ts'
import { gather, nothingOf, type Want } from './gather.ts'
import { MAX_PN } from './identifiers.ts'
import { hasOwnTime, ownTime, placeOfValue } from './places.ts'
import { type PlannedItem, type Work, wantsOf } from './plan.ts'
import { refusal } from './talk-errors.ts'
import type { DataUnit } from './units.ts'

/** Rows by their instant; NaN = no time of its own. */
export type Rows = Map<number, (number | null)[]>

const rowAt = (rows: Rows, at: number, width: number): (number | null)[] => {
  const known = rows.get(at)
  if (known) return known
  const made = new Array<number | null>(width).fill(null)
  rows.set(at, made)
  return made
}

/**
 * The instant a unit's values are of, as an ordinal; NaN = when they came, null = the unit does not say. One whose own time is filled is not
 * of the moment it came: terminals give what they read long ago.
 */
export const instantOfUnit = (unit: DataUnit): number | null => {
  const { scale } = unit
  if (scale === null) {
    const time = ownTime(unit)
    return time ? ordinalOf(time) : hasOwnTime(unit) ? null : Number.NaN
  }
  if (scale.kind === 'd') return scale.day && ordinalOf(dayAfter(scale.day))
  if (scale.kind === 'm') return scale.month && ordinalOf(monthAfter(scale.month))
  return null
}

/** Puts the numbers of a unit where the plan wants them. Fill stays null. */
export const fillRows = (rows: Rows, unit: DataUnit, { columns }: PlannedItem, width: number): void => {
  const { scale, layout, raws, counters } = unit
  if (!layout) return
  if (scale?.kind === 'c') {
    if (scale.start === null || scale.minutes === null) return
    const first = ordinalOf(scale.start)
    for (const { name, at } of columns) {
      const slot = placeOfValue(layout, name, 0, counters)
      for (let point = 0; slot >= 0 && point < scale.points; point++) {
        const raw = raws[slot + point]
        if (raw === undefined || Number.isNaN(raw)) continue
        rowAt(rows, first + point * scale.minutes * 60_000, width)[at] = raw
      }
    }
    return
  }
  const instant = instantOfUnit(unit)
  if (instant === null) return
  const row = rowAt(rows, instant, width)
  for (const { name, index, at } of columns) {
    const slot = placeOfValue(layout, name, index, counters)
    const raw = slot < 0 ? undefined : raws[slot]
    if (raw !== undefined && !Number.isNaN(raw)) row[at] = raw
  }
}

/**
 * Samples of one meter, oldest first. A row of which nothing is there is none: what a terminal filled is a gap, to be read again.
 *
 * @param reasons  column → why it is absent, where that is known
 */
export const samplesOf = (rows: Rows, reasons: (column: number) => GatewayError): Sample[] => {
  const samples: Sample[] = []
  for (const [instant, raws] of [...rows].sort(([a], [b]) => a - b)) {
    if (raws.every((raw) => raw === null)) continue
    let absent: Map<number, GatewayError> | null = null
    for (const [column, raw] of raws.entries()) {
      if (raw !== null) continue
      absent ??= new Map()
      absent.set(column, reasons(column))
    }
    samples.push({ at: Number.isNaN(instant) ? null : timeOfOrdinal(instant), raws, scalers: null, absent })
  }
  return samples
}

const FILLED = refusal('GW3761_NO_DATA', 'the terminal has no value here')

/**
 * Reads one plan of several meters in as few requests as frames allow.
 *
 * @returns  one result a meter, in their order
 */
export function* readMeters(
  manner: Manner,
  work: Work,
  meters: readonly TerminalMeter[],
  frameLimit: number,
  now: MeterTime,
): Talk<readonly Result<readonly Sample[]>[]> {
  const byPoint = new Map<number, Want[]>()
  for (const { pn } of meters) if (isPoint(pn) && !byPoint.has(pn)) byPoint.set(pn, wantsOf(work, pn, now, frameLimit))
  const wants = [...byPoint.entries()].sort(([a], [b]) => a - b).flatMap(([, list]) => list)
  const rowsOf = new Map<number, Rows>()
  if (wants.length > 0) {
    const gathered = yield* gather(manner, wants, {
      afn: work.afn,
      frameLimit,
      combine: work.combine,
      most: work.most,
      reach: work.kind === 'current' ? 'field' : 'terminal',
    })
    if (!gathered.ok) return gathered
    const nothing = nothingOf(gathered.value, wants)
    if (nothing) return nothing
    const items = new Map(work.items.map((item) => [item.fn, item]))
    for (const { unit } of gathered.value.units) {
      const item = items.get(unit.fn)
      if (!item) continue
      const rows = rowsOf.get(unit.pn) ?? new Map()
      rowsOf.set(unit.pn, rows)
      fillRows(rows, unit, item, work.width)
    }
  }
  return ok(meters.map((meter) => resultOf(manner, work, meter, byPoint, rowsOf)))
}

const isPoint = (pn: number | null): pn is number => pn !== null && Number.isInteger(pn) && pn >= 1 && pn <= MAX_PN

const resultOf = (
  { terminal }: Manner,
  work: Work,
  { id, pn }: TerminalMeter,
  byPoint: ReadonlyMap<number, readonly Want[]>,
  rowsOf: ReadonlyMap<number, Rows>,
): Result<readonly Sample[]> => {
  if (!isPoint(pn))
    return err(
      refusal('GW3761_POINT', `${id}: ${pn === null ? 'its measuring point is not known' : `no identifier names measuring point ${pn}`}`, {
        meter: id,
      }),
    )
  const wants = byPoint.get(pn) ?? []
  const errors = new Map<number, GatewayError>()
  for (const { fn, error } of wants) if (error && !errors.has(fn)) errors.set(fn, error)
  const byColumn = new Map<number, GatewayError>()
  for (const item of work.items) for (const { at } of item.columns) byColumn.set(at, errors.get(item.fn) ?? FILLED)
  const samples = samplesOf(rowsOf.get(pn) ?? new Map(), (column) => byColumn.get(column) ?? FILLED)
  if (samples.length > 0) return ok(samples)
  const [first] = errors.values()
  // A window of a curve in which there is nothing yet is no failure of the read.
  if (work.kind === 'curve' && !first) return ok([])
  return err(
    first ??
      refusal('GW3761_NO_DATA', `${terminal} has no values of ${id} (point ${pn}): everything is filled`, { terminal, pn, meter: id }),
  )
}
