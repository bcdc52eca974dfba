import { rowsOf, type Touched } from './draft.ts'
import { failpoint } from './failpoint.ts'
import { isKind, type Kind, type Value } from './kinds.ts'
import { METER_PARTS, POINT_PARTS, periodsOf, writePeriods } from './period.ts'
import { integer, integerOrNull, type Sql, text } from './sql.ts'
import { type Body, bodyOf, type Patched, present, sameBody, stateOf } from './timeline.ts'
import type { LedgerWorld } from './types.ts'

/** Writes what a change makes of the facts, and everything worked out from them. Inside a transaction. */
export const writeTouched = (sql: Sql, seq: number, touched: readonly Touched[], world: LedgerWorld | null): void => {
  sql.database.exec('CREATE TEMP TABLE IF NOT EXISTS touched_meter (id TEXT PRIMARY KEY) WITHOUT ROWID; DELETE FROM touched_meter')
  for (const [at, one] of touched.entries()) {
    writeFacts(sql, seq, one)
    writeEntity(sql, seq, one)
    if (at === touched.length >> 1) failpoint('ledger.half-written')
  }
  writeMeters(sql, touched, world)
}

const writeFacts = (sql: Sql, seq: number, { kind, id, before, after }: Touched): void => {
  const old = new Map(before.map((row) => [row.from, row]))
  for (const { from, body } of after) {
    const was = old.get(from)
    old.delete(from)
    if (was && sameBody(was.body, body)) continue
    if (was) endRow(sql, seq, kind, id, from)
    sql.run('INSERT INTO fact VALUES (?, ?, ?, ?, NULL, ?)', kind, id, from, seq, JSON.stringify(body))
  }
  for (const { from } of old.values()) endRow(sql, seq, kind, id, from)
}

const endRow = (sql: Sql, seq: number, kind: string, id: string, from: number): void =>
  sql.run('UPDATE fact SET until = ? WHERE kind = ? AND id = ? AND valid_from = ? AND until IS NULL', seq, kind, id, from)

const writeEntity = (sql: Sql, seq: number, { kind, id, isNew, after }: Touched): void => {
  const last = after.at(-1)
  if (!last) sql.run('DELETE FROM entity WHERE kind = ? AND id = ?', kind, id)
  else {
    const body = JSON.stringify(present(stateOf(after)))
    if (isNew) sql.run('INSERT INTO entity VALUES (?, ?, ?, ?, ?)', kind, id, seq, last.from, body)
    else sql.run('UPDATE entity SET version = ?, newest = ?, body = ? WHERE kind = ? AND id = ?', seq, last.from, body, kind, id)
  }
}

/** Works out anew where meters hang: those whose own facts changed, and those at points whose ratios or state did. */
const writeMeters = (sql: Sql, touched: readonly Touched[], world: LedgerWorld | null): void => {
  const points = new Map<string, readonly Patched[]>()
  const meters = new Map<string, Touched | null>()
  for (const one of touched) {
    if (one.kind === 'point') {
      points.set(one.id, one.after)
      // A new point has no meters but those of this change.
      if (!one.isNew && POINT_PARTS.some((name) => one.names.has(name)))
        for (const row of sql.all('SELECT DISTINCT meter FROM period WHERE point = ?', one.id))
          if (!meters.has(text(row, 'meter'))) meters.set(text(row, 'meter'), null)
    } else if (one.kind === 'concentrator' && !one.isNew && one.names.has('protocol')) {
      // From now on, or no more, its meters are read through it.
      for (const row of sql.all("SELECT DISTINCT meter FROM period WHERE concentrator = ? AND concentrator <> ''", one.id))
        if (!meters.has(text(row, 'meter'))) meters.set(text(row, 'meter'), null)
    } else if (one.kind === 'meter' && METER_PARTS.some((name) => one.names.has(name))) meters.set(one.id, one)
    else if (one.kind === 'meter' && one.after.length === 0) meters.set(one.id, one)
  }
  const own = new Map(touched.flatMap((one) => (one.kind === 'meter' ? [[one.id, one.after] as const] : [])))
  const around = (point: string): readonly Patched[] => {
    const known = points.get(point)
    if (known) return known
    const rows = rowsOf(sql, 'point', point)
    points.set(point, rows)
    return rows
  }
  const protocols = new Map<string, string | null>()
  const concentratorOf = (line: string): string | null => {
    let protocol = protocols.get(line)
    if (protocol === undefined) {
      protocol = protocolOf(sql, line)
      protocols.set(line, protocol)
    }
    return protocol
  }
  for (const [id, one] of meters) {
    const periods = periodsOf(id, own.get(id) ?? rowsOf(sql, 'meter', id), around)
    writePeriods(sql, id, periods, one?.isNew ?? false, { world, concentratorOf })
    sql.run('INSERT OR IGNORE INTO touched_meter VALUES (?)', id)
  }
}

/** Protocol of a concentrator; '' = it says none, null = there is no such concentrator. */
export const protocolOf = (sql: Sql, concentrator: string): string | null => {
  const row = sql.get("SELECT body FROM entity WHERE kind = 'concentrator' AND id = ?", concentrator)
  if (!row) return null
  const { protocol } = bodyOf(row.body)
  return typeof protocol === 'string' ? protocol : ''
}

/** Why a change cannot be taken back: a later one has changed what it set. */
export interface BuiltOn {
  readonly kind: string
  readonly id: string
  readonly name: string
  readonly by: number
}

/**
 * What taking a change back means, once it is marked as taken back: attributes it set become what they were. Attributes that others set at the same instant stay.
 *
 * @returns  the entities, or the places where a later change builds on it
 */
