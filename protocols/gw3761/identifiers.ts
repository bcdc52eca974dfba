/** One pair of measuring point (信息点 pn) and item (信息类 Fn). p0 = the terminal itself. */
export interface PointItem {
  readonly pn: number
  readonly fn: number
}

/** All points that match: only in requests. */
export const ALL_POINTS = 0xffff
/** Highest measuring point and item an identifier can name. */
export const MAX_PN = 2040
export const MAX_FN = 248

/** Bytes of a data unit identifier (数据单元标识): DA1 DA2 DT1 DT2. */
export const IDENTIFIER_SIZE = 4

/** Bit numbers that are set, by byte, rising. */
const BITS: readonly (readonly number[])[] = Array.from({ length: 256 }, (_, byte) =>
  [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte >> bit) & 1),
)

/** Points named by DA1 DA2, rising; empty = it names nothing. `00 00` is p0, `FF 00` all points. */
export const readPoints = (da1: number, da2: number): readonly number[] => {
  if (da2 === 0) return da1 === 0 ? P0 : da1 === 0xff ? EVERY : NONE
  const base = (da2 - 1) * 8 + 1
  return BITS[da1]!.map((bit) => base + bit)
}
const P0: readonly number[] = [0]
const EVERY: readonly number[] = [ALL_POINTS]
const NONE: readonly number[] = []

/** Items named by DT1 DT2, rising; empty = it names nothing. */
export const readItems = (dt1: number, dt2: number): readonly number[] => (dt2 > 30 ? NONE : BITS[dt1]!.map((bit) => dt2 * 8 + bit + 1))

/**
 * Pairs named by the four bytes at `at`: point by point, inside each by rising Fn, which is the order of their data.
 *
 * @returns  empty when the identifier names nothing or its bytes are not there
 * @source   Q/GDW 376.1-2009, 5.4.2 data unit identifiers; a vector shows the order
 */
export const readIdentifier = (bytes: Uint8Array, at: number): readonly PointItem[] => {
  if (at + IDENTIFIER_SIZE > bytes.length) return []
  const items = readItems(bytes[at + 2]!, bytes[at + 3]!)
  return readPoints(bytes[at]!, bytes[at + 1]!).flatMap((pn) => items.map((fn) => ({ pn, fn })))
}

/** DA1, DA2 of one point. @throws for a point no identifier can name */
export const pointBytes = (pn: number): readonly [number, number] => {
  if (pn === 0) return [0, 0]
  if (pn === ALL_POINTS) return [0xff, 0]
  if (!Number.isInteger(pn) || pn < 0 || pn > MAX_PN) throw new Error(`no identifier names measuring point ${pn}`)
  return [1 << ((pn - 1) & 7), ((pn - 1) >> 3) + 1]
}

/** DT1, DT2 of one item. @throws for an item no identifier can name */
export const itemBytes = (fn: number): readonly [number, number] => {
  if (!Number.isInteger(fn) || fn < 1 || fn > MAX_FN) throw new Error(`no identifier names F${fn}`)
  return [1 << ((fn - 1) & 7), (fn - 1) >> 3]
}

/** Identifier of one pair. */
export const writeIdentifier = (pn: number, fn: number): Uint8Array => Uint8Array.of(...pointBytes(pn), ...itemBytes(fn))

/** Whether two points can share an identifier: both in one group of eight. p0 stands alone. */
export const shareGroup = (one: number, other: number): boolean =>
  one === other || (one > 0 && other > 0 && one <= MAX_PN && other <= MAX_PN && (one - 1) >> 3 === (other - 1) >> 3)

/**
 * One identifier for all points × all items.
 *
 * @param points  of one group of eight, or only p0
 * @param items   of one group of eight
 * @throws        when they do not share a group
 */
export const writeIdentifiers = (points: readonly number[], items: readonly number[]): Uint8Array => {
  const pair = (list: readonly number[], encode: (one: number) => readonly [number, number], what: string): [number, number] => {
    const [first, ...others] = list.map(encode)
    if (!first) throw new Error(`no ${what} to name`)
    let bits = first[0]
    for (const [bit, group] of others) {
      if (group !== first[1] || (group === 0 && what === 'point' && bit !== first[0]))
        throw new Error(`${what}s ${list.join(', ')} are not in one group of eight`)
      bits |= bit
    }
    return [bits, first[1]]
  }
  return Uint8Array.of(...pair(points, pointBytes, 'point'), ...pair(items, itemBytes, 'item'))
}

/** Cuts points into groups that one identifier can name, rising and without doubles. */
export const groupPoints = (points: readonly number[]): readonly (readonly number[])[] => {
  const groups: number[][] = []
  for (const pn of [...new Set(points)].sort((a, b) => a - b)) {
    const last = groups.at(-1)
    if (last && shareGroup(last[0]!, pn)) last.push(pn)
    else groups.push([pn])
  }
  return groups
}
