import type { Result, Scope } from '../core/index.ts'
import type { Refusal } from './deps.ts'

export const COUNT_WORDS = ['registered', 'energised', 'first-seen'] as const
export type CountWord = (typeof COUNT_WORDS)[number]
export const MONTH_SOURCES = ['energy', 'statement', 'start-register'] as const
export const RULE_REASONS = ['configured', 'not-known', 'earliest'] as const
export const TIER_TOPICS = ['account', 'registers', 'use', 'standard', 'rule', 'split', 'other-count', 'next', 'missing'] as const

/** The same in both languages. */
export interface BothWords {
  readonly zh: string
  readonly en: string
}

/** A register as on the face, at the begin of a local day where it opens, at its end where it closes. */
export interface RegisterEndView {
  readonly day: string
  readonly register: string
  /** A read says it; else it is worked out between reads. */
  readonly read: boolean
}

export interface TierCountView {
  readonly from: CountWord
  /** Local day; null: since always. */
  readonly begin: string | null
  /** Decimal number of months. */
  readonly months: string
  readonly counted: readonly { readonly month: string; readonly days: number; readonly of: number; readonly upTo: readonly string[] }[]
  /** Upper ends of all tiers but the last, kWh. */
  readonly upTo: readonly string[]
  readonly tiers: readonly { readonly tier: number; readonly above: string; readonly upTo: string | null; readonly kwh: string | null }[]
  readonly next: { readonly tier: number; readonly left: string } | null
}

/** Tiers of a year (阶梯电量) of a household, or of a point that is nobody's. Figures are exact decimal text, kWh. */
export interface TierView {
  readonly customer: string | null
  readonly points: readonly string[]
  readonly year: number
  /** First and last local day whose energy counts. */
  readonly from: string
  readonly until: string
  /** Zone of days and months. */
  readonly zone: string
  readonly table: BothWords & {
    readonly id: string
    readonly source: string
    readonly versions: readonly { readonly from: string; readonly upTo: readonly string[] }[]
  }
  readonly rules: { readonly countFrom: CountWord; readonly begunMonth: 'whole' | 'by-day'; readonly allowance: 'to-date' | 'year' }
  readonly beginnings: { readonly registered: string | null; readonly energised: string | null; readonly firstSeen: string | null }
  readonly inForce: CountWord
  readonly why: (typeof RULE_REASONS)[number]
  readonly differ: boolean
  readonly kwh: string | null
  readonly knownKwh: string
  readonly estimatedPpm: number
  readonly missing: readonly string[]
  /** Some of it is being worked out again. */
  readonly pending: boolean
  readonly months: readonly {
    readonly month: string
    readonly lastMonth: string
    readonly kwh: string | null
    readonly estimatedPpm: number
    readonly source: (typeof MONTH_SOURCES)[number]
    readonly notes: readonly BothWords[]
  }[]
  readonly registers: readonly {
    readonly point: string
    readonly meter: string
    readonly from: RegisterEndView | null
    readonly to: RegisterEndView | null
    readonly multiplier: string
    readonly difference: string | null
    readonly kwh: string | null
  }[]
  readonly counts: readonly TierCountView[]
  readonly notes: readonly BothWords[]
  readonly explanation: readonly (BothWords & { readonly topic: (typeof TIER_TOPICS)[number] })[]
}

export interface TierQuestionView {
  /** Null: the year that goes on. */
  readonly year: number | null
  /** Last local day, included; null: the last one that is known. */
  readonly until: string | null
  /** What the asker may see: a household with points outside of it is not split for them. */
  readonly scope: Scope
  /** A customer who asks for what is theirs; everything else does not exist for them. */
  readonly only: string | null
}

/** What the API needs of tiers. */
export interface TierDeps {
  tiersOfPoint(point: string, question: TierQuestionView): Promise<Result<TierView, Refusal>>
  tiersOfCustomer(customer: string, question: TierQuestionView): Promise<Result<TierView, Refusal>>
}
