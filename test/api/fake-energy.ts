import type { EnergyDeps, EnergyItemView } from '../../src/api/index.ts'
import { err, failWith, ok } from '../../src/core/index.ts'

const FROM = Date.parse('2026-08-14T16:00:00Z')
const DAY = 86_400_000
const fail = failWith({ ENERGY_POINT: { recovery: 'skip', hint: 'GET /api/v1/points lists them' } })
const unknown = (point: string) => err({ because: 'unknown' as const, error: fail('ENERGY_POINT', `there is no point "${point}"`).error })

const item = (change: Partial<EnergyItemView> = {}): EnergyItemView => ({
  ...{ from: FROM, to: FROM + DAY, value: '40.00', quality: ['good'], reasons: [], estimatedPpm: 0, coveredPpm: 1_000_000, version: 1 },
  evidence: null,
  ...change,
})

/** Interval energy that exists only as answers. */
export const fakeEnergy = (): EnergyDeps => ({
  energy: async (point, { detail }) =>
    point !== 'P-001'
      ? unknown(point)
      : ok({
          zone: 'Asia/Shanghai',
          pending: true,
          registers: [
            {
              ...{ register: '1.8.0', obis: '1-0:1.8.0', unit: 'kWh', total: '40.00', known: 1, due: 2, estimatedPpm: 0 },
              items: [
                item({
                  evidence: detail
                    ? {
                        start: { register: '100.00', meter: 'M-1', read: true },
                        end: { register: '101.00', meter: 'M-1', read: true },
                        segments: [{ from: FROM, to: FROM + DAY, meter: 'M-1', ratio: '40', delta: '1.00' }],
                      }
                    : null,
                }),
                item({ from: FROM + DAY, to: FROM + 2 * DAY, value: null, quality: [], reasons: ['missing'], coveredPpm: 0, version: 0 }),
              ],
              findings: detail
                ? [
                    {
                      ...{
                        register: '1.8.0',
                        code: 'read-dip',
                        meter: 'M-1',
                        at: FROM + 1,
                        note: 'lower than the read before, and not kept up',
                        would: '-4000.00',
                      },
                      before: { at: FROM, register: '100.00', source: 'curve' },
                      after: { at: FROM + 1, register: '0.00', source: 'curve' },
                    },
                  ]
                : [],
            },
          ],
        }),
  energyCorrections: (since, limit) =>
    [1, 2, 3]
      .map((seq) => ({
        ...{ seq, point: 'P-001', register: '1.8.0', period: 'day' as const, from: FROM, to: FROM + DAY, before: '40.00', after: null },
        ...{ version: 2, reason: 'ledger change 17', at: FROM + 2 * DAY, exportId: 1 },
      }))
      .filter(({ seq }) => seq > since)
      .slice(0, limit),
  energyNewest: (list) => (list === 'correction' ? 3 : 2),
  energyExports: (after, limit) =>
    [1, 2]
      .map((id) => ({ id, who: 'billing', point: id === 1 ? null : 'P-001', from: FROM, to: FROM + DAY, note: '', at: FROM + DAY }))
      .filter(({ id }) => id > after)
      .slice(0, limit),
  markExported: (made) =>
    made.point === null || made.point === 'P-001' ? ok({ ...made, id: 3, at: FROM + 3 * DAY }) : unknown(made.point),
  energyAgain: (point) => (point === null ? ok(12) : point === 'P-001' ? ok(1) : unknown(point)),
  energyFindings: (point, since, limit) =>
    [1, 2]
      .map((seq) => ({
        ...{ seq, point: `P-00${seq}`, seenAt: FROM + DAY },
        finding: {
          ...{ register: '1.8.0', code: 'increment-quarantined', meter: 'M-1', at: FROM, would: '90000.00', note: 'more than 83 kW' },
          ...{ before: { at: FROM - 1, register: '1.00', source: 'curve' }, after: null },
        },
      }))
      .filter((row) => row.seq > since && (point === null || row.point === point))
      .slice(0, limit),
  energyState: () => ({ dirty: 4, oldest: '2026-08-14', waitingForStore: 1, points: 2, worked: 9, corrections: 3 }),
})
