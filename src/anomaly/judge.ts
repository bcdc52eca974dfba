import { CATALOGUE } from './catalogue.ts'
import type { DetectorFailure, Finding, LossDay, Verdict, Withdrawal } from './finding.ts'
import type { AreaFrame, CommFrame, Phase } from './frame.ts'
import { NO_LAYERS, type ThresholdLayers } from './rule.ts'
import type { AreaView, DataDoubt, Detected, Detector, Standing, TechnicalLoss } from './view.ts'

/** What one day of one area is judged by: frames end with that day. */
export interface JudgeInput {
  readonly frame: AreaFrame
  readonly neighbours?: readonly AreaFrame[]
  readonly comm?: CommFrame | null
  readonly thresholds?: ThresholdLayers
  readonly standing?: readonly Standing[]
}

export interface JudgeOptions {
  readonly detectors?: readonly Detector[]
  readonly lossesOf?: (view: AreaView) => readonly LossDay[]
}

const NOTHING: Detected = { findings: [] }

/**
 * Judges the last day of a frame: every detector in turn, each seeing what earlier ones learnt.
 *
 * A detector that throws is a bug; it costs what that rule would have said of that area that day, which the verdict states, and nothing else.
 */
export const judgeDay = (input: JudgeInput, { detectors = CATALOGUE, lossesOf = () => [] }: JudgeOptions = {}): Verdict => {
  const { frame, neighbours = [], comm = null, thresholds = NO_LAYERS, standing = [] } = input
  const [area, day] = [frame.fact.id, frame.days.at(-1) ?? '']
  let phases: Readonly<Record<string, Phase>> = {}
  let technical: TechnicalLoss | null = null
  let doubts: readonly DataDoubt[] = []
  let findings: readonly Finding[] = []
  const withdrawn: Withdrawal[] = []
  const failures: DetectorFailure[] = []
  const view = (): AreaView => ({ frame, neighbours, comm, thresholds, standing, phases, technical, doubts, found: findings })
  const attempt = <T>(rule: string, version: number, work: () => T, otherwise: T): T => {
    try {
      return work()
    } catch (error) {
      failures.push({ rule, version, area, day, message: error instanceof Error ? error.message : String(error) })
      return otherwise
    }
  }
  for (const detector of detectors) {
    const { id, version } = detector.rule
    const detected = attempt(id, version, () => detector.detect(view()), NOTHING)
    findings = [...findings, ...detected.findings]
    withdrawn.push(...(detected.withdrawn ?? []))
    phases = { ...phases, ...detected.phases }
    technical = detected.technical ?? technical
    doubts = [...doubts, ...(detected.doubts ?? [])]
  }
  const losses = attempt('loss', 1, () => lossesOf(view()), [])
  return { area, day, findings, withdrawn, losses, phases, failures }
}
