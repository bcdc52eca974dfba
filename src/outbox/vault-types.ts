import type { WhenFull } from './types.ts'

/** What the thread that owns the file is asked, and what it answers. Everything here crosses a thread boundary. */
export interface VaultOptions {
  readonly directory: string
  readonly maxBytes: number
  readonly reserveBytes: number
  readonly whenFull: WhenFull
  readonly sinks: readonly string[]
  /** Milliseconds since 1970 UTC. */
  readonly now: number
}

export type Word = readonly [id: number, text: string]

/** Something a person should read in the log. */
export interface Note {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: Readonly<Record<string, string | number>>
}

export interface Status {
  /** End of what is committed: the position the next entry will get. */
  readonly next: number
  /** Position of the oldest entry kept. */
  readonly oldest: number
  readonly bytes: number
  /** Bytes the disk still takes, pages of the file that are free included. */
  readonly available: number
  readonly oldestAt: number | null
  readonly deadLetters: number
  readonly damaged: number
  readonly dropped: number
  /** Changes when the file was salvaged: whoever holds words must send them again. */
  readonly generation: number
  /** Cursors before it have been moved to it. */
  readonly droppedTo: number
  readonly notes: readonly Note[]
}

export interface Opened extends Status {
  readonly words: readonly Word[]
  /** Word numbers below it are not given out again. */
  readonly firstFreeWord: number
  readonly cursors: readonly (readonly [sink: string, position: number])[]
}

export interface DeadEntry {
  readonly sink: string
  readonly series: string
  readonly measuredAt: number
  /** GatewayError as JSON. */
  readonly reason: string
  readonly firstTry: number
  readonly lastTry: number
  readonly raw: Uint8Array
}

export interface DamagedEntry {
  readonly first: number
  readonly count: number
  readonly reason: string
  readonly raw: Uint8Array | null
}

/** One transaction. */
export interface Group {
  readonly at: number
  /** Framed entries with room for the head, not yet sealed; null when only cursors move. */
  readonly chunk: Uint8Array | null
  readonly count: number
  readonly words: readonly Word[]
  readonly wordCount: number
  readonly cursors: readonly (readonly [sink: string, position: number])[]
  readonly dead: readonly DeadEntry[]
  readonly damaged: readonly DamagedEntry[]
}

export interface Committed extends Status {
  /** Position of the group's first entry. */
  readonly first: number
}

/** Entries from disk. `entries` are triples: index, start and end of the packed reading in `bytes`. */
export interface Page extends Status {
  readonly chunks: readonly { readonly first: number; readonly bytes: Uint8Array; readonly entries: readonly number[] }[]
  /** Position after the last of them; everything before it was given or is gone. */
  readonly through: number
}

export interface DeadRow extends DeadEntry {
  readonly id: number
}

/** Operations by name. */
export interface VaultCalls {
  open: { ask: VaultOptions; answer: Opened }
  commit: { ask: Group; answer: Committed }
  read: { ask: { readonly from: number; readonly entries: number; readonly at: number }; answer: Page }
  letters: { ask: { readonly after: number; readonly limit: number }; answer: readonly DeadRow[] }
  replay: {
    ask: { readonly ids: readonly number[]; readonly at: number; readonly wordCount: number }
    answer: Status & { readonly replayed: number }
  }
  /** A small real write: is the disk well again? */
  probe: { ask: { readonly at: number }; answer: Status }
  close: { ask: null; answer: null }
}
export type VaultCall = keyof VaultCalls
