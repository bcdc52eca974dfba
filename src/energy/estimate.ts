import type { Decimal } from '../core/index.ts'
import { type Course, type OpenEnd, registerBetween } from './course.ts'
import { atScale, decimalOf } from './exact.ts'

/** Fewer similar days say nothing. */
export const LEAST_SIMILAR = 2
/** So many are averaged. */
export const MOST_SIMILAR = 4
/** Over a longer time an estimate would be a guess of guesses, milliseconds. */
export const MOST_ESTIMATED_MS = 31 * 86_400_000

/** A part of the time from the last register to the instant asked for: how much of a day, and what similar days used. */
export interface EstimateDay {
  readonly from: number
  readonly to: number
  /** Milliseconds with power of the part, and of the whole day. */
  readonly powered: { readonly part: number; readonly whole: number }
  /** CT × PT then. */
  readonly ratio: Decimal
  /** Energy of whole similar days, primary side. */
  readonly similar: readonly Decimal[]
}

export type Estimate =
  | { readonly ok: true; readonly register: Decimal; readonly how: 'interpolated' | 'similar-days'; readonly from: number }
  /** `read`: there is a register of that very instant. */
  | { readonly ok: false; readonly why: 'read' | 'no-meter' | 'no-register' | 'contradiction' | 'too-long' | 'too-few-days' }

/**
 * A register that nobody read (示数拟合): between two good registers on the line of use between them, after the last one that register and the
 * mean use of similar days, none of it negative. Cut to the digits of the face, so that it never runs ahead.
 *
 * @param meter   the meter it is asked for
 * @param daysOf  the days of [from, to), in order
 */
export const estimateRegister = (
  course: Course,
  at: number,
  meter: string,
  daysOf: (from: number, to: number) => readonly EstimateDay[],
): Estimate => {
  const { pieces, outages, shown } = course
  const touching = pieces.filter((piece) => piece.from <= at && piece.to >= at)
  const isRead = touching.some(
    (piece) =>
      (piece.kind === 'known' &&
        piece.meter === meter &&
        ((piece.from === at && !piece.a.isMade) || (piece.to === at && !piece.b.isMade))) ||
      (piece.kind === 'unknown' && piece.last?.meter === meter && piece.last.knot.at === at && !piece.last.knot.isMade),
  )
  if (isRead) return { ok: false, why: 'read' }
  const piece = touching.find((each) => each.from < at && each.to > at)
  if (!piece) return { ok: false, why: 'contradiction' }
  if (piece.kind === 'none') return { ok: false, why: 'no-meter' }
  if (piece.kind === 'known') {
    if (piece.meter !== meter) return { ok: false, why: 'no-meter' }
    const lifted = piece.a.face + registerBetween(piece.a, piece.b, at, outages, piece.shape) - piece.a.register
    return { ok: true, register: cut(course, lifted, piece.capacity, shown), how: 'interpolated', from: piece.from }
  }
  if (!piece.isOpen) return { ok: false, why: piece.reason === 'missing' ? 'no-register' : 'contradiction' }
  if (piece.last === null) return { ok: false, why: 'no-register' }
  return piece.last.meter === meter ? onward(course, piece.last, at, daysOf) : { ok: false, why: 'no-meter' }
}

/** Digits below the face in which the parts of a sum are kept until the end. */
const SPARE = 9

const onward = (
  course: Course,
  { knot, capacity }: OpenEnd,
  at: number,
  daysOf: (from: number, to: number) => readonly EstimateDay[],
): Estimate => {
  if (at - knot.at > MOST_ESTIMATED_MS) return { ok: false, why: 'too-long' }
  const scale = course.scale - SPARE
  let used = 0n
  for (const { powered, ratio, similar } of daysOf(knot.at, at)) {
    if (similar.length < LEAST_SIMILAR) return { ok: false, why: 'too-few-days' }
    const energies = similar.map((energy) => atScale(energy, scale)).reduce((sum, energy) => sum + energy, 0n)
    const ratioScale = Math.min(0, ratio.scaler)
    const divisor = BigInt(similar.length) * atScale(ratio, ratioScale) * BigInt(powered.whole)
    if (energies <= 0n || divisor <= 0n || powered.part <= 0) continue
    used += (energies * BigInt(powered.part) * 10n ** BigInt(-ratioScale)) / divisor
  }
  return {
    ok: true,
    register: cut(course, knot.face + used / 10n ** BigInt(SPARE), capacity, course.shown),
    how: 'similar-days',
    from: knot.at,
  }
}

/** On the face: past its last digit it starts again from zero. */
const cut = ({ scale }: Course, lifted: bigint, capacity: bigint | null, shown: number): Decimal => {
  const face = capacity !== null && lifted >= capacity ? lifted - capacity : lifted
  const digits = 10n ** BigInt(shown - scale)
  return decimalOf(face / digits, shown, shown)
}
