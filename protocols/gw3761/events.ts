import { err, ok } from '../../src/core/result.ts'
import type { TerminalEvent } from '../../src/core/terminal.ts'
import { AFN, ask, type Manner, type Talk, verdictOf } from './ask.ts'
import { type EventList, eventsOfUnit } from './event-records.ts'
import { concat, unitsOf } from './gather.ts'
import { writeIdentifier } from './identifiers.ts'
import { refuse } from './talk-errors.ts'

const MODULO = 256
const LEVELS = { important: 1, normal: 2 } as const
/** Steps from one counter to another, modulo 256. */
export const stepsBetween = (from: number, to: number): number => (((to - from) % MODULO) + MODULO) % MODULO

/** Records in a row that a terminal may have lost: behind so many it has none at all. */
const MOST_LOST = 8

/**
 * Event records (事件记录) from one counter up to but not including another. A terminal gives as many as fit a frame; the pointers of its
 * answer say how far it came, and the rest is asked for from there. One that it denies is passed over: it has lost that one.
 *
 * @returns  all it has of them; silence in between is a failure, as what was not heard must be asked for again
 * @errors   GW3761_DENIED, GW3761_NOT_ANSWERED when it has none of them
 */
export function* readEvents(manner: Manner, level: 'important' | 'normal', from: number, to: number): Talk<readonly TerminalEvent[]> {
  const { terminal } = manner
  const fn = LEVELS[level]
  const events: TerminalEvent[] = []
  let next = ((from % MODULO) + MODULO) % MODULO
  let end = to
  let lost = 0
  let isDenied = false
  for (let left = stepsBetween(next, to); left > 0; left = stepsBetween(next, to)) {
    const data = concat([writeIdentifier(0, fn), Uint8Array.of(next, end)])
    const heard = yield* ask(manner, { afn: AFN.events, data, about: (pair) => pair.fn === fn, reach: 'terminal' })
    if (!heard.ok) return heard
    const { frames, failure } = heard.value
    // A report that went out at the same time has pointers of its own.
    const lists: EventList[] = unitsOf(frames.filter(({ afn }) => afn === AFN.events))
      .filter(({ unit }) => unit.fn === fn)
      .map(eventsOfUnit)
      .filter((list) => stepsBetween(next, list.from) < left)
    let reached = 0
    for (const list of lists) {
      events.push(...list.events)
      const ahead = stepsBetween(next, list.from)
      const told = stepsBetween(next, list.to)
      reached = Math.max(reached, ahead + list.events.length, told <= left ? told : 0)
    }
    if (reached > 0) {
      lost = 0
      end = to
      next = (next + Math.min(reached, left)) % MODULO
      continue
    }
    if (failure) return err(failure)
    isDenied ||= frames.some((frame) => verdictOf(frame) !== null)
    const one = (next + 1) % MODULO
    if (end !== one) end = one
    else {
      next = one
      end = (one + 1) % MODULO
      if (++lost >= MOST_LOST) break
    }
  }
  if (events.length > 0 || from === to) return ok(events)
  const what = `${level} events ${from} to ${to}`
  return isDenied
    ? refuse('GW3761_DENIED', `${terminal} denies ${what}`, { terminal })
    : refuse('GW3761_NOT_ANSWERED', `${terminal} gives none of ${what}`, { terminal })
}
