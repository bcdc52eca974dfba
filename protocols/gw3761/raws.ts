import { isFill, readBcd, readNumber, readUint, timeSize } from './formats.ts'
import type { Field, Layout, Times } from './layout.ts'

/** Counts read so far, by name. */
export type Counters = Record<string, number>

/** How many elements a field has. */
export const timesOf = (times: Times, counters: Counters): number =>
  times === null ? 1 : typeof times === 'number' ? times : Math.max(0, (counters[times.counter] ?? 0) + times.plus)

const FAILED = -1

/**
 * Reads the numbers of a content, and only these: the way of a reading. Every number, binary number and time is one slot, in wire order:
 * numbers as integers to be taken times 10^scaler, times as their digits (`YYMMDDhhmm` of A.15); absent is NaN.
 *
 * @param raws  numbers are put behind what it holds; null = only the length is wanted
 * @returns     place behind the content; -1 = the content does not fit in front of `limit`
 */
export const readRaws = (
  layout: Layout,
  bytes: Uint8Array,
  at: number,
  limit: number,
  counters: Counters,
  raws: number[] | null,
): number => {
  let next = at
  for (let index = 0; index < layout.length; index++) {
    next = readField(layout[index]!, layout, index, bytes, next, limit, counters, raws)
    if (next === FAILED) return FAILED
  }
  return next
}

const readField = (
  field: Field,
  layout: Layout,
  index: number,
  bytes: Uint8Array,
  at: number,
  limit: number,
  counters: Counters,
  raws: number[] | null,
): number => {
  switch (field.kind) {
    case 'number': {
      const { format } = field
      const times = timesOf(field.times, counters)
      const end = at + times * format.size
      if (end > limit) return FAILED
      if (raws) for (let from = at; from < end; from += format.size) raws.push(readNumber(bytes, from, format))
      return end
    }
    case 'uint': {
      const { size } = field
      const end = at + timesOf(field.times, counters) * size
      if (end > limit) return FAILED
      if (raws)
        for (let from = at; from < end; from += size)
          raws.push(field.fills && isFill(bytes, from, size) ? Number.NaN : readUint(bytes, from, size))
      return end
    }
    case 'time': {
      const size = timeSize(field.format)
      const end = at + timesOf(field.times, counters) * size
      if (end > limit) return FAILED
      if (raws) for (let from = at; from < end; from += size) raws.push(packedTime(bytes, from, size, field.format === 'A.1'))
      return end
    }
    case 'count': {
      const value = readCount(field, layout, index, bytes, at, limit)
      if (Number.isNaN(value)) return FAILED
      counters[field.counter] = value
      return at + field.size
    }
    case 'each': {
      let next = at
      if (field.counter === null) {
        while (next < limit) {
          next = readRaws(field.of, bytes, next, limit, counters, raws)
          if (next === FAILED) return FAILED
        }
        return next
      }
      const times = (counters[field.counter] ?? 0) + field.plus
      // Every record has a byte at least, so a false count ends at the limit.
      for (let done = 0; done < times; done++) {
        next = readRaws(field.of, bytes, next, limit, counters, raws)
        if (next === FAILED) return FAILED
      }
      return next
    }
    case 'optional':
      return limit - at >= field.size ? readRaws(field.of, bytes, at, limit, counters, raws) : at
    case 'hex': {
      const end = at + (typeof field.size === 'number' ? field.size : (counters[field.size] ?? 0))
      return end > limit ? FAILED : end
    }
    case 'identifiers': {
      const end = field.counter === null ? at + (limit - at) - ((limit - at) % 4) : at + (counters[field.counter] ?? 0) * 4
      return end > limit ? FAILED : end
    }
    case 'events': {
      let next = at
      while (next < limit) {
        if (next + 2 > limit || next + 2 + bytes[next + 1]! > limit) return FAILED
        next += 2 + bytes[next + 1]!
      }
      return next
    }
    case 'rest':
      return limit
    case 'identifier':
    case 'ip':
      return at + 4 > limit ? FAILED : at + 4
    default:
      return at + field.size > limit ? FAILED : at + field.size
  }
}

/** Digits of a time as one integer, `YYMMDDhhmm`; the day of the week is left out. */
const packedTime = (bytes: Uint8Array, at: number, size: number, hasWeek: boolean): number => {
  if (!hasWeek) return readBcd(bytes, at, size)
  const copy = bytes.slice(at, at + size)
  copy[4] = copy[4]! & 0x1f
  return readBcd(copy, 0, size)
}

/**
 * A count; NaN when there is none such; -1 = not even the one that comes with every count. Where an item without values is filled from here on, it is what the fill makes it: as many
 * elements as have room in it.
 */
export const readCount = (
  field: Extract<Field, { kind: 'count' }>,
  layout: Layout,
  index: number,
  bytes: Uint8Array,
  at: number,
  limit: number,
): number => {
  if (at + field.size > limit) return Number.NaN
  if (field.fills && isFill(bytes, at, field.size)) {
    const fill = bytes[at]!
    let end = at + field.size
    while (end < limit && bytes[end] === fill) end++
    let [width, extra] = [0, 0]
    for (const later of layout.slice(index + 1))
      if ((later.kind === 'number' || later.kind === 'time') && typeof later.times === 'object' && later.times?.counter === field.counter) {
        const size = later.kind === 'number' ? later.format.size : timeSize(later.format)
        width += size
        extra += size * later.times.plus
      }
    return width === 0 ? Number.NaN : Math.floor((end - at - field.size - extra) / width)
  }
  const value = readUint(bytes, at, field.size)
  return value > field.max ? Number.NaN : value
}
