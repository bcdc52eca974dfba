import type { MeterTime } from '../../src/core/adapter.ts'
import { instantOf, readBcd, readTime } from './bcd.ts'
import { type Dlt645Error, errorOf } from './errors.ts'
import { sumOf } from './frame.ts'
import { LOAD_CLASSES } from './load-items.ts'

/** One block of the load record (负荷记录块). */
export interface LoadBlock {
  readonly at: MeterTime | null
  /** Six groups in the order of {@link LOAD_CLASSES}; integers of their fields, NaN where a field has no value; null = the group is switched off. */
  readonly groups: readonly (readonly number[] | null)[]
  /** The block is damaged and has no values. */
  readonly error: Dlt645Error | null
  readonly offset: number
  readonly size: number
}

const START = 0xa0
const SEPARATOR = 0xaa
const END = 0xe5
/** A0 A0, length, time of five bytes. */
const HEAD = 8
/** A length byte cannot say more; a search that goes on would cost noise its square. */
const LONGEST = 264

/**
 * Where the block ends. The length byte is counted differently by different makers (with or without checksum and end byte), so every reading
 * of it is tried, then the six AA; the sum and E5 decide. No BCD field can hold AA, so an AA is always the end of a group.
 */
const endOf = (data: Uint8Array, start: number): number | null => {
  const sealed = (end: number) =>
    end <= data.length && end - start > HEAD && data[end - 1] === END && data[end - 2] === sumOf(data, start, end - 2)
  const length = data[start + 2] ?? 0
  for (const end of [start + 3 + length + 2, start + 3 + length, start + length]) if (sealed(end)) return end
  let groups = 0
  const limit = Math.min(data.length, start + LONGEST)
  for (let at = start + HEAD; at < limit; at++) {
    if (data[at] === SEPARATOR && (sealed(at + 3) || ++groups === LOAD_CLASSES.length)) return sealed(at + 3) ? at + 3 : null
  }
  return null
}

const broken = (offset: number, size: number, message: string): LoadBlock => ({
  at: null,
  groups: [],
  error: errorOf('DLT645_BLOCK', message, { at: offset }),
  offset,
  size,
})

const nextStart = (data: Uint8Array, from: number): number => {
  for (let at = from; at + 1 < data.length; at++) if (data[at] === START && data[at + 1] === START) return at
  return data.length
}

/**
 * Takes the blocks of a load-record answer apart. What lies between blocks and is none (E0 E0 among it) becomes one damaged block.
 *
 * @param data  behind the data identifier, follow-up frames joined
 * @param kind  class that was asked for, 1 to 6; 0 = all
 */
export const parseLoadRecord = (data: Uint8Array, kind: number): LoadBlock[] => {
  const blocks: LoadBlock[] = []
  let at = 0
  while (at < data.length) {
    const start = nextStart(data, at)
    if (start > at) blocks.push(broken(at, start - at, `${start - at} bytes that are no load-record block`))
    if (start >= data.length) break
    const end = endOf(data, start)
    if (end === null) {
      const next = nextStart(data, start + 2)
      blocks.push(broken(start, next - start, 'block without its six groups, sum and E5H'))
      at = next
      continue
    }
    blocks.push(readBlock(data, start, end, kind))
    at = end
  }
  return blocks
}

const readBlock = (data: Uint8Array, start: number, end: number, kind: number): LoadBlock => {
  const time = readTime(data, start + 3, 'mhDMY')
  const at = time && instantOf(time)
  if (!at) return broken(start, end - start, 'the time of the block is none')
  const segments: (readonly [from: number, to: number])[] = []
  let from = start + HEAD
  for (let index = from; index < end - 2; index++) {
    if (data[index] !== SEPARATOR) continue
    segments.push([from, index])
    from = index + 1
  }
  const groups: (number[] | null)[] = LOAD_CLASSES.map(() => null)
  for (const [index, [first, last]] of segments.entries()) {
    // An answer to one class holds that group alone in some meters, all six places in others.
    const place = segments.length < LOAD_CLASSES.length && kind > 0 ? kind - 1 : index
    const fields = LOAD_CLASSES[place]?.fields
    if (!fields || last === first) continue
    const values = new Array<number>(fields.length).fill(Number.NaN)
    const wanted = fields.reduce((sum, { format }) => sum + format.bytes, 0)
    if (last - first === wanted) {
      let offset = first
      for (const [number, { format }] of fields.entries()) {
        values[number] = readBcd(data, offset, format.bytes, format.signed)
        offset += format.bytes
      }
    }
    groups[place] = values
  }
  return { at, groups, error: null, offset: start, size: end - start }
}
