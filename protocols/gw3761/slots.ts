import type { MeterTime } from '../../src/core/adapter.ts'
import { timeSize } from './formats.ts'
import type { EachField, Field, Layout, NumberField } from './layout.ts'
import { type Counters, timesOf } from './raws.ts'

/** How many slots a field fills in the raws of a unit; null = not to be told without the bytes. */
const widthOf = (field: Field, counters: Counters): number | null => {
  if (field.kind === 'number' || field.kind === 'uint' || field.kind === 'time') return timesOf(field.times, counters)
  if (field.kind === 'optional' || field.kind === 'events') return null
  if (field.kind !== 'each') return 0
  const one = rowWidth(field.of, counters)
  const times = repeats(field, counters)
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

/** Bytes of a content with these counts, without what only some editions have. */
export const sizeOf = (layout: Layout, counters: Counters): number =>
  layout.reduce((sum, field) => {
    switch (field.kind) {
      case 'number':
        return sum + timesOf(field.times, counters) * field.format.size
      case 'uint':
        return sum + timesOf(field.times, counters) * field.size
      case 'time':
        return sum + timesOf(field.times, counters) * timeSize(field.format)
      case 'each':
        return sum + (repeats(field, counters) ?? 1) * sizeOf(field.of, counters)
      case 'ip':
      case 'identifier':
        return sum + 4
      case 'bits':
      case 'count':
      case 'digits':
      case 'text':
        return sum + field.size
      case 'hex':
        return sum + (typeof field.size === 'number' ? field.size : (counters[field.size] ?? 0))
      default:
        return sum
    }
  }, 0)

/**
 * Where the n-th value of a field stands in the raws of a unit.
 *
 * @returns  -1 when the unit has no such value (fewer tariffs, another edition)
 */
export const slotOf = (layout: Layout, name: string, index: number, counters: Counters): number => {
  let slot = 0
  for (const field of layout) {
    const width = widthOf(field, counters)
    if (width === null) return -1
    if (field.kind === 'each' && field.columns) {
      // Pairs of a demand and its time: the n-th value stands in the n-th record.
      const inside = slotOf(field.of, name, 0, counters)
      if (inside >= 0) return index < (repeats(field, counters) ?? 0) ? slot + index * (rowWidth(field.of, counters) ?? 0) + inside : -1
    } else if ('name' in field && field.name === name && width > 0) return index < width ? slot + index : -1
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

/** The instant of an A.15 time as raws hold it, `YYMMDDhhmm`; null when it is absent or no time. */
export const timeOfDigits = (digits: number | undefined): MeterTime | null => {
  if (digits === undefined || Number.isNaN(digits)) return null
  const two = (power: number) => Math.floor(digits / power) % 100
  const time = { year: 2000 + two(1e8), month: two(1e6), day: two(1e4), hour: two(100), minute: two(1), second: 0 }
  const isTime = time.month >= 1 && time.month <= 12 && time.day >= 1 && time.day <= 31 && time.hour <= 23 && time.minute <= 59
  return isTime ? time : null
}
