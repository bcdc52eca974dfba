import { type Decimal, decimalText, QUALITY, rescale, type Source, subtract, type Unit } from '../core/index.ts'
import type { HoldReason } from './types.ts'

/** One register of one stored reading. Instants are milliseconds since 1970 UTC. */
export interface NearRead {
  /** Short OBIS code: `1.8.0`. */
  readonly register: string
  readonly unit: Unit
  /** As on the face. */
  readonly value: Decimal
  /** CT x PT that stands beside the stored row. */
  readonly storedRatio: string
  readonly meter: string
  readonly source: Source
  /** Bits of QUALITY. */
  readonly quality: number
  readonly measuredAt: number
  readonly receivedAt: number
}

/** The meter (电能表) that hung at the point at the instant, from and until when. */
export interface Hanging {
  readonly meter: string
  readonly from: number
  readonly to: number | null
}

/** What stands for a register at an instant, and what speaks against it. */
export interface Choice {
  readonly best: NearRead | null
  /** Says something else with the same right; null: nothing does. */
  readonly other: NearRead | null
  /** Something was read and must not be used. */
  readonly setAside: NearRead | null
}

/** What stands for what (取数优先级): what the meter froze itself, what it showed, what somebody saw, what was made up. */
const RANK: Readonly<Record<Source, number>> = {
  'day-freeze': 0,
  'month-freeze': 1,
  curve: 2,
  live: 3,
  push: 3,
  manual: 4,
  estimated: 6,
}
/** A read whose clock cannot be trusted comes after everything that was read, and before what was made up. */
const DOUBTFUL = 5
/** The meter's own label says of which instant these are. */
const LABELLED: ReadonlySet<Source> = new Set<Source>(['day-freeze', 'month-freeze', 'curve'])
const UNUSABLE = QUALITY.quarantined | QUALITY.unregistered

const isStandIn = ({ quality }: NearRead): boolean => (quality & QUALITY.liveAsFreeze) !== 0

const rankOf = (read: NearRead): number => {
  if (read.source === 'estimated' || read.quality & QUALITY.estimated) return RANK.estimated
  if (read.quality & QUALITY.clockDoubtful) return DOUBTFUL
  return isStandIn(read) ? RANK.live : RANK[read.source]
}

/** When the meter showed it: a live read that stands in for a freeze bears the freeze's instant and was read later. */
const shownAt = (read: NearRead): number => (isStandIn(read) ? read.receivedAt : read.measuredAt)

/** Can it stand for the instant at all? A freeze of another day never does. */
const isNear = (read: NearRead, at: number, windowMs: number): boolean => {
  if (isStandIn(read)) return read.measuredAt === at && Math.abs(read.receivedAt - at) <= windowMs
  if (LABELLED.has(read.source) || rankOf(read) === RANK.estimated) return read.measuredAt === at
  return Math.abs(read.measuredAt - at) <= windowMs
}

/** Read of the meter that hung there at the instant, while it did: the other meter of an exchange counts from zero. */
const isOwn = (read: NearRead, { meter, from, to }: Hanging): boolean => {
  const shown = shownAt(read)
  return read.meter === meter && shown >= from && (to === null || shown < to)
}

/** Do two faces contradict each other? One may show fewer digits. */
export const differs = (a: Decimal, b: Decimal): boolean => {
  const { raw } = subtract(a, b)
  const step = rescale({ raw: 1, scaler: Math.max(a.scaler, b.scaler) }, Math.min(a.scaler, b.scaler)).raw
  return (raw < 0 ? -raw : raw) >= step
}

/**
 * The read that stands for one register at an instant: day freeze, month freeze, curve, live or pushed, entered by hand, estimate; of one kind the
 * nearest, then the one that came last. Reads of freezes and curves stand for their own instant alone.
 *
 * Two that have the same right and differ are both named: nobody picks one silently. That is so for two of one kind and instant, and
 * for any two copies the meter itself made of the instant.
 *
 * @param windowMs  how far a live, pushed or entered read may lie from the instant, before or after
 * @param reads     of one register, in any order
 */
