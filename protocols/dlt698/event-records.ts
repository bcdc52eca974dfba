import { ok } from '../../src/core/result.ts'
import type { TerminalEvent, TerminalRoute, TerminalTalk } from '../../src/core/terminal.ts'
import { getList, getOne, getRecord } from './ask.ts'
import { elementsOf, numberOf, textOf } from './datum.ts'
import { EVENTS, eventOf } from './events.ts'
import type { Peer } from './exchange.ts'
import type { Frame } from './frame.ts'
import { addressOf, rowsOf } from './rows.ts'

/** Columns every event record has. @source DL/T 698.45-2017, standard columns of event objects */
const COLUMNS = ['20220200', '201E0200', '20200200', '20240200', '33000200'].map((oad) => ({ oad }))

/** A terminal keeps at most so many records of one kind; nobody asks for more at once. */
const MOST = 15

/** Events that a terminal keeps of itself and of the meters it watches; important ones first in the report of the standard. */
const TABLES: Readonly<Record<'important' | 'normal', readonly string[]>> = {
  important: EVENTS.filter(({ oi }) => oi.startsWith('31')).map(({ oi }) => `${oi}0200`),
  normal: EVENTS.filter(({ oi }) => oi.startsWith('30')).map(({ oi, hasPhases }) => `${oi}${hasPhases ? '06' : '02'}00`),
}
/** Attribute 4 of an event object: how many records it has; a terminal that does not say is asked for the records. UNVERIFIED */
const countOf = (table: string): string => `${table.slice(0, 4)}0400`
const LIST = 20

/**
 * The protocol has no event counters: `to - from` modulo 256 is how many of the last records of each event object are read. Objects the
 * terminal does not have are left out. Reading a record twice is harmless: an event is known by its code, begin and meter.
 */
export const readEvents = function* (
  peer: Peer,
  level: 'important' | 'normal',
  from: number,
  to: number,
): TerminalTalk<readonly TerminalEvent[], Frame> {
  const wanted = Math.min(MOST, (to - from) & 0xff)
  if (wanted === 0) return ok([])
  const tables = TABLES[level]
  const held = new Map<string, number>()
  for (let at = 0; at < tables.length; at += LIST) {
    const some = tables.slice(at, at + LIST)
    const got = yield* getList(peer, some.map(countOf))
    if (!got.ok) {
      if (!got.error.code.startsWith('DLT698_')) return got
      continue
    }
    for (const table of some) {
      const count = numberOf(got.value.find(({ oad }) => oad === countOf(table))?.data)
      if (count !== null) held.set(table, count)
    }
  }
  const events: TerminalEvent[] = []
  for (const table of tables)
    for (let last = 1; last <= Math.min(wanted, held.get(table) ?? wanted); last++) {
      const got = yield* getRecord(peer, table, { rsd: 9, last }, COLUMNS)
      if (!got.ok) {
        if (!got.error.code.startsWith('DLT698_')) return got
        break
      }
      const rows = got.value.flatMap(rowsOf)
      if (rows.length === 0) break
      for (const { cells } of rows) events.push(eventOf(table, cells, addressOf(cells), new Uint8Array(0)))
    }
  return ok(events)
}

/** What the terminal's own search found (搜表结果): address, collector, protocol, phase, signal, time. */
export const readRoutes = function* (peer: Peer, wanted: ReadonlySet<string>): TerminalTalk<readonly TerminalRoute[], Frame> {
  const got = yield* getOne(peer, '60020200')
  if (!got.ok) return got
  return ok(
    elementsOf(got.value).flatMap((unit): TerminalRoute[] => {
      const [address, collector, protocol, phase, signal, time] = elementsOf(unit)
      const digits = textOf(address)?.padStart(12, '0') ?? null
      if (digits === null || (wanted.size > 0 && !wanted.has(digits))) return []
      const facts = {
        collector: textOf(collector) || null,
        protocol: numberOf(protocol),
        phase: numberOf(phase),
        signal: numberOf(signal),
        foundAt: textOf(time),
      }
      return [{ meter: { address: digits }, facts }]
    }),
  )
}
