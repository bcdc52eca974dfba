import type { Dictionary } from '../../core/row.ts'

/**
 * The dictionary of one file: words in the order in which they were given out, the number is the place.
 * The writer in the main thread gives out numbers, the file and the readers follow.
 */
export class Words implements Dictionary {
  readonly #ids = new Map<string, number>()
  readonly #texts: string[] = []

  constructor(known: Iterable<string> = []) {
    for (const text of known) this.add(text)
  }

  get size(): number {
    return this.#texts.length
  }

  idOf(text: string): number {
    return this.#ids.get(text) ?? this.add(text)
  }

  textOf(id: number): string | undefined {
    return this.#texts[id]
  }

  /** The next number. */
  add(text: string): number {
    const id = this.#texts.length
    this.#texts.push(text)
    this.#ids.set(text, id)
    return id
  }

  /** Words from a number on. */
  since(id: number): readonly string[] {
    return this.#texts.slice(id)
  }
}

/** Is this word a series and not a shape, a ratio or a reason? Only series are lists that begin with a name. */
export const isSeriesWord = (text: string): boolean => text.startsWith('["')
