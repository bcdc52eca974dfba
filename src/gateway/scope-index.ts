import type { Principal } from '../access/index.ts'
import { EVERYTHING, NOTHING, type Scope, type ScopedKind } from '../core/index.ts'
import type { Kind, Ledger, MeterFact } from '../ledger/index.ts'

type Attributes = Readonly<Record<string, unknown>>
type ScopeLedger = Pick<Ledger, 'list' | 'get' | 'meters' | 'metersOf' | 'facts'>
interface Touched {
  readonly kind: Kind
  readonly id: string
}

interface PointPlace {
  readonly area: string | null
  readonly feeder: string | null
  readonly bus: string | null
  readonly customer: string | null
}
interface LineEnd {
  readonly point: string
  /** What it is read through: a bus, a broker, a concentrator. */
  readonly lines: readonly string[]
}

const PAGE = 1000
/** Zones lie in zones; a circle, which the ledger refuses, would not end. */
const MOST_PARENTS = 32

const textOf = (attributes: Attributes, name: string): string | null => {
  const value = attributes[name]
  return typeof value === 'string' && value !== '' ? value : null
}

/** Ids under another id: meters of a line, feeders of a bus. */
const groups = () => {
  const members = new Map<string, Set<string>>()
  return {
    of: (key: string): ReadonlySet<string> => members.get(key) ?? new Set(),
    add: (key: string | null, id: string): void => {
      if (key === null) return
      const kept = members.get(key)
      if (kept) kept.add(id)
      else members.set(key, new Set([id]))
    },
    remove: (key: string | null, id: string): void => {
      if (key === null) return
      const kept = members.get(key)
      kept?.delete(id)
      if (kept?.size === 0) members.delete(key)
    },
  }
}

/**
 * Where everything of the ledger lies now, and so who may see it. Made once and told what changes.
 *
 * A point lies in the zone of its area, or of its feeder where the area has none. A meter lies where it hangs; one that hangs nowhere is in
 * no zone. A concentrator lies in its area; without one it is seen by whoever sees all its meters. A bus is seen by whoever sees all its
 * feeders.
 */
export class ScopeIndex {
  readonly #ledger: ScopeLedger
  /** Zone → the one it lies in. */
  readonly #zones = new Map<string, string | null>()
  /** Feeder → its zone, and its bus. */
  readonly #feeders = new Map<string, { readonly zone: string | null; readonly bus: string | null }>()
  readonly #areas = new Map<string, { readonly zone: string | null; readonly feeder: string | null }>()
  readonly #points = new Map<string, PointPlace>()
  readonly #meters = new Map<string, LineEnd>()
  /** Customer → his name, for those who may not see it. */
  readonly #names = new Map<string, string>()
  /** Transformer → its point; concentrator and line → their area. */
  readonly #transformers = new Map<string, string | null>()
  readonly #concentrators = new Map<string, string | null>()
  readonly #channels = new Map<string, string | null>()
  readonly #metersOfLine = groups()
  readonly #pointsOfCustomer = groups()
  readonly #feedersOfBus = groups()
  readonly #pointsOfBus = groups()

  constructor(ledger: ScopeLedger) {
    this.#ledger = ledger
    for (const kind of ['zone', 'feeder', 'area', 'customer', 'point', 'transformer', 'concentrator', 'channel'] as const)
      for (let after = ''; ; ) {
        const page = ledger.list({ kind, after, limit: PAGE })
        for (const { id, attributes } of page) this.#set(kind, id, attributes)
        const last = page.at(-1)
        if (!last || page.length < PAGE) break
        after = last.id
      }
    for (const fact of ledger.meters(null)) this.#hang(fact)
  }

