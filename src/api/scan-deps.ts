import type { GatewayError, Result } from '../core/index.ts'
import type { LedgerProblem } from '../ledger/types.ts'
import type { Refusal } from './deps.ts'

export const SCAN_STATES = ['running', 'done', 'stopped', 'failed'] as const
export const SCAN_MODES = ['quick', 'normal', 'thorough'] as const

/** What is wanted of a scan of a running line. */
export interface ScanRequest {
  readonly mode: (typeof SCAN_MODES)[number]
  /** Modbus units, `1-32,100`. */
  readonly units?: string
}

export interface ScanReasonView {
  readonly what: string
  readonly value: string
  readonly limit: string
  readonly verdict: 'for' | 'against' | 'not-judged'
  readonly text: string
}

export interface ScanMeterView {
  readonly protocol: string
  readonly address: string
  /** Meter of the ledger; such a one was not asked. */
  readonly known: string | null
  readonly profile: string | null
  readonly tie: readonly string[]
  readonly candidates: readonly { readonly profile: string; readonly score: number; readonly reasons: readonly ScanReasonView[] }[]
  readonly values: readonly { readonly obis: string; readonly unit: string; readonly place: string; readonly text: string }[]
  readonly identity: Readonly<Record<string, string>>
  readonly notes: readonly string[]
  /** Frames as hexadecimal pairs. */
  readonly proofs: readonly { readonly what: string; readonly tx: string; readonly rx: string; readonly says: string }[]
}

/** One scan, as far as it is. Times are milliseconds. */
export interface ScanView {
  readonly id: number
  readonly line: string
  readonly mode: (typeof SCAN_MODES)[number]
  readonly state: (typeof SCAN_STATES)[number]
  readonly startedAt: number
  readonly tookMs: number
  /** 0 to 1. */
  readonly share: number
  /** What is being asked. */
  readonly what: string
  readonly questions: number
  readonly meters: readonly ScanMeterView[]
  readonly notes: readonly string[]
  readonly error: GatewayError | null
}

/** Something that happened in a scan; numbers grow by one. */
export interface ScanEventView {
  readonly nth: number
  readonly at: number
  readonly kind: 'found' | 'judged' | 'note' | 'end'
  readonly text: string
}

export interface ScanAcceptance {
  /** Ids of new meters begin with it; the id of the line unless given. */
  readonly prefix?: string
  /** Only these addresses, with a profile or ids of one's own; absent: everything that has a profile. */
  readonly rows?: readonly { readonly address: string; readonly profile?: string; readonly point?: string; readonly meter?: string }[]
  readonly why: string
  readonly workOrder: string | null
  readonly who: string
}

export interface ScanAccepted {
  /** Change of the ledger; null: it knew all of it. */
  readonly change: number | null
  readonly meters: readonly { readonly meter: string; readonly point: string; readonly address: string; readonly profile: string }[]
  /** Found and not taken over. */
  readonly left: readonly { readonly address: string; readonly why: string }[]
}

/** Scans of lines of the running gateway. */
export interface ScanDeps {
  startScan(line: string, request: ScanRequest): Result<ScanView, Refusal>
  scans(): readonly ScanView[]
  scan(id: number): ScanView | null
  scanEvents(id: number, after: number): readonly ScanEventView[] | null
  stopScan(id: number): ScanView | null
  acceptScan(
    id: number,
    acceptance: ScanAcceptance,
  ): Promise<Result<ScanAccepted, Refusal & { readonly problems?: readonly LedgerProblem[] }>>
}
