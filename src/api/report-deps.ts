import type { Result, Scope } from '../core/index.ts'
import type { KeyAccountView, KeyCheckView } from './account-list-deps.ts'
import type { BillingCustomerView, BillingGroupView, BillingState } from './billing-read-deps.ts'
import type { CaseView } from './case-deps.ts'
import type { Refusal } from './deps.ts'
import type { BothWords, TierView } from './tier-deps.ts'

export const REPORT_GAPS = ['points', 'energy', 'state', 'estimated', 'days', 'tiers'] as const
export const REPORT_SECTIONS = ['account', 'check', 'cases'] as const
/** Parts of a report that are not for everybody. */
export type ReportSection = (typeof REPORT_SECTIONS)[number]

/** Energy of all points of a customer by one register. Decimals are exact text. */
export interface ReportSumView {
  readonly register: string
  readonly unit: string
  /** Null while a part of it is not known. */
  readonly energy: string | null
  /** Of the parts that are known. */
  readonly knownEnergy: string
  /** Points that have the register, those whose energy is known, and those released at both ends. */
  readonly due: number
  readonly known: number
  readonly released: number
  readonly state: BillingState
  readonly estimatedPpm: number
  readonly reasons: readonly string[]
}

/** Day by day figures of a register of a point, counted. Instants are milliseconds since 1970 UTC. */
export interface ReportDaysView {
  readonly point: string
  readonly register: string
  readonly unit: string
  readonly due: number
  readonly known: number
  /** Sum of the days that are known; null: none is. */
  readonly knownEnergy: string | null
  readonly estimatedPpm: number
  readonly coveredPpm: number
  /** Some of it is being worked out again. */
  readonly pending: boolean
  readonly missing: readonly { readonly from: number; readonly to: number; readonly days: number; readonly reasons: readonly string[] }[]
}

export interface ReportAccountView {
  readonly year: number
  readonly version: number
  readonly entry: KeyAccountView
}

/** Everything about a customer and a time that a call-back needs (大客户用电报告). */
export interface CustomerReportView {
  readonly customer: string
  readonly name: string | null
  readonly from: number
  readonly to: number
  /** Zone of days and months. */
  readonly zone: string
  readonly madeAt: number
  /** Every figure of it is known, whole, read from meters and released. */
  readonly complete: boolean
  /** What is not, in words. */
  readonly gaps: readonly (BothWords & { readonly topic: (typeof REPORT_GAPS)[number] })[]
  readonly state: BillingState
  readonly sums: readonly ReportSumView[]
  readonly points: BillingCustomerView['points']
  readonly notBilled: readonly string[]
  /** How far both ends are. */
  readonly ends: { readonly from: BillingGroupView; readonly to: BillingGroupView }
  readonly days: readonly ReportDaysView[]
  /** One of them is null. */
  readonly tiers: { readonly split: TierView | null; readonly refused: { readonly code: string; readonly message: string } | null }
  /** Null: on no list, or withheld. */
  readonly account: ReportAccountView | null
  /** Newest good reading of each point; null: withheld, or not to be had. */
  readonly check: (KeyCheckView & { readonly from: number; readonly to: number }) | null
  /** Null: withheld. */
  readonly cases: readonly CaseView[] | null
  readonly withheld: readonly ReportSection[]
}

/** A report that was kept: it never changes. */
export interface KeptReportView {
  readonly id: number
  readonly customer: string
  readonly from: number
  readonly to: number
  readonly at: number
  readonly by: string
  readonly why: string
  readonly complete: boolean
  /** Over the report as it lies in the file. */
  readonly sha256: string
}

export interface ReportQuestion {
  /** First and last billing instant, `2026-10` for a local month, or null for the last month that is over. */
  readonly time: { readonly from: number; readonly to: number } | { readonly month: string } | null
  readonly scope: Scope
  /** A customer who asks for what is theirs; everything else does not exist for them. */
  readonly only: string | null
}

/** What the API needs of reports of customers. */
export interface ReportDeps {
  readonly reports: {
    of(customer: string, question: ReportQuestion): Promise<Result<CustomerReportView, Refusal>>
    /** Makes one and keeps it. */
    keep(
      customer: string,
      question: ReportQuestion,
      by: string,
      why: string,
    ): Promise<Result<{ readonly kept: KeptReportView; readonly report: CustomerReportView }, Refusal>>
    /** Kept reports with a lower number than `before`, newest first. @param before  null: from the newest on */
    kept(customer: string | null, scope: Scope, before: number | null, limit: number): Promise<readonly KeptReportView[]>
    keptOne(id: number, scope: Scope): Result<{ readonly kept: KeptReportView; readonly report: CustomerReportView }, Refusal>
  }
}
