import type { GatewayConfig, LedgerFile, LineConfig, Problem } from '../config/index.ts'
import { loadLedgerFile } from '../config/index.ts'
import { explain } from '../core/index.ts'
import { type Applied, type Entity, glance, type Kind, type Ledger, type Patch, type Value } from '../ledger/index.ts'
import { parseRatio } from '../normalise/index.ts'
import { ledgerLines, MOST_CHANNELS } from './hot-lines.ts'
import { type AdapterOf, ledgerWorld, worldData } from './ledger-world.ts'
import type { Profiles } from './profiles.ts'

/** What a ledger file says, ready to be compared with what it said before. */
export interface LedgerContent {
  readonly entries: readonly FileEntry[]
  readonly meters: number
  problemAt(path: readonly (string | number)[], message: string): Problem
}

export interface FileEntry {
  /** Names it in the file: `meter M1`; `ratio P1` for the ratios written beside a meter. */
  readonly key: string
  readonly kind: Kind
  readonly id: string
  readonly from: number | null
  readonly set: Readonly<Record<string, Value>>
  readonly path: readonly (string | number)[]
}

/** What of a configuration a ledger file is checked against; plain data, to be handed to a thread. */
export type LedgerFileConfig = Pick<GatewayConfig, 'file' | 'ledgerFile' | 'profileDirectory' | 'lines' | 'tasks'> & {
  readonly mqtt: readonly Pick<GatewayConfig['mqtt'][number], 'id' | 'mappings'>[]
}

/** What the ledger has beside its file: what tasks name, and lines of its own. */
interface Known {
  has(kind: 'area' | 'meter', id: string): boolean
  /** Protocol of a concentrator that meters may name as their line. */
  concentratorOf(id: string): string | null
  lines(config: Pick<LedgerFileConfig, 'lines' | 'mqtt'>): readonly LineConfig[]
}
const NOTHING: Known = { has: () => false, concentratorOf: () => null, lines: () => [] }
type Failed = { readonly ok: false; readonly problems: readonly Problem[] }

/**
 * The ledger file of a configuration, checked against its lines, those of the ledger and the profiles; null when there is none.
 *
 * @param known  what the ledger has beside the file
 */
export const checkedLedger = (
  config: LedgerFileConfig,
  profiles: Profiles,
  adapterOf: AdapterOf,
  known: Known = NOTHING,
): { readonly ok: true; readonly value: LedgerContent | null } | Failed => {
  if (config.ledgerFile === null) return { ok: true, value: null }
  const data = worldData({ ...config, lines: [...config.lines, ...known.lines(config)] })
  const world = ledgerWorld(data, profiles, adapterOf)
  const loaded = loadLedgerFile(config.ledgerFile, {
    lines: [...data.lines, ...data.brokers].map(({ id }) => id),
    profiles: [...profiles.ids, ...data.brokers.flatMap((broker) => broker.profiles)],
    now: Date.now(),
    isRatio: (text) => parseRatio(text) !== null,
    ...world,
    concentratorOf: known.concentratorOf,
  })
  if (!loaded.ok) return loaded
  const problems = taskProblems(config, loaded.value, known.has)
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, value: { entries: entriesOf(loaded.value), meters: loaded.value.meters.length, problemAt: loaded.problemAt } }
}

/** What a ledger has that is not opened, but looked at. One of a former release may have everything: it is seen when it is opened. */
export const mayBeKnown = (dataDirectory: string): Known => ({
  has: (kind, id) => {
    const found = glance(dataDirectory, (ledger) => ledger.has(kind, id))
    return found === true || found === 'unreadable'
  },
  concentratorOf: (id) => {
    const found = glance(dataDirectory, (ledger) => ledger.get('concentrator', id))
    return typeof found === 'string' ? null : protocolIn(found)
  },
  lines: (config) => {
    const channels = glance(dataDirectory, (ledger) => ledger.list('channel', MOST_CHANNELS))
    return typeof channels === 'string' ? [] : ledgerLines(config, channels).lines
  },
})

const protocolIn = (entity: Entity | null): string | null =>
  typeof entity?.attributes.protocol === 'string' ? entity.attributes.protocol : null

/** Names of the concentrators that meters of a ledger may name as their line. */
export const concentratorsIn = (entities: readonly Entity[]): readonly string[] =>
  entities.flatMap((entity) => (protocolIn(entity) === null ? [] : [entity.id]))

/** Names of the lines that the ledger of a data directory describes, for whoever reads gateway.yaml. */
export const linesInLedger = (dataDirectory: string): readonly string[] => {
  const terminals = glance(dataDirectory, (ledger) => ledger.list('concentrator', MOST_CHANNELS))
  return [
    ...mayBeKnown(dataDirectory)
      .lines({ lines: [], mqtt: [] })
      .map(({ id }) => id),
    ...(typeof terminals === 'string' ? [] : concentratorsIn(terminals)),
  ]
}

/** Where the ledger keeps what the file said last. */
const NOTE = 'ledger-file'
type Said = Readonly<Record<string, Readonly<Record<string, Value>>>>

/**
 * Brings what the ledger file says differently from last time into the ledger, in one transaction. What others wrote stays: a meter that
 * left the file leaves its point, a point that left it is archived, and whatever the file never named is none of its business.
 *
 * @param now      milliseconds since 1970 UTC: what the file does not date holds from then on, of new entries since always
 * @returns        the change, null when the file says nothing new
 */
