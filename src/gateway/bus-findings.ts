import { busBalance, busFinding, type Finding, type Flow, type ThresholdLayers } from '../anomaly/index.ts'
import type { FlowItemView } from '../api/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { EnergyDays } from './energy-days.ts'
import type { FlowViews } from './loss-flows.ts'

export interface BusParts {
  readonly ledger: Pick<Ledger, 'list' | 'seq'>
  readonly balance: FlowViews['busBalance']
  readonly thresholds: () => ThresholdLayers
  readonly days: Pick<EnergyDays, 'of' | 'add' | 'start' | 'end'>
  readonly now: () => number
}

const PAGE = 5000
const HOUR = 3_600_000
/** Energy of a day is asked for so long; late registers of one that is older raise no case. */
const NEWEST_DAYS = 3
/** An unbalance is followed back so far. */
const MOST_DAYS = 31

/** Buses (母线) that a feeder or a metering point names, by id. */
export const busesOf = (ledger: Pick<Ledger, 'list'>): readonly string[] => {
  const named = [
    ...ledger.list({ kind: 'feeder', limit: PAGE }),
    ...['bus-in', 'bus-out'].flatMap((role) => ledger.list({ kind: 'point', where: { role }, limit: PAGE })),
  ]
  return [...new Set(named.flatMap(({ attributes: { bus } }) => (typeof bus === 'string' && bus !== '' ? [bus] : [])))].sort()
}

/**
 * Buses out of balance by the newest day whose energy is known, each with the day since which it has been so. Looked at once an hour, as registers
 * of a closed day come in, and when thresholds or the ledger change.
 *
 * @param place  what these findings stand under: a bus belongs to no transformer area
 */
export const busWatch = (parts: BusParts, place: string): (() => readonly Finding[]) => {
  let mark = ''
  let found: readonly Finding[] = []
  return () => {
    const { ledger, thresholds, now } = parts
    const next = `${Math.floor(now() / HOUR)} ${ledger.seq} ${thresholds().version}`
    if (next !== mark) found = busesOf(ledger).flatMap((bus) => unbalanceOf(parts, bus, place) ?? [])
    mark = next
    return found
  }
}

const unbalanceOf = ({ balance, thresholds, days, now }: BusParts, bus: string, place: string): Finding | null => {
  const today = days.of(now())
  const first = days.start(days.add(today, -MOST_DAYS))
  const answer = balance(bus, first, days.start(today))
  if (!answer.ok) return null
  const { items, voltageKv } = answer.value
  const newest = items.findLastIndex(({ state }) => state !== 'not-computable')
  const item = items[newest]
  if (!item || items.length - newest > NEWEST_DAYS || item.state !== 'unbalanced') return null
  // A day that nobody can judge neither ends an unbalance nor begins one.
  const fine = items.findLastIndex(({ state }) => state === 'balanced')
  const from = items.find(({ state }, at) => at > fine && state === 'unbalanced')?.from ?? item.from
  const terms = { id: bus, zone: null, voltageKv, thresholds: thresholds() }
  const points = item.flows.map(({ id }) => id)
  const finding = busFinding(busBalance(flows(item, 'in'), flows(item, 'out'), terms), terms, { from: item.from, to: item.to, points })
  return finding && { ...finding, area: place, from }
}

const flows = ({ flows: all }: FlowItemView, wanted: 'in' | 'out'): Flow[] =>
  all.flatMap(({ id, direction, kwh }) => (direction === wanted ? [{ id, kwh: kwh === null ? null : Number(kwh) }] : []))
