import type { GatewayError, Result } from '../core/index.ts'
import type { Refusal } from './deps.ts'

/** In the order in which lists and metrics show them. */
export const CLOCK_STATE_NAMES = ['good', 'fair', 'off', 'far-off', 'faulty', 'unknown', 'no-clock'] as const
export type ClockStateName = (typeof CLOCK_STATE_NAMES)[number]
/** What a clock was read for; `back`: the meter had been silent and may have been without power. */
export const CLOCK_REASONS = ['sweep', 'back', 'demand', 'before', 'after'] as const

/** A drift and how sure it is; milliseconds, the meter ahead is positive. Times are milliseconds since 1970 UTC. */
export interface ClockPointView {
  readonly at: number
  readonly driftMs: number
  readonly uncertaintyMs: number
}

/** What is known of the clock of one meter. */
export interface ClockView {
  readonly meter: string
  readonly kind: 'meter' | 'concentrator'
  readonly point: string
  readonly area: string
  readonly line: string
  readonly state: ClockStateName
  /** Newest reading; null = never read. */
  readonly newest: ClockPointView | null
  /** Drift of a day; null while nobody can say. */
  readonly rate: { readonly msPerDay: number; readonly uncertaintyMs: number; readonly isOver: boolean } | null
  readonly triedAt: number | null
  /** Why the last try failed. */
  readonly error: GatewayError | null
  /** Nothing is written to it until a person clears it. */
  readonly isLocked: boolean
}

/** Something that was done to clocks. */
export interface ClockActView {
  readonly id: number
  readonly at: number
  readonly kind: 'broadcast' | 'set' | 'clear'
  readonly line: string
  readonly meter: string | null
  readonly who: string
  readonly second: string | null
  readonly why: string
  readonly result: 'pending' | 'done' | 'refused' | 'failed' | 'unknown'
  readonly code: string | null
  readonly message: string | null
  readonly meters: readonly { readonly meter: string; readonly before: ClockPointView | null; readonly after: ClockPointView | null }[]
}

export interface ClockDetail extends ClockView {
  /** Newest first. */
  readonly history: readonly (ClockPointView & { readonly why: (typeof CLOCK_REASONS)[number] })[]
  readonly acts: readonly ClockActView[]
}

export interface ClockFilter {
  readonly state?: ClockStateName
  readonly line?: string
  readonly area?: string
}

/** Who does something to a clock, and why. */
export interface ClockPersonView {
  readonly who: string
  readonly second: string | null
  readonly why: string
}

/** How many clocks are in each state, and what was done to them. */
export interface ClockCounts {
  readonly states: Readonly<Record<ClockStateName, number>>
  /** Largest drift of a clock in sight, milliseconds. */
  readonly worstMs: number
  readonly locked: number
  readonly acts: readonly { readonly kind: string; readonly result: string; readonly count: number }[]
}

/** What the API needs of the clocks of meters. */
export interface ClockDeps {
  /** Clocks of meters with an id greater than `after`, by id ascending (in code units), at most `limit`. */
  clocks(filter: ClockFilter, after: string | null, limit: number): readonly ClockView[]
  clock(meter: string): ClockDetail | null
  readClock(meter: string, signal: AbortSignal): Promise<Result<ClockDetail, Refusal>>
  setClock(meter: string, person: ClockPersonView & { readonly acceptCrossing: boolean }): Promise<Result<ClockActView, Refusal>>
  /** Lets a meter be written to again. */
  clearClock(meter: string, person: ClockPersonView): Result<ClockActView, Refusal>
  /** Tells every meter on a line the time. */
  syncClocks(line: string, person: ClockPersonView): Promise<Result<ClockActView, Refusal>>
}
