import { err, many, ok, type Result } from '../core/index.ts'
import { inTransaction } from '../sqlite/index.ts'
import type { Draft, Touched } from './draft.ts'
import { fail } from './errors.ts'
import { failpoint } from './failpoint.ts'
import { judge } from './judge.ts'
import type { Kind } from './kinds.ts'
import { Problems } from './problems.ts'
import { entityOf, seqOf } from './read.ts'
import type { Sql } from './sql.ts'
import type { Act, Applied, LedgerWorld, Plan, Refused } from './types.ts'
import { writeTouched } from './write.ts'

/** The version of an entity that somebody has seen; null: there was none. */
export interface Expected {
  readonly kind: Kind
  readonly id: string
  readonly version: number | null
}

/** What a transaction is to do. */
export interface Job {
  readonly act: Act
  /** Change that is taken back. */
  readonly undoes?: number
  readonly expected?: readonly Expected[]
  draft(problems: Problems): Draft
  /** More rows of the same change. With it, a change without facts is one too. */
  also?(seq: number): void
  /** Entries and problems kept. */
  readonly most?: number
  readonly dry?: boolean
}

type Outcome = { readonly seq: number | null; readonly draft: Draft }

export const NOTHING: Draft = { touched: [], added: 0, changed: 0, unchanged: 0, entries: [] }
/** Entries and problems kept unless said. */
export const MOST = 100
const BUSY = 5
const BUSY_TEXT = 'somebody else is writing a large change into the ledger; nothing was changed here'

/** Ends a transaction without leaving anything of it. */
class Unwound extends Error {
  readonly outcome: Outcome

  constructor(outcome: Outcome) {
    super('unwound')
    this.outcome = outcome
  }
}

/** One change after the other, each as a whole or not at all: checked against everything that is there, before anybody sees it. */
export class Transactions {
  readonly #sql: Sql
  readonly #world: LedgerWorld | null

  constructor(sql: Sql, world: LedgerWorld | null) {
    this.#sql = sql
    this.#world = world
  }

  /** Does it, or nothing of it. */
  apply(job: Job): Result<Applied, Refused> {
    const outcome = this.change(job)
    if (!outcome.ok) return outcome
    const { seq, draft } = outcome.value
    return ok({ change: seq, added: draft.added, changed: draft.changed, unchanged: draft.unchanged })
  }

  /** What it would do; nothing of it stays. While somebody else writes for long, that is the problem it has. */
  plan(job: Job): Plan {
    const problems = new Problems(job.most ?? MOST)
    const { added, changed, unchanged, entries } = this.#drafted(job, problems)
    return { added, changed, unchanged, entries, problems: problems.kept, problemCount: problems.count }
  }

  #drafted(job: Job, problems: Problems): Draft {
    try {
      return this.#transact({ ...job, dry: true }, problems).draft
    } catch (error) {
      if (!isBusy(error)) throw error
      problems.add('LEDGER_BUSY', 'ledger.db', BUSY_TEXT)
      return NOTHING
    }
  }

  /** Does it, or nothing of it. */
  change(job: Job): Result<Outcome, Refused> {
    const problems = new Problems(job.most ?? MOST)
    try {
      const stale = this.#stale(job.expected ?? [])
      if (stale) return stale
      const outcome = this.#transact(job, problems)
      if (problems.count > 0) return this.#refused(problems)
      return ok(outcome)
    } catch (error) {
      if (error instanceof StaleNow) return this.#stale(job.expected ?? []) ?? this.#refused(problems)
      if (isBusy(error)) return err({ error: fail('LEDGER_BUSY', BUSY_TEXT).error, problems: [], current: null })
      throw error
    }
  }

  #transact(job: Job, problems: Problems): Outcome {
    try {
      return inTransaction(this.#sql.database, () => {
        if (job.expected?.some((one) => this.#versionOf(one) !== one.version)) throw new StaleNow()
        const draft = job.draft(problems)
        const seq = this.#write(job, draft, problems)
        const outcome = { seq, draft }
        if (job.dry || problems.count > 0) throw new Unwound(outcome)
        failpoint('ledger.before-commit')
        return outcome
      })
    } catch (error) {
      if (error instanceof Unwound) return error.outcome
      throw error
    }
  }

  #write({ act, undoes, also }: Job, draft: Draft, problems: Problems): number | null {
    if (draft.touched.length === 0 && !also) return null
    const seq = seqOf(this.#sql) + 1
    this.#sql.run(
      'INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?)',
      ...[seq, act.at, act.what, act.who, act.why, act.workOrder, undoes ?? null, draft.touched.length],
    )
    this.#writeFacts(seq, act, draft.touched, problems)
    also?.(seq)
    return seq
  }

  #writeFacts(seq: number, { what }: Act, touched: readonly Touched[], problems: Problems): void {
    writeTouched(this.#sql, seq, touched, this.#world)
    judge({ sql: this.#sql, touched, what, world: this.#world, problems })
  }

  #versionOf({ kind, id }: Expected): number | null {
    return entityOf(this.#sql, kind, id, null)?.version ?? null
  }

  /** Somebody else was quicker. */
  #stale(expected: readonly Expected[]): Result<never, Refused> | null {
    for (const one of expected) {
      const current = entityOf(this.#sql, one.kind, one.id, null)
      if ((current?.version ?? null) === one.version) continue
      const now = current ? `is at version ${current.version}` : 'is not there'
      const seen = one.version === null ? 'not to be there' : `version ${one.version}`
      return err({ error: fail('LEDGER_STALE', `${one.kind} ${one.id} ${now}, you expected ${seen}`).error, problems: [], current })
    }
    return null
  }

  #refused(problems: Problems): Result<never, Refused> {
    const [first] = problems.kept
    const rest = problems.count > 1 ? `, and ${many(problems.count - 1, 'more problem')}` : ''
    const message = first ? `${first.place}: ${first.message}${rest}` : 'refused'
    const { error } = fail('LEDGER_REFUSED', message, { problems: problems.count, first: first?.code ?? '' })
    return err({ error, problems: problems.kept, current: null })
  }
}

/** The version changed between the question and the transaction. */
class StaleNow extends Error {}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === BUSY
