import type { Source } from '../core/index.ts'

/** What a reading rests on: the frame (帧) that carried it or the message a meter pushed. The bytes are kept under `id`. */
export interface EvidenceRef {
  readonly id: string
  readonly kind: 'frame' | 'message'
  /** SHA-256 over the bytes as they came, 64 hexadecimal digits. */
  readonly sha256: string
}

/** Names one reading: what the meter said, at its own instant, by that way. */
export interface EvidenceKey {
  readonly meter: string
  /** Milliseconds since 1970 UTC. */
  readonly measuredAt: number
  readonly source: Source
}

/** Kept bytes with all that is known of them. */
export interface EvidenceItem extends EvidenceRef, EvidenceKey {
  /** Line, broker or concentrator it came through. */
  readonly channel: string
  readonly protocol: string
  /** Topic of a message; what was asked for a frame. */
  readonly about: string
  /** Requests and replies in order, or the one message; nothing is left out that the decoder saw. */
  readonly parts: readonly { readonly at: number; readonly direction: 'tx' | 'rx'; readonly bytes: Uint8Array }[]
  readonly receivedAt: number
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
