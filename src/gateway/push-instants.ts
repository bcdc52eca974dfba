import type { PushOutcome } from '../core/index.ts'
import { keptText } from '../push/index.ts'

const MOST_INSTANTS = 10_000

/** Arrivals that no two messages of one meter share: nobody said that they were of one instant. */
export class UniqueInstants {
  readonly #last = new Map<string, number>()

  take(outcome: Pick<PushOutcome, 'records' | 'events'>, arrivedAt: number): number {
    const names = namesOf(outcome)
    let instant = arrivedAt
    for (const name of names) instant = Math.max(instant, (this.#last.get(name) ?? Number.NEGATIVE_INFINITY) + 1)
    if (this.#last.size > MOST_INSTANTS) for (const [name, last] of this.#last) if (last < arrivedAt) this.#last.delete(name)
    for (const name of names) this.#last.set(this.#last.has(name) ? name : keptText(name, name.length), instant)
    return instant
  }
}

/** Whoever has something to say without a time. */
const namesOf = ({ records, events }: Pick<PushOutcome, 'records' | 'events'>): string[] => [
  ...records.flatMap(({ meter, measuredAt }) => (measuredAt === null ? [meter] : [])),
  ...events.flatMap(({ device, at }) => (at === null ? [device] : [])),
]
