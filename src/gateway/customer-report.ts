import type {
  BillingCustomerView,
  BillingReadDeps,
  CaseView,
  CustomerReportView,
  EnergyAnswer,
  EnergyDeps,
  Refusal,
  ReportDaysView,
  ReportDeps,
  ReportQuestion,
  ReportSumView,
  TierDeps,
} from '../api/index.ts'
import { type Clock, type Decimal, decimalText, err, multiply, ok, parseDecimal, type Result, rescale, type Scope } from '../core/index.ts'
import { sumOf } from '../energy/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type { AccountOf } from './account-views.ts'
import { completenessOf } from './billing-read-views.ts'
import { leastOf } from './billing-states.ts'
import type { EnergyDays } from './energy-days.ts'
import { reportFailure } from './report-errors.ts'
import type { ReportFile } from './report-file.ts'
import { gapsOf } from './report-gaps.ts'

export interface ReportParts {
  readonly ledger: Pick<Ledger, 'get' | 'history'>
  readonly clock: Pick<Clock, 'now'>
  readonly days: EnergyDays
  readonly billing: BillingReadDeps['billingReads']
  readonly energy: Pick<EnergyDeps, 'energy'>
  readonly tiers: TierDeps
  readonly accountOf: (customer: string, scope: Scope) => Promise<AccountOf | null>
  /** Cases of a point or meter, settled or not. */
  readonly casesOf: (target: string) => Promise<readonly CaseView[]>
  readonly file: ReportFile
}

const DAY = 86_400_000
const LONGEST_DAYS = 400
const MOST_POINTS = 1_000

const refuse = (because: Refusal['because'], code: Parameters<typeof reportFailure>[0], message: string): Result<never, Refusal> =>
  err({ because, error: reportFailure(code, message).error })

const unknown = (customer: string) =>
  refuse('unknown', 'REPORT_CUSTOMER', `there is no customer ${JSON.stringify(customer)}, or it is not yours to see`)

/** Reports of customers: what is known of a time, put together in one answer, and kept where somebody says so. */
export const customerReports = (parts: ReportParts): ReportDeps['reports'] => {
  const { file, ledger } = parts
  const nameOf = (customer: string): string | null => {
    const name = ledger.get('customer', customer, null)?.attributes.name
    return typeof name === 'string' ? name : null
  }
  const seesKept = (scope: Scope, customer: string, points: readonly string[]): boolean =>
    scope.all || (scope.sees('customer', customer) && points.every((point) => scope.sees('point', point)))
  return {
    of: (customer, question) => reportOf(parts, customer, question),
    keep: async (customer, question, by, why) => {
      const report = await reportOf(parts, customer, question)
      return report.ok ? ok({ kept: file.keep(report.value, by, why), report: report.value }) : report
    },
    kept: async (customer, scope, before, limit) => {
      const found = []
      for (let from = before; found.length < limit; ) {
        const page = file.list(customer, from, Math.max(limit, PAGE))
        for (const { points, ...kept } of page) if (found.length < limit && seesKept(scope, kept.customer, points)) found.push(kept)
        from = page.at(-1)?.id ?? null
        if (page.length < Math.max(limit, PAGE)) break
        // What is not theirs must not hold up the others.
        await new Promise<void>((done) => setImmediate(done))
      }
      return found
    },
    keptOne: (id, scope) => {
      const found = file.get(id)
      if (!found || !seesKept(scope, found.head.customer, found.head.points))
        return refuse('unknown', 'REPORT_UNKNOWN', `there is no kept report ${id}, or it is not yours to see`)
      const { points: _, ...kept } = found.head
      if (!found.report) return refuse('unavailable', 'REPORT_DAMAGED', `report ${id} is not what was kept: its digest is another one`)
      return ok({ kept, report: { ...found.report, name: nameOf(kept.customer) } })
    },
  }
}

const PAGE = 200

