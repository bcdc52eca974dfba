import type { TierCountView, TierDeps, TierView } from '../../src/api/index.ts'
import { err, failWith, ok } from '../../src/core/index.ts'

const fail = failWith({ TARIFF_POINT: { recovery: 'skip', hint: 'GET /api/v1/points lists them' } })
const unknown = (id: string) => err({ because: 'unknown' as const, error: fail('TARIFF_POINT', `there is no "${id}"`).error })

const count = (change: Partial<TierCountView>): TierCountView => ({
  ...{ from: 'registered', begin: '2026-12-08', months: '1', upTo: ['180'], next: null },
  counted: [{ month: '2026-12', days: 31, of: 31, upTo: ['180'] }],
  tiers: [
    { tier: 1, above: '0', upTo: '180', kwh: '180' },
    { tier: 2, above: '180', upTo: null, kwh: '250.00' },
  ],
  ...change,
})

/** The worked example, as an answer. */
export const tierViewOf = (change: Partial<TierView> = {}): TierView => ({
  ...{ customer: 'C-1', points: ['P-001'], year: 2026, from: '2026-10-02', until: '2026-12-31', zone: 'Asia/Shanghai' },
  table: { id: 'homes', zh: '居民', en: 'homes', source: 'example', versions: [{ from: '2026-01-01', upTo: ['180'] }] },
  rules: { countFrom: 'registered', begunMonth: 'whole', allowance: 'to-date' },
  beginnings: { registered: '2026-12-08', energised: '2026-10-02', firstSeen: null },
  ...{
    inForce: 'registered',
    why: 'configured',
    differ: true,
    kwh: '430.00',
    knownKwh: '430.00',
    estimatedPpm: 0,
    missing: [],
    pending: false,
  },
  months: ['120.00', '150.00', '160.00'].map((kwh, at) => ({
    ...{ month: `2026-${10 + at}`, lastMonth: `2026-${10 + at}`, kwh, estimatedPpm: 0, source: 'energy' as const, notes: [] },
  })),
  registers: [
    {
      ...{ point: 'P-001', meter: 'M-1', multiplier: '1', difference: '430.00', kwh: '430.00' },
      ...{ from: { day: '2026-10-02', register: '0.00', read: true }, to: { day: '2026-12-31', register: '430.00', read: true } },
    },
  ],
  counts: [
    count({}),
    count({
      ...{ from: 'energised', begin: '2026-10-02', months: '3', upTo: ['540'], next: { tier: 2, left: '110.00' } },
      tiers: [
        { tier: 1, above: '0', upTo: '540', kwh: '430.00' },
        { tier: 2, above: '540', upTo: null, kwh: '0' },
      ],
    }),
  ],
  notes: [],
  explanation: [
    { topic: 'split', zh: '第一档180千瓦时、第二档250.00千瓦时。', en: '180 kWh in tier one, 250.00 kWh in tier two.' },
    { topic: 'other-count', zh: '若自送电之日起计算…', en: 'Counted from the energising…' },
  ],
  ...change,
})

/** Tiers that exist only as answers. */
export const fakeTiers = (view: Partial<TierView> = {}): TierDeps => ({
  tiersOfPoint: async (point, { scope }) => (point === 'P-001' && scope.sees('point', point) ? ok(tierViewOf(view)) : unknown(point)),
  tiersOfCustomer: async (customer, { only, scope }) =>
    customer === 'C-1' && (only === null || only === customer) && scope.sees('customer', customer)
      ? ok(tierViewOf(view))
      : unknown(customer),
})
