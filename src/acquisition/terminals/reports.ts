import type { TerminalReport, TerminalsDeps } from './types.ts'

/** Reports of one connection that wait to be made safe; beyond this nothing more is taken from it. */
const MOST_WAITING = 16
/** Taken again when so few are left. */
const FEW = 4

interface ReportsHost {
  /** Says that something was not kept, with how often. */
  complain(text: (times: number) => string): void
  confirm(bytes: Uint8Array): void
  hold(isHeld: boolean): void
}

interface Waiting {
  readonly report: TerminalReport
  readonly confirm: Uint8Array | null
}

/**
 * Makes the reports of one connection safe, one after the other in the order they came. Each is confirmed when it is on disk; one that
 * could not be put there is not, and comes again. What is heard is made safe even when the connection has ended meanwhile.
 */
export class Reports {
  readonly #deps: Pick<TerminalsDeps, 'take'>
  readonly #host: ReportsHost
  #waiting: Waiting[] | null = null
  #taking: Promise<void> | null = null
  isHeld = false

  constructor(deps: Pick<TerminalsDeps, 'take'>, host: ReportsHost) {
    this.#deps = deps
    this.#host = host
  }

  add(report: TerminalReport, confirm: Uint8Array | null): void {
    this.#waiting ??= []
    this.#waiting.push({ report, confirm })
    if (!this.isHeld && this.#waiting.length >= MOST_WAITING) {
      this.isHeld = true
      this.#host.hold(true)
    }
    this.#taking ??= this.#takeAll().finally(() => {
      this.#taking = null
    })
  }

  settled(): Promise<void> {
    return this.#taking ?? Promise.resolve()
  }

  async #takeAll(): Promise<void> {
    for (;;) {
      const next = this.#waiting?.shift()
      if (!next) break
      const why = await this.#take(next.report)
      if (why === null) {
        if (next.confirm) this.#host.confirm(next.confirm)
      } else
        this.#host.complain(
          (times) =>
            `${next.report.protocol} ${next.report.address}: a report was not confirmed and comes again, the last of ${times}: ${why}`,
        )
      if (this.isHeld && (this.#waiting?.length ?? 0) <= FEW) {
        this.isHeld = false
        this.#host.hold(false)
      }
    }
    this.#waiting = null
  }

  /** @returns why it is not safe; null = it is */
  async #take(report: TerminalReport): Promise<string | null> {
    try {
      const taken = await this.#deps.take(report)
      return taken.ok ? null : `${taken.error.code} ${taken.error.message}`
    } catch (bug) {
      return bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)
    }
  }
}
