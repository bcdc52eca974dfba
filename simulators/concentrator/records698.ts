import { DAY_MS, instantOf, SLOT_MS, startOfDay, startOfMonth } from '../calendar.ts'
import type { TruthValue } from '../truth.ts'
import { type Column698, columnsOf, length, type Meters698, putColumns, type Reader, secondsTime, selectionOf, target } from './data698.ts'
import type { DataSource } from './data3761.ts'
import type { WiredMeter } from './habits.ts'
import type { Said } from './items3761.ts'
import { isRegister698, putObject } from './objects698.ts'
import { bytesOfHex, Pen } from './pen.ts'
import { collectedAt } from './wired.ts'

/** A record that was asked for: table, selection, columns. */
export interface Record698 {
  readonly oad: string
  readonly columns: readonly Column698[]
  readonly meters: Meters698
  /** What the range is of: one instant, or from (inside) to (outside) with a step; `last`: the n-th before now; own times. */
  readonly when:
    | { readonly from: number; readonly to: number; readonly stepMs: number | null }
    | { readonly last: number; readonly count: number }
}

/** One row of an answer and what was said in it. */
export interface Row698 {
  readonly bytes: Uint8Array
  readonly said: readonly Said[]
}

/** Reads RSD and RCSD behind a table's OAD; null = not understood. */
export const recordOf698 = (from: Reader): Record698 | null => {
  const oad = from.oad()
  const choice = from.byte()
  let meters: Meters698 = 'all'
  let when: Record698['when'] = { last: 1, count: 1 }
  if (choice === 1) {
    from.oad()
    const at = timeData(from)
    when = { from: at, to: at + 1, stepMs: null }
  } else if (choice === 2) {
    from.oad()
    const begin = timeData(from)
    const end = timeData(from)
    when = { from: begin, to: end, stepMs: stepData(from) }
  } else if (choice === 4 || choice === 5) {
    const at = instant(from.time())
    when = { from: at, to: at + 1, stepMs: null }
    meters = selectionOf(from)
  } else if (choice >= 6 && choice <= 8) {
    const begin = instant(from.time())
    const end = instant(from.time())
    when = { from: begin, to: end, stepMs: step(from) }
    meters = selectionOf(from)
  } else if (choice === 9) {
    const last = from.byte()
    when = { last, count: 1 }
  } else if (choice === 10) {
    const count = from.byte()
    when = { last: count, count }
    meters = selectionOf(from)
  } else if (choice !== 0) return null
  const columns = columnsOf(from)
  return from.broken ? null : { oad, columns, meters, when }
}

const instant = (parts: readonly number[]): number => {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
  return instantOf({ year, month, day, hour, minute, second })
}
const timeData = (from: Reader): number => {
  const bytes = from.data()
  return bytes[0] === 0x1c ? instant([(bytes[1]! << 8) | bytes[2]!, ...bytes.subarray(3, 8)]) : Number.NaN
}
const STEP_MS = [1000, 60_000, 3_600_000, DAY_MS] as const
const step = (from: Reader): number | null => {
  const unit = from.byte()
  const count = from.word()
  const ms = STEP_MS[unit]
  return ms === undefined || count === 0 ? null : ms * count
}
const stepData = (from: Reader): number | null => {
  const bytes = from.data()
  const ms = bytes[0] === 0x54 ? STEP_MS[bytes[1]!] : undefined
  const count = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0)
  return ms === undefined || count === 0 ? null : ms * count
}

/** Stored tables: what a row is of, and its kind in the truth log. */
const TABLES: Readonly<Record<string, { readonly kind: TruthValue['kind']; readonly stepMs: number | null }>> = {
  '5002': { kind: 'curve', stepMs: SLOT_MS },
  '5003': { kind: 'curve', stepMs: 3_600_000 },
  '5004': { kind: 'day-freeze', stepMs: DAY_MS },
  '5005': { kind: 'month-freeze', stepMs: null },
  '5006': { kind: 'month-freeze', stepMs: null },
}
const COLLECTED = '60120300'
const MOST_ROWS = 20_000

/** Instants a selection names, own times, oldest first. A day's freeze is stored at the midnight that ends it. */
const marksOf = ({ when }: Record698, table: (typeof TABLES)[string], own: number): number[] => {
  const { kind, stepMs } = table
  const fitted = (at: number): number =>
    kind === 'month-freeze' ? startOfMonth(at) : kind === 'day-freeze' ? startOfDay(at) : at - (at % (stepMs ?? 1))
  const before = (at: number): number => (kind === 'month-freeze' ? startOfMonth(at, 1) : fitted(at - (stepMs ?? DAY_MS)))
  const marks: number[] = []
  if ('last' in when) {
    let at = fitted(own)
    for (let back = 1; back <= when.last; back++) {
      if (back > when.last - when.count) marks.unshift(at)
      at = before(at)
    }
    return marks
  }
  if (when.to - when.from <= 1) {
    const at = fitted(when.from)
    return kind === 'curve' && at !== when.from ? [] : [at]
  }
  if (kind !== 'curve') {
    for (let at = fitted(when.to - 1); at >= when.from && marks.length < MOST_ROWS; at = before(at)) marks.unshift(at)
    return marks
  }
  const wide = Math.max(when.stepMs ?? 0, stepMs ?? SLOT_MS)
  for (let at = Math.ceil(when.from / wide) * wide; at < when.to && marks.length < MOST_ROWS; at += wide) marks.push(at)
  return marks
}

