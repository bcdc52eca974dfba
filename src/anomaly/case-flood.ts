import { type Case, isUnsettled, type JudgedDay, NO_WORK, type Taken } from './case.ts'
import { BY_ITSELF, evidenceOf, rankOf } from './case-evidence.ts'
import type { Estimate, Finding, FindingKind } from './finding.ts'

/** How many alike make a flood. `single`: of what each customer or each entry of the ledger does by itself. */
interface FloodSize {
  readonly alike: number
  readonly single: number
}

/**
 * So many meters of one area that begin to fail the same way on one day fail for one reason. Faults of their own come at 0.1 a day and
 * kind in a large area (aim: 0.055 false and about as many true alarms per 1,000 meter-days, 500 meters); five at once then happen with
 * P = 8e-8, less than once a year over 200 areas and 30 kinds (Poisson). What is single has stood for years and is all found by the first
 * look: a tenth of the customers of a large area of 200 may be, more is no coincidence.
 */
const AREA_FLOOD: FloodSize = { alike: 5, single: 20 }
/** The same over a zone of 20,000 meters, where five a day come by themselves: twenty happen with P = 8e-8 (Poisson, mean 5). */
export const ZONE_FLOOD: FloodSize = { alike: 20, single: 2000 }
/** Each of them has a place, a culprit or an entry of its own, and somebody goes there. */
const SINGLE: ReadonlySet<FindingKind> = new Set(['theft', 'wrong_multiplier', 'wrong_phase', 'unregistered_pv', 'use_deviation'])
/** Fewer than this many that remain are faults of their own; less than a flood begins with, so that a flood does not come and go. */
export const FLOOD_KEEPS = 3

/** What tells one flood from another: the day it began, and how its members fail. */
const likeness = ({ kind, cause, raised: { trueArea }, level, detectedAt }: Case): string =>
  [kind, cause ?? '', trueArea ?? '', level, detectedAt].join('/')

/** A place whose cases can make one flood. */
export interface FloodPlace {
  readonly level: 'area' | 'zone'
  readonly id: string
  readonly atLeast: FloodSize
}

/** Makes one case of many of an area that began alike on this day, and lets the few that remain of one go. */
export const withFloods = (taken: Taken, day: JudgedDay): Taken => {
  const place: FloodPlace = { level: 'area', id: taken.book.area, atLeast: AREA_FLOOD }
  const { cases, changes } = floods(taken.book.cases, place, day)
  return changes.length === 0 && cases === taken.book.cases
    ? taken
    : { book: { ...taken.book, cases }, changes: [...taken.changes, ...changes] }
}

type Cases = Taken['book']['cases']

/**
 * Floods of one place.
 *
 * @param all  cases of the place: of an area, or those of a zone that belong to nothing yet, with the zone's floods and their members
 */
export const floods = (all: Cases, place: FloodPlace, day: JudgedDay): { readonly cases: Cases; readonly changes: Taken['changes'] } => {
  const cases = new Map(all)
  const changes: Taken['changes'][number][] = []
  const isOfPlace = (one: Case) => one.level === place.level && one.target === place.id && one.key.startsWith('flood/')
  for (const [likely, group] of begunOn(cases.values(), day.day, place)) {
    const id = `flood/${place.level}/${place.id}/${likely}#1`
    const known = cases.get(id)
    const weight = group.reduce((sum, { members }) => sum + Math.max(1, members.length), 0)
    if ((known && !isUnsettled(known.state)) || (!known && weight < leastOf(place, group))) continue
    const members = [...(known?.members ?? []).flatMap((member) => cases.get(member) ?? []), ...group].sort((a, b) =>
      a.id < b.id ? -1 : 1,
    )
    const flood = parentOf(id, place, members, known ?? null, day)
    cases.set(id, flood)
    const many = { zh: flood.evidence.why.zh, en: flood.evidence.why.en }
    changes.push({ id, what: known ? 'grew' : 'opened', why: many })
    for (const one of group) {
      cases.set(one.id, { ...one, belongs: { to: id, as: 'member' } })
      changes.push({ id: one.id, what: 'joined', why: { zh: `并入案件 ${id}`, en: `part of case ${id}` } })
    }
  }
  for (const flood of [...cases.values()].filter(isOfPlace)) if (isUnsettled(flood.state)) renew(flood, cases, changes, place, day)
  return { cases: same(all, cases) ? all : cases, changes }
}

const leastOf = ({ atLeast }: FloodPlace, [first]: readonly Case[]): number =>
  first && SINGLE.has(first.kind) ? atLeast.single : atLeast.alike

const same = (before: Cases, after: Cases): boolean => before.size === after.size && [...after].every(([id, one]) => before.get(id) === one)

/** Cases that were found on this day and belong to nothing, by how they fail. */
const begunOn = (cases: Iterable<Case>, day: string, { level }: FloodPlace): ReadonlyMap<string, readonly Case[]> => {
  const groups = new Map<string, Case[]>()
  for (const one of cases) {
    if (one.detectedAt !== day || one.belongs || !isUnsettled(one.state)) continue
    const isFlood = one.members.length > 0
    // A flood of areas is part of one of the zone; nothing is part of its own kind.
    if (isFlood && (level === 'area' || one.level === 'zone')) continue
    const name = likeness(isFlood ? { ...one, level: one.evidence.level } : one)
    groups.set(name, [...(groups.get(name) ?? []), one])
  }
  return groups
}

