import { type Cut, drawing } from './sheet.ts'
import type { MeterState } from './state.ts'

/** One question: the four bytes of an identifier, highest first, and what came behind it. */
export interface Question {
  readonly meter: MeterState
  /** World instant. */
  readonly at: number
  readonly di: readonly [number, number, number, number]
  readonly extra: readonly number[]
}

/** Gives the parts of the answer; null = the meter has no such item. */
export type Giver = (question: Question) => readonly Cut[] | null

export const ENERGY = drawing('XXXXXX.XX')
export const SIGNED_ENERGY = drawing('XXXXXX.XX', true)

/** Energy by DI2: OBIS group C and unit. Combined active is import less export. */
export const ENERGIES: readonly (readonly [c: number, unit: string])[] = [
  [16, 'kWh'],
  [1, 'kWh'],
  [2, 'kWh'],
  [3, 'kvarh'],
  [4, 'kvarh'],
  [5, 'kvarh'],
  [6, 'kvarh'],
  [7, 'kvarh'],
  [8, 'kvarh'],
  [9, 'kVAh'],
  [10, 'kVAh'],
]
export const TARIFFS = [0, 1, 2, 3, 4] as const
