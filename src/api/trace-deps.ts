import type { Captured, CaptureHead } from '../capture/index.ts'
import type { Result } from '../core/index.ts'
import type { Refusal } from './deps.ts'

/** One field of a frame: which bytes, its name, what it means. */
export interface TracedField {
  readonly offset: number
  readonly length: number
  readonly hex: string
  readonly name: string
  readonly meaning: string
}

/** What is wrong in a frame, at which byte, and the cure. */
export interface TracedError {
  readonly code: string
  readonly offset: number
  readonly message: string
  readonly hint: string
}

/** One frame, or bytes that were none, as a trace shows it. Secrets are already gone: their bytes are zero and named in `hidden`. */
export interface TracedFrame {
  readonly at: number
  readonly direction: 'tx' | 'rx' | 'discarded'
  readonly bytes: Uint8Array
  /** One line for a person; secrets in the frame are already masked. */
  readonly description: string
  readonly device?: string
  /** More exactly than `direction`. */
  readonly what?: Captured
  readonly protocol?: string | null
  /** Bytes to show as `**`. */
  readonly hidden?: readonly { readonly at: number; readonly size: number }[]
  /** Of an answer: milliseconds since its request left. */
  readonly tookMs?: number | null
  /** Of a message: `bytes` is its beginning, `payload` all of it. */
  readonly topic?: string
  readonly retained?: boolean
  readonly payload?: Uint8Array
  /** Every field, worked out when it is asked for; null for bytes that are no frame. */
  explained?(): { readonly fields: readonly TracedField[]; readonly error: TracedError | null } | null
}

/** What the API needs to show what passes on lines. */
export interface TraceDeps {
  /** Calls `listener` for each frame of a line, or each message of a broker, until the function it returns is called. */
  trace(lineOrSourceId: string, listener: (frame: TracedFrame) => void): Result<() => void, Refusal>
  /** Whether it is a concentrator: traced like a line, with meters or without. */
  isTerminal(id: string): boolean
  /** The head of a capture of a line or broker; null when there is none. */
  captureHead(lineOrSourceId: string): CaptureHead | null
  /** Where a meter of the ledger is heard, and its name there; null when nowhere. */
  tracedMeter(meter: string): { readonly line: string; readonly device: string } | null
}
