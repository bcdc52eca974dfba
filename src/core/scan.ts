import type { Decimal } from './decimal.ts'

/**
 * One question to a line that nobody knows yet, and how its answer is heard. What comes back is handed over as raw bytes, damaged
 * ones too: a collision is an answer as well. Protocols make questions that read, never others.
 */
export interface ScanQuestion {
  /** Whole frame, ready for the wire. */
  readonly bytes: Uint8Array
  /** For progress and proofs: `unit 17`, `address AAAAAAAAAA42`. */
  readonly what: string
  /** Bytes of the answer expected, for the time allowed. */
  readonly replyBytes: number
  /** Whether what was heard so far answers the question, so that nobody waits on. Never true where several may answer one after another. */
  isWhole(heard: Uint8Array): boolean
  /** How much longer than usual to wait; absent: 1. */
  readonly patience?: number
  /** How far the strategy is, 0 to 1, as far as it can tell. */
  readonly share?: number
}

/** What to ask next, given what came back: empty bytes are silence. It needs no line to test. */
export type ScanStrategy<T> = Generator<ScanQuestion, T, Uint8Array>

/** Frames that prove something, as they were on the wire, and what they say. */
export interface ScanProof {
  readonly what: string
  readonly tx: Uint8Array
  readonly rx: Uint8Array
  readonly says: string
}

/** One value a profile claims, as the device has it now. */
export interface ScanFigure {
  readonly obis: string
  readonly unit: string
  /** Where it lies: `4:70 f32`, `02800002`. */
  readonly place: string
  /** null: the device says that it has none. */
  readonly value: Decimal | null
  readonly text: string
  /** Smallest step of the value, in its unit. */
  readonly resolution: number
}
