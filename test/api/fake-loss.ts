import type { PhaseLoss } from '../../src/anomaly/index.ts'
import type { LossDeps, LossItemView } from '../../src/api/index.ts'
import { err, failWith, ok } from '../../src/core/index.ts'

const FROM = Date.parse('2026-08-13T16:00:00Z')
const DAY = 86_400_000
const fail = failWith({
  LOSS_AREA: { recovery: 'skip', hint: 'GET /api/v1/areas lists them' },
  LOSS_BUS: { recovery: 'skip', hint: 'a bus is known by its points' },
})
const unknown = (code: 'LOSS_AREA' | 'LOSS_BUS', what: string) =>
  err({ because: 'unknown' as const, error: fail(code, `there is no ${JSON.stringify(what)}`).error })

export const lossItem = (change: Partial<LossItemView> = {}): LossItemView => ({
  ...{
    from: FROM,
    to: FROM + DAY,
    supply: '500.00',
    reverse: '20.00',
    generation: '60.00',
    measured: '525.00',
    sold: '525.00',
    loss: '15.00',
  },
  ...{ ofInput: 2.6786, ofNet: 2.7778, meters: 3, good: 3, meterPpm: 1_000_000, energyPpm: 1_000_000, estimatedPpm: 0, state: 'qualified' },
  ...{
    grade: null,
    judgedIn: '%',
    faults: [],
    missing: [],
    bound: [15, 15, 15],
    stepKwh: 0.8,
    watches: ['generation'],
    version: 1,
    sumOfDays: null,
  },
  ...change,
})

const dark = lossItem({
  ...{
    from: FROM + DAY,
    to: FROM + 2 * DAY,
    sold: null,
    loss: null,
    ofInput: null,
    ofNet: null,
    good: 2,
    meterPpm: 666_667,
    energyPpm: 900_000,
  },
  ...{
    measured: '470.00',
    state: 'not-computable',
    judgedIn: null,
    faults: ['meters-missing'],
    missing: ['P-002'],
    bound: [-3, 15, 70],
    version: 2,
  },
})

const PHASES: readonly PhaseLoss[] = [
  {
    ...{ phase: 'A', state: 'computed', faults: [], because: [], supplyKwh: 24, soldKwh: 22, lossKwh: 2, lossPct: 8.33 },
    errorKwh: 0.7,
  },
  {
    ...{ phase: 'B', state: 'not-computable', faults: ['phase-unknown'], because: ['P-2'], supplyKwh: null, soldKwh: null, lossKwh: null },
    ...{ lossPct: null, errorKwh: null },
  },
]

/** Line loss that exists only as answers. */
export const fakeLoss = (): LossDeps => ({
  areas: ({ state }, after, limit) =>
    ['A-1', 'A-2', 'A-3']
      .filter((id) => id > after && (state === undefined || (state === 'not-computable') === (id === 'A-2')))
      .slice(0, limit)
      .map((id) => ({
        ...{ id, name: `台区 ${id}`, zone: 'Z-1', feeder: null, responsible: null, day: id === 'A-3' ? null : '2026-08-14' },
        latest: id === 'A-3' ? null : id === 'A-2' ? dark : lossItem(),
      })),
  areaLoss: (area, { step, phases }) =>
    area !== 'A-1'
      ? unknown('LOSS_AREA', area)
      : ok({
          ...{ zone: 'Asia/Shanghai', pending: false },
          thresholds: {
            version: 4,
            inForce: [
              {
                ...{ rule: 'high_loss', name: 'high_pct', value: 7, op: '>', unit: '%', layer: 'zone', source: 'usual band' },
                meaning: { zh: '高损', en: 'high' },
              },
            ],
          },
          items:
            step === 'month'
              ? [
                  lossItem({
                    sumOfDays: { loss: '14.00', sold: '520.00', supply: '495.00', days: 30, of: 31, notComputable: ['2026-08-15'] },
                  }),
                ]
              : phases
                ? [
                    { ...lossItem(), phases: PHASES },
                    { ...dark, phases: null },
                  ]
                : [lossItem(), dark],
        }),
  areaBalance: async (area, from, to, registers) =>
    area !== 'A-1'
      ? unknown('LOSS_AREA', area)
      : ok({
          ...{ zone: 'Asia/Shanghai', from, to, pending: true, item: lossItem() },
          members: [
            {
              ...{ point: 'P 1', role: 'gateway', ratio: '80', imported: '500.00', exported: '20.00', hasExport: true, good: true },
              ...{ estimatedPpm: 0, quality: ['good'], reasons: [], days: 1, unknownDays: 0, usual: null, end: null },
              start: registers ? { at: from, meter: 'M-1', register: '100.00', read: true } : null,
            },
          ],
        }),
  feederLoss: (feeder) => unknown('LOSS_AREA', feeder),
  busBalance: (bus) =>
    bus !== 'I'
      ? unknown('LOSS_BUS', bus)
      : ok({
          ...{ zone: 'Asia/Shanghai', voltageKv: 10 },
          items: [
            {
              ...{
                from: FROM,
                to: FROM + DAY,
                in: '100.00',
                out: '97.00',
                difference: '3.00',
                pct: 3,
                state: 'unbalanced',
                limitPct: 2,
                missing: [],
              },
              flows: [{ id: 'P-9', kind: 'point', direction: 'in', kwh: '100.00' }],
            },
          ],
        }),
})
