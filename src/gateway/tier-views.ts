import type { Refusal, TierCountView, TierDeps, TierQuestionView, TierView } from '../api/index.ts'
import type { BillingConfig, TierTable } from '../config/index.ts'
import { type Clock, decimalText, err, ok, parseDecimal, type Result } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import {
  explainTiers,
  type MonthUse,
  type RegisterSpan,
  splitTiers,
  type TierCount,
  type TierVersion,
  tariffFailure,
  text,
} from '../tariff/index.ts'
import type { EnergyRunner } from './energy-runner.ts'
import {
  type Account,
  type AccountParts,
  accountAt,
  accountOf,
  beginningsOf,
  endedOf,
  isDrawing,
  useFrom,
  zonesOf,
} from './tier-account.ts'
import { lastKnownDay, together, type UseParts, useOf } from './tier-energy.ts'

export interface TierParts extends Omit<UseParts, 'ledger' | 'runner'> {
  readonly ledger: AccountParts['ledger'] & Pick<Ledger, 'history' | 'exchanges'>
  readonly runner: Pick<EnergyRunner, 'evidence' | 'isDirty'>
  readonly clock: Pick<Clock, 'now'>
  readonly firstSeen: AccountParts['firstSeen']
  readonly rules: () => BillingConfig['tiers']
}

/** A day is over, and its last registers are there, so long after midnight at the latest; before, the last days that are known are taken. */
const LOOK_BACK_DAYS = 10

const refuse = (because: Refusal['because'], code: Parameters<typeof tariffFailure>[0], message: string): Result<never, Refusal> =>
  err({ because, error: tariffFailure(code, message).error })

const unknownPoint = (point: string) => refuse('unknown', 'TARIFF_POINT', `there is no point ${JSON.stringify(point)}`)

/** What the API may see of tiers. */
export const tierViews = (parts: TierParts): TierDeps => {
  const { ledger } = parts
  const isPoint = (id: string) => ledger.get('point', id, null) !== null
  return {
    tiersOfPoint: async (point, question) => {
      if (!isPoint(point) || !question.scope.sees('point', point)) return unknownPoint(point)
      if (question.only === null && !isDrawing(parts, point))
        return refuse('not-possible', 'TARIFF_ROLE', `point ${point} is none at which a customer draws energy`)
      const time = timeOf(parts, question)
      if (!time.ok) return time
      const account = accountAt(parts, point, time.value.start, time.value.last)
      if (question.only !== null && account?.customer !== question.only) return unknownPoint(point)
      if (!account) return refuse('not-possible', 'TARIFF_TIME', `nobody had point ${point} in ${time.value.year}`)
      return splitOf(parts, account, time.value, question)
    },
    tiersOfCustomer: async (customer, question) => {
      const unknown = refuse('unknown', 'TARIFF_CUSTOMER', `there is no customer ${JSON.stringify(customer)}`)
      if (!question.scope.sees('customer', customer) || (question.only !== null && question.only !== customer)) return unknown
      const time = timeOf(parts, question)
      if (!time.ok) return time
      const account = accountOf(parts, customer, time.value.start, time.value.last)
      if (!account) return unknown
      if (account.stays.length === 0)
        return refuse('not-possible', 'TARIFF_TIME', `customer ${customer} had no point at which energy is drawn in ${time.value.year}`)
      return splitOf(parts, account, time.value, question)
    },
  }
}

interface Time {
  readonly year: number
  readonly start: string
  /** Last day that may count. */
  readonly last: string
  /** The day was asked for; else the last one that is known is taken. */
  readonly isAsked: boolean
}

/** The year and the last day of a question. A day that is not over has no energy. */
const timeOf = ({ days, clock }: TierParts, { year: wanted, until }: TierQuestionView): Result<Time, Refusal> => {
  const yesterday = days.add(days.of(clock.now()), -1)
  const year = wanted ?? Number((until ?? yesterday).slice(0, 4))
  const [start, end] = [`${year}-01-01`, `${year}-12-31`]
  if (until !== null && (until < start || until > end))
    return refuse('not-possible', 'TARIFF_TIME', `${until} is no day of ${year}: tiers are of one year`)
  const last = until ?? earlier(end, yesterday)
  if (last > yesterday) return refuse('not-possible', 'TARIFF_TIME', `${last} is not over: the last whole day was ${yesterday}`)
  if (last < start) return refuse('not-possible', 'TARIFF_TIME', `${year} has no day that is over: the last whole day was ${yesterday}`)
  return ok({ year, start, last, isAsked: until !== null || last === end })
}

