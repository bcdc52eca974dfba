/** An answer as it was given, to be given again. */
export interface KeptAnswer {
  readonly status: number
  /** Content type, and of the other headers those that say something: `etag`, `location`. */
  readonly headers: Readonly<Record<string, string>>
  /** What whoever it was given to might do and see then. */
  readonly rights: string
  /** null: it was too long, a stream, or held a secret. */
  readonly body: string | null
}

/**
 * What is known of a key (Idempotency-Key). `unfinished`: the gateway stopped, or gave up waiting, while it was done: nobody can say whether
 * it was. `other`: the key was used for something else. `unavailable`: keys cannot be written down at present.
 */
export type Begun =
  | { readonly state: 'new' | 'under-way' | 'unfinished' | 'other' | 'unavailable' }
  | { readonly state: 'done'; readonly answer: KeptAnswer }

/** Requests that may come twice. A key belongs to whoever used it. */
export interface RepeatPort {
  /** Writes down that it begins, unless the key is known. @param print  what is asked for, SHA-256 */
  begin(who: string, key: string, print: string): Begun
  finish(who: string, key: string, answer: KeptAnswer): void
  /** Nothing was done: the key is free again. */
  forget(who: string, key: string): void
  /** Nobody can say how it ended. */
  leave(who: string, key: string): void
}

export interface RepeatDeps {
  readonly repeats: RepeatPort
}
