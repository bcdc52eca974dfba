import { ALARM_SCORE, type AreaBook, type Case, type CaseChange, type JudgedDay, NO_WORK, type Suspicion, type Taken } from './case.ts'
import { endedByItself, grewBeyond, mergedGrowth, SILENT_DAYS_MS } from './case-evidence.ts'
import { withFloods } from './case-flood.ts'
import { withLinks } from './case-links.ts'
import type { Finding, Verdict, Withdrawal, Words } from './finding.ts'
import { HOUSE_RULE_IDS } from './house-rules.ts'
import type { Standing } from './view.ts'

/** A ranking that nobody has renewed for so long says nothing any more: the window that balances are judged on is a week at least. */
const RANKING_MS = 7 * 86_400_000

/**
 * Takes one day's verdict of an area into its book.
 *
 * A case comes from a finding at or above {@link ALARM_SCORE} and stays when the score falls. A finding that is not stated any more
 * has ended; one whose evidence of every day is gone, because days were judged again, is withdrawn. The same verdict of the same day
 * again changes nothing.
 *
 * @param day  may be an earlier day that is judged again
 */
export const takeVerdict = (book: AreaBook, verdict: Verdict, day: JudgedDay): Taken => {
  const cases = new Map(book.cases)
  const changes: CaseChange[] = []
  const put = ({ next, said }: Step): void => {
    cases.set(next.id, next)
    changes.push(...said)
  }
  const isHouse = verdict.by === 'house'
  const isNewest = isHouse || day.day >= book.day
  const newest = isNewest ? day.day : book.day
  const occurrences = byKey(cases.values())
  const stated = new Map<string, Finding[]>()
  const low: Finding[] = []
  const alarmed = new Set(verdict.findings.filter(({ score }) => score >= ALARM_SCORE).map(({ key }) => key))
  for (const finding of verdict.findings) {
    // Where an alarm has the same key, the alarm is what is meant.
    if (finding.score < ALARM_SCORE && alarmed.has(finding.key)) continue
    const found = occurrenceOf(occurrences.get(finding.key) ?? [], finding)
    if (finding.score < ALARM_SCORE && (!found || found.state === 'withdrawn')) low.push(finding)
    else if (found) stated.set(found.id, [...(stated.get(found.id) ?? []), finding])
    else {
      const opened = newCase(finding, (occurrences.get(finding.key)?.length ?? 0) + 1, day, newest)
      // A second finding with this key on this day is the same case.
      occurrences.set(finding.key, [opened.next, ...(occurrences.get(finding.key) ?? [])])
      stated.set(opened.next.id, [...(stated.get(opened.next.id) ?? []), finding])
      put(opened)
    }
  }
  for (const [id, findings] of stated) {
    const known = cases.get(id)
    if (known) put(over(restated(known, joined(findings), day, isNewest), day, isNewest))
  }
  const withdrawn = new Map(verdict.withdrawn.map((one) => [one.key, one]))
  const broken = new Set(verdict.failures.map(({ rule }) => rule))
  for (const known of book.cases.values()) {
    if (known.members.length > 0 || stated.has(known.id) || known.state === 'withdrawn') continue
    // What a rule that broke down, or was not asked, would have said is not known.
    if (broken.has(known.evidence.rule) || HOUSE_RULE_IDS.has(known.evidence.rule) !== isHouse) continue
    const back = withdrawn.get(known.key)
    put(back && isNewest ? takenBack(known, back) : over(notStated(known, day, isNewest), day, isNewest))
  }
  const suspicions = ranking(book, verdict, low, day, isNewest && !isHouse)
  // The day that was judged last is the detectors' business: those of the house speak of a day that goes on.
  const after = { area: book.area, day: isHouse ? book.day : newest, cases, suspicions }
  return isNewest ? withFloods(withLinks({ book: after, changes }, day), day) : { book: after, changes }
}

/** What detectors may remember of earlier days: every case of the area that was not withdrawn, floods left out. */
export const standingOf = (book: AreaBook): readonly Standing[] =>
  alarmsOf(book).map(({ key, kind, target, detectedAt, from, score }) => ({ key, kind, target, raisedOn: detectedAt, from, score }))

