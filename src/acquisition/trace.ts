/** One thing seen on a line. Bytes are a copy, as they were on the wire: {@link traceFrames} makes of them what people may see. */
export interface TraceEvent {
  readonly line: string
  /** Wall clock, milliseconds since 1970 UTC. */
  readonly at: number
  readonly what: 'tx' | 'rx' | 'stray' | 'late' | 'discarded' | 'echo' | 'note'
  readonly bytes: Uint8Array
  readonly text: string
  /** Meter the exchange under way belongs to, if any. */
  readonly device: string | null
  /** Adapter that was spoken last; null before the first request. */
  readonly protocol: string | null
  /** A judgement about bytes that were reported when they came. */
  readonly again: boolean
}

export type TraceListener = (event: TraceEvent) => void
