import type { MeterTime } from '../../src/core/adapter.ts'
import type { EachField, Field, Layout, NumberField } from './layout.ts'
import { type Counters, timesOf } from './raws.ts'
import { slotAt, timeOfRaw } from './slots.ts'
import type { DataUnit } from './units.ts'

/** How many slots a field fills in the raws of a unit; null = not to be told without the bytes. */
const widthOf = (field: Field, counters: Counters): number | null => {
  if (field.kind === 'number' || field.kind === 'uint' || field.kind === 'time') return timesOf(field.times, counters)
  if (field.kind === 'optional' || field.kind === 'events') return null
  if (field.kind !== 'each') return 0
  const [one, times] = [rowWidth(field.of, counters), repeats(field, counters)]
  return one === null || times === null ? null : one * times
}

const repeats = (field: EachField, counters: Counters): number | null =>
  field.counter === null ? null : Math.max(0, (counters[field.counter] ?? 0) + field.plus)

const rowWidth = (layout: Layout, counters: Counters): number | null => {
  let sum = 0
  for (const field of layout) {
    const width = widthOf(field, counters)
    if (width === null) return null
    sum += width
  }
  return sum
}

/**
 * Where the n-th value of a name stands in the raws of a unit, those of columns (a demand beside its time) too.
 *
 * @returns  -1 when the unit has no such value (fewer tariffs, another edition)
 */
export const placeOfValue = (layout: Layout, name: string, index: number, counters: Counters): number => {
  const plain = slotAt(layout, name, index, counters)
  if (plain >= 0) return plain
  let slot = 0
  for (const field of layout) {
    const width = widthOf(field, counters)
    if (width === null) return -1
    if (field.kind === 'each' && field.columns) {
      const inside = placeOfValue(field.of, name, 0, counters)
      if (inside >= 0) return index < (repeats(field, counters) ?? 0) ? slot + index * (rowWidth(field.of, counters) ?? 0) + inside : -1
    }
    slot += width
  }
  return -1
}

/** Numbers of a layout, those of its columns too. */
export const numbersOf = (layout: Layout): readonly NumberField[] =>
  layout.flatMap((field) => (field.kind === 'number' ? [field] : field.kind === 'each' && field.columns ? numbersOf(field.of) : []))

/** A number of a layout by its name; without a name its only one. */
export const numberField = (layout: Layout, name?: string): NumberField | null => {
  const numbers = numbersOf(layout)
  if (name === undefined) return numbers.length === 1 ? numbers[0]! : null
  return numbers.find((field) => field.name === name) ?? null
}

/** Whether a unit has a place for when the terminal read the meter, A.15. */
export const hasOwnTime = ({ layout, counters }: DataUnit): boolean => layout !== null && slotAt(layout, 'time', 0, counters) >= 0

/** When the terminal read the meter, A.15; null where a unit does not say. */
export const ownTime = ({ layout, counters, raws }: DataUnit): MeterTime | null => {
  const slot = layout ? slotAt(layout, 'time', 0, counters) : -1
  const raw = slot < 0 ? undefined : raws[slot]
  return raw === undefined ? null : timeOfRaw(raw, 'A.15')
}
