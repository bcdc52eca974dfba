import type { MeterTime, PlannedValue, Sample } from '../../src/core/adapter.ts'
import type { Raw } from '../../src/core/decimal.ts'
import type { Source } from '../../src/core/reading.ts'
import type { GatewayError } from '../../src/core/result.ts'
import type { TerminalEvent, TerminalValues } from '../../src/core/terminal.ts'
import type { Apdu, RecordItem, ResultItem } from './apdu-types.ts'
import { type Datum, elementsOf, integerOf } from './datum.ts'
import { errorOf } from './errors.ts'
import { type Cell, eventOf, isEvent } from './events.ts'
import { plannedOf } from './obis.ts'
import { addressOf, cellOf, rowsOf } from './rows.ts'
import { standsAt, timeOf } from './time.ts'

/** What a report says, taken apart. */
export interface Told {
  readonly values: readonly TerminalValues[]
  readonly events: readonly TerminalEvent[]
  readonly unknown: readonly { readonly what: string; readonly raw: Uint8Array }[]
}

/** Reads of freezes by the table they are in. @source DL/T 698.45-2017, freeze objects 5000 to 5006 */
const SOURCES: Readonly<Record<string, Source>> = { '5002': 'curve', '5003': 'curve', '5004': 'day-freeze', '5006': 'month-freeze' }

const ABSENT = errorOf('DLT698_ABSENT', 'NULL: the terminal has no value')

/** Bare number of a value: a demand stands in front of its time. */
export const numberIn = (datum: Datum | undefined): Raw | null => {
  if (datum?.t === 'structure') return integerOf(datum.v[0])
  return integerOf(datum)
}

/** Values the house has codes for, of these cells. */
const plannedCells = (cells: readonly Cell[]): { readonly planned: PlannedValue[]; readonly raws: (Raw | null)[] } => {
  const planned: PlannedValue[] = []
  const raws: (Raw | null)[] = []
  for (const { oad, datum } of cells) {
    const elements = datum.t === 'array' ? elementsOf(datum) : [datum]
    for (const [index, element] of elements.entries()) {
      const value = plannedOf(oad, index)
      if (!value || planned.some(({ obis }) => obis === value.obis)) continue
      planned.push(value)
      raws.push(numberIn(element))
    }
  }
  return { planned, raws }
}

const valuesOf = (address: string, source: Source, at: MeterTime | null, cells: readonly Cell[]): TerminalValues | null => {
  const { planned, raws } = plannedCells(cells)
  if (planned.length === 0 || raws.every((raw) => raw === null)) return null
  const absent = new Map<number, GatewayError>(raws.flatMap((raw, index) => (raw === null ? [[index, ABSENT]] : [])))
  const sample: Sample = { at, raws, scalers: null, absent: absent.size > 0 ? absent : null }
  return { meter: { address }, plan: { source, values: planned }, samples: [sample] }
}

/** Samples of one meter and one kind stand in one entry, as a curve that was reported row by row. */
const joined = (values: readonly TerminalValues[]): TerminalValues[] => {
  const byPlan = new Map<string, TerminalValues>()
  for (const entry of values) {
    const key = JSON.stringify([entry.meter, entry.plan])
    const known = byPlan.get(key)
    byPlan.set(key, known ? { ...known, samples: [...known.samples, ...entry.samples] } : entry)
  }
  return [...byPlan.values()]
}

const timeCell = (cells: readonly Cell[], oi: string): MeterTime | null => {
  const datum = cellOf(cells, oi)
  return datum?.t === 'date_time_s' ? timeOf(datum.v) : null
}

const ofRecord = (record: RecordItem, sender: string, raw: Uint8Array): Told => {
  const values: TerminalValues[] = []
  const events: TerminalEvent[] = []
  const timeless = new Set<string>()
  /** A freeze of which nobody can tell when it was is no freeze of the moment it came. */
  const add = (whose: string, table: string, cells: readonly Cell[], stored: MeterTime | null): void => {
    const source = SOURCES[table.slice(0, 4)] ?? 'live'
    const at = standsAt(source, timeCell(cells, '2021'), stored)
    const told = valuesOf(whose, source, at, cells)
    if (told && source !== 'live' && at === null) timeless.add(table)
    else if (told) values.push(told)
  }
  for (const { cells, quoted } of rowsOf(record)) {
    const address = addressOf(cells)
    if (isEvent(record.oad)) {
      events.push(eventOf(record.oad, cells, address, raw))
      continue
    }
    const stored = timeCell(cells, '6042') ?? timeCell(cells, '6041')
    for (const { table, cells: inner } of quoted) {
      if (isEvent(table)) {
        if (inner.some(({ datum }) => datum.t !== 'null')) events.push(eventOf(table, inner, address ?? sender, raw))
        continue
      }
      add(address ?? sender, table, inner, stored)
    }
    // Columns of the record itself: present values with the time of their reading, or freezes of the terminal's own.
    add(address ?? sender, record.oad, cells, stored)
  }
  const isNamed = values.length > 0 || events.length > 0 || record.rows?.length === 0
  const unknown = isNamed
    ? [...timeless].map((table) => ({ what: `${table} without a time`, raw }))
    : [{ what: `record ${record.oad}`, raw }]
  return { values: joined(values), events, unknown }
}

const ofResults = (results: readonly ResultItem[], sender: string, raw: Uint8Array): Told => {
  const cells = results.flatMap(({ oad, data }): Cell[] => (oad !== undefined && data !== undefined ? [{ oad, datum: data }] : []))
  const known = cells.filter(({ oad }) => plannedOf(oad, 0) !== null)
  const told = valuesOf(sender, 'live', null, known)
  const others = results.filter(({ oad }) => oad !== undefined && plannedOf(oad, 0) === null)
  return { values: told ? [told] : [], events: [], unknown: others.map(({ oad }) => ({ what: `object ${oad}`, raw })) }
}

/**
 * What a REPORT-Notification says.
 *
 * @param sender  digits of the frame's server address: whom values without an address of their own are of
 * @param raw     the APDU, kept with events and with what has no name
 */
export const toldBy = (apdu: Apdu, sender: string, raw: Uint8Array): Told => {
  const parts = [
    ...(apdu.results ? [ofResults(apdu.results, sender, raw)] : []),
    ...(apdu.records ?? []).map((record) => ofRecord(record, sender, raw)),
  ]
  const follow = apdu.choice === 'trans-data' ? [{ what: `bytes of port ${apdu.port}`, raw }] : []
  return {
    values: parts.flatMap(({ values }) => values),
    events: parts.flatMap(({ events }) => events),
    unknown: [...parts.flatMap(({ unknown }) => unknown), ...follow],
  }
}
