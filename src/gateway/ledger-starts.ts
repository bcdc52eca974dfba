import type { Kind, Ledger } from '../ledger/index.ts'

/** Of more changes, or entities, it is not looked up from when each differs. */
const MOST_CHANGES = 100
const MOST_ENTRIES = 200

export type ChangedLedger = Pick<Ledger, 'changes' | 'change'>

/** How an entity is named in {@link startsOf}. */
export const entityKey = (kind: Kind, id: string): string => `${kind} ${id}`

/**
 * From when the entities differ that changes of the ledger are about.
 *
 * @param since  number of the last change that was seen
 * @param until  number of the newest change
 * @returns      milliseconds since 1970 UTC by {@link entityKey}; empty when there is too much of it: all their days count then
 */
export const startsOf = (ledger: ChangedLedger, since: number, until: number): ReadonlyMap<string, number> => {
  const starts = new Map<string, number>()
  const changes = ledger.changes({ before: until + 1, limit: Math.min(MOST_CHANGES, until - since) }).filter(({ seq }) => seq > since)
  const isSmall = changes.length === until - since && changes.reduce((sum, { entities }) => sum + entities, 0) <= MOST_ENTRIES
  if (!isSmall) return starts
  for (const { seq } of changes)
    for (const { kind, id, from } of ledger.change(seq, MOST_ENTRIES)?.entries ?? []) {
      const key = entityKey(kind, id)
      starts.set(key, Math.min(from, starts.get(key) ?? Number.POSITIVE_INFINITY))
    }
  return starts
}
