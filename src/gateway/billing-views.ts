import { type Principal, personOf } from '../access/principals.ts'
import type { BillingBookDeps, BillingReleaseView, Refusal } from '../api/index.ts'
import {
  type Actor,
  type AskBilling,
  type BillingPoint,
  type BillingReads,
  billingFailure,
  LEFT_REASONS,
  type Release,
} from '../billing/index.ts'
import { err, type GatewayError, ok, type Result } from '../core/index.ts'
import { askOrThrow, versionsAt } from './billing-book.ts'
import { type CycleParts, completenessOf } from './billing-cycles.ts'
import type { BillingReleases } from './billing-releases.ts'

export interface BillingViewParts {
  readonly ask: AskBilling
  readonly reads: BillingReads
  readonly releases: BillingReleases
  readonly waiters: ChangeWaiters
  /** From now on readings of that instant are heard. */
  readonly willRelease: (at: number) => Promise<void>
  readonly now: () => number
  readonly days: CycleParts['days']
  readonly rules: () => { readonly releaseEstimates: boolean; readonly cycles: ReturnType<BillingBookDeps['billingCycles']> }
  readonly isKnown: CycleParts['isKnown']
  /** Names of those who entered a value of a point at an instant by hand. */
  readonly enteredBy: (point: string, at: number) => Promise<readonly string[]>
}

/** Those who wait for the next change of the sequence. */
export class ChangeWaiters {
  #newest = 0
  readonly #waiting = new Set<() => void>()

