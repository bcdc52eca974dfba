import type { Clock } from '../../core/index.ts'

/**
 * Says the same thing once a minute at most, and how often it would have been said.
 *
 * @returns  to be called each time; `text` is asked for only when something is said
 */
export const seldom = (clock: Clock, say: (text: string) => void, everyMs = 60_000): ((text: (times: number) => string) => void) => {
  let next = Number.NEGATIVE_INFINITY
  let times = 0
  return (text) => {
    times++
    const now = clock.monotonic()
    if (now < next) return
    next = now + everyMs
    say(text(times))
    times = 0
  }
}

/** The same for many subjects; those not heard of for long are forgotten, and at most so many are known. */
export class SeldomEach {
  readonly #clock: Clock
  readonly #everyMs: number
  readonly #most: number
  readonly #last = new Map<string, number>()

  constructor(clock: Clock, everyMs: number, most = 10_000) {
    this.#clock = clock
    this.#everyMs = everyMs
    this.#most = most
  }

  /** Whether it is time to speak of this one again. */
  isDue(subject: string): boolean {
    const now = this.#clock.monotonic()
    const last = this.#last.get(subject)
    if (last !== undefined && now - last < this.#everyMs) return false
    this.#last.delete(subject)
    this.#last.set(subject, now)
    // Insertion order is order of time: the oldest stands first.
    for (const [other, at] of this.#last) {
      if (this.#last.size <= this.#most && now - at < this.#everyMs) break
      this.#last.delete(other)
    }
    return true
  }
}
