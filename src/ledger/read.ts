import { rowsOf } from './draft.ts'
import { ATTRIBUTES, isKind, type Kind, type Value } from './kinds.ts'
import { integer, integerOrNull, type Row, type Sql, text, textOrNull } from './sql.ts'
import { bodyOf, datedFacts, type Patched, present, stateAt } from './timeline.ts'
import {
  ACTS,
  type ActKind,
  type Change,
  type ChangeDetail,
  type DatedFact,
  type DiffEntry,
  type Entity,
  type EntryPlace,
} from './types.ts'

export const seqOf = (sql: Sql): number => integer(sql.get('SELECT max(seq) AS seq FROM change') ?? {}, 'seq')

/** One entity by all current facts, or as of an instant; null when there was none. */
export const entityOf = (sql: Sql, kind: Kind, id: string, asOf: number | null): Entity | null => {
  const row = sql.get('SELECT version, body FROM entity WHERE kind = ? AND id = ?', kind, id)
  if (!row) return null
  const version = integer(row, 'version')
  if (asOf === null) return { kind, id, version, attributes: bodyOf(row.body) }
  const rows = rowsOf(sql, kind, id)
  const first = rows[0]
  return first && first.from <= asOf ? { kind, id, version, attributes: present(stateAt(rows, asOf)) } : null
}

export const factsOf = (sql: Sql, kind: Kind, id: string): readonly DatedFact[] => datedFacts(rowsOf(sql, kind, id))

export interface ListFilter {
  readonly kind: Kind
  /** Attributes that must have this value; null = must not be there. */
  readonly where?: Readonly<Record<string, Value>>
  /** Part of the id or of any text; upper and lower case alike. */
  readonly text?: string
  /** Only days before this one: `{ name: 'verifyBy', day: '2026-11-21' }`. */
  readonly before?: { readonly name: string; readonly day: string }
  readonly after?: string
  /** Attributes in which `text` is not looked for. */
  readonly unread?: readonly string[]
  readonly limit: number
  readonly asOf?: number
}

/** Entities of a kind by id. */
export const listOf = (
  sql: Sql,
  { kind, where = {}, text: part, before, after = '', unread = [], limit, asOf }: ListFilter,
): readonly Entity[] => {
  const names = Object.keys(where).filter((name) => Object.hasOwn(ATTRIBUTES[kind], name))
  if (names.length < Object.keys(where).length) return []
  const wanted = part?.toLowerCase()
  const fits = (id: string, attributes: Readonly<Record<string, Value>>): boolean => {
    if (names.some((name) => (attributes[name] ?? null) !== where[name])) return false
    if (before) {
      const day = attributes[before.name]
      if (typeof day !== 'string' || day >= before.day) return false
    }
    return (
      wanted === undefined ||
      id.toLowerCase().includes(wanted) ||
      Object.entries(attributes).some(
        ([name, value]) => typeof value === 'string' && !unread.includes(name) && value.toLowerCase().includes(wanted),
      )
    )
  }
  // What the database can sort out is not parsed here; as of an instant, only what is no more must not be missed.
  const narrow = asOf === undefined ? names.filter((name) => where[name] !== null) : []
  const conditions = narrow.map((name) => ` AND json_extract(body, '$.${name}') = ?`).join('')
  const values = narrow.map((name) => boundOf(where[name] ?? null))
  const found: Entity[] = []
  const page = Math.max(limit, 500)
  for (let from = after; ; ) {
    const rows = sql.all(
      `SELECT id, version, body FROM entity WHERE kind = ? AND id > ?${conditions} ORDER BY id LIMIT ${page}`,
      ...[kind, from, ...values],
    )
    for (const row of rows) {
      const id = text(row, 'id')
      from = id
      const attributes = asOf === undefined ? bodyOf(row.body) : entityOf(sql, kind, id, asOf)?.attributes
      if (!attributes || !fits(id, attributes)) continue
      found.push({ kind, id, version: integer(row, 'version'), attributes })
      if (found.length >= limit) return found
    }
    if (rows.length < page) return found
  }
}

/** Entities of a kind for which an attribute ever had a value, by id, as far as their facts hold now. */
export const everOf = (sql: Sql, kind: Kind, name: string, value: string): readonly string[] =>
  Object.hasOwn(ATTRIBUTES[kind], name)
    ? sql
        .all(
          `SELECT DISTINCT id FROM fact WHERE kind = ? AND until IS NULL AND json_extract(body, '$.${name}') = ? ORDER BY id`,
          ...[kind, value],
        )
        .map((row) => text(row, 'id'))
    : []

const boundOf = (value: Value): string | number | null => (typeof value === 'boolean' ? Number(value) : value)

const CHANGE = 'SELECT c.* FROM change c'

export interface ChangeFilter {
  readonly before?: number
  readonly limit: number
  readonly kind?: Kind
  readonly id?: string
  readonly who?: string
  readonly workOrder?: string
}

