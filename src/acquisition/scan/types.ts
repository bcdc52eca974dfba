import type { ScanFigure, ScanProof } from '../../core/index.ts'

/** How a line is spoken to: the speed and character format of a serial port, and the protocol on top. */
export interface ScanSetting {
  /** null over TCP, where the speed is the serial server's business. */
  readonly baud: number | null
  /** `8E1`; null over TCP. */
  readonly format: string | null
}

export type ScanProtocol = 'modbus-tcp' | 'modbus-rtu' | 'modbus-ascii' | 'dlt645-2007' | 'dlt645-1997'

export type ScanMode = 'quick' | 'normal' | 'thorough'

export type Verdict = 'for' | 'against' | 'not-judged'

/** One reason to believe in a profile, or not: value against limit. */
export interface Reason {
  readonly what: string
  readonly value: string
  readonly limit: string
  readonly verdict: Verdict
  /** The whole in a sentence. */
  readonly text: string
}

/** One profile that may fit. */
export interface Candidate {
  readonly profile: string
  /** Points for minus points against; larger fits better, 0 or less does not fit. */
  readonly score: number
  readonly reasons: readonly Reason[]
}

/** A meter, or something else that answers. */
export interface FoundMeter {
  readonly protocol: ScanProtocol
  readonly setting: ScanSetting
  /** Unit 1 to 247, or twelve digits. */
  readonly address: string
  /** Ledger id, when it is known there already; such a one is not asked. */
  readonly known: string | null
  /** Best first. */
  readonly candidates: readonly Candidate[]
  /** Profile that fits best and alone; null when none or several fit. */
  readonly profile: string | null
  /** Several profiles fit equally well: somebody has to choose. */
  readonly tie: readonly string[]
  readonly values: readonly Omit<ScanFigure, 'value'>[]
  /** What it says of itself: meter number, software. */
  readonly identity: Readonly<Record<string, string>>
  /** Of a unit that no profile fits: what answers, and values that look like something. */
  readonly notes: readonly string[]
  /** Frames that prove it is there, and those of its values. */
  readonly proofs: readonly ScanProof[]
}

export type ScanEvent =
  | { readonly kind: 'setting'; readonly setting: ScanSetting; readonly protocol: ScanProtocol; readonly share: number }
  | {
      readonly kind: 'progress'
      readonly what: string
      readonly share: number
      readonly questions: number
      readonly found: number
      readonly elapsedMs: number
    }
  | {
      readonly kind: 'found'
      readonly protocol: ScanProtocol
      readonly setting: ScanSetting
      readonly address: string
      readonly known: string | null
    }
  | { readonly kind: 'judged'; readonly meter: FoundMeter }
  | { readonly kind: 'note'; readonly text: string }

/** What a scan (搜表) brought. */
export interface ScanResult {
  readonly line: string
  readonly mode: ScanMode
  /** Milliseconds since 1970 UTC. */
  readonly startedAt: number
  readonly tookMs: number
  readonly questions: number
  /** false: it was stopped, or the line went away; what was found so far is here. */
  readonly complete: boolean
  readonly stopped: string | null
  readonly meters: readonly FoundMeter[]
  readonly notes: readonly string[]
}
