import type { Register } from './broker-metrics.ts'
import { CLOCK_STATE_NAMES } from './clock-deps.ts'

/** What is counted of the clocks of meters. */
export const clockMetrics = (counter: Register, gauge: Register): void => {
  gauge('gridtally_clocks', 'Meter clocks by state', ['state'], ({ clocks: { states } }) =>
    CLOCK_STATE_NAMES.map((state) => [{ state }, states[state]]),
  )
  gauge('gridtally_clock_worst_seconds', 'Largest drift of a meter clock', [], ({ clocks }) => [[{}, clocks.worstMs / 1000]])
  gauge('gridtally_clocks_locked', 'Meters that refused a password and wait for a person', [], ({ clocks }) => [[{}, clocks.locked]])
  counter('gridtally_clock_acts_total', 'What was done to meter clocks', ['kind', 'result'], ({ clocks: { acts } }) =>
    acts.map(({ kind, result, count }) => [{ kind, result }, count]),
  )
}
