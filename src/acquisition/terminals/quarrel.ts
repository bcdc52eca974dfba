/** One takeover in this time at most. @source faults: an impostor that alternates must not have the address change hands each second */
const TAKEOVER_REST_MS = 60_000
/** Without any claim for so long, a quarrel is over; the next one is told of again. */
const QUARREL_MS = 600_000

/** What is remembered of who claimed an address. */
export interface Quarrel {
  lastTakeoverAt: number
  lastClaimAt: number
  isTold: boolean
  isRefusalTold: boolean
}

export const newQuarrel = (): Quarrel => ({
  lastTakeoverAt: Number.NEGATIVE_INFINITY,
  lastClaimAt: Number.NEGATIVE_INFINITY,
  isTold: false,
  isRefusalTold: false,
})

/**
 * Another connection logs in under an address that has one. The newest wins, for it is usually the same terminal, whose old connection
 * died without a word; but not again within a minute, for then both are alive.
 *
 * @param now  monotonic milliseconds
 * @returns    `tell`: nobody was told of it in this quarrel yet
 */
export const claim = (quarrel: Quarrel, now: number): { readonly verdict: 'takeover' | 'refused'; readonly tell: boolean } => {
  if (now - quarrel.lastClaimAt > QUARREL_MS) {
    quarrel.isTold = false
    quarrel.isRefusalTold = false
  }
  quarrel.lastClaimAt = now
  if (now - quarrel.lastTakeoverAt < TAKEOVER_REST_MS) {
    const tell = !quarrel.isRefusalTold
    quarrel.isRefusalTold = true
    return { verdict: 'refused', tell }
  }
  quarrel.lastTakeoverAt = now
  const tell = !quarrel.isTold
  quarrel.isTold = true
  return { verdict: 'takeover', tell }
}
