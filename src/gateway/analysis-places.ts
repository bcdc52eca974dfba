import type { Kind, Ledger } from '../ledger/index.ts'
import { entityKey, startsOf } from './ledger-starts.ts'

export type PlacesLedger = Pick<Ledger, 'seq' | 'points' | 'facts' | 'get' | 'touchedPages' | 'history' | 'changes' | 'change'>

/** A point belonged to an area in [from, to); `to` null = still does. */
interface Stay {
  readonly area: string
  readonly from: number
  readonly to: number | null
}

/** Points looked at in one step. */
const AT_ONCE = 200

/** Areas whose days are to be looked at again from an instant on. */
export interface Touched {
  readonly areas: ReadonlyMap<string, number>
  /** How far the ledger has been followed when these are marked. */
  readonly seq: number
  readonly why: string
}

/**
 * Which points belong to which area, by dates. It is made in steps, and follows the ledger: what a change touches says which
 * areas are concerned, from when on.
 */
export class AnalysisPlaces {
  readonly #ledger: PlacesLedger
  readonly #stays = new Map<string, readonly Stay[]>()
  readonly #points = new Map<string, Set<string>>()
  #left: string[] | null = null
  #seq: number

  constructor(ledger: PlacesLedger) {
    this.#ledger = ledger
    this.#seq = ledger.seq
  }

  /** Some more of the ledger. @returns whether all of it has been read */
  load(): boolean {
    this.#left ??= this.#ledger.points().map(({ id }) => id)
    for (const id of this.#left.splice(-AT_ONCE)) this.#read(id)
    return this.#left.length === 0
  }

  areas(): readonly string[] {
    return [...this.#points.keys()].sort()
  }

  /** Points of an area at an instant, by id. */
  of(area: string, at: number): readonly string[] {
    return [...(this.#points.get(area) ?? [])].filter((point) => this.#isIn(point, area, at)).sort()
  }

  /** Areas a point belongs to somewhere in [from, to). */
  areasOf(point: string, from: number, to: number): readonly string[] {
    const stays = this.#stays.get(point) ?? this.#read(point)
    return [...new Set(stays.flatMap((stay) => (stay.from < to && (stay.to === null || stay.to > from) ? [stay.area] : [])))]
  }

  /** Since when a point has been in its area, of an instant; 0 = always. */
  since(point: string, area: string, at: number): number {
    return this.#stays.get(point)?.find((stay) => stay.area === area && isAt(stay, at))?.from ?? 0
  }

  /** What the ledger has changed since last time; null: nothing. @param done  up to where days have been marked before */
  follow(done: number): Touched | null {
    const { seq } = this.#ledger
    if (seq <= done) return null
    const starts = startsOf(this.#ledger, done, seq)
    const areas = new Map<string, number>()
    const touch = (area: string, from: number) => void areas.set(area, Math.min(from, areas.get(area) ?? Number.POSITIVE_INFINITY))
    const seen = new Set<string>()
    for (const page of this.#ledger.touchedPages(done))
      for (const { kind, id } of page) {
        const key = entityKey(kind, id)
        if (seen.has(key)) continue
        seen.add(key)
        const from = starts.get(key) ?? 0
        if (kind === 'area') touch(id, from)
        for (const point of this.#pointsOf(kind, id)) {
          for (const { area } of this.#stays.get(point) ?? []) touch(area, from)
          for (const { area } of this.#read(point)) touch(area, from)
        }
      }
    this.#seq = seq
    return { areas, seq, why: seq === done + 1 ? `ledger change ${seq}` : `ledger changes ${done + 1} to ${seq}` }
  }

  get seq(): number {
    return this.#seq
  }

  #isIn(point: string, area: string, at: number): boolean {
    return this.#stays.get(point)?.some((stay) => stay.area === area && isAt(stay, at)) ?? false
  }

  #read(point: string): readonly Stay[] {
    const stays = this.#ledger
      .facts('point', point)
      .flatMap(({ name, value, from, to }): Stay[] => (name === 'area' && typeof value === 'string' ? [{ area: value, from, to }] : []))
    this.#stays.set(point, stays)
    for (const { area } of stays) {
      const points = this.#points.get(area)
      if (points) points.add(point)
      else this.#points.set(area, new Set([point]))
    }
    return stays
  }

  #pointsOf(kind: Kind, id: string): readonly string[] {
    if (kind === 'point') return [id]
    if (kind !== 'meter' && kind !== 'transformer') return []
    return [...new Set(this.#ledger.facts(kind, id).flatMap(({ name, value }) => (name === 'point' ? [String(value)] : [])))]
  }
}

const isAt = ({ from, to }: Stay, at: number): boolean => from <= at && (to === null || to > at)
