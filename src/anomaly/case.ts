import type { Estimate, Finding, FindingKind, Severity, Words } from './finding.ts'

/**
 * Where a case (案件) stands. `withdrawn`: late data took it back. Explained: there is a cause and nothing is to be done, or it is
 * nobody's fault; closed: what was to be done is done.
 */
export const CASE_STATES = ['open', 'acknowledged', 'in-work', 'explained', 'closed', 'withdrawn'] as const
export type CaseState = (typeof CASE_STATES)[number]

/** Somebody still has to do something. */
export const isUnsettled = (state: CaseState): boolean => state === 'open' || state === 'acknowledged' || state === 'in-work'

/** From this score on a finding is an alarm and opens a case; below, it is a place in a ranking. */
export const ALARM_SCORE = 0.5

/** A local day with its instants, milliseconds: the verdict of `day` is known from `end` on. */
export interface JudgedDay {
  /** `2026-11-21`. */
  readonly day: string
  readonly start: number
  readonly end: number
}

/** What one day's verdict said of a case: how the evidence grew. */
export interface Growth {
  readonly day: string
  /** End of that day. */
  readonly end: number
  readonly score: number
  readonly kwh: number | null
}

/**
 * What whoever settled a case found: what was claimed, something else, nothing wrong; or nobody has looked. Of cases that were looked
 * at, the share that was confirmed is what a crew can trust a rule with.
 */
export const CASE_OUTCOMES = ['confirmed', 'other-cause', 'false-alarm', 'not-checked'] as const
export type CaseOutcome = (typeof CASE_OUTCOMES)[number]

/** How a case was ended by a person, or by itself, and what the evidence was then. */
export interface Settled {
  /** When, milliseconds; and on which judged day. */
  readonly at: number
  readonly who: string
  /** Cause in a few words, and what was found. */
  readonly cause: string
  readonly text: string
  readonly analysis: string | null
  /** Absent: not said. */
  readonly outcome?: CaseOutcome
  readonly evidence: Pick<Finding, 'score' | 'severity' | 'kwh' | 'cause' | 'from' | 'to'>
}

/** Another case that this one belongs to and is dealt with in: `member` of a flood, or `consequence` of a cause. */
export interface Belongs {
  readonly to: string
  readonly as: 'member' | 'consequence'
}

/** What people and calendars add. */
export interface CaseWork {
  readonly owner: string | null
  readonly dueAt: number | null
  readonly workOrder: string | null
  /** Nobody is told anything of it until then. */
  readonly silentUntil: number | null
  /** When it was told that it is overdue. */
  readonly escalatedAt: number | null
}

/**
 * One cause (案件) at one target. The same fault has one case, however many days and rules state it; one that comes again after it was
 * over and settled is the next occurrence.
 */
export interface Case {
  /** `key` of the finding and the number of the occurrence: `theft/M-12#1`. Never changes. */
  readonly id: string
  readonly key: string
  readonly occurrence: number
  readonly kind: FindingKind
  readonly target: string
  readonly area: string
  readonly level: Finding['level'] | 'zone'
  readonly state: CaseState
  /** First day with a score of {@link ALARM_SCORE} or more. Never changes. */
  readonly detectedAt: string
  /** Time of the fault; `to` null = goes on. */
  readonly from: number
  readonly to: number | null
  /** Present score, and the highest it ever had. */
  readonly score: number
  readonly peak: number
  readonly severity: Severity
  readonly kwh: Estimate | null
  readonly cause: string | null
  /** The finding that raised it, and the newest: with rule, version and thresholds of their day. */
  readonly raised: Finding
  readonly evidence: Finding
  /** By day, oldest first. */
  readonly grown: readonly Growth[]
  readonly belongs: Belongs | null
  /** Ids of the cases of a flood; empty for every other. */
  readonly members: readonly string[]
  readonly settled: Settled | null
  /** Why it was withdrawn. */
  readonly withdrawn: Words | null
  readonly work: CaseWork
}

export const NO_WORK: CaseWork = { owner: null, dueAt: null, workOrder: null, silentUntil: null, escalatedAt: null }

/** A finding below the alarm: its place in the ranking of its area (疑似排行). */
export interface Suspicion {
  readonly day: string
  /** End of that day. */
  readonly end: number
  readonly finding: Finding
}

/** What is kept of one area between two days. */
export interface AreaBook {
  readonly area: string
  /** Newest day that was judged; empty before the first. */
  readonly day: string
  /** By id. */
  readonly cases: ReadonlyMap<string, Case>
  /** Highest score first. */
  readonly suspicions: readonly Suspicion[]
}

export const emptyBook = (area: string): AreaBook => ({ area, day: '', cases: new Map(), suspicions: [] })

export const CASE_EVENTS = [
  'opened',
  'grew',
  'ended',
  'resumed',
  'reopened',
  'withdrawn',
  'joined',
  'left',
  'acknowledged',
  'started',
  'explained',
  'closed',
  'assigned',
  'planned',
  'commented',
  'silenced',
  'escalated',
] as const
export type CaseEvent = (typeof CASE_EVENTS)[number]

/** One step in the history of a case. */
export interface CaseChange {
  readonly id: string
  readonly what: CaseEvent
  readonly why: Words
}

/** A book after a verdict, and what became of which case, in order. */
export interface Taken {
  readonly book: AreaBook
  readonly changes: readonly CaseChange[]
}
