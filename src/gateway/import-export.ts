import { stringify } from 'yaml'
import { LedgerSchema } from '../config/index.ts'
import { EVERYTHING, type Scope } from '../core/index.ts'
import { type Entity, type Kind, type Ledger, withoutPersons } from '../ledger/index.ts'
import { csvOf, type Entities, flatTableOf, type Language, tablesOf, xlsxOf } from '../sheets/index.ts'
import type { ImportFormat } from './import-read.ts'

const PAGE = 5000

/** Who gets a file. */
export interface ExportFor {
  /** May not see what says something of a person. */
  readonly hidesPersonal: boolean
  /** What of the ledger is in it. */
  readonly scope: Scope
}

/** Every entity of a kind as of an instant. */
const entitiesAt =
  (ledger: Pick<Ledger, 'list' | 'facts'>, asOf: number | null, { hidesPersonal, scope }: ExportFor): Entities =>
  (kind) => {
    const all: Entity[] = []
    for (let after: string | undefined; ; ) {
      const page = ledger.list({
        ...{ kind, limit: PAGE },
        ...(after === undefined ? {} : { after }),
        ...(asOf === null ? {} : { asOf }),
      })
      for (const entity of page)
        if (scope.all || scope.sees(kind === 'channel' ? 'line' : kind, entity.id))
          all.push(hidesPersonal ? withoutPersons((of, id) => ledger.facts(of, id), entity) : entity)
      after = page.at(-1)?.id
      if (page.length < PAGE || after === undefined) return all
    }
  }

/**
 * The ledger as a file, in pieces.
 *
 * @param asOf  null: by all facts that are written
 */
export const exportOf = (
  ledger: Pick<Ledger, 'list' | 'facts'>,
  format: ImportFormat,
  language: Language,
  asOf: number | null,
  whom: ExportFor = { hidesPersonal: false, scope: EVERYTHING },
): AsyncIterable<Uint8Array> | Iterable<string> => {
  const entities = entitiesAt(ledger, asOf, whom)
  if (format === 'yaml') return [yamlOf(entities)]
  return format === 'csv' ? csvOf(flatTableOf(entities, language)) : xlsxOf(tablesOf(entities, language))
}

/** Lists of the ledger file, each with the kind it holds. */
const LISTS: readonly (readonly [string, Kind])[] = [
  ['zones', 'zone'],
  ['feeders', 'feeder'],
  ['areas', 'area'],
  ['customers', 'customer'],
  ['concentrators', 'concentrator'],
  ['points', 'point'],
  ['meters', 'meter'],
]

const properties: Readonly<Record<string, unknown>> = LedgerSchema.properties

/** Attributes that the ledger file has for the items of a list. */
const allowedIn = (list: string): readonly string[] => {
  const array = properties[list]
  if (typeof array !== 'object' || array === null || !('items' in array)) return []
  const { items } = array
  if (typeof items !== 'object' || items === null || !('properties' in items)) return []
  return Object.keys(items.properties ?? {})
}

/**
 * The ledger as a ledger file (`ledger.yaml`), for small sites. What this form has no place for is named in its first lines, so that
 * nobody takes it for the whole.
 */
const yamlOf = (entities: Entities): string => {
  const missing = new Map<string, number>()
  const leave = (what: string) => void missing.set(what, (missing.get(what) ?? 0) + 1)
  const file: Record<string, unknown> = { version: 1 }
  for (const [list, kind] of LISTS) {
    const allowed = new Set(allowedIn(list))
    const items = entities(kind).flatMap((entity) => {
      const { attributes } = entity
      if (kind === 'meter' && !(attributes.point && attributes.line && attributes.profile)) {
        leave('meters without point, line or profile')
        return []
      }
      for (const name in attributes) if (!allowed.has(name)) leave(`${kind}.${name}`)
      return [{ id: entity.id, ...Object.fromEntries(Object.entries(attributes).filter(([name]) => allowed.has(name))) }]
    })
    if (items.length > 0 || list === 'points' || list === 'meters') file[list] = items
  }
  for (const kind of ['transformer', 'channel'] as const) for (const _ of entities(kind)) leave(`${kind}s`)
  const notes = [...missing].map(([what, count]) => `# left out, as this form has no place for it: ${what} (${count})\n`)
  return notes.join('') + stringify(file, { lineWidth: 0 })
}
