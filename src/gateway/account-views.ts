import type { KeyAccountPort, KeyAccountView, KeyCheckView, KeyMoverSide, KeyMoverView, KeyRunView, Refusal } from '../api/index.ts'
import type { BillingConfig } from '../config/index.ts'
import { type Clock, err, ok, QUALITY, type Reading, type ReadingStore, type Result, type Scope } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { Latest } from '../store/latest.ts'
import { type Listed, moveOf, tariffFailure } from '../tariff/index.ts'
import type { AccountEntry, AccountFile, AccountRun } from './account-file.ts'
import type { EnergyDays } from './energy-days.ts'

export interface AccountViewParts {
  readonly file: AccountFile
  readonly ledger: Pick<Ledger, 'seq' | 'get' | 'list' | 'meterAt' | 'points'>
  readonly days: EnergyDays
  readonly clock: Pick<Clock, 'now'>
  readonly latest: Pick<Latest, 'latestOf'>
  readonly store: Pick<ReadingStore, 'range'>
  readonly settings: () => BillingConfig['keyAccounts']
  /** Makes a list; null: it takes longer than anybody waits. */
  readonly make: (year: number, by: string, why: string) => Promise<AccountRun | null>
}

const DAY = 86_400_000
const PAGE = 200
/** Readings looked at to find one good one of a point that has bad ones. */
const MOST_READ = 2_000

const refuse = (because: Refusal['because'], code: Parameters<typeof tariffFailure>[0], message: string): Result<never, Refusal> =>
  err({ because, error: tariffFailure(code, message).error })

/** One customer on the newest list, and how the points of theirs were read of late; null: on none. */
export interface AccountOf {
  readonly year: number
  readonly version: number
  readonly entry: KeyAccountView
  readonly check: Result<KeyCheckView & { readonly from: number; readonly to: number }, Refusal>
}

/** What the API may see of key accounts. */
export const accountViews = (
  parts: AccountViewParts,
): KeyAccountPort & { ofCustomer(customer: string, scope: Scope): Promise<AccountOf | null> } => {
  const { file, ledger, clock, settings, days } = parts
  const pointsOf = pointIndex(ledger)
  const yearNow = () => Number(days.of(clock.now()).slice(0, 4))
  const runAt = (year: number | null, version: number | null): Result<AccountRun, Refusal> => {
    const found = year === null ? file.runs()[0] : file.run(year, version ?? undefined)
    if (found) return ok(found)
    const what = version === null ? '' : `, version ${version}`
    return refuse(
      'unknown',
      'TARIFF_LIST',
      year === null ? 'no list of key accounts has been made' : `there is no list of key accounts for ${year}${what}`,
    )
  }
  const isNewest = ({ id }: AccountRun) => file.runs()[0]?.id === id
  const viewOf = (entry: AccountEntry, isLive: boolean, scope: Scope): KeyAccountView => {
    const person = isLive ? file.given(entry.customer) : null
    const { customer, category, isKey, reasons, state, months, knownKwh, isWhole, meanKwh, grade, given } = entry
    // What is not known of a year is told with the points it is of.
    const notes = scope.all || pointsOf(entry.customer).every((point) => scope.sees('point', point)) ? entry.notes : []
    return {
      ...{ customer, name: nameOf(ledger, customer), category, key: isKey, reasons, state, months, knownKwh, meanKwh, notes },
      ...{ kwh: isWhole ? knownKwh : null, grade: (isLive ? person?.grade : given) ?? grade, rankGrade: grade },
      given: person && { grade: person.grade, why: person.why, by: person.by, at: person.at },
    }
  }
  return {
    ofCustomer: async (customer, scope) => {
      const [newest] = file.runs()
      const entry = newest && file.entry(newest.id, customer)
      if (!newest || !entry || !sees(scope, customer)) return null
      const to = clock.now()
      const from = to - settings().checkDays * DAY
      const points = pointsOf(customer).filter((point) => scope.all || scope.sees('point', point))
      const check = await checkOf(parts, customer, points, from, to)
      return {
        ...{ year: newest.year, version: newest.version, entry: viewOf(entry, true, scope) },
        check: check.ok ? ok({ ...check.value, from, to }) : check,
      }
    },
    runs: () => file.runs().map(runView),
    list: async ({ year, version, grade, state, all }, scope, after, limit) => {
      const run = runAt(year, version)
      if (!run.ok) return run
      const isLive = isNewest(run.value)
      const filter = { ...(grade ? { grade } : {}), ...(state ? { state } : {}), isKeyOrUnknown: !all }
      const items = seen(scope, after, limit, (from) => file.entries(run.value.id, filter, from, PAGE, isLive))
      return ok({ run: runView(run.value), items: items.map((entry) => viewOf(entry, isLive, scope)) })
    },
    movers: async (year, scope, after, limit) => {
      const run = runAt(year, null)
      if (!run.ok) return run
      const against = file.run(year - 1)
      if (!against) return ok({ run: runView(run.value), against: null, items: [] })
      const items: KeyMoverView[] = []
      for (let from = after; ; ) {
        const page = file.customersOf([run.value.id, against.id], from, PAGE)
        for (const customer of page) {
          from = customer
          if (!sees(scope, customer)) continue
          const mover = moverOf(parts, customer, file.entry(against.id, customer), file.entry(run.value.id, customer))
          if (mover) items.push(mover)
          if (items.length >= limit) break
        }
        if (page.length < PAGE || items.length >= limit) break
      }
      return ok({ run: runView(run.value), against: runView(against), items })
    },
    checks: async ({ days: wanted, open }, scope, after, limit) => {
      const run = runAt(null, null)
      if (!run.ok) return run
      const to = clock.now()
      const from = to - (wanted ?? settings().checkDays) * DAY
      const items: KeyCheckView[] = []
      for (let last = after; items.length < limit; ) {
        const page = file.entries(run.value.id, { isKeyOrUnknown: true }, last, PAGE, true)
        for (const { customer, isKey } of page) {
          last = customer
          if (!isKey || !sees(scope, customer)) continue
          const seenOf = scope.all ? pointsOf(customer) : pointsOf(customer).filter((point) => scope.sees('point', point))
          const check = await checkOf(parts, customer, seenOf, from, to)
          if (!check.ok) return check
          if (!open || !check.value.checked) items.push(check.value)
          if (items.length >= limit) break
        }
        if (page.length < PAGE) break
      }
      return ok({ from, to, items })
    },
    run: async (year, by, why) => {
      if (year > yearNow())
        return refuse('not-possible', 'TARIFF_TIME', `the list of ${year} is made out of ${year - 1}, which is not over`)
      const made = await parts.make(year, by, why)
      return ok(made && runView(made))
    },
    give: (customer, grade, why, by, scope) => {
      const unknown = refuse('unknown', 'TARIFF_CUSTOMER', `there is no customer ${JSON.stringify(customer)}`)
      if (ledger.get('customer', customer, null) === null || !sees(scope, customer)) return unknown
      file.give(customer, grade === null ? null : { grade, why, by, at: clock.now() })
      const newest = file.runs()[0]
      const entry = newest ? file.entry(newest.id, customer) : null
      const attributes = ledger.get('customer', customer, null)?.attributes
      const blank: AccountEntry = {
        ...{
          customer,
          category: typeof attributes?.category === 'string' ? attributes.category : null,
          months: 0,
          knownKwh: '0',
          isWhole: false,
        },
        ...{ meanKwh: null, isKey: null, state: 'not-computable', reasons: [], grade: null, given: null, notes: [] },
      }
      return ok(viewOf(entry ?? blank, true, scope))
    },
  }
}

