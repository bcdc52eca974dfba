import { describe, expect, it } from 'vitest'
import type { Labels } from '../../../bench/evaluate/labels.ts'
import { metricsOf, scoreSet } from '../../../bench/evaluate/score.ts'
import { auc, averagePrecision } from '../../../bench/evaluate/statistics.ts'
import type { Anomaly } from '../../../src/cli/analyse/result.ts'

const labels: Labels = {
  interval: { from: '2026-01-05T00:00:00+08:00', to: '2026-01-25T00:00:00+08:00' },
  faults: [
    { kind: 'theft', meter: 'M1', area: 'A1', from: '2026-01-10', to: '2026-01-25', trueKWh: 100 },
    { kind: 'theft', meter: 'M2', area: 'A1', from: '2026-01-12', to: '2026-01-25', trueKWh: 50 },
    { kind: 'wrong_multiplier', meter: 'M3', area: 'A1', from: '2026-01-05', params: { true: 40, ledger: 30 } },
    {
      kind: 'comm_fault',
      target: 'B1',
      area: 'A1',
      from: '2026-01-10T12:00:00+08:00',
      to: '2026-01-11T12:00:00+08:00',
      level: 'bus',
      cause: 'open',
    },
  ],
  legit: [{ kind: 'vacation', meter: 'M4', area: 'A1', from: '2026-01-08', to: '2026-01-12' }],
  truth: { areas: { A1: { statLossPct: [1, 2], technicalPct: [1, 1] } } },
  phases: { M1: 'A', M2: 'B', M3: 'ABC', M4: 'C' },
}
const ledger = { meters: ['M1', 'M2', 'M3', 'M4'].map((id) => ({ id, area: 'A1', type: id === 'M3' ? '3P' : '1P' })) }
const anomaly = (kind: Anomaly['kind'], target: string, change: Partial<Anomaly> = {}): Anomaly => ({
  ...{
    kind,
    meter: target,
    target,
    area: 'A1',
    level: 'meter',
    from: '2026-01-10',
    detectedAt: '2026-01-12',
    score: 0.9,
    severity: 'high',
  },
  ...{ why: { zh: '', en: '' }, action: { zh: '', en: '' } },
  evidence: { rule: '', version: 1, numbers: {}, thresholds: {}, series: [], ruledOut: [] },
  ...change,
})
const figures = (anomalies: readonly Anomaly[]) => {
  const losses = [{ area: 'A1', day: '2026-01-05', state: 'computed', lossPct: 3, technicalPct: 1.5, correctedLossPct: 1.2 } as const]
  const score = scoreSet('s', { anomalies, losses, phases: { M1: 'A', M2: 'C' } }, labels, ledger)
  return { score, of: (name: string) => metricsOf([score]).find((metric) => metric.name === name)?.value ?? null }
}

describe('scoring', () => {
  const { score, of } = figures([
    anomaly('theft', 'M1', { estimatedKWh: 90 }),
    anomaly('theft', 'M4', { score: 0.6 }),
    anomaly('theft', 'M2', { score: 0.4 }),
    anomaly('wrong_multiplier', 'M3', { suggestedMultiplier: 39 }),
    anomaly('comm_fault', 'B1', { level: 'bus', cause: 'open', from: '2026-01-10T12:00:00+08:00', detectedAt: '2026-01-10' }),
  ])
  it.each<[string, number | null]>([
    ['theft precision', 0.5],
    ['theft recall', 0.5],
    ['theft AUC', 0.75],
    ['theft false alarms per 1,000 meter-days', 1000 / 80],
    ['days from onset to alarm, median', 2],
    ['stolen kWh error, median %', 10],
    ['wrong_multiplier recall', 1],
    ['wrong_multiplier right suggestion', 1],
    ['comm_fault right suggestion', 1],
    ['comm_fault raised within 24 h', 1],
    ['loss error, nothing corrected, points, mean', 2],
    ['technical loss error, points, mean', 0.5],
    ['days with a loss', 0.05],
    ['wrong_area recall', null],
  ])('%s', (name, value) => {
    const got = of(name)
    if (value === null) expect(got).toBeNull()
    else expect(got).toBeCloseTo(value, 6)
  })
  it('counts a phase that was not told as wrong', () => expect(score.phases).toEqual({ right: 1, of: 3, wrong: ['M2', 'M4'] }))
  it('says what was truly there at a false alarm', () =>
    expect(score.falseAlarms.map(({ anomaly: one, cause }) => [one.meter, cause])).toEqual([['M4', 'vacation']]))
  it('takes the day after for later than 24 hours', () =>
    expect(
      figures([anomaly('comm_fault', 'B1', { detectedAt: '2026-01-11', from: '2026-01-10T12:00:00+08:00' })]).of(
        'comm_fault raised within 24 h',
      ),
    ).toBe(0))
  it('counts a fault of communication elsewhere or at another time as false', () =>
    expect(figures([anomaly('comm_fault', 'B1', { from: '2026-01-20T00:00:00+08:00' })]).of('comm_fault false alarms')).toBe(1))
})

it.each<[string, [number, boolean][], number, number]>([
  [
    'all true ones first',
    [
      [0.9, true],
      [0.8, true],
      [0.1, false],
    ],
    1,
    1,
  ],
  [
    'nobody told apart',
    [
      [0, true],
      [0, false],
      [0, false],
      [0, false],
    ],
    0.5,
    0.25,
  ],
  [
    'one in the middle',
    [
      [0.9, false],
      [0.8, true],
      [0.1, false],
    ],
    0.5,
    0.5,
  ],
])('ranking: %s', (_, rows, area, precision) => {
  const ranking = rows.map(([score, isTrue]) => ({ score, isTrue }))
  expect([auc(ranking), averagePrecision(ranking)]).toEqual([area, precision])
})
