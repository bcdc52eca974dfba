import type { FastifyRequest } from 'fastify'
import type { Principal } from '../access/principals.ts'
import type { SeesPoint } from './billing-book-deps.ts'
import type { ApiDeps } from './deps.ts'

/** Which points somebody sees; null: every one. */
export const seesOf = (deps: Pick<ApiDeps, 'scopeOf'>, who: Principal | null): SeesPoint => {
  const scope = deps.scopeOf(who)
  return scope.all ? null : (point) => scope.sees('point', point)
}

/** Who acts. @throws  nobody: the guard lets nobody through to a route that needs a permission */
export const actorOf = ({ who }: Pick<FastifyRequest, 'who'>): Principal => {
  if (!who) throw new Error('an act without anybody who does it')
  return who
}

/** Rows looked at for one page: what is not seen costs no more than that. */
const MOST_LOOKED_AT = 20_000

/**
 * One page of what somebody sees. What is not seen is left out while paging, so that a page is full and tells nothing of it.
 *
 * @param more   rows after a place
 * @param sees   null: everything
 * @param place  where a row lies
 * @returns      `last`: place to go on from; null: there is no more
 */
export const seenPage = async <Row, Place extends string | number>(
  more: (after: Place, limit: number) => Promise<readonly Row[]>,
  start: Place,
  limit: number,
  sees: ((row: Row) => boolean) | null,
  place: (row: Row) => Place,
): Promise<{ readonly items: readonly Row[]; readonly last: Place | null }> => {
  const items: Row[] = []
  let after = start
  for (let looked = 0; looked < MOST_LOOKED_AT; ) {
    const rows = await more(after, limit + 1)
    for (const row of rows) {
      if (sees !== null && !sees(row)) {
        after = place(row)
        continue
      }
      if (items.length === limit) return { items, last: after }
      items.push(row)
      after = place(row)
    }
    if (rows.length <= limit) return { items, last: null }
    looked += rows.length
  }
  return { items, last: after }
}