const reportOf = async (parts: ReportParts, customer: string, question: ReportQuestion): Promise<Result<CustomerReportView, Refusal>> => {
  const { ledger, clock, days, billing, tiers } = parts
  const { scope, only } = question
  if (only !== null && only !== customer) return unknown(customer)
  if (ledger.get('customer', customer, null) === null || !scope.sees('customer', customer)) return unknown(customer)
  const time = timeOf(parts, question)
  if (!time.ok) return time
  const { from, to } = time.value
  const found = await billing.customer(customer, from, to, scope)
  if (!found.ok) return found
  const { points, notBilled, sums } = found.value
  if (points.length > MOST_POINTS)
    return refuse('not-possible', 'REPORT_SIZE', `customer ${customer} has ${points.length} points; a report takes ${MOST_POINTS}`)
  const ids = points.map(({ point }) => point)
  const endAt = async (at: number) => {
    const groups = await completenessOf(
      ids.length === 0 ? none() : billing.readings(at, { points: ids }, scope, null),
      () => NO_ZONES,
      'zone',
    )
    const whole = groups.at(-1)
    if (!whole) throw new Error('completeness without a total')
    return whole
  }
  const last = days.of(to - 1)
  const split = await tiers.tiersOfCustomer(customer, {
    ...{ year: Number(last.slice(0, 4)), until: last, only },
    // Of a customer's own nothing of anybody else is in it, so that points they have left count too.
    scope: only === null ? scope : { all: true, sees: () => true },
  })
  if (!split.ok && (split.error.because === 'unavailable' || split.error.because === 'busy')) return split
  const isOwn = only !== null
  const account = isOwn ? null : await parts.accountOf(customer, scope)
  if (account && !account.check.ok) return account.check
  const cases = isOwn ? null : await casesOf(parts, found.value, scope, from, to)
  const registers = new Set(sums.map(({ register }) => register))
  const view: Omit<CustomerReportView, 'complete' | 'gaps'> = {
    ...{ customer, from, to, zone: days.zone, madeAt: clock.now(), state: found.value.state, points, notBilled },
    name: nameIn(ledger.get('customer', customer, null)?.attributes.name),
    sums: sums.map((sum) => sumView(sum, points)),
    ends: { from: await endAt(from), to: await endAt(to) },
    days: (await Promise.all(ids.map((id) => daysOf(parts, id, registers, from, to)))).flat(),
    tiers: split.ok
      ? { split: split.value, refused: null }
      : { split: null, refused: { code: split.error.error.code, message: split.error.error.message } },
    account: account && { year: account.year, version: account.version, entry: account.entry },
    check: account?.check.ok ? account.check.value : null,
    cases,
    withheld: isOwn ? ['account', 'check', 'cases'] : [],
  }
  const gaps = gapsOf(view, days)
  return ok({ ...view, gaps, complete: gaps.length === 0 })
}

const NO_ZONES: ReadonlySet<string> = new Set()
async function* none(): AsyncGenerator<never, void> {}
const nameIn = (name: unknown): string | null => (typeof name === 'string' ? name : null)

/** The time of a report: it is over. */
const timeOf = (
  { clock, days }: ReportParts,
  { time }: ReportQuestion,
): Result<{ readonly from: number; readonly to: number }, Refusal> => {
  const now = clock.now()
  if (time && 'from' in time) {
    if (time.to <= time.from) return refuse('not-possible', 'REPORT_TIME', 'the end of the time lies not after its begin')
    if (time.to > now) return refuse('not-possible', 'REPORT_TIME', `the time is not over: it is ${new Date(now).toISOString()}`)
    if (time.to - time.from > LONGEST_DAYS * DAY)
      return refuse('not-possible', 'REPORT_TIME', `a report is of ${LONGEST_DAYS} days at most`)
    return ok(time)
  }
  const month = time?.month ?? days.add(`${days.of(now).slice(0, 7)}-01`, -1).slice(0, 7)
  const all = days.ofMonth(month)
  const span = { from: days.start(all[0] ?? ''), to: days.end(all.at(-1) ?? '') }
  return span.to <= now ? ok(span) : refuse('not-possible', 'REPORT_TIME', `${month} is not over: it is ${days.of(now)}`)
}

