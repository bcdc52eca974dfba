import type { ThresholdLayers } from '../anomaly/index.ts'
import type { Refusal, ThresholdEdit, TrialCaseView, TrialView } from '../api/index.ts'
import { type Clock, ok, type Result } from '../core/index.ts'
import { type AnalysisBook, layersOf, type ThresholdChange } from './analysis-book.ts'
import type { Judges } from './analysis-pool.ts'
import { allRules, editProblem, refuseRule } from './analysis-rules.ts'
import type { AnalysisRunner } from './analysis-runner.ts'

export interface TrialDeps {
  readonly book: AnalysisBook
  readonly judges: Judges
  readonly runner: Pick<AnalysisRunner, 'places' | 'plan'>
  readonly days: { between(first: string, last: string): string[] }
  readonly clock: Clock
}

interface Trial {
  view: TrialView
  readonly abort: AbortController
}

/** Area-days of one run: at some tenths of a second each it ends within an hour. */
const MOST_AREA_DAYS = 6_000
const MOST_KEPT = 20

/** Trial runs of thresholds (试运行): days that are over judged with others. Nothing of it is kept anywhere, no case knows of it. */
export class Trials {
  readonly #deps: TrialDeps
  readonly #trials: Trial[] = []
  #last = 0

  constructor(deps: TrialDeps) {
    this.#deps = deps
  }

  start(rule: string, edit: ThresholdEdit, areas: readonly string[] | null, from: string, to: string): Result<TrialView, Refusal> {
    const { book, runner, days } = this.#deps
    const wrong = editProblem(
      allRules().find(({ id }) => id === rule),
      rule,
      edit,
    )
    if (wrong) return wrong
    const known = runner.places.areas()
    const unknown = areas?.find((area) => !known.includes(area))
    if (unknown !== undefined) return refuseRule('unknown', 'ANALYSIS_AREA', `there is no area ${JSON.stringify(unknown)}`)
    if (to < from) return refuseRule('not-possible', 'ANALYSIS_RANGE', `${to} is before ${from}`)
    const chosen = areas ?? known
    if (!chosen.some((area) => book.days(area).some(({ day }) => day >= from && day <= to)))
      return refuseRule(
        'not-possible',
        'ANALYSIS_RANGE',
        `no day from ${from} to ${to} is over and kept, so that nothing can be tried on it`,
      )
    const count = chosen.length * days.between(from, to).length
    if (count > MOST_AREA_DAYS)
      return refuseRule('not-possible', 'ANALYSIS_RANGE', `${count} days of areas are too many for one run; ${MOST_AREA_DAYS} are possible`)
    if (this.#trials.some(({ view }) => view.state === 'running')) return refuseRule('busy', 'TRIAL_BUSY', 'a trial run is under way')
    const view: TrialView = {
      ...{
        id: ++this.#last,
        rule,
        edit,
        from,
        to,
        state: 'running',
        done: 0,
        areas: chosen.length,
        error: null,
        come: [],
        go: [],
        stay: 0,
      },
    }
    const trial: Trial = { view, abort: new AbortController() }
    this.#trials.unshift(trial)
    this.#trials.splice(MOST_KEPT)
    const before = book.layers()
    void this.#run(trial, chosen, before, tried(book, rule, edit))
    return ok(view)
  }

  list(): readonly TrialView[] {
    return this.#trials.map(({ view }) => view)
  }

  get(id: number): Result<TrialView, Refusal> {
    const found = this.#trials.find(({ view }) => view.id === id)
    return found ? ok(found.view) : refuseRule('unknown', 'TRIAL_UNKNOWN', `there is no trial run ${id}`)
  }

  cancel(id: number): Result<TrialView, Refusal> {
    const found = this.#trials.find(({ view }) => view.id === id)
    if (found?.view.state === 'running') {
      found.view = { ...found.view, state: 'cancelled' }
      found.abort.abort()
    }
    return this.get(id)
  }

  async #run(trial: Trial, areas: readonly string[], before: ThresholdLayers, after: ThresholdLayers): Promise<void> {
    const { judges, runner } = this.#deps
    const { from, to } = trial.view
    const first = runner.plan.firstOf(from)
    for (const area of areas) {
      if (trial.view.state !== 'running') return
      try {
        const around = runner.plan.around(area, first, to)
        const answer = await judges.call('trial', { area, first, from, to, before, after, around }, `trial ${area}`, trial.abort.signal)
        if (trial.view.state !== 'running') return
        const [come, go, stay] = differences(answer.before, answer.after)
        const { view } = trial
        trial.view = { ...view, done: view.done + 1, come: [...view.come, ...come], go: [...view.go, ...go], stay: view.stay + stay }
      } catch (error) {
        if (trial.view.state !== 'running') return
        const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
        trial.view = { ...trial.view, state: 'failed', error: `area ${area}: ${message}` }
        return
      }
    }
    trial.view = { ...trial.view, state: 'done' }
  }
}

/** Thresholds as they would be. */
const tried = (book: AnalysisBook, rule: string, { layer, target, set }: ThresholdEdit): ThresholdLayers => {
  const present = book.thresholdChanges(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER).toReversed()
  const more = Object.entries(set).map(([name, after], at): ThresholdChange => {
    const seq = (present.at(-1)?.seq ?? 0) + at + 1
    return { ...{ seq, at: 0, who: '', why: '', rule, name, layer, target, before: null, after, undoes: null } }
  })
  return layersOf([...present, ...more])
}

const differences = (
  before: readonly TrialCaseView[],
  after: readonly TrialCaseView[],
): readonly [come: readonly TrialCaseView[], go: readonly TrialCaseView[], stay: number] => {
  const [was, is] = [new Set(before.map(({ key }) => key)), new Set(after.map(({ key }) => key))]
  return [
    after.filter(({ key }) => !was.has(key)),
    before.filter(({ key }) => !is.has(key)),
    after.filter(({ key }) => was.has(key)).length,
  ]
}