const splitOf = async (parts: TierParts, account: Account, time: Time, { scope }: TierQuestionView): Promise<Result<TierView, Refusal>> => {
  const { customer, stays } = account
  const points = [...new Set(stays.map(({ point }) => point))]
  if (points.some((point) => !scope.sees('point', point)))
    return refuse(
      'not-possible',
      'TARIFF_SCOPE',
      `customer ${customer} has points outside of what you may see; the tiers are of all of them together`,
    )
  const subtracted = points.find((point) => parts.ledger.get('point', point, null)?.attributes.billingSign === '-1')
  if (subtracted !== undefined)
    return refuse('not-possible', 'TARIFF_SIGN', `point ${subtracted} is subtracted from the others: how tiers go then is not told here`)
  const rules = parts.rules()
  const until = time.isAsked ? time.last : lastKnown(parts, account, time)
  const table = tableOf(parts, rules.tables, account)
  if (!table.ok) return table
  const uses: { point: string; months: readonly MonthUse[]; registers: readonly RegisterSpan[] }[] = []
  const froms: string[] = []
  for (const stay of stays) {
    const [first, last] = [useFrom(stay, time.start), stay.to !== null && stay.to < until ? stay.to : until]
    if (first > last) continue
    froms.push(first)
    const use = await useOf(parts, stay.point, first, last)
    if (!use.ok) return err({ because: 'unavailable', error: use.error })
    uses.push({ point: stay.point, ...use.value })
  }
  const from = froms.sort()[0] ?? time.start
  const months = together(uses)
  const versions = table.value.versions.map(
    ({ from: day, upTo }): TierVersion => ({ from: day, upTo: upTo.flatMap((limit) => parseDecimal(limit) ?? []) }),
  )
  const beginnings = beginningsOf(stays)
  const ended = endedOf(stays)
  const split = splitTiers({ year: time.year, until, ended, beginnings, rules, versions, months })
  if (!split.ok) return err({ because: 'not-possible', error: split.error })
  const { id, zh, en, source } = table.value
  const registers = uses.flatMap((use) => use.registers)
  const { counts, inForce, why, differ, kwh, knownKwh, estimatedPpm, missing } = split.value
  return ok({
    ...{ customer, points, year: time.year, from, until, zone: parts.days.zone, beginnings, inForce, why, differ, missing, estimatedPpm },
    table: { id, zh, en, source, versions: table.value.versions },
    rules: { countFrom: rules.countFrom, begunMonth: rules.begunMonth, allowance: rules.allowance },
    ...{ kwh: kwh && text(kwh), knownKwh: text(knownKwh), registers },
    pending: points.some((point) => parts.runner.isDirty(point, from, until)),
    months: months.map((use) => ({ ...use, kwh: use.kwh && text(use.kwh) })),
    counts: counts.map(countView),
    notes: stays.flatMap(({ notes }) => notes),
    explanation: explainTiers({
      ...{ customer, points, year: time.year, from, until, rules, registers, months, split: split.value },
      table: { zh, en, source, versions },
    }),
  })
}

const countView = ({ from, begin, months, monthCount, upTo, tiers, next }: TierCount): TierCountView => ({
  ...{ from, begin, months: text(monthCount), upTo: upTo.map(text) },
  counted: months.map((one) => ({ ...one, upTo: one.upTo.map(text) })),
  tiers: tiers.map((one) => ({ tier: one.tier, above: text(one.above), upTo: one.upTo && text(one.upTo), kwh: one.kwh && text(one.kwh) })),
  next: next && { tier: next.tier, left: decimalText(next.left.raw, next.left.scaler) },
})

const earlier = (a: string, b: string): string => (a <= b ? a : b)

/** The newest day whose energy is known of all points, among the last ones; where there is none, yesterday. */
const lastKnown = ({ book, days }: TierParts, { stays }: Account, { start, last }: Time): string => {
  const back = days.add(last, -LOOK_BACK_DAYS)
  const first = back < start ? start : back
  const known = stays.filter(({ to }) => to === null || to >= last).map(({ point }) => lastKnownDay(book, point, first, last))
  const least = known.reduce<string | null>((all, day) => (all === null || day === null ? null : earlier(all, day)), last)
  return least ?? last
}

/** The first table that fits all points of an account. */
const tableOf = ({ ledger }: TierParts, tables: readonly TierTable[], { customer, stays }: Account): Result<TierTable, Refusal> => {
  const category = customer === null ? null : (ledger.get('customer', customer, null)?.attributes.category ?? null)
  const places = stays.map(({ point }) => ({
    zones: zonesOf(ledger, point),
    priceClass: ledger.get('point', point, null)?.attributes.priceClass ?? null,
  }))
  const found = tables.find(({ categories, zones, priceClasses }) => {
    const isKind = typeof category === 'string' ? categories.includes(category) : priceClasses !== null
    return (
      isKind &&
      places.every(
        (place) =>
          (zones === null || place.zones.some((zone) => zones.includes(zone))) &&
          (priceClasses === null || (typeof place.priceClass === 'string' && priceClasses.includes(place.priceClass))),
      )
    )
  })
  if (found) return ok(found)
  const who =
    customer === null ? `point ${stays[0]?.point}, which is nobody's` : `customer ${customer}, category ${String(category ?? 'not known')}`
  return refuse('not-possible', 'TARIFF_TABLE', tables.length === 0 ? 'there is no tier table' : `no tier table fits ${who}`)
}
