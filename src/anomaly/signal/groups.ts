import { addCounts, type Counts, classOf, countsOf, GARBLED, orZero, overlap, PARTLY, type Run, runsOf, SILENT, UNKNOWN } from './hours.ts'
import { hide, type Situation } from './state.ts'
import type { Group, Link } from './topology.ts'

/** A fault of something that more than one meter hangs on. */
export interface GroupFault {
  readonly level: 'bus' | 'concentrator' | 'backhaul'
  readonly cause: 'no_signal' | 'downlink' | 'open' | 'noise' | 'collision'
  readonly group: Group
  readonly run: Run
  /** Of the meters behind it, or of the heartbeats (backhaul). */
  readonly counts: Counts
  readonly numbers: Readonly<Record<string, number | string | null>>
}

/** Gaps that do not end a fault, hours: a modem that catches one heartbeat, a loose wire that touches. */
const GAP = 3

/**
 * Faults of channels to the head-end, of concentrators and of buses, from the top down. Each one found hides the hours of the meters below.
 *
 * @source practice of fault location: heartbeat lost → backhaul; heartbeat fine and its meters silent → concentrator; one bus silent or noisy → bus
 */
export const groupFaults = (situation: Situation): GroupFault[] => [
  ...situation.topology.concentrators.flatMap((group) => backhaulOf(situation, group)),
  ...situation.topology.concentrators.flatMap((group) => silentOf(situation, group, 'concentrator')),
  ...situation.topology.buses.flatMap((group) => silentOf(situation, group, 'bus')),
  ...situation.topology.buses.flatMap((group) => noisyOf(situation, group)),
]

const backhaulOf = (situation: Situation, group: Group): GroupFault[] => {
  const { own } = group
  if (!own) return []
  const { hours } = situation.comm
  const [lostShare, minHours] = [situation.limit('heartbeatLost', group.id), situation.limit('minHours', group.id)]
  const flags = new Uint8Array(hours)
  for (let hour = 0; hour < hours; hour++) {
    const polls = own.polls[hour] ?? Number.NaN
    if (polls > 0 && 1 - orZero(own.ok[hour]) / polls >= lostShare) flags[hour] = 1
  }
  const touched = (hour: number) => classOf(own, hour) > 1
  return runsOf(flags, GAP)
    .map((run) => widened(run, touched, hours))
    .filter((run) => countHours(flags, run) >= minHours)
    .map((run) => {
      for (const link of group.links) if (isDown(link, run, group.core.includes(link))) hide(link, run.from, run.to)
      const before: Run = { from: Math.max(0, run.from - 7 * 24), to: run.from }
      const numbers = {
        heartbeatsLost: countsOf(own, run).lost,
        heartbeatsDue: countsOf(own, run).polls,
        rsrpDbm: meanOf(own.rssiDbm, run),
        rsrpBeforeDbm: meanOf(own.rssiDbm, before),
        meters: group.links.length,
      }
      return { level: 'backhaul', cause: 'no_signal', group, run, counts: countsOf(own, run), numbers }
    })
}

/** Meters behind a group that time out together: nothing is heard of them, not even a damaged byte. */
const silentOf = (situation: Situation, group: Group, level: 'bus' | 'concentrator'): GroupFault[] => {
  const { core } = group
  // One meter cannot tell its bus from itself.
  if (core.length < 2) return []
  const { hours } = situation.comm
  const share = situation.limit(level === 'bus' ? 'busSilent' : 'concentratorSilent', group.id)
  const minHours = situation.limit('minHours', group.id)
  const flags = new Uint8Array(hours)
  const partly = new Uint8Array(hours)
  const unknown = new Uint8Array(hours)
  for (let hour = 0; hour < hours; hour++) {
    let known = 0
    let silent = 0
    let touched = 0
    for (const link of core) {
      const what = link.classes[hour]
      if (what === UNKNOWN) continue
      known++
      if (what === SILENT) silent++
      else if (what === PARTLY && (link.columns.ok[hour] ?? 0) < (link.columns.polls[hour] ?? 0)) touched++
    }
    if (known === 0) unknown[hour] = 1
    if (known >= 2 && known * 2 >= core.length && silent >= share * known) flags[hour] = 1
    else if (known >= 2 && silent + touched >= share * known) partly[hour] = 1
  }
  return runsOf(flags, GAP, unknown)
    .filter((run) => countHours(flags, run) >= minHours && isTogether(core, run))
    .map((run) => widened(run, (hour) => partly[hour] === 1, hours))
    .map((run) => {
      const down = group.links.filter((link) => isDown(link, run, false))
      const counts = addCounts(down.map(({ columns }) => countsOf(columns, run)))
      const heard = group.links.length - down.length
      for (const link of group.links) if (down.includes(link) || core.includes(link)) hide(link, run.from, run.to)
      const numbers = { meters: group.links.length, metersSilent: down.length, metersHeard: heard, crcErrors: counts.crc }
      return { level, cause: level === 'bus' ? 'open' : 'downlink', group, run, counts, numbers }
    })
}

