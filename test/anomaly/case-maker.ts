import type { Finding, JudgedDay, Verdict } from '../../src/anomaly/index.ts'

const DAY_MS = 86_400_000
const START = Date.parse('2026-03-01T00:00:00Z')

/** The n-th day: 0 = 2026-03-01. */
export const dayOf = (n: number): JudgedDay => ({
  day: new Date(START + n * DAY_MS).toISOString().slice(0, 10),
  start: START + n * DAY_MS,
  end: START + (n + 1) * DAY_MS,
})

export const finding = (over: Partial<Finding> = {}): Finding => {
  const { kind = 'theft', target = 'M-1' } = over
  return {
    ...{
      rule: 'balance',
      version: 3,
      kind,
      key: `${kind}/${target}`,
      target,
      area: 'TQ-1',
      level: 'meter',
      from: dayOf(0).start,
      to: null,
    },
    ...{ score: 0.8, severity: 'high', kwh: { value: 30, low: 24, high: 36 } },
    numbers: { beta: 1.6, 'beta error': 0.1 },
    thresholds: { 'balance.sigma': 3 },
    series: [{ measurement: 'interval', id: target, fields: ['1.8.0'], from: dayOf(0).start, to: dayOf(1).end }],
    ruledOut: [{ zh: '时钟正常', en: 'its clock is right' }],
    why: { zh: '总表多出的电量随该表变化', en: 'what the area loses goes with this meter' },
    action: { zh: '检查接线', en: 'look at the wiring' },
    ...over,
  }
}

export const verdictOf = (n: number, findings: readonly Finding[], over: Partial<Verdict> = {}): Verdict => ({
  ...{ area: 'TQ-1', day: dayOf(n).day, findings, withdrawn: [], losses: [], phases: {}, failures: [] },
  ...over,
})
