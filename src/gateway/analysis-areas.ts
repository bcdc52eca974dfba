import type { AnalysisBook, AreaState } from './analysis-book.ts'

/** An area at work. */
export interface PresentArea extends AreaState {
  readonly tries: number
  readonly notBefore: number
  readonly isJudging: boolean
  /** Grows when something of a judged day changes. */
  readonly stamp: number
}

/** How far each area is: on disk, and what only matters while the gateway runs. */
export class AnalysisAreas {
  readonly #book: Pick<AnalysisBook, 'states' | 'setState'>
  readonly #areas = new Map<string, PresentArea>()

  constructor(book: Pick<AnalysisBook, 'states' | 'setState'>) {
    this.#book = book
    for (const state of book.states()) this.#areas.set(state.area, { ...state, ...FRESH })
  }

  /** One that was never judged is at its beginning. */
  of(area: string): PresentArea {
    return this.#areas.get(area) ?? { area, day: null, at: 0, ms: 0, again: null, failure: null, alarms: 0, ...FRESH }
  }

  set(state: Omit<PresentArea, 'isJudging'>): void {
    this.#book.setState(state)
    this.#areas.set(state.area, { ...state, isJudging: this.of(state.area).isJudging })
  }

  /** Not now. */
  later(area: string, notBefore: number): void {
    this.#areas.set(area, { ...this.of(area), notBefore })
  }

  judging(area: string, isJudging: boolean): void {
    this.#areas.set(area, { ...this.of(area), isJudging })
  }

  /** A judged day, or one before it, has changed: it is judged again, and those after it. */
  again(area: string, day: string): void {
    const state = this.of(area)
    if (state.day === null || day > state.day) return
    const again = state.again === null || day < state.again ? day : state.again
    this.set({ ...state, again, tries: 0, notBefore: 0, stamp: state.stamp + 1 })
  }
}

const FRESH = { tries: 0, notBefore: 0, isJudging: false, stamp: 0 } as const