const sumView = (
  { register, unit, energy, reasons }: BillingCustomerView['sums'][number],
  points: BillingCustomerView['points'],
): ReportSumView => {
  const parts = points.flatMap(({ registers, sign }) =>
    registers.filter((one) => one.register === register).map((one) => ({ ...one, sign })),
  )
  const known = parts.flatMap(({ energy: value, sign, estimatedPpm }) => {
    const number = parseDecimal(value ?? '')
    const size = number && (number.raw < 0 ? { ...number, raw: -number.raw } : number)
    return number && size ? [{ signed: { ...number, raw: sign < 0 ? -number.raw : number.raw }, size, estimatedPpm }] : []
  })
  const sum = sumOf(known.map(({ signed }) => signed))
  const size = sumOf(known.map((one) => one.size))
  const made = sumOf(known.map((one) => multiply(one.size, { raw: one.estimatedPpm, scaler: 0 })))
  // Never less than there is: a share of a millionth is not none.
  const ppm = size.raw > 0 ? roundedUp(made, size) : known.reduce((most, one) => Math.max(most, one.estimatedPpm), 0)
  return {
    ...{ register, unit, energy, reasons },
    knownEnergy: decimalText(sum.raw, sum.scaler),
    ...{ due: parts.length, known: known.length, released: parts.filter(({ released }) => released).length },
    state: parts.length === 0 ? 'held' : leastOf(parts.flatMap(({ start, end }) => [start?.state ?? 'held', end?.state ?? 'held'])),
    estimatedPpm: Math.min(1_000_000, ppm),
  }
}

const roundedUp = (part: Decimal, whole: Decimal): number => {
  const scaler = Math.min(part.scaler, whole.scaler)
  const [above, below] = [BigInt(rescale(part, scaler).raw), BigInt(rescale(whole, scaler).raw)]
  return Number((above + below - 1n) / below)
}

const MISSING = ['missing']

/** How many of the days are known, and which are not. */
const daysOf = async (
  { energy, days }: ReportParts,
  point: string,
  registers: ReadonlySet<string>,
  from: number,
  to: number,
): Promise<readonly ReportDaysView[]> => {
  const found = await energy.energy(point, { from, to, period: 'day', detail: false })
  if (!found.ok) return [...registers].map((register) => nothingKnown(days, point, register, from, to))
  const { pending, registers: given } = found.value
  return [...registers].sort().flatMap((register) => {
    const one = given.find((each) => each.register === register)
    // A point without any figure of its total register is one of which no day is known; of other registers it may have none.
    if (!one) return register === TOTAL ? [nothingKnown(days, point, register, from, to)] : []
    return [daysView(point, one, pending)]
  })
}

const TOTAL = '1.8.0'

const daysView = (
  point: string,
  { register, unit, items, total, known, due, estimatedPpm }: EnergyAnswer['registers'][number],
  pending: boolean,
): ReportDaysView => {
  const missing: { from: number; to: number; days: number; reasons: readonly string[] }[] = []
  let covered = 0
  for (const { from, to, value, reasons, coveredPpm } of items) {
    covered += value === null ? 0 : coveredPpm
    if (value !== null) continue
    const before = missing.at(-1)
    if (before && before.to === from && before.reasons.join() === reasons.join())
      missing[missing.length - 1] = { ...before, to, days: before.days + 1 }
    else missing.push({ from, to, days: 1, reasons })
  }
  return {
    ...{ point, register, unit, due, known, knownEnergy: total, estimatedPpm, pending, missing },
    coveredPpm: items.length === 0 ? 0 : Math.floor(covered / items.length),
  }
}

const nothingKnown = (days: EnergyDays, point: string, register: string, from: number, to: number): ReportDaysView => {
  const due = days.between(days.of(from), days.of(to - 1)).filter((day) => days.start(day) >= from).length
  return {
    ...{ point, register, unit: 'kWh', due, known: 0, knownEnergy: null, estimatedPpm: 0, coveredPpm: 0, pending: false },
    missing: due === 0 ? [] : [{ from, to, days: due, reasons: MISSING }],
  }
}

/** Cases of the points and the meters that hung there, of faults that fall into the time, and those that nobody has settled. */
const casesOf = async (
  { casesOf: ask, ledger }: ReportParts,
  { points, notBilled }: BillingCustomerView,
  scope: Scope,
  from: number,
  to: number,
): Promise<readonly CaseView[]> => {
  const targets = new Set(
    [...points.map(({ point }) => point), ...notBilled].flatMap((point) => [point, ...ledger.history(point).map(({ meter }) => meter)]),
  )
  const found = new Map<number, CaseView>()
  for (const target of targets)
    for (const one of await ask(target)) {
      const { one: known } = one
      if (!scope.all && known.area !== '' && !scope.sees('area', known.area)) continue
      if (known.from < to && (known.to === null || known.to >= from)) found.set(one.id, one)
    }
  return [...found.values()].toSorted((a, b) => b.id - a.id)
}
