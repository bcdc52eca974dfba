import { CLEAN, HOUR_MS, PARTLY, type Run, SILENT, UNKNOWN } from './hours.ts'
import { hide, type Situation } from './state.ts'
import type { Link } from './topology.ts'

/** Power that is off (停电), from what meters said when it went and from the silence after it. */
export interface Outage {
  readonly level: 'meter' | 'bus' | 'area'
  readonly target: string
  readonly links: readonly Link[]
  readonly run: Run
  /** Meters that reported the loss of power themselves. */
  readonly witnesses: readonly Link[]
  /** The planned outage that should be over. */
  readonly plannedTo: number | null
}

export interface OutageLimits {
  readonly minHours: number
  readonly nearHours: number
  readonly witnessShare: number
}

interface Silence {
  readonly link: Link
  readonly run: Run
  readonly isWitness: boolean
}

/** Events by which a meter says that it loses power (停电, 掉电), by the words of protocols and files. */
const POWER_OFF: ReadonlySet<string> = new Set(['power-off', 'power-down', 'power-failure', 'power-loss', 'last-gasp'])
/** Events by which it says that power is back (上电, 来电). */
const POWER_ON: ReadonlySet<string> = new Set(['power-on', 'power-up', 'power-restored', 'power-restore', 'power-back'])
const plain = (event: string): string => event.toLowerCase().replace(/[_ ]/g, '-')
const isPowerOff = (event: string): boolean => POWER_OFF.has(plain(event))
const isPowerOn = (event: string): boolean => POWER_ON.has(plain(event))

/**
 * Outages that touch the day judged. Silence alone is none: it takes the word of a meter, or a planned outage that has not ended for it.
 * Hours of an outage are hidden from the diagnosis of communication.
 *
 * @source events, silence and calendar are reconciled; an area is not judged dark from silence alone
 */
export const outagesOf = (situation: Situation, limits: OutageLimits): Outage[] => {
  const found = [...stillDark(situation), ...fromEvents(situation, limits)]
  hideToldOutages(situation)
  return found
}

/**
 * Hours in which a meter was without power by its own word, from the event when it went to the one when it came back. An outage of an hour may leave
 * no hour without an answer, and every longer one has such hours at both ends: polls lost there say nothing of communication.
 */
const hideToldOutages = ({ comm, frame, topology }: Situation): void => {
  const offAt = new Map<string, number>()
  const told = [...frame.events].sort((a, b) => a.at - b.at)
  for (const { id, at, event } of told) {
    const before = offAt.get(id)
    if (isPowerOff(event)) offAt.set(id, before ?? at)
    else if (isPowerOn(event) && before !== undefined) {
      offAt.delete(id)
      const first = Math.floor((before - comm.start) / HOUR_MS)
      const end = Math.floor((at - comm.start) / HOUR_MS) + 1
      for (const link of topology.links) {
        if (link.id !== id && link.fact.meter !== id) continue
        // Who answers every poll has power: the event of its return belongs to another outage.
        const answered = link.classes.findIndex((what, hour) => hour > first && hour < end && what === CLEAN)
        hide(link, first, answered < 0 ? end : answered)
      }
    }
  }
}

const fromEvents = (situation: Situation, { minHours, nearHours, witnessShare }: OutageLimits): Outage[] => {
  const { comm, topology } = situation
  const offAt = new Map<string, number[]>()
  for (const { id, at, event } of situation.frame.events) {
    if (!isPowerOff(event)) continue
    const hour = Math.floor((at - comm.start) / HOUR_MS)
    offAt.set(id, [...(offAt.get(id) ?? []), hour])
  }
  if (offAt.size === 0) return []
  const silences = topology.links
    .flatMap((link): Silence[] => {
      const run = lastSilence(situation, link)
      if (!run || run.to - run.from < minHours) return []
      const isWitness = (offAt.get(link.id) ?? offAt.get(link.fact.meter) ?? []).some((hour) => Math.abs(hour - run.from) <= nearHours)
      return [{ link, run, isWitness }]
    })
    .sort((a, b) => a.run.from - b.run.from || (a.link.id < b.link.id ? -1 : 1))
  const found: Outage[] = []
  for (let at = 0; at < silences.length; ) {
    const start = silences[at]?.run.from ?? 0
    let end = at
    while (end < silences.length && (silences[end]?.run.from ?? 0) <= start + 1) end++
    const group = silences.slice(at, end)
    at = end
    const witnesses = group.filter(({ isWitness }) => isWitness)
    if (witnesses.length === 0) continue
    // Where few of many spoke, the others are silent for another reason: only those that spoke are dark.
    const dark = witnesses.length >= witnessShare * group.length ? group : witnesses
    found.push(outageOf(situation, dark))
  }
  for (const { links, run } of found) for (const link of links) hideDark(link, run)
  return found
}

/** Power goes and comes within an hour: the hours beside the silence have lost polls of it too. */
const hideDark = (link: Link, { from, to }: Run): void =>
  hide(link, link.classes[from - 1] === PARTLY ? from - 1 : from, link.classes[to] === PARTLY ? to + 1 : to)

const outageOf = ({ frame, topology }: Situation, dark: readonly Silence[]): Outage => {
  const links = dark.map(({ link }) => link)
  const run = { from: Math.min(...dark.map((one) => one.run.from)), to: Math.max(...dark.map((one) => one.run.to)) }
  const witnesses = dark.filter(({ isWitness }) => isWitness).map(({ link }) => link)
  const bus = topology.buses.find(
    (group) => links.length >= 2 && links.length >= 0.8 * group.links.length && links.every((link) => group.links.includes(link)),
  )
  const only = links[0]
  if (links.length === 1 && only) return { level: 'meter', target: only.id, links, run, witnesses, plannedTo: null }
  if (bus) return { level: 'bus', target: bus.id, links, run, witnesses, plannedTo: null }
  return { level: 'area', target: frame.fact.id, links, run, witnesses, plannedTo: null }
}

/** Meters that are not heard again after the end of a planned outage: supply may not be back at them. */
const stillDark = (situation: Situation): Outage[] => {
  const { comm, frame, topology, dayStart } = situation
  return frame.outages.flatMap(({ to, ids }): Outage[] => {
    // The hour after it is left to meters for starting.
    const first = Math.ceil((to - comm.start) / HOUR_MS) + 1
    if (first + 1 > comm.hours || first < 1) return []
    const dark = topology.links.flatMap((link): Silence[] => {
      if (ids !== null && !ids.includes(link.id)) return []
      let end = first
      while (end < comm.hours && link.classes[end] === SILENT) end++
      return end - first >= 2 && end >= dayStart && link.fact.area === frame.fact.id
        ? [{ link, run: { from: first, to: end }, isWitness: false }]
        : []
    })
    if (dark.length === 0) return []
    for (const { link, run } of dark) hide(link, run.from, run.to)
    return [{ ...outageOf(situation, dark), plannedTo: to }]
  })
}

/** The last stretch without a byte that reaches into the day judged, or ended where it begins. */
const lastSilence = (situation: Situation, link: Link): Run | null => {
  const { hours } = situation.comm
  let to = hours
  while (to > situation.dayStart - 1 && to > 0 && link.classes[to - 1] !== SILENT) to--
  if (to < situation.dayStart || to === 0) return null
  let from = to
  while (from > 0 && (link.classes[from - 1] === SILENT || link.classes[from - 1] === UNKNOWN)) from--
  while (from < to && link.classes[from] === UNKNOWN) from++
  return from < to ? { from, to } : null
}