/** Meters a selection names, in its order; of an address nothing is known of there is no row. */
const chosen = (source: DataSource, meters: Meters698): WiredMeter[] => {
  const { archive, wiring } = source
  if (meters === 'all')
    return archive.points().flatMap((pn) => {
      const meter = archive.meter(pn)
      return meter === null || meter === 'unwired' ? [] : [meter]
    })
  if ('addresses' in meters)
    return meters.addresses.flatMap((address) => {
      const meter = wiring.byAddress(address)
      return meter && archive.meter(meter.pn) !== null ? [meter] : []
    })
  return meters.numbers.flatMap((number) => {
    const record = archive.record(number)
    const meter = record ? archive.meter(record[2]! | (record[3]! << 8)) : null
    return meter === null || meter === 'unwired' ? [] : [meter]
  })
}

/**
 * Rows of a record. Without a meter in the selection and among the columns it is the terminal's first meter that is meant.
 *
 * @param only  the one meter that is asked itself (PROXY)
 */
export const rowsOf = (
  source: DataSource,
  record: Record698,
  at: number,
  flat: boolean,
  recording: boolean,
  only?: WiredMeter,
): Row698[] => {
  const { columns, oad } = record
  const inner = columns.find(({ inside }) => inside !== null)
  const table = oad === COLLECTED ? (TABLES[inner?.oad.slice(0, 4) ?? ''] ?? { kind: 'curve', stepMs: SLOT_MS }) : TABLES[oad.slice(0, 4)]
  if (!table) return []
  const own = source.clock.own(at)
  const named = columns.some(({ oad: one }) => one === '202A0200' || one === '40010200')
  const first = source.wiring.at(0)
  const meters = only
    ? [only]
    : oad === COLLECTED || named || record.meters !== 'all'
      ? chosen(source, record.meters)
      : first
        ? [first]
        : []
  const rows: Row698[] = []
  for (const mark of marksOf(record, table, own)) {
    if (Number.isNaN(mark) || mark > own) continue
    for (const meter of meters) {
      const row = rowOf(source, meter, columns, table.kind, mark, at, flat, recording)
      if (row) rows.push(row)
    }
  }
  return rows
}

const rowOf = (
  source: DataSource,
  meter: WiredMeter,
  columns: readonly Column698[],
  kind: TruthValue['kind'],
  mark: number,
  at: number,
  flat: boolean,
  recording: boolean,
): Row698 | null => {
  const { clock, habits, orders, seed, wiring } = source
  const instrument = wiring.instrument(meter)
  const froze = instrument.worldTime(mark)
  const got = Math.max(
    froze,
    collectedAt(habits, seed, meter, mark, (when) => source.reach(meter.id, when)),
  )
  const empty = orders.unread || got > at || froze < instrument.installedAt
  if (empty && habits.missing === 'left-out') return null
  const said: Said[] = []
  const pen = new Pen(64)
  const put = (one: string): void => {
    const oi = one.slice(0, 4)
    if (oi === '202A') target(pen.byte(0x55), meter.address)
    else if (oi === '4001') pen.byte(9).byte(6).put(bytesOfHex(meter.address))
    else if (oi === '6040' || oi === '6042' || oi === '2021') secondsTime(pen.byte(0x1c), mark)
    else if (empty) pen.byte(0)
    else if (oi === '6041') secondsTime(pen.byte(0x1c), clock.own(got))
    else {
      const when = kind === 'curve' && !isRegister698(one) ? froze - 1 : froze
      if (!putObject(pen, one, { instrument, at: when, own: mark, kind, said: recording ? said : null })) pen.byte(0)
    }
  }
  for (const { oad, inside } of columns) {
    if (!inside) put(oad)
    else {
      if (!flat) pen.byte(1).byte(inside.length)
      for (const one of inside) put(one)
    }
  }
  return { bytes: pen.done(), said }
}

/** Head of a record's result: OAD and columns. */
export const recordHead = (pen: Pen, { oad, columns }: Pick<Record698, 'oad' | 'columns'>): Pen =>
  putColumns(pen.put(bytesOfHex(oad)), columns)

/** Head, then `01`, how many, and the rows: each has one Data for each column, without a count of its own. */
export const putRows = (pen: Pen, record: Pick<Record698, 'oad' | 'columns'>, rows: readonly Row698[]): Pen => {
  length(recordHead(pen, record).byte(1), rows.length)
  for (const { bytes } of rows) pen.put(bytes)
  return pen
}
