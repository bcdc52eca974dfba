import { CATALOGUE } from './catalogue.ts'
import type { DetectorFailure, Finding, Verdict, Withdrawal } from './finding.ts'
import type { AreaFrame, CommFrame } from './frame.ts'
import { lossDaysOf } from './loss-days.ts'
import { weighedByEvents } from './meter/events.ts'
import { NO_LAYERS, type ThresholdLayers } from './rule.ts'
import type { AreaView, Detected, Detector, Standing } from './view.ts'

/** What one day of one area is judged by: frames end with that day. */
export interface JudgeInput {
  readonly frame: AreaFrame
  readonly neighbours?: readonly AreaFrame[]
  readonly comm?: CommFrame | null
  readonly thresholds?: ThresholdLayers
  readonly standing?: readonly Standing[]
  /** Findings of areas that are judged by themselves, for the losses: a meter listed there may be fed from here. */
  readonly elsewhere?: readonly Finding[]
}

export interface JudgeOptions {
  readonly detectors?: readonly Detector[]
}

const NOTHING: Detected = { findings: [] }

/** Judges the last day of a frame; see {@link judgeAreas}. */
export const judgeDay = (input: JudgeInput, options: JudgeOptions = {}): Verdict => {
  const looked = look(input, options)
  return verdictOf(looked, [...looked.view.found, ...(input.elsewhere ?? [])])
}

/**
 * Judges the same day of areas that may have each other's meters: every detector in turn, each seeing what earlier ones learnt,
 * then the losses with what was found in any of the areas put right.
 *
 * A detector that throws is a bug; it costs what that rule would have said of that area that day, which the verdict states, and nothing else.
 */
export const judgeAreas = (inputs: readonly JudgeInput[], options: JudgeOptions = {}): Verdict[] => {
  const looked = inputs.map((input) => look(input, options))
  return looked.map((one) => verdictOf(one, [...one.view.found, ...looked.flatMap((other) => (other === one ? [] : other.view.found))]))
}

interface Looked {
  readonly view: AreaView
  readonly withdrawn: readonly Withdrawal[]
  readonly failures: readonly DetectorFailure[]
}

const look = (input: JudgeInput, { detectors = CATALOGUE }: JudgeOptions): Looked => {
  const { frame, neighbours = [], comm = null, thresholds = NO_LAYERS, standing = [] } = input
  let view: AreaView = { frame, neighbours, comm, thresholds, standing, phases: {}, technical: null, doubts: [], found: [] }
  const withdrawn: Withdrawal[] = []
  const failures: DetectorFailure[] = []
  for (const detector of detectors) {
    const { id, version } = detector.rule
    const detected = attempt(view, { id, version }, failures, () => detector.detect(view), NOTHING)
    view = {
      ...view,
      found: [...view.found, ...detected.findings],
      phases: { ...view.phases, ...detected.phases },
      technical: detected.technical ?? view.technical,
      doubts: [...view.doubts, ...(detected.doubts ?? [])],
    }
    withdrawn.push(...(detected.withdrawn ?? []))
  }
  return { view, withdrawn, failures }
}

const verdictOf = ({ view, withdrawn, failures }: Looked, findings: readonly Finding[]): Verdict => {
  const { frame, found, phases } = view
  const broken = [...failures]
  const losses = attempt(view, { id: 'loss', version: 1 }, broken, () => lossDaysOf(view, findings), [])
  const weighed = attempt(view, { id: 'meter-event', version: 1 }, broken, () => weighedByEvents(view), found)
  return { area: frame.fact.id, day: frame.days.at(-1) ?? '', findings: weighed, withdrawn, losses, phases, failures: broken }
}

const attempt = <T>(
  { frame }: AreaView,
  { id, version }: { readonly id: string; readonly version: number },
  failures: DetectorFailure[],
  work: () => T,
  otherwise: T,
): T => {
  try {
    return work()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    failures.push({ rule: id, version, area: frame.fact.id, day: frame.days.at(-1) ?? '', message })
    return otherwise
  }
}
