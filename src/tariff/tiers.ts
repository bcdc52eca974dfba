import { compare, type Decimal, multiply, ok, type Result, subtract, tidy } from '../core/index.ts'
import { tariffFailure } from './errors.ts'
import { add, least, quotient, rest, sum, ZERO } from './exact.ts'
import type { Beginnings, CountedMonth, CountFrom, MonthUse, Tier, TierCount, TierQuestion, TierSplit, TierVersion } from './types.ts'

/** Least common multiple of 28, 29, 30 and 31: shares of months add up in it exactly. */
const SHARES = 377_580n

/** Days of a month, `2026-02`. */
export const daysIn = (month: string): number => {
  const [year = 1970, number = 1] = month.split('-').map(Number)
  return new Date(Date.UTC(year, number, 0)).getUTCDate()
}

/** Every month from one to another, `2026-10` to `2026-12`. */
export const monthsBetween = (first: string, last: string): readonly string[] => {
  const months: string[] = []
  for (let month = first; month <= last && months.length < 1200; month = monthAfter(month)) months.push(month)
  return months
}

const monthAfter = (month: string): string => {
  const [year = 1970, number = 1] = month.split('-').map(Number)
  return number === 12 ? `${String(year + 1).padStart(4, '0')}-01` : `${month.slice(0, 4)}-${String(number + 1).padStart(2, '0')}`
}

/**
 * Splits the energy of a year into tiers (阶梯电量): allowance = months of actual use × monthly standard, by every way to count them.
 *
 * @errors  TARIFF_VERSION  no version of the table holds in a counted month
 */
export const splitTiers = (question: TierQuestion): Result<TierSplit> => {
  const { beginnings, rules, months } = question
  const known = months.flatMap(({ kwh }) => kwh ?? [])
  const missing = months.filter(({ kwh }) => kwh === null).flatMap(({ month, lastMonth }) => monthsBetween(month, lastMonth))
  const knownKwh = sum(known)
  const kwh = missing.length > 0 || months.length === 0 ? null : knownKwh
  const counts: TierCount[] = []
  for (const { from, begin } of waysOf(beginnings)) {
    const count = countOf(question, from, begin, kwh)
    if (!count.ok) return count
    counts.push(count.value)
  }
  const { inForce, why } = ruleOf(rules.countFrom, beginnings)
  const first = counts[0]
  return ok({
    ...{ kwh, knownKwh, missing, counts, inForce, why, estimatedPpm: shareOf(months, knownKwh) },
    differ: first !== undefined && counts.some((count) => !isSameLimits(count.upTo, first.upTo)),
  })
}

/** Every way to count there is something to count from. A first reading says something only where it comes before the other two. */
const waysOf = ({ registered, energised, firstSeen }: Beginnings): readonly { from: CountFrom; begin: string | null }[] => [
  { from: 'registered', begin: registered },
  ...(energised === null ? [] : [{ from: 'energised' as const, begin: energised }]),
  ...(firstSeen !== null && isBefore(firstSeen, registered) && (energised === null || firstSeen < energised)
    ? [{ from: 'first-seen' as const, begin: firstSeen }]
    : []),
]

const isBefore = (day: string, other: string | null): boolean => other !== null && day < other

/** Which count holds. A day that nobody knows is replaced by the next one that is known. */
const ruleOf = (wanted: CountFrom, beginnings: Beginnings): { readonly inForce: CountFrom; readonly why: TierSplit['why'] } => {
  if (wanted === 'registered') return { inForce: 'registered', why: 'configured' }
  const { registered, energised, firstSeen } = beginnings
  if (wanted === 'energised')
    return energised === null ? { inForce: 'registered', why: 'not-known' } : { inForce: 'energised', why: 'configured' }
  const ways = waysOf(beginnings)
  if (ways.some(({ from }) => from === 'first-seen')) return { inForce: 'first-seen', why: 'configured' }
  return {
    inForce: energised !== null && isBefore(energised, registered) ? 'energised' : 'registered',
    why: firstSeen === null ? 'not-known' : 'earliest',
  }
}

