import type { Decimal, Source } from '../core/index.ts'

/** One register as a meter showed it at an instant. */
export interface RegisterRead {
  /** Milliseconds since 1970 UTC: the meter's own instant for freezes and curves. */
  readonly at: number
  readonly receivedAt: number
  /** As on the face, without the ratio. */
  readonly value: Decimal
  readonly meter: string
  readonly source: Source
  /** Bits of QUALITY. */
  readonly quality: number
}

/** A meter hangs at the point in [from, to); `to` null = still there. */
export interface MeterPeriod {
  readonly meter: string
  readonly from: number
  readonly to: number | null
  /** The register starts again from zero there: 10^digits, or 2^32 of a binary counter; null = nobody knows. */
  readonly capacity: Decimal | null
}

/** CT × PT (综合倍率) in [from, to), as the ledger says now, whatever was in force when the reads came. */
export interface RatioPeriod {
  readonly from: number
  readonly to: number | null
  readonly ratio: Decimal
}

/** A meter, or its CT or PT, was exchanged: the registers at that instant. Without an old meter it is an installation, without a new one a removal. */
export interface ExchangeRecord {
  readonly at: number
  readonly oldMeter: string | null
  readonly newMeter: string | null
  readonly end: Decimal | null
  readonly start: Decimal | null
}

export interface Span {
  readonly from: number
  readonly to: number
}

/** How fast energy usually flows in [from, to), in any unit; integers. */
export interface ShapeSlot extends Span {
  readonly rate: number
}

/** Everything that is known of one register of one point (计量点). Order does not matter. */
export interface EnergyInput {
  readonly reads: readonly RegisterRead[]
  readonly meters: readonly MeterPeriod[]
  readonly ratios: readonly RatioPeriod[]
  readonly exchanges: readonly ExchangeRecord[]
  /** Times without power (停电): nothing was used then. */
  readonly outages: readonly Span[]
  /** Largest power that can be, primary side, and who says so. Null = nobody knows. */
  readonly plausibility: { readonly maxKw: Decimal | null; readonly source: string }
  /** How the use of a longer gap is spread over it; without it evenly. */
  readonly shape?: readonly ShapeSlot[]
  /** Up to here a gap is spread evenly, milliseconds; 2 h unless said. */
  readonly shortGapMs?: number
  /** Reads so near to an exchange without registers stand in for them, milliseconds; 1 h unless said. */
  readonly bracketMs?: number
  /** Energies of the same hours of similar days, for a time after the last read; none = it stays unknown. */
  readonly estimateOpen?: (from: number, to: number) => readonly Decimal[]
}

/**
 * What stands beside a figure, as bits of the column `flags`. A public interface: see docs/energy.md.
 * From `missing` on: why there is no figure.
 */
export const ENERGY_FLAGS = {
  /** both registers around it are known, how the use between them is spread is a rule's guess */
  split: 1,
  /** at least one register is made up */
  estimated: 2,
  exchange: 4,
  rollover: 8,
  'ratio-change': 16,
  'power-off': 32,
  /** a read in it was set aside as impossible */
  'read-quarantined': 64,
  /** no meter hung there, for a part of the time or all of it */
  'no-meter': 128,
  missing: 256,
  /** the register fell and stayed low, no exchange is recorded */
  'register-reset': 512,
  /** the register rose by more than can have been used */
  'increment-quarantined': 1024,
  /** an exchange without end or start register */
  'exchange-register-missing': 2048,
  'no-ratio': 4096,
} as const
export type EnergyFlag = keyof typeof ENERGY_FLAGS
export type UnknownReason = 'missing' | 'register-reset' | 'increment-quarantined' | 'exchange-register-missing' | 'no-ratio'

export const FINDINGS = ['read-conflict', 'read-dip', 'read-jump', 'read-impossible', 'register-reset', 'increment-quarantined'] as const
export type FindingCode = (typeof FINDINGS)[number]

/** A register at an instant, as evidence. */
export interface RegisterAt {
  readonly at: number
  readonly value: Decimal
  readonly source: Source | 'exchange'
}

/**
 * Something that cannot be true, and both sides of it. `read-conflict`: two values of one instant, the better source was taken;
 * `read-dip`, `read-jump`: one read far off its neighbours, set aside; `register-reset`, `increment-quarantined`: a lasting step.
 */
export interface EnergyFinding {
  readonly code: FindingCode
  readonly meter: string
  /** The instant it is about. */
  readonly at: number
  readonly before: RegisterAt | null
  readonly after: RegisterAt | null
  /** What booking it would have meant, primary kWh or kvarh. */
  readonly would: Decimal | null
  /** Why it is impossible. */
  readonly note: string
}

/** One stretch of one meter under one ratio. */
export interface EnergySegment extends Span {
  readonly meter: string
  readonly ratio: Decimal
  /** Register difference, without the ratio. */
  readonly delta: Decimal
}

export interface EnergyEvidence {
  /** On the face at the start and the end; a value no read says is interpolated. */
  readonly start: { readonly register: Decimal; readonly meter: string; readonly read: boolean } | null
  readonly end: { readonly register: Decimal; readonly meter: string; readonly read: boolean } | null
  readonly segments: readonly EnergySegment[]
}

/** Energy of one interval (区间电量). */
export interface EnergyInterval extends Span {
  /** Primary side, exact; null = not known, never zero. */
  readonly kwh: Decimal | null
  /** Bits of QUALITY. */
  readonly quality: number
  /** Bits of {@link ENERGY_FLAGS}. */
  readonly flags: number
  /** Share of the figure that rests on no register, millionths. */
  readonly estimatedPpm: number
  /** Share of the time that known registers span, millionths. */
  readonly coveredPpm: number
  readonly evidence: EnergyEvidence | null
}

export const energyFlagNames = (flags: number): EnergyFlag[] =>
  Object.entries(ENERGY_FLAGS).flatMap(([name, bit]) => (flags & bit && isFlag(name) ? [name] : []))

const isFlag = (name: string): name is EnergyFlag => name in ENERGY_FLAGS
