import type { Instrument } from '../instrument.ts'
import type { TruthValue } from '../truth.ts'

/** What one simulated DL/T 645 meter remembers between requests. */
export interface MeterState {
  readonly instrument: Instrument
  readonly variant: '2007' | '1997'
  /** Communication address in wire order; may be rewritten. */
  pairs: readonly number[]
  /** Password level 02, three bytes in wire order. */
  password: readonly number[]
  /** Wrong passwords in a row. */
  wrong: number
  /** Village time until which writes are refused. */
  lockedUntil: number
  /** Day of the last broadcast time set: one a day is taken. */
  timeSetDay: number
  /** World instants of freezes by command, the last one first. */
  readonly frozen: number[]
  /** Items that were written, by identifier. */
  readonly written: Map<string, readonly number[]>
  readonly trips: number[]
  readonly closes: number[]
  /** Rest of an answer that did not fit one frame. */
  rest: Rest | null
}

export interface Rest {
  readonly head: readonly number[]
  readonly chunks: readonly Chunk[]
  next: number
}

/** Bytes of one frame, and the values whose last byte lies in it. */
export interface Chunk {
  readonly bytes: readonly number[]
  readonly values: readonly TruthValue[]
}

export const meterState = (
  instrument: Instrument,
  pairs: readonly number[],
  variant: MeterState['variant'],
  password: readonly number[],
): MeterState => ({
  instrument,
  variant,
  pairs,
  password,
  wrong: 0,
  lockedUntil: -Infinity,
  timeSetDay: Number.NaN,
  frozen: [],
  written: new Map(),
  trips: [],
  closes: [],
  rest: null,
})
