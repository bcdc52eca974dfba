import type { Result, Scope } from '../core/index.ts'
import type { Refusal } from './deps.ts'
import type { BothWords } from './tier-deps.ts'

export const GRADE_WORDS = ['A', 'B', 'C', 'D'] as const
export type GradeWord = (typeof GRADE_WORDS)[number]
export const KEY_REASON_WORDS = ['use', 'category', 'named'] as const
export const KEY_STATES = ['computed', 'at-least', 'not-computable'] as const
export type KeyState = (typeof KEY_STATES)[number]
export const MOVE_WORDS = ['joined', 'left', 'raised', 'lowered', 'no-longer-known', 'known-again', 'new', 'gone'] as const
export const MOVE_REASON_WORDS = [
  ...(['use-rose', 'use-fell', 'category-added', 'category-removed', 'named', 'no-longer-named', 'rank', 'person'] as const),
  ...(['not-computable', 'computable', 'new-customer', 'customer-gone'] as const),
] as const

/** A list of key accounts that was made. Instants are milliseconds since 1970 UTC. */
export interface KeyRunView {
  readonly year: number
  readonly version: number
  /** Calendar year whose use decided. */
  readonly usedYear: number
  readonly at: number
  readonly by: string
  readonly why: string
  readonly monthlyKwh: string
  readonly inclusive: boolean
  readonly categories: readonly string[]
  readonly counts: {
    readonly customers: number
    readonly key: number
    readonly notComputable: number
    readonly A: number
    readonly B: number
    readonly C: number
    readonly D: number
  }
}

/** A customer on a list. Energy is decimal text, kWh. */
export interface KeyAccountView {
  readonly customer: string
  readonly name: string | null
  readonly category: string | null
  /** Null: cannot be said. */
  readonly key: boolean | null
  readonly reasons: readonly (typeof KEY_REASON_WORDS)[number][]
  readonly state: KeyState
  readonly months: number
  /** Of the whole year; null while some of it is not known. */
  readonly kwh: string | null
  readonly knownKwh: string
  readonly meanKwh: string | null
  /** The one that counts. */
  readonly grade: GradeWord | null
  readonly rankGrade: GradeWord | null
  readonly given: { readonly grade: GradeWord; readonly why: string; readonly by: string; readonly at: number } | null
  readonly notes: readonly BothWords[]
}

export interface KeyMoverView {
  readonly customer: string
  readonly name: string | null
  readonly moves: readonly (typeof MOVE_WORDS)[number][]
  readonly reasons: readonly (typeof MOVE_REASON_WORDS)[number][]
  readonly before: KeyMoverSide | null
  readonly after: KeyMoverSide | null
}
export interface KeyMoverSide {
  readonly key: boolean | null
  readonly grade: GradeWord | null
  readonly meanKwh: string | null
}

export interface KeyCheckView {
  readonly customer: string
  readonly name: string | null
  /** Every point has a good reading of the time. */
  readonly checked: boolean
  readonly points: readonly {
    readonly point: string
    readonly meter: string | null
    /** Newest good reading of the time; null: there is none. */
    readonly goodAt: number | null
    /** Newest reading of any kind; null: there is none. */
    readonly newestAt: number | null
  }[]
}

export interface KeyListQuestion {
  readonly year: number | null
  readonly version: number | null
  readonly grade: GradeWord | null
  readonly state: KeyState | null
  /** Everybody, not only key accounts and those that nobody can tell of. */
  readonly all: boolean
}

/** What the API needs of key accounts (大客户). */
export interface KeyAccountPort {
  runs(): readonly KeyRunView[]
  /** Customers with an id greater than `after`, ascending, at most `limit` of those that are seen. */
  list(
    question: KeyListQuestion,
    scope: Scope,
    after: string,
    limit: number,
  ): Promise<Result<{ readonly run: KeyRunView; readonly items: readonly KeyAccountView[] }, Refusal>>
  movers(
    year: number,
    scope: Scope,
    after: string,
    limit: number,
  ): Promise<Result<{ readonly run: KeyRunView; readonly against: KeyRunView | null; readonly items: readonly KeyMoverView[] }, Refusal>>
  checks(
    question: { readonly days: number | null; readonly open: boolean },
    scope: Scope,
    after: string,
    limit: number,
  ): Promise<Result<{ readonly from: number; readonly to: number; readonly items: readonly KeyCheckView[] }, Refusal>>
  /** Makes a list anew, or says that one is being made. @returns null while it goes on */
  run(year: number, by: string, why: string): Promise<Result<KeyRunView | null, Refusal>>
  /** @param grade  null: the rank counts again */
  give(customer: string, grade: GradeWord | null, why: string, by: string, scope: Scope): Result<KeyAccountView, Refusal>
}
export interface KeyAccountDeps {
  readonly keyAccounts: KeyAccountPort
}
