import { RowDamaged, readVarint, unzigzag, zigzag } from '../../core/row.ts'
import { BitReader, BitWriter, riceBits } from './bits.ts'
import type { ByteWriter } from './bytes.ts'

/**
 * One column of integers in the shortest of several forms. Neighbouring values of one quantity differ little, so mostly their
 * differences are written; what only flickers (a frequency, a power factor) is shorter as its distance from the least or the mean.
 *
 * 0 value                           all alike
 * 1 first, step                     evenly spaced
 * 2 first, difference…              numbers of variable length: the way out for enormous ranges
 * 3 least, width, bits              distance from the least, all equally wide
 * 4 first, least, width, bits       the same of the differences
 * 5 mean, k, bits                   distance from the mean, zig-zag, in Rice code
 * 6 first, mean, k, bits            the same of the differences
 */
const ALIKE = 0
const EVEN = 1
const DIFFERENCES = 2
const FIXED = 3
const FIXED_DIFFERENCES = 4
const RICE = 5
const RICE_DIFFERENCES = 6

/** Beyond such a range the bit forms could lose digits. */
const WIDE = 2 ** 48

export const writeColumn = (writer: ByteWriter, values: readonly number[]): void => {
  const [first = 0, second = first] = values
  const step = second - first
  let even = true
  for (let at = 2; even && at < values.length; at++) even = values[at]! - values[at - 1]! === step
  if (even) {
    writer.varint(step === 0 ? ALIKE : EVEN)
    writer.signed(first)
    if (step !== 0) writer.signed(step)
    return
  }
  const differences = new Array<number>(values.length - 1)
  for (let at = 1; at < values.length; at++) differences[at - 1] = values[at]! - values[at - 1]!
  const plain = planOf(values)
  const stepped = planOf(differences)
  if (plain.range >= WIDE || stepped.range >= WIDE) {
    writer.varint(DIFFERENCES)
    writer.signed(first)
    for (const difference of differences) writer.signed(difference)
    return
  }
  const onDifferences = stepped.bits + 24 < plain.bits
  const plan = onDifferences ? stepped : plain
  const numbers = onDifferences ? differences : values
  if (plan.fixed) writer.varint(onDifferences ? FIXED_DIFFERENCES : FIXED)
  else writer.varint(onDifferences ? RICE_DIFFERENCES : RICE)
  if (onDifferences) writer.signed(first)
  writer.signed(plan.base)
  writer.varint(plan.parameter)
  const bits = new BitWriter(writer)
  if (plan.fixed) for (const number of numbers) bits.fixed(number - plan.base, plan.parameter)
  else for (const number of numbers) bits.rice(zigzag(number - plan.base), plan.parameter)
  bits.end()
}

export const readColumn = (bytes: Uint8Array, cursor: { at: number }, length: number): number[] => {
  const form = readVarint(bytes, cursor)
  const values = new Array<number>(length)
  const first = unzigzag(readVarint(bytes, cursor))
  if (form === ALIKE) return values.fill(first)
  if (form === EVEN) {
    const step = unzigzag(readVarint(bytes, cursor))
    for (let at = 0; at < length; at++) values[at] = first + at * step
    return values
  }
  if (form === DIFFERENCES) {
    values[0] = first
    for (let at = 1; at < length; at++) values[at] = values[at - 1]! + unzigzag(readVarint(bytes, cursor))
    return values
  }
  if (form > RICE_DIFFERENCES) throw new RowDamaged(`packed column of unknown form ${form}`)
  const onDifferences = form === FIXED_DIFFERENCES || form === RICE_DIFFERENCES
  const base = onDifferences ? unzigzag(readVarint(bytes, cursor)) : first
  const parameter = readVarint(bytes, cursor)
  if (parameter > 53) throw new RowDamaged(`packed column of width ${parameter}`)
  const bits = new BitReader(bytes, cursor)
  const next = form === FIXED || form === FIXED_DIFFERENCES ? () => bits.fixed(parameter) : () => unzigzag(bits.rice(parameter))
  if (!onDifferences) for (let at = 0; at < length; at++) values[at] = base + next()
  else {
    values[0] = first
    for (let at = 1; at < length; at++) values[at] = values[at - 1]! + base + next()
  }
  return values
}

interface Plan {
  readonly fixed: boolean
  readonly base: number
  /** bits of a number, or k of the Rice code */
  readonly parameter: number
  readonly bits: number
  readonly range: number
}

/** The cheaper of equally wide numbers and Rice code. */
const planOf = (numbers: readonly number[]): Plan => {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  let sum = 0
  for (const number of numbers) {
    if (number < least) least = number
    if (number > most) most = number
    sum += number
  }
  const range = most - least
  let width = 0
  while (2 ** width <= range) width++
  const fixed: Plan = { fixed: true, base: least, parameter: width, bits: width * numbers.length, range }
  if (range >= WIDE) return fixed
  const mean = Math.round(sum / numbers.length)
  let spread = 0
  for (const number of numbers) spread += zigzag(number - mean)
  const likely = Math.max(0, Math.floor(Math.log2(spread / numbers.length + 1)))
  let best = fixed
  for (let k = Math.max(0, likely - 1); k <= likely; k++) {
    let bits = 0
    for (const number of numbers) bits += riceBits(zigzag(number - mean), k)
    if (bits < best.bits) best = { fixed: false, base: mean, parameter: k, bits, range }
  }
  return best
}
