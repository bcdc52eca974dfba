import type { MetricValue, Register } from './broker-metrics.ts'

/** Meters that are not in the ledger. */
export const unregisteredMetrics = (counter: Register, gauge: Register): void => {
  gauge('gridtally_unregistered_meters', 'Meters that were heard and are not in the ledger, by state', ['state'], ({ unregistered }) =>
    (['open', 'adopted', 'closed'] as const).map((state): MetricValue => [{ state }, unregistered[state]]),
  )
  gauge('gridtally_unregistered_overdue', 'Open ones that should be in the ledger by now', [], ({ unregistered }) => [
    [{}, unregistered.overdue],
  ])
  counter('gridtally_unregistered_refused_total', 'Sightings beyond what is remembered for a line', [], ({ unregistered }) => [
    [{}, unregistered.refused],
  ])
}
