import type { AreaFrame, MeterColumns } from '../frame.ts'
import { changes, type Swings } from './follow.ts'

/** How late a meter's voltage was against the gateway's on one day. */
export interface DayLag {
  /** Index into `days` of the frame. */
  readonly day: number
  /** Minutes the meter's time is ahead of the gateway's (its values come with a later time than they were taken at); NaN = cannot be told. */
  readonly minutes: number
  /** Correlation at the slot that fits best. */
  readonly correlation: number
  /** Pairs of slots. */
  readonly rows: number
}

/** Two hours each way: an hour of summer time and an hour more. */
const NEAR = 8
/** A correlation this many times its standard error is no chance: among 17 lags, 100 meters and 60 days it happens once in ten thousand years. */
const SURE = 6

interface Sums {
  rows: number
  xx: number
  yy: number
  xy: number
}

const sumsOf = (x: Float64Array, y: Float64Array, from: number, to: number, lag: number): Sums => {
  let rows = 0
  let xx = 0
  let yy = 0
  let xy = 0
  const first = Math.max(from, -lag)
  const last = Math.min(to, y.length - lag)
  for (let slot = first; slot < last; slot++) {
    const a = x[slot]!
    const b = y[slot + lag]!
    const product = a * b
    if (Number.isNaN(product)) continue
    rows++
    xx += a * a
    yy += b * b
    xy += product
  }
  return { rows, xx, yy, xy }
}

/** Takes out of a meter's swings what its own current explains: its voltage and current have the same clock, right or wrong. */
export const ownless = (u: Float64Array, i: Float64Array): Float64Array => {
  let ii = 0
  let iu = 0
  for (let slot = 0; slot < u.length; slot++) {
    const product = u[slot]! * i[slot]!
    if (Number.isNaN(product)) continue
    iu += product
    ii += i[slot]! ** 2
  }
  const ohm = ii > 0 ? Math.min(0, iu / ii) : 0
  if (ohm === 0) return u
  for (let slot = 0; slot < u.length; slot++) {
    const ampere = i[slot]!
    if (!Number.isNaN(ampere)) u[slot]! -= ohm * ampere
  }
  return u
}

/** Swings of the places of a meter beside those of the gateway phases they follow. */
export interface Pair {
  readonly gateway: Float64Array
  readonly meter: Float64Array
}

/** Room for the swings of one meter after the other. */
export interface PairRoom {
  readonly volts: readonly Float64Array<ArrayBuffer>[]
  readonly amperes: Float64Array<ArrayBuffer>
}

export const pairRoom = ({ from, to }: Swings): PairRoom => ({
  volts: [0, 1, 2].map(() => new Float64Array(to - from)),
  amperes: new Float64Array(to - from),
})

/** @param room  what it gives is good until somebody else is put there */
export const pairsOf = (
  frame: AreaFrame,
  meter: MeterColumns,
  places: readonly (number | null)[],
  { phases, from, to }: Swings,
  room: PairRoom,
): readonly Pair[] =>
  places.flatMap((phase, place) => {
    const gateway = phase === null ? undefined : phases[phase]
    if (!gateway || !meter.u[place]) return []
    const u = changes(meter.u[place], from, to, frame.fact.nominalV, room.volts[place])
    return [{ gateway, meter: ownless(u, changes(meter.i[place], from, to, null, room.amperes)) }]
  })

/** Correlation over [from, to) at a lag, all places together; the rows come back with it. */
const at = (pairs: readonly Pair[], from: number, to: number, lag: number): { readonly r: number; readonly rows: number } => {
  let r = 0
  let rows = 0
  for (const { gateway, meter } of pairs) {
    const sums = sumsOf(gateway, meter, from, to, lag)
    if (!(sums.xx > 0 && sums.yy > 0)) continue
    r += (sums.rows * sums.xy) / Math.sqrt(sums.xx * sums.yy)
    rows += sums.rows
  }
  return { r: rows > 0 ? r / rows : 0, rows: pairs.length > 0 ? rows / pairs.length : 0 }
}

/**
 * Lag of one stretch of slots, minutes. Between slots it is told by the asymmetry of the two neighbours of the peak: a value read between two gateway reads is a mixture of them.
 *
 * @param wide  slots looked at each way
 */
export const lagOf = (pairs: readonly Pair[], from: number, to: number, stepMs: number, wide = NEAR): Omit<DayLag, 'day'> => {
  const known = new Map<number, number>()
  let rows = 0
  const r = (lag: number): number => {
    const seen = known.get(lag)
    if (seen !== undefined) return seen
    const one = at(pairs, from, to, lag)
    if (lag === 0) rows = one.rows
    known.set(lag, one.r)
    return one.r
  }
  let best = 0
  for (const lag of [1, -1]) if (r(lag) > r(best)) best = lag
  // In time, and clearly: nothing else is looked at.
  const plain = best === 0 && r(0) > 0.4 && r(0) > 2 * Math.max(r(1), r(-1))
  if (!plain) for (let lag = -wide; lag <= wide; lag++) if (r(lag) > r(best)) best = lag
  const correlation = r(best)
  if (rows < 24 || correlation * Math.sqrt(rows) < SURE) return { minutes: Number.NaN, correlation, rows }
  const lean = r(best + 1) - r(best - 1)
  const part = lean / (correlation + Math.abs(lean))
  return { minutes: ((best + part) * stepMs) / 60_000, correlation, rows }
}
