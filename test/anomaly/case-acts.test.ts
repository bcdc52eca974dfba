import { describe, expect, it } from 'vitest'
import {
  actOn,
  CASE_ACTS,
  CASE_STATES,
  type Case,
  type CaseAct,
  type CaseState,
  emptyBook,
  isOverdue,
  takeVerdict,
} from '../../src/anomaly/index.ts'
import { dayOf, finding, verdictOf } from './case-maker.ts'

const AT = dayOf(3).end
const actor = { who: 'li', at: AT }
const caseIn = (state: CaseState, kind: 'theft' | 'use_deviation' = 'theft'): Case => {
  const [one] = takeVerdict(emptyBook('TQ-1'), verdictOf(0, [finding({ kind })]), dayOf(0)).book.cases.values()
  if (!one) throw new Error('no case')
  return { ...one, state }
}
const ACTS: { readonly [Act in CaseAct['act']]: Extract<CaseAct, { act: Act }> } = {
  acknowledge: { act: 'acknowledge', text: '' },
  start: { act: 'start', text: '', workOrder: 'WO-7' },
  explain: { act: 'explain', cause: 'heat pump', text: 'new since March' },
  close: { act: 'close', cause: 'bypass', text: 'removed', analysis: '2 kW by night' },
  reopen: { act: 'reopen', text: 'seal broken again' },
  assign: { act: 'assign', owner: 'wang', text: '' },
  plan: { act: 'plan', dueAt: AT + 1, text: '' },
  silence: { act: 'silence', until: AT + 1, text: 'crew is out' },
  comment: { act: 'comment', text: 'nobody at home' },
}

/** Where each act leads from each state; a dash: refused. */
const TABLE: Readonly<Record<CaseAct['act'], readonly (CaseState | '-')[]>> = {
  //            open           acknowledged    in-work         explained    closed    withdrawn
  acknowledge: ['acknowledged', '-', '-', '-', '-', '-'],
  start: ['in-work', 'in-work', '-', '-', '-', '-'],
  explain: ['explained', 'explained', 'explained', '-', '-', '-'],
  close: ['closed', 'closed', 'closed', 'closed', '-', '-'],
  reopen: ['-', '-', '-', 'open', 'open', 'open'],
  assign: ['open', 'acknowledged', 'in-work', '-', '-', '-'],
  plan: ['open', 'acknowledged', 'in-work', '-', '-', '-'],
  silence: ['open', 'acknowledged', 'in-work', '-', '-', '-'],
  comment: ['open', 'acknowledged', 'in-work', 'explained', 'closed', 'withdrawn'],
}

describe('every act from every state', () =>
  it.each(CASE_ACTS.flatMap((act) => CASE_STATES.map((state, at) => [act, state, TABLE[act][at] ?? '?'] as const)))(
    '%s of one that is %s: %s',
    (act, state, expected) => {
      const done = actOn(caseIn(state), ACTS[act], actor)
      expect(done.ok ? done.value.next.state : '-').toBe(expected)
      if (!done.ok) expect(done.error.code).toBe('CASE_STATE')
    },
  ))

it.each([
  ['a close without a cause', { act: 'close', cause: ' ', text: 'done' }, 'theft', 'CASE_CAUSE'],
  ['an explanation without a text', { act: 'explain', cause: 'vacation', text: '' }, 'theft', 'CASE_CAUSE'],
  ['a deviation closed without an analysis', { act: 'close', cause: 'production', text: 'more orders' }, 'use_deviation', 'CASE_ANALYSIS'],
  ['a comment that says nothing', { act: 'comment', text: '  ' }, 'theft', 'CASE_VALUE'],
  ['a plan of nothing', { act: 'plan', text: 'soon' }, 'theft', 'CASE_VALUE'],
  ['a silence that is over', { act: 'silence', until: AT, text: 'x' }, 'theft', 'CASE_VALUE'],
] as const)('refuses %s', (_, act, kind, code) =>
  expect(actOn(caseIn('open', kind), act, actor)).toMatchObject({ ok: false, error: { code } }),
)

it('keeps who settled it, why, and what the evidence was then', () =>
  expect(actOn(caseIn('in-work', 'use_deviation'), ACTS.close, actor)).toMatchObject({
    ok: true,
    value: {
      what: 'closed',
      why: 'bypass: removed\n2 kW by night',
      next: { settled: { who: 'li', at: AT, cause: 'bypass', text: 'removed', evidence: { score: 0.8, kwh: { value: 30 } } } },
    },
  }))

it.each([
  ['start', { workOrder: 'WO-7' }, 'work order WO-7'],
  ['assign', { owner: 'wang' }, 'wang'],
  ['plan', { dueAt: AT + 1 }, 'due 2026-03-05T00:00:00.001Z'],
  ['silence', { silentUntil: AT + 1 }, 'silent until 2026-03-05T00:00:00.001Z; crew is out'],
] as const)('%s changes the work on it', (act, work, why) =>
  expect(actOn(caseIn('open'), ACTS[act], actor)).toMatchObject({ value: { why, next: { work } } }),
)

it('is overdue from its deadline on until it is settled', () => {
  const one = { ...caseIn('in-work'), work: { ...caseIn('open').work, dueAt: AT } }
  expect([isOverdue(one, AT - 1), isOverdue(one, AT), isOverdue({ ...one, state: 'closed' }, AT)]).toEqual([false, true, false])
})
