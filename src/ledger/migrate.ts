import type { Touched } from './draft.ts'
import type { OldFact, OldLedger } from './schema.ts'
import { integer, type Sql } from './sql.ts'
import { type Body, newIn, type Patched, patched, present, stateAt, stateOf } from './timeline.ts'
import { writeTouched } from './write.ts'

/** Writes what the first release knew: facts with their dates, changes with their numbers. */
export const migrate = (sql: Sql, { facts, changes, takeover }: OldLedger): void => {
  const at = changes.at(-1)?.at ?? 0
  for (const { seq, at: when, who, what } of changes)
    sql.run('INSERT INTO change VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL, 1)', seq, when, 'file', who, what)
  const entities = new Map<string, OldFact[]>()
  for (const fact of facts) {
    const key = `${fact.kind} ${fact.id}`
    entities.set(key, [...(entities.get(key) ?? []), fact])
  }
  if (entities.size === 0) return
  sql.run(
    'INSERT INTO change VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL, ?)',
    ...[takeover, at, 'file', 'migration', 'names and points, taken over from a ledger of the first release', entities.size],
  )
  const touched: Touched[] = []
  for (const list of entities.values()) {
    const [first] = list
    if (!first) continue
    let after: readonly Patched[] = []
    const names = new Set<string>()
    for (const { from, since, set } of list.toSorted((a, b) => a.from - b.from)) {
      const fresh = newIn(stateAt(after, from), set)
      if (Object.keys(fresh).length === 0 && after.length > 0) continue
      for (const name in fresh) names.add(name)
      // The writer of a row that two changes made together is the later one.
      const there = after.find((row) => row.from === from)
      after = patched(after, from, fresh).map((row) => (row.from === from ? { ...row, since: Math.max(since, there?.since ?? 0) } : row))
    }
    touched.push({ kind: first.kind, id: first.id, isNew: true, before: [], after, names, place: `${first.kind} ${first.id}` })
  }
  writeTouched(sql, takeover, touched, null)
  sql.run('INSERT INTO note VALUES (?, ?)', 'ledger-file', JSON.stringify(saidBefore(touched)))
  for (const { kind, id, after } of touched) {
    for (const { from, since } of after)
      if (since !== null && since !== takeover)
        sql.run('UPDATE fact SET since = ? WHERE kind = ? AND id = ? AND valid_from = ?', since, kind, id, from)
    const newest = integer(sql.get('SELECT max(since) AS since FROM fact WHERE kind = ? AND id = ?', kind, id) ?? {}, 'since')
    sql.run('UPDATE entity SET version = ? WHERE kind = ? AND id = ?', newest, kind, id)
  }
}

/** The ledger of the first release was its file, word for word: what it said last, so that the next file can be compared with it. */
const saidBefore = (touched: readonly Touched[]): Record<string, Body> => {
  const said: Record<string, Body> = {}
  for (const { kind, id, after } of touched) {
    const { ct, pt, ...state } = present(stateOf(after))
    if (kind === 'meter' && state.point === undefined) continue
    said[`${kind} ${id}`] = state
    if (ct !== undefined || pt !== undefined)
      said[`ratio ${id}`] = { ...(ct === undefined ? {} : { ct }), ...(pt === undefined ? {} : { pt }) }
  }
  return said
}