/** A flood that stands: its figures are those of its members; what is left of it goes on alone. */
const renew = (flood: Case, cases: Map<string, Case>, changes: Taken['changes'][number][], place: FloodPlace, day: JudgedDay): void => {
  // A member that was withdrawn belongs nowhere.
  const members = flood.members.flatMap((id) => cases.get(id) ?? []).filter(({ belongs }) => belongs?.to === flood.id)
  const unsettled = members.filter(({ state }) => isUnsettled(state))
  const going = unsettled.filter(({ to }) => to === null)
  const release = (some: readonly Case[]) => {
    for (const one of some) {
      cases.set(one.id, { ...one, belongs: null })
      changes.push({ id: one.id, what: 'left', why: { zh: `从案件 ${flood.id} 中分出`, en: `apart from case ${flood.id} again` } })
    }
  }
  const weight = (some: readonly Case[]) => some.reduce((sum, one) => sum + Math.max(1, one.members.length), 0)
  const isFew = weight(unsettled) < FLOOD_KEEPS
  const leaving = isFew ? unsettled : weight(going) < FLOOD_KEEPS ? going : []
  release(leaving)
  const gone = new Set(leaving.map(({ id }) => id))
  const rest = members.filter(({ id }) => !gone.has(id))
  if (isFew) {
    const why = {
      zh: `剩余 ${leaving.length} 个单独处理`,
      en: leaving.length === 0 ? 'all of it is settled' : `the ${leaving.length} that remain stand alone`,
    }
    const settled = { at: day.end, who: BY_ITSELF, cause: 'over', text: why.en, analysis: null, evidence: evidenceOf(flood.evidence) }
    cases.set(flood.id, { ...flood, state: 'closed', settled, to: flood.to ?? lastEnd(members) })
    changes.push({ id: flood.id, what: 'closed', why })
    return
  }
  const next = parentOf(flood.id, place, rest, flood, day)
  if (JSON.stringify(next) !== JSON.stringify(flood)) cases.set(flood.id, next)
}

const lastEnd = (members: readonly Case[]): number | null =>
  members.length === 0 || members.some(({ to }) => to === null) ? null : Math.max(...members.map(({ to }) => to ?? 0))

/** The case that stands for its members. */
const parentOf = (id: string, place: FloodPlace, members: readonly Case[], known: Case | null, day: JudgedDay): Case => {
  const [first] = members
  if (!first) throw new Error(`flood ${id} has no members`)
  const worst = members.reduce((most, one) => (rankOf(one.severity) > rankOf(most.severity) ? one : most), first)
  const from = members.reduce((least, one) => Math.min(least, one.from), first.from)
  const score = members.reduce((most, one) => Math.max(most, one.score), 0)
  const count = members.reduce((sum, one) => sum + Math.max(1, one.members.length), 0)
  const kwh = sumOf(members)
  const evidence: Finding = {
    ...{
      rule: 'flood',
      version: 1,
      kind: first.kind,
      key: id.slice(0, -2),
      target: place.id,
      area: place.level === 'area' ? place.id : '',
    },
    ...{ level: first.evidence.level, from, to: lastEnd(members), score, severity: worst.severity, kwh },
    ...(first.cause === null ? {} : { cause: first.cause }),
    ...(first.raised.trueArea === undefined ? {} : { trueArea: first.raised.trueArea }),
    numbers: { members: count },
    thresholds: { 'flood.members': leastOf(place, members) },
    series: [],
    ruledOut: [],
    why: {
      zh: `${place.id}：同一天有 ${count} 个对象出现相同异常（${first.kind}）`,
      en: `${place.id}: ${count} fail the same way since one day (${first.kind})`,
    },
    action: first.evidence.action,
  }
  const base = known ?? {
    ...{ id, key: id.slice(0, -2), occurrence: 1, kind: first.kind, target: place.id, area: evidence.area, level: place.level },
    ...{ state: 'open' as const, detectedAt: first.detectedAt, peak: score, raised: evidence, belongs: null },
    ...{ grown: [{ day: day.day, end: day.end, score, kwh: kwh?.value ?? null }], settled: null, withdrawn: null, work: NO_WORK },
  }
  return {
    ...base,
    ...{ from, to: evidence.to, score, peak: Math.max(base.peak, score), severity: worst.severity, kwh, cause: first.cause, evidence },
    members: members.map((one) => one.id),
  }
}

/** Energy of all; null where nobody has any. Bounds are added: what makes them fail alike makes them err alike. */
const sumOf = (members: readonly Case[]): Estimate | null =>
  members.reduce<Estimate | null>(
    (sum, { kwh }) =>
      kwh === null ? sum : { value: (sum?.value ?? 0) + kwh.value, low: (sum?.low ?? 0) + kwh.low, high: (sum?.high ?? 0) + kwh.high },
    null,
  )