/** Cases as they stand, ended ones included, withdrawn ones and floods (whose members are here) left out. */
export const alarmsOf = (book: AreaBook): readonly Case[] =>
  [...book.cases.values()].filter(({ state, members }) => state !== 'withdrawn' && members.length === 0)

/** The ranking below the alarms, highest score first. */
export const rankingOf = (book: AreaBook): readonly Suspicion[] => book.suspicions

/** A case after something, and what is to be said about it. */
interface Step {
  readonly next: Case
  readonly said: readonly CaseChange[]
}

const byKey = (cases: Iterable<Case>): Map<string, readonly Case[]> => {
  const found = new Map<string, readonly Case[]>()
  for (const one of cases)
    found.set(
      one.key,
      [one, ...(found.get(one.key) ?? [])].sort((a, b) => b.occurrence - a.occurrence),
    )
  return found
}

/**
 * The case a finding is about: the newest one that it overlaps, give or take a day that is not judged sharply. One that is still to be
 * dealt with takes whatever comes under its key, so that there are never two at once; null: a fault of its own.
 *
 * @param known  of one key, newest first
 */
const occurrenceOf = (known: readonly Case[], { from, to }: Finding): Case | null => {
  const overlapping = known.find((one) => from <= (one.to ?? Infinity) + SLACK_MS && (to ?? Infinity) >= one.from - SLACK_MS)
  if (overlapping) return overlapping
  const [newest] = known
  return newest && (newest.state === 'open' || newest.state === 'acknowledged' || newest.state === 'in-work') ? newest : null
}
const SLACK_MS = 86_400_000

/** Two stretches of one fault found on one day: the newer is the evidence, the fault began with the older. */
const joined = (findings: readonly Finding[]): Finding => {
  const [newest, ...others] = [...findings].sort((a, b) => b.from - a.from || b.score - a.score)
  if (!newest) throw new Error('a case was stated by no finding')
  return others.length === 0 ? newest : { ...newest, from: Math.min(newest.from, ...others.map(({ from }) => from)) }
}

const newCase = (finding: Finding, occurrence: number, day: JudgedDay, detectedAt: string): Step => {
  const { key, kind, target, area, level, from, to, score, severity, kwh, cause = null, why } = finding
  const id = `${key}#${occurrence}`
  const next: Case = {
    ...{ id, key, occurrence, kind, target, area, level, state: 'open', detectedAt, from, to, score, peak: score, severity, kwh, cause },
    ...{ raised: finding, evidence: finding, grown: [growthOf(finding, day)], belongs: null, members: [], settled: null },
    ...{ withdrawn: null, work: NO_WORK },
  }
  return { next, said: [{ id, what: 'opened', why }] }
}

const growthOf = ({ score, kwh }: Finding, { day, end }: JudgedDay) => ({ day, end, score, kwh: kwh?.value ?? null })

const unchanged = (known: Case): Step => ({ next: known, said: [] })

