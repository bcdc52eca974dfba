import type { MeterTime } from '../../src/core/adapter.ts'
import { instantOf, TIMES, type TimeFormatId, timeSize } from './formats.ts'
import type { Field, Layout, NumberField, TimeField, UintField } from './layout.ts'
import { type Counters, timesOf } from './raws.ts'
import type { FnRow } from './rows.ts'
import { SCALE_SIZES } from './units.ts'

type SlotField = NumberField | UintField | TimeField

const isSlot = (field: Field): field is SlotField => field.kind === 'number' || field.kind === 'uint' || field.kind === 'time'

/** A field whose values are among the raws of a data unit. */
export interface Slot {
  readonly name: string
  readonly label: string
  readonly kind: SlotField['kind']
  readonly unit: string
  /** Power of ten of its raws. */
  readonly scaler: number
  readonly field: SlotField
}

/** Fields of a layout that have raws, in wire order; those inside records are not among them. */
export const slotsOf = (layout: Layout): readonly Slot[] =>
  layout.filter(isSlot).map((field) => ({
    name: field.name,
    label: field.label,
    kind: field.kind,
    unit: field.kind === 'time' ? '' : field.unit,
    scaler: field.kind === 'number' ? field.format.scaler : 0,
    field,
  }))

/**
 * Place of a value among the raws of a data unit.
 *
 * @param index     which of a list: 0 = total or phase A, 1 = tariff 1
 * @param counters  of the unit: M shifts what stands behind a list of tariffs
 * @returns         -1 when the layout has no such field in front of any records, or the list is shorter
 */
export const slotAt = (layout: Layout, name: string, index: number, counters: Readonly<Counters>): number => {
  let at = 0
  for (const field of layout) {
    if (field.kind === 'each' || field.kind === 'optional') return -1
    if (!isSlot(field)) continue
    const times = timesOf(field.times, counters)
    if (field.name === name) return index >= 0 && index < times ? at + index : -1
    at += times
  }
  return -1
}

/** Bytes of a content with so many elements by the name of their count: `{ tariffs: 4 }`, `{ points: 96 }`, `{ meters: 10 }`. */
export const contentSize = (layout: Layout, counters: Readonly<Counters>): number =>
  layout.reduce((sum, field) => sum + fieldSize(field, counters), 0)

const fieldSize = (field: Field, counters: Readonly<Counters>): number => {
  switch (field.kind) {
    case 'number':
      return timesOf(field.times, counters) * field.format.size
    case 'time':
      return timesOf(field.times, counters) * timeSize(field.format)
    case 'uint':
      return timesOf(field.times, counters) * field.size
    case 'hex':
      return typeof field.size === 'number' ? field.size : (counters[field.size] ?? 0)
    case 'each':
      return field.counter === null ? 0 : ((counters[field.counter] ?? 0) + field.plus) * contentSize(field.of, counters)
    case 'identifiers':
      return field.counter === null ? 0 : (counters[field.counter] ?? 0) * 4
    case 'ip':
    case 'identifier':
      return 4
    case 'optional':
    case 'events':
    case 'rest':
      return 0
    default:
      return field.size
  }
}

/** Bytes of one item in an answer, its identifier and time included; 0 for an item whose layout is not known. */
export const answerSize = (row: FnRow, tariffs: number, points = 0): number => {
  const [body] = row.bodies ?? []
  return body ? 4 + (row.scale ? SCALE_SIZES[row.scale] : 0) + contentSize(body, { tariffs, points }) : 0
}

/**
 * The instant a raw time stands for.
 *
 * @param raw     its digits as one integer, as {@link Slot}s of kind `time` have them
 * @param format  with a whole date: A.1, A.15, A.20
 * @returns       null when it is absent, no such time, or has no whole date
 */
export const timeOfRaw = (raw: number, format: TimeFormatId): MeterTime | null => {
  if (Number.isNaN(raw)) return null
  const parts: Record<string, number> = {}
  let rest = raw
  for (const letter of TIMES[format]) {
    parts[letter === 'W' ? 'M' : letter] = rest % 100
    rest = Math.floor(rest / 100)
  }
  const { Y, M, D, h = 0, m = 0, s = 0 } = parts
  if (Y === undefined || M === undefined || D === undefined) return null
  if (M < 1 || M > 12 || D < 1 || D > 31 || h > 24 || m > 59 || s > 59 || (h === 24 && m + s > 0)) return null
  const instant = instantOf({ year: 2000 + Y, month: M, day: D, hour: h, minute: m, second: s })
  return instant && D <= new Date(Date.UTC(2000 + Y, M, 0)).getUTCDate() ? instant : null
}
