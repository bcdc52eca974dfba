import type { PointFilter, PointView } from '../api/index.ts'
import { decimalText, multiply } from '../core/index.ts'
import type { Area, Ledger, MeterFact, Point } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'
import { pointOf } from './hot-ledger.ts'

/**
 * The points of the ledger with their meters as the API shows them. It is made once and told what changes; nothing is read again that
 * was not touched.
 */
export class PointIndex {
  readonly #ledger: Pick<Ledger, 'points' | 'areas' | 'history' | 'get'>
  readonly #points = new Map<string, Point>()
  readonly #facts = new Map<string, readonly MeterFact[]>()
  /** What was asked for and did not change since. */
  readonly #views = new Map<string, PointView>()
  #areas: ReadonlyMap<string, Area>
  /** Ids in order; null: to be sorted again when somebody asks. */
  #sorted: readonly string[] | null = null

  readonly #namesPerson: (id: string, name: string) => boolean

  /** @param namesPerson  whether a name of a point tells who its customer is */
  constructor(
    ledger: Pick<Ledger, 'points' | 'areas' | 'history' | 'get'>,
    namesPerson: (id: string, name: string) => boolean = () => false,
  ) {
    this.#ledger = ledger
    this.#namesPerson = namesPerson
    this.#areas = areasOf(ledger)
    for (const point of ledger.points()) this.#points.set(point.id, point)
    const facts = new Map<string, MeterFact[]>()
    for (const fact of ledger.history()) {
      const beside = facts.get(fact.point)
      if (beside) beside.push(fact)
      else facts.set(fact.point, [fact])
    }
    this.#facts = facts
  }

  point(id: string): PointView | null {
    const point = this.#points.get(id)
    return point ? this.#view(point) : null
  }

  /** Points that fit, by id ascending, at most `limit` of them. */
  list({ area, line, text, sees, hidesPersonal = false }: PointFilter, after: string | null, limit: number): readonly PointView[] {
    this.#sorted ??= [...this.#points.keys()].sort()
    const part = text?.toLowerCase()
    const found: PointView[] = []
    const ids = this.#sorted
    for (let at = after === null ? 0 : placeAfter(ids, after); at < ids.length; at++) {
      const id = ids[at]!
      if (sees?.(id) === false) continue
      const point = this.#points.get(id)
      if (!point || (area !== undefined && point.area !== area)) continue
      if (line !== undefined && !this.#factsOf(id).some((fact) => fact.to === null && fact.line === line)) continue
      if (
        part !== undefined &&
        !textsOf(hidesPersonal && this.#namesPerson(id, point.name) ? { id, name: '' } : point, this.#factsOf(id)).some((one) =>
          one.toLowerCase().includes(part),
        )
      )
        continue
      found.push(this.#view(point))
      if (found.length >= limit) break
    }
    return found
  }

  /** Looks again at points that may differ. */
  refresh(ids: Iterable<string>): void {
    for (const id of ids) {
      const point = pointOf(this.#ledger, id)
      this.#views.delete(id)
      if (this.#points.has(id) !== (point !== null)) this.#sorted = null
      if (!point) {
        this.#points.delete(id)
        this.#facts.delete(id)
        continue
      }
      this.#points.set(id, point)
      this.#facts.set(id, this.#ledger.history(id))
    }
  }

  refreshAreas(): void {
    this.#areas = areasOf(this.#ledger)
    this.#views.clear()
  }

  /** Points where a meter hangs or hung. */
  pointsOf(meters: ReadonlySet<string>): readonly string[] {
    if (meters.size === 0) return []
    return [...this.#facts].flatMap(([point, facts]) => (facts.some(({ meter }) => meters.has(meter)) ? [point] : []))
  }

  #factsOf(id: string): readonly MeterFact[] {
    return this.#facts.get(id) ?? []
  }

  #view(point: Point): PointView {
    let view = this.#views.get(point.id)
    if (view === undefined) {
      const areaName = this.#areas.get(point.area)?.name ?? ''
      view = new PlacedPoint(point, areaName, this.#factsOf(point.id), this.#namesPerson)
      this.#views.set(point.id, view)
    }
    return view
  }
}

/** A point with what is worked out only for whoever looks at it: lists of the newest values of all points never do. */
class PlacedPoint implements PointView {
  readonly id: string
  readonly name: string
  readonly area: string
  readonly areaName: string
  readonly role: string
  readonly phase: string
  readonly #facts: readonly MeterFact[]
  readonly #namesPerson: (id: string, name: string) => boolean

  constructor(
    { id, name, area, role, phase }: Point,
    areaName: string,
    facts: readonly MeterFact[],
    namesPerson: (id: string, name: string) => boolean,
  ) {
    this.id = id
    this.name = name
    this.area = area
    this.areaName = areaName
    this.role = role
    this.phase = phase
    this.#facts = facts
    this.#namesPerson = namesPerson
  }

  /** Asked anew each time: customers change their names. */
  get namesPerson(): boolean {
    return this.#namesPerson(this.id, this.name)
  }

  get meters(): PointView['meters'] {
    return metersOf(this.#facts)
  }
}

/** Where the first id greater than one stands. */
const placeAfter = (ids: readonly string[], after: string): number => {
  let [low, high] = [0, ids.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ids[middle]! <= after) low = middle + 1
    else high = middle
  }
  return low
}

const metersOf = (facts: readonly MeterFact[]): PointView['meters'] =>
  facts.map(({ meter, line, address, profile, ct, pt, from, to }) => ({
    ...{ id: meter, line, address, profile, ct, pt },
    ratio: ratioOf(ct, pt),
    ...{ from, to },
  }))

const areasOf = (ledger: Pick<Ledger, 'areas'>): ReadonlyMap<string, Area> => new Map(ledger.areas().map((area) => [area.id, area]))

const textsOf = ({ id, name }: Pick<Point, 'id' | 'name'>, meters: readonly MeterFact[]): readonly string[] => [
  id,
  name,
  ...meters.flatMap(({ meter, address }) => [meter, address]),
]

const ONE = { raw: 1, scaler: 0 }

/** CT × PT of one period, whatever is read now. */
const ratioOf = (ct: string, pt: string): string => {
  const { raw, scaler } = multiply(parseRatio(ct) ?? ONE, parseRatio(pt) ?? ONE)
  return decimalText(raw, scaler)
}
