import type { DatedFact, Ledger } from '../ledger/index.ts'
import type { Beginnings, Words } from '../tariff/index.ts'
import type { EnergyDays } from './energy-days.ts'

/** What tiers and key accounts ask of the ledger. */
export type AccountLedger = Pick<Ledger, 'seq' | 'get' | 'facts' | 'change' | 'changes' | 'everAt'>

export interface AccountParts {
  readonly ledger: AccountLedger
  readonly days: EnergyDays
  /** When the gateway first heard or read the meter of a point; null: never. Milliseconds since 1970 UTC, or a local day. */
  readonly firstSeen: (point: string) => string | null
}

/** A point of a customer for as long as it was theirs. Days are local, ends included. */
export interface Stay {
  readonly point: string
  readonly from: string | null
  readonly to: string | null
  /** When use began, as far as anybody knows. */
  readonly beginnings: Beginnings
  readonly notes: readonly Words[]
}

/** Who is billed together: a household with all its points, or one point of nobody. */
export interface Account {
  readonly customer: string | null
  /** By point; at least one. */
  readonly stays: readonly Stay[]
}

/** Changes of one point that are looked at to find its first. */
const MOST_CHANGES = 10_000
/** What is written without a date so long after the ledger's first change is no part of filling it for the first time. */
const FILLING_MS = 62 * 86_400_000

/** Every stay of a customer that touches a time; null: the ledger knows no such customer. */
export const accountOf = (parts: AccountParts, customer: string, from: string, until: string): Account | null => {
  if (parts.ledger.get('customer', customer, null) === null) return null
  const stays = parts.ledger
    .everAt('point', 'customer', customer)
    .flatMap((point) => (isDrawing(parts, point) ? staysOf(parts, point).filter((stay) => stay.customer === customer) : []))
    .filter((stay) => touches(stay, from, until))
  return { customer, stays: stays.map(({ customer: _, ...stay }) => stay) }
}

/** Who a point belongs to on a day, with all their points; a point of nobody stands for itself. null: no energy is drawn there that is billed. */
export const accountAt = (parts: AccountParts, point: string, from: string, until: string): Account | null => {
  if (!isDrawing(parts, point)) return null
  const stay =
    staysOf(parts, point).findLast((one) => touches(one, until, until)) ??
    staysOf(parts, point).findLast((one) => touches(one, from, until))
  if (!stay) return null
  const { customer, ...own } = stay
  if (customer === null) return { customer, stays: [own] }
  return accountOf(parts, customer, from, until) ?? { customer, stays: [own] }
}

const touches = ({ from, to }: Pick<Stay, 'from' | 'to'>, first: string, last: string): boolean =>
  (from === null || from <= last) && (to === null || to >= first)

/** Whether a customer draws energy there: no supply meter, no generation. */
export const isDrawing = ({ ledger }: Pick<AccountParts, 'ledger'>, point: string): boolean => {
  const role = ledger.get('point', point, null)?.attributes.role ?? 'customer'
  return role === 'customer'
}

type Owned = Stay & { readonly customer: string | null }

/** Who had a point, one after the other. */
export const staysOf = (parts: AccountParts, point: string): readonly Owned[] => {
  const { ledger, days } = parts
  const facts = ledger.facts('point', point)
  if (facts.length === 0) return []
  const ended = endOf(facts, days)
  const owners = facts.filter(({ name, value }) => name === 'customer' && typeof value === 'string')
  const first = owners[0]
  const own = registrationOf(parts, point, facts)
  const beginnings: Beginnings = { registered: own.day, energised: energisedOf(parts, point), firstSeen: parts.firstSeen(point) }
  if (!first) return [{ point, customer: null, from: null, to: ended, beginnings, notes: own.notes }]
  const stays: Owned[] = []
  for (const { value, from, to, change } of owners) {
    const customer = String(value)
    const before = stays.at(-1)
    const last = earliest([to === null ? null : days.add(days.of(to), -1), ended])
    if (before?.customer === customer && before.to !== null && from > 0 && days.add(before.to, 1) >= days.of(from)) {
      stays[stays.length - 1] = { ...before, to: last }
      continue
    }
    if (!before) {
      // Use before anybody was written down for it belongs to the first who is.
      stays.push({ point, customer, from: null, to: last, beginnings, notes: own.notes })
      continue
    }
    const begin = days.of(from)
    const written = ledger.change(change, 0)
    const registered = written && written.at > from ? days.of(written.at) : begin
    stays.push({ point, customer, from: begin, to: last, beginnings: { registered, energised: begin, firstSeen: null }, notes: [] })
  }
  return stays.filter((stay) => stay.from === null || stay.to === null || stay.from <= stay.to)
}