/** A known case is stated again. */
const restated = (known: Case, finding: Finding, day: JudgedDay, isNewest: boolean): Step => {
  const grown = mergedGrowth(known.grown, growthOf(finding, day))
  const isLatest = grown.at(-1)?.day === day.day
  if (!isLatest) return grown === known.grown ? unchanged(known) : { next: { ...known, grown }, said: [] }
  const { from, score, severity, kwh, cause = null } = finding
  // An end that was seen on a later day is not forgotten because an earlier one is judged again.
  const to = isNewest ? finding.to : (finding.to ?? known.to)
  if (grown === known.grown && known.to === to && JSON.stringify(finding) === JSON.stringify(known.evidence)) return unchanged(known)
  const next: Case = {
    ...{ ...known, from, to, score, severity, kwh, cause, evidence: finding, grown },
    peak: Math.max(known.peak, score),
  }
  const said: CaseChange[] = []
  const say = (what: CaseChange['what'], why: Words) => said.push({ id: known.id, what, why })
  const why = score >= ALARM_SCORE ? grewBeyond(known, finding, day) : null
  if (why) {
    say('reopened', why)
    return { next: { ...next, state: 'open', settled: null, withdrawn: null }, said }
  }
  if (known.to === null && to !== null) say('ended', { zh: `故障已结束：${isoOf(to)}`, en: `the fault ended ${isoOf(to)}` })
  if (known.to !== null && to === null) say('resumed', { zh: '故障仍在继续', en: 'the fault goes on' })
  if (severity !== known.severity)
    say('grew', { zh: `严重程度由 ${known.severity} 变为 ${severity}`, en: `severity from ${known.severity} to ${severity}` })
  if (cause !== known.cause)
    say('grew', {
      zh: `原因由 ${known.cause ?? '不明'} 变为 ${cause ?? '不明'}`,
      en: `cause from ${known.cause ?? 'unknown'} to ${cause ?? 'unknown'}`,
    })
  if (score >= ALARM_SCORE !== known.score >= ALARM_SCORE)
    say('grew', {
      zh: `可信度由 ${known.score.toFixed(2)} 变为 ${score.toFixed(2)}`,
      en: `score from ${known.score.toFixed(2)} to ${score.toFixed(2)}`,
    })
  return { next, said }
}

/** A detector, or data that came late, takes a finding back. What a person has settled stays as that person left it. */
const takenBack = (known: Case, { because }: Withdrawal): Step =>
  known.settled === null
    ? {
        next: { ...known, state: 'withdrawn', withdrawn: because, belongs: null },
        said: [{ id: known.id, what: 'withdrawn', why: because }],
      }
    : unchanged(known)

/** A case that the verdict of this day does not name. */
const notStated = (before: Case, day: JudgedDay, isNewest: boolean): Step => {
  const grown = before.grown.filter((one) => one.day !== day.day)
  const isDropped = grown.length < before.grown.length
  const last = grown.at(-1)
  if (!last) return isDropped ? takenBack({ ...before, grown }, { key: before.key, because: LATE }) : unchanged(before)
  const known = isDropped ? { ...before, grown, score: last.score } : before
  // One silent day may be a day without data.
  if (!isNewest || known.to !== null || day.end - last.end < SILENT_DAYS_MS) return unchanged(known)
  const why = { zh: `自 ${isoOf(last.end)} 起未再发现`, en: `not found any more since ${isoOf(last.end)}` }
  return { next: { ...known, to: last.end }, said: [{ id: known.id, what: 'ended', why }] }
}

/** What is over, and needs nobody, closes. */
const over = (step: Step, day: JudgedDay, isNewest: boolean): Step => {
  const settled = isNewest ? endedByItself(step.next, day) : null
  if (!settled) return step
  const why = { zh: `故障自行消失（${settled.text}）`, en: settled.text }
  return { next: { ...step.next, state: 'closed', settled }, said: [...step.said, { id: step.next.id, what: 'closed', why }] }
}

const LATE: Words = { zh: '补采数据后重新分析，证据不再成立', en: 'days were judged again with data that came late, and do not show it' }

const isoOf = (time: number): string => `${new Date(time).toISOString().slice(0, 16)}Z`

/** Findings below the alarm; those of rules that are silent today stay for a week. */
const ranking = (
  book: AreaBook,
  { findings }: Verdict,
  low: readonly Finding[],
  day: JudgedDay,
  isNewest: boolean,
): readonly Suspicion[] => {
  if (!isNewest) return book.suspicions
  const rules = new Set(findings.map(({ rule }) => rule))
  const keys = new Set(findings.map(({ key }) => key))
  const kept = book.suspicions.filter(
    (one) => !rules.has(one.finding.rule) && !keys.has(one.finding.key) && day.end - one.end <= RANKING_MS,
  )
  const fresh = low.map((finding): Suspicion => ({ day: day.day, end: day.end, finding }))
  return [...kept, ...fresh].sort((a, b) => b.finding.score - a.finding.score || (a.finding.key < b.finding.key ? -1 : 1))
}