/** A point of a key account without a good reading of the time. Instants are milliseconds since 1970 UTC. */
export interface UnreadPoint {
  readonly customer: string
  readonly point: string
  readonly meter: string | null
  /** Newest reading of any kind; null: there is none. */
  readonly newestAt: number | null
  /** Since when, as far as it can be told. */
  readonly since: number
  readonly days: number
}

/**
 * Every point of the key accounts of the newest list that was not read for so many days (重点客户周核抄). A point that has no meter for so long yet is not due.
 *
 * @param before  as it was found the time before: where nobody can tell when it began, it began then
 * @errors        those of the store
 */
export const unreadPoints = async (
  parts: Omit<AccountViewParts, 'make'>,
  before: readonly UnreadPoint[],
): Promise<Result<readonly UnreadPoint[], Refusal>> => {
  const { file, ledger, clock, settings } = parts
  const [run] = file.runs()
  const known = new Map(before.map(({ point, since }) => [point, since]))
  const unread: UnreadPoint[] = []
  if (!run) return ok(unread)
  const pointsOf = pointIndex(ledger)
  const days = settings().checkDays
  const to = clock.now()
  const from = to - days * DAY
  for (let last = ''; ; ) {
    const page = file.entries(run.id, { isKeyOrUnknown: true }, last, PAGE, true)
    for (const { customer, isKey } of page) {
      last = customer
      if (!isKey) continue
      const check = await checkOf(parts, customer, pointsOf(customer), from, to)
      if (!check.ok) return check
      for (const { point, meter, goodAt, newestAt } of check.value.points)
        if (goodAt === null && ledger.meterAt(point, from) !== null) {
          const since = newestAt !== null && newestAt < from ? newestAt : (known.get(point) ?? from)
          unread.push({ customer, point, meter, newestAt, since, days })
        }
    }
    if (page.length < PAGE) return ok(unread)
  }
}

const sees = (scope: Scope, customer: string): boolean => scope.all || scope.sees('customer', customer)

