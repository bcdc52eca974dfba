import type { Result } from '../core/index.ts'
import type { Refusal } from './deps.ts'

/** A meter that is not in the ledger. Times are milliseconds since 1970 UTC. */
export interface UnregisteredView {
  readonly id: number
  /** Line, broker or concentrator. */
  readonly channel: string
  readonly by: 'broker' | 'line' | 'scan' | 'concentrator'
  readonly address: string
  readonly protocol: string | null
  /** Meter model or mapping, where it is known. */
  readonly profile: string | null
  readonly state: 'open' | 'adopted' | 'closed'
  readonly firstSeen: number
  readonly lastSeen: number
  readonly sightings: number
  readonly readings: number
  readonly register: { readonly obis: string; readonly value: string; readonly unit: string; readonly at: number } | null
  /** The area most meters of its line or broker belong to. */
  readonly suggestedArea: string | null
  /** Overdue from then on; null: nothing is due. */
  readonly dueAt: number | null
  readonly overdue: boolean
  readonly closed: { readonly at: number; readonly by: string; readonly why: string; readonly forever: boolean } | null
  readonly adopted: {
    readonly at: number
    readonly by: string
    readonly meter: string
    readonly point: string
    readonly from: number
    /** Readings put to the point so far, and whether that is all. */
    readonly attached: number
    readonly complete: boolean
  } | null
}

export interface UnregisteredDetail extends UnregisteredView {
  /** Newest first. */
  readonly history: readonly { readonly at: number; readonly what: string; readonly who: string; readonly why: string }[]
}

export interface UnregisteredFilter {
  readonly state?: UnregisteredView['state']
  readonly channel?: string
  readonly overdue?: boolean
  /** Part of the address. */
  readonly text?: string
}

export interface AdoptRequest {
  readonly meter: string
  readonly point: string
  readonly area?: string
  readonly profile?: string
  readonly ct?: string
  readonly pt?: string
  readonly from?: number
  readonly why: string
  readonly workOrder?: string
}

export interface StatementView {
  readonly obis: string
  readonly unit: string
  readonly used: string
  readonly readings: number
  readonly months: readonly {
    readonly month: string
    readonly first: { readonly at: number; readonly value: string } | null
    readonly last: { readonly at: number; readonly value: string } | null
    readonly used: string | null
    readonly missing: readonly string[]
  }[]
}

export interface UnregisteredCounts {
  readonly open: number
  readonly overdue: number
  readonly adopted: number
  readonly closed: number
  /** Sightings that found no place. */
  readonly refused: number
}

/** What the API needs of meters that are not in the ledger. */
export interface UnregisteredDeps {
  /** With an id greater than `after`, ascending, at most `limit`. */
  unregistered(filter: UnregisteredFilter, after: number, limit: number): readonly UnregisteredView[]
  unregisteredOne(id: number): UnregisteredDetail | null
  adoptUnregistered(id: number, request: AdoptRequest, who: string): Promise<Result<UnregisteredView, Refusal>>
  closeUnregistered(
    id: number,
    request: { readonly why: string; readonly who: string; readonly forever: boolean },
  ): Result<UnregisteredView, Refusal>
  /** What it has used since it was first seen, by month. */
  unregisteredStatement(id: number, obis: string): Promise<Result<StatementView, Refusal>>
}
