import { CATALOGUE } from './catalogue.ts'
import type { DetectorFailure, Finding, Verdict } from './finding.ts'
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
export const judgeAreas = (inputs: readonly JudgeInput[], options: JudgeOptions = {}): Verdict[] =>
  verdictsOf(inputs.map((input) => look(input, options)))

/** The verdicts of areas that were looked at: see {@link look}. */
export const verdictsOf = (looked: readonly Looked[]): Verdict[] =>
  looked.map((one) => verdictOf(one, [...one.view.found, ...looked.flatMap((other) => (other === one ? [] : other.view.found))]))

/** What one detector said of a view. */
interface Said {
  readonly detected: Detected
  readonly failures: readonly DetectorFailure[]
  /** It asked what is standing. */
  readonly asked: boolean
}

/** What every detector said of one area, the losses not yet worked out. */
export interface Looked {
  readonly input: JudgeInput
  readonly view: AreaView
  readonly said: readonly Said[]
}

/**
 * Every detector in turn.
 *
 * @param before  what they said of the same input when other cases stood: who would see the same again is not asked again. So a day can be
 *                looked at before the cases of the day before are known, and gives what it would have given after.
 */
export const look = (input: JudgeInput, { detectors = CATALOGUE }: JudgeOptions = {}, before?: Looked): Looked => {
  const { frame, neighbours = [], comm = null, thresholds = NO_LAYERS, standing = [] } = input
  if (before && isSame(before.input.standing ?? [], standing)) return before
  let learnt: Omit<AreaView, 'standing'> = { frame, neighbours, comm, thresholds, phases: {}, technical: null, doubts: [], found: [] }
  const said: Said[] = []
  let isAsBefore = before !== undefined
  for (const [at, detector] of detectors.entries()) {
    const old = isAsBefore ? before?.said[at] : undefined
    const now = old && !old.asked ? old : ask(detector, learnt, standing)
    isAsBefore &&= old !== undefined && isSame(now.detected, old.detected)
    // What is the same stays the same object: caches go by it.
    const detected = isAsBefore && old ? old.detected : now.detected
    said.push({ ...now, detected })
    learnt = {
      ...learnt,
      found: [...learnt.found, ...detected.findings],
      phases: { ...learnt.phases, ...detected.phases },
      technical: detected.technical ?? learnt.technical,
      doubts: [...learnt.doubts, ...(detected.doubts ?? [])],
    }
  }
  return { input, view: { ...learnt, standing }, said }
}

const ask = (detector: Detector, learnt: Omit<AreaView, 'standing'>, standing: readonly Standing[]): Said => {
  const failures: DetectorFailure[] = []
  let asked = false
  const view: AreaView = {
    ...learnt,
    get standing() {
      asked = true
      return standing
    },
  }
  const { id, version } = detector.rule
  const detected = attempt(view, { id, version }, failures, () => detector.detect(view), NOTHING)
  return { detected, failures, asked }
}

/** Whether two values of plain data are the same in every part. */
const isSame = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const [ofA, ofB] = [Object.entries(a), Object.entries(b)]
  return ofA.length === ofB.length && ofA.every(([name, value], at) => ofB[at]?.[0] === name && isSame(value, ofB[at]?.[1]))
}

const verdictOf = ({ view, said }: Looked, findings: readonly Finding[]): Verdict => {
  const { frame, found, phases } = view
  const broken = said.flatMap(({ failures }) => failures)
  const losses = attempt(view, { id: 'loss', version: 1 }, broken, () => lossDaysOf(view, findings), [])
  const weighed = attempt(view, { id: 'meter-event', version: 1 }, broken, () => weighedByEvents(view), found)
  const withdrawn = said.flatMap(({ detected }) => detected.withdrawn ?? [])
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
