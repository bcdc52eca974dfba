import type { HealthView, KeyAccountDeps } from '../api/index.ts'
import type { BillingConfig } from '../config/index.ts'
import { type Clock, explain, many, type ReadingStore, type Scope } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Latest } from '../store/latest.ts'
import { AccountFile, type AccountRun } from './account-file.ts'
import { type AccountOf, accountViews, type UnreadPoint, unreadPoints } from './account-views.ts'
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
  /** One customer on the newest list; null: on none. */
  ofCustomer(customer: string, scope: Scope): Promise<AccountOf | null>
  /** Takes a changed configuration. */
  use(config: StartAccounts['config']): void
  /** Makes the list of the year when it is due: looks now, and every hour. */
  start(): void
  /** The list of the year if it is due and not there. */
  look(): Promise<AccountRun | null>
  /** Looks which key accounts were not read within the time. */
  check(): Promise<void>
  /** Points of key accounts that were not read within the time, as of the last look. */
  unread(): readonly UnreadPoint[]
  /** Whether the list of the year is there; empty: there is none and none is due. */
  health(): readonly HealthView['parts'][number][]
  stop(): Promise<void>
  close(): void
}

const LOOK_MS = 3_600_000
/** Whoever asks for a list waits so long; then it goes on by itself. */
const WAIT_MS = 5_000
const GATEWAY = 'gridtally'
const DAY_MS = 86_400_000
/** Monthly figures that nobody took away are kept so long. */
const KEEP_DAYS = 400

/** Opens the lists of key accounts, and makes the one of the year in January. @throws  see {@link AccountFile} */
export const openAccounts = ({ directory, config, clock, ledger, tiers, book, latest, store, log }: StartAccounts): OpenAccounts => {
  let settings = config.billing.keyAccounts
  const file = new AccountFile(directory)
  const stopped = new AbortController()
  const underWay = new Map<number, Promise<AccountRun | null>>()
  let timer: NodeJS.Timeout | null = null
  /** Year whose list is due and not there, and why it could not be made. */
  let missing: { readonly year: number; readonly trouble: string } | null = null
  let unread: readonly UnreadPoint[] = []
  let said = ''

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
    missing = null
    if (today < `${year}-01-${String(settings.januaryDay).padStart(2, '0')}` || file.run(year)) return null
    // A gateway that has read nothing in the year before has nothing to say of it.
    const isAnySeen = book.seenAfter('', 50).some((point) => (book.seen(point)?.first ?? today) < `${year}-01-01`)
    if (!isAnySeen) return null
    missing = { year, trouble: '' }
    try {
      const run = await make(year, GATEWAY, 'January')
      if (run) missing = null
      return run
    } catch (error) {
      missing = { year, trouble: error instanceof Error ? error.message : String(error) }
      throw error
    }
  }
  const parts = { file, ledger, clock, latest, store, days: tiers.days, settings: () => settings }
  const check = async (): Promise<void> => {
    const found = await unreadPoints(parts, unread)
    if (found.ok) unread = found.value
    // What was known before stands: a store that cannot be asked has read nobody.
    const text = found.ok ? '' : explain(found.error.error)
    if (text !== '' && text !== said) log('warn', `key accounts could not be checked: ${text}`)
    said = text
  }
  const attempt = async () => {
    try {
      await look()
    } catch (error) {
      log('warn', `the list of key accounts could not be made: ${error instanceof Error ? error.message : String(error)}`)
    }
    try {
      if (!stopped.signal.aborted) await check()
    } catch (error) {
      log('warn', `key accounts could not be checked: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  let attempting: Promise<void> | null = null
  const { ofCustomer, ...port } = accountViews({
    ...parts,
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
  })
  return {
    views: { keyAccounts: port },
    ofCustomer,
    use: (next) => {
      settings = next.billing.keyAccounts
    },
    look,
    check,
    unread: () => unread,
    health: () => {
      const [newest] = file.runs()
      if (missing) return [missingPart(missing, tiers.days.of(clock.now()))]
      if (!newest) return []
      const sentence = `list of ${newest.year}, version ${newest.version}; ${many(unread.length, 'point')} of them not read in time`
      return [{ part: PART, state: 'ok', sentence, cure: null }]
    },
    start: () => {
      const begin = () => {
        attempting ??= attempt().finally(() => {
          attempting = null
        })
      }
      begin()
      timer = setInterval(begin, LOOK_MS)
      timer.unref()
    },
    stop: async () => {
      if (timer) clearInterval(timer)
      stopped.abort()
      await Promise.allSettled([...underWay.values(), attempting])
    },
    close: () => file.close(),
  }
}

const PART = 'key accounts'

/** The list of a year that is due and not there: it is to be finished in January, and has to be before figures of the year are gone. */
const missingPart = (
  { year, trouble }: { readonly year: number; readonly trouble: string },
  today: string,
): HealthView['parts'][number] => {
  const gone = new Date(Date.parse(`${year - 1}-01-01T00:00:00Z`) + KEEP_DAYS * DAY_MS).toISOString().slice(0, 10)
  const isLate = today > `${year}-01-30`
  const why = trouble === '' ? (isLate ? 'was not finished in January' : 'is being made') : 'could not be made'
  return {
    part: PART,
    state: isLate ? 'failed' : trouble === '' ? 'ok' : 'degraded',
    sentence: `the list of ${year} ${why}${today >= gone ? `; figures of ${year - 1} that nobody took away are gone since ${gone}` : ''}`,
    cure:
      trouble === '' && !isLate
        ? null
        : `gridtally key-accounts run ${year}; figures of January ${year - 1} are kept until ${gone}; see the log`,
  }
}
