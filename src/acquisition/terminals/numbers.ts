/** A number given up on: a late answer may still carry it. */
interface Resting {
  readonly number: number
  readonly until: number
}

/** Resting never shorter nor longer than this, milliseconds. */
const SHORTEST_REST_MS = 5000
const LONGEST_REST_MS = 180_000

/** Sequence numbers (PSEQ, PIID) of one terminal: given out in turn, never one that a late answer could still carry. */
export class Numbers {
  readonly #max: number
  readonly #busy = new Set<number>()
  #resting: Resting[] = []
  #last: number

  constructor(max: number) {
    this.#max = max
    this.#last = max
  }

  /** @returns null when all are in use or resting: ask again later */
  take(now: number): number | null {
    if (this.#resting.length > 0) this.#resting = this.#resting.filter(({ until }) => until > now)
    for (let step = 1; step <= this.#max + 1; step++) {
      const number = (this.#last + step) % (this.#max + 1)
      if (this.#busy.has(number) || this.#resting.some((other) => other.number === number)) continue
      this.#last = number
      this.#busy.add(number)
      return number
    }
    return null
  }

  /** Its answer has come. */
  free(number: number): void {
    this.#busy.delete(number)
  }

  /** Nobody waits any more for what was given `allowedMs` to answer. */
  rest(number: number, allowedMs: number, now: number): void {
    this.#busy.delete(number)
    this.#resting.push({ number, until: now + Math.min(LONGEST_REST_MS, Math.max(SHORTEST_REST_MS, 4 * allowedMs)) })
  }
}
