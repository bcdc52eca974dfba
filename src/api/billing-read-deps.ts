import type { Result, Scope, Source } from '../core/index.ts'
import type { Refusal } from './deps.ts'

export const BILLING_STATES = ['released', 'provisional', 'held', 'withdrawn'] as const
export type BillingState = (typeof BILLING_STATES)[number]

/** One register at a billing instant. Decimals are exact text, instants milliseconds since 1970 UTC. */
export interface BillingFigureView {
  readonly register: string
  readonly unit: string
  /** As on the face of the meter. */
  readonly value: string
  readonly ratio: string
  readonly storedRatio?: string
  readonly primary: string
  readonly meter: string
  readonly source: Source
  readonly quality: number
  readonly measuredAt: number
  readonly receivedAt: number
  readonly evidence: { readonly id: string; readonly kind: 'frame' | 'message'; readonly sha256: string } | null
}

export interface BillingRegisterView extends BillingFigureView {
  readonly state: BillingState
  /** Of what was released last; null: never. */
  readonly version: number | null
  readonly releasedAt: number | null
  /** What is read now, where it is not what was released. */
  readonly pending: BillingFigureView | null
}

export interface BillingPointView {
  readonly point: string
  readonly area: string | null
  readonly customer: string | null
  readonly meter: string | null
  readonly state: BillingState
  readonly registers: readonly BillingRegisterView[]
  readonly missing: readonly string[]
  readonly holds: readonly { readonly reason: string; readonly text: string }[]
}

/** Which points; nothing of it: all that are billed. */
export interface BillingPlace {
  readonly points?: readonly string[]
  readonly area?: string
  readonly zone?: string
}

export interface BillingGroupView {
  readonly zone: string | null
  readonly area: string | null
  readonly due: number
  readonly released: number
  readonly provisional: number
  readonly held: number
  readonly withdrawn: number
  /** Points of which something stands released and is read otherwise now. */
  readonly pending: number
  /** Points by what stands against them; one may have several. */
  readonly reasons: Readonly<Record<string, number>>
}

export interface BillingSegmentView {
  readonly meter: string
  readonly from: number
  readonly to: number
  readonly ratio: string
  /** On the face; null: nobody wrote it down. */
  readonly start: string | null
  readonly end: string | null
  readonly delta: string
  readonly energy: string
}

export interface BillingEndView {
  readonly value: string
  readonly meter: string
  readonly source: Source
  readonly measuredAt: number
  readonly state: BillingState
  readonly version: number | null
}

export interface BillingEnergyView {
  readonly register: string
  readonly unit: string
  /** Primary side, exact; null: not known. */
  readonly energy: string | null
  readonly start: BillingEndView | null
  readonly end: BillingEndView | null
  readonly segments: readonly BillingSegmentView[]
  readonly estimatedPpm: number
  /** Names of what stands beside the figure, or why there is none. */
  readonly reasons: readonly string[]
  /** Both ends are released figures. */
  readonly released: boolean
}

/** Sum of the tariffs beside the total register; null where one of them is not known. */
export interface TariffCheckView {
  readonly total: string
  readonly sum: string
  readonly difference: string
  /** No further apart than the last digits of the registers. */
  readonly agrees: boolean
}

export interface BillingEnergyPointView {
  readonly point: string
  readonly area: string | null
  readonly customer: string | null
  /** The less certain of both ends. */
  readonly state: BillingState
  readonly registers: readonly BillingEnergyView[]
  readonly tariffs: TariffCheckView | null
  readonly holds: readonly { readonly at: number; readonly reason: string; readonly text: string }[]
}

export interface BillingCustomerView {
  readonly customer: string
  readonly points: readonly (BillingEnergyPointView & { readonly sign: 1 | -1 })[]
  /** Points of the customer that are not billed at either instant. */
  readonly notBilled: readonly string[]
  /** By register; null while a part of it is not known. */
  readonly sums: readonly {
    readonly register: string
    readonly unit: string
    readonly energy: string | null
    readonly reasons: readonly string[]
  }[]
  readonly state: BillingState
}

/**
 * What billing reads. Pieces come with ids ascending; nothing outside of the scope is in them. They throw when the store or the book cannot be
 * read: a list that ends early is none.
 */
export interface BillingReadDeps {
  readonly billingReads: {
    /** What is wrong with a place: something named in it is not there, or not to be seen. */
    problem(place: BillingPlace, scope: Scope): Refusal | null
    readings(
      at: number,
      place: BillingPlace,
      scope: Scope,
      after: string | null,
      limit?: number,
    ): AsyncIterable<readonly BillingPointView[]>
    energy(
      from: number,
      to: number,
      place: BillingPlace,
      scope: Scope,
      after: string | null,
      limit?: number,
    ): AsyncIterable<readonly BillingEnergyPointView[]>
    completeness(at: number, place: BillingPlace, scope: Scope, by: 'area' | 'zone'): Promise<readonly BillingGroupView[]>
    customer(id: string, from: number, to: number, scope: Scope): Promise<Result<BillingCustomerView, Refusal>>
  }
}