  told(newest: number): void {
    this.#newest = Math.max(this.#newest, newest)
    for (const wake of [...this.#waiting]) wake()
  }

  wait(since: number, ms: number, signal: AbortSignal): Promise<void> {
    if (this.#newest > since || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      signal.addEventListener('abort', wake)
      this.#waiting.add(wake)
    })
  }

  /** Nobody waits for a gateway that stops. */
  close(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}

const UNKNOWN: ReadonlySet<string> = new Set(['BILLING_RELEASE', 'BILLING_PENDING', 'BILLING_HOLD', 'BILLING_CYCLE'])
const OUT: ReadonlySet<string> = new Set(['BILLING_WORKER', 'BILLING_SLOW', 'BILLING_FILE', 'BILLING_READS', 'BILLING_STOPPED'])

const refused = (error: GatewayError) =>
  err<Refusal>({ because: UNKNOWN.has(error.code) ? 'unknown' : OUT.has(error.code) ? 'unavailable' : 'not-possible', error })

/** Both failures of a question to the thread in one: it did not answer, or it said no. */
const answered = <T>(answer: Result<Result<T>>): Result<T, Refusal> =>
  !answer.ok ? refused(answer.error) : answer.value.ok ? answer.value : refused(answer.value.error)

const actor = (who: Principal): Actor => ({ id: personOf(who), name: who.name })

/** What the API may see and do of the book of what was billed. */
export const billingViews = (parts: BillingViewParts): BillingBookDeps => {
  const { ask, reads, releases, waiters, now, rules } = parts
  const told = async <T>(answer: Result<T, Refusal>): Promise<Result<T, Refusal>> => {
    if (answer.ok) waiters.told(await askOrThrow(ask, 'newest', null))
    return answer
  }
  const shown = (answer: Result<Release>): Result<BillingReleaseView, Refusal> =>
    answer.ok ? ok(viewOf(answer.value)) : refused(answer.error)
  const fresh = async (point: string, at: number): Promise<BillingPoint | null> => {
    for await (const points of reads.at(at, { points: [point] }, null)) for (const one of points) if (one.point === point) return one
    return null
  }
  /** What is decided together: one, or everything that waits of the same point and instant. */
  const together = async (id: number, whole: boolean) => {
    const pending = await askOrThrow(ask, 'pending', id)
    if (!pending) return null
    const { point, at } = pending
    if (!whole || pending.state !== 'open') return { point, at, ids: [id] }
    const all = await askOrThrow(ask, 'pendings', { filter: { point, at }, after: 0, limit: 1000 })
    return { point, at, ids: all.map((one) => one.id) }
  }
  const gone = (id: number) => refused(billingFailure('BILLING_PENDING', `there is no correction ${id}`).error)

  return {
    beginBillingRelease: async (draft, who, key, sees) => {
      if (draft.at > now()) return refused(billingFailure('BILLING_FUTURE', `${new Date(draft.at).toISOString()} has not passed`).error)
      await parts.willRelease(draft.at)
      const asked = { by: actor(who), asker: JSON.stringify(who), key }
      return shown(await releases.begin({ ...draft, estimates: rules().releaseEstimates }, asked, sees))
    },
    resumeBillingRelease: async (id, sees) => shown(await releases.resume(id, sees)),
    billingRelease: async (id) => {
      const release = await askOrThrow(ask, 'release', id)
      return release && viewOf(release)
    },
    billingReleases: async (before, limit) => (await askOrThrow(ask, 'releases', { before, limit })).map(viewOf),
    billingLeftOut: async (id, reason, after, limit) => {
      const known = LEFT_REASONS.find((word) => word === reason)
      return reason !== null && known === undefined ? [] : askOrThrow(ask, 'left', { id, reason: known ?? null, after, limit })
    },
    billingReleased: (id, after, limit) => askOrThrow(ask, 'released', { id, after, limit }),
    billingFigures: (point, at, before, limit) => askOrThrow(ask, 'versions', { point, at, before, limit }),
    withdrawBilling: async (point, at, registers, who, why) =>
      told(answered(await ask('withdraw', { point, at, registers, who: actor(who), why, now: now() }))),
    billingPending: (id) => askOrThrow(ask, 'pending', id),
    billingPendings: (filter, after, limit) => askOrThrow(ask, 'pendings', { filter, after, limit }),
    acceptBilling: async (id, whole, who, why) => {
      const chosen = await together(id, whole)
      if (!chosen) return gone(id)
      const { point, at, ids } = chosen
      const standing = await fresh(point, at)
      if (!standing)
        return refused(
          billingFailure('BILLING_HELD', `point ${point} is not one that is billed at that instant by the ledger as it is now`).error,
        )
      const entered = await parts.enteredBy(point, at)
      const estimates = rules().releaseEstimates
      return told(answered(await ask('accept', { ids, who: actor(who), why, now: now(), fresh: standing, estimates, entered })))
    },
    rejectBilling: async (id, whole, who, why) => {
      const chosen = await together(id, whole)
      return chosen ? answered(await ask('reject', { ids: chosen.ids, who: actor(who), why, now: now() })) : gone(id)
    },
    billingHold: (id) => askOrThrow(ask, 'holdOf', id),
    billingHolds: (filter, after, limit) => askOrThrow(ask, 'holds', { filter, after, limit }),
    holdBilling: async (draft, who, why) => {
      const held = await ask('hold', { draft, who: actor(who), why, now: now() })
      return held.ok ? held : refused(held.error)
    },
    liftBilling: async (id, who, why) => answered(await ask('lift', { id, who: actor(who), why, now: now() })),
    billingChanges: async (since, limit) => {
      const found = await ask('changes', { since, limit })
      if (!found.ok) return refused(found.error)
      const { newest } = found.value
      if (since > newest)
        return refused(
          billingFailure('BILLING_SEQ', `${since} is beyond ${newest}, the newest number of this book`, { since, newest }).error,
        )
      return found
    },
    awaitBillingChange: (since, ms, signal) => waiters.wait(since, ms, signal),
    billingCycles: () => rules().cycles,
    billingCompleteness: (id, month, sees) =>
      completenessOf(
        {
          ...{ reads, now, days: parts.days, versionsAt: versionsAt(ask) },
          ...{ cycles: () => rules().cycles, estimates: () => rules().releaseEstimates, isKnown: parts.isKnown },
        },
        id,
        month,
        sees,
      ),
  }
}

const viewOf = ({ asker, ...release }: Release): BillingReleaseView => {
  const who: Principal = JSON.parse(asker)
  return { ...release, asker: who }
}
