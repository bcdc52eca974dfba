import type { Source, Unit } from '../core/index.ts'

/** Why a figure is not handed out for billing. */
export const HOLD_REASONS = [
  'no-read', //                  nothing was read in the window
  'incomplete', //               a register that is due is missing
  'quarantined', //              what was read cannot be true, or is set aside
  'clock-doubtful', //           the meter's clock could not be trusted, so the instant is not known
  'exchange-unacknowledged', //  an exchange that billing has not acknowledged lies before it
  'conflict', //                 two reads of equal rank say different things
  'held-by-person', //           somebody holds it, and says why
] as const
export type HoldReason = (typeof HOLD_REASONS)[number]

/** What a figure rests on: kept frames or message, named with the hash of their bytes. */
export interface BillingEvidence {
  readonly id: string
  readonly kind: 'frame' | 'message'
  readonly sha256: string
}

/** One register (示数) of a point at a billing instant: the best read in the window round it. Instants are milliseconds since 1970 UTC. */
export interface BillingRegister {
  /** Short OBIS code: `1.8.0`. */
  readonly register: string
  readonly unit: Unit
  /** As on the face of the meter, digit for digit. */
  readonly value: string
  /** CT x PT (综合倍率) in force, decimal text. */
  readonly ratio: string
  /** CT x PT that stood beside the read when it came, where it is another one: the ledger was corrected since. */
  readonly storedRatio?: string
  /** value x ratio, exact. */
  readonly primary: string
  readonly meter: string
  readonly source: Source
  /** Bits of QUALITY. */
  readonly quality: number
  readonly measuredAt: number
  readonly receivedAt: number
  readonly evidence: BillingEvidence | null
}

/** A metering point at a billing instant, as it could be released now. */
export interface BillingPoint {
  readonly point: string
  /** Area and customer as the ledger has them at that instant; null: none. */
  readonly area: string | null
  readonly customer: string | null
  readonly at: number
  /** The meter that hung there at that instant; null: none. */
  readonly meter: string | null
  readonly registers: readonly BillingRegister[]
  /** Registers that are due and were not read, short OBIS codes. */
  readonly missing: readonly string[]
  /** Why it must not be released; empty: nothing stands against it. */
  readonly holds: readonly { readonly reason: HoldReason; readonly text: string }[]
}

/** What to read for billing. Ids of points ascending (by code units). */
export interface BillingScope {
  /** Absent: all points that are billed. */
  readonly points?: readonly string[]
  readonly area?: string
  readonly zone?: string
  /** Only points this says yes to: what the asker may see. */
  readonly sees?: (point: string) => boolean
  /** No more points than these are wanted. */
  readonly limit?: number
}

/** Reads for billing out of store, ledger and evidence. Constant memory: points come in pieces. */
export interface BillingReads {
  /** @param after  only points with a greater id; null: from the first */
  at(at: number, scope: BillingScope, after: string | null): AsyncIterable<readonly BillingPoint[]>
  /** The points that are billed at an instant, without anything read of them. */
  billed(at: number, scope: BillingScope): AsyncIterable<readonly Pick<BillingPoint, 'point' | 'area'>[]>
}

/** Where a figure stands: `provisional` = could be released, nobody has; `held` = must not be. */
export type FigureState = 'released' | 'provisional' | 'held' | 'withdrawn'

/** What was released for one register of a point at an instant; versions are never edited. */
export interface ReleasedFigure extends BillingRegister {
  readonly point: string
  readonly at: number
  /** From 1 on. */
  readonly version: number
  readonly releasedAt: number
  readonly releasedBy: string
}

/** The book of what was released, as the list of readings needs it. */
export interface ReleasedBook {
  /** The newest version of every register of these points at that instant; withdrawn ones are marked. Keys: point id. */
  releasedAt(
    at: number,
    points: readonly string[],
  ): Promise<ReadonlyMap<string, readonly (ReleasedFigure & { readonly withdrawn: boolean })[]>>
  /** Holds of persons that stand on these points at that instant. Keys: point id. */
  holdsAt(at: number, points: readonly string[]): Promise<ReadonlyMap<string, { readonly by: string; readonly why: string }>>
}

/** Before anything was released. */
export const NOTHING_RELEASED: ReleasedBook = { releasedAt: async () => new Map(), holdsAt: async () => new Map() }
