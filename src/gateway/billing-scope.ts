import type { BillingScope } from '../billing/index.ts'
import type { Ledger, PointAt } from '../ledger/index.ts'

const MOST_EXCHANGES = 10_000

/** A text of the ledger; empty where it has none. */
export const word = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Is the point billed at the instant it was looked at? */
export const isBilled = ({ attributes, state }: Pick<PointAt, 'attributes' | 'state'>, roles: readonly string[]): boolean =>
  state === 'in-service' && roles.includes(word(attributes.role) || 'customer')

/** Does the question ask for the point? */
export const isWithin = (
  { id, attributes }: PointAt,
  { area, zone, sees }: BillingScope,
  zoneOf: (area: string) => ReadonlySet<string>,
): boolean => {
  const own = word(attributes.area)
  if (area !== undefined && own !== area) return false
  if (zone !== undefined && !zoneOf(own).has(zone)) return false
  return sees === undefined || sees(id)
}

/** The zone of an area at an instant, and the zones that one lies in. */
export const zonesAt = (ledger: Pick<Ledger, 'get'>, at: number): ((area: string) => ReadonlySet<string>) => {
  const known = new Map<string, ReadonlySet<string>>()
  const attributesOf = (kind: 'area' | 'zone', id: string) => (ledger.get(kind, id, at) ?? ledger.get(kind, id, null))?.attributes ?? {}
  return (area) => {
    const found = known.get(area)
    if (found) return found
    const zones = new Set<string>()
    if (area !== '')
      for (
        let zone = word(attributesOf('area', area).zone);
        zone !== '' && !zones.has(zone);
        zone = word(attributesOf('zone', zone).parent)
      )
        zones.add(zone)
    known.set(area, zones)
    return zones
  }
}

/** Exchanges up to an instant that billing has not acknowledged, by point. */
export const unacknowledged = (ledger: Pick<Ledger, 'exchanges'>, at: number): ReadonlyMap<string, string> => {
  const open = new Map<string, string>()
  for (let after = 0; ; ) {
    const some = ledger.exchanges({ unacknowledged: true, after, limit: MOST_EXCHANGES })
    for (const { id, point, kind, at: when } of some)
      if (when <= at && !open.has(point)) open.set(point, `exchange ${id} (${kind}) of ${new Date(when).toISOString()} is not acknowledged`)
    const last = some.at(-1)
    if (!last || some.length < MOST_EXCHANGES) return open
    after = last.id
  }
}
