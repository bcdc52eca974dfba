import type { AnalysisAreaView, RulesDeps } from '../api/index.ts'
import type { AnalysisConfig } from '../config/index.ts'
import { ok } from '../core/index.ts'
import type { AnalysisBook } from './analysis-book.ts'
import type { Judges } from './analysis-pool.ts'
import { allRules, type RuleBook, refuseRule } from './analysis-rules.ts'
import type { AnalysisRunner } from './analysis-runner.ts'
import type { Trials } from './analysis-trials.ts'

export interface AnalysisViewDeps {
  readonly book: AnalysisBook
  readonly runner: AnalysisRunner
  readonly judges: Judges
  readonly rules: RuleBook
  readonly trials: Trials
  readonly config: () => AnalysisConfig
}

/** Longest time that is judged again, days: nothing older is kept. */
const MOST_DAYS = 70
const DAY_MS = 86_400_000

/** What the API may see of rules and of the daily analysis. */
export const analysisViews = ({ book, runner, judges, rules, trials, config }: AnalysisViewDeps): RulesDeps => ({
  rules: allRules,
  layers: () => book.layers(),
  setThresholds: (rule, edit, version, who, why) => rules.set(rule, edit, version, who, why),
  thresholdChanges: (before, limit, rule) => book.thresholdChanges(before ?? Number.MAX_SAFE_INTEGER, limit, rule),
  undoThreshold: (seq, who, why) => rules.undo(seq, who, why),
  startTrial: (rule, edit, areas, from, to) => trials.start(rule, edit, areas, from, to),
  trials: () => trials.list(),
  trial: (id) => trials.get(id),
  cancelTrial: (id) => trials.cancel(id),
  analysis: () => {
    const { enabled, atMinute, windowDays } = config()
    const { judged, waiting } = runner.counts
    return {
      ...{ enabled, atMinute, windowDays, workers: judges.width, waitingDays: waiting, judgedSinceStart: judged },
      areas: runner.states().map(({ area, day, at, ms, failure, alarms, isJudging }): AnalysisAreaView => {
        const days = book.days(area).length
        const next = runner.next(area)
        const state = isJudging
          ? 'judging'
          : days === 0
            ? 'no-readings'
            : failure !== null
              ? 'failed'
              : day === null || next !== null
                ? 'waiting'
                : 'judged'
        const judgedAt = day === null ? null : at
        return {
          area,
          state,
          judged: day,
          judgedAt,
          tookMs: ms,
          next: next?.day ?? null,
          waitsFor: next?.waitsFor ?? null,
          failure,
          alarms,
          days,
        }
      }),
    }
  },
  analysisAgain: (areas, from, to, rebuild, why) => {
    const known = runner.places.areas()
    const unknown = areas?.find((area) => !known.includes(area))
    if (unknown !== undefined) return refuseRule('unknown', 'ANALYSIS_AREA', `there is no area ${JSON.stringify(unknown)}`)
    if (to < from || Date.parse(to) - Date.parse(from) > MOST_DAYS * DAY_MS)
      return refuseRule('not-possible', 'ANALYSIS_RANGE', `from ${from} to ${to} is no time of at most ${MOST_DAYS} days`)
    const chosen = areas ?? known
    runner.again(chosen, from, to, rebuild, why)
    return ok(chosen.length)
  },
})
