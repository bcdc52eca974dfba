import { ok, type Result } from '../core/index.ts'
import { type Case, type CaseEvent, type CaseOutcome, type CaseState, type CaseWork, isUnsettled } from './case.ts'
import { caseFailure } from './case-errors.ts'
import { evidenceOf } from './case-evidence.ts'

/** What a person can do with a case (案件处理). */
export type CaseAct =
  | { readonly act: 'acknowledge'; readonly text: string }
  | { readonly act: 'start'; readonly text: string; readonly workOrder?: string }
  | Settling<'explain'>
  | Settling<'close'>
  | { readonly act: 'reopen'; readonly text: string }
  | { readonly act: 'assign'; readonly owner: string | null; readonly text: string }
  | { readonly act: 'plan'; readonly dueAt?: number | null; readonly workOrder?: string | null; readonly text: string }
  | { readonly act: 'silence'; readonly until: number | null; readonly text: string }
  | { readonly act: 'comment'; readonly text: string }

interface Settling<Act> {
  readonly act: Act
  readonly cause: string
  readonly text: string
  /** What was used for what, and why; owed of a key account. */
  readonly analysis?: string
  readonly outcome?: CaseOutcome
}

export const CASE_ACTS = ['acknowledge', 'start', 'explain', 'close', 'reopen', 'assign', 'plan', 'silence', 'comment'] as const

/** Who does it, and when. */
export interface Actor {
  readonly who: string
  readonly at: number
}

interface Rule {
  readonly from: readonly CaseState[]
  /** Null: the case stays where it is. */
  readonly to: CaseState | null
  readonly said: CaseEvent
}

const UNSETTLED = ['open', 'acknowledged', 'in-work'] as const
const ANY = [...UNSETTLED, 'explained', 'closed', 'withdrawn'] as const

/** Every step a person can take. What is not here is refused. */
export const CASE_RULES: Readonly<Record<CaseAct['act'], Rule>> = {
  acknowledge: { from: ['open'], to: 'acknowledged', said: 'acknowledged' },
  start: { from: ['open', 'acknowledged'], to: 'in-work', said: 'started' },
  explain: { from: UNSETTLED, to: 'explained', said: 'explained' },
  close: { from: [...UNSETTLED, 'explained'], to: 'closed', said: 'closed' },
  reopen: { from: ['explained', 'closed', 'withdrawn'], to: 'open', said: 'reopened' },
  assign: { from: UNSETTLED, to: null, said: 'assigned' },
  plan: { from: UNSETTLED, to: null, said: 'planned' },
  silence: { from: UNSETTLED, to: null, said: 'silenced' },
  comment: { from: ANY, to: null, said: 'commented' },
}

/** A case after an act, and what its history says of it. */
export interface Acted {
  readonly next: Case
  readonly what: CaseEvent
  readonly why: string
}

/**
 * Does something with a case.
 *
 * @errors  CASE_STATE: not from where it stands; CASE_CAUSE, CASE_ANALYSIS: settled without; CASE_VALUE: says nothing
 */
export const actOn = (one: Case, act: CaseAct, { who, at }: Actor): Result<Acted> => {
  const { from, to, said } = CASE_RULES[act.act]
  if (!from.includes(one.state))
    return caseFailure('CASE_STATE', `case ${one.id} is ${one.state}: ${act.act} is for one that is ${from.join(', ')}`, { case: one.id })
  const text = act.text.trim()
  const wrong = problemOf(one, act, text, at)
  if (wrong) return wrong
  // Each handler takes the act it is listed under.
  const handle: (one: Case, act: never, actor: Actor) => Done = HANDLERS[act.act]
  const { next, why } = handle(one, { ...act, text } as never, { who, at })
  return ok({ next: { ...next, state: to ?? next.state }, what: said, why })
}

type Done = Pick<Acted, 'next' | 'why'>

const withWork = (one: Case, change: Partial<CaseWork>): Case => ({ ...one, work: { ...one.work, ...change } })
const sentence = (...parts: readonly string[]): string => parts.filter(Boolean).join('; ')
const isoOf = (time: number): string => new Date(time).toISOString()
const orderText = (order: string | null | undefined): string => (order === undefined ? '' : `work order ${order ?? 'none'}`)

const settle = (one: Case, { cause, text, analysis = '', outcome }: Omit<Settling<unknown>, 'act'>, { who, at }: Actor): Done => {
  const settled = {
    ...{ at, who, cause: cause.trim(), text, analysis: analysis.trim() || null, evidence: evidenceOf(one.evidence) },
    ...(outcome === undefined ? {} : { outcome }),
  }
  const said = `${settled.cause}: ${text}`
  return {
    next: { ...one, settled },
    why: [outcome === undefined ? said : `${outcome}; ${said}`, settled.analysis ?? ''].filter(Boolean).join('\n'),
  }
}

const HANDLERS: { readonly [Act in CaseAct['act']]: (one: Case, act: Extract<CaseAct, { act: Act }>, actor: Actor) => Done } = {
  acknowledge: (one, { text }) => ({ next: one, why: text }),
  start: (one, { text, workOrder }) => ({
    next: workOrder === undefined ? one : withWork(one, { workOrder }),
    why: sentence(orderText(workOrder), text),
  }),
  explain: settle,
  close: settle,
  reopen: (one, { text }) => ({ next: { ...one, settled: null, withdrawn: null, belongs: null }, why: text }),
  assign: (one, { owner, text }) => {
    const name = owner?.trim() || null
    return { next: withWork(one, { owner: name }), why: sentence(name ?? 'nobody', text) }
  },
  plan: (one, { dueAt, workOrder, text }) => ({
    next: withWork(one, {
      ...(dueAt === undefined ? {} : { dueAt, escalatedAt: null }),
      ...(workOrder === undefined ? {} : { workOrder }),
    }),
    why: sentence(dueAt === undefined ? '' : dueAt === null ? 'no deadline' : `due ${isoOf(dueAt)}`, orderText(workOrder), text),
  }),
  silence: (one, { until, text }) => ({
    next: withWork(one, { silentUntil: until }),
    why: sentence(until === null ? 'heard again' : `silent until ${isoOf(until)}`, text),
  }),
  comment: (one, { text }) => ({ next: one, why: text }),
}

const problemOf = (one: Case, act: CaseAct, text: string, at: number): Result<never> | null => {
  const say = (code: 'CASE_CAUSE' | 'CASE_ANALYSIS' | 'CASE_VALUE', message: string): Result<never> =>
    caseFailure(code, message, { case: one.id })
  if (act.act === 'explain' || act.act === 'close') {
    if (!act.cause.trim() || !text) return say('CASE_CAUSE', `case ${one.id} is settled with a cause and a text, and one of them is empty`)
    if (one.kind === 'use_deviation' && !act.analysis?.trim())
      return say('CASE_ANALYSIS', `case ${one.id} is a deviation of a key account, and no analysis was given`)
  }
  if ((act.act === 'reopen' || act.act === 'comment' || act.act === 'silence') && !text)
    return say('CASE_VALUE', `${act.act} needs a text, and it is empty`)
  if (act.act === 'plan' && act.dueAt === undefined && act.workOrder === undefined)
    return say('CASE_VALUE', 'a plan names a deadline or a work order, and has neither')
  if (act.act === 'silence' && act.until !== null && act.until <= at)
    return say('CASE_VALUE', `a case is silent until a time to come, and ${new Date(act.until).toISOString()} is over`)
  return null
}

/** Whether it is past its deadline. */
export const isOverdue = ({ state, work: { dueAt } }: Case, now: number): boolean => isUnsettled(state) && dueAt !== null && dueAt <= now
