import type { Calendar, TerminalNotice } from '../acquisition/index.ts'
import type { Clock } from '../core/index.ts'

interface Presence {
  onlineSince: number | null
  /** Wall clock when it came or went. */
  since: number
  /** Monotonic milliseconds online, up to `onlineSince`. */
  onlineMs: number
  takeovers: number
  /** How far its clock was from ours when it showed it last, milliseconds; null = it never did. */
  clockOffMs: number | null
}

/** How long terminals were there, and how far their clocks are off, as the sessions tell. */
export class TerminalPresence {
  readonly #clock: Clock
  readonly #calendar: Calendar
  readonly #startedAt: number
  readonly #known = new Map<string, Presence>()

  constructor(clock: Clock, calendar: Calendar) {
    this.#clock = clock
    this.#calendar = calendar
    this.#startedAt = clock.now()
  }

  note(notice: TerminalNotice): void {
    if (notice.kind === 'unknown') return
    const presence = this.#of(notice.terminal)
    const now = this.#clock.monotonic()
    if (notice.kind === 'online' || notice.kind === 'offline') presence.since = this.#clock.now()
    if (notice.kind === 'online') presence.onlineSince ??= now
    else if (notice.kind === 'offline') {
      presence.onlineMs += now - (presence.onlineSince ?? now)
      presence.onlineSince = null
    } else if (notice.kind === 'takeover') presence.takeovers++
    else if (notice.kind === 'clock') {
      const shows = this.#calendar.instantOf(notice.shows)
      presence.clockOffMs = shows === null ? Number.POSITIVE_INFINITY : shows - notice.receivedAt
    }
  }

  /** Milliseconds a terminal was connected since the gateway started. */
  onlineMs(terminal: string): number {
    const presence = this.#known.get(terminal)
    if (!presence) return 0
    return presence.onlineMs + (presence.onlineSince === null ? 0 : this.#clock.monotonic() - presence.onlineSince)
  }

  /** When a terminal came or went; of one that never came, when the gateway started. */
  since(terminal: string): number {
    return this.#known.get(terminal)?.since ?? this.#startedAt
  }

  takeovers(terminal: string): number {
    return this.#known.get(terminal)?.takeovers ?? 0
  }

  clockOffMs(terminal: string): number | null {
    return this.#known.get(terminal)?.clockOffMs ?? null
  }

  #of(terminal: string): Presence {
    let presence = this.#known.get(terminal)
    if (!presence) {
      presence = { onlineSince: null, since: this.#startedAt, onlineMs: 0, takeovers: 0, clockOffMs: null }
      this.#known.set(terminal, presence)
    }
    return presence
  }
}
