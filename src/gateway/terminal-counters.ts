import { setMaxListeners } from 'node:events'
import type { TerminalSettings, TerminalsPort } from '../acquisition/index.ts'
import { explain, many, type Result, type TerminalEvent } from '../core/index.ts'
import type { EventMarks, TerminalFile } from './terminal-file.ts'

export interface CountersDeps {
  readonly port: () => Pick<TerminalsPort, 'ask'>
  readonly file: Pick<TerminalFile, 'marks' | 'mark'>
  readonly settings: (id: string) => TerminalSettings | null
  /** Makes events safe. */
  readonly keep: (terminal: TerminalSettings, events: readonly TerminalEvent[]) => Promise<Result<void>>
  readonly log: (level: 'debug' | 'info' | 'warn', message: string) => void
  /** How long a terminal whose events could not be fetched is left alone, milliseconds; one minute unless said, each time twice as long. */
  readonly againMs?: number
}

const LEVELS = ['important', 'normal'] as const
const AGAIN_MS = 60_000
/** What is refused again and again is asked for once an hour in the end. */
const MOST_DOUBLINGS = 6
/** Terminals that are asked for their events at once: after a restart all of them may have some. */
const MOST_AT_ONCE = 64
const MODULO = 256
/** Records of one kind that are read back where a terminal does not count them. */
const LAST_RECORDS = 15

/**
 * Sees to it that no event of a terminal is skipped. A terminal counts its events (EC1, EC2, modulo 256) and shows the counters with
 * what it sends: where they are ahead of what was stored, the records in between are asked for, made safe, and only then the mark moves.
 * What was reported already comes again and is the same row.
 */
export class EventCounters {
  readonly #deps: CountersDeps
  /** Newest counters a terminal has shown; null = it only said that events wait. */
  readonly #shown = new Map<string, EventMarks | null>()
  /** Said that events wait, since they were fetched last. */
  readonly #flagged = new Set<string>()
  readonly #waiting = new Set<string>()
  readonly #working = new Map<string, Promise<void>>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  /** How often in a row a terminal's events could not be fetched. */
  readonly #failures = new Map<string, number>()
  readonly #ended = new AbortController()

