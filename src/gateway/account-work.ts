import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Decimal, parseDecimal } from '../core/index.ts'
import type { Ledger } from '../ledger/index.ts'
import {
  type AnnualUse,
  add,
  type Grade,
  gradesOf,
  judgeKey,
  type KeyRules,
  monthsBetween,
  text,
  type Words,
  ZERO,
} from '../tariff/index.ts'
import type { AccountCounts, AccountEntry, AccountFile } from './account-file.ts'
import { type AccountParts, isDrawing, staysOf, useFrom } from './tier-account.ts'
import { stretchOf, type UseParts } from './tier-energy.ts'

export interface AccountWorkParts extends AccountParts, Pick<UseParts, 'book'> {
  readonly ledger: AccountParts['ledger'] & Pick<Ledger, 'list' | 'points'>
}

export interface AccountWork {
  readonly file: AccountFile
  readonly parts: AccountWorkParts
  /** Out of this calendar year. */
  readonly year: number
  readonly rules: KeyRules
  readonly signal: AbortSignal
}

/** Meters are read in the same thread: after so much work it has its turn. */
const TURN_MS = 4
const PAGE = 500
const MOST_NOTES = 12

/** What is gathered of one customer. */
interface Gathered {
  kwh: Decimal
  isWhole: boolean
  readonly months: Set<string>
  readonly notes: Words[]
}

/**
 * Reckons the calendar year of every customer of the ledger and writes it to a list. Whoever's year cannot be reckoned is listed as such.
 *
 * @returns  null when it was broken off: the list is none then
 */
export const reckonAccounts = async ({ file, parts, year, rules, signal }: AccountWork, run: number): Promise<AccountCounts | null> => {
  const turn = turns(signal)
  const [start, end] = [`${year}-01-01`, `${year}-12-31`]
  const gathered = new Map<string, Gathered>()
  for (const { id: point, role } of parts.ledger.points()) {
    if (!(await turn())) return null
    if (role !== 'customer' || !isDrawing(parts, point)) continue
    for (const stay of staysOf(parts, point)) {
      if (stay.customer === null) continue
      const [first, last] = [useFrom(stay, start), stay.to !== null && stay.to < end ? stay.to : end]
      if (first > last || (stay.from !== null && stay.from > end)) continue
      const known = gathered.get(stay.customer)
      const of: Gathered = known ?? { kwh: ZERO, isWhole: true, months: new Set<string>(), notes: [] }
      if (!known) gathered.set(stay.customer, of)
      gather(parts, of, point, first, last)
    }
  }
  const uses: AnnualUse[] = []
  for await (const page of customerPages(parts, turn)) uses.push(...page.map((one) => useOf(one, gathered)))
  if (signal.aborted) return null
  const grades = gradesOf(uses)
  const counts = { customers: 0, key: 0, notComputable: 0, A: 0, B: 0, C: 0, D: 0 }
  for (let at = 0; at < uses.length; at += PAGE) {
    if (!(await turn())) return null
    const entries = uses.slice(at, at + PAGE).map((use) => entryOf(file, use, rules, grades, gathered.get(use.customer)?.notes ?? []))
    for (const { isKey, state, grade, given } of entries) {
      counts.customers++
      if (isKey) counts.key++
      if (state === 'not-computable') counts.notComputable++
      const held = given ?? grade
      if (held) counts[held]++
    }
    file.add(run, entries)
  }
  return counts
}

const turns = (signal: AbortSignal) => {
  let since = performance.now()
  return async (): Promise<boolean> => {
    if (performance.now() - since > TURN_MS) {
      await nextTurn()
      since = performance.now()
    }
    return !signal.aborted
  }
}

/** Adds what a point used while it was somebody's. */
const gather = (parts: AccountWorkParts, of: Gathered, point: string, first: string, last: string): void => {
  for (const month of monthsBetween(first.slice(0, 7), last.slice(0, 7))) {
    of.months.add(month)
    const dates = parts.days.ofMonth(month)
    const [begin = first, close = last] = [dates[0], dates.at(-1)]
    const { kwh, notes } = stretchOf(parts, point, begin < first ? first : begin, close > last ? last : close)
    if (kwh) of.kwh = add(of.kwh, kwh)
    else {
      of.isWhole = false
      if (of.notes.length < MOST_NOTES)
        of.notes.push(...notes.map(({ zh, en }) => ({ zh: `计量点${point} ${zh}`, en: `point ${point} ${en}` })))
    }
  }
}

async function* customerPages(parts: AccountWorkParts, turn: () => Promise<boolean>) {
  for (let after = ''; await turn(); ) {
    const page = parts.ledger.list({ kind: 'customer', after, limit: PAGE })
    if (page.length > 0) yield page
    const last = page.at(-1)
    if (!last || page.length < PAGE) return
    after = last.id
  }
}

const useOf = (
  { id, attributes: { category, keyAccount } }: { readonly id: string; readonly attributes: Readonly<Record<string, unknown>> },
  gathered: ReadonlyMap<string, Gathered>,
): AnnualUse => {
  const of = gathered.get(id)
  return {
    ...{ customer: id, category: typeof category === 'string' ? category : null, isNamed: keyAccount === true },
    ...{ months: of?.months.size ?? 0, kwh: of?.kwh ?? ZERO, isWhole: of?.isWhole ?? false },
  }
}

const NO_POINT: Words = { zh: '上一年没有在用的计量点', en: 'no point in service in the year before' }

const entryOf = (
  file: AccountFile,
  use: AnnualUse,
  rules: KeyRules,
  grades: ReadonlyMap<string, Grade>,
  notes: readonly Words[],
): AccountEntry => {
  const { state, meanKwh, isKey, reasons } = judgeKey(use, rules)
  return {
    ...{
      customer: use.customer,
      category: use.category,
      months: use.months,
      knownKwh: text(use.kwh),
      isWhole: use.isWhole && use.months > 0,
    },
    ...{ meanKwh: meanKwh && text(meanKwh), isKey, state, reasons, grade: grades.get(use.customer) ?? null },
    ...{ given: file.given(use.customer)?.grade ?? null, notes: use.months === 0 ? [NO_POINT] : notes },
  }
}

/** The rules of a configuration. */
export const keyRulesOf = (settings: {
  readonly monthlyKwh: string
  readonly inclusive: boolean
  readonly categories: readonly string[]
}): KeyRules => ({
  ...{ inclusive: settings.inclusive, categories: settings.categories },
  monthlyKwh: parseDecimal(settings.monthlyKwh) ?? { raw: 4000, scaler: 0 },
})
