import type { GatewayError } from '../core/index.ts'
import type { Connection, ConnectionEvents, Transport } from '../transport/index.ts'
import { fail } from './errors.ts'

/** Attempts to reopen, over all lines of the process: a returning network is not greeted by a storm. */
const ATTEMPTS_PER_SECOND = 20
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 30_000

/** A connection that lived this long was a good one. */
const STEADY_MS = 10_000

let nextAttempt = 0
const slot = (): number => {
  const now = performance.now()
  nextAttempt = Math.max(now, nextAttempt + 1000 / ATTEMPTS_PER_SECOND)
  return nextAttempt - now
}

export interface SupervisorEvents {
  bytes: ConnectionEvents['bytes']
  up(): void
  /** The connection ended, or could not be opened. */
  down(why: GatewayError): void
}

/** Keeps one transport open: opens it when first needed, opens it again with a growing, jittered pause, one attempt at a time. */
export class Supervisor {
  readonly #transport: Transport
  readonly #events: SupervisorEvents
  #connection: Connection | null = null
  #opening: Promise<void> | null = null
  #failures = 0
  #upSince = 0
  #timer: NodeJS.Timeout | null = null
  #isClosed = false
  #why: GatewayError | null = null

  constructor(transport: Transport, events: SupervisorEvents) {
    this.#transport = transport
    this.#events = events
  }

  get connection(): Connection | null {
    return this.#connection
  }

  /** Why there is no connection; null before the first attempt and while there is one. */
  get why(): GatewayError | null {
    return this.#why
  }

  /** A line that is tried again is still down: an attempt can take as long as the pause before it. */
  get state(): 'closed' | 'down' | 'opening' | 'up' | 'idle' {
    if (this.#isClosed) return 'closed'
    if (this.#connection) return 'up'
    if (this.#why) return 'down'
    return this.#opening ? 'opening' : 'idle'
  }

  /** Resolves when an attempt under way is over; starts the first one. Later attempts start by themselves. */
  async ready(): Promise<Connection | null> {
    if (this.#connection || this.#isClosed) return this.#connection
    if (!this.#opening && !this.#timer) this.#attempt()
    if (this.#opening) await this.#opening
    return this.#connection
  }

  close(): void {
    this.#isClosed = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#connection?.close()
    this.#connection = null
  }

  #attempt(): void {
    this.#timer = null
    this.#opening = this.#open().finally(() => {
      this.#opening = null
    })
  }

  async #open(): Promise<void> {
    const opened = await this.#transport.open({
      bytes: (bytes, at) => this.#events.bytes(bytes, at),
      closed: (why) => this.#lost(why),
    })
    if (this.#isClosed) {
      if (opened.ok) opened.value.close()
      return
    }
    if (!opened.ok) {
      this.#failures++
      this.#again(opened.error)
      return
    }
    this.#connection = opened.value
    this.#upSince = performance.now()
    this.#why = null
    this.#events.up()
  }

  #lost(why: GatewayError): void {
    this.#connection = null
    if (this.#isClosed) return
    // A peer that accepts and hangs up at once (it serves another client) is no better than one that refuses.
    this.#failures = performance.now() - this.#upSince > STEADY_MS ? 0 : this.#failures + 1
    this.#again(why)
  }

  #again(why: GatewayError): void {
    this.#why = why
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures) * (0.5 + Math.random() / 2)
    this.#timer = setTimeout(() => this.#attempt(), Math.max(pause, slot()))
    this.#timer.unref()
    this.#events.down(why)
  }
}

/** The failure of an exchange that could not start. */
export const downError = (line: string, why: GatewayError | null) =>
  fail('LINE_DOWN', `line ${line} is down${why ? `: ${why.message}` : ''}`, { line, cause: why?.code ?? null, cure: why?.hint ?? null })