export const syncLedgerFile = (
  ledger: Ledger,
  config: LedgerFileConfig,
  profiles: Profiles,
  adapterOf: AdapterOf,
  now: number,
): { readonly ok: true; readonly changes: Applied | null } | Failed => {
  const checked = checkedLedger(config, profiles, adapterOf, {
    has: (kind, id) => ledger.get(kind, id, null) !== null,
    concentratorOf: (id) => protocolIn(ledger.get('concentrator', id, null)),
    lines: (file) => ledgerLines(file, ledger.list({ kind: 'channel', limit: MOST_CHANNELS })).lines,
  })
  if (!checked.ok) return checked
  if (checked.value === null) return { ok: true, changes: null }
  return applyLedgerFile(ledger, checked.value, config.ledgerFile ?? '', now)
}

/** The second half of {@link syncLedgerFile}, for a file that is checked already. */
export const applyLedgerFile = (
  ledger: Ledger,
  content: LedgerContent,
  file: string,
  now: number,
): { readonly ok: true; readonly changes: Applied | null } | Failed => {
  const before = ledger.note(NOTE)
  const said: Said = before === null ? {} : JSON.parse(before)
  const is = Object.fromEntries(content.entries.map(({ key, set }) => [key, set]))
  const value = JSON.stringify(is)
  if (value === before) return { ok: true, changes: null }
  const places = new Map<string, readonly (string | number)[]>()
  const patches: Patch[] = content.entries.flatMap((entry) => {
    const set = saidAnew(ledger, entry, said[entry.key])
    if (set === null) return []
    const place = entry.path.join('/')
    places.set(place, entry.path)
    return [{ kind: entry.kind, id: entry.id, from: entry.from, set, place }]
  })
  for (const key of Object.keys(said)) if (!(key in is)) patches.push(...endOf(ledger, key, said[key] ?? {}))
  const act = { what: 'file', who: 'ledger file', why: `${file} changed`, workOrder: null, at: now } as const
  const applied = ledger.apply(patches, act, { note: { name: NOTE, value } })
  if (applied.ok) return { ok: true, changes: applied.value.change === null ? null : applied.value }
  const { problems, error } = applied.error
  if (problems.length === 0) return { ok: false, problems: [content.problemAt([], explain(error))] }
  return {
    ok: false,
    problems: problems.map(({ place, message, hint }) => content.problemAt(places.get(place) ?? [], `${message}; ${hint}`)),
  }
}

/** What an entry says that it did not say before; null = nothing. */
const saidAnew = (ledger: Ledger, { kind, id, set }: FileEntry, before: Said[string] | undefined): Record<string, Value> | null => {
  if (!before) {
    const isBack = kind === 'point' && !('state' in set) && ledger.get('point', id, null)?.attributes.state === 'archived'
    return { ...set, ...(isBack ? { state: null } : {}) }
  }
  const anew: Record<string, Value> = {}
  for (const name of new Set([...Object.keys(before), ...Object.keys(set)]))
    if ((before[name] ?? null) !== (set[name] ?? null)) anew[name] = set[name] ?? null
  return Object.keys(anew).length > 0 ? anew : null
}

/** What it means that the file no longer names something. */
const endOf = (ledger: Ledger, key: string, before: Said[string]): Patch[] => {
  const [kind, id = ''] = key.split(' ')
  const place = `${key}, which is no longer there`
  if (kind === 'meter') {
    // Somebody else has moved it meanwhile: then it is theirs.
    const isThere = ledger.get('meter', id, null)?.attributes.point === before.point
    return isThere ? [{ kind: 'meter', id, from: null, set: { point: null }, place }] : []
  }
  return kind === 'point' && ledger.get('point', id, null) ? [{ kind: 'point', id, from: null, set: { state: 'archived' }, place }] : []
}

/** A task that names meters or areas nobody has would read nobody, and look well. */
const taskProblems = (config: LedgerFileConfig, { areas = [], meters }: LedgerFile, isKnown: Known['has']): Problem[] => {
  const written = { areas: new Set(areas.map(({ id }) => id)), ids: new Set(meters.map(({ id }) => id)) }
  const kinds = { areas: 'area', ids: 'meter' } as const
  return config.tasks.flatMap(({ id, filter }) =>
    (['areas', 'ids'] as const).flatMap((list) =>
      (filter[list] ?? [])
        .filter((name) => !written[list].has(name) && !isKnown(kinds[list], name))
        .map((name) => ({
          file: config.file,
          line: 1,
          column: 1,
          path: `/tasks/${id}/meters/${list}`,
          message: `is "${name}", which is no ${kinds[list]} of the ledger`,
        })),
    ),
  )
}

const LISTS = [
  ['zones', 'zone'],
  ['feeders', 'feeder'],
  ['areas', 'area'],
  ['customers', 'customer'],
  ['concentrators', 'concentrator'],
  ['points', 'point'],
  ['meters', 'meter'],
] as const satisfies readonly (readonly [keyof LedgerFile, Kind])[]

export const entriesOf = (file: LedgerFile): FileEntry[] =>
  LISTS.flatMap(([list, kind]) =>
    (file[list] ?? []).flatMap((item, at): FileEntry[] => {
      const { id, from, ct, pt, ...set } = { from: undefined, ct: undefined, pt: undefined, ...item }
      const since = typeof from === 'string' ? Date.parse(from) : null
      const ratios = { ...(ct === undefined ? {} : { ct }), ...(pt === undefined ? {} : { pt }) }
      const path = [list, at]
      if (kind !== 'meter') return [{ key: `${kind} ${id}`, kind, id, from: since, set: { ...set, ...ratios }, path }]
      const point = 'point' in set && typeof set.point === 'string' ? set.point : ''
      const own: FileEntry = { key: `meter ${id}`, kind, id, from: since, set, path }
      if (Object.keys(ratios).length === 0) return [own]
      return [own, { key: `ratio ${point}`, kind: 'point', id: point, from: since, set: ratios, path }]
    }),
  )
