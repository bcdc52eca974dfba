import type { AreaFrame, MeterColumns } from '../frame.ts'
import { FACE_STEP, powerCapOf, slotHours, timeOf } from './shared.ts'

/** A place where a register does not go on from where it was. */
export interface Break {
  /**
   * `fall` to a level below all of the last day, and it stays there; `jump` up by more than can have been used, and it stays there;
   * `rollover` past the last digit; `recorded` exchange; `garbled` reads that went back; `repeat` of registers of the last hours (a clock set
   * back); `fresh`: too new to be told.
   */
  readonly what: 'fall' | 'jump' | 'rollover' | 'recorded' | 'garbled' | 'repeat' | 'fresh'
  /** Slot at whose end the last good register stands. */
  readonly before: number
  /** Slot at whose end the first register after the break stands; of garbled reads: the first one that is good again. */
  readonly slot: number
  readonly old: number
  readonly now: number
  readonly readsAfter: number
  /** No voltage, or none read, between the two. */
  readonly wasDark: boolean
}

export interface BreakLimits {
  readonly stayReads: number
  readonly memoryHours: number
  readonly recordHours: number
  readonly jumpFactor: number
}

/** How far a face may fall without meaning: one step, as meters that round on the way show. */
const SLACK = FACE_STEP * 1.5
/** Faces of six and of five digits before the point (DL/T 645-2007: XXXXXX.XX; older meters five). */
const CAPACITIES = [1e5, 1e6] as const
/** What a meter from the factory shows at most, kWh: some test runs. */
const NEW_KWH = 1
/** Reads within which a wild read has to be gone again. */
const GARBLED_READS = 8

const seen = new WeakMap<AreaFrame, Map<string, readonly Break[]>>()

/** As {@link breaksOf}; asked again for the same frame it need not look again, for a frame does not change while it is judged. */
export const knownBreaksOf = (frame: AreaFrame, of: MeterColumns, limits: BreakLimits): readonly Break[] => {
  const ofFrame = seen.get(frame) ?? new Map<string, readonly Break[]>()
  seen.set(frame, ofFrame)
  const key = `${of.fact.id} ${limits.stayReads} ${limits.memoryHours} ${limits.recordHours} ${limits.jumpFactor}`
  const known = ofFrame.get(key) ?? breaksOf(frame, of, limits)
  ofFrame.set(key, known)
  return known
}

/**
 * Every break of the import register of one meter in the window, oldest first. One pass over the faces; only breaks are looked at closer.
 *
 * @param frame  registers stand at the end of their slots; NaN = not read
 */
export const breaksOf = (frame: AreaFrame, of: MeterColumns, limits: BreakLimits): readonly Break[] => {
  const face = of.faceImp
  // Largest rise of a face in a slot that needs no second look, kWh: what the customer may draw, with room.
  const perSlot = (Math.max(powerCapOf(frame, of).kw * 1.2, 1) * limits.jumpFactor * slotHours(frame)) / of.fact.multiplier
  const breaks: Break[] = []
  let before = -1
  let old = Number.NaN
  for (let slot = 0; slot < face.length; slot++) {
    const now = face[slot]!
    if (Number.isNaN(now)) continue
    const rise = now - old
    // The comparison is false for the first read, whose predecessor is not known.
    if (rise < -SLACK || rise > perSlot * (slot - before) + SLACK) {
      const one = judge(frame, of, limits, { before, slot, old, now, perSlot })
      if (one) {
        breaks.push(one)
        slot = one.slot
        old = face[slot]!
        before = slot
        continue
      }
    }
    old = now
    before = slot
  }
  return breaks
}

interface Place {
  readonly before: number
  readonly slot: number
  readonly old: number
  readonly now: number
  readonly perSlot: number
}

