import type { TierDeps } from '../api/index.ts'
import type { BillingConfig } from '../config/index.ts'
import type { Clock } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { openEnergy } from './start-energy.ts'
import { earliest } from './tier-account.ts'
import { firstReadDay } from './tier-energy.ts'
import { IMPORT } from './tier-registers.ts'
import { type TierParts, tierViews } from './tier-views.ts'
import type { Unregistered } from './unregistered.ts'

export interface StartTiers {
  readonly config: { readonly billing: BillingConfig }
  readonly clock: Clock
  readonly ledger: Ledger
  readonly energy: Pick<ReturnType<typeof openEnergy>, 'runner' | 'book' | 'models'>
  /** Meters that were heard before they were in the ledger. */
  readonly strangers: Pick<Unregistered, 'list' | 'statement'>
}

export interface OpenTiers {
  readonly views: TierDeps
  /** What is known of points and their energy, for whoever else grades customers. */
  readonly parts: TierParts
  /** Takes a changed configuration. */
  use(config: StartTiers['config']): void
}

/** Meters that came into the ledger are looked up again after so long. */
const KNOWN_MS = 2_000

/** Puts together what splits the energy of a year into tiers. */
export const openTiers = ({ config, clock, ledger, energy, strangers }: StartTiers): OpenTiers => {
  let { billing } = config
  const { runner, book, models } = energy
  // Whoever grades a hundred thousand customers asks for each of their points.
  let known = new Map<string, { readonly id: number; readonly firstSeen: number }>()
  let knownAt = Number.NEGATIVE_INFINITY
  const adoptedAt = (point: string) => {
    if (clock.monotonic() - knownAt > KNOWN_MS) {
      const adopted = strangers.list({ state: 'adopted', limit: Number.POSITIVE_INFINITY })
      known = new Map(adopted.flatMap(({ stranger }) => (stranger.adopted ? [[stranger.adopted.point, stranger] as const] : [])))
      knownAt = clock.monotonic()
    }
    return known.get(point) ?? null
  }
  const parts: TierParts = {
    ...{ ledger, runner, book, models, clock, days: runner.days },
    rules: () => billing.tiers,
    firstSeen: (point) => {
      const stranger = adoptedAt(point)
      return earliest([stranger && runner.days.of(stranger.firstSeen), firstReadDay(book, runner.days, point)])
    },
    statement: async (point) => {
      const stranger = adoptedAt(point)
      return stranger ? strangers.statement(stranger.id, IMPORT) : null
    },
  }
  return {
    views: tierViews(parts),
    parts,
    use: (next) => {
      billing = next.billing
    },
  }
}
