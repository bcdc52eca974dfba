import type { MeterTime, Selection } from './adapter.ts'
import type { TerminalMeter } from './terminal.ts'

/** One frame (帧) as it left or as it came. */
export interface FramePart {
  /** When a request was handed to its line, or an answer was whole. Milliseconds since 1970 UTC. */
  readonly at: number
  readonly direction: 'tx' | 'rx'
  readonly bytes: Uint8Array
}

/** How a read out of a terminal's memory was asked: with it the same talk can be held again. */
export interface TerminalAsked {
  /** In the form of the adapter. */
  readonly address: string
  /** All meters of the request: several share one. */
  readonly meters: readonly TerminalMeter[]
  readonly frameLimit: number
  /** The gateway's wall clock when the read began. */
  readonly now: MeterTime
}

/** What was said on the wire for one read, and how it was asked: its values can be worked out of it again. */
export interface Exchanged {
  /** Id of the adapter that spoke. */
  readonly protocol: string
  /** What was to be read; null: nobody asked, it was reported. */
  readonly selection: Selection | null
  /** Requests and replies in order; a request without a reply stands alone. */
  readonly parts: readonly FramePart[]
  readonly terminal?: TerminalAsked
}
