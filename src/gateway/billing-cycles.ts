import type { BillingCycleReport, BillingCycleView, BillingUnitView, Refusal, SeesPoint } from '../api/index.ts'
import { type BillingPoint, type BillingReads, type BillingScope, billingFailure, decide, type Version } from '../billing/index.ts'
import { err, ok, QUALITY, type Result } from '../core/index.ts'
import type { EnergyDays } from './energy-days.ts'

export interface CycleParts {
  readonly reads: BillingReads
  readonly versionsAt: (at: number, points: readonly string[]) => Promise<ReadonlyMap<string, readonly Version[]>>
  readonly days: Pick<EnergyDays, 'start' | 'of'>
  readonly now: () => number
  readonly cycles: () => readonly BillingCycleView[]
  readonly estimates: () => boolean
  readonly isKnown: (kind: 'zone' | 'area', id: string) => boolean
}

/** Points that are named one by one. */
const MOST_NAMED = 500

type Counting = { -readonly [Name in keyof Omit<BillingUnitView, 'area' | 'heldBy'>]: number } & {
  area: string | null
  heldBy: Record<string, number>
}

const nothing = (area: string | null): Counting => ({
  ...{ area, due: 0, released: 0, provisional: 0, held: 0, missing: 0, estimated: 0 },
  heldBy: {},
})

/** The midnight a cycle is billed by in a month. @param month  2026-11 */
export const cycleInstant = (days: Pick<EnergyDays, 'start'>, { day }: Pick<BillingCycleView, 'day'>, month: string): number =>
  days.start(`${month}-${String(day).padStart(2, '0')}`)

/** How complete a cycle (抄表例日) is in a month: counted point by point, with the memory of one piece. @errors BILLING_CYCLE, BILLING_FUTURE */
export const completenessOf = async (
  parts: CycleParts,
  id: string,
  month: string | null,
  sees: SeesPoint,
): Promise<Result<BillingCycleReport, Refusal>> => {
  const { reads, versionsAt, days, now, cycles, estimates } = parts
  const cycle = cycles().find((one) => one.id === id)
  if (!cycle) return err({ because: 'unknown', error: billingFailure('BILLING_CYCLE', `there is no billing cycle ${id}`).error })
  const chosen = month ?? newestMonth(days, cycle, now())
  const at = cycleInstant(days, cycle, chosen)
  if (at > now())
    return err({
      because: 'not-possible',
      error: billingFailure('BILLING_FUTURE', `cycle ${id} of ${chosen} is billed by ${new Date(at).toISOString()}, which has not passed`)
        .error,
    })
  const units = new Map<string, Counting>()
  const total = nothing(null)
  const counted = new Set<string>()
  const rules = { estimates: estimates(), again: false }
  const scopes = scopesOf(cycle)
  const open: { point: string; area: string | null; reasons: readonly string[] }[] = []
  for (const scope of scopes)
    for await (const piece of reads.at(at, { ...scope, ...(sees ? { sees } : {}) }, null)) {
      // An area may lie in a zone that is named too.
      const points = scopes.length === 1 ? piece : piece.filter(({ point }) => !counted.has(point))
      for (const { point } of points) counted.add(point)
      const versions = await versionsAt(
        at,
        points.map(({ point }) => point),
      )
      for (const point of points) {
        const key = point.area ?? ''
        const unit = units.get(key) ?? nothing(point.area)
        units.set(key, unit)
        const judged = judge(point, versions.get(point.point) ?? [], cycle.registers, rules)
        count(unit, judged)
        count(total, judged)
        if (!judged.isReleased && open.length < MOST_NAMED) open.push({ point: point.point, area: point.area, reasons: judged.reasons })
      }
    }
  const sorted = [...units].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, unit]) => unit)
  const former = await formerOf(parts, cycleInstant(days, cycle, monthBefore(chosen)), scopes, counted, sees)
  return ok({ cycle, month: chosen, at, units: sorted, total, open, ...former, unknown: unknownOf(parts, cycle) })
}

/** Points of the month before that are not in this one: what they used since has no register at this instant. */
const formerOf = async (
  { reads }: CycleParts,
  before: number,
  scopes: readonly BillingScope[],
  counted: ReadonlySet<string>,
  sees: SeesPoint,
): Promise<Pick<BillingCycleReport, 'former' | 'formerPoints'>> => {
  const found = new Map<string, string | null>()
  for (const scope of scopes)
    for await (const piece of reads.billed(before, { ...scope, ...(sees ? { sees } : {}) }))
      for (const { point, area } of piece) if (!counted.has(point)) found.set(point, area)
  return { formerPoints: found.size, former: [...found].slice(0, MOST_NAMED).map(([point, area]) => ({ point, area })) }
}

/** Places of a cycle that the ledger does not have: nothing of them was counted. */
const unknownOf = ({ isKnown }: CycleParts, { zones, areas }: BillingCycleView): readonly string[] => [
  ...(zones ?? []).filter((id) => !isKnown('zone', id)),
  ...(areas ?? []).filter((id) => !isKnown('area', id)),
]

interface Judged {
  readonly isReleased: boolean
  readonly reasons: readonly string[]
  readonly isMissing: boolean
}

const judge = (
  point: BillingPoint,
  versions: readonly Version[],
  wanted: readonly string[] | null,
  rules: Parameters<typeof decide>[3],
): Judged => {
  const standing = new Set(versions.filter(({ kind }) => kind !== 'withdrawn').map(({ register }) => register))
  const due = wanted ?? [...point.registers.map(({ register }) => register), ...point.missing]
  const isReleased = standing.size > 0 && due.every((register) => standing.has(register))
  const left = isReleased ? [] : [...new Set<string>(decide(point, versions, [], rules).left.map(({ reason }) => reason))]
  // What the cycle wants and the meter was never due to say: a release would not make it whole.
  const isLacking = due.some((register) => !standing.has(register) && !point.registers.some((one) => one.register === register))
  const reasons = !isReleased && left.length === 0 && isLacking ? ['incomplete'] : left
  const read = new Set(point.registers.filter(({ quality }) => (quality & QUALITY.quarantined) === 0).map(({ register }) => register))
  return { isReleased, reasons, isMissing: due.length === 0 || due.some((register) => !read.has(register)) }
}

const count = (unit: Counting, { isReleased, reasons, isMissing }: Judged): void => {
  unit.due++
  if (isReleased) unit.released++
  else if (reasons.length === 0) unit.provisional++
  else {
    unit.held++
    if (isMissing) unit.missing++
    if (reasons.includes('estimated')) unit.estimated++
    for (const reason of reasons) unit.heldBy[reason] = (unit.heldBy[reason] ?? 0) + 1
  }
}

const scopesOf = ({ zones, areas }: BillingCycleView): readonly Pick<BillingScope, 'zone' | 'area'>[] =>
  zones === null && areas === null ? [{}] : [...(zones ?? []).map((zone) => ({ zone })), ...(areas ?? []).map((area) => ({ area }))]

const newestMonth = (days: CycleParts['days'], cycle: BillingCycleView, now: number): string => {
  const month = days.of(now).slice(0, 7)
  return cycleInstant(days, cycle, month) <= now ? month : monthBefore(month)
}

const monthBefore = (month: string): string => {
  const [year = 0, number = 0] = month.split('-').map(Number)
  return number === 1 ? `${year - 1}-12` : `${year}-${String(number - 1).padStart(2, '0')}`
}
