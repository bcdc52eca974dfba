import type { Finding, FindingKind } from './finding.ts'
import type { AreaFrame } from './frame.ts'

/** Causes that move the loss of an area, each with a case of its own. */
const CAUSES: readonly FindingKind[] = [
  'theft',
  'wrong_multiplier',
  'wrong_area',
  'phase_loss',
  'unmetered_load',
  'unregistered_pv',
  'meter_exchange',
  'clock_drift',
  'unregistered_meter',
]
const ALARM = 0.5

/** What causes that were found take out of the loss on a day. */
export interface Explained {
  /** kWh of that day; positive raises the loss. */
  readonly kwh: number
  readonly by: readonly Finding[]
}

/** Energy a day that the alarms found so far explain: of each the mean of the time it has lasted. */
export const explainedOn = (frame: AreaFrame, found: readonly Finding[], day: number): Explained => {
  const start = frame.start + (frame.dayStarts[day] ?? 0) * frame.stepMs
  const end = frame.start + (frame.dayStarts[day + 1] ?? 0) * frame.stepMs
  const by = found.filter(
    ({ kind, score, from, to, area }) =>
      score >= ALARM && CAUSES.includes(kind) && area === frame.fact.id && from < end && (to === null || to > start),
  )
  const windowEnd = frame.start + frame.slots * frame.stepMs
  const kwh = by.reduce((sum, finding) => {
    const lasted = Math.min(finding.to ?? windowEnd, windowEnd) - Math.max(finding.from, frame.start)
    return sum + (finding.kwh === null ? 0 : (finding.kwh.value * Math.min(end - start, lasted)) / Math.max(lasted, end - start))
  }, 0)
  return { kwh, by }
}

/** Names of causes for a finding's numbers: kind and target of each. */
export const causeNames = (by: readonly Finding[]): string => by.map(({ kind, target }) => `${kind} ${target}`).join(', ')
