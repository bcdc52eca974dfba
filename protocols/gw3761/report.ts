import type { PlannedValue, RegisterPlan, Sample } from '../../src/core/adapter.ts'
import type { Source } from '../../src/core/reading.ts'
import type { TerminalEvent, TerminalValues } from '../../src/core/terminal.ts'
import { AFN } from './ask.ts'
import { eventsOfUnit } from './event-records.ts'
import type { GatheredUnit } from './gather.ts'
import { placeOfValue } from './places.ts'
import type { PlannedItem } from './plan.ts'
import type { Column } from './profile.ts'
import { fillRows, instantOfUnit, type Rows, samplesOf } from './read.ts'
import type { ScaleKind } from './rows.ts'
import { quantitiesOf } from './standard-lines.ts'
import { refusal } from './talk-errors.ts'
import type { DataUnit } from './units.ts'

/** What a terminal said by itself, sorted. */
export interface Reported {
  readonly values: readonly TerminalValues[]
  readonly events: readonly TerminalEvent[]
  readonly unknown: readonly { readonly what: string; readonly raw: Uint8Array }[]
}

const SOURCES: Readonly<Record<Exclude<ScaleKind, 'h'>, Source>> = { d: 'day-freeze', m: 'month-freeze', c: 'curve' }
const FILLED = refusal('GW3761_NO_DATA', 'the terminal has no value here')

/** Values a unit really holds, under the codes of the house. */
const columnsOf = (afn: number, unit: DataUnit): readonly Omit<Column, 'line'>[] | null => {
  const { layout, row, fn, counters } = unit
  const quantities = row && layout ? quantitiesOf(afn, fn) : null
  if (!quantities || !row || !layout) return null
  const isCurve = unit.scale?.kind === 'c'
  return quantities.flatMap(({ field, obis, ratio }) =>
    obis.flatMap((_, index) =>
      (isCurve && index === 0) || placeOfValue(layout, field, index, counters) >= 0 ? [{ fn, row, name: field, index, ratio }] : [],
    ),
  )
}

const plannedOf = (afn: number, { fn, name, index }: Omit<Column, 'line'>): PlannedValue | null => {
  const quantity = quantitiesOf(afn, fn)?.find(({ field }) => field === name)
  const obis = quantity?.obis[index]
  return quantity && obis !== undefined ? { obis, unit: quantity.unit, scaler: quantity.scaler, ratio: quantity.ratio } : null
}

/** Plans of reports by what is in them: a site has a handful, and others remember them by their object. */
const plans = new Map<string, RegisterPlan>()
const MOST_PLANS = 500
const planOf = (source: Source, values: readonly PlannedValue[]): RegisterPlan => {
  const key = JSON.stringify([source, values.map(({ obis, unit, scaler }) => [obis, unit, scaler])])
  const known = plans.get(key)
  if (known) return known
  if (plans.size >= MOST_PLANS) plans.clear()
  const made: RegisterPlan = { source, values }
  plans.set(key, made)
  return made
}

interface Bundle {
  readonly source: Source
  readonly pn: number
  readonly units: DataUnit[]
}

const valuesOf = (afn: number, { source, pn, units }: Bundle): TerminalValues | null => {
  const values: PlannedValue[] = []
  const rows: Rows = new Map()
  const items: { unit: DataUnit; item: PlannedItem }[] = []
  const seen = new Map<string, number>()
  for (const unit of units) {
    const columns: (Column & { at: number })[] = []
    for (const column of columnsOf(afn, unit) ?? []) {
      const planned = plannedOf(afn, column)
      if (!planned) continue
      const at = seen.get(planned.obis) ?? values.length
      if (at === values.length) values.push(planned)
      seen.set(planned.obis, at)
      columns.push({ ...column, line: NO_LINE, at })
    }
    if (unit.row && columns.length > 0) items.push({ unit, item: { fn: unit.fn, row: unit.row, columns } })
  }
  for (const { unit, item } of items) fillRows(rows, unit, item, values.length)
  const samples: readonly Sample[] = samplesOf(rows, () => FILLED)
  return samples.length > 0 ? { meter: { pn }, plan: planOf(source, values), samples } : null
}
const NO_LINE: Column['line'] = { obis: '', fn: 'F1', scaler: 0, unit: '', sample: { hex: '', value: null } }

const nameOf = (afn: number, { pn, fn }: DataUnit): string => `${afn.toString(16).toUpperCase().padStart(2, '0')} F${fn} p${pn}`

/** Sorts the units of a report: values by measuring point, events, and what nobody has a name for. */
export const reportedOf = (afn: number, found: readonly GatheredUnit[], rest: Reported['unknown']): Reported => {
  const bundles = new Map<string, Bundle>()
  const events: TerminalEvent[] = []
  const unknown: { what: string; raw: Uint8Array }[] = [...rest]
  for (const one of found) {
    const { unit, frame } = one
    if (afn === AFN.events && (unit.fn === 1 || unit.fn === 2)) {
      events.push(...eventsOfUnit(one).events)
      continue
    }
    const kind = unit.scale?.kind ?? null
    const isKept = kind !== 'h' && unit.pn > 0 && quantitiesOf(afn, unit.fn) !== null && unit.layout !== null
    // Values of which nobody can tell when they were; fill alone is nothing.
    const isTimeless = kind !== 'c' && instantOfUnit(unit) === null && unit.raws.some((raw) => !Number.isNaN(raw))
    if (!isKept || isTimeless) {
      unknown.push({ what: nameOf(afn, unit), raw: frame.data.slice(unit.at, unit.end) })
      continue
    }
    const source = kind === null ? 'live' : SOURCES[kind]
    const key = `${unit.pn} ${source}`
    const bundle = bundles.get(key) ?? { source, pn: unit.pn, units: [] }
    bundles.set(key, bundle)
    bundle.units.push(unit)
  }
  return { values: [...bundles.values()].flatMap((bundle) => valuesOf(afn, bundle) ?? []), events, unknown }
}
