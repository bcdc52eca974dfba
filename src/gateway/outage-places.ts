import type { Outage, OutageKind, OutageScope, OutagesOf } from '../collection/index.ts'
import type { Ledger } from '../ledger/index.ts'

/** What outages ask of the ledger. */
export type PlaceLedger = Pick<Ledger, 'get' | 'facts' | 'history' | 'list'>

/** Ids a point lies under, by scope. */
export type Places = Readonly<Record<OutageScope, ReadonlySet<string>>>

/** Zones lie in zones; a ring that somebody wrote down must not turn for ever. */
const DEEPEST = 8

/** Everything a point ever lay under, whenever: what an outage may name to concern it. */
export const everUnder = (ledger: PlaceLedger, point: string): Places => {
  const valuesOf = (kind: 'point' | 'area' | 'feeder' | 'zone', id: string, name: string): string[] =>
    ledger.facts(kind, id).flatMap((fact) => (fact.name === name && typeof fact.value === 'string' ? [fact.value] : []))
  const area = new Set(valuesOf('point', point, 'area'))
  const feeder = new Set([...area].flatMap((id) => valuesOf('area', id, 'feeder')))
  const zone = new Set([
    ...[...area].flatMap((id) => valuesOf('area', id, 'zone')),
    ...[...feeder].flatMap((id) => valuesOf('feeder', id, 'zone')),
  ])
  let news = [...zone]
  for (let depth = 0; depth < DEEPEST && news.length > 0; depth++) {
    news = news.flatMap((id) => valuesOf('zone', id, 'parent')).filter((id) => !zone.has(id))
    for (const id of news) zone.add(id)
  }
  return { point: new Set([point]), area, feeder, zone, line: new Set(ledger.history(point).map(({ line }) => line)) }
}

/** Whether an outage meant a point: by what hung where when it began. */
export const isUnder = (
  ledger: PlaceLedger,
  point: string,
  { scope, target, from }: Pick<Outage, 'scope' | 'target' | 'from'>,
): boolean => {
  if (scope === 'point') return point === target
  if (scope === 'line')
    return ledger.history(point).some((fact) => fact.line === target && fact.from <= from && (fact.to === null || fact.to > from))
  const area = wordAt(ledger, 'point', point, 'area', from)
  if (scope === 'area' || area === '') return area === target
  const feeder = wordAt(ledger, 'area', area, 'feeder', from)
  if (scope === 'feeder') return feeder === target
  const zones = [wordAt(ledger, 'area', area, 'zone', from), feeder && wordAt(ledger, 'feeder', feeder, 'zone', from)]
  return zones.some((zone) => zone !== '' && isZoneIn(ledger, zone, target, from))
}

const isZoneIn = (ledger: PlaceLedger, zone: string, target: string, at: number): boolean => {
  let present = zone
  for (let depth = 0; depth < DEEPEST && present !== ''; depth++) {
    if (present === target) return true
    present = wordAt(ledger, 'zone', present, 'parent', at)
  }
  return false
}

const wordAt = (ledger: PlaceLedger, kind: 'point' | 'area' | 'feeder' | 'zone', id: string, name: string, at: number): string => {
  const value = ledger.get(kind, id, at)?.attributes[name]
  return typeof value === 'string' ? value : ''
}

const PAGE = 5000

/** Which meters were without power at some time, for many of them at once. An emergency counts before a plan. */
export const outagesOf =
  (ledger: PlaceLedger, over: (from: number, to: number) => readonly Outage[]): OutagesOf =>
  (from, to, meters) => {
    const off = new Map<string, OutageKind>()
    if (to <= from) return off
    const outages = over(from, to)
    if (outages.length === 0) return off
    const above = feedersAndZones(ledger, from)
    for (const { scope, target, kind } of outages)
      for (const meter of meters) {
        const { feeder, zones } = above(meter.area)
        const isMeant: Readonly<Record<OutageScope, () => boolean>> = {
          zone: () => zones.has(target),
          feeder: () => feeder === target,
          area: () => meter.area === target,
          point: () => meter.point === target,
          line: () => meter.line === target,
        }
        if (isMeant[scope]() && off.get(meter.meter) !== 'emergency') off.set(meter.meter, kind)
      }
    return off
  }

/** Looked up once an area. */
const feedersAndZones = (ledger: PlaceLedger, at: number) => {
  const areas = new Map<string, { feeder: string; zone: string }>()
  for (let after = ''; ; ) {
    const page = ledger.list({ kind: 'area', after, limit: PAGE, asOf: at })
    for (const { id, attributes } of page) areas.set(id, { feeder: String(attributes.feeder ?? ''), zone: String(attributes.zone ?? '') })
    if (page.length < PAGE) break
    after = page.at(-1)?.id ?? ''
  }
  const known = new Map<string, { readonly feeder: string; readonly zones: ReadonlySet<string> }>()
  return (area: string) => {
    const found = known.get(area)
    if (found) return found
    const { feeder, zone } = areas.get(area) ?? { feeder: '', zone: '' }
    const zones = new Set<string>()
    for (const first of [zone, feeder === '' ? '' : wordAt(ledger, 'feeder', feeder, 'zone', at)])
      for (let present = first; present !== '' && !zones.has(present); present = wordAt(ledger, 'zone', present, 'parent', at))
        zones.add(present)
    const made = { feeder, zones }
    known.set(area, made)
    return made
  }
}
