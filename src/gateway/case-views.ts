import { caseFailure, isOverdue, type Severity } from '../anomaly/index.ts'
import type { CaseDeps, CaseView, Refusal } from '../api/index.ts'
import { type Clock, err, type GatewayError, ok } from '../core/index.ts'
import type { CaseBook } from './case-book.ts'
import type { CaseFilter, StoredCase } from './case-file.ts'
import type { Notifier } from './notify.ts'

const SEVERITIES: readonly Severity[] = ['info', 'low', 'medium', 'high', 'critical']

/** What the API may see of the case book. */
export const caseViews = (book: CaseBook, clock: Pick<Clock, 'now'>, notifier: Pick<Notifier, 'targets' | 'test'>): CaseDeps => {
  const { file } = book
  const viewOf = ({ num, version, zone, raisedAt, changedAt, one }: StoredCase): CaseView => ({
    ...{ id: num, version, zone, raisedAt, changedAt, one, isOverdue: isOverdue(one, clock.now()) },
    parent: one.belongs && file.numOf(one.belongs.to),
  })
  const detailOf = (stored: StoredCase) => ({ ...viewOf(stored), history: file.history(stored.num) })
  return {
    cases: ({ parent, overdue, ...plain }, sort, after, limit) => {
      const above = parent === undefined ? undefined : file.get(parent)?.one.id
      if (parent !== undefined && above === undefined) return []
      const filter: CaseFilter = {
        ...plain,
        ...(above === undefined ? {} : { parent: above }),
        ...(overdue === true ? { overdueAt: clock.now() } : {}),
      }
      return file.list(filter, sort, after, limit).map(viewOf)
    },
    casePlace: (id, sort) => file.placeOf(id, sort),
    case: (id) => {
      const found = file.get(id)
      return found && detailOf(found)
    },
    caseEvidence: (id) => {
      const found = file.get(id)
      return found && { id, raised: found.one.raised, newest: found.one.evidence, grown: found.one.grown }
    },
    actOnCase: (id, act, who, version) => {
      const done = book.act(id, act, who, version, clock.now())
      return done.ok ? ok(detailOf(done.value)) : refused(done.error)
    },
    suspicions: (area) => file.suspicions(area),
    caseLines: (after, limit) =>
      file.lines(after, limit).flatMap((line) => {
        const stored = file.get(line.num)
        return stored ? [{ ...line, case: viewOf(stored) }] : []
      }),
    newestCaseLine: () => file.newestSeq(),
    onCases: (changed) => book.watch(changed),
    caseOutcomes: (since) => file.outcomes(since ?? 0),
    caseCounts: () => ({
      open: file.counts(clock.now()).map(({ severity, ...counts }) => ({ ...counts, severity: SEVERITIES[severity] ?? 'info' })),
      notify: notifier.targets(),
    }),
    testNotify: async (id) => {
      const done = await notifier.test(id)
      return done ? ok(done) : refused(caseFailure('NOTIFY_UNKNOWN', `nobody is told of cases under the name ${id}`, { target: id }).error)
    },
  }
}

const refused = (error: GatewayError) =>
  err<Refusal>({ because: error.code === 'CASE_UNKNOWN' || error.code === 'NOTIFY_UNKNOWN' ? 'unknown' : 'not-possible', error })
