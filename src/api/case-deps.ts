import type { Case, CaseAct, CaseEvent, CaseState, Finding, FindingKind, Growth, Severity, Suspicion, Words } from '../anomaly/index.ts'
import type { Result } from '../core/index.ts'
import type { Refusal, Soon } from './deps.ts'

export const CASE_SORT_NAMES = ['newest', 'severity', 'kwh', 'score', 'due'] as const
export type CaseSortName = (typeof CASE_SORT_NAMES)[number]

/** A case (案件) with the number people call it by. Times are milliseconds since 1970 UTC. */
export interface CaseView {
  readonly id: number
  /** Grows with every change of it. */
  readonly version: number
  readonly zone: string | null
  readonly raisedAt: number
  readonly changedAt: number
  readonly isOverdue: boolean
  /** Number of the case it belongs to. */
  readonly parent: number | null
  readonly one: Case
}

export interface CaseLineView {
  readonly seq: number
  readonly at: number
  readonly what: CaseEvent
  readonly who: string
  readonly why: Words
}

export interface CaseDetailView extends CaseView {
  readonly history: readonly CaseLineView[]
}

/** What a case rests on. */
export interface CaseEvidenceView {
  readonly id: number
  readonly raised: Finding
  readonly newest: Finding
  readonly grown: readonly Growth[]
}

export interface CaseFilterView {
  readonly kind?: string
  readonly state?: CaseState | 'unsettled'
  /** This and above. */
  readonly severity?: Severity
  readonly area?: string
  readonly zone?: string
  readonly target?: string
  /** Empty: nobody's. */
  readonly owner?: string
  readonly overdue?: boolean
  /** Changed at or after. */
  readonly since?: number
  readonly text?: string
  /** Number of the case they belong to; absent: only those that belong to none, unless `all`. */
  readonly parent?: number
  readonly all?: boolean
}

/** What became of the cases of a kind that people settled; floods are counted by their members. */
export interface CaseOutcomesView {
  readonly kind: FindingKind
  readonly confirmed: number
  readonly otherCause: number
  readonly falseAlarm: number
  readonly notChecked: number
  readonly notSaid: number
}

export interface CaseCounts {
  readonly open: readonly { readonly kind: string; readonly severity: Severity; readonly count: number; readonly overdue: number }[]
  /** Messages since the start, and what waits. */
  readonly notify: readonly NotifyTargetView[]
}

/** Somebody who is told. */
export interface NotifyTargetView {
  readonly id: string
  readonly kind: 'webhook' | 'mqtt'
  /** Where to, without anything secret. */
  readonly to: string
  readonly about: readonly ('cases' | 'billing' | 'health')[]
  readonly waiting: number
  readonly sent: number
  readonly failed: number
  readonly dropped: number
  readonly lastSentAt: number | null
  /** Why the last try failed; null: it did not. */
  readonly error: { readonly code: string; readonly message: string; readonly hint: string } | null
}

/** What the API asks of the case book. */
export interface CaseDeps {
  /** After a place in an order: sort value and number of the last one seen. */
  cases(filter: CaseFilterView, sort: CaseSortName, after: readonly [number, number] | null, limit: number): Soon<readonly CaseView[]>
  casePlace(id: number, sort: CaseSortName): readonly [number, number]
  case(id: number): Soon<CaseDetailView | null>
  caseEvidence(id: number): Soon<CaseEvidenceView | null>
  /** @param version  the one somebody saw; null: whatever it is now */
  actOnCase(id: number, act: CaseAct, who: string, version: number | null): Soon<Result<CaseDetailView, Refusal>>
  suspicions(area: string): Soon<readonly Suspicion[]>
  /** Changes of all cases after one of them, oldest first. */
  caseLines(after: number, limit: number): readonly (CaseLineView & { readonly case: CaseView })[]
  newestCaseLine(): number
  /** Calls back after every change. @returns how to stop it */
  onCases(changed: () => void): () => void
  /** By kind. @param since  settled at or after */
  caseOutcomes(since: number | null): Soon<readonly CaseOutcomesView[]>
  caseCounts(): Soon<CaseCounts>
  /** Sends a message that says it is a test, at once. */
  testNotify(id: string): Promise<Result<NotifyTargetView, Refusal>>
}