export const undoOf = (sql: Sql, seq: number): { readonly touched: Touched[]; readonly blocked: BuiltOn[] } => {
  const blocked: BuiltOn[] = []
  const touched: Touched[] = []
  const standing = standingAfter(sql, seq)
  const entities = sql.all(
    'SELECT kind, id FROM fact WHERE since = ? UNION SELECT kind, id FROM fact WHERE until = ? ORDER BY kind, id',
    seq,
    seq,
  )
  for (const row of entities) {
    const kind = text(row, 'kind')
    if (isKind(kind)) touched.push(undoEntity(sql, seq, kind, text(row, 'id'), standing, blocked))
  }
  return { touched, blocked }
}

interface Standing {
  /** A later change still says something: it was not taken back, and does not take a later one back. */
  counts(by: number): boolean
  /** A change of its own, no undo, that was not taken back. */
  stands(by: number): boolean
}

const standingAfter = (sql: Sql, seq: number): Standing => {
  const known = new Map<number, { readonly undoes: number | null; readonly isUndone: boolean }>()
  const change = (by: number) => {
    const found = known.get(by)
    if (found) return found
    const row = sql.get('SELECT undoes, undone_by FROM change WHERE seq = ?', by) ?? {}
    const read = { undoes: integerOrNull(row, 'undoes'), isUndone: integerOrNull(row, 'undone_by') !== null }
    known.set(by, read)
    return read
  }
  return {
    counts: (by) => {
      const { undoes, isUndone } = change(by)
      return !isUndone && !(undoes !== null && undoes > seq)
    },
    stands: (by) => {
      const { undoes, isUndone } = change(by)
      return undoes === null && !isUndone
    },
  }
}

const isEmpty = (body: Body): boolean => Object.keys(body).length === 0

/** Writes down that a change is taken back; what it had taken back itself is in force again, and so on. */
export const markUndone = (sql: Sql, seq: number, by: number): void => {
  let target: number | null = seq
  let mark: number | null = by
  while (target !== null) {
    sql.run('UPDATE change SET undone_by = ? WHERE seq = ?', mark, target)
    const row = sql.get('SELECT undoes FROM change WHERE seq = ?', target)
    mark = mark === null ? target : null
    target = row ? integerOrNull(row, 'undoes') : null
  }
}

/** One row of an instant through all changes, oldest first. */
interface Version {
  readonly since: number
  readonly until: number | null
  readonly body: Body
}

const undoEntity = (sql: Sql, seq: number, kind: Kind, id: string, { counts, stands }: Standing, blocked: BuiltOn[]): Touched => {
  const chains = new Map<number, Version[]>()
  for (const row of sql.all(
    'SELECT valid_from, since, until, body FROM fact WHERE kind = ? AND id = ? ORDER BY valid_from, since',
    kind,
    id,
  )) {
    const from = integer(row, 'valid_from')
    const chain = chains.get(from) ?? []
    chain.push({ since: integer(row, 'since'), until: integerOrNull(row, 'until'), body: bodyOf(row.body) })
    chains.set(from, chain)
  }
  const before: Patched[] = []
  const after: Patched[] = []
  const names = new Set<string>()
  for (const [from, chain] of chains) {
    const last = chain.at(-1)
    const now: Patched | null = last && last.until === null ? { from, since: last.since, body: last.body } : null
    if (now) before.push(now)
    const was = chain.find(({ until }) => until === seq) ?? null
    const became = chain.find(({ since }) => since === seq) ?? null
    if (!was && !became) {
      if (now) after.push(now)
      continue
    }
    const mine = namesOf(was, became)
    for (const { name, by } of laterTouch(chain, seq, became, mine)) if (counts(by)) blocked.push({ kind, id, name, by })
    const body = takenBack(
      was,
      now,
      mine,
      chain.some(({ since, body }) => isEmpty(body) && stands(since)),
    )
    if (body) after.push({ from, since: null, body })
    for (const name of mine) names.add(name)
  }
  return { kind, id, isNew: before.length === 0, before, after, names, place: `${kind} ${id}` }
}

/** Attributes that a change set, ended or removed at one instant. */
const namesOf = (was: Version | null, became: Version | null): string[] =>
  [...new Set([...Object.keys(was?.body ?? {}), ...Object.keys(became?.body ?? {})])].filter(
    (name) => was?.body[name] !== became?.body[name],
  )

/** Later changes that touched the same attributes of the row, or took the row away. */
const laterTouch = (
  chain: readonly Version[],
  seq: number,
  became: Version | null,
  mine: readonly string[],
): { readonly name: string; readonly by: number }[] => {
  const steps: { by: number; body: Body | null }[] = []
  for (const { since, until, body } of chain) {
    if (since > seq) steps.push({ by: since, body })
    if (until !== null && until > seq && !chain.some((next) => next.since === until)) steps.push({ by: until, body: null })
  }
  steps.sort((a, b) => a.by - b.by)
  let before: Body | null = became?.body ?? null
  const found: { name: string; by: number }[] = []
  for (const { by, body } of steps) {
    // Born without attributes: whatever was written there since hangs on it.
    if (mine.length === 0) found.push({ name: 'id', by })
    for (const name of mine) if (body?.[name] !== before?.[name]) found.push({ name, by })
    before = body
  }
  return found
}

/** The row without what the change did to it; null = no row. */
const takenBack = (was: Version | null, now: Patched | null, mine: readonly string[], isBorn: boolean): Body | null => {
  const result: Record<string, Value> = { ...now?.body }
  for (const name of mine) {
    const value = was?.body[name]
    if (value === undefined) delete result[name]
    else result[name] = value
  }
  // An empty row says that the entity was there: only where somebody wrote just that.
  return Object.keys(result).length === 0 && !isBorn ? null : result
}
