import { err, type GatewayError, ok } from '../../src/core/result.ts'
import type { TerminalEvent } from '../../src/core/terminal.ts'
import { AFN, ask, type Manner, type Talk, verdictOf } from './ask.ts'
import { type EventList, eventsOfUnit } from './event-records.ts'
import type { Frame } from './frame.ts'
import { concat, unitsOf } from './gather.ts'
import { writeIdentifier } from './identifiers.ts'
import { refuse } from './talk-errors.ts'

const MODULO = 256
const LEVELS = { important: 1, normal: 2 } as const
/** Steps from one counter to another, modulo 256. */
export const stepsBetween = (from: number, to: number): number => (((to - from) % MODULO) + MODULO) % MODULO

/** Records in a row that a terminal may have lost: behind so many the first one that it still has is looked for. */
const MOST_LOST = 8

interface Part {
  readonly events: readonly TerminalEvent[]
  /** How many of the records asked for were told or passed over. */
  readonly reached: number
  /** Its pointers go further than its records. */
  readonly isShort: boolean
  readonly isDenied: boolean
  readonly failure: GatewayError | null
}

const listsOf = (frames: readonly Frame[], fn: number): EventList[] =>
  unitsOf(frames.filter(({ afn }) => afn === AFN.events))
    .filter(({ unit }) => unit.fn === fn)
    .map(eventsOfUnit)

/** Asks once, for records from one counter up to another. */
function* askPart(manner: Manner, fn: number, from: number, to: number): Talk<Part> {
  const wanted = stepsBetween(from, to)
  const isWithin = (list: EventList) => stepsBetween(from, list.from) < wanted
  const heard = yield* ask(manner, {
    afn: AFN.events,
    data: concat([writeIdentifier(0, fn), Uint8Array.of(from, to)]),
    about: (pair) => pair.fn === fn,
    // A report that goes out at the same time has pointers of its own, and is to be made safe before it is confirmed.
    admits: (frame) => !(frame.prm && frame.seq.con) || listsOf([frame], fn).every(isWithin),
    reach: 'terminal',
  })
  if (!heard.ok) return heard
  const { frames, failure } = heard.value
  const events: TerminalEvent[] = []
  let reached = 0
  let isShort = false
  for (const list of listsOf(frames, fn).filter(isWithin)) {
    events.push(...list.events)
    const told = stepsBetween(from, list.to)
    isShort ||= list.events.length > 0 && list.events.length < stepsBetween(list.from, list.to)
    // Pointers that go further than the records are no proof that the rest is lost: some terminals say back what they were asked.
    reached = Math.max(reached, list.events.length > 0 ? stepsBetween(from, list.from) + list.events.length : told <= wanted ? told : 0)
  }
  return ok({ events, reached: Math.min(reached, wanted), isShort, isDenied: frames.some((frame) => verdictOf(frame) !== null), failure })
}

/** The first record a terminal still has, where those in front are lost: it keeps the newest. Null = not even the last one. */
function* firstHeld(manner: Manner, fn: number, from: number, to: number): Talk<number | null> {
  let [low, high] = [0, stepsBetween(from, to)]
  for (let probe = high - 1; low < high; probe = (low + high) >> 1) {
    const at = (from + probe) % MODULO
    const part = yield* askPart(manner, fn, at, (at + 1) % MODULO)
    if (!part.ok) return part
    const { events, failure } = part.value
    if (failure && events.length === 0) return err(failure)
    if (events.length > 0) high = probe
    else if (probe === stepsBetween(from, to) - 1) return ok(null)
    else low = probe + 1
  }
  return ok((from + low) % MODULO)
}

const nameOf = ({ raw }: TerminalEvent): string => raw.join()

/**
 * Event records (事件记录) from one counter up to but not including another. A terminal gives as many as fit a frame; what it did not give is
 * asked for from there. One that it denies is passed over: it has lost that one.
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
  // Records of an answer that stopped short: the next one may begin with them again.
  let short: ReadonlySet<string> = new Set()
  for (let left = stepsBetween(next, to); left > 0; left = stepsBetween(next, to)) {
    const part = yield* askPart(manner, fn, next, end)
    if (!part.ok) return part
    const { reached, failure } = part.value
    const known = short
    events.push(...part.value.events.filter((event) => !known.has(nameOf(event))))
    if (reached > 0) {
      short = part.value.isShort ? new Set(part.value.events.map(nameOf)) : new Set()
      lost = 0
      end = to
      next = (next + reached) % MODULO
      continue
    }
    if (failure) return err(failure)
    isDenied ||= part.value.isDenied
    const one = (next + 1) % MODULO
    if (end !== one) {
      end = one
      continue
    }
    next = one
    end = (one + 1) % MODULO
    if (++lost < MOST_LOST || next === to) continue
    const held = yield* firstHeld(manner, fn, next, to)
    if (!held.ok) return held
    if (held.value === null) break
    lost = 0
    next = held.value
    end = to
  }
  if (events.length > 0 || from === to) return ok(events)
  const what = `${level} events ${from} to ${to}`
  return isDenied
    ? refuse('GW3761_DENIED', `${terminal} denies ${what}`, { terminal })
    : refuse('GW3761_NOT_ANSWERED', `${terminal} gives none of ${what}`, { terminal })
}
