import { compare, type Decimal, multiply } from '../core/index.ts'
import { quotient } from './exact.ts'

/** Grades of customers by purchase (客户分级): the first 1 %, the next 4 %, the next 15 %, the rest. */
export const GRADES = ['A', 'B', 'C', 'D'] as const
export type Grade = (typeof GRADES)[number]
/** Ends of A, B and C in percent of all customers whose year is known. */
const GRADE_ENDS = [1, 5, 20] as const

/** Kinds of customers that are important whatever they use. */
export const KEY_CATEGORIES = ['government', 'military', 'media', 'hospital', 'school', 'hotel', 'state-project'] as const

/** Why somebody is a key account (大客户): by use, by kind, or because the ledger names them one. */
export const KEY_REASONS = ['use', 'category', 'named'] as const
export type KeyReason = (typeof KEY_REASONS)[number]

/** Use of a customer in one calendar year. */
export interface AnnualUse {
  readonly customer: string
  readonly category: string | null
  /** The ledger calls them a key account. */
  readonly isNamed: boolean
  /** Months in service. */
  readonly months: number
  /** Energy of what is known. */
  readonly kwh: Decimal
  /** Whether that is all of it. */
  readonly isWhole: boolean
}

export interface KeyRules {
  readonly monthlyKwh: Decimal
  /** The limit itself counts. */
  readonly inclusive: boolean
  readonly categories: readonly string[]
}

/**
 * What a year says of somebody. `at-least`: some of it is not known, and what is known is enough; `not-computable`: it cannot be said whether
 * the use is large.
 */
export interface KeyVerdict {
  readonly state: 'computed' | 'at-least' | 'not-computable'
  /** Mean of a month in service, rounded to two digits; null: not known. */
  readonly meanKwh: Decimal | null
  /** Null: not known. */
  readonly isKey: boolean | null
  readonly reasons: readonly KeyReason[]
}

/**
 * Whether a customer is a key account: mean monthly use of a calendar year over the months in service at or above the limit, or a kind on the
 * list, or named in the ledger. The limit is compared exactly, not with the rounded mean.
 */
export const judgeKey = ({ category, isNamed, months, kwh, isWhole }: AnnualUse, rules: KeyRules): KeyVerdict => {
  const { monthlyKwh, inclusive, categories } = rules
  const beside = compare(kwh, multiply(monthlyKwh, { raw: months, scaler: 0 }))
  const isLarge = months > 0 && (inclusive ? beside >= 0 : beside > 0)
  const reasons: KeyReason[] = [
    ...(isLarge ? ['use' as const] : []),
    ...(category !== null && categories.includes(category) ? ['category' as const] : []),
    ...(isNamed ? ['named' as const] : []),
  ]
  const state = months > 0 && isWhole ? 'computed' : isLarge ? 'at-least' : 'not-computable'
  return {
    state,
    meanKwh: state === 'computed' ? quotient(kwh, BigInt(months)) : null,
    isKey: reasons.length > 0 ? true : state === 'computed' ? false : null,
    reasons,
  }
}

/** Grades by rank of annual energy; equal energy has the same grade. Whoever's year is not wholly known has none. */
export const gradesOf = (uses: readonly Pick<AnnualUse, 'customer' | 'kwh' | 'isWhole' | 'months'>[]): ReadonlyMap<string, Grade> => {
  const ranked = uses.filter(({ isWhole, months }) => isWhole && months > 0).sort((a, b) => compare(b.kwh, a.kwh))
  const ends = GRADE_ENDS.map((percent) => Math.ceil((ranked.length * percent) / 100))
  const grades = new Map<string, Grade>()
  let before: { readonly kwh: Decimal; readonly grade: Grade } | null = null
  for (const [at, { customer, kwh }] of ranked.entries()) {
    const grade: Grade = before && compare(before.kwh, kwh) === 0 ? before.grade : (GRADES[ends.findIndex((end) => at < end)] ?? 'D')
    grades.set(customer, grade)
    before = { kwh, grade }
  }
  return grades
}

/** What a list says of one customer, as far as it matters for who has moved. */
export interface Listed {
  readonly isKey: boolean | null
  readonly reasons: readonly KeyReason[]
  /** The one that counts: that of a person before that of the rank. */
  readonly grade: Grade | null
  /** A person gave the grade. */
  readonly isByPerson: boolean
  readonly state: KeyVerdict['state']
}

export const MOVES = ['joined', 'left', 'raised', 'lowered', 'no-longer-known', 'known-again', 'new', 'gone'] as const
export type Move = (typeof MOVES)[number]
export const MOVE_REASONS = [
  ...(['use-rose', 'use-fell', 'category-added', 'category-removed', 'named', 'no-longer-named', 'rank', 'person'] as const),
  ...(['not-computable', 'computable', 'new-customer', 'customer-gone'] as const),
] as const
export type MoveReason = (typeof MOVE_REASONS)[number]

/** How a customer moved between two lists, and why; null: not at all. @param before  null: was not on the list; `after` likewise */
export const moveOf = (
  before: Listed | null,
  after: Listed | null,
): { readonly moves: readonly Move[]; readonly reasons: readonly MoveReason[] } | null => {
  if (before === null && after === null) return null
  // Of the thousands of small customers that come and go nobody wants to know.
  if (before === null) return after?.isKey ? { moves: ['new', 'joined'], reasons: ['new-customer', ...gained([], after.reasons)] } : null
  if (after === null) return before.isKey ? { moves: ['gone', 'left'], reasons: ['customer-gone'] } : null
  const moves: Move[] = []
  const reasons = new Set<MoveReason>()
  if (before.isKey !== after.isKey) {
    if (after.isKey === null) {
      moves.push('no-longer-known')
      reasons.add('not-computable')
    } else if (after.isKey) moves.push('joined')
    else if (before.isKey) moves.push('left')
    else moves.push('known-again')
    if (before.isKey === null) reasons.add('computable')
    for (const reason of gained(before.reasons, after.reasons)) reasons.add(reason)
    // A use that nobody knows has not fallen.
    for (const reason of lost(before.reasons, after.reasons)) if (reason !== 'use-fell' || after.state === 'computed') reasons.add(reason)
  }
  if (before.grade !== after.grade && before.grade !== null && after.grade !== null) {
    moves.push(after.grade < before.grade ? 'raised' : 'lowered')
    reasons.add(before.isByPerson || after.isByPerson ? 'person' : 'rank')
  }
  return moves.length === 0 ? null : { moves, reasons: [...reasons] }
}

const GAINED: Readonly<Record<KeyReason, MoveReason>> = { use: 'use-rose', category: 'category-added', named: 'named' }
const LOST: Readonly<Record<KeyReason, MoveReason>> = { use: 'use-fell', category: 'category-removed', named: 'no-longer-named' }
const gained = (before: readonly KeyReason[], after: readonly KeyReason[]): readonly MoveReason[] =>
  after.filter((reason) => !before.includes(reason)).map((reason) => GAINED[reason])
const lost = (before: readonly KeyReason[], after: readonly KeyReason[]): readonly MoveReason[] =>
  before.filter((reason) => !after.includes(reason)).map((reason) => LOST[reason])
