import { setMaxListeners } from 'node:events'
import type { TerminalNotice, TerminalSettings, TerminalsPort } from '../acquisition/index.ts'
import type { Clock } from '../core/index.ts'

export interface TerminalClocksDeps {
  readonly clock: Pick<Clock, 'now'>
  readonly port: () => Pick<TerminalsPort, 'ask' | 'sessions'>
  readonly settings: (id: string) => TerminalSettings | null
  /** Told what a clock showed. */
  readonly shown: (notice: Extract<TerminalNotice, { kind: 'clock' }>) => void
  readonly isDoubtful: (id: string) => boolean
}

const HOUR_MS = 3_600_000
/** A clock that nobody saw for so long is asked for; one that is known to be wrong sooner, because somebody may have set it. */
const STALE_MS = 24 * HOUR_MS
const DOUBTFUL_MS = HOUR_MS
const MOST_AT_ONCE = 64

/** Sees to it that the clocks of terminals are known: those of the 2009 edition never show theirs by themselves. */
export class TerminalClocks {
  readonly #deps: TerminalClocksDeps
  readonly #seenAt = new Map<string, number>()
  readonly #waiting = new Set<string>()
  readonly #working = new Set<string>()
  readonly #ended = new AbortController()

  constructor(deps: TerminalClocksDeps) {
    this.#deps = deps
    setMaxListeners(0, this.#ended.signal)
  }

  note(notice: TerminalNotice): void {
    if (notice.kind === 'clock') this.#seenAt.set(notice.terminal, notice.receivedAt)
    else if (notice.kind === 'online') this.#want(notice.terminal)
  }

  /** Looks whose clock was not seen for long. */
  tick(): void {
    for (const { id } of this.#deps.port().sessions()) if (id !== null) this.#want(id)
  }

  stop(): void {
    this.#ended.abort()
    this.#waiting.clear()
  }

  #want(id: string): void {
    const age = this.#deps.clock.now() - (this.#seenAt.get(id) ?? Number.NEGATIVE_INFINITY)
    if (age < (this.#deps.isDoubtful(id) ? DOUBTFUL_MS : STALE_MS)) return
    this.#waiting.add(id)
    this.#launch()
  }

  #launch(): void {
    for (const id of this.#waiting) {
      if (this.#working.size >= MOST_AT_ONCE || this.#ended.signal.aborted) return
      this.#waiting.delete(id)
      const terminal = this.#deps.settings(id)
      if (!terminal || this.#working.has(id)) continue
      this.#working.add(id)
      // Behind everything that is read: nothing waits for it.
      const options = { priority: 'curve', signal: this.#ended.signal } as const
      void this.#deps
        .port()
        .ask(id, (adapter) => adapter.clock(terminal.address), options)
        .then((shows) => {
          if (shows.ok) this.#deps.shown({ kind: 'clock', terminal: id, shows: shows.value, receivedAt: this.#deps.clock.now() })
        })
        // A fault of ours in one terminal's talk is told where it is made; the clocks of the others go on.
        .catch(() => undefined)
        .then(() => {
          this.#working.delete(id)
          this.#launch()
        })
    }
  }
}