/** Changes, newest first. */
export const changesOf = (sql: Sql, { before, limit, kind, id, who, workOrder }: ChangeFilter): readonly Change[] => {
  const conditions: string[] = []
  const values: (string | number)[] = []
  const also = (condition: string, ...bound: readonly (string | number)[]) => {
    conditions.push(condition)
    values.push(...bound)
  }
  if (before !== undefined) also('c.seq < ?', before)
  if (who !== undefined) also('c.who = ?', who)
  if (workOrder !== undefined) also('c.work_order = ?', workOrder)
  if (kind !== undefined && id !== undefined)
    also(
      'c.seq IN (SELECT since FROM fact WHERE kind = ? AND id = ? UNION SELECT until FROM fact WHERE kind = ? AND id = ?)',
      ...[kind, id, kind, id],
    )
  else if (kind !== undefined)
    also(
      'EXISTS (SELECT 1 FROM fact f WHERE f.since = c.seq AND f.kind = ? UNION ALL SELECT 1 FROM fact f WHERE f.until = c.seq AND f.kind = ?)',
      ...[kind, kind],
    )
  const rows = sql.all(
    `${CHANGE}${conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''} ORDER BY c.seq DESC LIMIT ?`,
    ...values,
    limit,
  )
  return rows.map(changeRow)
}

const isAct = (word: string): word is ActKind => (ACTS as readonly string[]).includes(word)

const changeRow = (row: Row): Change => {
  const what = text(row, 'what')
  return {
    ...{ seq: integer(row, 'seq'), at: integer(row, 'at'), who: text(row, 'who'), why: text(row, 'why') },
    ...{ workOrder: textOrNull(row, 'work_order'), undoes: integerOrNull(row, 'undoes'), undoneBy: integerOrNull(row, 'undone_by') },
    what: isAct(what) ? what : 'edit',
    entities: integer(row, 'entities'),
  }
}

/** One change with what it changed: as it held, and as it held from then on. */
export const changeOf = (sql: Sql, seq: number, most: number, after: EntryPlace | null = null): ChangeDetail | null => {
  const row = sql.get(`${CHANGE} WHERE c.seq = ?`, seq)
  if (!row) return null
  const touched = sql.all(
    `SELECT * FROM (SELECT kind, id, valid_from FROM fact WHERE since = ?1 UNION SELECT kind, id, valid_from FROM fact WHERE until = ?1)
     WHERE (kind, id, valid_from) > (?2, ?3, ?4) ORDER BY kind, id, valid_from LIMIT ?5`,
    ...[seq, after?.kind ?? '', after?.id ?? '', after?.from ?? 0, most],
  )
  const entries = touched.flatMap((place): DiffEntry[] => {
    const [kind, id, from] = [text(place, 'kind'), text(place, 'id'), integer(place, 'valid_from')]
    if (!isKind(kind)) return []
    const [rowsBefore, rowsAfter] = [knownRows(sql, kind, id, seq - 1), knownRows(sql, kind, id, seq)]
    const [was, is] = [stateAt(rowsBefore, from), stateAt(rowsAfter, from)]
    const names = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter((name) => (was[name] ?? null) !== (is[name] ?? null))
    const attributes = names.map((name) => ({ name, before: was[name] ?? null, after: is[name] ?? null }))
    return [{ kind, id, from, change: rowsBefore.length === 0 ? 'added' : 'changed', attributes, place: null }]
  })
  return { ...changeRow(row), entries }
}

/** The rows of an entity as they were known after a change. */
const knownRows = (sql: Sql, kind: Kind, id: string, seq: number): Patched[] =>
  sql
    .all(
      'SELECT valid_from, since, body FROM fact WHERE kind = ? AND id = ? AND since <= ? AND (until IS NULL OR until > ?) ORDER BY valid_from',
      ...[kind, id, seq, seq],
    )
    .map((row) => ({ from: integer(row, 'valid_from'), since: integer(row, 'since'), body: bodyOf(row.body) }))

/** Everything that changes after `seq` touched, and the number of the newest. */
export const touchedSince = (sql: Sql, seq: number) => ({
  seq: seqOf(sql),
  entities: sql
    .all('SELECT kind, id FROM fact WHERE since > ? UNION SELECT kind, id FROM fact WHERE until > ?', seq, seq)
    .flatMap((row) => {
      const kind = text(row, 'kind')
      return isKind(kind) ? [{ kind, id: text(row, 'id') }] : []
    }),
})

const PAGE = 1000

/**
 * Everything that changes after `seq` touched, some at a time: an import touches a hundred thousand, and whoever follows it has other
 * things to do in between. What several facts changed comes several times.
 */
export function* touchedPages(sql: Sql, seq: number): Generator<readonly { readonly kind: Kind; readonly id: string }[], void> {
  for (const column of ['since', 'until'] as const) {
    let last: readonly (string | number)[] = [seq, '\u{10FFFF}', '', 0]
    for (;;) {
      const rows = sql.all(
        `SELECT ${column} AS change, kind, id, valid_from FROM fact WHERE (${column}, kind, id, valid_from) > (?, ?, ?, ?)
         ORDER BY ${column}, kind, id, valid_from LIMIT ${PAGE}`,
        ...last,
      )
      const end = rows.at(-1)
      if (!end) break
      last = [integer(end, 'change'), text(end, 'kind'), text(end, 'id'), integer(end, 'valid_from')]
      yield rows.flatMap((row) => {
        const kind = text(row, 'kind')
        return isKind(kind) ? [{ kind, id: text(row, 'id') }] : []
      })
      if (rows.length < PAGE) break
    }
  }
}
