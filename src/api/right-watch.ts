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