  /** Looks again at what changed. */
  refresh(touched: readonly Touched[]): void {
    const meters = new Set<string>()
    for (const { kind, id } of touched) {
      if (kind === 'meter') meters.add(id)
      else this.#set(kind, id, this.#ledger.get(kind, id, null)?.attributes ?? null)
    }
    for (const id of meters) this.#unhang(id)
    for (const fact of this.#ledger.metersOf([...meters])) this.#hang(fact)
  }

  /** What somebody may see. */
  scopeOf(who: Principal | null): Scope {
    if (who === null) return NOTHING
    const { zones, customer, roles } = who
    if (customer !== null || roles.includes('customer')) return customer === null ? NOTHING : this.#scopeOfCustomer(customer)
    return zones === null ? EVERYTHING : this.scopeOfZones(zones)
  }

  /** What lies in some zones. */
  scopeOfZones(zones: readonly string[]): Scope {
    const looks = this.#looks(new Set(zones))
    return { all: false, sees: (kind, id) => looks[kind](id) }
  }

  /** Whether meters are read through it now. */
  hangsOn(line: string): boolean {
    return this.#metersOfLine.of(line).size > 0
  }

  /** Whether the name of a point tells who its customer is: points are often named after him. */
  namesPerson(point: string, name: string): boolean {
    const customer = this.#points.get(point)?.customer
    const person = customer == null ? undefined : this.#names.get(customer)
    return person !== undefined && person.length > 1 && name.toLowerCase().includes(person.toLowerCase())
  }

  #scopeOfCustomer(customer: string): Scope {
    const isOwn = (point: string | undefined | null): boolean => point != null && this.#points.get(point)?.customer === customer
    const sees = (kind: ScopedKind, id: string): boolean =>
      kind === 'point' ? isOwn(id) : kind === 'meter' ? isOwn(this.#meters.get(id)?.point) : kind === 'customer' && id === customer
    return { all: false, sees, since: (point) => this.#since(point, customer) }
  }

  /** When the point became this customer's, as the ledger has it. */
  #since(point: string, customer: string): number {
    let since = Number.POSITIVE_INFINITY
    for (const { name, value, from } of this.#ledger.facts('point', point)) {
      if (name !== 'customer') continue
      if (value !== customer) since = Number.POSITIVE_INFINITY
      else if (since === Number.POSITIVE_INFINITY) since = from
    }
    return since
  }

  /** How each kind of thing is looked for; made once for each who asks, as lists ask thousands of times. */
  #looks(chosen: ReadonlySet<string>): Readonly<Record<ScopedKind, (id: string) => boolean>> {
    const point = (id: string): boolean => this.#isIn(chosen, this.#zoneOfPoint(id))
    const pointOr = (id: string | null | undefined): boolean => id != null && point(id)
    const area = (id: string): boolean => this.#isIn(chosen, this.#zoneOfArea(id))
    const meter = (id: string): boolean => pointOr(this.#meters.get(id)?.point)
    const feeder = (id: string): boolean => this.#isIn(chosen, this.#feeders.get(id)?.zone ?? null)
    const every = (ids: ReadonlySet<string>, sees: (id: string) => boolean): boolean => {
      for (const id of ids) if (!sees(id)) return false
      return ids.size > 0
    }
    const some = (ids: ReadonlySet<string>, sees: (id: string) => boolean): boolean => {
      for (const id of ids) if (sees(id)) return true
      return false
    }
    const bus = (id: string): boolean => {
      const points = this.#pointsOfBus.of(id)
      return every(this.#feedersOfBus.of(id), feeder) && (points.size === 0 || every(points, point))
    }
    const concentrator = (id: string): boolean => {
      const own = this.#concentrators.get(id)
      return own == null ? every(this.#metersOfLine.of(id), meter) : area(own)
    }
    const line = (id: string): boolean => {
      const own = this.#channels.get(id) ?? this.#concentrators.get(id)
      return (own != null && area(own)) || some(this.#metersOfLine.of(id), meter)
    }
    return {
      ...{ point, area, meter, feeder, bus, concentrator, line },
      zone: (id) => this.#isIn(chosen, id),
      customer: (id) => some(this.#pointsOfCustomer.of(id), point),
      transformer: (id) => pointOr(this.#transformers.get(id)),
      'whole-line': (id) => every(this.#metersOfLine.of(id), meter),
    }
  }

  #zoneOfArea(id: string): string | null {
    const area = this.#areas.get(id)
    if (!area) return null
    return area.zone ?? (area.feeder === null ? null : (this.#feeders.get(area.feeder)?.zone ?? null))
  }

  #zoneOfPoint(id: string): string | null {
    const point = this.#points.get(id)
    if (!point) return null
    const byArea = point.area === null ? null : this.#zoneOfArea(point.area)
    return byArea ?? (point.feeder === null ? null : (this.#feeders.get(point.feeder)?.zone ?? null))
  }

  #isIn(chosen: ReadonlySet<string>, zone: string | null): boolean {
    let at = zone
    for (let steps = 0; at !== null && steps < MOST_PARENTS; steps++) {
      if (chosen.has(at)) return true
      at = this.#zones.get(at) ?? null
    }
    return false
  }

  #hang({ meter, point, line, concentrator }: MeterFact): void {
    this.#unhang(meter)
    const lines = [line, concentrator].filter((each) => each !== '')
    this.#meters.set(meter, { point, lines })
    for (const each of lines) this.#metersOfLine.add(each, meter)
  }

  #unhang(meter: string): void {
    const kept = this.#meters.get(meter)
    if (!kept) return
    for (const each of kept.lines) this.#metersOfLine.remove(each, meter)
    this.#meters.delete(meter)
  }

  /** @param attributes  null: there is none any more */
  #set(kind: Exclude<Kind, 'meter'>, id: string, attributes: Attributes | null): void {
    const get = (name: string): string | null => (attributes === null ? null : textOf(attributes, name))
    const keep = <T>(kept: Map<string, T>, value: T): void => {
      if (attributes === null) kept.delete(id)
      else kept.set(id, value)
    }
    const SET: Readonly<Record<Exclude<Kind, 'meter'>, () => void>> = {
      zone: () => keep(this.#zones, get('parent')),
      feeder: () => {
        this.#feedersOfBus.remove(this.#feeders.get(id)?.bus ?? null, id)
        this.#feedersOfBus.add(get('bus'), id)
        keep(this.#feeders, { zone: get('zone'), bus: get('bus') })
      },
      area: () => {
        keep(this.#areas, { zone: get('zone'), feeder: get('feeder') })
      },
      customer: () => {
        const name = get('name')
        if (name === null) this.#names.delete(id)
        else this.#names.set(id, name)
      },
      point: () => {
        const before = this.#points.get(id)
        this.#pointsOfCustomer.remove(before?.customer ?? null, id)
        this.#pointsOfBus.remove(before?.bus ?? null, id)
        this.#pointsOfCustomer.add(get('customer'), id)
        this.#pointsOfBus.add(get('bus'), id)
        keep(this.#points, { area: get('area'), feeder: get('feeder'), bus: get('bus'), customer: get('customer') })
      },
      transformer: () => keep(this.#transformers, get('point')),
      concentrator: () => keep(this.#concentrators, get('area')),
      channel: () => keep(this.#channels, get('area')),
    }
    SET[kind]()
  }
}
