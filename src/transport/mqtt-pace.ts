/** A connection that wants to try. */
interface Waiting {
  readonly notBefore: number
  readonly isFirst: boolean
  readonly go: () => void
}

const LEAST_MS = 1000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000
/** An absence is noticed to be over within this time, or a twentieth of the absence where that is more. */
const SHORT_PAUSE_MS = 3000
const SHARE_OF_ABSENCE = 20
export const STUBBORN_PAUSE_MS = 30_000

/**
 * Decides when a connection of an end may try: one at a time, one a second, and with a growing pause of full jitter while nobody
 * gets through. Only connections that were never up may follow at once when another one is.
 */
export class Pace {
  readonly #random: () => number
  #queue: Waiting[] = []
  #trying = 0
  #up = 0
  #tries = 0
  #awaySince = performance.now()
  #lastAt = Number.NEGATIVE_INFINITY
  #notBefore = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | null = null

  constructor(random: () => number) {
    this.#random = random
  }

  /** Calls `go` when it is this connection's turn; the function returned takes that back. */
  ask(go: () => void, { isFirst = false, afterMs = 0 } = {}): () => void {
    const waiting: Waiting = { go, isFirst, notBefore: performance.now() + afterMs }
    this.#queue.push(waiting)
    this.#look()
    return () => {
      this.#queue = this.#queue.filter((other) => other !== waiting)
      this.#look()
    }
  }

  /** A try got through. */
  succeeded(): void {
    this.#trying--
    this.#up++
    this.#tries = 0
    this.#notBefore = Number.NEGATIVE_INFINITY
    this.#look()
  }

  /** A try did not; `isStubborn`: the next is no better. */
  failed(isStubborn: boolean): void {
    this.#trying--
    this.#pause(isStubborn && this.#up === 0 ? STUBBORN_PAUSE_MS : this.#jitter())
  }

  /** A connection that was up is gone. */
  lost(): void {
    if (--this.#up === 0) this.#awaySince = performance.now()
    this.#pause(this.#jitter())
  }

  #jitter(): number {
    const away = this.#up > 0 ? 0 : performance.now() - this.#awaySince
    const most = Math.min(LONGEST_PAUSE_MS, Math.max(SHORT_PAUSE_MS, away / SHARE_OF_ABSENCE), FIRST_PAUSE_MS * 2 ** this.#tries)
    this.#tries = Math.min(this.#tries + 1, 20)
    return this.#random() * most
  }

  #pause(ms: number): void {
    this.#notBefore = Math.max(this.#notBefore, performance.now() + ms)
    this.#look()
  }

  #look(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#up > 0) for (const waiting of this.#queue.filter(({ isFirst }) => isFirst)) this.#start(waiting)
    if (this.#queue.length === 0 || this.#trying > 0) return
    const now = performance.now()
    // While nobody gets through, those that never tried keep their first try for when somebody does.
    const tried = this.#queue.filter(({ isFirst }) => !isFirst)
    const soonest = (tried.length > 0 ? tried : this.#queue).reduce((best, waiting) =>
      waiting.notBefore < best.notBefore ? waiting : best,
    )
    const at = Math.max(soonest.notBefore, this.#notBefore, this.#lastAt + LEAST_MS)
    if (at <= now) this.#start(soonest)
    else this.#timer = setTimeout(() => this.#look(), Math.ceil(at - now))
  }

  #start(waiting: Waiting): void {
    // One that failed at once has had us look again meanwhile.
    if (!this.#queue.includes(waiting)) return
    this.#queue = this.#queue.filter((other) => other !== waiting)
    this.#trying++
    this.#lastAt = performance.now()
    waiting.go()
  }
}
