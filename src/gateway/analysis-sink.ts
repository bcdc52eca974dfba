import type { MeterEvent } from '../anomaly/index.ts'
import type { Reading, Sink } from '../core/index.ts'
import { eventOf } from './analysis-build.ts'
import { NEAR_MS } from './analysis-columns.ts'
import { analysisFailure } from './analysis-errors.ts'
import type { EnergyDays } from './energy-days.ts'

export interface AnalysisSinkParts {
  readonly days: EnergyDays
  readonly mark: (marks: readonly { readonly area: string; readonly day: string }[], why: string) => void
  readonly keep: (event: MeterEvent) => void
  readonly together: (work: () => void) => void
}

const BATCH = 2_000

/**
 * Notices which days of which areas have new readings, and keeps events. It sees every reading the outbox keeps, whoever brought it, and has
 * its own place there: nothing is overlooked across a crash.
 */
export const analysisSink = ({ days, mark, keep, together }: AnalysisSinkParts): Sink => ({
  id: 'analysis',
  batch: BATCH,
  write: async (readings) => {
    const marks = new Map<string, { area: string; day: string }>()
    const events: MeterEvent[] = []
    for (const reading of readings) {
      const { measurement, tags } = reading.series
      const { area = '-' } = tags
      if (measurement !== 'register' && measurement !== 'instant' && measurement !== 'event') continue
      if (measurement === 'event') events.push(...eventsOf(reading))
      if (area === '-') continue
      // What is read shortly after midnight stands at the end of the day before.
      for (const day of new Set([days.of(reading.measuredAt), days.of(reading.measuredAt - NEAR_MS)]))
        marks.set(`${area}\n${day}`, { area, day })
    }
    try {
      together(() => {
        mark([...marks.values()], 'a reading')
        for (const event of events) keep(event)
      })
      return { kind: 'stored', dead: [] }
    } catch (thrown) {
      const { error } = analysisFailure('ANALYSIS_FILE', `anomaly.db: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
      return { kind: 'later', waitMs: null, error }
    }
  },
  close: async () => {},
})

const eventsOf = (reading: Reading): readonly MeterEvent[] => {
  const event = eventOf(reading)
  return event ? [event] : []
}
