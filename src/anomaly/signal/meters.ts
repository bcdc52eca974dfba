import type { Base, Signal } from './base.ts'
import { courseOf, type Family, isEvening, isNearEvening, type Stretched } from './course.ts'
import { isTogetherWith, meanOf } from './groups.ts'
import { CLEAN, type Counts, countsOf, type Run, UNKNOWN } from './hours.ts'
import type { Situation } from './state.ts'
import { binomialTail } from './tail.ts'
import type { Link } from './topology.ts'

export type MeterCause = 'dead' | 'wrong_address' | 'baud' | 'address_conflict' | 'evening_noise' | 'weak_signal' | 'noise' | 'intermittent'

/** A fault of one meter's communication. */
export interface MeterFault {
  readonly link: Link
  /** The other meter of an address conflict. */
  readonly other: Link | null
  readonly cause: MeterCause
  readonly run: Run
  readonly counts: Counts
  /** Probability of so many lost polls on a usual link of this kind. */
  readonly chance: number
  readonly numbers: Readonly<Record<string, number | string | null>>
}

/** Hours before the end within which something must have gone wrong for a link to be looked at closely; a noisy evening comes once a day. */
const LOOK_BACK = 36

/** Faults of single meters that were there on the day judged, or ended at its start; groups are hidden already. */
export const meterFaults = (situation: Situation, base: Base): MeterFault[] => {
  const found = situation.topology.links.flatMap((link) => {
    if (!isSuspect(situation, link)) return []
    const failRate = base.failRate(link)
    const signal = base.signal(link)
    return joined(courseOf(situation, link, failRate, signal)).flatMap((run) => judged(situation, link, run, failRate, signal) ?? [])
  })
  return paired(situation, found).filter(({ run }) => run.to >= situation.dayStart)
}

const isSuspect = (situation: Situation, link: Link): boolean => {
  const { hours } = situation.comm
  const first = Math.max(0, Math.min(hours, situation.dayStart) - (LOOK_BACK - 24))
  const { columns, classes } = link
  const { lost, failed, strays } = countsOf(columns, { from: first, to: hours }, classes)
  return lost > 0 || failed >= 3 || strays > 0
}

const isTotal = (family: Family): boolean => family === 'silent' || family === 'garbled'

/** Stretches of one fault: parts that touch, partial ones of any kind; and what fails wholly keeps the hour in which it began to. */
const joined = (stretches: readonly Stretched[]): Stretched[] => {
  const out: { from: number; to: number; family: Family; partial: Map<Family, number> }[] = []
  for (const { from, to, family } of stretches) {
    const last = out.at(-1)
    const isNext = last && from - last.to <= 1
    if (last && isNext && (last.family === family || (!isTotal(last.family) && !isTotal(family)))) {
      last.to = to
      last.partial.set(family, (last.partial.get(family) ?? 0) + to - from)
    } else if (last && isNext && isTotal(family) && last.to - last.from === 1 && !isTotal(last.family)) {
      Object.assign(last, { to, family })
    } else if (last && isNext && isTotal(last.family) && to - from === 1 && !isTotal(family)) {
      last.to = to
    } else out.push({ from, to, family, partial: new Map([[family, to - from]]) })
  }
  return out.map(({ from, to, family, partial }) => {
    if (isTotal(family)) return { from, to, family }
    const [most] = [...partial].sort((a, b) => b[1] - a[1])
    return { from, to, family: most?.[0] ?? family }
  })
}

const judged = (situation: Situation, link: Link, stretch: Stretched, failRate: number, signal: Signal | null): MeterFault | null => {
  const run = stretch.family === 'evening' ? trimmed(situation, link, stretch) : { from: stretch.from, to: stretch.to }
  const counts = countsOf(link.columns, run, link.classes)
  if (counts.hours < situation.limit('minHours', link.id) || counts.polls === 0) return null
  const chance = chanceOf(counts, failRate)
  const numbers = {
    pollsLost: counts.lost,
    polls: counts.polls,
    lostPct: (100 * counts.lost) / counts.polls,
    timeouts: counts.timeouts,
    crcErrors: counts.crc,
    answersOfOthers: counts.strays,
    usualFailPct: 100 * failRate,
    ...(signal
      ? {
          [signal.unit === 'snrDb' ? 'usualSnrDb' : 'usualRssiDbm']: signal.usual,
          signalDropDb: meanOf(signal.drop, run),
          signalDropWhenLostDb: droppedWhenLost(link, run, signal),
          kindMedian: signal.kindMedian,
        }
      : {}),
  }
  const fault = (cause: MeterCause, chance: number): MeterFault => ({
    link,
    other: null,
    cause,
    run,
    counts,
    chance,
    numbers: { ...numbers, chance },
  })
  if (isTotal(stretch.family)) {
    if (counts.strays >= 0.5 * counts.polls) return fault('wrong_address', chance)
    return fault(stretch.family === 'silent' ? 'dead' : 'baud', chance)
  }
  return partialFault(situation, link, { ...stretch, ...run }, failRate, signal, fault)
}

/**
 * Probability of as many failures on a usual link. Both attempts of a poll fail together more often than chance has it, so two attempts are
 * counted as one try.
 */
const chanceOf = ({ lost, polls, failed, attempts }: Counts, failRate: number): number =>
  Math.min(binomialTail(lost, polls, failRate), binomialTail(failed / 2, attempts / 2, failRate))

