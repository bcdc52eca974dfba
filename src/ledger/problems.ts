import { hintFor, type LedgerCode } from './errors.ts'
import type { LedgerProblem } from './types.ts'

/** Problems of one change: all are counted, the first so many kept. */
export class Problems {
  readonly #kept: LedgerProblem[] = []
  readonly #most: number
  /** Attributes whose value was refused, `kind id name`: that they are missing now is no news. */
  readonly refused = new Set<string>()
  #count = 0

  constructor(most: number) {
    this.#most = most
  }

  get count(): number {
    return this.#count
  }

  get kept(): readonly LedgerProblem[] {
    return this.#kept
  }

  add(code: LedgerCode, place: string, message: string, against: string | null = null): void {
    this.#count++
    if (this.#kept.length < this.#most) this.#kept.push({ code, place, against, message, hint: hintFor(code) })
  }
}

/** A value for a message, not longer than anybody wants to read. */
export const shown = (value: unknown): string => {
  const written = JSON.stringify(value) ?? String(value)
  return written.length > 60 ? `${written.slice(0, 57)}...` : written
}
