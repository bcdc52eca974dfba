import type { Selection, Source, TerminalAsked } from '../core/index.ts'

/** What a reading rests on: the frame (帧) that carried it or the message a meter pushed. The bytes are kept under `id`. */
export interface EvidenceRef {
  readonly id: string
  readonly kind: 'frame' | 'message'
  /**
   * SHA-256, 64 hexadecimal digits: of frames over the bytes of all parts one behind the other, as they are kept (secrets are zero there
   * and named in `hidden`); of a message over its whole payload as it came, even where only its beginning is kept.
   */
  readonly sha256: string
}

/** Names one reading: what the meter said, at its own instant, by that way. */
export interface EvidenceKey {
  readonly meter: string
  /** Milliseconds since 1970 UTC. */
  readonly measuredAt: number
  readonly source: Source
}

/** Bytes that passed, with what of them nobody may see. */
export interface EvidencePart {
  readonly at: number
  readonly direction: 'tx' | 'rx'
  /** Secrets are zero. */
  readonly bytes: Uint8Array
  readonly hidden?: readonly { readonly at: number; readonly size: number }[]
}

/** What is known of kept bytes, whichever readings they brought. */
export interface EvidenceFacts {
  readonly kind: EvidenceRef['kind']
  /** Line, broker or concentrator it came through. */
  readonly channel: string
  /** Id of the adapter that spoke; `mqtt`. */
  readonly protocol: string
  /** Topic of a message; what was asked for a frame. */
  readonly about: string
  /** Who had it read: `task houses`, `read now by NAME`; `reported` or `pushed` where nobody asked. */
  readonly by: string
  /** Requests and replies in order, or the one message; nothing is left out that the decoder saw. */
  readonly parts: readonly EvidencePart[]
  readonly receivedAt: number
  /** Of a message that was too long to keep: its size, bytes. */
  readonly wholeSize?: number
  /** What was to be read; null: it came by itself. */
  readonly selection: Selection | null
  /** Of a read out of a terminal's memory: how it was asked. */
  readonly terminal?: TerminalAsked
  /** Rule of the mapping that took a message apart. */
  readonly rule?: string
}

/** Kept bytes with all that is known of them, as one of the readings they brought. */
export interface EvidenceItem extends EvidenceRef, EvidenceKey, EvidenceFacts {}

/** What is to be kept, and of which readings. */
export interface EvidenceDraft extends EvidenceFacts {
  readonly of: readonly EvidenceKey[]
}

/** What other rooms ask of the kept evidence. */
export interface EvidenceBook {
  /** For many readings at once; those of which nothing is kept are not in the answer. Keys as {@link evidenceKey}. */
  refsOf(keys: readonly EvidenceKey[]): Promise<ReadonlyMap<string, EvidenceRef>>
  item(id: string): Promise<EvidenceItem | null>
}

export const evidenceKey = ({ meter, measuredAt, source }: EvidenceKey): string => `${meter}\n${measuredAt}\n${source}`

/** Where nothing is kept. */
export const NO_EVIDENCE: EvidenceBook = { refsOf: async () => new Map(), item: async () => null }

/** Figures of the kept evidence. */
export interface EvidenceState {
  readonly records: number
  /** Bytes of the file that are in use. */
  readonly bytes: number
  readonly oldestAt: number | null
  /** Damaged files that were put beside, file names. */
  readonly setAside: readonly string[]
  /** Records were dropped before their time because the file would have become too large. */
  readonly isShort: boolean
}

export interface EvidenceSettings {
  /** Live, curve and pushed registers are kept that were measured so close to local midnight, milliseconds. */
  readonly windowMs: number
  readonly keepDays: number
  readonly maxBytes: number
}
