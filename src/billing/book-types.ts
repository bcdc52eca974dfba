import { type BillingPoint, type BillingRegister, HOLD_REASONS, type ReleasedFigure } from './types.ts'

/** Who did something: a person or a program, as the access room names them. */
export interface Actor {
  readonly id: string
  readonly name: string
}

export const CHANGE_KINDS = ['new', 'corrected', 'withdrawn'] as const
/** What a change means for who keeps a copy: put it in, put it in place of the old one, take it out. */
export type ChangeKind = (typeof CHANGE_KINDS)[number]

/**
 * One version of a released figure, and at the same time one entry of the sequence of changes. Of a withdrawal the fields say what was
 * withdrawn. Instants are milliseconds since 1970 UTC.
 */
export interface Version extends ReleasedFigure {
  /** Strictly rising, without holes, in the order in which they were made. */
  readonly seq: number
  readonly kind: ChangeKind
  readonly by: Actor
  readonly why: string
  /** Release it came with; null: a correction or withdrawal. */
  readonly release: number | null
}

/** A version with the one before it; null: there was none, or it was withdrawn. */
export interface Change extends Version {
  readonly old: Version | null
}

/** Why a release leaves a point out: what stands against it, or what the policy says. */
export const LEFT_REASONS = [
  ...HOLD_REASONS,
  'estimated', //  made up by a rule, and the policy does not release that
  'withdrawn', //  somebody withdrew it: it is released again only when asked for
] as const
export type LeftReason = (typeof LEFT_REASONS)[number]

/** What to release: some points, or all of an area or a zone; none of them: every point that is billed. */
export interface ReleaseScope {
  readonly points?: readonly string[]
  readonly area?: string
  readonly zone?: string
}

/** `refuse`: nothing is released when anything would be left out; `skip-held`: what is held is left out and named. */
export const RELEASE_POLICIES = ['skip-held', 'refuse'] as const
export type ReleasePolicy = (typeof RELEASE_POLICIES)[number]

/**
 * `waiting`: another one is under way; `checking`: whether anything is held; `interrupted`: the gateway stopped or the store was out, it can be
 * gone on with; `refused`: something was held and the policy says so, nothing was released.
 */
export const RELEASE_STATES = ['waiting', 'checking', 'running', 'done', 'refused', 'interrupted'] as const
export type ReleaseState = (typeof RELEASE_STATES)[number]

export interface ReleaseDraft {
  readonly at: number
  readonly scope: ReleaseScope
  readonly note: string
  readonly policy: ReleasePolicy
  /** Also what somebody withdrew before. */
  readonly again: boolean
  /** Made up values too; what the configuration said then. */
  readonly estimates: boolean
}

/** A release (发布): a named act. */
export interface Release extends ReleaseDraft {
  readonly id: number
  readonly by: Actor
  /** Whoever asked, as text the room does not look into: what they see bounds the release. */
  readonly asker: string
  readonly madeAt: number
  readonly endedAt: number | null
  readonly state: ReleaseState
  /** Why it was interrupted. */
  readonly trouble: string | null
  /** Last point that is done; null: none. */
  readonly after: string | null
  /** Points looked at. */
  readonly points: number
  /** Points of which something was released. */
  readonly releasedPoints: number
  /** Figures. */
  readonly released: number
  /** Figures that stood released before. */
  readonly alreadyReleased: number
  /** Points left out, by reason. */
  readonly left: Readonly<Partial<Record<LeftReason, number>>>
  /** Points left out. */
  readonly leftPoints: number
}

export interface LeftOut {
  readonly point: string
  readonly reasons: readonly { readonly reason: LeftReason; readonly text: string }[]
}

export const PENDING_STATES = ['open', 'accepted', 'rejected', 'resolved', 'superseded'] as const
/** `resolved`: the data say again what was released, or it was withdrawn; `superseded`: the data say something else by now. */
export type PendingState = (typeof PENDING_STATES)[number]

/** In what a figure that would be released now differs from the one that was. */
export const DIFFERENCES = ['value', 'ratio', 'meter', 'quality', 'held', 'gone'] as const
export type Difference = (typeof DIFFERENCES)[number]

/** What would be released now differs from what was. Never edited but for how it ended. */
export interface Pending {
  readonly id: number
  readonly state: PendingState
  readonly point: string
  readonly at: number
  readonly register: string
  readonly old: Version
  /** null: nothing could be released now. */
  readonly next: BillingRegister | null
  readonly differs: readonly Difference[]
  /** What stands against releasing it; must be cleared before it is accepted. */
  readonly holds: BillingPoint['holds']
  /** What made it differ, as far as known. */
  readonly cause: string
  readonly since: number
  readonly ended: { readonly at: number; readonly by: Actor | null; readonly why: string } | null
}

/** A person's hold on a point: at one instant, or from one on. */
export interface Hold {
  readonly id: number
  readonly point: string
  readonly from: number
  /** For every instant from then on; false: for that instant alone. */
  readonly onward: boolean
  readonly by: Actor
  readonly why: string
  readonly madeAt: number
  readonly lifted: { readonly at: number; readonly by: Actor; readonly why: string } | null
}