export const bestRead = (at: number, windowMs: number, hanging: Hanging, reads: readonly NearRead[]): Choice => {
  let best: NearRead | null = null
  let setAside: NearRead | null = null
  let usable: NearRead[] | null = null
  for (const read of reads) {
    if (!isNear(read, at, windowMs) || !isOwn(read, hanging)) continue
    if (read.quality & UNUSABLE || read.value.raw < 0) {
      setAside = setAside === null || better(at, read, setAside) ? read : setAside
      continue
    }
    if (best === null) {
      best = read
      continue
    }
    // Mostly there is one, and nothing to compare it with.
    usable ??= [best]
    usable.push(read)
    if (better(at, read, best)) best = read
  }
  const chosen = best
  const contradicts = (read: NearRead) => chosen !== null && read !== chosen && isEqual(read, chosen) && differs(read.value, chosen.value)
  return { best, other: usable?.find(contradicts) ?? null, setAside }
}

const better = (at: number, a: NearRead, b: NearRead): boolean => {
  const by =
    rankOf(a) - rankOf(b) ||
    Math.abs(shownAt(a) - at) - Math.abs(shownAt(b) - at) ||
    b.receivedAt - a.receivedAt ||
    // So that the answer does not depend on the order of the store.
    (a.source < b.source ? -1 : a.source > b.source ? 1 : 0) ||
    b.value.scaler - a.value.scaler ||
    Number(BigInt(a.value.raw) - BigInt(b.value.raw))
  return by < 0
}

const isEqual = (a: NearRead, b: NearRead): boolean => {
  if (shownAt(a) !== shownAt(b)) return false
  const copied = (read: NearRead) => LABELLED.has(read.source) && !isStandIn(read) && rankOf(read) < DOUBTFUL
  return rankOf(a) === rankOf(b) || (copied(a) && copied(b))
}

export interface PointHold {
  readonly reason: HoldReason
  readonly text: string
}

const SOURCE_WORDS: Readonly<Record<Source, string>> = {
  'day-freeze': 'the day freeze',
  'month-freeze': 'the month freeze',
  curve: 'the curve',
  live: 'a live read',
  push: 'a pushed read',
  manual: 'an entered read',
  estimated: 'an estimate',
}

const said = ({ source, value, measuredAt }: NearRead): string =>
  `${SOURCE_WORDS[source]} of ${new Date(measuredAt).toISOString()} says ${decimalText(value.raw, value.scaler)}`

/**
 * What speaks against the registers of a point, in words.
 *
 * @param due  registers that are billed here
 */
export const holdsOf = (choices: ReadonlyMap<string, Choice>, due: readonly string[], window: string): readonly PointHold[] => {
  const holds: PointHold[] = []
  const found = [...choices].filter(([, { best }]) => best !== null)
  const missing = due.filter((register) => !choices.get(register)?.best)
  const aside = [...choices].flatMap(([register, { best, setAside }]) => (best === null && setAside ? [{ register, read: setAside }] : []))
  if (aside.length > 0)
    holds.push({
      reason: 'quarantined',
      text: `of ${aside.map(({ register }) => register).join(', ')} only what was set aside: ${said(aside[0]!.read)}`,
    })
  if (found.length === 0 && aside.length === 0) holds.push({ reason: 'no-read', text: `nothing was read ${window}` })
  else if (missing.length > 0)
    holds.push({ reason: 'incomplete', text: `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing` })
  const doubtful = found.flatMap(([register, { best }]) => (best && best.quality & QUALITY.clockDoubtful ? [register] : []))
  if (doubtful.length > 0)
    holds.push({ reason: 'clock-doubtful', text: `${doubtful.join(', ')}: the clock could not be trusted when it was read` })
  for (const [register, { best, other }] of found)
    if (best && other) holds.push({ reason: 'conflict', text: `${register}: ${said(best)}, ${said(other)}` })
  return holds
}
