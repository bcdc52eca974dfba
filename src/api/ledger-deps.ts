import type { Result } from '../core/index.ts'
import type { Kind, PointState, Value } from '../ledger/kinds.ts'
import type {
  Act,
  Applied,
  Change,
  ChangeDetail,
  CheckItem,
  ChecklistItem,
  DatedFact,
  Entity,
  EntryPlace,
  Exchange,
  ExchangeDraft,
  Patch,
  Plan,
  Refused,
} from '../ledger/types.ts'
import type { Soon } from './deps.ts'

export interface LedgerFilter {
  readonly kind: Kind
  readonly where: Readonly<Record<string, Value>>
  readonly text?: string
  /** Only those whose day lies before this one. */
  readonly before?: { readonly name: string; readonly day: string }
  readonly after?: string
  /** Attributes in which `text` is not looked for. */
  readonly unread?: readonly string[]
  readonly limit: number
  /** Milliseconds since 1970 UTC. */
  readonly asOf?: number
}

/** A register reading that an exchange could be based on. */
export interface ProposedReading {
  readonly registers: Readonly<Record<string, string>>
  /** Milliseconds since 1970 UTC. */
  readonly measuredAt: number
  readonly source: string
}

/** What the gateway itself knows of an exchange: the last reading of the old meter and the first of the new one. */
export interface ExchangeProposal {
  readonly oldMeter: string | null
  readonly end: ProposedReading | null
  readonly start: ProposedReading | null
}

/** The version of an entity that somebody has seen; null: there was none. */
export interface ExpectedVersion {
  readonly kind: Kind
  readonly id: string
  readonly version: number | null
}

/** The ledger as the API sees it. What writes or may take long answers later. */
export interface LedgerPort {
  get(kind: Kind, id: string, asOf: number | null): Entity | null
  facts(kind: Kind, id: string): readonly DatedFact[]
  list(filter: LedgerFilter): Soon<readonly Entity[]>
  changes(filter: {
    readonly before?: number
    readonly limit: number
    readonly kind?: Kind
    readonly id?: string
    readonly who?: string
    readonly workOrder?: string
  }): readonly Change[]
  /** By kind, id and instant. @param after  the entry before the first; null = from the first on */
  change(seq: number, entries: number, after: EntryPlace | null): ChangeDetail | null
  plan(patches: readonly Patch[]): Promise<Plan>
  apply(patches: readonly Patch[], act: Act, expected: readonly ExpectedVersion[]): Promise<Result<Applied, Refused>>
  undo(seq: number, act: Act, dryRun: boolean): Promise<Result<Applied, Refused>>
  exchanges(filter: {
    readonly point?: string
    readonly unacknowledged?: boolean
    readonly after?: number
    readonly limit: number
  }): readonly Exchange[]
  /** The highest number of an exchange; 0 = there is none. */
  newestExchange(): number
  /** Null: the store does not answer. @param newMeter  null for a CT or PT */
  proposal(point: string, at: number, newMeter: string | null): Promise<ExchangeProposal | null>
  planExchange(draft: ExchangeDraft, act: Act): Promise<Plan>
  exchange(draft: ExchangeDraft, act: Act): Promise<Result<Exchange, Refused>>
  acknowledge(id: number, by: string, note: string): Promise<Result<Exchange, Refused>>
  /** Null: there is no such point. */
  checklist(point: string): Soon<readonly ChecklistItem[] | null>
  confirm(point: string, item: CheckItem, good: boolean, act: Act): Promise<Result<null, Refused>>
  step(
    point: string,
    to: PointState,
    act: Act,
    options: { readonly from?: number; readonly set?: Readonly<Record<string, Value>> },
  ): Promise<Result<Applied, Refused>>
}

export interface LedgerDeps {
  readonly ledger: LedgerPort
}
