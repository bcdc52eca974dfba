import type { FastifyRequest } from 'fastify'
import { mayDo, type Principal, seesAsMuchAs } from '../access/principals.ts'
import type { Permission } from '../access/roles.ts'
import { exportFailure, RowsStopped } from '../export/index.ts'
import type { Holder } from './guard.ts'

/** Tokens are looked up again within a quarter of a second; with this, what streams ends within one of a revocation. */
const ASK_MS = 500

/**
 * Asks again and again whether somebody still holds the right something that goes on rests on.
 *
 * @param lost  called once, when he does not
 * @returns     how to stop asking
 */
export const watchRight = ({ again }: Pick<Holder, 'again'>, lost: (reason: string) => void): (() => void) => {
  const timer = setInterval(() => {
    if (again() !== null) return
    clearInterval(timer)
    lost('the token or session is no longer accepted')
  }, ASK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Whether somebody, as he is now, may see all that he might when something was begun for him. What shows names does so to its end. */
export const maySeeStill = (now: Principal, then: Principal, needs: Permission | null): boolean =>
  seesAsMuchAs(now, then) && (needs === null || mayDo(now, needs)) && (mayDo(now, 'personal:read') || !mayDo(then, 'personal:read'))

/** Who asks now, as far as he may still see all he saw when he began to. @param needs  beside the permission of the route */
export const holdsStill = ({ who, again }: Pick<FastifyRequest, 'who' | 'again'>, needs: Permission | null): Principal | null => {
  const now = again()
  return now !== null && who !== null && maySeeStill(now, who, needs) ? now : null
}

/** The same of what is made in the background for somebody who shows nothing any more. @throws RowsStopped */
export async function* whileStanding<Piece>(pieces: AsyncIterable<Piece>, holds: () => boolean): AsyncGenerator<Piece, void> {
  for await (const piece of pieces) {
    if (!holds()) throw new RowsStopped(exportFailure('EXPORT_RIGHT', 'the right to see it has ended').error)
    yield piece
  }
}

/**
 * Pieces of a long answer, as long as whoever asked may still see all he saw when he did: one that ends early is broken off, so that
 * nobody takes it for the whole.
 *
 * @param needs   what it takes beside the permission of the route; null: nothing
 * @throws        RowsStopped
 */
export async function* whileHeld<Piece>(
  pieces: AsyncIterable<Piece>,
  request: Pick<FastifyRequest, 'who' | 'again'>,
  needs: Permission | null = null,
): AsyncGenerator<Piece, void> {
  for await (const piece of pieces) {
    if (holdsStill(request, needs) === null) throw new RowsStopped(exportFailure('EXPORT_RIGHT', 'the right to see it has ended').error)
    yield piece
  }
}
