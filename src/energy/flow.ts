import type { ShapeSlot, Span } from './types.ts'

/** Powered milliseconds of [from, to). @param outages  by time, not overlapping */
const poweredMs = (from: number, to: number, outages: readonly Span[]): bigint => {
  let ms = to - from
  for (const outage of outages) {
    const overlap = Math.min(to, outage.to) - Math.max(from, outage.from)
    if (overlap > 0) ms -= overlap
  }
  return BigInt(ms)
}

/** Spans in order, those that touch or overlap as one. */
export const joined = (spans: readonly Span[]): readonly Span[] => {
  const result: { from: number; to: number }[] = []
  for (const { from, to } of spans.filter((span) => span.to > span.from).toSorted((a, b) => a.from - b.from)) {
    const last = result.at(-1)
    if (last && from <= last.to) last.to = Math.max(last.to, to)
    else result.push({ from, to })
  }
  return result
}

/**
 * How much of what flowed in [from, to) had flowed by `at`, as an exact fraction: evenly over the time with power, and over a longer
 * gap along the shape of other days. Grows with `at`, so that nothing cut out of it is ever negative.
 */
export const flownBy = (
  from: number,
  to: number,
  at: number,
  outages: readonly Span[],
  shape: readonly ShapeSlot[] | null,
): readonly [part: bigint, whole: bigint] => {
  if (shape) {
    const part = along(shape, from, at, outages)
    const whole = along(shape, from, to, outages)
    if (whole > 0n) return [part, whole]
  }
  const powered = poweredMs(from, to, outages)
  return powered > 0n ? [poweredMs(from, at, outages), powered] : [BigInt(at - from), BigInt(to - from)]
}

const along = (shape: readonly ShapeSlot[], from: number, to: number, outages: readonly Span[]): bigint => {
  let sum = 0n
  for (const slot of shape) {
    const start = Math.max(from, slot.from)
    const end = Math.min(to, slot.to)
    if (end > start) sum += BigInt(slot.rate) * poweredMs(start, end, outages)
  }
  return sum
}

/** Whether the slots, in order, leave no moment of [from, to) out. */
export const covers = (shape: readonly ShapeSlot[], from: number, to: number): boolean => {
  let at = from
  for (const slot of shape) {
    if (slot.from > at) return false
    if (slot.to > at) at = slot.to
    if (at >= to) return true
  }
  return at >= to
}
