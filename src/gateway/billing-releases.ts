import {
  type AskBilling,
  type Asked,
  type BillingPoint,
  type BillingReads,
  billingFailure,
  type Release,
  type ReleaseDraft,
} from '../billing/index.ts'
import { type Clock, ok, type Result } from '../core/index.ts'
import { askOrThrow } from './billing-book.ts'

export interface ReleaseParts {
  readonly ask: AskBilling
  readonly reads: BillingReads
  readonly clock: Pick<Clock, 'now'>
  /** Told of the newest number of the sequence after each piece. */
  readonly told: (newest: number) => void
  /** Told of the instant when a release has ended, however it did. */
  readonly ended: (at: number) => void
  readonly log: (level: 'info' | 'warn', message: string) => void
}

/** Which points somebody sees; null: every one. */
export type Sees = ((point: string) => boolean) | null

/** Points that are released in one transaction: some hundred figures, a few milliseconds of disk. */
const AT_ONCE = 250

/** Carries releases out one after the other, piece by piece; what is under way at the end of the gateway can be gone on with. */
export class BillingReleases {
  readonly #parts: ReleaseParts
  #turn: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(parts: ReleaseParts) {
    this.#parts = parts
  }

  /** Begins a release, or names the one that has this key. @errors BILLING_KEY, those of the book */
  async begin(draft: ReleaseDraft, asked: Asked, sees: Sees): Promise<Result<Release>> {
    const { ask, clock } = this.#parts
    const begun = await ask('begin', { draft, asked, now: clock.now() })
    if (!begun.ok) return begun
    if (!begun.value.ok) return begun.value
    const { release, isNew } = begun.value.value
    if (isNew) this.#queue(release, sees)
    return ok(release)
  }

  /** @errors BILLING_RELEASE, BILLING_STATE, those of the book */
  async resume(id: number, sees: Sees): Promise<Result<Release>> {
    const resumed = await this.#parts.ask('resume', id)
    if (!resumed.ok) return resumed
    if (!resumed.value.ok) return resumed.value
    this.#queue(resumed.value.value, sees)
    return resumed.value
  }

  /** Resolves when everything that was begun has ended. */
  settled(): Promise<void> {
    return this.#turn
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#turn
  }

  #queue(release: Release, sees: Sees): void {
    this.#turn = this.#turn.then(() => this.#carryOut(release, sees))
  }

  async #carryOut(release: Release, sees: Sees): Promise<void> {
    const { ask, clock, log } = this.#parts
    const { id } = release
    try {
      const start = await askOrThrow(ask, 'start', id)
      if (start.isCheck) {
        if (!(await this.#walk(release, sees, null, (points) => askOrThrow(ask, 'check', { id, points })))) return await this.#interrupt(id)
        if (!(await askOrThrow(ask, 'checked', { id, now: clock.now() }))) return
      }
      const isThrough = await this.#walk(release, sees, start.after, async (points) => {
        const newest = await askOrThrow(ask, 'take', { id, points })
        if (newest !== null) this.#parts.told(newest)
        return newest !== null
      })
      if (!isThrough) return await this.#interrupt(id)
      await askOrThrow(ask, 'finish', { id, now: clock.now() })
      log('info', `release ${id} is done`)
    } catch (thrown) {
      const trouble = thrown instanceof Error ? thrown.message : String(thrown)
      log('warn', `release ${id} was interrupted: ${trouble}`)
      await ask('interrupt', { id, trouble })
    } finally {
      this.#parts.ended(release.at)
    }
  }

  async #interrupt(id: number): Promise<void> {
    await this.#parts.ask('interrupt', { id, trouble: billingFailure('BILLING_STOPPED', 'the gateway stopped').error.message })
  }

  /** @returns whether it came to the end */
  async #walk(
    { at, scope }: Release,
    sees: Sees,
    after: string | null,
    piece: (points: readonly BillingPoint[]) => Promise<boolean>,
  ): Promise<boolean> {
    for await (const points of this.#parts.reads.at(at, { ...scope, ...(sees ? { sees } : {}) }, after))
      for (let start = 0; start < points.length; start += AT_ONCE) {
        if (this.#stopped) return false
        if (!(await piece(points.slice(start, start + AT_ONCE)))) return false
      }
    return !this.#stopped
  }
}
