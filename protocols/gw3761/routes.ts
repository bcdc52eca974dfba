import { ok } from '../../src/core/result.ts'
import type { TerminalMeter, TerminalRoute } from '../../src/core/terminal.ts'
import { AFN, type Manner, type Talk } from './ask.ts'
import { type Leaves, readContent } from './content.ts'
import { type GatheredUnit, gather, noScale, nothingOf, type Want } from './gather.ts'
import { MAX_PN } from './identifiers.ts'
import { answerSize } from './slots.ts'
import { rowOf } from './tables.ts'

/** Reading information of a meter, and its route over the power line. */
const READING = 170
const ROUTE = 169
/** Frame size when nobody says. */
const FRAME = 1024

type Facts = Record<string, string | number | null>

const plain = (value: unknown): string | number | null => (typeof value === 'string' || typeof value === 'number' ? value : null)
const timeIn = (value: unknown): string | number | null =>
  plain(typeof value === 'object' && value !== null && 'time' in value ? value.time : value)

const isLeaves = (value: unknown): value is Leaves => typeof value === 'object' && value !== null && !Array.isArray(value)
const listIn = (value: unknown): readonly Leaves[] => (Array.isArray(value) ? value.filter(isLeaves) : [])

const PHASES = ['A', 'B', 'C'] as const

/** What F170 says. Quality is a byte: what its halves mean differs by maker, so both are given. */
const readingFacts = (leaves: Leaves): Facts => {
  const quality = leaves.signal_quality
  const phases = PHASES.filter((phase) => leaves[`phase_${phase}`] === 1).join('')
  return {
    port: plain(leaves.port),
    hops: plain(leaves.relay_levels),
    phase: phases || null,
    signal: plain(quality),
    ...(typeof quality === 'number' ? { signalLow: quality & 15, signalHigh: quality >> 4 } : {}),
    lastReadOk: plain(leaves.last_read_ok),
    lastReadAt: timeIn(leaves.last_success),
    lastFailureAt: timeIn(leaves.last_failure),
    failures: plain(leaves.failures_in_a_row),
  }
}

/** What F169 says: each route by its hops. */
const routeFacts = (leaves: Leaves): Facts => {
  const routes = listIn(leaves.routes).map((route) =>
    listIn(route.addresses)
      .map(({ address }) => plain(address))
      .join(' > '),
  )
  return { routes: routes.length, ...Object.fromEntries(routes.map((route, at) => [`route${at + 1}`, route || 'direct'])) }
}

const factsOf = ({ unit, frame }: GatheredUnit): Facts => {
  if (!unit.layout) return {}
  const { leaves } = readContent(unit.layout, frame.data, unit.body, unit.end, unit.counters)
  return unit.fn === READING ? readingFacts(leaves) : routeFacts(leaves)
}

/**
 * Signal and route of meters (AFN 0C F170, F169). Of a meter the terminal says nothing about there is no entry; F169 is a help, a terminal
 * without it is none the worse.
 */
export function* readRoutes(manner: Manner, meters: readonly TerminalMeter[]): Talk<readonly TerminalRoute[]> {
  const points = [...new Set(meters.flatMap(({ pn }) => (pn !== null && pn >= 1 && pn <= MAX_PN ? [pn] : [])))].sort((a, b) => a - b)
  const facts = new Map<number, Facts>()
  for (const fn of [READING, ROUTE]) {
    const size = answerSize(rowOf(AFN.now, fn)!, 0) + (fn === ROUTE ? 40 : 0)
    const wants = points.map(
      (pn): Want => ({ pn, fn, of: null, span: null, scale: noScale, answerBytes: () => size, state: 'open', error: null }),
    )
    if (wants.length === 0) break
    const gathered = yield* gather(manner, wants, { afn: AFN.now, frameLimit: FRAME, combine: true, most: 255, reach: 'terminal' })
    if (!gathered.ok) return gathered
    const nothing = nothingOf(gathered.value, wants)
    if (nothing) {
      if (fn === READING) return nothing
      break
    }
    for (const found of gathered.value.units) facts.set(found.unit.pn, { ...facts.get(found.unit.pn), ...factsOf(found) })
  }
  return ok([...facts].map(([pn, each]) => ({ meter: { pn }, facts: each })))
}