/** What loses part of its polls: whether that is worth a visit, and what it looks like. */
const partialFault = (
  { limit, hourOfDay }: Situation,
  link: Link,
  stretch: Stretched,
  failRate: number,
  signal: Signal | null,
  fault: (cause: MeterCause, chance: number) => MeterFault,
): MeterFault | null => {
  const { id, columns, classes } = link
  const all = countsOf(columns, stretch, classes)
  const inEvening = countsOf(columns, stretch, classes, (hour) => isEvening(hourOfDay[hour] ?? 0) || isNearEvening(hourOfDay[hour] ?? 0))
  const span = stretch.to - stretch.from
  const first = hourOfDay[stretch.from] ?? 0
  // One evening from its beginning to its end: chance would rarely have it so.
  const isOneEvening = span >= 4 && span <= 7 && first >= 17 && first <= 19 && inEvening.hours === all.hours
  const isOfEvening = stretch.family === 'evening' || isOneEvening || (span >= 24 && inEvening.lost > 0.9 * all.lost)
  // What fails in the evening is judged by evenings: by day there is nothing to see.
  const counts = isOfEvening ? inEvening : all
  const chance = chanceOf(counts, failRate)
  const lostShare = counts.polls > 0 ? counts.lost / counts.polls : 0
  const isForeign = counts.strays >= 2 && counts.strays >= 0.02 * counts.polls
  const hasDropped = signal !== null && droppedWhenLost(link, stretch, signal) >= limit('snrDrop', id)
  // A second witness of another kind, signal or foreign answers, carries half of the burden of proof.
  const significance = limit('significance', id) ** (hasDropped || isForeign ? 0.5 : 1)
  const isLosing = counts.lost >= 2 && lostShare >= limit('lostShare', id)
  // Repeats may still save what the first attempt loses.
  const isStruggling = counts.failed >= 4 && counts.failed >= limit('failedShare', id) * counts.attempts
  if (chance > significance || !(isLosing || isStruggling)) return null
  if (isForeign) return fault('address_conflict', chance)
  const level = signal ? signal.usual - (meanOf(signal.drop, stretch) ?? 0) : Number.NaN
  const isLow = hasDropped || (signal !== null && level < signal.kindFloor)
  if (signal && !hasDropped && lostShare < limit('lostShareUnchanged', id)) return null
  if (isOfEvening) return fault('evening_noise', chance)
  // With no better days to compare with, a link below the middle of its kind is called weak, and one above it noisy.
  if (isLow || (signal && level < signal.kindMedian)) return fault('weak_signal', chance)
  return fault(counts.crc >= 0.3 * counts.failed ? 'noise' : 'intermittent', chance)
}

const isQuiet = ({ classes }: Link, hour: number): boolean => classes[hour] === UNKNOWN || classes[hour] === CLEAN

/** Drop of the signal over the hours in which polls were lost, dB. */
const droppedWhenLost = (link: Link, { from, to }: Run, signal: Signal): number => {
  let sum = 0
  let count = 0
  for (let hour = from; hour < to; hour++) {
    const drop = signal.drop[hour] ?? Number.NaN
    if (!Number.isFinite(drop) || isQuiet(link, hour)) continue
    sum += drop
    count++
  }
  return count > 0 ? sum / count : Number.NaN
}

/** From the first bad hour to the last: by day a noisy evening is a healthy link, which says nothing of when it began. */
const trimmed = (situation: Situation, link: Link, { from, to }: Run): Run => {
  let first = from
  while (first < to - 1 && isQuiet(link, first)) first++
  // What goes on at the end of the data is not over because it is quiet by day.
  if (to === situation.comm.hours) return { from: first, to }
  let last = to
  while (last > first + 1 && isQuiet(link, last - 1)) last--
  return { from: first, to: last }
}

/** Two meters of one bus that answer for each other are one fault. */
const paired = (situation: Situation, found: readonly MeterFault[]): MeterFault[] => {
  const taken = new Set<MeterFault>()
  const out: MeterFault[] = []
  for (const fault of found) {
    if (taken.has(fault)) continue
    if (fault.cause !== 'address_conflict') {
      out.push(fault)
      continue
    }
    const { bus, concentrator } = fault.link.fact
    const isNear = ({ id, fact }: Link) => id !== fault.link.id && (bus !== null ? fact.bus === bus : fact.concentrator === concentrator)
    const known = found.find(
      (one) => !taken.has(one) && one !== fault && one.cause === fault.cause && isNear(one.link) && isTogetherWith(one.run, fault.run),
    )
    if (known) taken.add(known)
    const other = known?.link ?? likeliest(situation, fault, isNear)
    // The same target every day, whoever of the two was noticed first.
    const [target, partner] = other && other.id < fault.link.id ? [other, fault.link] : [fault.link, other]
    const run = known ? { from: Math.min(fault.run.from, known.run.from), to: Math.max(fault.run.to, known.run.to) } : fault.run
    out.push({
      ...fault,
      link: target,
      other: partner,
      run,
      numbers: { ...fault.numbers, meters: [target.id, ...(partner ? [partner.id] : [])].join(' ') },
    })
  }
  return out
}

/** The neighbour that heard most answers of others at that time, if any did. */
const likeliest = (situation: Situation, { run }: MeterFault, isNear: (link: Link) => boolean): Link | null => {
  let best: Link | null = null
  let most = 0
  for (const link of situation.topology.links) {
    if (!isNear(link)) continue
    const { strays } = countsOf(link.columns, run, link.classes)
    if (strays > most) [best, most] = [link, strays]
  }
  return best
}
