import type { ClockActView, ClockCounts, ClockDeps, ClockDetail } from '../../src/api/index.ts'
import { ok } from '../../src/core/index.ts'

const AT = Date.parse('2026-08-15T03:10:00Z')

/** A clock of the fake gateway; tests change what they look at. */
export const clockOf = (meter: string, change: Partial<ClockDetail> = {}): ClockDetail => ({
  ...{ meter, kind: 'meter', point: `P-${meter}`, area: 'A-1', line: 'line-1', state: 'off', isLocked: false, triedAt: AT, error: null },
  newest: { at: AT, driftMs: 90_500, uncertaintyMs: 512 },
  rate: { msPerDay: 700, uncertaintyMs: 90, isOver: true },
  history: [{ at: AT, driftMs: 90_500, uncertaintyMs: 512, why: 'sweep' }],
  acts: [],
  ...change,
})

export const clockActOf = (change: Partial<ClockActView> = {}): ClockActView => ({
  ...{ id: 7, at: AT, kind: 'set', line: 'line-1', meter: 'M-1', who: 'operator', second: null, why: 'new battery', result: 'done' },
  ...{ code: null, message: null },
  meters: [{ meter: 'M-1', before: { at: AT, driftMs: 90_500, uncertaintyMs: 512 }, after: null }],
  ...change,
})

export const CLOCK_COUNTS: ClockCounts = {
  states: { good: 5, fair: 4, off: 3, 'far-off': 2, faulty: 1, unknown: 7, 'no-clock': 6 },
  ...{ worstMs: 1_200_500, locked: 1, acts: [{ kind: 'set', result: 'refused', count: 2 }] },
}

/** Clocks that exist only as answers. */
export const fakeClocks = (): ClockDeps => {
  const all = ['M-1', 'M-2', 'M-3'].map((meter) => clockOf(meter, meter === 'M-3' ? { state: 'good' } : {}))
  return {
    clocks: ({ state }, after, limit) =>
      all.filter((one) => (after === null || one.meter > after) && (state === undefined || one.state === state)).slice(0, limit),
    clock: (meter) => all.find((one) => one.meter === meter) ?? null,
    readClock: async (meter) => ok(clockOf(meter, { newest: { at: AT + 1, driftMs: -3000, uncertaintyMs: 501 } })),
    setClock: async (meter, { who, second, why }) => ok(clockActOf({ meter, who, second, why })),
    clearClock: (meter, { who, why }) => ok(clockActOf({ kind: 'clear', meter, who, why })),
    syncClocks: async (line, { who, why }) => ok(clockActOf({ kind: 'broadcast', meter: null, line, who, why })),
  }
}
