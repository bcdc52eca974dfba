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
  const { limit, hourOfDay } = situation
  const mask = link.classes
  const run = stretch.family === 'evening' ? trimmed(situation, link, stretch) : { from: stretch.from, to: stretch.to }
  const counts = countsOf(link.columns, run, mask)
  if (counts.hours < limit('minHours', link.id) || counts.polls === 0) return null
  const lostShare = counts.lost / counts.polls
  // A poll is lost when its repeat fails too; repeats of the same minute fail together, so the better of both is not believed.
  const chance = binomialTail(counts.lost, counts.polls, failRate)
  const drop = signal ? meanOf(signal.drop, run) : null
  const numbers = {
    pollsLost: counts.lost,
    polls: counts.polls,
    lostPct: 100 * lostShare,
    timeouts: counts.timeouts,
    crcErrors: counts.crc,
    answersOfOthers: counts.strays,
    usualFailPct: 100 * failRate,
    chance,
    ...(signal
      ? { [`${signal.unit === 'snrDb' ? 'usualSnrDb' : 'usualRssiDbm'}`]: signal.usual, signalDropDb: drop, kindMedian: signal.kindMedian }
      : {}),
  }
  const fault = (cause: MeterCause): MeterFault => ({ link, other: null, cause, run, counts, chance, numbers })
  if (isTotal(stretch.family)) {
    if (counts.strays >= 0.5 * counts.polls) return fault('wrong_address')
    return fault(stretch.family === 'silent' ? 'dead' : 'baud')
  }
  if (chance > limit('significance', link.id)) return null
  if (lostShare < limit('lostShare', link.id) || counts.lost < 2) return null
  if (counts.strays >= 2 && counts.strays >= 0.02 * counts.polls) return fault('address_conflict')
  const isAtNight = (hour: number) => isEvening(hourOfDay[hour] ?? 0) || isNearEvening(hourOfDay[hour] ?? 0)
  const outside = countsOf(link.columns, run, mask, (hour) => !isAtNight(hour))
  // Signal in the hours that count: of the evening only, where it is the evening that fails.
  const isOfEvening = stretch.family === 'evening' || (run.to - run.from >= 24 && outside.lost * 10 < counts.lost)
  const hasDropped = signal !== null && droppedWhenLost(link, run, signal) >= limit('snrDrop', link.id)
  const isLow = signal !== null && (hasDropped || signal.usual - (drop ?? 0) < signal.kindFloor)
  if (signal !== null && !isLow && lostShare < limit('lostShareUnchanged', link.id)) return null
  if (isOfEvening) return fault('evening_noise')
  if (isLow) return fault('weak_signal')
  if (counts.crc >= 0.3 * counts.failed) return fault('noise')
  return fault('intermittent')
}

const isQuiet = ({ classes }: Link, hour: number): boolean => classes[hour] === UNKNOWN || classes[hour] === CLEAN

/** Drop of the signal over the hours in which polls were lost, dB. */
const droppedWhenLost = (link: Link, { from, to }: Run, signal: Signal): number => {
  let [sum, count] = [0, 0]
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
