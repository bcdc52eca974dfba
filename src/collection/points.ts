/** Points of a day's curve as bits: bit k is the point at midnight + k × step. */

const MINUTE_MS = 60_000
/** Intervals of load records. @source DL/T 645-2007, load record intervals 1 to 60 min; 15 min is usual */
const STEPS = [1, 2, 3, 5, 10, 15, 20, 30, 60].map((minutes) => minutes * MINUTE_MS)

/** Uniform spacing is believed from so many points on: with fewer, a hole looks like a longer step. */
const SURE_FROM = 4

export const pointsOfDay = (dayMs: number, stepMs: number): number => Math.ceil(dayMs / stepMs)
export const emptyBits = (points: number): Uint8Array => new Uint8Array(Math.ceil(points / 8))
export const hasPoint = (bits: Uint8Array, at: number): boolean => ((bits[at >> 3] ?? 0) & (1 << (at & 7))) !== 0

export const countPoints = (bits: Uint8Array, points: number): number => {
  let count = 0
  for (let at = 0; at < points; at++) if (hasPoint(bits, at)) count++
  return count
}

/** Marks the instants that lie on the grid. @returns a new array */
export const withPoints = (bits: Uint8Array, day: number, stepMs: number, points: number, instants: readonly number[]): Uint8Array => {
  const next = Uint8Array.from(bits)
  for (const instant of instants) {
    const at = (instant - day) / stepMs
    if (Number.isInteger(at) && at >= 0 && at < points) next[at >> 3] = (next[at >> 3] ?? 0) | (1 << (at & 7))
  }
  return next
}

/** The same points on another grid; those that do not lie on it are gone. */
export const regrid = (bits: Uint8Array, from: { stepMs: number; points: number }, to: { stepMs: number; points: number }): Uint8Array => {
  const instants: number[] = []
  for (let at = 0; at < from.points; at++) if (hasPoint(bits, at)) instants.push(at * from.stepMs)
  return withPoints(emptyBits(to.points), 0, to.stepMs, to.points, instants)
}

/**
 * The interval that instants of one answer show.
 *
 * @param known  the interval believed so far
 * @returns      a shorter one as soon as two points prove it, a longer one when several points agree
 */
export const stepShown = (instants: readonly number[], known: number): number => {
  const sorted = [...new Set(instants)].sort((a, b) => a - b)
  let least = Number.POSITIVE_INFINITY
  let most = 0
  for (let at = 1; at < sorted.length; at++) {
    const gap = sorted[at]! - sorted[at - 1]!
    least = Math.min(least, gap)
    most = Math.max(most, gap)
  }
  if (!STEPS.includes(least)) return known
  if (least < known) return least
  return sorted.length >= SURE_FROM && least === most ? least : known
}

/** A stretch of points [from, to], both instants of points. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

/** Points that are missing and were due until an instant, as stretches, oldest first. */
export const missingStretches = (bits: Uint8Array, day: number, stepMs: number, points: number, until: number): Stretch[] => {
  const found: { from: number; to: number }[] = []
  for (let at = 0; at < points; at++) {
    const instant = day + at * stepMs
    if (instant > until) break
    if (hasPoint(bits, at)) continue
    const last = found.at(-1)
    if (last && last.to === instant - stepMs) last.to = instant
    else found.push({ from: instant, to: instant })
  }
  return found
}

/** Whether a point is missing that lies before one that came. */
export const hasHole = (bits: Uint8Array, points: number): boolean => {
  let isMissing = false
  for (let at = 0; at < points; at++)
    if (!hasPoint(bits, at)) isMissing = true
    else if (isMissing) return true
  return false
}
