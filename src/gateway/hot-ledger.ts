import { type Entity, type Kind, type Ledger, type Point, STATES } from '../ledger/index.ts'
import { type KnownMeter, lonePoint } from './field-meter.ts'
import type { ScopeIndex } from './scope-index.ts'

/** What changes of the ledger touched, as far as a running gateway has to know. */
export interface Touched {
  readonly meters: Set<string>
  readonly points: Set<string>
  readonly channels: Set<string>
  readonly concentrators: Set<string>
  /** Names of areas and zones. */
  names: boolean
}

type Page = Parameters<ScopeIndex['refresh']>[0]

/**
 * Gathers what changes touched; an import touches a hundred thousand, so `breath` is taken between some and some.
 *
 * @param look  is shown each of them at once: who may see a thing does not wait for the rest
 */
export const touchedSince = async (
  ledger: Pick<Ledger, 'touchedPages'>,
  since: number,
  breath: () => Promise<void>,
  look: (page: Page) => void = () => undefined,
): Promise<Touched> => {
  const touched: Touched = { meters: new Set(), points: new Set(), channels: new Set(), concentrators: new Set(), names: false }
  const sets: Readonly<Partial<Record<Kind, Set<string>>>> = {
    ...{ meter: touched.meters, point: touched.points, channel: touched.channels, concentrator: touched.concentrators },
  }
  for (const page of ledger.touchedPages(since)) {
    look(page)
    for (const { kind, id } of page) {
      sets[kind]?.add(id)
      if (kind === 'area' || kind === 'zone') touched.names = true
    }
    await breath()
  }
  return touched
}

/** A point as the ledger has it; null: there is none. */
export const pointOf = (ledger: Pick<Ledger, 'get'>, id: string): Point | null => {
  const entity = ledger.get('point', id, null)
  return entity && pointFrom(entity)
}

const pointFrom = ({ id, attributes }: Entity): Point => ({
  id,
  name: String(attributes.name ?? ''),
  area: String(attributes.area ?? ''),
  role: String(attributes.role ?? 'customer'),
  phase: String(attributes.phase ?? 'unknown'),
  state: STATES.find((state) => state === attributes.state) ?? 'in-service',
})

/** Meters as they are now, with their points; null: it hangs nowhere. */
export const knownMeters = (ledger: Pick<Ledger, 'metersOf' | 'get'>, ids: readonly string[]): ReadonlyMap<string, KnownMeter | null> => {
  const known = new Map<string, KnownMeter | null>(ids.map((id) => [id, null]))
  for (const fact of ledger.metersOf(ids)) known.set(fact.meter, { fact, point: pointOf(ledger, fact.point) ?? lonePoint(fact.point) })
  return known
}

/** The meters that hang at points now. */
export const metersAt = (ledger: Pick<Ledger, 'history'>, points: readonly string[]): readonly string[] =>
  points.flatMap((point) => ledger.history(point).flatMap(({ meter, to }) => (to === null ? [meter] : [])))
