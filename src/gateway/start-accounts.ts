import type { KeyAccountDeps } from '../api/index.ts'
import type { BillingConfig } from '../config/index.ts'
import type { Clock, ReadingStore } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Latest } from '../store/latest.ts'
import { AccountFile, type AccountRun } from './account-file.ts'
import { accountViews } from './account-views.ts'
import { keyRulesOf, reckonAccounts } from './account-work.ts'
import type { EnergyBook } from './energy-book.ts'
import type { TierParts } from './tier-views.ts'

export interface StartAccounts {
  readonly directory: string
  readonly config: { readonly billing: Pick<BillingConfig, 'keyAccounts'> }
  readonly clock: Clock
  readonly ledger: Ledger
  readonly tiers: Pick<TierParts, 'book' | 'days' | 'firstSeen'>
  readonly book: Pick<EnergyBook, 'seenAfter' | 'seen'>
  readonly latest: Pick<Latest, 'latestOf'>
  readonly store: Pick<ReadingStore, 'range'>
  readonly log: (level: 'info' | 'warn', message: string) => void
}

export interface OpenAccounts {
  readonly views: KeyAccountDeps
  /** Takes a changed configuration. */
  use(config: StartAccounts['config']): void
  /** Makes the list of the year when it is due: looks now, and every hour. */
  start(): void
  /** The list of the year if it is due and not there. */
  look(): Promise<AccountRun | null>
  stop(): Promise<void>
  close(): void
}

const LOOK_MS = 3_600_000
/** Whoever asks for a list waits so long; then it goes on by itself. */
const WAIT_MS = 5_000
const GATEWAY = 'gridtally'

/** Opens the lists of key accounts, and makes the one of the year in January. @throws  see {@link AccountFile} */
export const openAccounts = ({ directory, config, clock, ledger, tiers, book, latest, store, log }: StartAccounts): OpenAccounts => {
  let settings = config.billing.keyAccounts
  const file = new AccountFile(directory)
  const stopped = new AbortController()
  const underWay = new Map<number, Promise<AccountRun | null>>()
  let timer: NodeJS.Timeout | null = null

  const made = async (year: number, by: string, why: string): Promise<AccountRun | null> => {
    const { monthlyKwh, inclusive, categories } = settings
    const id = file.begin({ year, at: clock.now(), by, why, monthlyKwh, inclusive, categories })
    const counts = await reckonAccounts(
      { file, parts: { ...tiers, ledger }, year: year - 1, rules: keyRulesOf(settings), signal: stopped.signal },
      id,
    )
    if (counts === null) return null
    file.finish(id, counts)
    const run = file.run(year)
    log(
      'info',
      `key accounts of ${year}: ${counts.key} of ${counts.customers} customers, ${counts.notComputable} whose year cannot be reckoned`,
    )
    return run
  }
  /** One list of a year at a time: who asks again has the one that is being made. */
  const make = (year: number, by: string, why: string): Promise<AccountRun | null> => {
    const known = underWay.get(year)
    if (known) return known
    const work = made(year, by, why).finally(() => underWay.delete(year))
    work.catch(() => {})
    underWay.set(year, work)
    return work
  }
  const look = async (): Promise<AccountRun | null> => {
    const today = tiers.days.of(clock.now())
    const year = Number(today.slice(0, 4))
    if (today < `${year}-01-${String(settings.januaryDay).padStart(2, '0')}` || file.run(year)) return null
    // A gateway that has read nothing in the year before has nothing to say of it.
    const isAnySeen = book.seenAfter('', 50).some((point) => (book.seen(point)?.first ?? today) < `${year}-01-01`)
    return isAnySeen ? make(year, GATEWAY, 'January') : null
  }
  const attempt = () =>
    look().catch((error: unknown) =>
      log('warn', `the list of key accounts could not be made: ${error instanceof Error ? error.message : String(error)}`),
    )
  return {
    views: {
      keyAccounts: accountViews({
        ...{ file, ledger, clock, latest, store, days: tiers.days, settings: () => settings },
        make: async (year, by, why) => {
          let late: NodeJS.Timeout | undefined
          const waited = new Promise<null>((done) => {
            late = setTimeout(() => done(null), WAIT_MS)
          })
          try {
            return await Promise.race([make(year, by, why), waited])
          } finally {
            clearTimeout(late)
          }
        },
      }),
    },
    use: (next) => {
      settings = next.billing.keyAccounts
    },
    look,
    start: () => {
      void attempt()
      timer = setInterval(() => void attempt(), LOOK_MS)
      timer.unref()
    },
    stop: async () => {
      if (timer) clearInterval(timer)
      stopped.abort()
      await Promise.allSettled(underWay.values())
    },
    close: () => file.close(),
  }
}
