import type { Finding, JudgedDay, Verdict } from '../anomaly/index.ts'

export interface HouseWatchDeps {
  readonly areas: () => Iterable<string>
  /** What the rooms know of an area now. */
  readonly findings: (area: string) => readonly Finding[]
  readonly take: (verdict: Verdict, day: JudgedDay) => void
  /** The local day that goes on. */
  readonly today: () => JudgedDay
  readonly now: () => number
  readonly log: (level: 'warn', message: string) => void
  readonly everyMs?: number
}

const EVERY_MS = 2000

/**
 * Hands what the gateway's own rooms know (unregistered meters, clocks, exchanges, buses) to the case book within seconds, not at the next day's end.
 * Nothing is handed over while nothing changes.
 */
export class HouseWatch {
  readonly #deps: HouseWatchDeps
  readonly #before = new Map<string, readonly Finding[]>()
  #timer: NodeJS.Timeout | null = null
  #trouble = ''

  constructor(deps: HouseWatchDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#timer = setInterval(() => this.#attempt(), this.#deps.everyMs ?? EVERY_MS)
    this.#timer.unref()
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer)
  }

  /** One look at every area. */
  look(): void {
    const { areas, findings, take, today, now } = this.#deps
    for (const area of areas()) {
      const found = findings(area)
      const before = this.#before.get(area) ?? []
      const keys = new Set(found.map(({ key }) => key))
      // What is no more has ended now: a meter was registered, a clock set, an exchange acknowledged.
      const gone = before.filter(({ key, to }) => to === null && !keys.has(key)).map((finding): Finding => ({ ...finding, to: now() }))
      if (gone.length === 0 && isSame(found, before)) continue
      const day = today()
      const verdict: Verdict = {
        ...{ area, day: day.day, findings: [...found, ...gone], withdrawn: [], losses: [], phases: {}, failures: [] },
        by: 'house',
      }
      take(verdict, day)
      this.#before.set(area, found)
    }
  }

  #attempt(): void {
    try {
      this.look()
      this.#trouble = ''
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (message !== this.#trouble) this.#deps.log('warn', `cases of unregistered meters, clocks, exchanges and buses: ${message}`)
      this.#trouble = message
    }
  }
}

/** Counts grow all the time; a case is told again when something else of it changes. */
const isSame = (a: readonly Finding[], b: readonly Finding[]): boolean => textOf(a) === textOf(b)
const textOf = (findings: readonly Finding[]): string =>
  JSON.stringify(findings.map(({ key, severity, from, cause, score }) => [key, severity, from, cause, score]))
