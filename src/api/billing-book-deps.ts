import type { Principal } from '../access/principals.ts'
import type { Result } from '../core/index.ts'
import type { Refusal } from './deps.ts'

/** Words of the book of what was billed; the room that keeps it has the same. */
export const BILLING_CHANGE_KINDS = ['new', 'corrected', 'withdrawn'] as const
export const BILLING_RELEASE_STATES = ['waiting', 'checking', 'running', 'done', 'refused', 'interrupted'] as const
export const BILLING_RELEASE_POLICIES = ['skip-held', 'refuse'] as const
export const BILLING_PENDING_STATES = ['open', 'accepted', 'rejected', 'resolved', 'superseded'] as const
export const BILLING_DIFFERENCES = ['value', 'ratio', 'meter', 'quality', 'held', 'gone'] as const

export interface BillingActorView {
  readonly id: string
  readonly name: string
}

/** What a figure says; instants are milliseconds since 1970 UTC, decimals text. */
export interface BillingBookFigureView {
  readonly register: string
  readonly unit: string
  readonly value: string
  readonly ratio: string
  readonly primary: string
  readonly meter: string
  readonly source: string
  /** Bits. */
  readonly quality: number
  readonly measuredAt: number
  readonly receivedAt: number
  readonly evidence: { readonly id: string; readonly kind: string; readonly sha256: string } | null
}

export interface BillingVersionView extends BillingBookFigureView {
  readonly seq: number
  readonly kind: (typeof BILLING_CHANGE_KINDS)[number]
  readonly point: string
  readonly at: number
  readonly version: number
  readonly releasedAt: number
  readonly by: BillingActorView
  readonly why: string
  readonly release: number | null
}

export interface BillingChangeView extends BillingVersionView {
  readonly old: BillingVersionView | null
}

export interface BillingReleaseScope {
  readonly points?: readonly string[]
  readonly area?: string
  readonly zone?: string
}

export interface BillingReleaseDraft {
  readonly at: number
  readonly scope: BillingReleaseScope
  readonly note: string
  readonly policy: (typeof BILLING_RELEASE_POLICIES)[number]
  readonly again: boolean
}

export interface BillingReleaseView extends BillingReleaseDraft {
  readonly id: number
  readonly estimates: boolean
  readonly by: BillingActorView
  /** Whoever asked, as they were: what they see bounds the release. */
  readonly asker: Principal
  readonly madeAt: number
  readonly endedAt: number | null
  readonly state: (typeof BILLING_RELEASE_STATES)[number]
  readonly trouble: string | null
  readonly points: number
  readonly releasedPoints: number
  readonly released: number
  readonly alreadyReleased: number
  readonly left: Readonly<Partial<Record<string, number>>>
  readonly leftPoints: number
}

export interface BillingReasonView {
  readonly reason: string
  readonly text: string
}

export interface BillingLeftView {
  readonly point: string
  readonly reasons: readonly BillingReasonView[]
}

export interface BillingPendingView {
  readonly id: number
  readonly state: (typeof BILLING_PENDING_STATES)[number]
  readonly point: string
  readonly at: number
  readonly register: string
  readonly old: BillingVersionView
  readonly next: BillingBookFigureView | null
  readonly differs: readonly (typeof BILLING_DIFFERENCES)[number][]
  readonly holds: readonly BillingReasonView[]
  readonly cause: string
  readonly since: number
  readonly ended: { readonly at: number; readonly by: BillingActorView | null; readonly why: string } | null
}

export interface BillingHoldView {
  readonly id: number
  readonly point: string
  readonly from: number
  readonly onward: boolean
  readonly by: BillingActorView
  readonly why: string
  readonly madeAt: number
  readonly lifted: { readonly at: number; readonly by: BillingActorView; readonly why: string } | null
}

export interface BillingCycleView {
  readonly id: string
  readonly name: string
  readonly day: number
  readonly zones: readonly string[] | null
  readonly areas: readonly string[] | null
  readonly registers: readonly string[] | null
}

