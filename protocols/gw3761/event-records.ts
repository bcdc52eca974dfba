import type { TerminalEvent } from '../../src/core/terminal.ts'
import { type Leaves, readContent } from './content.ts'
import { eventOf } from './event-bodies.ts'
import { instantOf, readTime, timeSize } from './formats.ts'
import type { GatheredUnit } from './gather.ts'

/** Records of an answer or report of AFN 0E, and what its head says. */
export interface EventList {
  /** EC1 and EC2 as they are now. */
  readonly important: number
  readonly normal: number
  /** First record, and the one behind the last. */
  readonly from: number
  readonly to: number
  readonly events: readonly TerminalEvent[]
}

/** EC1 EC2 Pm Pn. */
const HEAD = 4
/** ERC, Le. */
const RECORD_HEAD = 2

/** Members that became members of the event itself, and those that a screen must not show. */
const TAKEN: ReadonlySet<string> = new Set(['time', 'pn', 'begin', 'off_time', 'on_time', 'pw_hex'])

type Fact = TerminalEvent['facts'][string]
const isPlain = (value: unknown): value is string | number | null =>
  value === null || typeof value === 'string' || typeof value === 'number'
const factOf = (value: unknown): Fact => {
  if (isPlain(value) || typeof value === 'boolean') return value
  if (!Array.isArray(value)) return JSON.stringify(value) ?? null
  const items: readonly unknown[] = value
  return items.map((item) => (isPlain(item) ? item : (JSON.stringify(item) ?? null)))
}

const numberIn = (leaves: Leaves, name: string): number | null => {
  const value = leaves[name]
  return typeof value === 'number' ? value : null
}

/** One record: ERC, length, body. A body that is none of the known layouts keeps its time, its point is not guessed. */
const eventOfRecord = (record: Uint8Array): TerminalEvent => {
  const erc = record[0] ?? 0
  const row = eventOf(erc)
  const leaves = leavesOf(record)
  const first = instantOf(readTime(record, RECORD_HEAD, 'A.15'))
  const pn = leaves ? numberIn(leaves, 'pn') : null
  const begin = leaves ? numberIn(leaves, 'begin') : null
  const edge = begin === null ? null : begin === 1 ? 'begin' : 'end'
  // A cut of power is told whole: when it went, and when it came back if it did.
  const isSpan = leaves !== null && 'on_time' in leaves
  const back = isSpan ? instantOf(readTime(record, RECORD_HEAD + timeSize('A.15'), 'A.15')) : null
  const facts: Record<string, Fact> = row ? { event: row.en, event_zh: row.zh } : {}
  for (const [name, value] of Object.entries(leaves ?? {})) if (!TAKEN.has(name)) facts[name] = factOf(value)
  return {
    code: `erc-${erc}`,
    meter: pn !== null && pn > 0 ? { pn } : null,
    begins: edge === 'end' ? null : first,
    ends: edge === 'end' ? first : back,
    edge,
    facts,
    raw: record,
  }
}

/** Named values of a record's body; null when none of its layouts fits it exactly. */
const leavesOf = (record: Uint8Array): Leaves | null => {
  for (const layout of eventOf(record[0] ?? 0)?.bodies ?? []) {
    const content = readContent(layout, record, RECORD_HEAD, record.length)
    if (!content.error && content.end === record.length) return content.leaves
  }
  return null
}

/** Takes the records of a data unit apart. A record that is cut off is left out: the pointers say that it is missing. */
export const eventsOfUnit = ({ unit, frame }: GatheredUnit): EventList => {
  const { data } = frame
  const at = unit.body
  const events: TerminalEvent[] = []
  for (let next = at + HEAD; next + RECORD_HEAD <= unit.end; ) {
    const end = next + RECORD_HEAD + data[next + 1]!
    if (end > unit.end) break
    events.push(eventOfRecord(data.slice(next, end)))
    next = end
  }
  return { important: data[at] ?? 0, normal: data[at + 1] ?? 0, from: data[at + 2] ?? 0, to: data[at + 3] ?? 0, events }
}
