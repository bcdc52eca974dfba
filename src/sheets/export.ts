import { ATTRIBUTES, type AttributeSpec, KINDS, type Kind } from '../ledger/kinds.ts'
import type { Entity } from '../ledger/types.ts'
import { headOf, KIND_WORDS, type Meaning } from './columns.ts'
import { linkOf } from './layout.ts'
import { shownValue } from './values.ts'
import { numberCell, type OutCell, type OutTable } from './write-csv.ts'

export type Language = 'en' | 'zh'

/** Every entity of a kind as of the instant that is exported. */
export type Entities = (kind: Kind) => readonly Entity[]

interface Column {
  readonly head: string
  readonly kind: Kind
  readonly name: string
  readonly spec: AttributeSpec
}

const cellOf = (entity: Entity, { name, spec }: Column, language: Language): OutCell => {
  const value = entity.attributes[name] ?? null
  if (value === null) return null
  const text = shownValue(value, spec, language)
  return (spec.type === 'decimal' || spec.type === 'integer' || spec.type === 'ratio') && !text.includes('/') ? numberCell(text) : text
}

/** Attributes that any of the entities has: a column for nobody only hides the others. */
const columnsOf = (kind: Kind, entities: readonly Entity[], language: Language, headFor: (name: string) => Meaning | null): Column[] => {
  const used = new Set<string>()
  for (const { attributes } of entities) for (const name in attributes) used.add(name)
  return Object.entries(ATTRIBUTES[kind]).flatMap(([name, spec]) => {
    const meaning = used.has(name) ? headFor(name) : null
    return meaning === null ? [] : [{ head: headOf(meaning, language), kind, name, spec }]
  })
}

/** A column without values: the table is about this kind, and does not only refer to it. */
const markOf = (kind: Kind, language: Language): Column[] =>
  Object.entries(ATTRIBUTES[kind])
    .filter(([name]) => !linkOf(kind, name, null))
    .slice(0, 1)
    .map(([name, spec]) => ({ head: headOf({ is: 'attribute', kind, name }, language), kind, name, spec }))

/** The ledger as tables, one for each kind that it has: the sheets of a workbook. */
export const tablesOf = (entitiesOf: Entities, language: Language): OutTable[] =>
  KINDS.flatMap((kind): OutTable[] => {
    const entities = entitiesOf(kind)
    if (entities.length === 0) return []
    // Beside the kind it refers to, the id column of that kind is the reference.
    const columns = columnsOf(kind, entities, language, (name) => {
      const link = linkOf(kind, name, kind)
      return link ? { is: 'id', kind: link } : { is: 'attribute', kind, name }
    })
    function* rows(): Generator<readonly OutCell[], void> {
      for (const entity of entities) yield [entity.id, ...columns.map((column) => cellOf(entity, column, language))]
    }
    return [
      {
        name: KIND_WORDS[kind][language][0] ?? kind,
        heads: [headOf({ is: 'id', kind }, language), ...columns.map(({ head }) => head)],
        rows: rows(),
      },
    ]
  })

/**
 * The ledger as one flat table, as utilities keep it: a row for each meter with its point, customer, area and zone beside it; what no meter
 * leads to follows in rows of its own.
 */
export const flatTableOf = (entitiesOf: Entities, language: Language, name = 'ledger'): OutTable => {
  const all = new Map(KINDS.map((kind) => [kind, new Map(entitiesOf(kind).map((entity) => [entity.id, entity]))]))
  const of = (kind: Kind): ReadonlyMap<string, Entity> => all.get(kind) ?? new Map()
  const present = KINDS.filter((kind) => of(kind).size > 0)
  const blocks = present.map((kind) => {
    const columns = columnsOf(kind, [...of(kind).values()], language, (attribute) =>
      // In a table of many kinds only the links that always hold are made of ids.
      linkOf(kind, attribute, null) ? null : { is: 'attribute', kind, name: attribute },
    )
    return { kind, columns: columns.length > 0 ? columns : markOf(kind, language) }
  })
  const referred = new Set<Kind>(
    present.flatMap((kind) =>
      Object.entries(ATTRIBUTES[kind]).flatMap(([attribute]) => {
        const to = linkOf(kind, attribute, null)
        return to && [...of(kind).values()].some(({ attributes }) => attributes[attribute] !== undefined) ? [to] : []
      }),
    ),
  )
  const ids = KINDS.filter((kind) => of(kind).size > 0 || referred.has(kind))

  /** Ids of one row: of the entity, and of what it leads to. */
  const idsFrom = (kind: Kind, entity: Entity, found = new Map<Kind, string>()): Map<Kind, string> => {
    found.set(kind, entity.id)
    for (const attribute in entity.attributes) {
      const to = linkOf(kind, attribute, null)
      const id = entity.attributes[attribute]
      if (!to || typeof id !== 'string' || found.has(to)) continue
      found.set(to, id)
      const next = of(to).get(id)
      if (next) idsFrom(to, next, found)
    }
    return found
  }

  function* rows(): Generator<readonly OutCell[], void> {
    const written = new Map<Kind, Set<string>>(KINDS.map((kind) => [kind, new Set()]))
    for (const kind of START) {
      for (const entity of of(kind).values()) {
        if (written.get(kind)?.has(entity.id)) continue
        const found = idsFrom(kind, entity)
        for (const [other, id] of found) written.get(other)?.add(id)
        yield [
          ...ids.map((other) => found.get(other) ?? null),
          ...blocks.flatMap(({ kind: other, columns }) => {
            const one = of(other).get(found.get(other) ?? '')
            return columns.map((column) => (one ? cellOf(one, column, language) : null))
          }),
        ]
      }
    }
  }
  const heads = [
    ...ids.map((kind) => headOf({ is: 'id', kind }, language)),
    ...blocks.flatMap(({ columns }) => columns.map(({ head }) => head)),
  ]
  return { name, heads: heads.length === 0 ? [headOf({ is: 'id', kind: 'meter' }, language)] : heads, rows: rows() }
}

/** What leads to the most comes first. */
const START: readonly Kind[] = ['meter', 'point', 'transformer', 'area', 'customer', 'feeder', 'zone', 'concentrator', 'channel']
