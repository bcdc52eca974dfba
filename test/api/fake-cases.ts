import { type Case, type CaseAct, NO_WORK } from '../../src/anomaly/index.ts'
import type { CaseCounts, CaseDeps, CaseDetailView, NotifyTargetView } from '../../src/api/index.ts'
import { err, ok } from '../../src/core/index.ts'
import { dayOf, finding } from '../anomaly/case-maker.ts'
import { errorOf, fail } from './fake.ts'

const AT = Date.parse('2026-08-16T00:00:00Z')
const raised = finding({ target: 'P-1', why: { zh: '=疑似窃电', en: '=theft' } })

const caseOf = (change: Partial<Case> = {}): Case => ({
  ...{ id: 'theft/P-1#1', key: 'theft/P-1', occurrence: 1, kind: 'theft', target: 'P-1', area: 'A-1', level: 'meter', state: 'open' },
  ...{ detectedAt: '2026-03-01', from: raised.from, to: null, score: 0.8, peak: 0.9, severity: 'high', kwh: raised.kwh, cause: null },
  ...{ raised, evidence: raised, grown: [{ day: '2026-03-01', end: dayOf(0).end, score: 0.8, kwh: 30 }], belongs: null, members: [] },
  ...{ settled: null, withdrawn: null, work: { ...NO_WORK, dueAt: AT } },
  ...change,
})

const viewOf = (id: number, change: Partial<Case> = {}): CaseDetailView => ({
  ...{ id, version: 7, zone: 'Z-1', raisedAt: AT, changedAt: AT, isOverdue: true, parent: null, one: caseOf(change) },
  history: [{ seq: 1, at: AT, what: 'opened', who: 'gridtally', why: raised.why }],
})

/** One of them. */
export const caseViewOf = (): CaseDetailView => viewOf(1)

export const CASE_COUNTS: CaseCounts = { open: [{ kind: 'theft', severity: 'high', count: 3, overdue: 1 }], notify: [] }

const TARGET: NotifyTargetView = {
  about: ['cases'],
  ...{ id: 'ops', kind: 'webhook', to: 'https://hooks.example', waiting: 0, sent: 1, failed: 0, dropped: 0, lastSentAt: AT, error: null },
}

/** A case book whose history somebody can add to. */
export interface FakeCases extends CaseDeps {
  grow(): void
  readonly acts: { readonly id: number; readonly act: CaseAct; readonly who: string; readonly version: number | null }[]
}

/** Seven cases that exist only as answers. */
export const fakeCases = (): FakeCases => {
  const acts: FakeCases['acts'] = []
  const watchers = new Set<() => void>()
  let newest = 3
  const unknown = err({ because: 'unknown' as const, error: errorOf(fail('PROFILE_LACKS', 'no such case')) })
  return {
    acts,
    grow: () => {
      newest++
      for (const changed of watchers) changed()
    },
    cases: ({ kind }, _sort, after, limit) =>
      [7, 6, 5, 4, 3, 2, 1]
        .filter((id) => (after === null || id < after[1]) && (kind === undefined || kind === 'theft'))
        .slice(0, limit)
        .map((id) => viewOf(id)),
    casePlace: (id) => [-id, id],
    case: (id) => (id <= 7 ? viewOf(id) : null),
    caseEvidence: (id) => (id <= 7 ? { id, raised, newest: raised, grown: caseOf().grown } : null),
    actOnCase: (id, act, who, version) => {
      acts.push({ id, act, who, version })
      if (id > 7) return unknown
      if (version !== null && version !== 7)
        return err({ because: 'not-possible' as const, error: { ...errorOf(fail('PROFILE_LACKS', 'changed')), code: 'CASE_CHANGED' } })
      return ok(viewOf(id, { state: 'acknowledged' }))
    },
    suspicions: () => [{ day: '2026-03-01', end: dayOf(0).end, finding: { ...raised, score: 0.3 } }],
    caseLines: (after, limit) =>
      Array.from({ length: Math.max(0, Math.min(limit, newest - after)) }, (_, at) => ({
        seq: after + at + 1,
        at: AT,
        what: 'commented' as const,
        who: 'li',
        why: raised.why,
        case: viewOf(1),
      })),
    newestCaseLine: () => newest,
    onCases: (changed) => {
      watchers.add(changed)
      return () => void watchers.delete(changed)
    },
    caseOutcomes: () => [{ kind: 'theft', confirmed: 19, otherCause: 0, falseAlarm: 1, notChecked: 2, notSaid: 3 }],
    caseCounts: () => ({ ...CASE_COUNTS, notify: [TARGET] }),
    testNotify: async (id) => (id === 'ops' ? ok(TARGET) : unknown),
  }
}
