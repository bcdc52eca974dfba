import type { HealthView } from './deps.ts'
import { EventRing } from './sse.ts'

type Part = HealthView['parts'][number]
/** One part that is otherwise than before; `state` null: it is gone. */
export type HealthChange =
  | {
      readonly kind: 'part'
      readonly part: string
      readonly state: Part['state'] | null
      readonly sentence: string
      readonly cure: string | null
    }
  | { readonly kind: 'ready'; readonly isReady: boolean }

/** Changes that are remembered for clients that come back. */
const MOST_KEPT = 500
const LOOK_MS = 1000

/** Looks at the health while somebody watches, and says what is otherwise than before. */
export class HealthWatch {
  readonly ring: EventRing<HealthChange>
  readonly #ask: () => HealthView | Promise<HealthView>
  readonly #lookMs: number
  #last: HealthView | null = null
  #watchers = 0
  #timer: NodeJS.Timeout | null = null
  #isLooking = false

  constructor(ask: () => HealthView | Promise<HealthView>, startedAt: number, lookMs = LOOK_MS) {
    this.ring = new EventRing(MOST_KEPT, startedAt)
    this.#ask = ask
    this.#lookMs = lookMs
  }

  /** The health now, by which changes are told from here on. */
  async look(): Promise<HealthView> {
    const now = await this.#ask()
    const before = this.#last
    this.#last = now
    if (before) this.ring.add(changesOf(before, now))
    return now
  }

  /** Somebody watches, until the function it returns is called. */
  watch(): () => void {
    this.#watchers++
    this.#timer ??= setInterval(() => void this.#tick(), this.#lookMs).unref()
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      if (--this.#watchers > 0 || !this.#timer) return
      clearInterval(this.#timer)
      // What changes while nobody looks is told by the next look, as it then is.
      this.#timer = null
    }
  }

  async #tick(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      await this.look()
    } catch {
      // A part that cannot say how it is: the next look may.
    } finally {
      this.#isLooking = false
    }
  }
}

export const changesOf = (before: HealthView, now: HealthView): HealthChange[] => {
  const old = new Map(before.parts.map((part) => [part.part, part]))
  const changes: HealthChange[] = []
  if (before.ready !== now.ready) changes.push({ kind: 'ready', isReady: now.ready })
  for (const part of now.parts) {
    const was = old.get(part.part)
    old.delete(part.part)
    if (was?.state !== part.state || was.sentence !== part.sentence || was.cure !== part.cure) changes.push({ kind: 'part', ...part })
  }
  for (const part of old.keys()) changes.push({ kind: 'part', part, state: null, sentence: 'is no more', cure: null })
  return changes
}