const judge = (frame: AreaFrame, of: MeterColumns, limits: BreakLimits, place: Place): Break | null => {
  const { before, slot, old, now, perSlot } = place
  const give = (what: Break['what'], at = slot, readsAfter = 0): Break => ({
    what,
    before,
    slot: at,
    old,
    now: of.faceImp[at] ?? now,
    readsAfter,
    wasDark: wasDark(frame, of, before, slot),
  })
  if (isRecorded(frame, of, limits, place)) return give('recorded')
  if (now < old && isRollover(place)) return give('rollover')
  const back = goesBack(of.faceImp, place)
  if (back !== null) return give('garbled', back)
  const readsAfter = staying(of.faceImp, place)
  if (now > old) {
    if (isPowerBehindIt(frame, of, place)) return null
    return give(readsAfter >= limits.stayReads ? 'jump' : 'fresh', slot, readsAfter)
  }
  // A counter that was at this level within the last day is repeating itself (clock set back) or runs backwards: not another meter.
  const memory = Math.round(limits.memoryHours / slotHours(frame))
  for (let at = before; at >= 0 && at > before - memory; at--) if (of.faceImp[at]! <= now + SLACK) return give('repeat')
  // Less than what can flow back in that time is counting backwards, unless a new meter begins near zero.
  if (old - now <= (perSlot * (slot - before)) / limits.jumpFactor && now > NEW_KWH) return give('repeat')
  return give(readsAfter >= limits.stayReads ? 'fall' : 'fresh', slot, readsAfter)
}

const isRecorded = (frame: AreaFrame, of: MeterColumns, { recordHours }: BreakLimits, { before, slot }: Place): boolean => {
  const reach = recordHours * 3_600_000
  const [from, to] = [timeOf(frame, before + 1) - reach, timeOf(frame, slot + 1) + reach]
  return of.fact.exchanges.some(({ at }) => at >= from && at <= to)
}

const isRollover = ({ before, slot, old, now, perSlot }: Place): boolean =>
  CAPACITIES.some((capacity) => old < capacity && capacity - old + now <= perSlot * (slot - before) + SLACK)

/** First slot at which the register goes on from the old level; null when it does not within a few reads. */
const goesBack = (face: Float64Array, { before, slot, old, now, perSlot }: Place): number | null => {
  let reads = 0
  for (let at = slot + 1; at < face.length && reads < GARBLED_READS; at++) {
    const value = face[at]!
    if (Number.isNaN(value)) continue
    reads++
    const fits = value >= old - SLACK && value <= old + perSlot * (at - before) + SLACK
    // Reached by going on from the new level: that is no return.
    const fitsNew = value >= now - SLACK && value <= now + perSlot * (at - slot) + SLACK
    if (fits && !fitsNew) return at
  }
  return null
}

/** Reads after the break that go on from the new level. */
const staying = (face: Float64Array, { slot, now, perSlot }: Place): number => {
  let reads = 0
  let last = now
  let lastAt = slot
  for (let at = slot + 1; at < face.length && reads < 96; at++) {
    const value = face[at]!
    if (Number.isNaN(value)) continue
    if (value < last - SLACK || value > last + perSlot * (at - lastAt) + SLACK) return reads
    reads++
    last = value
    lastAt = at
  }
  return reads
}

/** Whether the power that was read at both ends is as large as the step says: then the customer did draw it. */
const isPowerBehindIt = (frame: AreaFrame, of: MeterColumns, { before, slot, old, now }: Place): boolean => {
  const kw = ((now - old) * of.fact.multiplier) / ((slot - before) * slotHours(frame))
  const [first, last] = [of.p?.[before] ?? Number.NaN, of.p?.[slot] ?? Number.NaN]
  return Math.max(first, last) >= kw / 3
}

const wasDark = (frame: AreaFrame, of: MeterColumns, before: number, slot: number): boolean => {
  const u = of.u[0]
  if (!u) return false
  for (let at = before + 1; at < slot; at++) if (!(u[at]! >= 0.5 * frame.fact.nominalV)) return true
  return false
}
