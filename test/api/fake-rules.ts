import type { RulesDeps, ThresholdChangeView, TrialView } from '../../src/api/index.ts'
import { err, failWith, ok } from '../../src/core/index.ts'

const fail = failWith({
  RULE_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/rules lists them' },
  RULE_STALE: { recovery: 'skip', hint: 'read them again' },
  TRIAL_UNKNOWN: { recovery: 'skip', hint: 'GET /api/v1/rules/trials lists them' },
  ANALYSIS_AREA: { recovery: 'skip', hint: 'GET /api/v1/analysis lists them' },
})
const no = (because: 'unknown' | 'not-possible', code: Parameters<typeof fail>[0], message: string) =>
  err({ because, error: fail(code, message).error })

const change: ThresholdChangeView = {
  ...{
    seq: 7,
    at: Date.parse('2026-08-15T00:00:00Z'),
    who: 'li',
    why: 'old wires',
    rule: 'high-loss',
    name: 'pct',
    layer: 'zone',
    target: 'Z-1',
  },
  ...{ before: null, after: 9, undoes: null },
}
const trial: TrialView = {
  ...{ id: 1, rule: 'high-loss', edit: { layer: 'global', target: '', set: { pct: 8 } }, from: '2026-08-01', to: '2026-08-14' },
  ...{ state: 'done', done: 1, areas: 1, error: null, come: [], stay: 2 },
  go: [{ key: 'high-loss/A-1', kind: 'high_loss', target: 'A-1', area: 'A-1', detectedAt: '2026-08-03', score: 0.7, kwh: null }],
}

/** One rule with one threshold that a zone has otherwise, one trial run, two areas. */
export const fakeRules = (): RulesDeps => ({
  rules: () => [
    {
      ...{ id: 'high-loss', version: 1, title: { zh: '高损', en: 'High loss' } },
      thresholds: {
        pct: { value: 7, op: '>=', unit: '%', min: 0, max: 100, meaning: { zh: '线损率', en: 'loss rate' }, source: 'usual pass band' },
      },
    },
  ],
  layers: () => ({ version: 7, global: {}, zones: { 'Z-1': { 'high-loss.pct': 9 } }, classes: {}, points: {} }),
  setThresholds: (rule, _edit, version) =>
    rule !== 'high-loss'
      ? no('unknown', 'RULE_UNKNOWN', `there is no rule ${rule}`)
      : version === 7
        ? ok(8)
        : no('not-possible', 'RULE_STALE', `version 7, not ${version}`),
  thresholdChanges: (before) => (before === null || before > 7 ? [change] : []),
  undoThreshold: (seq) => (seq === 7 ? ok(8) : no('unknown', 'RULE_UNKNOWN', `there is no change ${seq}`)),
  startTrial: (rule) => (rule === 'high-loss' ? ok(trial) : no('unknown', 'RULE_UNKNOWN', `there is no rule ${rule}`)),
  trials: () => [trial],
  trial: (id) => (id === 1 ? ok(trial) : no('unknown', 'TRIAL_UNKNOWN', `there is no trial run ${id}`)),
  cancelTrial: (id) => (id === 1 ? ok(trial) : no('unknown', 'TRIAL_UNKNOWN', `there is no trial run ${id}`)),
  analysis: () => ({
    ...{ enabled: true, atMinute: 420, windowDays: 60, workers: 1, waitingDays: 0, judgedSinceStart: 2 },
    areas: [
      {
        ...{ area: 'A-1', state: 'judged', judged: '2026-08-14', judgedAt: Date.parse('2026-08-14T23:00:00Z'), tookMs: 120 },
        ...{ next: null, waitsFor: null, failure: null, alarms: 1, days: 30 },
      },
      {
        ...{ area: 'A-2', state: 'failed', judged: '2026-08-13', judgedAt: Date.parse('2026-08-14T23:00:00Z'), tookMs: 90 },
        ...{ next: '2026-08-14', waitsFor: 'its turn', failure: 'a bug', alarms: 0, days: 30 },
      },
    ],
  }),
  analysisAgain: (areas) => (areas?.includes('A-9') ? no('unknown', 'ANALYSIS_AREA', 'there is no area A-9') : ok(areas?.length ?? 2)),
})
