/** One field of a frame, in wire order. */
export interface ExplainedField {
  /** Bytes from the beginning of the text, wake-up bytes included. */
  readonly offset: number
  readonly length: number
  /** As on the wire, but for what the protocol says it takes off. Secret bytes are `**`. */
  readonly hex: string
  readonly name: string
  readonly meaning: string
}

/** Where a frame breaks, and the cure. */
export interface ExplainedError {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly offset: number
  readonly byte: string | null
}
