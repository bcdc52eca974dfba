import type { JudgedDay, Verdict } from '../anomaly/index.ts'
import type { Clock } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { UnreadPoint } from './account-views.ts'
import { type BusParts, busWatch } from './bus-findings.ts'
import type { ClockViews } from './clock-views.ts'
import type { Field } from './field.ts'
import { type HouseFacts, houseFindings } from './house-findings.ts'
import { HouseWatch } from './house-watch.ts'
import type { Unregistered } from './unregistered.ts'

export interface StartHouse {
  readonly clock: Pick<Clock, 'now'>
  readonly ledger: Pick<Ledger, 'areas' | 'exchanges' | 'get' | 'list' | 'seq'>
  readonly field: Pick<Field, 'meters'>
  readonly clocks: Pick<ClockViews, 'clockOf'>
  readonly strangers: Pick<Unregistered, 'list'>
  /** Points of key accounts that were not read in time. */
  readonly unread: () => readonly UnreadPoint[]
  readonly days: BusParts['days']
  /** Balance of a bus, and the thresholds it is judged by. */
  readonly loss: Pick<BusParts, 'balance' | 'thresholds'>
  readonly take: (verdict: Verdict, day: JudgedDay, now: number) => void
  readonly log: (level: 'warn', message: string) => void
}

/** Meters, exchanges that are looked at together. */
const MOST = 1000
/** A meter that belongs to no area known stands under this. */
export const NO_AREA = '-'
/** A clock is read in whole seconds. */
const CLOCK_UNCERTAINTY_MS = 1000

/** Watches what the gateway's rooms know by themselves and hands it to the case book. */
export const openHouse = ({ clock, ledger, field, clocks, strangers, unread, days, loss, take, log }: StartHouse): HouseWatch => {
  const areaOf = (point: string): string => {
    const area = ledger.get('point', point, null)?.attributes.area
    return typeof area === 'string' ? area : NO_AREA
  }
  const buses = busWatch({ ...loss, ledger, days, now: () => clock.now() }, NO_AREA)
  const snapshot = (): HouseFacts => {
    const read = [...field.meters()].flatMap(({ fact, point, bus }) => {
      if (bus === null) return []
      const found = clocks.clockOf(fact.meter)
      const newest = found && { at: found.at, driftMs: Math.round(found.driftS * 1000), uncertaintyMs: CLOCK_UNCERTAINTY_MS }
      return found ? [{ point: fact.point, meter: fact.meter, area: point.area || NO_AREA, state: found.state, newest }] : []
    })
    const waiting = strangers.list({ state: 'open', after: 0, limit: MOST }).map(({ stranger, suggestedArea, isOverdue }) => ({
      ...stranger,
      isOverdue,
      area: suggestedArea ?? NO_AREA,
    }))
    const exchanges = ledger
      .exchanges({ unacknowledged: true, limit: MOST })
      .map((exchange) => ({ exchange, area: areaOf(exchange.point) }))
    const late = unread().map((one) => ({ ...one, area: areaOf(one.point) }))
    return { clocks: () => read, unread: () => late, strangers: () => waiting, exchanges: () => exchanges, buses, now: () => clock.now() }
  }
  let facts: HouseFacts | null = null
  return new HouseWatch({
    areas: () => {
      facts = snapshot()
      return [...ledger.areas().map(({ id }) => id), NO_AREA]
    },
    findings: (area) => houseFindings(facts ?? snapshot(), area),
    take: (verdict, day) => take(verdict, day, clock.now()),
    today: () => {
      const day = days.of(clock.now())
      return { day, start: days.start(day), end: days.end(day) }
    },
    now: () => clock.now(),
    log,
  })
}
