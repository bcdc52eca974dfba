import type { Decimal } from '../core/index.ts'

/** The same in both languages. */
export interface Words {
  readonly zh: string
  readonly en: string
}

/** From when months in service are counted: entry in the ledger, energising (送电), or the first reading. */
export const COUNT_FROM = ['registered', 'energised', 'first-seen'] as const
export type CountFrom = (typeof COUNT_FROM)[number]

/** How a month counts that is only begun: as a whole one, or by its days. */
export const BEGUN_MONTHS = ['whole', 'by-day'] as const
export type BegunMonth = (typeof BEGUN_MONTHS)[number]

/** Up to when months are counted: the day asked for, or the end of the year (or of the service). */
export const ALLOWANCES = ['to-date', 'year'] as const
export type AllowanceSpan = (typeof ALLOWANCES)[number]

/** What a tier table (阶梯档) says from a day on. */
export interface TierVersion {
  /** Local day, `2026-01-01`. */
  readonly from: string
  /** Upper ends of all tiers but the last, kWh a month, rising. */
  readonly upTo: readonly Decimal[]
}

/** Days on which use began, as far as anybody knows; local days. */
export interface Beginnings {
  /** Null: the ledger has it since always. */
  readonly registered: string | null
  /** Null: not known. */
  readonly energised: string | null
  readonly firstSeen: string | null
}

/** Energy of one month, or of several that only their sum is known of. */
export interface MonthUse {
  /** `2026-10`. */
  readonly month: string
  readonly lastMonth: string
  /** Null: not known. */
  readonly kwh: Decimal | null
  readonly estimatedPpm: number
  /** Where it comes from: interval energy, the statement of an unregistered meter, or the start register of the point. */
  readonly source: 'energy' | 'statement' | 'start-register'
  /** What is not known of it, or is worth knowing. */
  readonly notes: readonly Words[]
}

export interface TierRules {
  readonly countFrom: CountFrom
  readonly begunMonth: BegunMonth
  readonly allowance: AllowanceSpan
}

export interface TierQuestion {
  readonly year: number
  /** Last local day, included. */
  readonly until: string
  /** Last day of service; null: goes on. */
  readonly ended: string | null
  readonly beginnings: Beginnings
  readonly rules: TierRules
  readonly versions: readonly TierVersion[]
  readonly months: readonly MonthUse[]
}

/** Energy in one tier. */
export interface Tier {
  readonly tier: number
  /** Above so many kWh, up to so many; null: no end. */
  readonly above: Decimal
  readonly upTo: Decimal | null
  /** Null: not known. */
  readonly kwh: Decimal | null
}

/** A month in service, with the limits it adds. */
export interface CountedMonth {
  readonly month: string
  /** Days counted, and days it has; a month that counts as a whole has all of them counted. */
  readonly days: number
  readonly of: number
  readonly upTo: readonly Decimal[]
}

/** The split by one way to count. */
export interface TierCount {
  readonly from: CountFrom
  /** The day it counts from; null: since always. */
  readonly begin: string | null
  readonly months: readonly CountedMonth[]
  /** Decimal number of months. */
  readonly monthCount: Decimal
  /** Upper ends of all tiers but the last, kWh of all months together. */
  readonly upTo: readonly Decimal[]
  readonly tiers: readonly Tier[]
  /** What is left until the next tier begins; null: there is none, or it is not known. */
  readonly next: { readonly tier: number; readonly left: Decimal } | null
}

export interface TierSplit {
  /** Sum of all months; null while one of them is not known. */
  readonly kwh: Decimal | null
  /** Sum of those that are known. */
  readonly knownKwh: Decimal
  readonly estimatedPpm: number
  /** Months whose energy is not known, `2026-10`. */
  readonly missing: readonly string[]
  readonly counts: readonly TierCount[]
  /** The count that holds, and why it is this one. */
  readonly inForce: CountFrom
  readonly why: 'configured' | 'not-known' | 'earliest'
  /** Whether the counts lead to different tiers. */
  readonly differ: boolean
}