/** Last day of a point that was taken out; null: it is still there. */
const endOf = (facts: readonly DatedFact[], days: EnergyDays): string | null => {
  const state = facts.findLast(({ name, to }) => name === 'state' && to === null)
  return state?.value === 'archived' && state.from > 0 ? days.of(state.from) : null
}

const energisedOf = ({ ledger }: AccountParts, point: string): string | null => {
  const day = ledger.get('point', point, null)?.attributes.energisedOn
  return typeof day === 'string' ? day : null
}

/**
 * The day on which a point was entered in the ledger (建档). Of what is older than the ledger itself it cannot know it: then it is the day from
 * which the point holds, or since always. `registeredOn` says better.
 */
const registrationOf = (
  { ledger, days }: AccountParts,
  point: string,
  facts: readonly DatedFact[],
): { readonly day: string | null; readonly notes: readonly Words[] } => {
  const said = ledger.get('point', point, null)?.attributes.registeredOn
  if (typeof said === 'string') return { day: said, notes: [] }
  const real = firstReal(facts)
  const oldest = ledger.changes({ kind: 'point', id: point, limit: MOST_CHANGES }).at(-1)
  // A plan is no registration: what counts is the change that made it a place with a meter.
  const change = facts.some(({ name, value, from }) => name === 'state' && value === 'planned' && from < real.from)
    ? ledger.change(real.change, 0)
    : oldest
  if (!change) return { day: real.from > 0 ? days.of(real.from) : null, notes: [] }
  if (change.what === 'adopt') return { day: days.of(Math.max(change.at, real.from)), notes: [] }
  const began = ledger.change(1, 0)?.at ?? change.at
  if (real.from <= 0)
    return {
      day: null,
      notes:
        change.at - began <= FILLING_MS
          ? []
          : [
              {
                zh: `计量点${point}于${days.of(change.at)}录入台账，但未注明日期，按一直在册计算；请补录立户日期`,
                en: `point ${point} was entered on ${days.of(change.at)} without a date and counts as there since always; write down registeredOn`,
              },
            ],
    }
  return { day: days.of(real.from < began ? real.from : Math.max(change.at, real.from)), notes: [] }
}

/** The first fact of a point that is more than a plan. */
const firstReal = (facts: readonly DatedFact[]): { readonly from: number; readonly change: number } => {
  const sorted = facts.toSorted((a, b) => a.from - b.from)
  const states = sorted.filter(({ name }) => name === 'state')
  const [first, state] = [sorted[0], states[0]]
  if (!first) return { from: 0, change: 0 }
  if (!state || state.from > first.from || state.value !== 'planned') return first
  return states.find(({ value }) => value !== 'planned') ?? first
}

/** The earliest of days; null only where all of them are. */
export const earliest = (days: readonly (string | null)[]): string | null =>
  days.reduce((least, day) => (least === null || (day !== null && day < least) ? day : least), null)

/** When use of a whole account began. Since always beats every day. */
export const beginningsOf = (stays: readonly Stay[]): Beginnings => ({
  registered: stays.some(({ beginnings }) => beginnings.registered === null)
    ? null
    : earliest(stays.map(({ beginnings }) => beginnings.registered)),
  energised: earliest(stays.map(({ beginnings }) => beginnings.energised)),
  firstSeen: earliest(stays.map(({ beginnings }) => beginnings.firstSeen)),
})

/** First day of a stay whose energy counts: the earliest anybody knows of, not before `start`. */
export const useFrom = ({ from, beginnings }: Stay, start: string): string => {
  const begin =
    from ?? (beginnings.registered === null ? null : earliest([beginnings.registered, beginnings.energised, beginnings.firstSeen]))
  return begin === null || begin < start ? start : begin
}

/** Last day of an account; null: one of its points is still theirs. */
export const endedOf = (stays: readonly Stay[]): string | null =>
  stays.some(({ to }) => to === null)
    ? null
    : stays.reduce<string | null>((last, { to }) => (last === null || (to !== null && to > last) ? to : last), null)

/** Zones a point lies in, the innermost first; at most twenty. */
export const zonesOf = (ledger: Pick<Ledger, 'get'>, point: string): readonly string[] => {
  const area = ledger.get('point', point, null)?.attributes.area
  const zones: string[] = []
  let zone = typeof area === 'string' ? ledger.get('area', area, null)?.attributes.zone : null
  while (typeof zone === 'string' && !zones.includes(zone) && zones.length < 20) {
    zones.push(zone)
    zone = ledger.get('zone', zone, null)?.attributes.parent
  }
  return zones
}
