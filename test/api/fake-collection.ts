import type { CollectionDeps, GapDetailView, GapView, KpiMemberView, KpiUnitView } from '../../src/api/index.ts'
import { err, ok } from '../../src/core/index.ts'
import { errorOf, fail } from './fake.ts'

const AT = Date.parse('2026-08-14T16:00:00Z')

/** A gap of the fake gateway. */
export const gapOf = (id: number, change: Partial<GapView> = {}): GapView => ({
  ...({ id, kind: 'day-freeze', label: AT, meter: `M-${id}`, point: `P-${id}`, line: 'line-1', area: 'A-1', state: 'scheduled' } as const),
  ...{ fill: null, reason: 'LINE_NO_REPLY', tries: 9, rereads: 2, budget: { tries: 22, lineMs: 118_000 }, nextTry: AT + 10_800_000 },
  ...{ lastChance: AT + 8 * 86_400_000, missedAt: AT + 7_500_000, filledAt: null, instant: null, by: null, curve: null },
  ...change,
})

export const gapDetailOf = (id: number, change: Partial<GapDetailView> = {}): GapDetailView => ({
  ...gapOf(id),
  history: [{ at: AT + 7_500_000, what: 'missed', who: null, note: 'LINE_NO_REPLY' }],
  entry: null,
  ...change,
})

export const UNITS: readonly KpiUnitView[] = ['A-1', 'A-2', 'A-3'].map((id) => ({
  id,
  name: `area ${id}`,
  kpis: [
    {
      ...({ kpi: 'daily', cutoff: AT + 28_800_000, kept: true, finalAt: AT + 40_000_000, yesterday: '1.000000', lastMonth: null } as const),
      figure: { numerator: 3, denominator: 4, rate: '0.750000', excluded: [{ reason: 'planned', count: 2 }] },
      final: { numerator: 0, denominator: 0, rate: null, excluded: [] },
    },
  ],
}))

export const MEMBERS: readonly KpiMemberView[] = Array.from({ length: 5 }, (_, at) => ({
  ...{ meter: `M-${at}`, point: `P-${at}`, area: 'A-1', line: 'line-1', reason: 'LINE_NO_REPLY', got: 0, due: 1 },
}))

const unknown = () => err({ because: 'unknown' as const, error: errorOf(fail('PROFILE_LACKS', 'no such gap')) })

/** Gaps and figures that exist only as answers. */
export const fakeCollection = (): CollectionDeps => {
  const all = Array.from({ length: 7 }, (_, at) => gapOf(at + 1, at === 6 ? { state: 'waived', by: 'reader' } : {}))
  const known = (id: number, change: Partial<GapDetailView> = {}) => (id <= all.length ? ok(gapDetailOf(id, change)) : unknown())
  return {
    gaps: async ({ state, meter }, after, limit) =>
      ok(
        all
          .filter((one) => one.id > after && (state === undefined || one.state === state) && (meter === undefined || one.meter === meter))
          .slice(0, limit),
      ),
    gapCounts: async () => ok({ open: 0, scheduled: 6, filled: 11, permanent: 2, waived: 1 }),
    gap: async (id) => known(id),
    actOnGap: async (id, act, who, why) => known(id, { history: [{ at: AT, what: act === 'waive' ? 'waived' : 'retry', who, note: why }] }),
    enterGap: async (id, { values, instant, who, why }) => known(id, { entry: { values, instant: instant ?? AT, why, by: who, at: AT } }),
    confirmGap: async (id, who) => known(id, { state: 'filled', fill: 'manual', by: who, filledAt: AT, instant: AT }),
    kpis: async ({ day }, after, limit) =>
      ok(
        day === '2026-02-30'
          ? null
          : { day: day ?? '2026-08-15', asOf: AT, units: UNITS.filter(({ id }) => after === null || id > after).slice(0, limit) },
      ),
    kpiMembers: async ({ day, list }) => ok(day === '2026-02-30' ? null : list === 'out' ? MEMBERS : []),
  }
}
