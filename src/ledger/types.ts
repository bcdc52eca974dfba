import type { GatewayError } from '../core/index.ts'
import type { Kind, Value } from './kinds.ts'

/** Facts of one entity that hold from an instant on. Attributes that are not named stay as they were. */
export interface Patch {
  readonly kind: Kind
  readonly id: string
  /** Milliseconds since 1970 UTC; null: since always for a new entity, from now on for a known one. */
  readonly from: number | null
  /** null ends a fact: a meter whose point is null hangs nowhere. */
  readonly set: Readonly<Record<string, Value>>
  /** Where it was written, for errors: `Sheet1!C14`, `ledger.yaml:4:3`, `meters/3`. */
  readonly place?: string
}

export const ACTS = ['import', 'edit', 'exchange', 'acknowledge', 'state', 'adopt', 'scan', 'undo', 'file'] as const
export type ActKind = (typeof ACTS)[number]

/** Who changes something, when, why, on which work order (工单). */
export interface Act {
  readonly what: ActKind
  readonly who: string
  readonly why: string
  readonly workOrder: string | null
  /** Milliseconds since 1970 UTC. */
  readonly at: number
}

/** One thing wrong with a patch. Both places are named when two of them contradict each other. */
export interface LedgerProblem {
  readonly code: string
  /** Where it was written; the entity's name when nobody said. */
  readonly place: string
  /** The other row, or what is in the ledger already, that contradicts it. */
  readonly against: string | null
  readonly message: string
  readonly hint: string
}

/** What a patch would do to one entity. */
export interface DiffEntry {
  readonly kind: Kind
  readonly id: string
  readonly from: number
  readonly change: 'added' | 'changed'
  readonly attributes: readonly { readonly name: string; readonly before: Value; readonly after: Value }[]
  readonly place: string | null
}

/** Where an entry of a change stands among them. */
export interface EntryPlace {
  readonly kind: string
  readonly id: string
  readonly from: number
}

export interface Plan {
  readonly added: number
  readonly changed: number
  readonly unchanged: number
  /** At most as many as asked for; the counts are of all. */
  readonly entries: readonly DiffEntry[]
  /** Nothing is applied while there is one; at most as many as asked for, `problemCount` of all. */
  readonly problems: readonly LedgerProblem[]
  readonly problemCount: number
}

/** One entity as of an instant. */
export interface Entity {
  readonly kind: Kind
  readonly id: string
  /** Number of the change that touched it last: its ETag. */
  readonly version: number
  /** Attributes that hold then; none that is null. */
  readonly attributes: Readonly<Record<string, Value>>
}

/** One fact with its validity and where it comes from. `to` null = still so. */
export interface DatedFact {
  readonly name: string
  readonly value: Value
  readonly from: number
  readonly to: number | null
  /** Change that wrote it. */
  readonly change: number
}

/** One change of the ledger (台账变更), never edited, never deleted. */
export interface Change extends Act {
  readonly seq: number
  /** Change that this one takes back. */
  readonly undoes: number | null
  /** Change that took this one back. */
  readonly undoneBy: number | null
  readonly entities: number
}

export interface ChangeDetail extends Change {
  /** Entries as they were and became, at most as many as asked for. */
  readonly entries: readonly DiffEntry[]
}

/** A meter, CT or PT was exchanged (换表, 换互感器). Registers are decimal text by OBIS code, as on the face. */
export interface Exchange {
  readonly id: number
  readonly kind: 'meter' | 'ct' | 'pt'
  readonly point: string
  /** Milliseconds since 1970 UTC. */
  readonly at: number
  readonly oldMeter: string | null
  readonly newMeter: string | null
  readonly oldRatio: string | null
  readonly newRatio: string | null
  readonly end: Readonly<Record<string, string>>
  readonly start: Readonly<Record<string, string>>
  /** What the gateway proposed, null where it had nothing. */
  readonly proposed: {
    readonly end: Readonly<Record<string, string>> | null
    readonly start: Readonly<Record<string, string>> | null
  }
  /** The two persons (互核). */
  readonly by: readonly [string, string]
  readonly reason: string
  /** Why the registers differ from the proposal by more than the tolerance. */
  readonly deviation: string | null
  readonly change: number
  readonly acknowledged: { readonly by: string; readonly at: number; readonly note: string } | null
  /** Taken back by this change. */
  readonly undoneBy: number | null
}

export interface Applied {
  /** Number of the change; null when nothing differed. */
  readonly change: number | null
  readonly added: number
  readonly changed: number
  readonly unchanged: number
}

/** A change that was not made. `stale`: somebody else was quicker; `problems`: it contradicts itself or the ledger. */
export interface Refused {
  readonly error: GatewayError
  readonly problems: readonly LedgerProblem[]
  /** The entity as it is now, where versions differ. */
  readonly current: Entity | null
}

/** What only the gateway's configuration knows. */
export interface LedgerWorld {
  /** Lines of gateway.yaml and brokers; channels of the ledger are known anyway. */
  isChannel(id: string): boolean
  isProfile(id: string): boolean
  /** The address in its one form, or what is wrong with it. */
  addressOf(address: string, profile: string, line: string): CheckedAddress
  /** The same for a meter behind a concentrator of a protocol: its model must be one that can be read through that. */
  addressBehind(address: string, profile: string, protocol: string): CheckedAddress
  /** A concentrator's own address in its one form. */
  terminalAddress(address: string, protocol: string): CheckedAddress
}

export type CheckedAddress = { readonly ok: true; readonly value: string } | { readonly ok: false; readonly problem: string }

/** An exchange as a person writes it down. Registers are decimal text by OBIS code, short (`1.8.0`) or full. */
export interface ExchangeDraft {
  readonly kind: 'meter' | 'ct' | 'pt'
  readonly point: string
  /** When the old one ended and the new one began, milliseconds since 1970 UTC. */
  readonly at: number
  /** The new meter and what is known of it; line and profile are the old one's when absent. Meters only. */
  readonly meter: { readonly id: string; readonly set: Readonly<Record<string, Value>> } | null
  /** The new ratio; CT and PT only. */
  readonly ratio: string | null
  readonly end: Readonly<Record<string, string>>
  /** CT and PT: as `end` when empty. */
  readonly start: Readonly<Record<string, string>>
  readonly proposed: Exchange['proposed']
  readonly by: readonly [string, string]
  readonly reason: string
  readonly deviation: string | null
  /** Up to the larger of the two, a register may differ from the proposal without a reason. Default 1 kWh and 0.5 %. */
  readonly tolerance?: { readonly kwh: string; readonly percent: string }
}

/** What must be right before a point goes in service (投运检查). */
export const CHECK_ITEMS = ['communication', 'register', 'multiplier', 'phase-order', 'clock', 'area'] as const
export type CheckItem = (typeof CHECK_ITEMS)[number]

/** What the gateway itself knows of an item. `good` null = it cannot tell. */
export interface Evidence {
  readonly good: boolean | null
  readonly text: string
}

/** One item of a point's check-list, with the gateway's evidence and the person's word. */
export interface ChecklistItem {
  readonly item: CheckItem
  readonly evidence: Evidence
  readonly confirmed: { readonly good: boolean; readonly who: string; readonly at: number; readonly note: string } | null
  readonly done: boolean
  /** What is missing; null when done. */
  readonly missing: string | null
}