/** Points of a unit of a cycle, each counted once. */
export interface BillingUnitView {
  /** Transformer area; null: points of none. */
  readonly area: string | null
  readonly due: number
  readonly released: number
  readonly provisional: number
  readonly held: number
  /** By reason; a point may have several. */
  readonly heldBy: Readonly<Record<string, number>>
  /** Of those held, the ones with a register that was not read. */
  readonly missing: number
  /** Of those held, the ones that wait for a policy or a person because a figure is made up. */
  readonly estimated: number
}

export interface BillingCycleReport {
  readonly cycle: BillingCycleView
  readonly month: string
  readonly at: number
  readonly units: readonly BillingUnitView[]
  readonly total: BillingUnitView
  /** Points that do not stand released, the first of them; those without a reason could be. */
  readonly open: readonly { readonly point: string; readonly area: string | null; readonly reasons: readonly string[] }[]
  /** Points that were billed in it a month before and are not any more, the first of them, and how many there are. */
  readonly former: readonly { readonly point: string; readonly area: string | null }[]
  readonly formerPoints: number
  /** Zones and areas of the cycle that the ledger does not have. */
  readonly unknown: readonly string[]
}

/** Points somebody sees; null: every one. */
export type SeesPoint = ((point: string) => boolean) | null

/** What the API needs of the book of what was billed. */
export interface BillingBookDeps {
  /** Who says so must be named: a release is an act. `key`: the same key of the same person is the same release, as far as it is. */
  beginBillingRelease(
    draft: BillingReleaseDraft,
    who: Principal,
    key: string | null,
    sees: SeesPoint,
  ): Promise<Result<BillingReleaseView, Refusal>>
  resumeBillingRelease(id: number, sees: SeesPoint): Promise<Result<BillingReleaseView, Refusal>>
  billingRelease(id: number): Promise<BillingReleaseView | null>
  /** Newest first, with an id below `before`. */
  billingReleases(before: number | null, limit: number): Promise<readonly BillingReleaseView[]>
  /** Points a release left out, ids above `after`. */
  billingLeftOut(id: number, reason: string | null, after: string, limit: number): Promise<readonly BillingLeftView[]>
  billingReleased(id: number, after: number, limit: number): Promise<readonly BillingVersionView[]>
  /** Versions of a point, newest first, with a number below `before`. */
  billingFigures(point: string, at: number | null, before: number | null, limit: number): Promise<readonly BillingVersionView[]>
  withdrawBilling(
    point: string,
    at: number,
    registers: readonly string[] | null,
    who: Principal,
    why: string,
  ): Promise<Result<readonly BillingVersionView[], Refusal>>
  billingPending(id: number): Promise<BillingPendingView | null>
  billingPendings(
    filter: { readonly point?: string; readonly at?: number },
    after: number,
    limit: number,
  ): Promise<readonly BillingPendingView[]>
  /** `whole`: everything that waits of the same point and instant. */
  acceptBilling(id: number, whole: boolean, who: Principal, why: string): Promise<Result<readonly BillingVersionView[], Refusal>>
  rejectBilling(id: number, whole: boolean, who: Principal, why: string): Promise<Result<readonly BillingPendingView[], Refusal>>
  billingHold(id: number): Promise<BillingHoldView | null>
  billingHolds(
    filter: { readonly point?: string; readonly lifted: boolean },
    after: number,
    limit: number,
  ): Promise<readonly BillingHoldView[]>
  holdBilling(
    draft: Pick<BillingHoldView, 'point' | 'from' | 'onward'>,
    who: Principal,
    why: string,
  ): Promise<Result<BillingHoldView, Refusal>>
  liftBilling(id: number, who: Principal, why: string): Promise<Result<BillingHoldView, Refusal>>
  /** Changes with a number above `since`, rising; refused when there never was such a number. */
  billingChanges(
    since: number,
    limit: number,
  ): Promise<Result<{ readonly changes: readonly BillingChangeView[]; readonly newest: number }, Refusal>>
  /** Resolves when there is a change above `since`, when it has taken so long, or when nobody waits any more. */
  awaitBillingChange(since: number, ms: number, signal: AbortSignal): Promise<void>
  billingCycles(): readonly BillingCycleView[]
  /** @param month  2026-11; null: the newest whose day has passed */
  billingCompleteness(id: string, month: string | null, sees: SeesPoint): Promise<Result<BillingCycleReport, Refusal>>
}
