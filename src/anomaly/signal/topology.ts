import type { CommColumns, CommFrame, MeterFact } from '../frame.ts'
import type { AreaView } from '../view.ts'
import { classesOf } from './hours.ts'

/** The communication of one meter, and where the ledger says it hangs. */
export interface Link {
  readonly id: string
  readonly fact: MeterFact
  readonly columns: CommColumns
  /** Class of each hour. What something else explains becomes `UNKNOWN`: a fault above hides those below. */
  readonly classes: Uint8Array
}

/** A bus or a concentrator with the links behind it. */
export interface Group {
  readonly id: string
  /** Area in which most of its meters are; that area speaks for it. */
  readonly area: string
  readonly links: readonly Link[]
  /** Links that need the group to be read: a meter with a modem of its own does not. */
  readonly core: readonly Link[]
  /** What was counted for the device itself: heartbeats (心跳) of a concentrator. */
  readonly own: CommColumns | null
}

export interface Topology {
  /** By id. */
  readonly links: readonly Link[]
  readonly buses: readonly Group[]
  readonly concentrators: readonly Group[]
}

/** Channels of meters that reach the head-end by themselves. */
const OWN_MODEM: ReadonlySet<string> = new Set(['4g', 'gprs', 'nb-iot', 'cat1', 'lorawan', 'mqtt', 'tcp'])

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** Who hangs on what, from the ledger of the area and of its neighbours; the order in which rows came plays no part. */
export const topologyOf = ({ frame, neighbours }: Pick<AreaView, 'frame' | 'neighbours'>, comm: CommFrame): Topology => {
  const facts = new Map<string, MeterFact>()
  for (const { fact, meters, gateways } of [...neighbours, frame])
    for (const { fact: of } of [...gateways, ...meters]) if (of.area === fact.id || !facts.has(of.id)) facts.set(of.id, of)
  const links: Link[] = []
  const own = new Map<string, CommColumns>()
  for (const columns of comm.targets) {
    const fact = facts.get(columns.id)
    if (columns.kind !== 'meter') own.set(`${columns.kind} ${columns.id}`, columns)
    else if (fact) links.push({ id: columns.id, fact, columns, classes: classesOf(columns, comm.hours) })
  }
  links.sort(byId)
  const groups = (kind: 'bus' | 'concentrator'): Group[] => {
    const members = new Map<string, Link[]>()
    for (const columns of comm.targets) if (columns.kind === kind) members.set(columns.id, [])
    for (const link of links) {
      const id = link.fact[kind]
      if (id === null) continue
      const list = members.get(id)
      if (list) list.push(link)
      else members.set(id, [link])
    }
    return [...members]
      .map(([id, list]) => {
        const core = list.filter(({ fact }) => !OWN_MODEM.has(fact.link))
        return {
          id,
          area: mostly(list, frame.fact.id),
          links: list,
          core: core.length > 0 ? core : list,
          own: own.get(`${kind} ${id}`) ?? null,
        }
      })
      .sort(byId)
  }
  return { links, buses: groups('bus'), concentrators: groups('concentrator') }
}

/** The area most links are in; of two with as many, the first by name, so that exactly one area speaks. */
const mostly = (links: readonly Link[], otherwise: string): string => {
  const counts = new Map<string, number>()
  for (const { fact } of links) counts.set(fact.area, (counts.get(fact.area) ?? 0) + 1)
  let best = otherwise
  let most = 0
  for (const [area, count] of counts)
    if (count > most || (count === most && area < best)) {
      best = area
      most = count
    }
  return best
}
