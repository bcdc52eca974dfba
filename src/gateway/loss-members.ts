import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LossRole } from '../anomaly/index.ts'
import type { DatedFact, Ledger, Value } from '../ledger/index.ts'

/** What line loss asks of the ledger. */
export type LossLedger = Pick<Ledger, 'seq' | 'list' | 'get' | 'facts' | 'touchedPages'>

/** A metering point that belonged to an area (台区) at an instant. */
export interface AreaPoint {
  readonly id: string
  readonly role: LossRole
  /** CT × PT as the ledger has it then; NaN = nothing that is a number. */
  readonly ratio: number
}

/** What a point was from an instant on; `area` '' = it took no part in any balance. */
interface Period {
  readonly from: number
  readonly area: string
  readonly role: LossRole
  readonly ratio: number
}

/** A point whose part in balances is another than it was, from an instant on. */
export interface MovedPoint {
  readonly point: string
  readonly from: number
  /** Areas it was in, and is in. */
  readonly areas: readonly string[]
}

const PAGE = 200
/** Roles in the balance; other points only look on. */
const ROLES: Readonly<Record<string, LossRole>> = { customer: 'customer', 'area-supply': 'gateway', generation: 'generation' }
const NAMES = ['area', 'role', 'state', 'ct', 'pt']

/** Which points belonged to which area, at any instant, by the ledger as it is now: read once, then brought up to date. */
export class AreaMembers {
  readonly #ledger: LossLedger
  readonly #points = new Map<string, readonly Period[]>()
  readonly #areas = new Map<string, Set<string>>()
  #seq = -1

  constructor(ledger: LossLedger) {
    this.#ledger = ledger
  }

  /** Change of the ledger up to which it knows; -1 = nothing yet. */
  get seq(): number {
    return this.#seq
  }

  get isBehind(): boolean {
    return this.#seq !== this.#ledger.seq
  }

  /** Reads what has changed, a page at a time. @param since  where it has not looked yet: changes from there on count as moves */
  async refresh(since: number | null): Promise<readonly MovedPoint[]> {
    const { seq } = this.#ledger
    if (this.#seq < 0) {
      for (let after = ''; ; ) {
        const page = this.#ledger.list({ kind: 'point', after, limit: PAGE })
        for (const { id } of page) this.#put(id)
        await nextTurn()
        if (page.length < PAGE) break
        after = page.at(-1)?.id ?? ''
      }
      this.#seq = seq
      if (since === null || since >= seq) return []
      // What it was before is not known here: all it has ever been in, from the beginning.
      const touched = await this.#touched(since)
      return touched.map((point) => ({ point, from: 0, areas: this.#everIn(point) }))
    }
    const moved: MovedPoint[] = []
    for (const point of await this.#touched(this.#seq)) {
      const before = this.#points.get(point) ?? []
      const areas = this.#everIn(point)
      this.#put(point)
      const from = firstDifference(before, this.#points.get(point) ?? [])
      if (from !== null) moved.push({ point, from, areas: [...new Set([...areas, ...this.#everIn(point)])] })
    }
    this.#seq = seq
    return moved
  }

  /** Points in the balance of an area at an instant, by id. */
  of(area: string, at: number): readonly AreaPoint[] {
    const found: AreaPoint[] = []
    for (const id of this.#areas.get(area) ?? []) {
      const period = this.#points.get(id)?.findLast(({ from }) => from <= at)
      if (period?.area === area) found.push({ id, role: period.role, ratio: period.ratio })
    }
    return found.sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  areaOf(point: string, at: number): string {
    return this.#points.get(point)?.findLast(({ from }) => from <= at)?.area ?? ''
  }

  /** Areas that any point has ever been in. */
  areas(): readonly string[] {
    return [...this.#areas.keys()].sort()
  }

  async #touched(since: number): Promise<readonly string[]> {
    const found = new Set<string>()
    for (const page of this.#ledger.touchedPages(since)) {
      for (const { kind, id } of page) if (kind === 'point') found.add(id)
      await nextTurn()
    }
    return [...found]
  }

  #everIn(point: string): readonly string[] {
    return [...new Set((this.#points.get(point) ?? []).flatMap(({ area }) => (area === '' ? [] : [area])))]
  }

  #put(id: string): void {
    const periods = periodsOf(this.#ledger.facts('point', id))
    this.#points.set(id, periods)
    for (const { area } of periods) {
      if (area === '') continue
      const members = this.#areas.get(area)
      if (members) members.add(id)
      else this.#areas.set(area, new Set([id]))
    }
  }
}

const periodsOf = (facts: readonly DatedFact[]): readonly Period[] => {
  const of = facts.filter(({ name }) => NAMES.includes(name))
  const starts = [...new Set(facts.map(({ from }) => from))].sort((a, b) => a - b)
  return starts.map((from): Period => {
    const at = (name: string): Value =>
      of.find((fact) => fact.name === name && fact.from <= from && (fact.to === null || fact.to > from))?.value ?? null
    const [area, state] = [at('area'), at('state')]
    const role = ROLES[String(at('role') ?? 'customer')]
    const isThere = typeof area === 'string' && role !== undefined && state !== 'planned' && state !== 'archived'
    return { from, area: isThere ? area : '', role: role ?? 'customer', ratio: ratioOf(at('ct')) * ratioOf(at('pt')) }
  })
}

/** The first instant at which two courses say something else; null = nowhere. */
const firstDifference = (a: readonly Period[], b: readonly Period[]): number | null => {
  const starts = [...new Set([...a, ...b].map(({ from }) => from))].sort((x, y) => x - y)
  const at = (periods: readonly Period[], instant: number) => periods.findLast(({ from }) => from <= instant)
  const differs = (instant: number) => {
    const [x, y] = [at(a, instant), at(b, instant)]
    return x?.area !== y?.area || x?.role !== y?.role || !Object.is(x?.ratio, y?.ratio)
  }
  return starts.find(differs) ?? null
}

/** `400/5` is 80; nothing is 1. */
const ratioOf = (value: Value): number => {
  if (value === null || value === '') return 1
  const [above = Number.NaN, below = 1] = String(value).split('/').map(Number)
  return above / below
}
