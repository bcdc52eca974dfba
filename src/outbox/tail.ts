import type { Reading } from '../core/index.ts'

/** The newest committed readings, so that a sink that keeps up never reads the disk. Bounded, whatever the sinks do. */
export class Tail {
  readonly #limit: number
  #readings: Reading[] = []
  #first = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Adds what follows; after a jump in positions it starts anew. */
  push(first: number, readings: readonly Reading[]): void {
    if (first !== this.#first + this.#readings.length) {
      this.#readings = []
      this.#first = first
    }
    for (const reading of readings) this.#readings.push(reading)
    const excess = this.#readings.length - this.#limit
    // Cut rarely, an eighth at a time: moving the rest down costs more than keeping a few.
    if (excess > this.#limit / 8) {
      this.#readings = this.#readings.slice(excess)
      this.#first += excess
    }
  }

  has(position: number): boolean {
    return position >= this.#first && position < this.#first + this.#readings.length
  }

  /** Up to `most` readings from a position it has. */
  take(position: number, most: number): Reading[] {
    const at = position - this.#first
    return this.#readings.slice(at, at + most)
  }
}
