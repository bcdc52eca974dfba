/** One thing seen on a line. Bytes are a copy. */
export interface TraceEvent {
  readonly line: string
  /** Wall clock, milliseconds since 1970 UTC. */
  readonly at: number
  readonly what: 'tx' | 'rx' | 'stray' | 'late' | 'discarded' | 'echo' | 'note'
  readonly bytes: Uint8Array
  readonly text: string
  /** Meter the exchange under way belongs to, if any. */
  readonly device: string | null
}

export type TraceListener = (event: TraceEvent) => void
