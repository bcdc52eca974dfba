import type { Result, Source } from '../core/index.ts'
import type { Refusal } from './deps.ts'
import type { TracedFrame } from './trace-deps.ts'

/** One reading that kept bytes brought. */
export interface EvidenceKeyView {
  readonly meter: string
  readonly measuredAt: number
  readonly source: Source
}

/** One part of a record: a frame with its explanation, or the message. */
export interface EvidencePartView extends TracedFrame {
  readonly sha256: string
}

/** Frames or a message that readings rest on. Times are milliseconds since 1970 UTC. */
export interface EvidenceView {
  readonly id: string
  readonly kind: 'frame' | 'message'
  /** Over the bytes as they are kept; of a message over all of it. */
  readonly sha256: string
  readonly channel: string
  readonly protocol: string
  /** Topic of a message, what was asked for a frame. */
  readonly about: string
  readonly by: string
  readonly receivedAt: number
  /** Of a message of which only the beginning is kept: its size in bytes. */
  readonly wholeSize: number | null
  readonly parts: readonly EvidencePartView[]
  /** Readings it brought, at most a thousand. */
  readonly of: readonly EvidenceKeyView[]
}

/** What the API needs of the kept evidence. */
export interface EvidenceDeps {
  /** All that is kept of one reading, the newest first. */
  evidenceOf(key: EvidenceKeyView): Promise<Result<readonly EvidenceView[], Refusal>>
  evidence(id: string): Promise<Result<EvidenceView | null, Refusal>>
  /**
   * Everything one reading rests on as one document.
   *
   * @param meter  which of the meters of the record; null: it has one
   * @returns      null: no such record, or not of that meter
   */
  evidencePack(id: string, meter: string | null, by: string): Promise<Result<object | null, Refusal>>
}