/** One way to count: the months, the allowance of them, and the energy in each tier. */
const countOf = (
  { year, until, ended, rules, versions }: TierQuestion,
  from: CountFrom,
  begin: string | null,
  kwh: Decimal | null,
): Result<TierCount> => {
  const [yearStart, yearEnd] = [`${year}-01-01`, `${year}-12-31`]
  const start = begin === null || begin < yearStart ? yearStart : begin
  const ends = [yearEnd, ...(ended === null ? [] : [ended]), ...(rules.allowance === 'to-date' ? [until] : [])]
  const last = ends.sort()[0] ?? yearEnd
  const months: CountedMonth[] = []
  for (const month of start > last ? [] : monthsBetween(start.slice(0, 7), last.slice(0, 7))) {
    const version = versionAt(versions, `${month}-01`)
    if (!version) return tariffFailure('TARIFF_VERSION', `the tier table says nothing for ${month}`, { month })
    const of = daysIn(month)
    const first = month === start.slice(0, 7) ? Number(start.slice(8)) : 1
    const end = month === last.slice(0, 7) ? Number(last.slice(8)) : of
    months.push({ month, days: rules.begunMonth === 'whole' ? of : end - first + 1, of, upTo: version.upTo })
  }
  const limits = limitsOf(months, versionAt(versions, yearEnd)?.upTo.length ?? 0)
  return ok({
    ...{ from, begin, months, upTo: limits },
    monthCount: exactOrRounded(months.map(({ days, of }) => ({ value: { raw: 1, scaler: 0 }, days, of }))),
    // Without a month there is no allowance: that is no reason to put everything into the last tier.
    ...(months.length === 0 ? { tiers: [], next: null } : { tiers: tiersOf(kwh, limits), next: nextOf(kwh, limits) }),
  })
}

const versionAt = (versions: readonly TierVersion[], day: string): TierVersion | undefined =>
  versions.filter(({ from }) => from <= day).sort((a, b) => (a.from < b.from ? 1 : -1))[0]

const limitsOf = (months: readonly CountedMonth[], tiers: number): readonly Decimal[] =>
  Array.from({ length: tiers }, (_, at) => exactOrRounded(months.map(({ days, of, upTo }) => ({ value: upTo[at] ?? ZERO, days, of }))))

/** Sum of values by their share of a month: exact where months are whole, else with two digits after the point, half up. */
const exactOrRounded = (parts: readonly { readonly value: Decimal; readonly days: number; readonly of: number }[]): Decimal => {
  if (parts.every(({ days, of }) => days === of)) return sum(parts.map(({ value }) => value))
  const shares = parts.map(({ value, days, of }) => multiply(value, { raw: tidy((SHARES / BigInt(of)) * BigInt(days)), scaler: 0 }))
  return quotient(sum(shares), SHARES)
}

const tiersOf = (kwh: Decimal | null, limits: readonly Decimal[]): readonly Tier[] =>
  [...limits, null].map((upTo, at): Tier => {
    const above = limits[at - 1] ?? ZERO
    const reached = kwh && (upTo === null ? kwh : least(kwh, upTo))
    return { tier: at + 1, above, upTo, kwh: reached && rest(reached, above) }
  })

const nextOf = (kwh: Decimal | null, limits: readonly Decimal[]): TierCount['next'] => {
  if (kwh === null) return null
  const at = limits.findIndex((limit) => compare(kwh, limit) < 0)
  const limit = limits[at]
  return limit ? { tier: at + 2, left: subtract(limit, kwh) } : null
}

const isSameLimits = (a: readonly Decimal[], b: readonly Decimal[]): boolean =>
  a.length === b.length && a.every((limit, at) => compare(limit, b[at] ?? ZERO) === 0)

/** Estimated energy of the known months in millionths of their sum. */
const shareOf = (months: readonly MonthUse[], total: Decimal): number => {
  const guessed = months.reduce(
    (all, { kwh, estimatedPpm }) => (kwh ? add(all, multiply(kwh, { raw: estimatedPpm, scaler: 0 })) : all),
    ZERO,
  )
  if (compare(total, ZERO) <= 0) return 0
  const scaler = Math.min(guessed.scaler, total.scaler)
  const at = ({ raw, scaler: own }: Decimal) => BigInt(raw) * 10n ** BigInt(own - scaler)
  return Number(at(guessed) / at(total))
}