/** Failures on all meters of a bus with damaged frames: noise (干扰), missing termination, a swapped pair, or answers that collide. */
const noisyOf = (situation: Situation, group: Group): GroupFault[] => {
  const { core } = group
  if (core.length < 2) return []
  const { hours } = situation.comm
  const limit = situation.limit('busNoise', group.id)
  const flags = new Uint8Array(hours)
  const touched = new Uint8Array(hours)
  const unknown = new Uint8Array(hours)
  for (let hour = 0; hour < hours; hour++) {
    let known = 0
    let hit = 0
    let damaged = 0
    let failed = 0
    let attempts = 0
    for (const link of core) {
      const what = link.classes[hour]
      if (what === UNKNOWN) continue
      const { crcErrors, timeouts, ok, polls } = link.columns
      known++
      const crc = orZero(crcErrors[hour])
      const lost = Math.max(0, (polls[hour] ?? 0) - orZero(ok[hour]))
      const failures = Math.max(orZero(timeouts[hour]) + crc, lost)
      // A link that never gets through is a matter of its own: it would carry a bus of few meters over the limit.
      if (what !== SILENT && what !== GARBLED) {
        failed += failures
        attempts += failures + orZero(ok[hour])
      }
      if (failures > 0) hit++
      if (crc > 0) damaged++
    }
    if (known === 0) unknown[hour] = 1
    if (known < 2 || known * 2 < core.length || attempts === 0) continue
    // Not every hour shows damage on all: 8 attempts of which 15 % fail leave 1 meter of 4 untouched.
    if (hit >= 0.6 * known && damaged >= 0.3 * known && failed / attempts >= limit) flags[hour] = 1
    if (hit >= 0.3 * known && damaged > 0 && failed / attempts >= limit / 2) touched[hour] = 1
  }
  const needed = situation.limit('minHours', group.id)
  const lostLimit = situation.limit('lostShare', group.id)
  // The same noise comes and goes with whatever makes it: evenings of one fault, not a fault each.
  return runsOf(flags, 24, unknown)
    .filter((run) => countHours(flags, run) >= needed)
    .map((run) => widened(run, (hour) => touched[hour] === 1, hours, GAP))
    .flatMap((run): GroupFault[] => {
      const each = core.map(({ columns, classes }) => countsOf(columns, run, classes))
      const counts = addCounts(each)
      const damaged = each.filter(({ crc }) => crc > 0).length
      const strays = each.filter((one) => one.strays > 0).length
      // Two meters with one address damage each other, and nobody else.
      if (damaged < 0.8 * each.length || counts.lost < lostLimit * counts.polls || (strays > 0 && strays <= 2 && core.length <= 3))
        return []
      const slower = core.filter(({ columns }) => isSlower(columns.latencyMs, run)).length
      const cause = strays >= 0.5 * core.length && slower >= 0.5 * core.length ? 'collision' : 'noise'
      // A meter with a modem of its own may hang on the same wires.
      for (const link of group.links) if (core.includes(link) || isNoisy(link, run, limit)) hide(link, run.from, run.to)
      const numbers = {
        meters: group.links.length,
        metersWithCrcErrors: damaged,
        failedAttemptsPct: (100 * counts.failed) / Math.max(1, counts.attempts),
        crcErrors: counts.crc,
        timeouts: counts.timeouts,
        answersOfOthers: counts.strays,
      }
      return [{ level: 'bus', cause, group, run, counts, numbers }]
    })
}

/** Whether a link hears next to nothing in a run: lost polls 4 of 5. */
const isDown = (link: Link, run: Run, otherwise: boolean): boolean => {
  const { polls, lost } = countsOf(link.columns, run, link.classes)
  return polls > 0 ? lost >= 0.8 * polls : otherwise
}

const isNoisy = ({ columns, classes }: Link, run: Run, limit: number): boolean => {
  const { failed, attempts, crc } = countsOf(columns, run, classes)
  return crc > 0 && failed >= limit * attempts
}

/** Meters that fell silent at different times and are silent at once now have no common cause: half of them, and two, must go together. */
const isTogether = (core: readonly Link[], { from }: Run): boolean => {
  if (from < 3) return true
  let fell = 0
  let known = 0
  for (const link of core) {
    if (link.classes[from] !== SILENT) continue
    const before = [1, 2, 3].map((back) => link.classes[from - back]).filter((what) => what !== UNKNOWN)
    if (before.length === 0) continue
    known++
    if (before.some((what) => what !== SILENT)) fell++
  }
  return known === 0 || (fell >= 2 && fell >= 0.5 * known)
}

/** Hours beside a run that belong to it: the fault began or ended within them. */
const widened = ({ from, to }: Run, isTouched: (hour: number) => boolean, hours: number, reach = 1): Run => {
  let [first, end] = [from, to]
  while (first > 0 && from - first < reach && isTouched(first - 1)) first--
  while (end < hours && end - to < reach && isTouched(end)) end++
  return { from: first, to: end }
}

const countHours = (flags: Uint8Array, { from, to }: Run): number => {
  let count = 0
  for (let hour = from; hour < to; hour++) count += flags[hour] ?? 0
  return count
}

export const meanOf = (values: Float32Array, { from, to }: Run): number | null => {
  let sum = 0
  let count = 0
  for (let hour = from; hour < to; hour++) {
    const value = values[hour] ?? Number.NaN
    if (!Number.isFinite(value)) continue
    sum += value
    count++
  }
  return count > 0 ? sum / count : null
}

/** Response time beyond mean + 3 sigma of the week before: answers wait for each other. */
const isSlower = (latencyMs: Float32Array, run: Run): boolean => {
  const before = { from: Math.max(0, run.from - 168), to: run.from }
  const [mean, now] = [meanOf(latencyMs, before), meanOf(latencyMs, run)]
  if (mean === null || now === null) return false
  let squares = 0
  let count = 0
  for (let hour = before.from; hour < before.to; hour++) {
    const value = latencyMs[hour] ?? Number.NaN
    if (!Number.isFinite(value)) continue
    squares += (value - mean) ** 2
    count++
  }
  return count >= 24 && now > mean + 3 * Math.sqrt(squares / count)
}

/** Whether two runs are of the same time, for the most part of the shorter one. */
export const isTogetherWith = (a: Run, b: Run): boolean => 2 * overlap(a, b) >= Math.min(a.to - a.from, b.to - b.from)
