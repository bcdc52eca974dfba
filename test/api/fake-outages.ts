import type { OutageDeps, OutageDetailView } from '../../src/api/index.ts'
import { err, ok } from '../../src/core/index.ts'
import { errorOf, fail } from './fake.ts'

const AT = Date.parse('2026-08-16T00:00:00Z')

/** An outage of the fake gateway. */
export const outageOf = (id: number, change: Partial<OutageDetailView> = {}): OutageDetailView => ({
  ...({
    id,
    scope: 'area',
    target: `A-${id}`,
    kind: 'planned',
    state: 'planned',
    from: AT,
    expectedTo: AT + 14_400_000,
    to: null,
  } as const),
  ...{ reason: 'new transformer', workOrder: 'W-118', noticed: AT - 3_600_000, who: 'operator', recordedAt: AT - 7_200_000 },
  warning: 'key accounts were told 1 h before; it should be 24 h',
  history: [{ at: AT - 7_200_000, what: 'created', who: 'operator', why: 'new transformer' }],
  ...change,
})

/** Seven outages that exist only as answers. */
export const fakeOutages = (): OutageDeps => {
  const known = (id: number, change: Partial<OutageDetailView> = {}) =>
    id <= 7 ? ok(outageOf(id, change)) : err({ because: 'unknown' as const, error: errorOf(fail('PROFILE_LACKS', 'no such outage')) })
  return {
    outages: ({ scope }, before, limit) =>
      [7, 6, 5, 4, 3, 2, 1]
        .filter((id) => (before === null || id < before) && (scope === undefined || scope === 'area'))
        .slice(0, limit)
        .map((id) => {
          const { history, ...plain } = outageOf(id)
          return history.length > 0 ? plain : { ...plain, warning: null }
        }),
    outage: (id) => known(id),
    addOutage: ({ scope, target, kind, from, expectedTo, to, reason, workOrder, noticed }, who) =>
      ok(outageOf(8, { scope, target, kind, from, expectedTo, to, reason, workOrder, noticed, who })),
    noticeOutage: (id, at, who, why) => known(id, { noticed: at, history: [{ at: AT, what: 'noticed', who, why }] }),
    extendOutage: (id, expectedTo, who, why) => known(id, { expectedTo, history: [{ at: AT, what: 'extended', who, why }] }),
    endOutage: (id, at, who, why) => known(id, { state: 'ended', to: at ?? AT, history: [{ at: AT, what: 'ended', who, why }] }),
    withdrawOutage: (id, who, why) => known(id, { state: 'withdrawn', history: [{ at: AT, what: 'withdrawn', who, why }] }),
  }
}