/** Entries somebody may see, page after page until there are enough. */
const seen = (scope: Scope, after: string, limit: number, page: (from: string) => readonly AccountEntry[]): readonly AccountEntry[] => {
  const items: AccountEntry[] = []
  for (let from = after; ; ) {
    const found = page(from)
    for (const entry of found) {
      if (sees(scope, entry.customer)) items.push(entry)
      if (items.length >= limit) return items
    }
    const last = found.at(-1)
    if (!last || found.length < PAGE) return items
    from = last.customer
  }
}

const nameOf = (ledger: Pick<Ledger, 'get'>, customer: string): string | null => {
  const name = ledger.get('customer', customer, null)?.attributes.name
  return typeof name === 'string' ? name : null
}

const runView = ({ id: _, ...run }: AccountRun): KeyRunView => ({ ...run, usedYear: run.year - 1 })

const listed = ({ isKey, reasons, grade, given, state }: AccountEntry): Listed => ({
  ...{ isKey, reasons, state, grade: given ?? grade, isByPerson: given !== null },
})
const sideOf = ({ isKey, grade, given, meanKwh }: AccountEntry): KeyMoverSide => ({ key: isKey, grade: given ?? grade, meanKwh })

const moverOf = (
  { ledger }: AccountViewParts,
  customer: string,
  before: AccountEntry | null,
  after: AccountEntry | null,
): KeyMoverView | null => {
  const move = moveOf(before && listed(before), after && listed(after))
  return move && { customer, name: nameOf(ledger, customer), ...move, before: before && sideOf(before), after: after && sideOf(after) }
}

/** Points of every customer as the ledger has them now, made anew when it has changed. */
const pointIndex = (ledger: AccountViewParts['ledger']) => {
  let at = -1
  let known = new Map<string, string[]>()
  return (customer: string): readonly string[] => {
    const { seq } = ledger
    if (at !== seq) {
      known = new Map()
      for (const { id, state, role } of ledger.points()) {
        if (state === 'planned' || state === 'archived' || role !== 'customer') continue
        const owner = ledger.get('point', id, null)?.attributes.customer
        if (typeof owner !== 'string') continue
        const points = known.get(owner)
        if (points) points.push(id)
        else known.set(owner, [id])
      }
      at = seq
    }
    return known.get(customer) ?? []
  }
}

/** Kinds of readings that nobody read: they check nothing. */
const NOT_READ = QUALITY.estimated | QUALITY.quarantined | QUALITY.manual | QUALITY.clockDoubtful | QUALITY.partial | QUALITY.unregistered
const isGood = ({ series: { measurement, tags }, quality, raws }: Reading): boolean =>
  measurement === 'register' &&
  tags.source !== 'manual' &&
  tags.source !== 'estimated' &&
  (quality & NOT_READ) === 0 &&
  raws.some((raw) => raw !== null)

const checkOf = async (
  { ledger, latest, store }: Pick<AccountViewParts, 'ledger' | 'latest' | 'store'>,
  customer: string,
  points: readonly string[],
  from: number,
  to: number,
): Promise<Result<KeyCheckView, Refusal>> => {
  const found: KeyCheckView['points'][number][] = []
  for (const point of points) {
    const newest = latest.latestOf({ point }).filter(({ series }) => series.measurement === 'register')
    const newestAt = newest.reduce<number | null>((last, { measuredAt }) => (last === null || measuredAt > last ? measuredAt : last), null)
    const within = newest.filter((reading) => reading.measuredAt >= from && reading.measuredAt <= to)
    let goodAt = within
      .filter(isGood)
      .reduce<number | null>((last, { measuredAt }) => (last === null || measuredAt > last ? measuredAt : last), null)
    // The newest of a series may be bad and the one before it good.
    if (goodAt === null && newestAt !== null && newestAt >= from) {
      const older = await lastGood(store, point, from, to)
      if (!older.ok) return older
      goodAt = older.value
    }
    found.push({ point, meter: ledger.meterAt(point, to + 1)?.meter ?? null, goodAt, newestAt })
  }
  return ok({
    customer,
    name: nameOf(ledger, customer),
    checked: found.length > 0 && found.every(({ goodAt }) => goodAt !== null),
    points: found,
  })
}

const lastGood = async (
  store: Pick<ReadingStore, 'range'>,
  point: string,
  from: number,
  to: number,
): Promise<Result<number | null, Refusal>> => {
  let good: number | null = null
  let cursor: string | null = null
  let read = 0
  do {
    const page: Awaited<ReturnType<typeof store.range>> = await store.range({
      ...{ measurement: 'register', tags: { point }, from, to, limit: 500 },
      ...(cursor === null ? {} : { cursor }),
    })
    if (!page.ok) return err({ because: 'unavailable', error: page.error })
    for (const reading of page.value.readings) if (isGood(reading)) good = reading.measuredAt
    read += page.value.readings.length
    cursor = page.value.next
  } while (cursor !== null && read < MOST_READ)
  return ok(good)
}
