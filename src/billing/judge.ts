import { createHash } from 'node:crypto'
import { compare, parseDecimal, QUALITY } from '../core/index.ts'
import type { Difference, LeftReason, Version } from './book-types.ts'
import type { BillingPoint, BillingRegister } from './types.ts'

/** What becomes of a point in a release: all its registers that are new, or none of them. */
export interface Decision {
  readonly release: readonly BillingRegister[]
  readonly already: number
  readonly left: readonly { readonly reason: LeftReason; readonly text: string }[]
}

export interface ReleaseRules {
  readonly estimates: boolean
  /** Also what was withdrawn. */
  readonly again: boolean
}

type Holds = BillingPoint['holds']

/**
 * Whether a point can be released: never half of it. What stands released already is not touched.
 *
 * @param current  newest versions of its registers at that instant
 * @param held     holds of persons, as the book has them now
 */
export const decide = (point: BillingPoint, current: readonly Version[], held: Holds, rules: ReleaseRules): Decision => {
  const standing = new Map(current.map((version) => [version.register, version]))
  const stands = (register: string) => standing.get(register)?.kind !== 'withdrawn' && standing.has(register)
  const release = point.registers.filter(({ register }) => !stands(register))
  const already = current.filter(({ kind }) => kind !== 'withdrawn').length
  const missing = point.missing.filter((register) => !stands(register))
  if (release.length === 0 && missing.length === 0 && already > 0) return { release: [], already, left: [] }
  const withdrawn = release.filter(({ register }) => standing.get(register)?.kind === 'withdrawn').map(({ register }) => register)
  const estimated = release.filter(({ quality }) => (quality & QUALITY.estimated) !== 0).map(({ register }) => register)
  const left: { reason: LeftReason; text: string }[] = uniqueHolds(holdsOf(point, missing), held)
  const torn = release.length === 0 ? [] : current.filter((version) => version.kind !== 'withdrawn' && isOfAnother(version, point))
  if (torn.length > 0)
    left.push({
      reason: 'conflict',
      text: `${torn.map(({ register }) => register).join(', ')} stands released with another meter or ratio: decide that correction, or withdraw it, first`,
    })
  if (!rules.estimates && estimated.length > 0)
    left.push({ reason: 'estimated', text: `${estimated.join(', ')}: made up by rule, not read` })
  if (!rules.again && withdrawn.length > 0)
    left.push({ reason: 'withdrawn', text: `${withdrawn.join(', ')}: withdrawn before; \`again\` releases it anew` })
  return { release: left.length > 0 ? [] : release, already, left }
}

/** The rest of the point would be released beside figures of another meter or ratio. */
const isOfAnother = (version: Version, point: BillingPoint): boolean =>
  differenceOf(version, point)?.differs.some((one) => one === 'meter' || one === 'ratio' || one === 'gone') ?? false

const holdsOf = ({ registers, holds }: BillingPoint, missing: readonly string[]): Holds => {
  const has = (reason: string) => holds.some((hold) => hold.reason === reason)
  if (registers.length === 0 && holds.length === 0) return [{ reason: 'no-read', text: 'nothing was read' }]
  if (missing.length > 0 && !has('incomplete') && !has('no-read'))
    return [...holds, { reason: 'incomplete', text: `${missing.join(', ')} were not read` }]
  return holds
}

const uniqueHolds = (holds: Holds, held: Holds): { reason: LeftReason; text: string }[] => {
  const all = [...holds.filter(({ reason }) => reason !== 'held-by-person' || held.length === 0), ...held]
  return all.map(({ reason, text }) => ({ reason, text }))
}

/** How what would be released now differs from what was. */
export interface Differing {
  readonly next: BillingRegister | null
  readonly differs: readonly Difference[]
  readonly holds: Holds
  /** Names the difference: the same one later has the same text. */
  readonly digest: string
}

/** Holds that say something of the released figure itself; that a window was empty says nothing of what was in it when it was released. */
const TELLING: ReadonlySet<string> = new Set(['quarantined', 'clock-doubtful', 'conflict', 'exchange-unacknowledged'])
const TELLING_QUALITY = QUALITY.estimated | QUALITY.manual | QUALITY.quarantined | QUALITY.clockDoubtful

/**
 * Compares a released figure with what the data say now.
 *
 * Readings leave the store when their time is over, and what was released stays: that nothing is read any more is no difference, unless another
 * meter is known to have hung there.
 *
 * @returns  null: they agree
 */
export const differenceOf = (figure: Version, point: BillingPoint): Differing | null => {
  const next = point.registers.find(({ register }) => register === figure.register) ?? null
  const holds = point.holds.filter(({ reason }) => TELLING.has(reason))
  const differs: Difference[] = []
  if (next === null) {
    if (point.meter !== null && point.meter !== figure.meter) differs.push('gone')
  } else {
    if (!isSame(next.value, figure.value) || next.unit !== figure.unit) differs.push('value')
    if (!isSame(next.ratio, figure.ratio) || (!differs.includes('value') && !isSame(next.primary, figure.primary))) differs.push('ratio')
    if (next.meter !== figure.meter) differs.push('meter')
    if ((next.quality & TELLING_QUALITY) !== (figure.quality & TELLING_QUALITY)) differs.push('quality')
  }
  if (holds.length > 0) differs.push('held')
  if (differs.length === 0) return null
  const facts = next && [plain(next.value), plain(next.ratio), plain(next.primary), next.unit, next.meter, next.quality & TELLING_QUALITY]
  const reasons = [...new Set(holds.map(({ reason }) => reason))].sort()
  const digest = createHash('sha256')
    .update(JSON.stringify([facts, reasons, point.meter]))
    .digest('base64url')
  return { next, differs, holds, digest }
}

const isSame = (a: string, b: string): boolean => {
  if (a === b) return true
  const [left, right] = [parseDecimal(a), parseDecimal(b)]
  return left !== null && right !== null && compare(left, right) === 0
}

/** 12.50 and 12.5 are one number. */
const plain = (value: string): string => {
  const known = parseDecimal(value)
  if (known === null) return value
  let raw = BigInt(known.raw)
  let { scaler } = known
  while (raw !== 0n && raw % 10n === 0n) {
    raw /= 10n
    scaler++
  }
  return raw === 0n ? '0' : `${raw}e${scaler}`
}