  constructor(deps: CountersDeps) {
    this.#deps = deps
    // Every terminal that is asked listens for the end.
    setMaxListeners(0, this.#ended.signal)
  }

  /** A terminal has come: what happened while it was away is looked for. */
  online(terminal: string): void {
    this.shown(terminal, null)
  }

  /** A terminal says that events wait. */
  waits(terminal: string): void {
    this.#flagged.add(terminal)
    this.shown(terminal, null)
  }

  /** A terminal shows its counters; `null` = they are to be asked for. */
  shown(terminal: string, counters: EventMarks | null): void {
    const marks = counters && this.#deps.file.marks(terminal)
    if (counters && marks && LEVELS.every((level) => marks[level] === counters[level] % MODULO)) return
    this.#shown.set(terminal, counters ?? this.#shown.get(terminal) ?? null)
    this.#waiting.add(terminal)
    this.#launch()
  }

  /** Resolves when nothing is under way and nothing waits. */
  async settled(): Promise<void> {
    while (this.#working.size > 0) await Promise.allSettled(this.#working.values())
  }

  async stop(): Promise<void> {
    this.#ended.abort()
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    this.#waiting.clear()
    await Promise.allSettled(this.#working.values())
  }

  #launch(): void {
    for (const terminal of this.#waiting) {
      if (this.#working.size >= MOST_AT_ONCE || this.#ended.signal.aborted) return
      if (this.#working.has(terminal)) continue
      this.#waiting.delete(terminal)
      const work = this.#fetch(terminal)
        .catch((bug: unknown) => {
          this.#deps.log(
            'warn',
            `events of ${terminal}: a fault of the gateway: ${bug instanceof Error ? (bug.stack ?? bug.message) : String(bug)}`,
          )
          return false
        })
        .then((isDone) => {
          this.#working.delete(terminal)
          if (isDone) this.#failures.delete(terminal)
          else this.#again(terminal)
          this.#launch()
        })
      this.#working.set(terminal, work)
    }
  }

  #again(terminal: string): void {
    if (this.#ended.signal.aborted || this.#timers.has(terminal)) return
    const before = this.#failures.get(terminal) ?? 0
    this.#failures.set(terminal, Math.min(MOST_DOUBLINGS, before + 1))
    const timer = setTimeout(
      () => {
        this.#timers.delete(terminal)
        this.#waiting.add(terminal)
        this.#launch()
      },
      (this.#deps.againMs ?? AGAIN_MS) * 2 ** before,
    )
    timer.unref()
    this.#timers.set(terminal, timer)
  }

  /** @returns  false: it is to be tried again */
  async #fetch(id: string): Promise<boolean> {
    const { port, file, settings, keep, log } = this.#deps
    const terminal = settings(id)
    if (!terminal) return true
    const options = { priority: 'reread', signal: this.#ended.signal } as const
    const shown = this.#shown.get(id) ?? null
    this.#shown.delete(id)
    const counters = shown
      ? { ok: true as const, value: shown }
      : await port().ask<EventMarks>(id, (adapter) => adapter.eventCounters(terminal.address), options)
    if (!counters.ok) {
      if (counters.error.code.startsWith('TERMINAL_') || isStopping(counters.error.code)) return isGone(counters.error.code)
      return this.#fetchUncounted(terminal)
    }
    // Of a terminal that was never asked, everything since its counters began.
    const marks = file.marks(id) ?? { important: 0, normal: 0 }
    const next = { ...marks }
    let isWhole = true
    for (const level of LEVELS) {
      const to = counters.value[level] % MODULO
      if (to === marks[level]) continue
      const found = await port().ask(id, (adapter) => adapter.events(terminal.address, level, marks[level], to), options)
      if (!found.ok) {
        log('debug', `${id}: events ${marks[level]} to ${to} (${level}) were not fetched: ${explain(found.error)}`)
        this.#shown.set(id, this.#shown.get(id) ?? counters.value)
        if (isGone(found.error.code)) return true
        // What it refuses of one kind is no reason to leave out the other.
        isWhole = false
        continue
      }
      const kept = await keep(terminal, found.value)
      if (!kept.ok) {
        this.#shown.set(id, this.#shown.get(id) ?? counters.value)
        return false
      }
      next[level] = to
      file.mark(id, next)
      if (found.value.length > 0) log('debug', `${id}: ${many(found.value.length, 'event')} (${level}) up to ${to} stored`)
    }
    if (!isWhole) return false
    if (file.marks(id) === null) file.mark(id, next)
    return true
  }

  /** Of a terminal that counts nothing: the last records of each kind, when it says that there are new ones. What is known already is the same row. */
  async #fetchUncounted(terminal: TerminalSettings): Promise<boolean> {
    const { port, file, keep } = this.#deps
    const { id } = terminal
    if (file.marks(id) !== null && !this.#flagged.has(id)) return true
    // What it says from here on is of records that may be missing in what is read now.
    const isFlagged = this.#flagged.delete(id)
    const failed = (isDone: boolean): boolean => {
      if (isFlagged) this.#flagged.add(id)
      return isDone
    }
    for (const level of LEVELS) {
      const options = { priority: 'reread', signal: this.#ended.signal } as const
      const found = await port().ask(id, (adapter) => adapter.events(terminal.address, level, 0, LAST_RECORDS), options)
      if (!found.ok) return failed(isGone(found.error.code))
      const kept = await keep(terminal, found.value)
      if (!kept.ok) return failed(false)
    }
    if (file.marks(id) === null) file.mark(id, { important: 0, normal: 0 })
    return true
  }
}

const isStopping = (code: string): boolean => code === 'LINE_CLOSED' || code === 'READ_CANCELLED'
/** One that is gone shows its counters when it is back. */
const isGone = (code: string): boolean => code === 'TERMINAL_OFFLINE' || code === 'TERMINAL_LOST' || isStopping(code)
