import type { AreaFrame, CommFrame } from '../frame.ts'
import { thresholdOf } from '../rule.ts'
import type { AreaView } from '../view.ts'
import { HOUR_MS, hoursOfDay, UNKNOWN } from './hours.ts'
import { COMM_RULE } from './rules.ts'
import { type Link, type Topology, topologyOf } from './topology.ts'

/** What all steps of the diagnosis look at. */
export interface Situation {
  readonly frame: AreaFrame
  readonly comm: CommFrame
  readonly topology: Topology
  readonly hourOfDay: Uint8Array
  /** First hour of the day that is judged. */
  readonly dayStart: number
  readonly limit: (name: string, id?: string) => number
}

/** Hours of planned outages are hidden from the start. */
export const situationOf = (view: Pick<AreaView, 'frame' | 'neighbours' | 'thresholds'>, comm: CommFrame): Situation => {
  const topology = topologyOf(view, comm)
  for (const { from, to, ids } of view.frame.outages) {
    const first = Math.floor((from - comm.start) / HOUR_MS)
    // A meter needs a while to start, and a carrier network to join again.
    const end = Math.ceil((to - comm.start) / HOUR_MS) + 1
    for (const link of topology.links) if (ids === null || ids.includes(link.id)) hide(link, first, end)
  }
  const zone = view.frame.fact.zone
  return {
    frame: view.frame,
    comm,
    topology,
    hourOfDay: hoursOfDay(comm),
    dayStart: comm.dayStarts.at(-2) ?? 0,
    limit: (name, id) => thresholdOf(view.thresholds, COMM_RULE, name, id === undefined ? { zone } : { zone, id }).value,
  }
}

/** These hours of a link are explained. */
export const hide = ({ classes }: Link, from: number, to: number): void => {
  if (to > 0) classes.fill(UNKNOWN, Math.max(0, from), to)
}
